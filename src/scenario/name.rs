//! Names that must be declared elsewhere in the file. The schema's `format` says what each names, and loading looks it up.
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $format:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            pub(crate) const FORMAT: &str = $format;
        }
        impl Deref for $type {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": Self::FORMAT })
            }
        }
    };
}

name!(
    /// A site of `sites:`.
    SiteName, "site"
);
name!(
    /// A host: `dps`, `central`, a hub, a device, or a group of devices (then every one of it).
    HostName, "host"
);
name!(
    /// A host or a site.
    PlaceName, "place"
);
name!(
    /// A hub of `iot: hubs:`.
    HubName, "hub"
);
name!(
    /// A device of `iot: devices:`, or a group of them (then every one of it).
    DeviceName, "device"
);
name!(
    /// A region of `streams: regions:`.
    RegionName, "region"
);
name!(
    /// A stream of `streams: streams:`.
    StreamName, "stream"
);
name!(
    /// A subscription of `streams: subscriptions:`.
    SubscriptionName, "subscription"
);
name!(
    /// A consumer of `streams: consumers:`, or a group of them (then every one of it).
    ConsumerName, "consumer"
);
name!(
    /// A client: a device, a program that publishes or consumes, or a group of them (then every one of it).
    ClientName, "client"
);
name!(
    /// A service that clients connect to: a hub, a broker.
    ServiceName, "service"
);
name!(
    /// An invariant: `lizard explain` lists them.
    InvariantName, "invariant"
);
