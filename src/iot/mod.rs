pub mod agent;
pub mod dps;
pub mod hub;
pub mod ledger;
pub mod plan;
