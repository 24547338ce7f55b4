//! What a client of the services is to whoever moves its bytes.
use super::old_client::OldClient;
use crate::history::{Cause, Event, Name};
use crate::iot::moment::Moment;
use crate::wire::mqtt::Packet;
use std::time::Duration;

/// What a client wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// Connect to a service; the outcome is to be told to [`Client::dialled`].
    Dial(Name),
    /// Send a packet over the connection.
    Send(Packet),
    /// Close the connection, or give the dialling up. `politely`: after what was sent before.
    HangUp {
        /// Let what was sent before reach the other side.
        politely: bool,
    },
    /// Write into the history.
    Record(Event),
    /// Let another client run beside this one, that nobody will ever shut down.
    Abandon(Box<OldClient>),
    /// The process has ended, though nobody asked it to; its host stays up.
    Exited,
    /// It has stopped, as it was asked to.
    Stopped,
}

/// A client with one connection at most.
pub trait Client: Send {
    /// What has to be done: whoever does it takes it out.
    fn outputs(&mut self) -> &mut Vec<Output>;
    /// Says when to call [`tick`](Self::tick). `None`: only something from outside can happen next.
    fn due(&self, moment: Moment) -> Option<Duration>;
    /// Looks at the clock.
    fn tick(&mut self, moment: Moment);
    /// Takes the outcome of a [`Output::Dial`]: connected, or why not.
    fn dialled(&mut self, moment: Moment, outcome: Result<(), String>);
    /// Takes a packet.
    fn received(&mut self, moment: Moment, packet: Packet);
    /// Takes the end of the connection.
    fn broken(&mut self, moment: Moment, cause: Cause);
    /// Asks it to stop: no new data, a moment for what is outstanding, a goodbye.
    fn stop(&mut self, moment: Moment);
}
