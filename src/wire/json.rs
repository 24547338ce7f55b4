//! JSON from bytes.
use serde::Deserialize;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_an_error_with_its_place() {
        assert_eq!(read::<&str>(b"\"a\"").unwrap(), "a");
        let error = read::<String>(b"\"a\xff\"").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
