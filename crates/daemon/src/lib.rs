//! The daemon: reads the settings, owns the one `Switchboard`, carries out its effects; the `baton` command line.
//!
//! It has no rules of its own: nothing here asks about roles, holds or consults.

pub mod config;
