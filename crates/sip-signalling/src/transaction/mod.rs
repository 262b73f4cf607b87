//! The transaction layer, RFC 3261 §17 and RFC 6026: absorbs and makes repeats, matches answers to questions.
//!
//! Sans-IO: time comes in, packets to send go out by `sends`, whatever the user of the layer must know comes back. It knows
//! no dialogs; a 2xx to an INVITE and its repeats are the dialog's business (RFC 3261 §13.3.1.4).

mod client;
mod invite_client;
mod invite_server;
mod key;
mod layer;
mod server;
mod timer;

pub(crate) use layer::{ClientId, Incoming, Layer, Packet, ServerId};
pub(crate) use timer::{T1, T2, T4};
