//! A stream's name on the wire.
use crate::streams::plan::Scope;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

const GLOBAL: &str = "c8globals.";
const LOCAL: &str = "c8locals.";

/// A stream as the service names it: `c8globals.orders`, `c8locals.notes` (Macrometa docs, streams).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Topic(Arc<str>);

/// Why a text names no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream's name begins with c8globals. or c8locals. and goes on")]
pub struct NotATopic;

impl Topic {
    /// Joins a bare name and its scope.
    pub fn new(scope: Scope, name: &str) -> Self {
        Self(format!("{}{name}", prefix(scope)).into())
    }

    /// Reads the name on the wire.
    ///
    /// # Errors
    /// [`NotATopic`].
    pub fn parse(text: &str) -> Result<Self, NotATopic> {
        let bare = text.strip_prefix(GLOBAL).or_else(|| text.strip_prefix(LOCAL)).ok_or(NotATopic)?;
        if bare.is_empty() { Err(NotATopic) } else { Ok(Self(text.into())) }
    }

    /// Says who has it.
    pub fn scope(&self) -> Scope {
        if self.0.starts_with(GLOBAL) { Scope::Global } else { Scope::Local }
    }

    /// Its bare name: `orders`.
    pub fn name(&self) -> &str {
        &self.0[prefix(self.scope()).len()..]
    }

    /// Its name on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn prefix(scope: Scope) -> &'static str {
    match scope {
        Scope::Global => GLOBAL,
        Scope::Local => LOCAL,
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Topic {
    type Error = NotATopic;

    fn try_from(text: String) -> Result<Self, NotATopic> {
        Self::parse(&text)
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_scope_and_the_bare_name() {
        let orders = Topic::parse("c8globals.orders").unwrap();
        assert_eq!((orders.scope(), orders.name()), (Scope::Global, "orders"));
        assert_eq!(Topic::new(Scope::Local, "notes").as_str(), "c8locals.notes");
        assert_eq!(Topic::parse("c8locals.notes").map(|topic| topic.scope()), Ok(Scope::Local));
        for wrong in ["orders", "c8globals.", "c8global.orders", ""] {
            assert_eq!(Topic::parse(wrong), Err(NotATopic), "{wrong}");
        }
    }
}
