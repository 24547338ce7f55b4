//! JSON from bytes, and texts into it.
use serde::Deserialize;
use std::borrow::Cow;

/// A text, taken from where it is read unless something in it is escaped. For texts inside of others' types: in an `Option`
/// or a list serde would copy a plain `Cow`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Reads JSON. As `serde_json::from_slice`, which looks in each string for what is no UTF-8; here that is done once.
///
/// # Errors
/// serde's, when the bytes are no JSON or have another shape.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, serde_json::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        // It says where.
        Err(_) => serde_json::from_slice(bytes),
    }
}

/// Writes a text with its quotes, as `serde_json::to_writer` does, which looks at each byte by itself. Nearly all texts have
/// nothing to escape, and that is seen sixteen bytes at a time.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    let escapes = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |found, byte| found | escapes(byte)) {
        serde_json::to_writer(out, text).expect("a text is always JSON");
    } else {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_is_written_as_serde_writes_it(text in r#"\PC{0,40}|[\x00-\x7f]{0,40}|[a-z"\\]{0,40}"#) {
            let mut written = Vec::new();
            write_text(&mut written, &text);
            prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn a_text_is_taken_from_where_it_is_read_unless_something_in_it_is_escaped() {
        let [plain, escaped]: [Option<Text<'_>>; 2] = read(br#"["a","\u0061"]"#).unwrap();
        assert!(matches!(plain, Some(Text(Cow::Borrowed("a")))), "{plain:?}");
        assert_eq!(escaped, plain);
    }

    #[test]
    fn what_is_no_text_is_an_error_with_its_place() {
        assert_eq!(read::<&str>(b"\"a\"").unwrap(), "a");
        let error = read::<String>(b"\"a\xff\"").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
