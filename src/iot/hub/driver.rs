//! A hub's tasks: one per connection, one for the disk, and the control plane's.
use super::control;
use super::machine::{Answer, ConnectionId, Hub, LARGEST_MESSAGE, Output, RequestId, Settings};
use super::memory::Memory;
use super::record::Record;
use crate::history::Event;
use crate::host::{Accepted, DiskFile, Host, Listener};
use crate::iot::moment::Moment;
use crate::iot::plan::{HubPlan, MQTT_PORT};
use crate::ledger::{Ledger, places};
use crate::wire::mqtt::{MqttStream, Packet, WireError};
use crate::wire::payload::Producers;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, mpsc, oneshot};

/// The largest packet read: the largest message and some room for its head.
const LARGEST_PACKET: usize = LARGEST_MESSAGE + 4096;

/// How long a closing connection may take to write what is left.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// How long a hub waits before it reads its disk again when it could not.
const DISK_RETRY: Duration = Duration::from_secs(1);

/// What a connection's task is told.
enum Told {
    Send(Packet),
    /// Look again whether more may be read.
    Read,
    Close,
}

/// What all tasks of a hub share.
pub(super) struct Core {
    host: Host,
    state: Mutex<State>,
    /// Rung when there may be something to write.
    write: Notify,
    /// Rung when the hub has something to do sooner than the clock's task waits for.
    alarm: Notify,
    /// Rung when a connection's task has ended.
    parted: Notify,
    /// Rung when there is more for readers.
    stored: Notify,
    pub(super) reader: Box<dyn DiskFile>,
}

struct State {
    hub: Hub,
    wires: BTreeMap<ConnectionId, mpsc::UnboundedSender<Told>>,
    asking: BTreeMap<RequestId, oneshot::Sender<Answer>>,
    last_request: RequestId,
    /// What the clock's task waits for; `None`: to be rung.
    armed: Option<Duration>,
}

/// Runs a hub until its host stops: then what it has taken is stored, and every connection closed.
///
/// `group_key` is its enrolment group's, base64: each device's own key is derived from it.
pub async fn hub(host: Host, plan: HubPlan, group_key: String) {
    let (mut ledger, memory) = remembered(&host).await;
    let (devices, reader) = match (host.listen(MQTT_PORT), ledger.reader()) {
        (Ok(listener), Ok(reader)) => (listener, reader),
        (Err(error), _) | (_, Err(error)) => {
            return host.record(Event::Note { text: format!("hub cannot start: {error}") });
        }
    };
    let settings = Settings {
        name: plan.host,
        group_key,
        knobs: plan.knobs,
        boot: host.boot(),
        limit: plan.limit,
        throttles: plan.throttles,
    };
    let hub = Hub::new(settings, Producers::of(host.history().roster()), memory);
    let core = Arc::new(Core::new(host.clone(), hub, reader));

    let devices = host.spawn(welcome(core.clone(), devices));
    let control = host.spawn(control::serve(core.clone()));
    let clock = host.spawn(keep_time(core.clone()));
    let mut writing = pin!(core.write_to(&mut ledger));
    let mut stopping = host.stopping();
    poll_fn(|cx| {
        let _ = writing.as_mut().poll(cx);
        stopping.as_mut().poll(cx)
    })
    .await;

    devices.abort();
    control.abort();
    clock.abort();
    core.with(|hub, _| hub.drain());
    poll_fn(|cx| {
        let _ = writing.as_mut().poll(cx);
        if core.state().hub.is_idle() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    core.with(|hub, moment| hub.stop(moment));
    core.all_parted().await;
}

/// Reads the hub's ledger, however long the disk refuses.
async fn remembered(host: &Host) -> (Ledger, Memory) {
    loop {
        if let Ok((ledger, records)) = Ledger::open(host.disk(), "hub").await {
            let mut memory = Memory::default();
            for (bytes, place) in records.iter().zip(places(0, &records)) {
                if let Some(record) = Record::read(bytes) {
                    memory.apply(record, place);
                }
            }
            return (ledger, memory);
        }
        host.sleep(DISK_RETRY).await;
    }
}

async fn welcome(core: Arc<Core>, listener: Listener) {
    while let Ok(accepted) = listener.accept().await {
        core.host.spawn(connection(core.clone(), accepted));
    }
}

/// Rings the hub at the times it asks for; sleeps as long as there is none.
async fn keep_time(core: Arc<Core>) {
    loop {
        let at = {
            let mut state = core.state();
            state.armed = state.hub.next_alarm();
            state.armed
        };
        match at {
            None => core.alarm.notified().await,
            Some(at) => {
                let mut timer = core.host.sleep_until(at);
                let mut rung = pin!(core.alarm.notified());
                poll_fn(|cx| match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(()),
                    Poll::Pending => rung.as_mut().poll(cx),
                })
                .await;
            }
        }
        core.with(Hub::ring);
    }
}

/// What a connection's task waits for.
enum Happened {
    Told(Told),
    Packet(Result<Option<Packet>, WireError>),
    Time,
}

/// Moves one connection's packets until the hub closes it.
async fn connection(core: Arc<Core>, accepted: Accepted) {
    let host = core.host.clone();
    let mut stream = MqttStream::new(accepted.stream, LARGEST_PACKET);
    let (id, mut told) = core.open();
    let mut look_at = host.now();
    let mut timer = host.sleep_until(look_at);
    loop {
        let happened = poll_fn(|cx| {
            if let Poll::Ready(Some(told)) = told.poll_recv(cx) {
                return Poll::Ready(Happened::Told(told));
            }
            let read = if core.state().hub.may_read(id) {
                stream.poll_next(cx)
            } else {
                match stream.poll_flush(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                    _ => Poll::Pending,
                }
            };
            match read {
                Poll::Ready(packet) => Poll::Ready(Happened::Packet(packet)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| Happened::Time),
            }
        })
        .await;
        let next_look = match happened {
            Happened::Told(Told::Close) => break,
            Happened::Told(Told::Read) => continue,
            Happened::Told(Told::Send(packet)) => match stream.send(&packet) {
                Ok(()) => continue,
                Err(error) => core.with(|hub, moment| hub.broken(moment, id, Some(&error))),
            },
            Happened::Packet(Ok(Some(packet))) => core.with(|hub, moment| hub.received(moment, id, packet)),
            Happened::Packet(Ok(None)) => core.with(|hub, moment| hub.broken(moment, id, None)),
            Happened::Packet(Err(error)) => core.with(|hub, moment| hub.broken(moment, id, Some(&error))),
            Happened::Time => core.with(|hub, moment| hub.check(moment, id)),
        };
        // A timer that fires too early only looks again: it is not set anew with every packet.
        if let Some(at) = next_look
            && (at < look_at || look_at <= host.now())
        {
            look_at = at;
            timer = host.sleep_until(at);
        }
    }
    let _ = host.within(CLOSING_LIMIT, stream.close()).await;
    core.part(id);
}

impl Core {
    fn new(host: Host, hub: Hub, reader: Box<dyn DiskFile>) -> Self {
        let state = State { hub, wires: BTreeMap::new(), asking: BTreeMap::new(), last_request: 0, armed: None };
        let (write, alarm, parted, stored) = (Notify::new(), Notify::new(), Notify::new(), Notify::new());
        Self { host, state: Mutex::new(state), write, alarm, parted, stored, reader }
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the hub do something, and does what it wants done then.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Hub, Moment) -> T) -> T {
        let moment = Moment::of(&self.host);
        let mut state = self.state();
        let before = state.hub.next_offset();
        let value = act(&mut state.hub, moment);
        let events = state.carry_out();
        let stored = state.hub.next_offset() > before;
        let wants_disk = state.hub.wants_disk();
        let sooner = state.hub.next_alarm().is_some_and(|at| state.armed.is_none_or(|armed| at < armed));
        drop(state);
        events.into_iter().for_each(|event| self.host.record(event));
        if stored {
            self.stored.notify_waiters();
        }
        if wants_disk {
            self.write.notify_one();
        }
        if sooner {
            self.alarm.notify_one();
        }
        value
    }

    /// Looks at the hub, which changes nothing.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Hub) -> T) -> T {
        at(&self.state().hub)
    }

    fn open(&self) -> (ConnectionId, mpsc::UnboundedReceiver<Told>) {
        let (tell, told) = mpsc::unbounded_channel();
        let mut state = self.state();
        let id = state.hub.opened(self.host.now());
        state.wires.insert(id, tell);
        (id, told)
    }

    fn part(&self, connection: ConnectionId) {
        self.state().wires.remove(&connection);
        self.parted.notify_one();
    }

    async fn all_parted(&self) {
        while !self.state().wires.is_empty() {
            self.parted.notified().await;
        }
    }

    /// Asks the hub for something and waits for its answer.
    pub(super) async fn ask(&self, ask: impl FnOnce(&mut Hub, Moment, RequestId)) -> Answer {
        let (answer, answered) = oneshot::channel();
        let request = {
            let mut state = self.state();
            state.last_request += 1;
            let request = state.last_request;
            state.asking.insert(request, answer);
            request
        };
        self.with(|hub, moment| ask(hub, moment, request));
        answered.await.unwrap_or(Answer::Failed)
    }

    /// Names a message whose sender does not: once in the life of this hub.
    pub(super) fn fresh_id(&self) -> String {
        let mut state = self.state();
        state.last_request += 1;
        format!("{}-{}", self.host.boot(), state.last_request)
    }

    /// Says whether there is something at this offset for readers.
    pub(super) fn has_stored(&self, offset: u64) -> bool {
        self.look(|hub| hub.next_offset() > offset)
    }

    /// Waits until there is more for readers than when it was called (not: first polled).
    pub(super) fn stored(&self) -> Notified<'_> {
        self.stored.notified()
    }

    /// Waits until there is something at this offset for readers.
    pub(super) async fn until_stored(&self, offset: u64) {
        loop {
            let stored = self.stored();
            if self.has_stored(offset) {
                return;
            }
            stored.await;
        }
    }

    /// Writes whatever the hub wants written, for ever.
    async fn write_to(&self, ledger: &mut Ledger) {
        loop {
            self.write.notified().await;
            let mut begun = self.with(|hub, _| hub.begin_commit());
            while let Some(records) = begun {
                let end = ledger.end();
                let appended = if records.is_empty() { Ok(()) } else { ledger.append(&records).await };
                let stored = appended.ok().map(|()| places(end, &records));
                begun = self.with(|hub, moment| {
                    hub.committed(moment, stored);
                    hub.begin_commit()
                });
            }
        }
    }
}

impl State {
    /// Does what the hub wants done; what is for the history is given back, to be recorded outside the lock.
    fn carry_out(&mut self) -> Vec<Event> {
        let Self { hub, wires, asking, .. } = self;
        let tell = |connection, told| {
            if let Some(wire) = wires.get(&connection) {
                // Its task ends only after it has told the hub so.
                let _ = wire.send(told);
            }
        };
        let mut events = Vec::new();
        for output in hub.outputs() {
            match output {
                Output::Send(to, packet) => tell(to, Told::Send(packet)),
                Output::Read(connection) => tell(connection, Told::Read),
                Output::Close(connection) => tell(connection, Told::Close),
                Output::Record(event) => events.push(event),
                Output::Answer(request, answer) => {
                    if let Some(asking) = asking.remove(&request) {
                        // Whoever asked may have gone.
                        let _ = asking.send(answer);
                    }
                }
            }
        }
        events
    }
}
