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
mod servers;
mod settings;
mod stack;
mod trace;
mod traffic;
mod transaction;
mod transport;
mod watch;
mod wish;

pub use endpoint::{BindError, Endpoint, StartError};
pub use leg::DialogState;
pub use news::{Arrival, News, Package, ReferId, Referral, ReferredAt, WatchId, WatchedAt};
pub use settings::{
    Account, Algorithm, Directory, Doorkeeping, Ha1s, Network, Password, Place, Protocol, SavedBinding, Secret,
    SipSettings, Source, Trunk, TrunkSecurity,
};
pub use stack::{Counts, RegistrationView};
pub use trace::TracedMessage;
pub use traffic::Traffic;
pub use watch::{
    Attendance, DialogStage, WatchedConference, WatchedDialog, WatchedDialogs, WatchedEndpoint, WatchedState,
    WatchedUser,
};
pub use wish::{Callee, Offer, PhoneAccount, ReferTo, Wish};
