//! How messages find their transaction, RFC 3261 §17.1.3 and §17.2.3, with the rule for senders of RFC 2543.

use rsip::{Method, Request, Response};

use crate::codec::headers::{call_id, cseq, from, top_via};
use crate::codec::one;

/// Finds a server transaction. ACK and CANCEL are looked up with the INVITE they speak of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ServerKey {
    /// Branch, sent-by and method (§17.2.3).
    Branch(String, String, u16, String),
    /// What an RFC 2543 sender repeats in its ACK: Call-ID, CSeq number, From tag and the top Via.
    Older(String, u32, String, String, String),
}

impl ServerKey {
    /// The key of the transaction that `request` belongs to or makes; `method` replaces its own where it speaks of another.
    pub(super) fn of(request: &Request, method: &Method) -> Option<Self> {
        let via = top_via(&request.headers).ok()?;
        let (host, port) = via.sent_by();
        if let Some(branch) = via.rfc3261_branch() {
            return Some(Self::Branch(branch.to_owned(), host, port, method.to_string()));
        }
        Some(Self::Older(
            call_id(&request.headers).to_owned(),
            cseq(&request.headers).ok()?.number,
            from(&request.headers).ok()?.tag().unwrap_or_default().to_owned(),
            one(&request.headers, "Via").unwrap_or_default().to_owned(),
            method.to_string(),
        ))
    }
}

/// Finds a client transaction: the branch we made, and the method of the CSeq (§17.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClientKey(String, String);

impl ClientKey {
    pub(super) fn of_request(request: &Request) -> Option<Self> {
        let via = top_via(&request.headers).ok()?;
        Some(Self(via.branch()?.to_owned(), request.method.to_string()))
    }

    pub(super) fn of_response(response: &Response) -> Option<Self> {
        let via = top_via(&response.headers).ok()?;
        Some(Self(via.branch()?.to_owned(), cseq(&response.headers).ok()?.method))
    }
}
