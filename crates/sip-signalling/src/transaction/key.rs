//! Which transaction a message belongs to: RFC 3261 §17.1.3 and §17.2.3, older senders included.

use rsip::{Method, Request};

use crate::codec::headers::{call_id, cseq, from, to, top_via};
use crate::codec::{SipUri, one};

/// What a server transaction is found by. ACK and CANCEL are looked up under the INVITE's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A branch with the cookie of RFC 3261, sent-by, method.
    Branch {
        /// The branch.
        branch: String,
        /// Host of `sent-by`.
        host: String,
        /// Port of `sent-by`.
        port: u16,
        /// The method.
        method: String,
    },
    /// A sender of RFC 2543, or a branch that is only the cookie (trust.md A12): everything that tells requests apart.
    Old {
        /// The Request-URI.
        uri: String,
        /// The From tag.
        from_tag: String,
        /// The Call-ID.
        call_id: String,
        /// The CSeq number.
        cseq: u32,
        /// The topmost Via.
        via: String,
        /// The method.
        method: String,
    },
}

impl Key {
    /// The key of a request.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let method = if request.method == Method::Ack { Method::Invite } else { request.method };
        Self::with_method(request, method)
    }

    /// The key of the INVITE that a CANCEL means.
    pub(crate) fn of_cancelled(request: &Request) -> Option<Self> {
        Self::with_method(request, Method::Invite)
    }

    fn with_method(request: &Request, method: Method) -> Option<Self> {
        let via = top_via(&request.headers).ok()?;
        let method = method.to_string();
        if let Some(branch) = via.rfc3261_branch() {
            let (host, port) = via.sent_by();
            return Some(Self::Branch { branch: branch.to_owned(), host, port, method });
        }
        Some(Self::Old {
            uri: SipUri::from(&request.uri).to_string(),
            from_tag: from(&request.headers).ok()?.tag().unwrap_or_default().to_owned(),
            call_id: call_id(&request.headers).to_owned(),
            cseq: cseq(&request.headers).ok()?.number,
            via: via.to_string(),
            method,
        })
    }
}

/// What tells that one request came twice by two ways (RFC 3261 §8.2.2.2). Only requests without To tag have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MergeKey {
    call_id: String,
    from_tag: String,
    cseq: String,
}

impl MergeKey {
    /// The key of a request outside any dialog.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        if to(&request.headers).ok()?.tag().is_some() {
            return None;
        }
        Some(Self {
            call_id: call_id(&request.headers).to_owned(),
            from_tag: from(&request.headers).ok()?.tag().unwrap_or_default().to_owned(),
            cseq: one(&request.headers, "CSeq")?.to_owned(),
        })
    }
}
