//! The one task that decides: it owns the placement and the disk, and everybody else asks it.
use super::allocation::HubIndex;
use super::answer::{Answer, registration_state};
use super::errands::Couriers;
use super::health::Check;
use super::kept;
use super::placement::{Input, Output, Placement, Status};
use super::session::Question;
use crate::history::Name;
use crate::host::Host;
use crate::iot::ledger::Ledger;
use crate::iot::moment::Moment;
use crate::iot::plan::DpsPlan;
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A device that is being assigned polls after this many seconds: about as long as the hub takes to hear of it.
const POLL_AFTER: u64 = 1;
/// A disk that fails is tried again after this long. Meanwhile nothing is decided.
const DISK_RETRY: Duration = Duration::from_secs(1);
/// So many inputs are decided at once, for one sync of the disk.
const BATCH: usize = 256;
/// The ledger is rewritten when it holds this many records more than four for each device.
const SLACK: u64 = 64;

/// What the desk is told or asked.
pub(super) enum Letter {
    Question(Question, oneshot::Sender<Answer>),
    /// Describe a registration; `None` is answered when the device was never assigned.
    Info(Name, oneshot::Sender<Option<Value>>),
    Checked(HubIndex, Check),
    /// A device's errand ended; see [`Input::Done`].
    Done(Name, bool),
}

/// Where letters are dropped.
#[derive(Clone)]
pub(super) struct LetterBox(mpsc::UnboundedSender<Letter>);

impl LetterBox {
    pub(super) fn drop(&self, letter: Letter) {
        // The desk lives as long as the service: when it is gone, nobody waits for an answer.
        let _ = self.0.send(letter);
    }
    /// Asks where a device belongs. `None`: the service is going down.
    pub(super) async fn ask(&self, question: Question) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.drop(Letter::Question(question, reply));
        answer.await.ok()
    }
    /// Describes a device's registration; `None` if it was never assigned.
    pub(super) async fn info(&self, device: Name) -> Option<Value> {
        let (reply, answer) = oneshot::channel();
        self.drop(Letter::Info(device, reply));
        answer.await.ok().flatten()
    }
}

pub(super) struct Desk {
    host: Host,
    hubs: Vec<Name>,
    health_check: Duration,
    placement: Placement,
    ledger: Ledger,
    letters: mpsc::UnboundedReceiver<Letter>,
}

impl Desk {
    /// Reads what was kept.
    ///
    /// # Errors
    /// The disk's; `InvalidData` when what was kept cannot be read.
    pub(super) async fn open(host: Host, plan: DpsPlan, hubs: &[Name]) -> io::Result<(Self, LetterBox)> {
        let (ledger, records) = Ledger::open(host.disk(), "registrations").await?;
        let kept = kept::read_all(&records, hubs).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let placement = Placement::new(plan.policy, plan.rebalance_after, hubs, kept);
        let (sender, letters) = mpsc::unbounded_channel();
        let desk = Self { host, hubs: hubs.to_vec(), health_check: plan.health_check, placement, ledger, letters };
        Ok((desk, LetterBox(sender)))
    }

    /// Works until nobody can write to it any more.
    pub(super) async fn work(mut self, couriers: Couriers) {
        while let Some(mail) = self.next_mail().await {
            let mut outputs = Vec::new();
            let (mut questions, mut infos) = (Vec::new(), Vec::new());
            for letter in mail {
                let input = match letter {
                    Letter::Question(question, reply) => {
                        let device = question.device.clone();
                        let input = if question.register { Input::Register(device) } else { Input::Poll(device) };
                        questions.push((question, reply));
                        input
                    }
                    Letter::Info(device, reply) => {
                        infos.push((device, reply));
                        continue;
                    }
                    Letter::Checked(hub, check) => Input::Checked(hub, check),
                    Letter::Done(device, carried_out) => Input::Done(device, carried_out),
                };
                outputs.extend(self.placement.handle(Moment::of(&self.host), input));
            }
            if self.placement.deadline().is_some_and(|due| due <= self.host.now()) {
                outputs.extend(self.placement.handle(Moment::of(&self.host), Input::Tick));
            }
            self.keep(&outputs).await;
            for output in outputs {
                match output {
                    Output::Keep(_) => {}
                    Output::Record(event) => self.host.record(event),
                    Output::Run(device, errand) => couriers.send(device, errand),
                }
            }
            for (question, reply) in questions {
                let _ = reply.send(self.answer(&question));
            }
            for (device, reply) in infos {
                let _ = reply.send(self.describe(&device));
            }
        }
    }

    /// Waits for letters, or (an empty batch) for the placement's next deadline. `None`: no more will come.
    async fn next_mail(&mut self) -> Option<Vec<Letter>> {
        let first = match self.placement.deadline() {
            None => Some(self.letters.recv().await?),
            Some(due) => {
                let mut timer = pin!(self.host.sleep_until(due));
                let letters = &mut self.letters;
                poll_fn(|cx| match letters.poll_recv(cx) {
                    Poll::Ready(letter) => Poll::Ready(letter.map(Some)),
                    Poll::Pending => timer.as_mut().poll(cx).map(|()| Some(None)),
                })
                .await?
            }
        };
        let mut mail: Vec<Letter> = first.into_iter().collect();
        while mail.len() < BATCH {
            match self.letters.try_recv() {
                Ok(letter) => mail.push(letter),
                Err(_) => break,
            }
        }
        Some(mail)
    }

    /// Makes what changed durable, however long the disk takes to be able to.
    async fn keep(&mut self, outputs: &[Output]) {
        let changed: BTreeSet<&Name> = outputs
            .iter()
            .filter_map(|output| match output {
                Output::Keep(device) => Some(device),
                _ => None,
            })
            .collect();
        if changed.is_empty() {
            return;
        }
        let records: Vec<Vec<u8>> = changed
            .iter()
            .filter_map(|device| Some(kept::write(device, self.placement.registration(device)?, &self.hubs)))
            .collect();
        while self.ledger.append(&records).await.is_err() {
            self.host.sleep(DISK_RETRY).await;
        }
        if self.ledger.appended() > SLACK + 4 * self.placement.device_count() as u64 {
            let all = self.placement.registrations();
            let records: Vec<_> = all.map(|(device, kept)| kept::write(device, kept, &self.hubs)).collect();
            // Should it fail, the next append finishes it first.
            let _ = self.ledger.replace(&records).await;
        }
    }

    fn answer(&self, question: &Question) -> Answer {
        let device = &question.device;
        match self.placement.status(device) {
            Status::Assigned(registration) => {
                let hub = &self.hubs[registration.belongs.0];
                Answer::assigned(&question.operation, registration_state(device, hub, registration))
            }
            Status::Assigning if self.placement.may_place_soon() => Answer::assigning(&question.operation, POLL_AFTER),
            // Nothing can change before the next health check.
            Status::Assigning => Answer::assigning(&question.operation, self.health_check.as_secs().max(POLL_AFTER)),
        }
    }

    fn describe(&self, device: &str) -> Option<Value> {
        let registration = self.placement.registration(device)?;
        Some(registration_state(device, &self.hubs[registration.belongs.0], registration))
    }
}
