//! The one task that takes in: it owns what was received and the disk, and the readers of hubs hand it batches.
use super::feed::Recogniser;
use super::intake::{Arrival, Entry, Intake, Receipt};
use crate::history::{DestinationId, Event, Name};
use crate::host::Host;
use crate::iot::hub::Batch;
use crate::iot::ledger::Ledger;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A disk that fails is tried again after this long. Meanwhile nothing is received.
const DISK_RETRY: Duration = Duration::from_secs(1);
/// The ledger is rewritten when it grew by this many bytes more than four times what it then amounted to.
const SLACK: usize = 256 << 10;

/// A batch that was read, from an offset on; answered with the offset to read on from.
struct Delivery {
    hub: Name,
    from: u64,
    batch: Batch,
    reply: oneshot::Sender<u64>,
}

/// Where batches are handed over.
#[derive(Clone)]
pub(super) struct Door(mpsc::UnboundedSender<Delivery>);

impl Door {
    /// Hands a batch over and waits until it is received. `None`: the application is going down.
    pub(super) async fn hand_over(&self, hub: &Name, from: u64, batch: Batch) -> Option<u64> {
        let (reply, next) = oneshot::channel();
        self.0.send(Delivery { hub: hub.clone(), from, batch, reply }).ok()?;
        next.await.ok()
    }
}

pub(super) struct Application {
    host: Host,
    destination: DestinationId,
    recogniser: Recogniser,
    intake: Intake,
    ledger: Ledger,
    /// The size of the ledger's snapshot, and of what was appended to it.
    snapshot: usize,
    appended: usize,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
}

impl Application {
    /// Reads what was kept, and says once more what the last boot may not have had time to say.
    ///
    /// # Errors
    /// The disk's; `InvalidData` when what was kept cannot be read.
    pub(super) async fn open(host: Host, destination: DestinationId) -> io::Result<(Self, Door)> {
        let (ledger, records) = Ledger::open(host.disk(), "received").await?;
        let (intake, last) =
            Intake::read(&records).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let recogniser = Recogniser::new(host.history().roster());
        let (sender, deliveries) = mpsc::unbounded_channel();
        let snapshot = intake.to_record().len();
        let appended = records.iter().map(Vec::len).sum();
        let application = Self { host, destination, recogniser, intake, ledger, snapshot, appended, deliveries };
        if let Some(entry) = last {
            application.announce(&entry);
        }
        Ok((application, Door(sender)))
    }

    /// The offsets from which hubs are to be read.
    pub(super) fn offsets(&self, hubs: &[Name]) -> BTreeMap<Name, u64> {
        hubs.iter().map(|hub| (hub.clone(), self.intake.next(hub))).collect()
    }

    /// Takes in batches until nobody can hand one over any more.
    pub(super) async fn work(mut self) {
        while let Some(first) = self.deliveries.recv().await {
            let mut deliveries = vec![first];
            while let Ok(delivery) = self.deliveries.try_recv() {
                deliveries.push(delivery);
            }
            let entries: Vec<Entry> = deliveries.iter().filter_map(|delivery| self.take(delivery)).collect();
            self.keep(&entries).await;
            // In the same breath as the end of the sync: nothing can come between the two. A loss of power
            // during the sync can still leave an entry whole that nobody was told of; see `open`.
            entries.iter().for_each(|entry| self.announce(entry));
            for Delivery { hub, reply, .. } in deliveries {
                // The reader may be gone with its connection.
                let _ = reply.send(self.intake.next(&hub));
            }
            self.condense().await;
        }
    }

    fn take(&mut self, delivery: &Delivery) -> Option<Entry> {
        let arrivals = self.recogniser.arrivals(&delivery.batch);
        for arrival in &arrivals {
            let Arrival::Message { producer, number, .. } = arrival else { continue };
            if let Some(message) =
                self.recogniser.message(producer, *number).filter(|_| !self.intake.has(producer, *number))
            {
                self.host.record(Event::Delivered { message, destination: self.destination });
            }
        }
        self.intake.take(&delivery.hub, delivery.from, arrivals, delivery.batch.next)
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
        let destination = self.destination;
        for (serial, receipt) in (entry.serial..).zip(&entry.receipts) {
            let event = match receipt {
                Receipt::Message { producer, number, digest } => {
                    let Some(message) = self.recogniser.message(producer, *number) else { continue };
                    Event::Received { message, destination, digest: *digest }
                }
                Receipt::Foreign { digest } => Event::Unrecognised { destination, digest: *digest },
                Receipt::Reported { device, number } => {
                    Event::ReportedKnown { client: device.clone(), number: *number }
                }
            };
            self.host.record_once(serial, event);
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
