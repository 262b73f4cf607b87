//! What the scenarios play with: a house (the daemon on free ports), people with phones and ears, and peers made of
//! nothing but sockets. Who should hear whom stands in the scenarios.

#![allow(clippy::expect_used, reason = "a scenario that cannot go on says why and ends")]

pub mod by_api;
pub mod desk;
pub mod field;
pub mod hearing;
pub mod house;
pub mod one_line;
pub mod people;
pub mod program;
pub mod raw;
pub mod relay;
pub mod shell;
pub mod stage;
pub mod stalls;
pub mod watcher;
