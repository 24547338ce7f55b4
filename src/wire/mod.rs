//! Framing over any byte stream: what the systems speak.
pub mod agent;
pub mod base64;
pub mod http;
pub mod json;
pub mod mqtt;
pub mod payload;
pub mod sas;
pub mod websocket;
