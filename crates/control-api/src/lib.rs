//! Gives people their buttons: HTTP, events over WebSocket. It decides nothing: what is allowed, the core says.

mod house;

pub use house::{
    Ask, AudibilitySheet, CallSheet, Health, HistoryQuery, House, HouseError, Known, Page, Reply, Snapshot, Told,
    Traced, User,
};
