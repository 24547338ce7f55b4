pub mod central;
pub mod dps;
pub mod ledger;
pub mod plan;
