//! What the API must be told by the settings. Limits that nobody has to set are in `limits`.

use crate::secret::Secret;

/// The settings of the API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The token that may do everything.
    pub admin_token: Secret,
    /// Origins from which browsers may come besides the API's own: `https://desk.example`.
    pub origins: Vec<String>,
    /// Requests a second that one token may make for long.
    pub rate_per_s: u32,
    /// Requests that one token may make at once.
    pub burst: u32,
}

impl ApiSettings {
    /// The defaults, with this admin token.
    #[must_use]
    pub const fn new(admin_token: Secret) -> Self {
        Self { admin_token, origins: Vec::new(), rate_per_s: 200, burst: 400 }
    }
}
