//! A registration as it lies on disk: JSON with the hubs' names, so that a person can read it and a
//! plan that lists its hubs in another order still means the same.
use super::allocation::HubIndex;
use super::registration::{Away, Registration};
use crate::history::{Name, Reason};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeptError {
    #[error("not a registration: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("registration names hub {0}, which is not linked to this service")]
    UnknownHub(String),
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    device: Cow<'a, str>,
    home: Cow<'a, str>,
    belongs: Cow<'a, str>,
    reason: Reason,
    /// A manual failover lasts until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    away_until: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    generation: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    owed: BTreeMap<Cow<'a, str>, u64>,
    created: SystemTime,
    updated: SystemTime,
}

/// Writes one device's registration. The latest record of a device stands for all before it.
pub(super) fn write(device: &str, registration: &Registration, hubs: &[Name]) -> Vec<u8> {
    let name = |hub: HubIndex| Cow::Borrowed(&*hubs[hub.0]);
    let record = Record {
        device: device.into(),
        home: name(registration.home),
        belongs: name(registration.belongs),
        reason: registration.reason,
        away_until: registration.away.map(|away| away.until),
        model: registration.model.as_deref().map(Cow::Borrowed),
        generation: registration.generation,
        owed: registration.owed.iter().map(|(hub, generation)| (name(*hub), *generation)).collect(),
        created: registration.created,
        updated: registration.updated,
    };
    serde_json::to_vec(&record).expect("names, numbers and dates after 1970 are always JSON")
}

/// Reads records in the order of their writing.
///
/// # Errors
/// [`KeptError`].
pub(super) fn read_all(records: &[Vec<u8>], hubs: &[Name]) -> Result<BTreeMap<Name, Registration>, KeptError> {
    let index = |name: &str| {
        let at = hubs.iter().position(|hub| **hub == *name);
        at.map(HubIndex).ok_or_else(|| KeptError::UnknownHub(name.to_owned()))
    };
    let mut kept = BTreeMap::new();
    for record in records {
        let record: Record<'_> = serde_json::from_slice(record)?;
        let owed = record.owed.iter().map(|(hub, generation)| Ok((index(hub)?, *generation)));
        let registration = Registration {
            home: index(&record.home)?,
            belongs: index(&record.belongs)?,
            reason: record.reason,
            away: record.away_until.map(|until| Away { until }),
            model: record.model.map(Cow::into_owned),
            generation: record.generation,
            owed: owed.collect::<Result<_, KeptError>>()?,
            created: record.created,
            updated: record.updated,
        };
        kept.insert(Name::from(&*record.device), registration);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    fn hubs() -> Vec<Name> {
        ["hub-a", "hub-b"].map(Name::from).to_vec()
    }

    #[test]
    fn the_latest_record_of_a_device_is_what_is_read() {
        let mut registration = Registration::new(HubIndex(0), UNIX_EPOCH + Duration::new(1_618_862_400, 123_456_789));
        let first = write("xyz", &registration, &hubs());
        registration.move_to(HubIndex(1), Reason::ManualFailover, UNIX_EPOCH + Duration::from_secs(1_618_862_500));
        registration.away = Some(Away { until: Duration::new(300, 7) });
        registration.model = Some("dtmi:Sample:Failover;1".into());
        let second = write("xyz", &registration, &hubs());
        let other = write("abc", &Registration::new(HubIndex(1), UNIX_EPOCH), &hubs());
        let read = read_all(&[first, other, second], &hubs()).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read["xyz"], registration);
    }

    #[test]
    fn hubs_are_kept_by_name() {
        let record = write("xyz", &Registration::new(HubIndex(0), UNIX_EPOCH), &hubs());
        let reversed: Vec<Name> = hubs().into_iter().rev().collect();
        assert_eq!(read_all(std::slice::from_ref(&record), &reversed).unwrap()["xyz"].home, HubIndex(1));
        let gone = read_all(&[record], &hubs()[1..]);
        assert!(matches!(gone, Err(KeptError::UnknownHub(hub)) if hub == "hub-a"));
        assert!(matches!(read_all(&[b"{}".to_vec()], &hubs()), Err(KeptError::Shape(_))));
    }

    proptest! {
        #[test]
        fn what_is_no_record_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(read_all(&[bytes], &hubs()).is_err());
        }
    }
}
