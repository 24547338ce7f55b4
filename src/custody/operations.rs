//! What became of the operators' requests: when each was asked and answered, what the device did, and every event of it.
use crate::history::{Entry, Event, OperationId, Roster};
use std::time::Duration;

/// Events kept of one operation; a device that is sent the same command for ever must not fill the memory.
const KEPT: usize = 40;

/// What came back to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When.
    pub at: Duration,
    /// An HTTP status; 0: there was none.
    pub status: u16,
    /// The body, or why there was none.
    pub message: String,
}

impl Answer {
    /// Whether the service took the request on.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// One operation of the roster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asking {
    /// When the operator asked; `None`: it never did.
    pub asked_at: Option<Duration>,
    /// What the operator was told.
    pub answer: Option<Answer>,
    /// How often the device's application finished handling the command.
    pub handled: u64,
    /// How often the device's application ran the method.
    pub runs: u64,
    entries: Vec<Entry>,
}

impl Asking {
    /// Everything that was recorded about it, the first forty entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// All operations of a roster, folded.
#[derive(Clone, Debug, PartialEq)]
pub struct Operations(Vec<Asking>);

impl Operations {
    /// Nothing has been asked yet.
    pub fn new(roster: &Roster) -> Self {
        Self(vec![Asking::default(); roster.operations.len()])
    }
    /// Folds one entry. Operations that the roster does not have are nobody's.
    pub fn see(&mut self, entry: &Entry) {
        let Some(asking) = entry.event.operation().and_then(|id| self.0.get_mut(id.index())) else { return };
        match &entry.event {
            Event::Asked { .. } => asking.asked_at = Some(entry.at),
            Event::Answered { status, message, .. } => {
                asking.answer = Some(Answer { at: entry.at, status: *status, message: message.clone() });
            }
            Event::CommandHandled { .. } => asking.handled += 1,
            Event::MethodRun { .. } => asking.runs += 1,
            _ => {}
        }
        if asking.entries.len() < KEPT {
            asking.entries.push(entry.clone());
        }
    }
    /// Finds one.
    pub fn of(&self, operation: OperationId) -> Option<&Asking> {
        self.0.get(operation.index())
    }
    /// Lists them in the roster's order.
    pub fn all(&self) -> &[Asking] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Operation, Owes};

    fn roster() -> Roster {
        let operation = Operation {
            name: "command blink".into(),
            verb: "command",
            client: "xyz".into(),
            host: "operator".into(),
            service: "central".into(),
            owes: Owes::Handling { ttl: Duration::from_secs(60) },
        };
        Roster { operations: vec![operation], ..Roster::default() }
    }
    fn told(operations: &mut Operations, at: u64, event: Event) {
        operations.see(&Entry { at: Duration::from_secs(at), host: "operator".into(), event });
    }

    #[test]
    fn an_operation_is_followed_from_asked_to_handled() {
        let (mut operations, operation) = (Operations::new(&roster()), OperationId(0));
        told(&mut operations, 1, Event::Asked { operation });
        told(&mut operations, 2, Event::Answered { operation, status: 202, message: "queued".into() });
        told(&mut operations, 3, Event::CommandHandled { operation });
        let asking = operations.of(operation).unwrap();
        assert_eq!((asking.asked_at, asking.handled, asking.entries().len()), (Some(Duration::from_secs(1)), 1, 3));
        assert!(asking.answer.as_ref().unwrap().is_accepted());
    }

    #[test]
    fn an_operation_of_nobody_is_left_alone_and_memory_stays_small() {
        let (mut operations, operation) = (Operations::new(&roster()), OperationId(0));
        told(&mut operations, 1, Event::Asked { operation: OperationId(7) });
        for at in 0..1000 {
            told(&mut operations, at, Event::CommandDelivered { operation });
        }
        assert_eq!(operations.of(operation).unwrap().entries().len(), KEPT);
        assert!(operations.of(OperationId(7)).is_none());
    }
}
