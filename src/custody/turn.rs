//! What one entry meant for a message.
use super::LaneId;
use crate::history::{DestinationId, MessageId};

/// What the latest entry changed in custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's words tell its fields")]
pub enum Turn {
    /// Nothing that closes or breaks an obligation.
    Quiet,
    /// A number that its producer had offered before was offered as a new message.
    OfferedTwice { message: MessageId },
    /// The first confirmation. `kept`: how many destinations that are owed it have it already.
    Confirmed { message: MessageId, kept: u64, tried: bool },
    /// `missing`: how many destinations were owed it and had not got it.
    GivenUp { message: MessageId, missing: u64, why: &'static str },
    /// An application finished handling it.
    Received { message: MessageId, destination: DestinationId, receipt: Receipt },
}

/// What a receipt was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's words tell its fields")]
pub enum Receipt {
    /// The first of this message at this destination.
    First {
        lane: LaneId,
        /// It was owed.
        owed: bool,
        /// It had been confirmed.
        confirmed: bool,
        /// A fault was on its path while it was open.
        tried: bool,
        /// Its bytes are not those that were offered.
        other_bytes: bool,
    },
    /// Not the first.
    Again {
        lane: LaneId,
        /// Something on its own path explains it.
        caused: bool,
        other_bytes: bool,
    },
    /// It should not have come at all.
    Unexpected(Stranger),
}

/// Why a receipt is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Its producer never offered that number, or does not exist.
    NeverOffered,
    /// No route leads from its producer to where it was received.
    NoRoute,
}
