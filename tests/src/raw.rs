//! Peers made of nothing but sockets and text. They share no code with the server, so a fault on both sides shows here;
//! and they say what no phone would.

mod audio;
mod call;
mod credentials;
mod message;
mod peer;

pub use audio::{Audio, HeardPacket, Law, Numbers, rtp, ulaw_tone};

pub use call::{RawAgent, RawCall, Ringing, media_address, sdp};
pub use credentials::{authorize, authorize_as, part, proof};
pub use message::Message;
pub use peer::{Dialog, LIMIT, Peer, response, token};
