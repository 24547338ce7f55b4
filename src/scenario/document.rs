//! A YAML document with the place of everything in it: what loading walks and what mistakes point at.
use super::mistake::{Mistake, Place};
use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// Deepest nesting that is read. A scenario needs seven.
const DEEPEST: usize = 64;

/// One value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Nothing after the colon, or `~`, or `null`.
    Nothing,
    /// Text as written, escapes undone; `quoted` text is never a number or a switch.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// Says in a few words what this is, for messages.
    pub(crate) fn named(&self) -> String {
        match &self.kind {
            Kind::Nothing => "nothing".into(),
            Kind::Scalar { text, .. } => format!("`{text}`"),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a mapping".into(),
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Finds the value at a path such as `["timeline", "2", "at"]`; the deepest that exists.
    pub(crate) fn nearest(&self, path: &[&str]) -> &Node {
        let Some((first, rest)) = path.split_first() else {
            return self;
        };
        let next = match &self.kind {
            Kind::Map(_) => self.entry(first).map(|entry| &entry.value),
            Kind::List(items) => first.parse::<usize>().ok().and_then(|at| items.get(at)),
            _ => None,
        };
        next.map_or(self, |node| node.nearest(rest))
    }
}

/// Reads the one document of a text.
///
/// Anchors, aliases and a second document are refused: a scenario reads from top to bottom.
pub(crate) fn read(text: &str) -> Result<Node, Mistake> {
    let mut reader = Reader { parser: Parser::new_from_str(text) };
    let mut root = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            _ if root.is_some() => {
                return Err(
                    Mistake::new(place(&span), "a second document begins here").expected("one scenario in each file")
                );
            }
            event => root = Some(reader.node(event, &span, 0)?),
        }
    }
    root.ok_or_else(|| {
        Mistake::new(Place::START, "the file is empty")
            .expected("a scenario: `name:`, `duration:`, `sites:`, `iot:` or `streams:`, ...")
    })
}

struct Reader<'text> {
    parser: Parser<'text, serde_saphyr::granit_parser::StrInput<'text>>,
}

impl<'text> Reader<'text> {
    fn next(&mut self) -> Result<(Event<'text>, Span), Mistake> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(next)) => return Ok(next),
                Some(Err(error)) => {
                    let at = error.marker();
                    return Err(Mistake::new(point(at), format!("this is not YAML: {}", plain(&error.info()))));
                }
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    fn node(&mut self, event: Event<'text>, span: &Span, depth: usize) -> Result<Node, Mistake> {
        let here = place(span);
        if depth > DEEPEST {
            return Err(Mistake::new(here, format!("nested more than {DEEPEST} deep")));
        }
        let kind = match event {
            Event::Scalar(text, style, anchor, _) => {
                refuse_anchor(anchor, here)?;
                let quoted = style != ScalarStyle::Plain;
                if !quoted && matches!(&*text, "" | "~" | "null") {
                    Kind::Nothing
                } else {
                    Kind::Scalar { text: text.into_owned(), quoted }
                }
            }
            Event::SequenceStart(_, anchor, _) => {
                refuse_anchor(anchor, here)?;
                Kind::List(self.list(depth)?)
            }
            Event::MappingStart(_, anchor, _) => {
                refuse_anchor(anchor, here)?;
                Kind::Map(self.map(depth)?)
            }
            _ => {
                return Err(Mistake::new(here, "an alias cannot stand here")
                    .expected("the value itself: scenario files have no anchors or aliases"));
            }
        };
        Ok(Node { place: here, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Mistake> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Mistake> {
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, &span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, &span, depth + 1)?;
            match key.kind {
                Kind::Scalar { text, .. } => entries.push(Entry { key: text, key_place: key.place, value }),
                _ => return Err(Mistake::new(key.place, format!("{} cannot be a key", key.named())).expected("a name")),
            }
        }
    }
}

fn refuse_anchor(anchor: usize, here: Place) -> Result<(), Mistake> {
    if anchor == 0 {
        return Ok(());
    }
    Err(Mistake::new(here, "an anchor cannot stand here")
        .expected("the value itself: scenario files have no anchors or aliases"))
}

/// The parser speaks of itself in places; its first line is what a reader needs.
fn plain(message: &str) -> &str {
    message.lines().next().unwrap_or(message)
}

fn point(at: &Marker) -> Place {
    Place { line: at.line(), column: at.col() + 1, width: 1 }
}

fn place(span: &Span) -> Place {
    let width = if span.start.line() == span.end.line() { span.end.col().saturating_sub(span.start.col()) } else { 1 };
    Place { width: width.max(1), ..point(&span.start) }
}
