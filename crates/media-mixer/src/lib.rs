//! Turns arriving RTP into one mix per listener, under the audibility it was given. Never decides who hears whom.

pub mod codec;
pub mod dtmf;
pub mod jitter;
pub mod latch;
pub mod music;
pub mod noise;
pub mod ports;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod tone;
