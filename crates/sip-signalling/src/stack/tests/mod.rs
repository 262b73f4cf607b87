//! Pairs of stacks on a virtual network with a hand-turned clock: no socket, no sleeping, every run the same by its seed.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod calls;
mod closed_ports;
mod desk;
mod forks;
mod frozen;
mod glare;
mod identities;
mod many;
mod net;
mod races;
mod refer;
mod refer_mutations;
mod refer_races;
mod reliable;
mod restarts;
mod rules;
mod timers;
mod watch_mutations;
mod watching;
