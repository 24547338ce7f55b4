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

/// The bytes that JSON escapes in a text: quotes, backslashes and control characters.
static ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut byte = 0;
    while byte < escaped.len() {
        escaped[byte] = matches!(byte as u8, ..b' ' | b'"' | b'\\');
        byte += 1;
    }
    escaped
};

/// Writes a text with its quotes, as `serde_json::to_writer` does. Nearly all texts are short and have nothing to escape:
/// those are copied whole.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.bytes().fold(false, |found, byte| found | ESCAPED[usize::from(byte)]) {
        serde_json::to_writer(out, text).expect("a text is always JSON");
    } else {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// JSON that is read by its form: just as its writer is known to write it, with its members in their order, no blanks and
/// nothing escaped. After the first `None` it may still be the same JSON in another form, which is for serde to read.
#[derive(Debug)]
pub struct Form<'a>(&'a str);

impl<'a> Form<'a> {
    /// Begins to read.
    pub fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// Goes past what stands there in every case.
    #[inline]
    pub fn skip(&mut self, known: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(known)?;
        Some(())
    }

    /// Takes a text.
    pub fn text(&mut self) -> Option<&'a str> {
        let rest = self.0.strip_prefix('"')?;
        let (text, rest) = rest.split_at(plain(rest.as_bytes()));
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    /// Takes a whole number.
    pub fn number(&mut self) -> Option<u64> {
        let (mut number, mut length) = (0_u64, 0);
        while let Some(digit @ b'0'..=b'9') = self.0.as_bytes().get(length) {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            length += 1;
        }
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        (length == 1 || (length > 1 && !digits.starts_with('0'))).then_some(number)
    }

    /// Takes items until what ends them, with commas between them.
    pub fn items(&mut self, end: &str, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.skip(end).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.skip(end).is_some() {
                return Some(());
            }
            self.skip(",")?;
        }
    }

    /// Says whether all was read.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Counts the bytes at the beginning of a text before the first that JSON escapes. Looks at eight at a time (Bit Twiddling
/// Hacks, "Determine if a word has a byte less than n": the lowest byte found is always right).
fn plain(text: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 0xff;
    let less = |word: u64, than: u8| word.wrapping_sub(EACH * u64::from(than)) & !word & (EACH << 7);
    let is = |word: u64, byte: u8| less(word ^ (EACH * u64::from(byte)), 1);
    let (words, rest) = text.as_chunks();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let escaped = less(word, b' ') | is(word, b'"') | is(word, b'\\');
        if escaped != 0 {
            return 8 * place + escaped.trailing_zeros() as usize / 8;
        }
    }
    let escaped = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]);
    text.len() - rest.len() + escaped.unwrap_or(rest.len())
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

        #[test]
        fn plain_bytes_end_where_serde_would_escape(bytes in prop::collection::vec(any::<u8>(), 0..40), place: usize) {
            let mut bytes: Vec<u8> = bytes.into_iter().map(|byte| byte.max(b' ' + 3)).collect();
            for escaped in [b'"', b'\\', 0, b'\n', 0x1f] {
                if let Some(at) = place.checked_rem(bytes.len()) {
                    bytes[at] = escaped;
                }
                let naive = bytes.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'));
                prop_assert_eq!(plain(&bytes), naive.unwrap_or(bytes.len()));
            }
        }

        #[test]
        fn what_goes_by_its_form_is_as_serde_reads_it(text in r#""[a-z"\\é]{0,12}"?"#, number in "-?[0-9]{0,21}") {
            if let Some(read) = Form::of(&text).text() {
                prop_assert_eq!(serde_json::from_str::<String>(&format!("\"{read}\"")).unwrap(), read);
            }
            let mut form = Form::of(&number);
            prop_assert_eq!(form.number().filter(|_| form.is_over()), serde_json::from_str(&number).ok());
        }
    }

    #[test]
    fn a_text_is_taken_from_where_it_is_read_unless_something_in_it_is_escaped() {
        let [plain, escaped]: [Option<Text<'_>>; 2] = read(br#"["a","\u0061"]"#).unwrap();
        assert!(matches!(plain, Some(Text(Cow::Borrowed("a")))), "{plain:?}");
        assert_eq!(escaped, plain);
    }

    #[test]
    fn a_form_is_followed_to_its_end_and_left_where_it_is_another() {
        let texts = |text: &str| {
            let (mut form, mut texts) = (Form::of(text), Vec::new());
            form.skip("[")?;
            form.items("]", |form| form.text().map(|text| texts.push(text.to_owned())))?;
            form.is_over().then_some(texts)
        };
        assert_eq!(texts("[]"), Some(vec![]));
        assert_eq!(texts(r#"["a","twenty letters and é"]"#), Some(vec!["a".into(), "twenty letters and é".into()]));
        for other in ["", "[", "[]]", "[,]", r#"["a",]"#, r#"["a" ,"b"]"#, r#"["a""b"]"#, r#"["a\n"]"#, r#"["a"#, "[1]"]
        {
            assert_eq!(texts(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_text_is_an_error_with_its_place() {
        assert_eq!(read::<&str>(b"\"a\"").unwrap(), "a");
        let error = read::<String>(b"\"a\xff\"").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
