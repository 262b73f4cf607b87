//! Digest authentication (RFC 7616, RFC 8760; MD5 as in RFC 2617 for phones that know nothing else).
//!
//! `server` judges requests, `client` answers challenges, `nonce` signs what the server hands out, `bans` slows down who
//! guesses. No clock, no randomness of its own, no sending: those come in and go out as values.

mod bans;
mod client;
mod hash;
mod nonce;
mod server;

pub(crate) use client::DigestClient;
pub use hash::Ha1s;
pub(crate) use server::{Attempt, DigestServer, Judged, Verdict};
