//! HTTP/1.1 with JSON bodies, as the control plane speaks it: hyper over a host's streams.
//!
//! - [`Request`], [`Response`]: what handlers see; a body is whole, never a stream.
//! - [`serve`]: answers on one port of a host.
//! - [`Client`]: one keep-alive connection to one service. [`Pool`]: a few of them.
mod client;
mod message;
mod pool;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Client, HttpError};
pub use message::{BadTarget, Request, Response};
pub use pool::Pool;
pub use server::{IDLE_LIMIT, REQUEST_LIMIT, Unreadable, serve, serve_stream};
pub(crate) use server::{converse, to_wire};
