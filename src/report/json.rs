//! The report as one line of JSON.
use super::Report;

/// Writes a report as one line, fields in the order of the schema, without the line's end.
pub fn to_json(report: &Report) -> String {
    serde_json::to_string(report).expect("a report has string keys and finite numbers only")
}
