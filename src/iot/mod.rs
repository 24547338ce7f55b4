pub mod agent;
pub mod device;
pub mod dps;
pub mod hub;
pub mod ledger;
pub mod moment;
pub mod plan;
