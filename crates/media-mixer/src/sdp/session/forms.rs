//! One first offer in the forms in which several phones get it. Each form has keys of its own, so that no phone, and nobody who reads what
//! is sent to it, knows those of another; the tag of an answer's key says which form it answers.
//!
//! | form | for whom | profile |
//! |---|---|---|
//! | usual | everybody | RTP/AVP with keys where encryption is optional (RFC 8643) |
//! | strict | who turned the usual one down: some phones that must encrypt take nothing that is open | RTP/SAVP |
//! | over TLS | phones over TLS, where others are rung too | as their terms say |

use bytes::Bytes;

use super::{Encryption, Session};
use crate::sdp::crypto::{ATTRIBUTE, CryptoLine};
use crate::sdp::protect::Described;
use crate::srtp::Protection;

/// Our first offer, as one phone or another gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forms {
    /// What a phone is offered.
    pub usual: Bytes,
    /// What it is offered once it has turned that down with 488, if there is anything else.
    pub strict: Option<Bytes>,
    /// What a phone over TLS is offered instead, if that is something else.
    pub over_tls: Option<Bytes>,
}

/// Which of them; each has the keys of one suite after another behind those of the form before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Usual,
    Strict,
    OverTls,
}

impl Form {
    const ALL: [Form; 3] = [Form::Usual, Form::Strict, Form::OverTls];
}

impl Session {
    /// Our first offer in all its forms. Where something is agreed already, or nothing is encrypted, there is one.
    pub fn offer_in_forms(&mut self) -> Forms {
        if self.agreement.is_none() && self.local.srtp.encryption != Encryption::Off {
            // without a random number no key is named at all
            self.keys.said = CryptoLine::fresh(&self.local.srtp.suites, Form::ALL.len()).unwrap_or_default();
        }
        let whole = self.offer();
        if self.agreement.is_some() || self.keys.said.is_empty() {
            return Forms { usual: whole, strict: None, over_tls: None };
        }
        let form = |form| Bytes::from(self.in_form(&String::from_utf8_lossy(&whole), form));
        Forms {
            usual: form(Form::Usual),
            strict: (!self.line.profile.secure).then(|| form(Form::Strict)),
            over_tls: self.local.srtp.over_tls.map(|_| form(Form::OverTls)),
        }
    }

    /// Our first offer was answered by this key: the form that has it is what we said, and its profile stays.
    pub(super) fn was_taken(&mut self, srtp: Option<Protection>) {
        let suites = self.local.srtp.suites.len();
        if suites == 0 || self.keys.said.len() != suites * Form::ALL.len() {
            return;
        }
        let answered = srtp.and_then(|now| Form::ALL.get((now.tag as usize).checked_sub(1)? / suites));
        let form = answered.copied().unwrap_or(Form::Usual);
        if let Some(whole) = self.described.take() {
            self.described = Some(Described(self.in_form(&whole.0, form)));
        }
        self.line.profile.secure |= self.is_strict(form);
        // an answer to a repetition of it names one of these
        let described = &self.described;
        self.keys.said.retain(|line| described.as_ref().is_some_and(|now| now.names(line.tag)));
    }

    fn is_strict(&self, form: Form) -> bool {
        match form {
            Form::Usual => false,
            Form::Strict => true,
            Form::OverTls => self.local.srtp.over_tls == Some(Encryption::Required),
        }
    }

    /// The keys of one form alone, under its profile.
    fn in_form(&self, whole: &str, form: Form) -> String {
        let suites = self.local.srtp.suites.len();
        let keys = form as usize * suites + 1..=(form as usize + 1) * suites;
        let is_named = |line: &str| tag_of(line).is_none_or(|tag| keys.contains(&(tag as usize)));
        let lines = whole.split_inclusive("\r\n").filter(|line| is_named(line));
        lines
            .map(|line| match line.starts_with("m=audio ") && self.is_strict(form) {
                true => line.replacen(" RTP/AVP ", " RTP/SAVP ", 1),
                false => line.to_owned(),
            })
            .collect()
    }
}

impl Described {
    /// Whether it names the key of that tag.
    fn names(&self, tag: u32) -> bool {
        self.0.lines().any(|line| tag_of(line) == Some(tag))
    }
}

/// The tag of an `a=crypto` line of ours.
fn tag_of(line: &str) -> Option<u32> {
    let value = line.strip_prefix("a=")?.strip_prefix(ATTRIBUTE)?.strip_prefix(':')?;
    value.split(' ').next()?.parse().ok()
}
