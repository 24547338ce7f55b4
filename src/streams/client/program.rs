//! What a program is to whoever moves its bytes.
use super::request::{Ask, Failure, Request};
use crate::history::{Cause, Event, Name};
use crate::wire::http::Response;
use std::time::Duration;

/// What a program wants done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Ask a broker over HTTP; the answer is to be told to [`Program::answered`].
    Ask(Name, Request),
    /// Open a socket; the outcome is to be told to [`Program::opened`].
    Open {
        /// At which broker.
        broker: Name,
        /// Its path and query.
        target: String,
        /// The number of the session that it is to be.
        session: u64,
    },
    /// Send a text over the socket.
    Send(String),
    /// Ping the broker.
    Ping,
    /// Give up what is asked and opened, and close the socket. `politely`: after what was sent before, with a goodbye.
    HangUp {
        /// Let what was sent before reach the broker.
        politely: bool,
    },
    /// Write into the history.
    Record(Event),
    /// The program is over, though nobody asked it to stop; its host stays up.
    Exited,
    /// It has stopped, as it was asked to.
    Stopped,
}

/// A program with one session at most.
pub trait Program: Send {
    /// Takes what has to be done since the last call.
    fn outputs(&mut self) -> Vec<Output>;
    /// Says when to call [`tick`](Self::tick). `None`: only something from outside can happen next.
    fn due(&self) -> Option<Duration>;
    /// Looks at the clock.
    fn tick(&mut self, now: Duration);
    /// Takes the answer to an [`Output::Ask`], or why there is none.
    fn answered(&mut self, now: Duration, ask: Ask, answer: Result<Response, String>);
    /// Takes the outcome of an [`Output::Open`].
    fn opened(&mut self, now: Duration, outcome: Result<(), Failure>);
    /// Takes a text that came over the socket; `None`: another sign of life, such as the answer to a ping.
    fn heard(&mut self, now: Duration, text: Option<&str>);
    /// Takes the end of the socket.
    fn broken(&mut self, now: Duration, cause: Cause);
    /// Asks it to stop: nothing new, a moment for what is outstanding, a goodbye.
    fn stop(&mut self, now: Duration);
}
