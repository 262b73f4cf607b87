//! A secret that no log, panic or debug print shows. It does not make secrets.

use std::fmt;

use subtle::ConstantTimeEq;

/// A password or token.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    #[must_use]
    pub const fn new(secret: String) -> Self {
        Self(secret)
    }

    /// Whether `said` is it, in a time that does not depend on where they differ. Nothing is equal to an empty secret.
    pub(crate) fn is(&self, said: &str) -> bool {
        !self.0.is_empty() && bool::from(self.0.as_bytes().ct_eq(said.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
