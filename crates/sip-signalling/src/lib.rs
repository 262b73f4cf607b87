//! Speaks SIP: turns messages into leg news, and leg wishes into messages. Bodies pass through unread.

mod codec;
mod digest;
mod news;
mod registrar;
mod settings;
mod wish;

pub use news::{Arrival, News};
pub use settings::{Account, Algorithm, Directory, Doorkeeping, Network, Protocol, Secret, SipSettings, Source, Trunk};
pub use wish::{Callee, PhoneAccount, Wish};
