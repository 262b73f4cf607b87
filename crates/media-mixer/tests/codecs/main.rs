//! Legs of every codec in one call on a virtual wire: who hears what, how it is packed, and that law 3 holds with codecs that
//! remember.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

#[path = "../lab/mod.rs"]
mod lab;
mod memory;
mod pauses;
mod people;
mod together;
mod wire;
