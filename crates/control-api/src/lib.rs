//! Gives people their buttons: HTTP, events over WebSocket. It decides nothing: what is allowed, the core says.

mod api;
mod asking;
mod body;
mod counter;
mod csv_sheet;
mod directory;
mod feed;
mod house;
mod kept;
mod limits;
mod logins;
mod mirror;
mod openapi;
mod own_part;
mod pages;
mod patient;
mod problem;
mod rates;
mod routes;
mod secret;
mod settings;
pub mod shown;
mod subscriptions;
mod unseen;
mod visitor;

pub use api::Api;
pub use house::{
    Ask, AudibilitySheet, CallSheet, Calls, Credential, Health, HistoryQuery, House, HouseError, Known, Page, Reply,
    Snapshot, Standing, Told, Traced, User,
};
pub use limits::{EVENTS, PATIENCE};
pub use problem::ProblemText;
pub use secret::Secret;
pub use settings::{ApiSettings, Doors};
pub use unseen::{is_unseen, masked};
