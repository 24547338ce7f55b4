pub mod envelope;
pub mod plan;
pub mod planning;
pub mod section;
