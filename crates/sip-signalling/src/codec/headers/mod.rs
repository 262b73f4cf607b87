//! Typed reading of header values, since rsip's own readers fail on quoted parameters, IPv6 and several values.
//!
//! Each file reads one kind of value. Whether a value is wanted is for whoever asks.

mod auth;
mod name_addr;
mod session;
mod simple;
mod via;

#[cfg(test)]
mod tests;

pub(crate) use auth::AuthParams;
pub(crate) use name_addr::{Contacts, NameAddr, addresses, contacts, from, refer_to, to};
pub(crate) use session::{EventValue, Reason, Replaces, SessionExpires, word_and_params};
pub(crate) use simple::{CSeq, accepts, call_id, content_type, cseq, expires, max_forwards, min_expires, tokens};
pub(crate) use via::{Via, top_via};
