//! Pairs of stacks on a virtual network with a hand-turned clock: no socket, no sleeping, every run the same by its seed.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod calls;
mod closed_ports;
mod desk;
mod enrolments;
mod flows;
mod forks;
mod frozen;
mod glare;
mod identities;
mod identities_outside;
mod large;
mod many;
mod net;
mod outside;
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
