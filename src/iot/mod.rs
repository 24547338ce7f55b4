pub mod dps;
pub mod plan;
