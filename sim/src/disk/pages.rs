//! Bytes in a row that only grows at its end.

/// How many bytes lie together: what a page cache keeps together too.
const PAGE: usize = 4096;

/// A row of bytes, page by page. What is there never moves: a ledger grows by a record at a time, and in one piece it would
/// be copied over and over to ever fresh memory, which the operating system has to clear first.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// All but the last are full.
    pages: Vec<Vec<u8>>,
    len: usize,
}

impl Pages {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let filled = self.len % PAGE;
            if filled == 0 {
                self.pages.push(Vec::with_capacity(PAGE));
            }
            let (here, rest) = bytes.split_at(bytes.len().min(PAGE - filled));
            self.pages.last_mut().expect("one has room").extend_from_slice(here);
            self.len += here.len();
            bytes = rest;
        }
    }

    /// Drops what comes after the first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.pages.truncate(len.div_ceil(PAGE));
            if let Some(last) = self.pages.last_mut() {
                // Whole, when `len` is where a page ends.
                last.truncate(len - (len - 1) / PAGE * PAGE);
            }
        }
    }

    /// Copies up to `len` bytes from `offset` on: fewer where the row ends.
    pub(super) fn copy(&self, offset: usize, len: usize) -> Vec<u8> {
        let end = offset.saturating_add(len).min(self.len);
        let mut copied = Vec::with_capacity(end.saturating_sub(offset));
        let mut at = offset;
        while at < end {
            let (page, start) = (&self.pages[at / PAGE], at % PAGE);
            let here = &page[start..page.len().min(start + end - at)];
            copied.extend_from_slice(here);
            at += here.len();
        }
        copied
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Append(u8, usize),
        Truncate(prop::sample::Index),
        Copy(prop::sample::Index, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let length = || prop_oneof![0..9usize, PAGE - 2..PAGE + 3, 2 * PAGE..3 * PAGE];
        let step = prop_oneof![
            4 => (any::<u8>(), length()).prop_map(|(byte, length)| Step::Append(byte, length)),
            1 => any::<prop::sample::Index>().prop_map(Step::Truncate),
            2 => (any::<prop::sample::Index>(), length()).prop_map(|(from, length)| Step::Copy(from, length)),
        ];
        prop::collection::vec(step, 0..30)
    }

    proptest! {
        #[test]
        fn they_are_the_bytes_that_one_piece_would_be(steps in steps()) {
            let (mut pages, mut piece) = (Pages::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Append(first, length) => {
                        let bytes: Vec<u8> = (0..length).map(|place| first.wrapping_add(place as u8)).collect();
                        pages.append(&bytes);
                        piece.extend(bytes);
                    }
                    Step::Truncate(place) => {
                        // To what it has, or beyond.
                        let len = place.index(piece.len() + 10);
                        pages.truncate(len);
                        piece.truncate(len);
                    }
                    Step::Copy(place, length) => {
                        let from = place.index(piece.len() + 10);
                        let expected = piece.iter().copied().skip(from).take(length).collect::<Vec<_>>();
                        prop_assert_eq!(pages.copy(from, length), expected);
                    }
                }
                prop_assert_eq!(pages.len(), piece.len());
            }
            prop_assert_eq!(pages.copy(0, usize::MAX), piece);
        }
    }
}
