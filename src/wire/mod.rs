pub mod mqtt;
pub mod sas;
