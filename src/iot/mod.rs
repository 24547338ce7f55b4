pub mod agent;
pub mod central;
pub mod dps;
pub mod hub;
pub mod ledger;
pub mod plan;
