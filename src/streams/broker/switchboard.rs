//! What all tasks of a broker share: it tells the broker what has happened, and has done what the broker wants.
use super::call::{Answer, Call, Refusal};
use super::frame::ServerFrame;
use super::input::{Attachment, Input, Session, SocketId, Ticket};
use super::machine::Broker;
use super::message::Page;
use super::otp::OneTimePasswords;
use super::output::Output;
use crate::history::{Event, Name};
use crate::host::Host;
use crate::streams::plan::BrokerPlan;
use crate::wire::websocket::Close;
use lizard_sim::Dice;
use rand::Rng as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::{Notify, mpsc, oneshot};

/// What a socket's task is told.
pub(super) enum Told {
    Send(ServerFrame),
    /// Ping it, and tell as soon as it is heard of.
    Probe,
    /// Close it; the broker has forgotten it.
    Close(Close),
    /// The broker stops.
    Leave,
}

/// What all tasks of a broker share.
pub(super) struct Switchboard {
    host: Host,
    region: String,
    ping: Duration,
    api_key: String,
    state: Mutex<State>,
    /// Rung when there may be something to write.
    write: Notify,
    /// Rung when the broker has something to do sooner than the clock's task waits for.
    alarm: Notify,
    /// Rung when a socket's task has ended.
    parted: Notify,
}

struct State {
    broker: Broker,
    lines: BTreeMap<SocketId, mpsc::UnboundedSender<Told>>,
    attaching: BTreeMap<SocketId, oneshot::Sender<Result<(), Refusal>>>,
    /// Sockets that left before it was decided whether to let them in; the clock's task tells the broker.
    left: Vec<SocketId>,
    asking: BTreeMap<Ticket, oneshot::Sender<Answer>>,
    pages: BTreeMap<Name, mpsc::UnboundedSender<Page>>,
    passwords: OneTimePasswords,
    dice: Dice,
    last_socket: SocketId,
    last_ticket: Ticket,
    /// What the clock's task waits for; `None`: to be rung.
    armed: Option<Duration>,
}

impl Switchboard {
    /// Begins without sockets; `pages`: the ways to the other regions.
    pub(super) fn new(
        host: Host,
        plan: &BrokerPlan,
        api_key: String,
        broker: Broker,
        pages: BTreeMap<Name, mpsc::UnboundedSender<Page>>,
    ) -> Self {
        let state = State {
            broker,
            lines: BTreeMap::new(),
            attaching: BTreeMap::new(),
            left: Vec::new(),
            asking: BTreeMap::new(),
            pages,
            passwords: OneTimePasswords::default(),
            dice: host.dice("names and passwords"),
            last_socket: 0,
            last_ticket: 0,
            armed: None,
        };
        let (region, ping, state) = (plan.region.clone(), plan.ping, Mutex::new(state));
        let (write, alarm, parted) = (Notify::new(), Notify::new(), Notify::new());
        Self { host, region, ping, api_key, state, write, alarm, parted }
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn ping(&self) -> Duration {
        self.ping
    }

    pub(super) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Milliseconds since 1970, by this host's clock.
    pub(super) fn wall_clock(&self) -> u64 {
        let since = self.host.wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the broker what has happened, and does what it wants done then.
    pub(super) fn handle(&self, input: Input) {
        let mut state = self.state();
        let outputs = state.broker.handle(self.host.now(), input);
        let records = state.carry_out(outputs);
        let sooner = state.broker.next_deadline().is_some_and(|at| state.armed.is_none_or(|armed| at < armed));
        let wants_disk = state.broker.wants_disk();
        drop(state);
        for (serial, event) in records {
            match serial {
                None => self.host.record(event),
                Some(serial) => self.host.record_once(serial, event),
            }
        }
        if wants_disk {
            self.write.notify_one();
        }
        if sooner {
            self.alarm.notify_one();
        }
    }

    /// Asks for a socket to be let in, which may take a while; who drops this meanwhile has left.
    pub(super) async fn attach(
        self: &Arc<Self>,
        attachment: Attachment,
        session: Option<Session>,
    ) -> Result<Line, Refusal> {
        let (tell, told) = mpsc::unbounded_channel();
        let (decide, decided) = oneshot::channel();
        let socket = {
            let mut state = self.state();
            state.last_socket += 1;
            let socket = state.last_socket;
            state.lines.insert(socket, tell);
            state.attaching.insert(socket, decide);
            socket
        };
        let mut line = Line { board: self.clone(), id: socket, told, is_waiting: true };
        self.handle(Input::Attach { socket, attachment, session });
        let decision = decided.await;
        line.is_waiting = false;
        match decision {
            Ok(Ok(())) => Ok(line),
            Ok(Err(refusal)) => Err(refusal),
            Err(_) => Err(stopped()),
        }
    }

    /// Asks the broker over REST and waits for its answer.
    pub(super) async fn ask(&self, call: Call) -> Answer {
        self.ask_as(|ticket| Input::Rest { ticket, call }).await
    }

    /// Hands over what another region sends, and waits until it is stored.
    pub(super) async fn take_in(&self, page: Page) -> Answer {
        self.ask_as(|ticket| Input::Replicate { ticket, page }).await
    }

    async fn ask_as(&self, ask: impl FnOnce(Ticket) -> Input) -> Answer {
        let (answer, answered) = oneshot::channel();
        let ticket = {
            let mut state = self.state();
            state.last_ticket += 1;
            let ticket = state.last_ticket;
            state.asking.insert(ticket, answer);
            ticket
        };
        self.handle(ask(ticket));
        answered.await.unwrap_or_else(|_| Answer::Refused(stopped()))
    }

    pub(super) fn issue_password(&self) -> String {
        let mut state = self.state();
        let State { passwords, dice, .. } = &mut *state;
        passwords.issue(self.host.now(), dice)
    }

    pub(super) fn redeem_password(&self, password: &str) -> bool {
        self.state().passwords.redeem(self.host.now(), password)
    }

    /// Draws a name for a client that gives none, as Pulsar does.
    pub(super) fn fresh_name(&self) -> String {
        format!("{:010x}", self.state().dice.next_u64() >> 24)
    }

    // For the tasks of the clock, the disk and the end.

    /// Looks when the clock is to tick next; `None`: when it is [`rung`](Self::rung).
    pub(super) fn arm(&self) -> Option<Duration> {
        let mut state = self.state();
        state.armed = state.broker.next_deadline();
        state.armed
    }

    /// Waits until the clock's task has something to look at sooner than it thought.
    pub(super) async fn rung(&self) {
        self.alarm.notified().await;
    }

    /// Tells the broker of sockets that left before it was decided whether to let them in.
    pub(super) fn tell_who_left(&self) {
        let left = std::mem::take(&mut self.state().left);
        for socket in left {
            self.handle(Input::Closed { socket, why: "left before it was let in" });
        }
    }

    /// Waits until there may be something to write.
    pub(super) async fn until_to_write(&self) {
        self.write.notified().await;
    }

    /// Lets the broker do what has no outputs.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Broker) -> T) -> T {
        act(&mut self.state().broker)
    }

    /// Tells every socket to go that the broker has left, and waits until all are gone.
    pub(super) async fn dismiss_all(&self) {
        for line in self.state().lines.values() {
            // Its task may be on its way out.
            let _ = line.send(Told::Leave);
        }
        while !self.state().lines.is_empty() {
            self.parted.notified().await;
        }
    }
}

impl State {
    /// Does what the broker wants done; what is for the history is given back, to be recorded outside the lock.
    fn carry_out(&mut self, outputs: Vec<Output>) -> Vec<(Option<u64>, Event)> {
        let mut records = Vec::new();
        for output in outputs {
            match output {
                Output::Accept(socket) => self.decide(socket, Ok(())),
                Output::Refuse(socket, refusal) => self.decide(socket, Err(refusal)),
                Output::Send(socket, frame) => self.tell(socket, Told::Send(frame)),
                Output::Probe(socket) => self.tell(socket, Told::Probe),
                Output::Close { socket, code, reason } => self.tell(socket, Told::Close(Close::new(code, reason))),
                Output::Reply(ticket, answer) => {
                    if let Some(asking) = self.asking.remove(&ticket) {
                        // Whoever asked may have gone.
                        let _ = asking.send(answer);
                    }
                }
                Output::Record(event) => records.push((None, event)),
                Output::RecordOnce { serial, event } => records.push((Some(serial), event)),
                Output::Forward { to, page } => {
                    if let Some(pages) = self.pages.get(&to) {
                        // Its task ends with the broker.
                        let _ = pages.send(page);
                    }
                }
            }
        }
        records
    }

    fn decide(&mut self, socket: SocketId, decision: Result<(), Refusal>) {
        if let Some(attaching) = self.attaching.remove(&socket) {
            // Whoever asked may have gone, and says so by itself.
            let _ = attaching.send(decision);
        }
    }

    fn tell(&mut self, socket: SocketId, told: Told) {
        if let Some(line) = self.lines.get(&socket) {
            // Its task ends only after it has told the broker so.
            let _ = line.send(told);
        }
    }
}

fn stopped() -> Refusal {
    Refusal { status: 503, number: 503, message: "the broker is stopped".into() }
}

/// A socket's place with the broker, given back when it is dropped.
pub(super) struct Line {
    board: Arc<Switchboard>,
    id: SocketId,
    told: mpsc::UnboundedReceiver<Told>,
    /// The broker has not yet decided whether to let it in.
    is_waiting: bool,
}

impl Line {
    pub(super) fn id(&self) -> SocketId {
        self.id
    }

    pub(super) fn told(&mut self) -> &mut mpsc::UnboundedReceiver<Told> {
        &mut self.told
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Nothing of the host's may be used here: its boot may be what ends.
        let mut state = self.board.state();
        state.lines.remove(&self.id);
        state.attaching.remove(&self.id);
        if self.is_waiting {
            state.left.push(self.id);
            self.board.alarm.notify_one();
        }
        self.board.parted.notify_one();
    }
}
