//! RTP packets (RFC 3550 §5.1): a reader of the fixed header, a writer, sequence numbers and the health of a source.
//!
//! Nothing here allocates, so all of it may be called on the tick. The `rtp` crate writes our headers; its reader builds
//! vectors for extensions and contributing sources, so arriving packets are read by a small one of our own, which a property
//! test holds to the `rtp` crate byte for byte. It keeps no packets (`jitter` does) and trusts no address (`latch` judges them).

mod packet;
mod sequence;
mod source;
mod stamp;

pub use packet::{MAX_PACKET, Packet, RtpError, is_rtcp};
pub use sequence::SequenceUnwrap;
pub use source::{Jitter, Source};
pub use stamp::{HEADER, Stamp};
