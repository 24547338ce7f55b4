//! WebSocket (RFC 6455) over a host's streams, both ends: HTTP until the handshake, messages afterwards.
//!
//! - [`Socket`]: one end of an open connection. [`Frame`]: what it carries.
//! - [`connect`]: a client's handshake; a refusal is an HTTP response.
//! - [`serve`]: one port for requests and handshakes.
//!
//! Keys and masks are drawn by tungstenite from the operating system's randomness, which in a world is the seed's.
//! Extensions are never agreed on, so nothing is compressed. (hyper-tungstenite is not used: it would bring tokio's
//! I/O driver in, and the answer to a handshake is a dozen lines.)
mod client;
mod server;
mod socket;
#[cfg(test)]
mod tests;

pub use client::{ConnectError, connect};
pub use server::{Handover, Handshake, NoHandshake, Reply, serve};
pub use socket::{Close, FRAME_LIMIT, Frame, Socket, SocketError};
pub use tokio_tungstenite::tungstenite::Utf8Bytes;
