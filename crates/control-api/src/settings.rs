//! What the API must be told by the settings. Limits that nobody has to set are in `limits`.

use tokio::sync::watch;

use crate::secret::Secret;

/// The settings of the API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The token that may do everything.
    pub admin_token: Secret,
    /// Who is let in, and how often; what is sent here is in force from the next request on.
    pub doors: watch::Sender<Doors>,
}

/// Whom the API lets in besides its own pages, and how often one token may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doors {
    /// Origins from which browsers may come besides the API's own: `https://desk.example`.
    pub origins: Vec<String>,
    /// Requests a second that one token may make for long, at least 1.
    pub rate_per_s: u32,
    /// Requests that one token may make at once, at least 1.
    pub burst: u32,
}

impl Default for Doors {
    fn default() -> Self {
        Self { origins: Vec::new(), rate_per_s: 200, burst: 400 }
    }
}

impl ApiSettings {
    /// The defaults, with this admin token.
    #[must_use]
    pub fn new(admin_token: Secret) -> Self {
        Self { admin_token, doors: watch::Sender::new(Doors::default()) }
    }
}
