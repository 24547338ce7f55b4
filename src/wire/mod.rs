pub mod http;
pub mod mqtt;
pub mod sas;
