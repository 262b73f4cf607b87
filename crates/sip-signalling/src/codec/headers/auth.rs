//! `Scheme name=value, …`: credentials and challenges (RFC 3261 §20.7, §20.44; RFC 7616 §3).

use crate::codec::text::{Unreadable, is_token, split, trim, unquote};

/// One Authorization or WWW-Authenticate value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AuthParams {
    /// `Digest`, `Basic` …
    pub(crate) scheme: String,
    params: Vec<(String, String)>,
}

impl AuthParams {
    /// Reads one value. Only `Digest` values are taken apart; another scheme's are left unread.
    ///
    /// # Errors
    /// `Token` without a scheme; `Parameter` for a part that is not `name=value` or names something twice.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let text = trim(text);
        let (scheme, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        if !is_token(scheme) {
            return Err(Unreadable::Token);
        }
        let mut read = Self { scheme: scheme.to_owned(), params: Vec::new() };
        if !read.is_digest() || trim(rest).is_empty() {
            return Ok(read);
        }
        for part in split(rest, b',')? {
            let (name, value) = part.split_once('=').ok_or(Unreadable::Parameter)?;
            let (name, value) = (trim(name), trim(value));
            if !is_token(name) || read.get(name).is_some() || read.params.len() >= crate::codec::limits::PARAMS {
                return Err(Unreadable::Parameter);
            }
            read.params.push((name.to_owned(), unquote(value).into_owned()));
        }
        Ok(read)
    }

    /// Whether the scheme is Digest.
    pub(crate) fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// A value without its quotes.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Shows the scheme and the names, no value: responses and nonces belong in no log.
impl std::fmt::Debug for AuthParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.params.iter().map(|(name, _)| name);
        f.debug_struct("AuthParams").field("scheme", &self.scheme).field("names", &names.collect::<Vec<_>>()).finish()
    }
}
