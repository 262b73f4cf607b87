//! What is wrong with a message that cannot be acted on, and the answer it is owed.
//!
//! Built from whatever could be read; where it is sent and whether is for the transport.

use rsip::{Headers, Response};

use super::fields::push;
use super::headers::NameAddr;
use super::text::Unreadable;

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Nothing that looks like SIP.
    #[error("no SIP message")]
    NotSip,
    /// The request line is not three parts with single blanks, or the status line has no status.
    #[error("the start-line is malformed")]
    StartLine,
    /// A SIP version other than 2.0.
    #[error("the SIP version is not 2.0")]
    Version,
    /// A method nobody here knows.
    #[error("the method is not known")]
    Method,
    /// The Request-URI's scheme is none we can serve.
    #[error("the scheme of the Request-URI is not supported")]
    Scheme,
    /// The Request-URI.
    #[error("the Request-URI: {0}")]
    RequestUri(Unreadable),
    /// The headers have no end.
    #[error("no empty line after the headers")]
    NoEnd,
    /// More bytes than a message may have.
    #[error("the message is too large")]
    TooLarge,
    /// More headers than a message may have.
    #[error("too many headers")]
    TooManyHeaders,
    /// A line that is no header, too long, or holds a bare CR.
    #[error("a header line is malformed or too long")]
    HeaderLine,
    /// A header that must be read exactly is no UTF-8.
    #[error("{0} is not UTF-8")]
    Utf8(&'static str),
    /// A header that may come once came twice.
    #[error("{0} comes more than once")]
    Repeated(&'static str),
    /// A header is missing or cannot be read.
    #[error("{0}: {1}")]
    Header(&'static str, Unreadable),
    /// CSeq names another method than the request line.
    #[error("CSeq names another method")]
    MethodMismatch,
    /// Less body than Content-Length promised.
    #[error("the body is shorter than Content-Length")]
    ShortBody,
    /// A stream needs Content-Length (RFC 3261 §20.14).
    #[error("a message on a stream has no Content-Length")]
    NoLength,
}

impl Fault {
    /// The status a request with this fault is answered with.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Version => 505,
            Self::Method => 501,
            Self::Scheme => 416,
            Self::TooLarge => 513,
            Self::NotSip
            | Self::StartLine
            | Self::RequestUri(_)
            | Self::NoEnd
            | Self::TooManyHeaders
            | Self::HeaderLine
            | Self::Utf8(_)
            | Self::Repeated(_)
            | Self::Header(..)
            | Self::MethodMismatch
            | Self::ShortBody
            | Self::NoLength => 400,
        }
    }
}

/// A message that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub(crate) struct Malformed {
    /// Why.
    pub(crate) fault: Fault,
    /// What of a request could be read, if it may be answered at all: not a response, not an ACK, not without Via.
    pub(crate) answerable: Option<Box<Answerable>>,
}

/// The headers a response repeats, as they came; each may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answerable {
    pub(super) vias: Vec<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) cseq: Option<String>,
}

impl Malformed {
    /// A fault nobody is told about.
    pub(super) fn silent(fault: Fault) -> Self {
        Self { fault, answerable: None }
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> u16 {
        self.fault.status()
    }

    /// The answer, if one is due. It goes to the very address the request came from: its Via may be unreadable.
    pub(crate) fn response(&self, to_tag: &str) -> Option<Response> {
        let read = self.answerable.as_deref()?;
        let mut headers = Headers::default();
        for via in &read.vias {
            push(&mut headers, "Via", via);
        }
        if let Some(from) = &read.from {
            push(&mut headers, "From", from);
        }
        if let Some(to) = &read.to {
            let tagged =
                NameAddr::parse(to).ok().filter(|to| to.tag().is_none()).map(|to| to.with_tag(to_tag).to_string());
            push(&mut headers, "To", tagged.unwrap_or_else(|| to.clone()));
        }
        if let Some(call_id) = &read.call_id {
            push(&mut headers, "Call-ID", call_id);
        }
        if let Some(cseq) = &read.cseq {
            push(&mut headers, "CSeq", cseq);
        }
        Some(Response { status_code: self.status().into(), headers, ..Response::default() })
    }
}
