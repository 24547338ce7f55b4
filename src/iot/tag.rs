//! How an operation of the plan is named on the wire, as message id and request id: both are opaque to everybody else.
use crate::history::OperationId;

const BEGIN: &str = "op-";

/// Names an operation.
pub fn tag(operation: OperationId) -> String {
    format!("{BEGIN}{}", operation.0)
}

/// Reads the operation out of a name; `None`: it is somebody else's request.
pub fn tagged(text: &str) -> Option<OperationId> {
    text.strip_prefix(BEGIN)?.parse().ok().map(OperationId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_back_and_other_ids_are_nobodys_operation() {
        assert_eq!(tagged(&tag(OperationId(17))), Some(OperationId(17)));
        assert_eq!(tagged("1f"), None);
        assert_eq!(tagged("op-x"), None);
    }
}
