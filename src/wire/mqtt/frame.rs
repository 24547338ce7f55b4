//! Where a packet ends: type, flags and length are in front of each (OASIS MQTT 3.1.1, section 2.2).
use super::WireError;
use bytes::{BufMut, BytesMut};

/// A length takes at most so many bytes, seven bits in each (section 2.2.3).
const LENGTH_BYTES: usize = 4;
const LARGEST_LENGTH: usize = (1 << (7 * LENGTH_BYTES)) - 1;

/// One whole packet, where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// All that the length counts.
    pub(super) body: &'a [u8],
    /// How long it is with what is in front.
    pub(super) length: usize,
}

impl<'a> Frame<'a> {
    /// Finds the packet that begins here. `None`: it is not whole.
    ///
    /// # Errors
    /// [`WireError::TooLong`] as soon as the length is known to be over `limit`, [`WireError::Malformed`] when it has
    /// too many bytes.
    pub(super) fn first(bytes: &'a [u8], limit: usize) -> Result<Option<Self>, WireError> {
        let Some((&first, lengths)) = bytes.split_first() else { return Ok(None) };
        let mut rest = 0;
        for (place, byte) in lengths.iter().take(LENGTH_BYTES).enumerate() {
            rest |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                let head = 1 + place + 1;
                let length = head + rest;
                if length > limit {
                    return Err(WireError::TooLong);
                }
                let frame = |body| Self { kind: first >> 4, flags: first & 0b1111, body, length };
                return Ok(bytes.get(head..length).map(frame));
            }
        }
        if lengths.len() < LENGTH_BYTES { Ok(None) } else { Err(WireError::Malformed("remaining length")) }
    }
}

/// Appends what is in front of a packet with so many more bytes, and makes room for them.
///
/// # Errors
/// [`WireError::Unencodable`] when they are more than a length can say; nothing is appended then.
pub(super) fn begin(first: u8, rest: usize, out: &mut BytesMut) -> Result<(), WireError> {
    if rest > LARGEST_LENGTH {
        return Err(WireError::Unencodable);
    }
    out.reserve(1 + LENGTH_BYTES + rest);
    out.put_u8(first);
    let mut left = rest;
    while left > 0x7f {
        out.put_u8(0x80 | (left & 0x7f) as u8);
        left >>= 7;
    }
    out.put_u8(left as u8);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_the_bytes_of_the_standards_table() {
        // Table 2.4: the least and the largest length of each number of bytes.
        for (rest, expected) in [
            (0, &[0x00][..]),
            (127, &[0x7f]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 0x01]),
            (2_097_151, &[0xff, 0xff, 0x7f]),
            (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
        ] {
            let mut bytes = BytesMut::new();
            begin(0x32, rest, &mut bytes).unwrap();
            assert_eq!((bytes[0], &bytes[1..]), (0x32, expected), "{rest}");
            assert!(Frame::first(&bytes, usize::MAX).unwrap().is_none_or(|frame| rest == 0 && frame.length == 2));
            let head = bytes.len();
            bytes.resize(head + rest + 1, 7);
            let frame = Frame::first(&bytes, head + rest).unwrap().unwrap();
            assert_eq!((frame.kind, frame.flags, frame.body.len(), frame.length), (3, 2, rest, head + rest));
            if rest > 0 {
                let limit = head + rest - 1;
                assert!(matches!(Frame::first(&bytes, limit), Err(WireError::TooLong)), "{rest}");
            }
        }
    }

    #[test]
    fn what_no_length_can_say_is_not_written() {
        let mut bytes = BytesMut::new();
        assert!(matches!(begin(0x30, LARGEST_LENGTH + 1, &mut bytes), Err(WireError::Unencodable)));
        assert!(bytes.is_empty());
    }
}
