//! The knobs of the IoT system: each is one decision that real software gets wrong, right by default.
//!
//! A knob changes a decision of the real code path; it never drops, copies or reorders anything by itself. Each cites
//! its public report where it is read, in [`section`](super::section).
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! knob {
    ($(#[$doc:meta])* $name:ident { $(#[$right_doc:meta])* $right:ident $(= $right_word:literal)?, $($(#[$wrong_doc:meta])* $wrong:ident $(= $wrong_word:literal)?),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $(#[$right_doc])*
            #[default]
            $(#[serde(rename = $right_word)])?
            $right,
            $($(#[$wrong_doc])* $(#[serde(rename = $wrong_word)])? $wrong,)+
        }
    };
}

knob!(
    /// When a hub confirms telemetry.
    Confirms {
        /// PUBACK follows the sync of what was written.
        AfterStoring,
        /// PUBACK comes first: what was confirmed can be lost with the power.
        BeforeStoring,
    }
);

knob!(
    /// What a hub does when a device is removed from its registry.
    MovedDevice {
        /// It closes the device's connection, and refuses the next one (CONNACK 3).
        CloseAndRefuse,
        /// It closes the connection, and lets the device in again.
        CloseOnly,
    }
);

knob!(
    /// What central does with a message that it has received before.
    DeDuplicates {
        /// It is known by its producer and number, and received once.
        ByNumber,
        /// It is received again.
        Never,
    }
);

knob!(
    /// Where central keeps how far it has read, and what it has received.
    Remembers {
        /// On its disk, with what was received.
        OnDisk,
        /// In its memory: after a restart it begins again.
        InMemory,
    }
);

knob!(
    /// Where a device goes when its session is lost.
    OnSessionLoss {
        /// Back to DPS, which knows where the device belongs now.
        AskDps,
        /// Back to the hub it knows, for ever.
        SameHub,
    }
);

knob!(
    /// What becomes of the client of a hub that the device has left.
    OldClient {
        /// It is shut down before another one is made.
        ShutDown,
        /// It is dropped without a shutdown, and goes on trying its hub every 10 s.
        Kept,
    }
);

knob!(
    /// What a device does when the provisioning service cannot be reached or refuses it.
    WhenDpsFails {
        /// It backs off and tries again.
        Retries,
        /// Its process ends: the error was not handled.
        Exits,
    }
);

knob!(
    /// How long a telemetry message waits to be acknowledged.
    SendTimeOut {
        /// Until it is acknowledged, over any number of sessions.
        Waits,
        /// Four seconds; then it is dropped, and the application goes on with the next one.
        DropsAfterFourSeconds = "4s-drop",
    }
);

knob!(
    /// How often a device subscribes.
    Subscribes {
        /// In every session.
        EachSession,
        /// In the first session of its process: it relies on the hub to keep the session.
        Once,
    }
);

knob!(
    /// When a device acknowledges a command.
    AcksCommands {
        /// When the application has handled it.
        AfterHandling,
        /// When the packet arrives, as the SDKs' MQTT layers do.
        BeforeHandling,
    }
);

knob!(
    /// How often a device reads its twin.
    ReadsTwin {
        /// In every session, after it has subscribed.
        EachSession,
        /// In the first session of its process: it relies on notifications, which are not kept for it while it is away.
        Once,
    }
);

knob!(
    /// Which versions of desired properties a device compares.
    DesiredVersions {
        /// Those of one session with one hub.
        PerSession,
        /// All it has ever seen, though each hub counts its own.
        AcrossHubs,
    }
);

knob!(
    /// How a device tries the provisioning service again.
    DpsRetry {
        /// With back-off and jitter, and no sooner than the service says.
        BacksOff,
        /// At once, whatever the service says.
        AtOnce,
    }
);

knob!(
    /// How many clients use the device's identity.
    Clients {
        /// One.
        One,
        /// Two: a second process with the same device id, each reconnecting as soon as it is kicked.
        Two,
    }
);

knob!(
    /// What a device does before its token ends.
    TokenRenewal {
        /// It reconnects with a fresh one two minutes before.
        BeforeItEnds,
        /// Nothing, and it shows the old one when it reconnects.
        Never,
    }
);

knob!(
    /// What a device does when a hub refuses its credentials (CONNACK 4 or 5).
    OnBadCredentials {
        /// It goes back to the provisioning service with a fresh token.
        Retries,
        /// It never connects again.
        GivesUp,
    }
);

knob!(
    /// What a device does with method requests whose answer may not have arrived when the session ended.
    MethodsAfterReconnect {
        /// It forgets them: the caller has had its time-out.
        Forgets,
        /// It runs them again, so as to answer.
        RunsAgain,
    }
);

knob!(
    /// In which order a device re-sends what was not acknowledged.
    Resends {
        /// In the order in which the application gave it.
        InOrder,
        /// The newest first.
        NewestFirst,
    }
);

knob!(
    /// What holds a message's bytes until it is acknowledged.
    SendBuffer {
        /// Memory of its own.
        Owned,
        /// The application's one buffer, which has the next message in it by the time of a re-send.
        Reused,
    }
);

/// A hub's knobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each knob tells of itself")]
pub struct HubKnobs {
    pub confirms: Confirms,
    pub moved_device: MovedDevice,
}

/// Central's knobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each knob tells of itself")]
pub struct CentralKnobs {
    pub de_duplicates: DeDuplicates,
    pub remembers: Remembers,
}

/// A device's knobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each knob tells of itself")]
pub struct DeviceKnobs {
    pub on_session_loss: OnSessionLoss,
    pub old_client: OldClient,
    pub when_dps_fails: WhenDpsFails,
    pub send_time_out: SendTimeOut,
    pub subscribes: Subscribes,
    pub acks_commands: AcksCommands,
    pub reads_twin: ReadsTwin,
    pub desired_versions: DesiredVersions,
    pub dps_retry: DpsRetry,
    pub clients: Clients,
    pub token_renewal: TokenRenewal,
    pub on_bad_credentials: OnBadCredentials,
    pub methods_after_reconnect: MethodsAfterReconnect,
    pub resends: Resends,
    pub send_buffer: SendBuffer,
}
