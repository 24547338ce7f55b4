//! The one task that decides: it owns the placement and the disk, and everybody else asks it.
use super::allocation::HubIndex;
use super::answer::{Answer, failed_back, failed_over, registration_info, registration_state, whole_seconds};
use super::control::{Told, Wish};
use super::errands::Couriers;
use super::health::Check;
use super::kept;
use super::placement::{Input, ManualError, Output, Placement, Status};
use super::session::{Question, QuestionKind};
use super::throttle::{Request, Throttle};
use crate::history::Name;
use crate::host::Host;
use crate::iot::moment::Moment;
use crate::iot::plan::DpsPlan;
use crate::ledger::Ledger;
use crate::mailbox::next_batch;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A device that registers polls after this: about as long as the hub takes to hear of it.
const POLL_AFTER: Duration = Duration::from_secs(1);
/// And after this from then on: as often as one device may poll.
const POLL_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// A disk that fails is tried again after this long. Meanwhile nothing is decided.
const DISK_RETRY: Duration = Duration::from_secs(1);
/// So many inputs are decided at once, for one sync of the disk.
const BATCH: usize = 256;
/// The ledger is rewritten when it holds this many records more than four for each device.
const SLACK: u64 = 64;

/// What the desk is told or asked.
pub(super) enum Letter {
    Question(Question, oneshot::Sender<Answer>),
    /// An operator asks something about a device.
    Wish(Name, Wish, oneshot::Sender<Told>),
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
    /// Asks something about a device for an operator. `None`: the service is going down.
    pub(super) async fn wish(&self, device: Name, wish: Wish) -> Option<Told> {
        let (reply, told) = oneshot::channel();
        self.drop(Letter::Wish(device, wish, reply));
        told.await.ok()
    }
}

/// Who is to be told what, once everything decided so far is durable.
enum Reply {
    /// How its registration goes then.
    Answer(Question, oneshot::Sender<Answer>),
    Throttled(Answer, oneshot::Sender<Answer>),
    Told(Told, oneshot::Sender<Told>),
}

pub(super) struct Desk {
    host: Host,
    hubs: Vec<Name>,
    health_check: Duration,
    placement: Placement,
    throttle: Throttle,
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
        let throttle = Throttle::new(plan.limit);
        let (hubs, health_check) = (hubs.to_vec(), plan.health_check);
        let desk = Self { host, hubs, health_check, placement, throttle, ledger, letters };
        Ok((desk, LetterBox(sender)))
    }

    /// Works until nobody can write to it any more.
    pub(super) async fn work(mut self, couriers: Couriers) {
        while let Some(mail) = self.next_mail().await {
            let (mut outputs, mut replies) = (Vec::new(), Vec::new());
            for letter in mail {
                self.open_letter(letter, &mut outputs, &mut replies);
            }
            let now = Moment::of(&self.host);
            if self.placement.deadline().is_some_and(|due| due <= now.now) {
                outputs.extend(self.placement.handle(now, Input::Tick));
            }
            self.keep(&outputs).await;
            for output in outputs {
                match output {
                    Output::Keep(_) => {}
                    Output::Record(event) => self.host.record(event),
                    Output::Run(device, errand) => couriers.send(device, errand),
                }
            }
            for reply in replies {
                self.send(reply);
            }
        }
    }

    fn open_letter(&mut self, letter: Letter, outputs: &mut Vec<Output>, replies: &mut Vec<Reply>) {
        let at = Moment::of(&self.host);
        let input = match letter {
            Letter::Question(question, reply) => {
                let device = question.device.clone();
                let (request, input) = match &question.kind {
                    QuestionKind::Register { model } => {
                        (Request::Register, Input::Register { device: device.clone(), model: model.clone() })
                    }
                    QuestionKind::Poll => (Request::Poll, Input::Poll(device.clone())),
                };
                if let Err(wait) = self.throttle.admit(at.now, &device, request) {
                    let answer = Answer::throttled(wait, &question.operation, at.wall_clock);
                    replies.push(Reply::Throttled(answer, reply));
                    return;
                }
                replies.push(Reply::Answer(question, reply));
                input
            }
            Letter::Wish(device, wish, reply) => {
                let told = self.fulfil(at, &device, wish, outputs);
                replies.push(Reply::Told(told, reply));
                return;
            }
            Letter::Checked(hub, check) => Input::Checked(hub, check),
            Letter::Done(device, carried_out) => Input::Done(device, carried_out),
        };
        outputs.extend(self.placement.handle(at, input));
    }

    /// Does what an operator asks for, and says what to tell once it is durable.
    fn fulfil(&mut self, at: Moment, device: &Name, wish: Wish, outputs: &mut Vec<Output>) -> Told {
        match wish {
            Wish::Info => {
                let registration = self.placement.registration(device).ok_or(ManualError::Unknown)?;
                let (hub, placing) = (&self.hubs[registration.belongs.0], self.placement.is_being_placed(device));
                Ok(registration_info(device, hub, placing, registration, at))
            }
            Wish::FailOver(stay) => {
                let moved = self.placement.fail_over(at, device, stay)?;
                outputs.extend(moved.outputs);
                Ok(failed_over(&self.hubs[moved.home.0], at.wall_clock + stay))
            }
            Wish::FailBack => {
                let moved = self.placement.fail_back(at, device)?;
                outputs.extend(moved.outputs);
                Ok(failed_back(&self.hubs[moved.home.0]))
            }
        }
    }

    /// Answers, if whoever asked is still there.
    fn send(&mut self, reply: Reply) {
        match reply {
            Reply::Answer(question, to) => drop(to.send(self.answer(&question))),
            Reply::Throttled(answer, to) => drop(to.send(answer)),
            Reply::Told(told, to) => drop(to.send(told)),
        }
    }

    /// Waits for letters, or for the placement's next deadline.
    async fn next_mail(&mut self) -> Option<Vec<Letter>> {
        next_batch(&self.host, &mut self.letters, self.placement.deadline(), BATCH).await
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

    fn answer(&mut self, question: &Question) -> Answer {
        let device = &question.device;
        if let Status::Assigned(registration) = self.placement.status(device) {
            let hub = &self.hubs[registration.belongs.0];
            return Answer::assigned(&question.operation, registration_state(device, hub, registration));
        }
        let wait = match question.kind {
            // Nothing can change before the next health check.
            _ if !self.placement.may_place_soon() => self.health_check.max(POLL_AGAIN_AFTER),
            QuestionKind::Register { .. } => POLL_AFTER,
            QuestionKind::Poll => POLL_AGAIN_AFTER,
        };
        // Nobody is told to come back before it may.
        let wait = wait.max(self.throttle.until_next_poll(self.host.now(), device));
        Answer::assigning(&question.operation, whole_seconds(wait))
    }
}
