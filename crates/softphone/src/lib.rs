//! Plays a person with a phone, by script, over real SIP and RTP: for `baton demo`, the tests and load.
//!
//! A [`Phone`] registers, calls, answers, holds, transfers and hangs up; each of its lines says a tone of its own and remembers what
//! its [`Ear`] heard, so that who hears whom is measured and never assumed. It decides nothing of a call.
//!
//! It shares code with the server, so whatever it proves is proved once more by phones that share none.

mod decode;
mod desk;
mod ear;
mod line;
mod phone;
mod settings;
mod sound;
mod transfer;
mod voice;
mod wire;

pub use ear::{Ear, Heard, Mark};
pub use line::{LineId, LineState, LineView, ReferProgress};
pub use phone::Phone;
pub use settings::{Goodbye, Hold, Keypad, PhoneError, PhoneSettings};
pub use voice::{Recording, Voice};
pub use wire::Wire;
