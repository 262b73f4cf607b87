//! Responses that repeat what RFC 3261 §8.2.6 says they repeat, and reason phrases.
//!
//! Adds no Contact, body or Server; whoever answers does.

use std::net::SocketAddr;

use rsip::{Headers, Request, Response};

use super::fields::{all, push, set};
use super::headers::{Via, to, top_via};

/// A response: Via, From, To, Call-ID and CSeq of the request. `to_tag` goes into the To if it has none; 100 carries no
/// tag of ours but the Timestamp (RFC 3261 §8.2.6.1).
pub(crate) fn respond(request: &Request, status: u16, to_tag: Option<&str>) -> Response {
    let mut headers = Headers::default();
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        for value in all(&request.headers, name) {
            push(&mut headers, name, value);
        }
    }
    if status == 100 {
        for value in all(&request.headers, "Timestamp") {
            push(&mut headers, "Timestamp", value);
        }
    } else if let (Some(tag), Ok(to)) = (to_tag, to(&request.headers))
        && to.tag().is_none()
    {
        set(&mut headers, "To", to.with_tag(tag).to_string());
    }
    Response { status_code: status.into(), headers, ..Response::default() }
}

/// A response that makes or confirms a dialog: it also repeats Record-Route (RFC 3261 §12.1.1).
pub(crate) fn respond_in_dialog(request: &Request, status: u16, to_tag: &str) -> Response {
    let mut response = respond(request, status, Some(to_tag));
    for value in all(&request.headers, "Record-Route") {
        push(&mut response.headers, "Record-Route", value);
    }
    response
}

/// Notes in the topmost Via where a request came from, and returns that Via (RFC 3261 §18.2.1, RFC 3581 §4). `None` if
/// there is no readable Via, which cannot be after parsing.
pub(crate) fn stamp_source(request: &mut Request, source: SocketAddr) -> Option<Via> {
    let mut via = top_via(&request.headers).ok()?;
    via.set_received(source);
    let top = request.headers.iter_mut().find(|header| matches!(header, rsip::Header::Via(_)))?;
    *top = super::fields::field("Via", via.to_string());
    Some(via)
}

/// RFC 3261 §21 and the registry of response codes.
const PHRASES: [(u16, &str); 64] = [
    (100, "Trying"),
    (180, "Ringing"),
    (181, "Call Is Being Forwarded"),
    (182, "Queued"),
    (183, "Session Progress"),
    (199, "Early Dialog Terminated"),
    (200, "OK"),
    (202, "Accepted"),
    (204, "No Notification"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Moved Temporarily"),
    (305, "Use Proxy"),
    (380, "Alternative Service"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (410, "Gone"),
    (412, "Conditional Request Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Unsupported URI Scheme"),
    (417, "Unknown Resource-Priority"),
    (420, "Bad Extension"),
    (421, "Extension Required"),
    (422, "Session Interval Too Small"),
    (423, "Interval Too Brief"),
    (429, "Provide Referrer Identity"),
    (430, "Flow Failed"),
    (433, "Anonymity Disallowed"),
    (439, "First Hop Lacks Outbound Support"),
    (469, "Bad Info Package"),
    (480, "Temporarily Unavailable"),
    (481, "Call/Transaction Does Not Exist"),
    (482, "Loop Detected"),
    (483, "Too Many Hops"),
    (484, "Address Incomplete"),
    (485, "Ambiguous"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (488, "Not Acceptable Here"),
    (489, "Bad Event"),
    (491, "Request Pending"),
    (493, "Undecipherable"),
    (494, "Security Agreement Required"),
    (500, "Server Internal Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Server Time-out"),
    (505, "Version Not Supported"),
    (513, "Message Too Large"),
    (580, "Precondition Failure"),
    (600, "Busy Everywhere"),
    (603, "Decline"),
    (604, "Does Not Exist Anywhere"),
    (606, "Not Acceptable"),
];

/// What a status is called.
pub(crate) fn reason_phrase(status: u16) -> &'static str {
    let class = match status / 100 {
        1 => "Progress",
        2 => "OK",
        3 => "Redirection",
        4 => "Request Failure",
        5 => "Server Failure",
        _ => "Global Failure",
    };
    PHRASES.iter().find(|(known, _)| *known == status).map_or(class, |(_, phrase)| phrase)
}
