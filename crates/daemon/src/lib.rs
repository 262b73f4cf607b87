//! The daemon: reads the settings, owns the one `Switchboard`, carries out its effects; the `baton` command line.
//!
//! It has no rules of its own: nothing here asks about roles, holds or consults.
//!
//! ```text
//!   phones ── sip-signalling ──news──┐                       ┌──wishes── sip-signalling
//!                                    ├──> switch ──> carry ──┤
//!   sound  ── media-mixer ─────news──┘  (Switchboard)        └──masks─── media-mixer
//! ```

mod api;
mod book;
mod carry;
mod cause;
pub mod cli;
mod clock;
pub mod config;
pub mod demo;
mod dialplan;
mod events;
mod fixed;
mod freeze;
mod hours;
mod keeper;
mod look;
mod metrics;
mod news;
mod offers;
mod people;
mod referred;
mod running;
mod stop;
mod switch;
mod token;
mod told;
mod translate;
mod view;
mod watching;
mod ways;
mod whereabouts;

pub use control_api::Told;
pub use freeze::FreezeError;
pub use running::{Counts, Running, StartError, run};
pub use token::TokenError;
pub use view::{CallMasks, Masks};
