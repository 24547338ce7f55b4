//! What producers send.
use super::{Alarm, Broker, Stage};
use crate::history::MessageId;
use crate::streams::broker::commit::{Effect, Fact, Published};
use crate::streams::broker::frame::{SendError, ServerFrame};
use crate::streams::broker::input::SocketId;
use crate::streams::broker::message::Message;
use crate::streams::broker::message_id::WireId;
use crate::streams::broker::topic::Topic;
use crate::streams::knobs::Answers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::time::Duration;

/// With the knob `answers: before-storing`: how long a confirmed message waits for its place on the disk, as in brokers
/// that leave it to a periodic flush.
const LAZY_FLUSH: Duration = Duration::from_secs(10);

impl Broker {
    pub(super) fn publish(&mut self, now: Duration, from: SocketId, message: Message, context: Option<String>) {
        let Some(socket) = self.sockets.get(&from).filter(|socket| matches!(socket.stage, Stage::Producer)) else {
            return;
        };
        let topic = socket.attachment.topic().clone();
        let Ok(body) = BASE64.decode(message.payload.as_bytes()) else {
            let (result, error_msg) = (SendError::PayloadEncoding, "Invalid base64 message payload".to_owned());
            return self.send(from, ServerFrame::Failed { result, error_msg, context });
        };
        if self.stopping {
            return self.not_taken(from, "the broker stops", context);
        }
        let made = self.settings.producers.message(&body);
        let published = Published { topic, at: now, message, made };
        match self.settings.plan.knobs.answers {
            Answers::AfterStoring => {
                let fact = Fact::Published(Box::new(published));
                self.commits.push(fact, Effect::Confirm { socket: from, context });
            }
            Answers::BeforeStoring => {
                let id = self.expected_id(&published.topic);
                self.confirm(from, id, context);
                self.lazy.push(published);
                self.alarms.set_once(Alarm::Lazy, now + LAZY_FLUSH);
            }
        }
    }

    /// Where a message will lie that is not stored yet, if nothing goes wrong.
    fn expected_id(&self, topic: &Topic) -> WireId {
        let assigned = self.streams.get(topic).map_or(0, |stream| stream.assigned);
        let lazy = self.lazy.iter().filter(|published| published.topic == *topic).count() as u64;
        WireId { ledger: self.settings.boot.into(), entry: assigned + self.commits.waiting_for(topic) + lazy }
    }

    /// Hands what the knob holds back to the disk.
    pub(super) fn flush_lazy(&mut self) {
        self.alarms.set(Alarm::Lazy, None);
        for published in std::mem::take(&mut self.lazy) {
            self.commits.push(Fact::Published(Box::new(published)), Effect::Nothing);
        }
    }

    pub(super) fn confirm(&mut self, to: SocketId, id: WireId, context: Option<String>) {
        self.send(to, ServerFrame::Confirmed { result: "ok", message_id: id.to_text(), context });
    }

    pub(super) fn not_taken(&mut self, to: SocketId, why: &str, context: Option<String>) {
        let error_msg = why.to_owned();
        self.send(to, ServerFrame::Failed { result: SendError::Unknown, error_msg, context });
    }

    /// Reads which built-in message this is, if it is one.
    pub(super) fn made(&self, message: &Message) -> Option<MessageId> {
        self.settings.producers.message(&BASE64.decode(message.payload.as_bytes()).ok()?)
    }
}
