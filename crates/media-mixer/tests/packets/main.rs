//! Everything that arrives as bytes: session descriptions, RTP, RTCP, digits. Fixtures of real phones, laws, and mutations.
//!
//! Random tests print their seed; `BATON_SEED` repeats a run.
#![allow(clippy::unwrap_used)]

mod codecs;
mod digits;
mod encryption;
mod legal;
mod negotiation;
mod offers;
mod reports;
mod rtp_agrees;
mod sdp_random;
mod seed;
