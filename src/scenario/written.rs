//! Values that files write as one word with a unit: read by `FromStr`, written by `Display`.
use super::duration::{DurationRange, OffsetRange};
use super::measure::{Bandwidth, Drift, Rate, Share};
use std::fmt::Display;
use std::str::FromStr;

/// A value with a spelling of its own.
pub(crate) trait Written: FromStr<Err = String> + Display {
    /// Its name in the schema (`format`).
    const FORMAT: &str;
    /// What to write, for messages.
    const EXPECTED: &str;
}

/// Gives a [`Written`] type its serde and schema faces.
macro_rules! written {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "format": <$type as $crate::scenario::written::Written>::FORMAT,
                    "description": <$type as $crate::scenario::written::Written>::EXPECTED,
                })
            }
        }
    };
}
pub(crate) use written;

/// Reads a text as the schema's `format` wants it. `None`: not one of these formats.
/// On a mistake: what is wrong and what was expected.
pub(crate) fn check(format: &str, text: &str) -> Option<Result<(), (String, &'static str)>> {
    fn of<T: Written>(text: &str) -> Option<Result<(), (String, &'static str)>> {
        Some(text.parse::<T>().map(drop).map_err(|wrong| (wrong, T::EXPECTED)))
    }
    match format {
        DurationRange::FORMAT => of::<DurationRange>(text),
        OffsetRange::FORMAT => of::<OffsetRange>(text),
        Share::FORMAT => of::<Share>(text),
        Bandwidth::FORMAT => of::<Bandwidth>(text),
        Drift::FORMAT => of::<Drift>(text),
        Rate::FORMAT => of::<Rate>(text),
        _ => None,
    }
}
