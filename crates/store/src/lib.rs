//! Keeps what must outlive the process: users, registrations, agents' states, history. Never waited for by a call.

mod kept;

pub use kept::{Contact, HistoryFilter, Known, Page, Restored, StoreError, StoreSettings, StoredUser, Write};
