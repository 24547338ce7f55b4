//! The one task that takes in: it owns what was received and owed, and the disk; the readers of hubs hand it batches, the
//! control plane orders, couriers how their errands went.
use super::commands::Command;
use super::control::{Accepted, refused};
use super::couriers::Couriers;
use super::entry::{Arrival, Entry, Receipt};
use super::errands::{Errand, Errands, Outcome};
use super::feed::{Batch, Recogniser};
use super::intake::Intake;
use crate::history::{Event, Name};
use crate::host::Host;
use crate::iot::knobs::{DeDuplicates, Remembers};
use crate::iot::plan::CentralPlan;
use crate::iot::tag::tagged;
use crate::ledger::Ledger;
use crate::mailbox::next_batch;
use crate::wire::http::Response;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// A disk that fails is tried again after this long. Meanwhile nothing is received.
const DISK_RETRY: Duration = Duration::from_secs(1);
/// The ledger is rewritten when it grew by this many bytes more than four times what it then amounted to.
const SLACK: usize = 256 << 10;

/// What an operator wants to be kept and carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Command {
        device: Name,
        /// `None`: central makes one.
        id: Option<String>,
        name: String,
        payload: String,
        ttl: Duration,
    },
    /// A patch of desired properties.
    Change { device: Name, patch: Bytes },
}

type OrderAnswer = Result<Accepted, Response>;

enum Letter {
    /// A batch that was read, from an offset on; its room is free again when it is durable.
    Delivery {
        hub: Name,
        from: u64,
        batch: Batch,
        room: OwnedSemaphorePermit,
    },
    Order(Order, oneshot::Sender<OrderAnswer>),
    /// Which hub has the device?
    Where(Name, oneshot::Sender<Option<Name>>),
    /// An errand ended.
    Done(Errand, Outcome),
}

/// Who is to be told what, once everything taken in so far is durable.
enum Reply {
    Room(OwnedSemaphorePermit),
    Order(OrderAnswer, oneshot::Sender<OrderAnswer>),
    Where(Name, oneshot::Sender<Option<Name>>),
}

/// Where letters are handed in.
#[derive(Clone)]
pub(super) struct Door(mpsc::UnboundedSender<Letter>);

impl Door {
    /// Hands a batch over, behind those that the same reader handed over before.
    pub(super) fn hand_over(&self, hub: &Name, from: u64, batch: Batch, room: OwnedSemaphorePermit) {
        // The application lives as long as the host.
        let _ = self.0.send(Letter::Delivery { hub: hub.clone(), from, batch, room });
    }

    /// Gives an order and waits until it is durable, or refused. `None`: the application is going down.
    pub(super) async fn order(&self, order: Order) -> Option<OrderAnswer> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Letter::Order(order, reply)).ok()?;
        answer.await.ok()
    }

    /// Asks which hub has a device, as far as is known.
    pub(super) async fn whereabouts(&self, device: &Name) -> Option<Name> {
        let (reply, hub) = oneshot::channel();
        self.0.send(Letter::Where(device.clone(), reply)).ok()?;
        hub.await.ok().flatten()
    }

    /// Tells how an errand went.
    pub(super) fn done(&self, errand: Errand, outcome: Outcome) {
        // The application lives as long as the host: when it is gone, so is whoever waits for the errand.
        let _ = self.0.send(Letter::Done(errand, outcome));
    }
}

pub(super) struct Application {
    host: Host,
    plan: CentralPlan,
    recogniser: Arc<Recogniser>,
    intake: Intake,
    errands: Errands,
    ledger: Ledger,
    /// The size of the ledger's snapshot, and of what was appended to it.
    snapshot: usize,
    appended: usize,
    letters: mpsc::UnboundedReceiver<Letter>,
}

impl Application {
    /// Reads what was kept, and says once more what the last boot may not have had time to say.
    ///
    /// # Errors
    /// The disk's; `InvalidData` when what was kept cannot be read.
    pub(super) async fn open(host: Host, plan: CentralPlan, recogniser: Arc<Recogniser>) -> io::Result<(Self, Door)> {
        let (ledger, records) = Ledger::open(host.disk(), "received").await?;
        let (mut intake, entries) =
            Intake::read(&records).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if plan.knobs.remembers == Remembers::InMemory {
            intake.begin_again();
        }
        let (sender, letters) = mpsc::unbounded_channel();
        let snapshot = intake.to_record().len();
        let appended = records.iter().map(Vec::len).sum();
        let errands = Errands::of(intake.owed());
        let application = Self { host, plan, recogniser, intake, errands, ledger, snapshot, appended, letters };
        entries.iter().for_each(|entry| application.announce(entry));
        Ok((application, Door(sender)))
    }

    /// The offsets from which hubs are to be read.
    pub(super) fn offsets(&self, hubs: &[Name]) -> BTreeMap<Name, u64> {
        hubs.iter().map(|hub| (hub.clone(), self.intake.next(hub))).collect()
    }

    /// Works until nobody can hand anything in any more.
    pub(super) async fn work(mut self, couriers: Couriers, door: Door) {
        while let Some(mail) = self.next_mail().await {
            let (mut entries, mut replies) = (Vec::with_capacity(mail.len()), Vec::with_capacity(mail.len()));
            for letter in mail {
                self.open_letter(letter, &mut entries, &mut replies);
            }
            entries.extend(self.expire());
            self.keep(&entries).await;
            // In the same breath as the end of the sync: nothing can come between the two. A loss of power
            // during the sync can still leave entries whole that nobody was told of; see `open`.
            entries.iter().for_each(|entry| self.announce(entry));
            for device in entries.iter().flat_map(|entry| &entry.receipts).filter_map(Receipt::stirs) {
                self.errands.stir(device);
            }
            replies.into_iter().for_each(|reply| self.send(reply));
            for errand in self.errands.due(self.host.now(), self.intake.owed()) {
                couriers.send(errand, door.clone());
            }
            self.condense().await;
        }
    }

    /// Waits for letters, or for the next deadline; not at all when there are errands, as after a restart.
    async fn next_mail(&mut self) -> Option<Vec<Letter>> {
        let deadline = [self.errands.deadline(), self.intake.owed().commands.next_end()].into_iter().flatten().min();
        let due = if self.errands.is_stirred() { Some(Duration::ZERO) } else { deadline };
        next_batch(&self.host, &mut self.letters, due, usize::MAX).await
    }

    fn open_letter(&mut self, letter: Letter, entries: &mut Vec<Entry>, replies: &mut Vec<Reply>) {
        match letter {
            Letter::Delivery { hub, from, batch, room } => {
                entries.extend(self.take(&hub, from, batch));
                replies.push(Reply::Room(room));
            }
            Letter::Order(order, reply) => {
                let answer = match order {
                    Order::Command { device, id, name, payload, ttl } => {
                        let id = id.unwrap_or_else(|| format!("central-{}", self.intake.serial()));
                        let command = Command { id, name, payload, until: self.host.now() + ttl };
                        self.command(device, command, entries)
                    }
                    Order::Change { device, patch } => self.change(device, &patch, entries),
                };
                replies.push(Reply::Order(answer, reply));
            }
            Letter::Where(device, reply) => replies.push(Reply::Where(device, reply)),
            Letter::Done(errand, outcome) => self.errands.done(self.host.now(), &errand, outcome),
        }
    }

    fn take(&mut self, hub: &Name, from: u64, batch: Batch) -> Option<Entry> {
        let de_duplicates = self.plan.knobs.de_duplicates;
        for arrival in &batch.arrivals {
            let Arrival::Message { producer, number, .. } = arrival else { continue };
            let new = de_duplicates == DeDuplicates::Never || !self.intake.has(producer, *number);
            if let Some(message) = self.recogniser.message(producer, *number).filter(|_| new) {
                self.host.record(Event::Delivered { message, destination: self.plan.destination });
            }
        }
        self.intake.take(hub, from, batch, de_duplicates)
    }

    fn command(&mut self, device: Name, command: Command, entries: &mut Vec<Entry>) -> OrderAnswer {
        let id = command.id.clone();
        let new = self.intake.owed().commands.may_accept(&device, &command).map_err(refused)?;
        if new {
            entries.push(self.intake.accept(vec![Receipt::Command { device, command: Arc::new(command) }]));
        }
        Ok(Accepted::Command { id })
    }

    fn change(&mut self, device: Name, patch: &[u8], entries: &mut Vec<Entry>) -> OrderAnswer {
        let desired = self.intake.owed().desired;
        let refused = |error: super::desired::PatchError| Response::error(400_000, &error.to_string());
        let patch = desired.read_patch(&device, patch).map_err(refused)?;
        let number = desired.number(&device) + 1;
        entries.push(self.intake.accept(vec![Receipt::Change { device, number, patch }]));
        Ok(Accepted::Change { number })
    }

    /// Throws away the commands whose time is over.
    fn expire(&mut self) -> Option<Entry> {
        let over = self.intake.owed().commands.over(self.host.now());
        let receipt = |(device, id): (Name, String)| {
            let held = self.errands.is_held(&device, &id);
            Receipt::Expired { device, id, held }
        };
        let receipts: Vec<Receipt> = over.into_iter().map(receipt).collect();
        (!receipts.is_empty()).then(|| self.intake.accept(receipts))
    }

    /// Answers, if whoever asked is still there.
    fn send(&self, reply: Reply) {
        match reply {
            Reply::Room(room) => drop(room),
            Reply::Order(answer, to) => drop(to.send(answer)),
            Reply::Where(device, to) => {
                let stay = self.intake.owed().whereabouts.stay(&device);
                drop(to.send(stay.map(|stay| stay.hub.clone())));
            }
        }
    }

    /// Makes entries durable, however long the disk takes to be able to.
    async fn keep(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let records: Vec<Vec<u8>> = entries.iter().map(Entry::to_record).collect();
        while self.ledger.append(&records).await.is_err() {
            self.host.sleep(DISK_RETRY).await;
        }
        self.appended += records.iter().map(Vec::len).sum::<usize>();
    }

    fn announce(&self, entry: &Entry) {
        for (serial, receipt) in (entry.serial..).zip(&entry.receipts) {
            if let Some(event) = self.event(receipt) {
                self.host.record_once(serial, event);
            }
        }
    }

    /// What the history is told of a receipt. Commands only if they are operations of the plan.
    fn event(&self, receipt: &Receipt) -> Option<Event> {
        let destination = self.plan.destination;
        match receipt {
            Receipt::Message { producer, number, digest } => {
                let message = self.recogniser.message(producer, *number)?;
                Some(Event::Received { message, destination, digest: *digest })
            }
            Receipt::Foreign { digest } => Some(Event::Unrecognised { destination, digest: *digest }),
            Receipt::Reported { device, number } => {
                Some(Event::ReportedKnown { client: device.clone(), number: *number })
            }
            Receipt::Command { command, .. } => tagged(&command.id).map(|operation| Event::CommandQueued { operation }),
            Receipt::Expired { id, held: false, .. } => tagged(id).map(|operation| Event::CommandExpired { operation }),
            Receipt::Acknowledged { device, number } => {
                Some(Event::DesiredKnown { client: device.clone(), number: *number })
            }
            Receipt::Lifecycle { .. }
            | Receipt::Completed { .. }
            | Receipt::Expired { held: true, .. }
            | Receipt::Change { .. } => None,
        }
    }

    async fn condense(&mut self) {
        if self.appended <= SLACK + 4 * self.snapshot {
            return;
        }
        let record = self.intake.to_record();
        (self.snapshot, self.appended) = (record.len(), 0);
        // Should it fail, the next append finishes it first.
        let _ = self.ledger.replace(&[record]).await;
    }
}
