//! What the API must be told by the settings. Limits that nobody has to set are in `limits`.

use std::net::IpAddr;

use secure_wire::Identity;
use tokio::sync::watch;

use crate::secret::Secret;

/// The settings of the API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The token that may do everything.
    pub admin_token: Secret,
    /// Who the API is over TLS; `None`: it speaks plain HTTP.
    pub identity: Option<Identity>,
    /// Who is let in, and how often; what is sent here is in force from the next request on.
    pub doors: watch::Sender<Doors>,
}

/// Whom the API lets in besides its own pages, and how often one token may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doors {
    /// The name of the house.
    pub domain: String,
    /// Origins from which browsers may come besides the API's own: `https://desk.example`. Their hosts are names of the API, too.
    pub origins: Vec<String>,
    /// Proxies whose word is believed on whom they speak for (`X-Forwarded-For`, its last entry).
    pub trusted_proxies: Vec<IpAddr>,
    /// Requests a second that one token may make for long, at least 1.
    pub rate_per_s: u32,
    /// Requests that one token may make at once, at least 1.
    pub burst: u32,
}

impl Default for Doors {
    fn default() -> Self {
        Self { domain: String::new(), origins: Vec::new(), trusted_proxies: Vec::new(), rate_per_s: 200, burst: 400 }
    }
}

impl ApiSettings {
    /// The defaults, with this admin token.
    #[must_use]
    pub fn new(admin_token: Secret) -> Self {
        Self { admin_token, identity: None, doors: watch::Sender::new(Doors::default()) }
    }
}
