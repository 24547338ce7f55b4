//! What a loss is told as, whichever promise it breaks.
use super::{Scene, Violation};
use crate::history::{DestinationId, MessageId};
use std::time::Duration;

impl Violation {
    /// Tells that a message which was `done` (offered, confirmed) at some time has not come to one of its destinations.
    pub(super) fn never_received(
        now: Duration,
        scene: &Scene<'_>,
        (message, destination): (MessageId, DestinationId),
        done: &str,
        at: Duration,
    ) -> Self {
        let what = format!(
            "{} was {done} at {:.3} s and never received by {}",
            scene.roster.message(message),
            at.as_secs_f64(),
            scene.roster.destination_name(destination)
        );
        Self { at: now, message: Some(message), what, custody: scene.custody.of(message) }
    }
}
