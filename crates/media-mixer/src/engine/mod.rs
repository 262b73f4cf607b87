//! Media threads: each owns its calls wholly and turns a wheel of ticks by an absolute clock.
//!
//! Nothing of tokio, no lock, no log and no allocation is on the way of a tick. What is to be done comes by one ring, what
//! became known leaves by another. It decides nothing about who hears whom.

pub(crate) mod call;
pub(crate) mod command;
mod load;
mod speak;
pub(crate) mod stats;
pub(crate) mod thread;
pub(crate) mod wheel;
pub(crate) mod worker;
