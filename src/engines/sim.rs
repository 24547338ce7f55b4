//! The simulated world: [`Host`] over `lizard_sim`.

use crate::history::History;
use crate::host::{AbortTask, Accepted, BoxFuture, Disk, DiskFile, Engine, Host, Listen, Stream};
use lizard_sim::Dice;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Gives software the face that it knows of one boot of a simulated machine.
pub fn host(machine: lizard_sim::Host, history: History) -> Host {
    Host::new(machine.name(), machine.boot(), Arc::new(Machine(machine)), history)
}

struct Machine(lizard_sim::Host);

impl Engine for Machine {
    fn now(&self) -> Duration {
        self.0.now()
    }
    fn wall_clock(&self) -> SystemTime {
        self.0.wall_clock()
    }
    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.0.sleep_until(at))
    }
    fn dice(&self, label: &str) -> Dice {
        self.0.dice(label)
    }
    fn connect(&self, to: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>> {
        let connecting = self.0.connect(to, port);
        Box::pin(async move { Ok(Box::new(connecting.await?) as Stream) })
    }
    fn listen(&self, port: u16) -> io::Result<Box<dyn Listen>> {
        Ok(Box::new(Port(self.0.listen(port)?)))
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn AbortTask> {
        Box::new(Running(self.0.spawn(task)))
    }
    fn disk(&self) -> Box<dyn Disk> {
        Box::new(Platter(self.0.disk()))
    }
    fn stopping(&self) -> BoxFuture<'static, ()> {
        Box::pin(self.0.stopping())
    }
}

struct Port(lizard_sim::Listener);

impl Listen for Port {
    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async move {
            let stream = self.0.accept().await?;
            Ok(Accepted { peer: stream.peer(), stream: Box::new(stream) })
        })
    }
}

struct Running(lizard_sim::JoinHandle<()>);

impl AbortTask for Running {
    fn abort(self: Box<Self>) {
        self.0.abort();
    }
}

struct Platter(lizard_sim::Disk);

impl Disk for Platter {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File(self.0.open(path)?)))
    }
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.read(path)
    }
    fn replace<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(self.0.replace(path, bytes))
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }
}

struct File(lizard_sim::DiskFile);

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.read_at(offset, len)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
    fn sync(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.0.sync())
    }
}
