//! How a message is named on the wire.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Where a message lies: on the wire the base64 of a protobuf `MessageIdData` (Apache Pulsar, `PulsarApi.proto`), of
/// which `ledgerId` is field 1 and `entryId` field 2. Clients are to treat it as opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireId {
    /// The broker's boot in which it was stored.
    pub ledger: u64,
    /// Its position in the stream.
    pub entry: u64,
}

/// Protobuf's key of a field that is a varint.
const fn varint_field(number: u64) -> u64 {
    number << 3
}
const LEDGER: u64 = varint_field(1);
const ENTRY: u64 = varint_field(2);

impl WireId {
    /// Writes it. The partition, -1 for a stream without partitions, is left out, as the real broker does.
    pub fn to_text(self) -> String {
        let mut bytes = Vec::with_capacity(12);
        for (key, value) in [(LEDGER, self.ledger), (ENTRY, self.entry)] {
            write_varint(&mut bytes, key);
            write_varint(&mut bytes, value);
        }
        BASE64.encode(bytes)
    }

    /// Reads it; other fields are passed over. `None`: it is none, or none of a single message.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text).ok()?;
        let (mut ledger, mut entry, mut rest) = (None, None, &bytes[..]);
        while !rest.is_empty() {
            let key = read_varint(&mut rest)?;
            match (key, key & 7) {
                (LEDGER, _) => ledger = Some(read_varint(&mut rest)?),
                (ENTRY, _) => entry = Some(read_varint(&mut rest)?),
                (_, 0) => drop(read_varint(&mut rest)?),
                (_, 2) => {
                    let length = usize::try_from(read_varint(&mut rest)?).ok()?;
                    rest = rest.get(length..)?;
                }
                _ => return None,
            }
        }
        Some(Self { ledger: ledger?, entry: entry? })
    }
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_looks_as_the_real_brokers_and_theirs_are_read() {
        assert_eq!(WireId { ledger: 17, entry: 0 }.to_text(), "CBEQAA==");
        assert_eq!(WireId::parse("CAAQAw=="), Some(WireId { ledger: 0, entry: 3 }));
        assert_eq!(WireId::parse("CAMQADAA"), Some(WireId { ledger: 3, entry: 0 }), "with a batch size");
        for wrong in ["", "CBE", "!", "CBE=", "EAA=", "CP////////////8B"] {
            assert_eq!(WireId::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_id_is_read_as_it_was_written(ledger: u64, entry: u64) {
            let id = WireId { ledger, entry };
            prop_assert_eq!(WireId::parse(&id.to_text()), Some(id));
        }
        #[test]
        fn arbitrary_text_never_panics(text in "[A-Za-z0-9+/=]{0,40}") {
            let _ = WireId::parse(&text);
        }
    }
}
