//! Scenarios on real sockets: the daemon, people with phones, one tone per person. What the untrusted do is in `trust`.
//!
//! Every scenario freezes and thaws each live call once in the middle and goes on.

mod carriers;
mod digits;
mod doors;
mod early_media;
mod encryption;
mod fallback;
mod hold;
mod hold_forms;
mod races;
mod ringing;
mod rooms;
mod rows;
mod services;
mod talking;
mod transports;
mod watchers;
