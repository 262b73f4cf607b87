//! One scenario per row of the phones' table: what each make sends, letter by letter, plays a whole attended transfer (hold, second call,
//! hold of the second where the make does so, REFER, NOTIFY, BYE by whom the row says) and then what is peculiar to it.
//!
//! The messages lie in `tests/fixtures/phones/NAME.txt`. Every scenario freezes and thaws the live calls in the middle.
//!
//! | row | scenarios in |
//! |---|---|
//! | baresip | `baresip` |
//! | Linphone | `linphone` |
//! | pjsua, MicroSIP | `pjsua` |
//! | SIP.js, JsSIP | `browsers` |
//! | Jitsi desktop | `jitsi` |
//! | Yealink | `yealink` |
//! | AudioCodes | `desk_phones` |
//! | Polycom, Cisco | `desk_phones` |
//! | Zoiper, Bria | `desk_phones` |
//! | Teams Direct Routing | `peers` |
//! | FreeSWITCH | `peers` |

mod baresip;
mod browsers;
mod desk_phones;
mod jitsi;
mod linphone;
mod peers;
mod pjsua;
mod transferred;
mod yealink;
