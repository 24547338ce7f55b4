//! Everything as it goes over the wire, read and written: paths, queries, frames, bodies (Macrometa docs, OpenAPI;
//! Apache Pulsar docs, client-libraries-websocket).
//!
//! - [`asked`]: what a request asks for, of all that a broker's port offers. [`call`]: REST. [`attachment`]: sockets.
//! - [`credentials`]: who asks. [`answer`]: bodies of answers and errors.
//! - [`frame`]: what goes over an open socket.
pub mod answer;
pub mod asked;
pub mod attachment;
mod call;
pub mod credentials;
pub mod frame;
mod parameter;
