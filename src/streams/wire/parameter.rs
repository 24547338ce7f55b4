//! Reads the parameters of a query, each of its kind.
use crate::streams::broker::call::Refusal;
use crate::streams::plan::Scope;
use crate::wire::http::Request;
use std::str::FromStr;

/// The longest name of a stream, a subscription or a client, in bytes.
const LONGEST_NAME: usize = 255;

/// The parameters of a request.
#[derive(Clone, Copy)]
pub(super) struct Parameters<'a>(pub(super) &'a Request);

impl<'a> Parameters<'a> {
    /// As it stands there; one without a value counts as none.
    pub(super) fn text(self, key: &str) -> Option<&'a str> {
        self.0.query.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A whole number.
    pub(super) fn number<T: FromStr>(self, key: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| invalid(&format!("For input string: \"{text}\"")))
    }

    /// `true` or `false` in whatever case: the Python SDK writes `True`, the JavaScript SDK `true`.
    pub(super) fn switch(self, key: &str) -> Result<Option<bool>, Refusal> {
        match self.text(key) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(invalid(&format!("Invalid {key} {text}"))),
        }
    }

    /// One of a few words, in their own case.
    pub(super) fn word<T: Copy>(self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(key) else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(invalid(&format!("Invalid {key} {text}"))),
        }
    }

    /// The name of a client.
    pub(super) fn name(self, key: &str) -> Result<Option<String>, Refusal> {
        match self.text(key) {
            None => Ok(None),
            Some(text) if is_name(text) => Ok(Some(text.to_owned())),
            Some(_) => Err(invalid(&format!("Invalid {key}"))),
        }
    }

    /// `?global=`: of which streams; `None`: it does not say.
    pub(super) fn scope(self) -> Result<Option<Scope>, Refusal> {
        Ok(self.switch("global")?.map(|global| if global { Scope::Global } else { Scope::Local }))
    }
}

/// Says whether a text can name something: not empty, not overlong, no slash and nothing invisible.
pub(super) fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.chars().any(|c| c == '/' || c.is_control())
}

/// 400, in Apache Pulsar's words (`ConsumerHandler`).
pub(super) fn invalid(what: &str) -> Refusal {
    Refusal { status: 400, number: 400, message: format!("Invalid query params: {what}") }
}
