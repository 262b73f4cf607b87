//! Values with parameters that calls and transfers need: Reason, Session-Expires, Replaces, Event.
//!
//! Reads and writes them; what follows from them is for dialogs and transfers.
#![allow(dead_code, reason = "transfers by REFER and session timers, which come next, read them")]

use std::fmt;

use crate::codec::text::{Params, Unreadable, is_token, number, quote, trim};

/// `word;param;param=value`
///
/// # Errors
/// `Parameter` or `Open`.
pub(crate) fn word_and_params(text: &str) -> Result<(&str, Params), Unreadable> {
    let (word, params) = text.find(';').map_or((text, ""), |semicolon| text.split_at(semicolon));
    Ok((trim(word), Params::parse(params)?))
}

/// A Reason value (RFC 3326 §2): why a leg ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// `SIP`, `Q.850` …
    pub(crate) protocol: String,
    /// The status or cause.
    pub(crate) cause: Option<u16>,
    /// For people.
    pub(crate) text: Option<String>,
}

impl Reason {
    /// `SIP;cause=status;text="…"`
    pub(crate) fn sip(status: u16, text: &str) -> Self {
        Self { protocol: "SIP".to_owned(), cause: Some(status), text: Some(text.to_owned()) }
    }

    /// Reads one value.
    ///
    /// # Errors
    /// `Token` or `Parameter`.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let (protocol, params) = word_and_params(text)?;
        if !is_token(protocol) {
            return Err(Unreadable::Token);
        }
        let cause = params.get("cause").and_then(|cause| cause.parse().ok());
        let text = params.text("text").map(std::borrow::Cow::into_owned);
        Ok(Self { protocol: protocol.to_owned(), cause, text })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        if let Some(text) = &self.text {
            write!(f, ";text={}", quote(text))?;
        }
        Ok(())
    }
}

/// A Session-Expires value (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionExpires {
    /// Seconds.
    pub(crate) seconds: u32,
    /// Who refreshes: `Some(true)` the caller's side (`uac`), `Some(false)` the other (`uas`).
    pub(crate) by_uac: Option<bool>,
}

impl SessionExpires {
    /// Reads one value.
    ///
    /// # Errors
    /// `Number` or `Parameter`.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let (seconds, params) = word_and_params(text)?;
        let by_uac = match params.get("refresher").map(str::to_ascii_lowercase).as_deref() {
            Some("uac") => Some(true),
            Some("uas") => Some(false),
            Some(_) => return Err(Unreadable::Parameter),
            None => None,
        };
        Ok(Self { seconds: number(seconds, u32::MAX)?, by_uac })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.by_uac {
            Some(true) => f.write_str(";refresher=uac"),
            Some(false) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// A Replaces value (RFC 3891 §3). Both tags may be missing: phones forget them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replaces {
    /// The dialog's Call-ID.
    pub(crate) call_id: String,
    /// The tag of the side that is asked.
    pub(crate) to_tag: Option<String>,
    /// The tag of the other side.
    pub(crate) from_tag: Option<String>,
    /// Only if the dialog is not answered yet.
    pub(crate) early_only: bool,
}

impl Replaces {
    /// Reads one value, unescaped.
    ///
    /// # Errors
    /// `Missing` without a Call-ID, or `Parameter`.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let (call_id, params) = word_and_params(text)?;
        if call_id.is_empty() {
            return Err(Unreadable::Missing);
        }
        let tag = |name| params.get(name).map(str::to_owned);
        let early_only = params.has("early-only");
        Ok(Self { call_id: call_id.to_owned(), to_tag: tag("to-tag"), from_tag: tag("from-tag"), early_only })
    }

    /// Whether both tags are there, as they must be in an INVITE.
    pub(crate) fn has_tags(&self) -> bool {
        self.to_tag.is_some() && self.from_tag.is_some()
    }
}

/// An Event value (RFC 6665 §8.2.1) with its id, or a Subscription-State with its reason: a word and parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventValue {
    /// The package or state, in small letters.
    pub(crate) word: String,
    /// The parameters.
    pub(crate) params: Params,
}

impl EventValue {
    /// Reads one value.
    ///
    /// # Errors
    /// `Token` or `Parameter`.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let (word, params) = word_and_params(text)?;
        if !is_token(word) {
            return Err(Unreadable::Token);
        }
        Ok(Self { word: word.to_ascii_lowercase(), params })
    }
}
