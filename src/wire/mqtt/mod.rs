//! MQTT 3.1.1 over any byte stream: packets as values, their bytes, and a stream of them.
//!
//! PUBLISH and PUBACK, which nearly all packets are, are read where they lie and written where they go; the bytes of the
//! others are read and written by mqtt-protocol-core's packet types. Its connection object is not used: it hands back
//! packet ids in an order that depends on addresses, and sessions here must repeat exactly.
mod codec;
mod frame;
mod packet;
mod publish;
mod stream;

pub use codec::{WireError, decode, encode};
pub use packet::{
    Connect, ConnectCode, MAX_PACKET_ID, Packet, Publish, Qos, Quality, SubscribeCode, Will, next_packet_id,
};
pub use stream::MqttStream;
