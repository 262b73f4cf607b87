//! Turns arriving RTP into one mix per listener, under the audibility it was given. Never decides who hears whom.

mod agc;
mod bridge;
pub mod codec;
mod desk;
pub mod dtmf;
mod engine;
mod gain;
mod io;
pub mod jitter;
#[doc(hidden)]
pub mod lab;
pub mod latch;
mod law;
mod leg;
mod mix;
mod mixer;
pub mod music;
pub mod noise;
pub mod ports;
pub mod prompts;
mod quality;
mod realtime;
mod resample;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod settings;
mod sounds;
mod speech;
pub mod srtp;
pub mod tone;

pub use engine::stats::{LATENESS_US, Stats, WorkerStats};
pub use leg::{DropReason, Drops, LegState, LegStats};
pub use mixer::{Applied, Audibility, LegError, MediaNews, Mixer, Offers, OpenError, StartError};
pub use realtime::Scheduling;
pub use settings::{HoldMusic, MAX_CALLS, MAX_LEGS, MAX_SEATS, MediaSettings, Nat, Signalling, Srtp};
pub use sounds::QueueMusicError;
