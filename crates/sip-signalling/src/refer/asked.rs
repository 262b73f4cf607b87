//! What a REFER asks, as phones write it (RFC 3515 §2.1, `phones.md`): of the header part of its Refer-To nothing counts
//! but Replaces, which is read loosely. Whom it means is for the stack to find.

use conference::LegId;
use rsip::Headers;

use crate::codec::headers::{Replaces, refer_to, tokens};
use crate::codec::{Scheme, SipUri, Unreadable, all, one, unescape};
use crate::dialog::Dialog;

/// One REFER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Its wish.
    pub(crate) target: Target,
    /// Its sender wants no NOTIFYs (RFC 4488 §4).
    pub(crate) quiet: bool,
}

/// What it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A dialog.
    Dialog(Named),
    /// An address to bring in.
    Address(SipUri),
    /// An address to remove.
    Removed(SipUri),
    /// Something we cannot do: another method, another scheme.
    Other,
}

impl Asked {
    /// Reads the headers of a REFER.
    ///
    /// # Errors
    /// No Refer-To, two, or one that cannot be read; a Replaces that names nothing.
    pub(crate) fn read(headers: &Headers) -> Result<Self, Unreadable> {
        let refer_to = refer_to(headers)?;
        let unwanted = one(headers, "Refer-Sub").is_some_and(|value| {
            value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
        });
        let quiet = unwanted || tokens(headers, "Require").iter().any(|tag| tag.eq_ignore_ascii_case("norefersub"));
        let mut uri = refer_to.uri;
        let replaces = uri.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("replaces"));
        if let Some((_, value)) = replaces {
            return Ok(Self { target: Target::Dialog(Named::replaces(value)?), quiet });
        }
        // header parameters are for the request that we would send; none of them gets there
        uri.headers.clear();
        let method = uri.params.get("method").or_else(|| refer_to.params.get("method")).map(str::to_ascii_uppercase);
        uri.params.remove("method");
        let known = uri.is_sip() || uri.scheme == Scheme::Other("tel".to_owned());
        let target = match method.as_deref() {
            _ if !known => Target::Other,
            None | Some("INVITE") => Target::Address(uri),
            Some("BYE") => Target::Removed(uri),
            Some(_) => Target::Other,
        };
        Ok(Self { target, quiet })
    }
}

/// A dialog as phones name it: tags in either order, `0` or missing for one they do not know, escaped or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named(Vec<(String, [Option<String>; 2])>);

impl Named {
    /// From the value of a Replaces in a URI, as it stands there. What it may mean, escapes taken for escapes or not.
    fn replaces(value: &str) -> Result<Self, Unreadable> {
        let once = unescape(value);
        let twice = unescape(&once);
        let mut readings = Vec::new();
        for text in [once.as_ref(), value, twice.as_ref()] {
            let Ok(Replaces { call_id, to_tag, from_tag, .. }) = Replaces::parse(text) else { continue };
            let reading = (call_id, [to_tag, from_tag].map(known_tag));
            if !readings.contains(&reading) {
                readings.push(reading);
            }
        }
        if readings.is_empty() { Err(Unreadable::Missing) } else { Ok(Self(readings)) }
    }

    /// From a Target-Dialog header (RFC 4538 §7), if there is one.
    ///
    /// # Errors
    /// Two of them, or one that cannot be read.
    pub(crate) fn target_dialog(headers: &Headers) -> Result<Option<Self>, Unreadable> {
        let mut values = all(headers, "Target-Dialog");
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Unreadable::Address);
        }
        let (call_id, params) = crate::codec::headers::word_and_params(value)?;
        if call_id.is_empty() {
            return Err(Unreadable::Missing);
        }
        let tag = |name| known_tag(params.get(name).map(str::to_owned));
        Ok(Some(Self(vec![(call_id.to_owned(), [tag("local-tag"), tag("remote-tag")])])))
    }

    /// Whether it may mean this dialog.
    pub(crate) fn fits(&self, dialog: &Dialog) -> bool {
        let (local, remote) = (dialog.local_tag.as_str(), dialog.remote_tag.as_str());
        self.0.iter().filter(|(call_id, _)| *call_id == dialog.call_id).any(|(_, tags)| {
            match [tags[0].as_deref(), tags[1].as_deref()] {
                [None, None] => true,
                [Some(tag), None] | [None, Some(tag)] => tag == local || tag == remote,
                [Some(one), Some(other)] => (one, other) == (local, remote) || (other, one) == (local, remote),
            }
        })
    }
}

fn known_tag(tag: Option<String>) -> Option<String> {
    tag.filter(|tag| !matches!(tag.as_str(), "" | "0"))
}

/// The leg whose address a user part is: our Contact in a leg's dialog has its name there.
pub(crate) fn leg_of(user: &str) -> Option<LegId> {
    let number = |digits: &str| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= 19;
        digits.parse().ok().filter(|_| plain)
    };
    match user.split_at_checked(1)? {
        ("a", digits) => number(digits).map(LegId::arrived),
        ("r", digits) => number(digits).map(LegId::rung),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
