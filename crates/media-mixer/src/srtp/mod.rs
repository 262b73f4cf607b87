//! Encrypted RTP and RTCP (RFC 3711, RFC 7714) under keys that a session description brought (RFC 4568).
//!
//! A [`Shield`] stands between one leg and the wire: what leaves is sealed in place, what arrives is opened in place, and nothing
//! of a packet is believed before its tag is proved. The ciphers are `rtc-crypto`'s, by ring. The packets are our own, because
//! `rtc-srtp` allocates for each, keeps state for every source that a stranger makes up, believes RTCP that says it is not
//! encrypted, and cannot be taken up after a restart; a test holds them to it byte for byte.
//!
//! It negotiates nothing (`sdp` does) and trusts no address (`latch` does). Master keys are not renewed by themselves: the 2^48
//! packets and 2^31 reports of a key outlast every call, and past them nothing is sent.

mod cipher;
mod derive;
mod key;
mod shield;
mod window;

pub use key::{MasterKey, NoRandom, Suite};
pub use shield::{Opened, Progress, Protection, Refused, Shield};

/// Bytes by which a sealed packet is longer at most: the tag of GCM (RFC 7714 §14.2).
pub const RTP_OVERHEAD: usize = 16;
/// The same of a sealed report: its index too (RFC 3711 §3.4).
pub const RTCP_OVERHEAD: usize = 20;
/// Sources of one peer whose newest packets are all remembered; the one heard longest ago makes room.
pub const SOURCES: usize = 4;
/// Sources that made room and are known by their newest packet. A key has no more sources than both: a further one might be one that
/// was forgotten.
pub const DEPARTED: usize = 28;
