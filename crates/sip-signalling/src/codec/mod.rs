//! Bytes to rsip's values and back. rsip never sees a raw datagram and never prints a message.
//!
//! Framing, unfolding, compact names, list splitting, limits and every check a message must pass before anybody acts on
//! it are here; so are typed readers for header values. No transaction, dialog or address of ours is known here.
//!
//! After [`parse`]: header names are long and spelled one way (of those known), folded lines are joined, each Via,
//! Contact, Route and Record-Route header holds one value, mandatory headers are there once and readable, CSeq fits the
//! method, the body is exactly Content-Length long.

mod fields;
mod framer;
pub(crate) mod headers;
pub(crate) mod limits;
mod malformed;
mod parse;
mod respond;
mod scan;
mod text;
mod uri;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use fields::{all, field, one, push, push_first, remove, set};
pub(crate) use framer::{Framed, StreamFramer};
pub(crate) use malformed::Malformed;
pub(crate) use parse::{is_keep_alive, parse};
pub(crate) use respond::{reason_phrase, respond, respond_in_dialog, stamp_source};
pub(crate) use text::{Params, Unreadable, escape_uri_header, is_token, quote, unescape};
pub(crate) use uri::{Scheme, SipUri};
pub(crate) use write::write;
