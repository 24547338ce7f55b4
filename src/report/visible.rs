//! Text from elsewhere, on one line: what would break the line or deceive the eye is shown by its number.
use std::borrow::Cow;

/// Shows control characters, line ends and marks of writing direction as escapes.
///
/// Names, payloads and answers come from files and networks. A line end in one would end a Markdown block, and a
/// right-to-left mark makes a text read as another one (CVE-2021-42574).
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

fn is_hidden(c: char) -> bool {
    let directs = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    // XML has no way to write the last two.
    c.is_control() || directs || breaks || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_line_or_turns_it_round_is_shown_and_all_else_is_left() {
        assert_eq!(visible("hub-a → hub-b: größer"), "hub-a → hub-b: größer");
        assert_eq!(visible("a\nb\r\tc"), r"a\nb\r\tc");
        assert_eq!(visible("\u{1b}[31m\0"), r"\u{1b}[31m\u{0}");
        assert_eq!(visible("ok\u{202e}gpj.exe\u{2029}\u{ffff}"), r"ok\u{202e}gpj.exe\u{2029}\u{ffff}");
    }
}
