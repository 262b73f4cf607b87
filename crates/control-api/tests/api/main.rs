//! The API over real sockets, in front of a real switchboard whose phones do what a test says.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, missing_docs, unreachable_pub)]

mod client;
mod events;
mod house;
mod limits;
mod queues;
mod refusals;
mod repeats;
mod routes;
mod scopes;
mod sessions;
mod transfers;
