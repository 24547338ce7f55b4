//! What a program is to whoever moves its bytes.
use super::request::{Ask, Failure, Request};
use super::session::{Session, Turn};
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

/// A program with one session at most. Each has its own work; how it hears of the world is the same for all.
pub trait Program: Send {
    /// Gives its session, and what has to be done.
    fn parts(&mut self) -> (&mut Session, &mut Vec<Output>);
    /// Takes a text that came over the socket; says what becomes of the session.
    fn told(&mut self, now: Duration, text: &str) -> Turn;
    /// Takes note of what became of the session.
    fn follow(&mut self, turn: Turn);
    /// Does its work, as far as it can after anything that happened.
    fn go_on(&mut self, now: Duration);
    /// Says when to call [`tick`](Self::tick). `None`: only something from outside can happen next.
    fn due(&self) -> Option<Duration>;
    /// Asks it to stop: nothing new, a moment for what is outstanding, a goodbye.
    fn stop(&mut self, now: Duration);

    /// Takes what has to be done since the last call.
    fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(self.parts().1)
    }
    /// Looks at the clock.
    fn tick(&mut self, now: Duration) {
        let (session, outputs) = self.parts();
        let turn = session.tick(now, outputs);
        self.follow(turn);
        self.go_on(now);
    }
    /// Takes the answer to an [`Output::Ask`], or why there is none.
    fn answered(&mut self, now: Duration, ask: Ask, answer: Result<Response, String>) {
        let (session, outputs) = self.parts();
        session.answered(now, ask, answer, outputs);
        self.go_on(now);
    }
    /// Takes the outcome of an [`Output::Open`].
    fn opened(&mut self, now: Duration, outcome: Result<(), Failure>) {
        let (session, outputs) = self.parts();
        let turn = session.opened(now, outcome, outputs);
        self.follow(turn);
        self.go_on(now);
    }
    /// Takes a text that came over the socket; `None`: another sign of life, such as the answer to a ping.
    fn heard(&mut self, now: Duration, text: Option<&str>) {
        self.parts().0.heard(now);
        if let Some(text) = text {
            let turn = self.told(now, text);
            self.follow(turn);
        }
        self.go_on(now);
    }
    /// Takes the end of the socket.
    fn broken(&mut self, now: Duration, cause: Cause) {
        let (session, outputs) = self.parts();
        let turn = session.lost(now, cause, outputs);
        self.follow(turn);
        self.go_on(now);
    }
}
