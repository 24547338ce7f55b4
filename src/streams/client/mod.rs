//! What every program of the streams is: a client that finds its way to a broker, and keeps a session with it.
//!
//! - [`session`]: the way and the session, as a machine. Its questions: [`request`].
//! - [`program`]: what a program is to whoever moves its bytes, which is the driver.
mod driver;
pub mod program;
pub mod request;
pub mod session;

pub(super) use driver::run;
