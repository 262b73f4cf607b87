//! Offer and answer for one leg's audio: reads what a phone describes, writes what we describe, keeps what was agreed.
//!
//! It does not send, ring or hold anybody: a [`Direction`] is reported, and the core decides what follows from it. It opens
//! no socket and resolves no name. ICE and video are not negotiated here; their lines are answered with port 0. Keys (RFC 4568) are
//! agreed on here and used in `srtp`; in no error and in nothing that is printed for debugging is there one.
//!
//! ```text
//!   phone                     Session                       RFC 3264
//!     |--- offer -------------->| read     changes nothing: direction, is there audio for us?
//!     |                         | answer   §6: same lines, same order, unknown ones with port 0
//!     |<-- answer --------------|
//!     |<-- offer ---------------| offer, reoffer              §5, §8
//!     |--- answer ------------->| accept   (or the offer was turned down: withdraw)
//! ```

mod agreement;
mod choose;
mod clean;
mod crypto;
pub mod limits;
mod opus;
mod protect;
mod render;
mod session;
mod wish;

pub use agreement::{Agreement, Codec, EventMap, PayloadMap};
pub use conference::Direction;
pub use crypto::{Encryption, SrtpTerms};
pub use opus::{BITRATES, OpusSettings, OpusTerms};
pub use session::{Forms, LocalMedia, Session};
pub use wish::{Reading, Wish};

use crate::srtp::NoRandom;

/// Why a description cannot be used. Towards SIP: `Malformed` is 400, `NoRandom` 500, everything else 488 (RFC 3261 §21.4.26).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Not a session description, or a line we need cannot be understood.
    #[error("malformed session description: {0}")]
    Malformed(String),
    /// A limit of [`limits`] is exceeded; nothing was copied.
    #[error("session description has more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is taken.
        limit: usize,
    },
    /// No audio line over plain RTP at an address we can reach.
    #[error("no audio line over plain RTP at an address of our family")]
    NoAudio,
    /// There is an audio line, but no codec of it is ours (telephone events alone are not audio).
    #[error("no common audio codec")]
    NoCommonCodec,
    /// There is an audio line, but it is not encrypted, and that is required: by the settings, or because it was before.
    #[error("the audio is not encrypted, which is required")]
    NotEncrypted,
    /// There is an encrypted audio line, but nothing that protects it is ours, or an answer has not what was offered.
    #[error("no usable a=crypto line for encrypted audio")]
    NoCommonCrypto,
    /// The system gave no random number for a key.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    /// An answer without an offer of ours before it.
    #[error("an answer, but no offer of ours is outstanding")]
    NoOffer,
}
