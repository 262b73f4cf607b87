//! Addresses with a name and parameters: From, To, Contact, Route, Refer-To and their like (RFC 3261 §20.10).

use std::fmt;

use rsip::Headers;

use crate::codec::fields::{all, one};
use crate::codec::text::{Params, Unreadable, is_token_byte, number, quote, quoted_end, split, trim, unquote};
use crate::codec::uri::SipUri;

/// `"Display" <uri>;params`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameAddr {
    /// The display name without quotes; `None` if there is none.
    pub(crate) display: Option<String>,
    /// The address.
    pub(crate) uri: SipUri,
    /// The parameters after the address.
    pub(crate) params: Params,
}

impl NameAddr {
    /// An address without name and parameters.
    pub(crate) fn new(uri: SipUri) -> Self {
        Self { display: None, uri, params: Params::default() }
    }

    /// Reads one address. Without angle brackets, everything from the first semicolon on belongs to the header, and a
    /// comma or question mark is refused (RFC 3261 §20.10).
    ///
    /// # Errors
    /// What cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let text = trim(text);
        if text.starts_with('"') {
            let end = quoted_end(text).ok_or(Unreadable::Open)?;
            let (display, rest) = text.split_at(end);
            return Self::bracketed(Some(unquote(display).into_owned()), trim(rest));
        }
        let Some(bracket) = text.find('<') else { return Self::bare(text) };
        let (display, rest) = text.split_at(bracket);
        let display = trim(display);
        // Wider than the grammar (tokens and blanks), since phones leave names in any script unquoted.
        if display.contains(['"', '>', ',', ';']) {
            return Err(Unreadable::Address);
        }
        Self::bracketed((!display.is_empty()).then(|| display.to_owned()), rest)
    }

    fn bracketed(display: Option<String>, text: &str) -> Result<Self, Unreadable> {
        let (uri, rest) = text.strip_prefix('<').ok_or(Unreadable::Address)?.split_once('>').ok_or(Unreadable::Open)?;
        Ok(Self { display, uri: SipUri::parse(uri)?, params: Params::parse(rest)? })
    }

    fn bare(text: &str) -> Result<Self, Unreadable> {
        let (uri, params) = text.find(';').map_or((text, ""), |semicolon| text.split_at(semicolon));
        let uri = trim(uri);
        if uri.contains([',', '?']) {
            return Err(Unreadable::UriHeaders);
        }
        Ok(Self { display: None, uri: SipUri::parse(uri)?, params: Params::parse(params)? })
    }

    /// The tag of a From or To.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }

    /// The same address with a tag.
    pub(crate) fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }

    /// The `expires` parameter of a Contact.
    ///
    /// # Errors
    /// `Number`, also for what does not fit 32 bits.
    pub(crate) fn expires(&self) -> Result<Option<u32>, Unreadable> {
        self.params.get("expires").map(|value| number(value, u32::MAX)).transpose()
    }

    /// The `q` parameter of a Contact in thousandths; 1000 if there is none.
    ///
    /// # Errors
    /// `Number` if it is not 0 to 1 with at most three decimals.
    pub(crate) fn q(&self) -> Result<u16, Unreadable> {
        let Some(value) = self.params.get("q") else { return Ok(1000) };
        let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
        let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
        let thousandths = match (whole, digits) {
            ("0" | "", true) => number(&format!("{decimals:0<3}"), 999)?,
            ("1", true) if decimals.bytes().all(|digit| digit == b'0') => 1000,
            _ => return Err(Unreadable::Number),
        };
        u16::try_from(thousandths).map_err(|_| Unreadable::Number)
    }

    /// The `+sip.instance` parameter of a Contact, without quotes and brackets (RFC 5626 §4.1).
    pub(crate) fn instance(&self) -> Option<String> {
        let value = self.params.text("+sip.instance")?;
        Some(value.trim_start_matches('<').trim_end_matches('>').to_owned())
    }

    /// The `reg-id` parameter of a Contact (RFC 5626 §4.2).
    pub(crate) fn reg_id(&self) -> Option<u32> {
        self.params.get("reg-id").and_then(|value| number(value, i32::MAX.unsigned_abs()).ok())
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.display {
            Some(name) if name.bytes().all(|byte| is_token_byte(byte) || byte == b' ') => write!(f, "{name} ")?,
            Some(name) => write!(f, "{} ", quote(name))?,
            None => {}
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// What the Contact headers of a message say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contacts {
    /// `*`: all of them (in a REGISTER that removes).
    Star,
    /// These, in their order; none if there is no Contact.
    These(Vec<NameAddr>),
}

/// All Contact values.
///
/// # Errors
/// What cannot be read; `Address` if `*` stands beside anything else.
pub(crate) fn contacts(headers: &Headers) -> Result<Contacts, Unreadable> {
    let mut starred = false;
    let mut these = Vec::new();
    for value in all(headers, "Contact") {
        for part in split(value, b',')? {
            match part {
                "*" => starred = true,
                part => these.push(NameAddr::parse(part)?),
            }
        }
    }
    match (starred, these.is_empty()) {
        (true, true) => Ok(Contacts::Star),
        (true, false) => Err(Unreadable::Address),
        (false, _) => Ok(Contacts::These(these)),
    }
}

/// All addresses of the headers of one name, in order: Route, Record-Route, P-Asserted-Identity, Path.
///
/// # Errors
/// What cannot be read.
pub(crate) fn addresses(headers: &Headers, name: &str) -> Result<Vec<NameAddr>, Unreadable> {
    let mut found = Vec::new();
    for value in all(headers, name) {
        for part in split(value, b',')? {
            found.push(NameAddr::parse(part)?);
        }
    }
    Ok(found)
}

/// The From header.
///
/// # Errors
/// `Missing`, or what cannot be read.
pub(crate) fn from(headers: &Headers) -> Result<NameAddr, Unreadable> {
    NameAddr::parse(one(headers, "From").ok_or(Unreadable::Missing)?)
}

/// The To header.
///
/// # Errors
/// `Missing`, or what cannot be read.
pub(crate) fn to(headers: &Headers) -> Result<NameAddr, Unreadable> {
    NameAddr::parse(one(headers, "To").ok_or(Unreadable::Missing)?)
}

/// The one Refer-To header (RFC 3515 §2.1: exactly one).
///
/// # Errors
/// `Missing` if there is none, `Address` if there are two, or what cannot be read.
pub(crate) fn refer_to(headers: &Headers) -> Result<NameAddr, Unreadable> {
    let mut values = all(headers, "Refer-To");
    let value = values.next().ok_or(Unreadable::Missing)?;
    if values.next().is_some() || split(value, b',')?.len() > 1 {
        return Err(Unreadable::Address);
    }
    // some phones leave the brackets out where RFC 3261 §20.10 asks for them: then all of it is the address
    if value.contains('?') && !value.contains('<') {
        return SipUri::parse(trim(value)).map(NameAddr::new);
    }
    NameAddr::parse(value)
}
