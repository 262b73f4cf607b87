//! Keeps what must outlive the process: users, registrations, agents' states, history. Never waited for by a call.

mod apply;
mod database;
mod history;
mod kept;
mod ledger;
mod queue;
mod restored;
mod retention;
mod spool;
mod store;
mod users;
mod writer;

pub use kept::{
    Contact, Counts, Ha1s, Health, HistoryFilter, Known, Page, Restored, StoreError, StoreSettings, StoredUser, Write,
};
pub use store::Store;
