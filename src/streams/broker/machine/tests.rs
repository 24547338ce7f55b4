//! A broker played by hand: producers and consumers are a few lines each, its disk is a list of records.
use super::{Broker, Settings};
use crate::history::{DestinationId, Event, Producer, Roster, SubscriptionMode};
use crate::streams::broker::call::{Answer, Call, Refusal};
use crate::streams::broker::frame::ServerFrame;
use crate::streams::broker::input::{Attachment, ConsumerOptions, Input, ReadFrom, Session, SocketId, Ticket};
use crate::streams::broker::message::Message;
use crate::streams::broker::output::Output;
use crate::streams::broker::topic::Topic;
use crate::streams::knobs::BrokerKnobs;
use crate::streams::plan::{BrokerPlan, HalfOpen, Selection, SubscriptionPlan, UnknownStream};
use crate::wire::payload::Payload;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::BTreeMap;
use std::time::Duration;

mod attaching;
mod one_active;
mod publishing;
mod random;
mod regions;
mod rest;
mod restarting;
mod sharing;

const TILL: SocketId = 1;
const SECOND: Duration = Duration::from_secs(1);

fn orders() -> Topic {
    Topic::parse("c8globals.orders").unwrap()
}

fn plan() -> BrokerPlan {
    BrokerPlan {
        host: "broker-west".into(),
        site: "west".into(),
        region: "west".into(),
        others: Vec::new(),
        subscriptions: vec![SubscriptionPlan {
            name: "workers".into(),
            topic: "c8globals.orders".into(),
            destination: DestinationId(0),
            selection: Selection::FirstConnected,
            delay: SECOND,
        }],
        unknown_stream: UnknownStream::Creates,
        half_open: HalfOpen::Probed,
        ping: Duration::from_secs(30),
        time_to_live: Duration::from_secs(72 * 3600),
        knobs: BrokerKnobs::default(),
    }
}

fn roster() -> Roster {
    let producer = |name: &str| Producer { name: name.into(), host: "till".into() };
    Roster { producers: vec![producer("till"), producer("other")], ..Roster::default() }
}

/// One built-in message of the till, as it is published.
fn message(number: u64) -> Message {
    Message {
        payload: BASE64.encode(Payload::new("till", number).to_bytes()).into(),
        properties: BTreeMap::new(),
        key: None,
        event_time: None,
        publish_time: 0,
    }
}

fn options(mode: SubscriptionMode, name: &str) -> ConsumerOptions {
    ConsumerOptions {
        topic: orders(),
        subscription: "workers".into(),
        mode,
        name: name.into(),
        priority: 0,
        queue: 1000,
        ack_time_out: None,
        nack_delay: Duration::from_secs(60),
        pull: false,
        dead_letter: None,
    }
}

/// A broker, its disk, and what it has wanted done.
struct Stage {
    broker: Broker,
    plan: BrokerPlan,
    boot: u32,
    now: Duration,
    disk: Vec<Vec<u8>>,
    disk_fails: bool,
    outputs: Vec<Output>,
    /// The ids under which messages were sent to sockets last.
    ids: BTreeMap<(SocketId, u64), String>,
}

impl Stage {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut BrokerPlan)) -> Self {
        let mut plan = plan();
        change(&mut plan);
        let broker = Broker::remember(Settings::new(plan.clone(), 1, &roster()), Duration::ZERO, &[]);
        let (boot, now) = (1, Duration::ZERO);
        Self { broker, plan, boot, now, disk: vec![], disk_fails: false, outputs: vec![], ids: BTreeMap::new() }
    }

    fn with_knobs(change: impl FnOnce(&mut BrokerKnobs)) -> Self {
        Self::with(|plan| change(&mut plan.knobs))
    }

    // What happens.

    /// Tells the broker something, and stores what it wants stored.
    fn tell(&mut self, input: Input) -> &mut Self {
        self.tell_only(input);
        while self.write() {}
        self
    }

    fn tell_only(&mut self, input: Input) {
        let outputs = self.broker.handle(self.now, input);
        for output in &outputs {
            if let Output::Send(socket, ServerFrame::Message { message_id, payload, .. }) = output {
                self.ids.insert((*socket, number(payload)), message_id.clone());
            }
        }
        self.outputs.extend(outputs);
    }

    /// Writes one batch.
    fn write(&mut self) -> bool {
        let Some(records) = self.broker.begin_commit() else { return false };
        if self.disk_fails {
            self.tell_only(Input::StoreFailed);
        } else {
            self.disk.extend(records);
            self.tell_only(Input::Stored);
        }
        true
    }

    /// Lets time pass, with every alarm at its time.
    fn after(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        while let Some(at) = self.broker.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tell(Input::Tick);
        }
        self.now = end;
        self
    }

    /// Kills the broker, and boots it from its disk.
    fn restart(&mut self) -> &mut Self {
        self.boot += 1;
        self.broker = Broker::remember(Settings::new(self.plan.clone(), self.boot, &roster()), self.now, &self.disk);
        self.outputs.clear();
        self.tell(Input::Tick)
    }

    /// Sums its disk up.
    fn compact(&mut self) -> &mut Self {
        self.disk = self.broker.snapshot(u64::MAX).unwrap();
        self
    }

    fn attach(&mut self, socket: SocketId, attachment: Attachment) -> &mut Self {
        self.tell(Input::Attach { socket, attachment, session: None })
    }

    fn producer(&mut self) -> &mut Self {
        self.attach(TILL, Attachment::Producer { topic: orders(), name: None })
    }

    fn consumer(&mut self, socket: SocketId, mode: SubscriptionMode, name: &str) -> &mut Self {
        self.attach(socket, Attachment::Consumer(options(mode, name)))
    }

    fn consumer_with(
        &mut self,
        socket: SocketId,
        mode: SubscriptionMode,
        change: impl FnOnce(&mut ConsumerOptions),
    ) -> &mut Self {
        let mut options = options(mode, &format!("consumer-{socket}"));
        change(&mut options);
        self.attach(socket, Attachment::Consumer(options))
    }

    fn publish(&mut self, numbers: impl IntoIterator<Item = u64>) -> &mut Self {
        for number in numbers {
            self.tell(Input::Publish { socket: TILL, message: message(number), context: None });
        }
        self
    }

    fn publish_keyed(&mut self, number: u64, key: &str) -> &mut Self {
        let message = Message { key: Some(key.to_owned()), ..message(number) };
        self.tell(Input::Publish { socket: TILL, message, context: None })
    }

    fn id(&self, socket: SocketId, number: u64) -> String {
        self.ids.get(&(socket, number)).cloned().unwrap_or_else(|| panic!("{socket} never got {number}"))
    }

    fn ack(&mut self, socket: SocketId, numbers: impl IntoIterator<Item = u64>) -> &mut Self {
        for number in numbers {
            let id = self.id(socket, number);
            self.tell(Input::Ack { socket, id });
        }
        self
    }

    fn nack(&mut self, socket: SocketId, number: u64) -> &mut Self {
        let id = self.id(socket, number);
        self.tell(Input::Nack { socket, id })
    }

    fn close(&mut self, socket: SocketId) -> &mut Self {
        self.tell(Input::Closed { socket, why: "eof" })
    }

    fn call(&mut self, call: Call) -> Answer {
        let ticket: Ticket = 7;
        self.tell(Input::Rest { ticket, call });
        let index = self.outputs.iter().position(|output| matches!(output, Output::Reply(..))).unwrap();
        match self.outputs.remove(index) {
            Output::Reply(_, answer) => answer,
            _ => unreachable!("it was looked for"),
        }
    }

    // What came of it. Each takes what it tells of.

    /// The numbers of the messages that a socket was sent.
    fn got(&mut self, socket: SocketId) -> Vec<u64> {
        self.got_counted(socket).into_iter().map(|(number, _)| number).collect()
    }

    /// With how often it is told that they were sent before.
    fn got_counted(&mut self, socket: SocketId) -> Vec<(u64, u32)> {
        self.take(|output| match output {
            Output::Send(to, ServerFrame::Message { payload, redelivery_count, .. }) if *to == socket => {
                Some((number(payload), *redelivery_count))
            }
            _ => None,
        })
    }

    fn events(&mut self) -> Vec<Event> {
        self.take(|output| match output {
            Output::Record(event) | Output::RecordOnce { event, .. } => Some(event.clone()),
            _ => None,
        })
    }

    /// Who was made the active one, and how much was held then.
    fn activated(&mut self) -> Vec<(String, u64)> {
        let of_one = |event| match event {
            Event::Activated { client, held, .. } => Some((client.to_string(), held)),
            _ => None,
        };
        self.events().into_iter().filter_map(of_one).collect()
    }

    fn accepted(&mut self) -> Vec<SocketId> {
        self.take(|output| match output {
            Output::Accept(socket) => Some(*socket),
            _ => None,
        })
    }

    fn refused(&mut self) -> Vec<(SocketId, u16)> {
        self.take(|output| match output {
            Output::Refuse(socket, Refusal { status, .. }) => Some((*socket, *status)),
            _ => None,
        })
    }

    fn closed(&mut self) -> Vec<SocketId> {
        self.take(|output| match output {
            Output::Close { socket, .. } => Some(*socket),
            _ => None,
        })
    }

    fn probed(&mut self) -> Vec<SocketId> {
        self.take(|output| match output {
            Output::Probe(socket) => Some(*socket),
            _ => None,
        })
    }

    fn answers(&mut self) -> Vec<ServerFrame> {
        self.take(|output| match output {
            Output::Send(TILL, frame) => Some(frame.clone()),
            _ => None,
        })
    }

    fn take<T>(&mut self, wanted: impl Fn(&Output) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        self.outputs.retain(|output| match wanted(output) {
            Some(one) => {
                found.push(one);
                false
            }
            None => true,
        });
        found
    }

    fn kept(&self) -> usize {
        self.broker.streams[&orders()].log.len()
    }
}

fn number(payload: &str) -> u64 {
    Payload::parse(&BASE64.decode(payload).unwrap()).unwrap().number
}
