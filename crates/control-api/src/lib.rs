//! Gives people their buttons: HTTP, events over WebSocket. It decides nothing: what is allowed, the core says.

mod api;
mod house;
mod limits;
mod routes;
mod secret;
mod settings;
pub mod shown;

pub use api::Api;
pub use house::{
    Ask, AudibilitySheet, CallSheet, Calls, Health, HistoryQuery, House, HouseError, Known, Page, Reply, Snapshot,
    Told, Traced, User,
};
pub use limits::{EVENTS, PATIENCE};
pub use secret::Secret;
pub use settings::ApiSettings;
