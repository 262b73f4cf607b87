//! Speaks SIP: turns messages into leg news, and leg wishes into messages. Bodies pass through unread.

mod chance;
mod codec;
mod dialog;
mod digest;
mod endpoint;
mod flow;
mod fork;
mod gate;
mod leg;
mod news;
mod orders;
mod refer;
mod registrar;
mod settings;
mod stack;
mod transaction;
mod transport;
mod wish;

pub use endpoint::{BindError, Endpoint, StartError};
pub use leg::DialogState;
pub use news::{Arrival, News, ReferId, Referral, ReferredAt};
pub use settings::{Account, Algorithm, Directory, Doorkeeping, Network, Protocol, Secret, SipSettings, Source, Trunk};
pub use stack::{Counts, RegistrationView};
pub use wish::{Callee, PhoneAccount, ReferTo, Wish};
