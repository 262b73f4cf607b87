//! Header names, and getting at rsip's headers by name.
//!
//! rsip keeps one enum variant per header it knows and `Other` for the rest; here every header is a name and a value.

use rsip::headers::{self as known, UntypedHeader};
use rsip::{Header, Headers};

macro_rules! known_headers {
    ($($name:literal $variant:ident,)*) => {
        /// A header of this name. Names rsip knows become their variant, all others `Other` with the usual spelling.
        pub(crate) fn field(name: &str, value: impl Into<String>) -> Header {
            $(if name.eq_ignore_ascii_case($name) {
                return Header::$variant(known::$variant::new(value));
            })*
            Header::Other(spelling(name).to_owned(), value.into())
        }

        /// The name and the value of a header.
        pub(crate) fn name_value(header: &Header) -> (&str, &str) {
            match header {
                $(Header::$variant(known) => ($name, known.value()),)*
                Header::Other(name, value) => (name, value),
            }
        }
    };
}

known_headers! {
    "Via" Via,
    "From" From,
    "To" To,
    "Call-ID" CallId,
    "CSeq" CSeq,
    "Contact" Contact,
    "Max-Forwards" MaxForwards,
    "Content-Length" ContentLength,
    "Content-Type" ContentType,
    "Route" Route,
    "Record-Route" RecordRoute,
    "Expires" Expires,
    "Authorization" Authorization,
    "Proxy-Authorization" ProxyAuthorization,
    "WWW-Authenticate" WwwAuthenticate,
    "Proxy-Authenticate" ProxyAuthenticate,
    "Authentication-Info" AuthenticationInfo,
    "Allow" Allow,
    "Supported" Supported,
    "Require" Require,
    "Proxy-Require" ProxyRequire,
    "Unsupported" Unsupported,
    "User-Agent" UserAgent,
    "Server" Server,
    "Accept" Accept,
    "Accept-Encoding" AcceptEncoding,
    "Accept-Language" AcceptLanguage,
    "Alert-Info" AlertInfo,
    "Call-Info" CallInfo,
    "Content-Disposition" ContentDisposition,
    "Content-Encoding" ContentEncoding,
    "Content-Language" ContentLanguage,
    "Date" Date,
    "Error-Info" ErrorInfo,
    "Event" Event,
    "In-Reply-To" InReplyTo,
    "MIME-Version" MimeVersion,
    "Min-Expires" MinExpires,
    "Organization" Organization,
    "Priority" Priority,
    "Reply-To" ReplyTo,
    "Retry-After" RetryAfter,
    "Subject" Subject,
    "Subscription-State" SubscriptionState,
    "Timestamp" Timestamp,
    "Warning" Warning,
}

/// Compact names (RFC 3261 §7.3.3 and the registry of header fields) with what they stand for.
const COMPACT: [(&str, &str); 20] = [
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("n", "Identity-Info"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
    ("y", "Identity"),
];

/// The usual spelling of names rsip has no variant for.
const SPELLINGS: [&str; 16] = [
    "Refer-To",
    "Referred-By",
    "Refer-Sub",
    "Replaces",
    "Session-Expires",
    "Min-SE",
    "Reason",
    "RSeq",
    "RAck",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Privacy",
    "Path",
    "Allow-Events",
    "Diversion",
    "Target-Dialog",
];

/// The long name of a compact one; any other name as it is.
pub(crate) fn long_name(name: &str) -> &str {
    if name.len() != 1 {
        return name;
    }
    COMPACT.iter().find(|(compact, _)| name.eq_ignore_ascii_case(compact)).map_or(name, |(_, long)| long)
}

fn spelling(name: &str) -> &str {
    SPELLINGS.iter().find(|spelling| name.eq_ignore_ascii_case(spelling)).copied().unwrap_or(name)
}

/// All values of the headers of this (long) name, in order, unsplit.
pub(crate) fn all<'a>(headers: &'a Headers, name: &str) -> impl Iterator<Item = &'a str> {
    headers.iter().map(name_value).filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The value of the first header of this (long) name.
pub(crate) fn one<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    all(headers, name).next()
}

/// Adds a header at the end.
pub(crate) fn push(headers: &mut Headers, name: &str, value: impl Into<String>) {
    headers.push(field(name, value));
}

/// Puts a header before all others (a Via of ours).
pub(crate) fn push_first(headers: &mut Headers, name: &str, value: impl Into<String>) {
    let mut all = vec![field(name, value)];
    all.extend(std::mem::take(headers));
    *headers = all.into();
}

/// Sets a header: the first of this name gets the value, further ones go; if there is none it is added at the end.
pub(crate) fn set(headers: &mut Headers, name: &str, value: impl Into<String>) {
    let mut value = Some(value.into());
    let mut kept: Vec<Header> = Vec::new();
    for header in std::mem::take(headers) {
        if !name_value(&header).0.eq_ignore_ascii_case(name) {
            kept.push(header);
        } else if let Some(value) = value.take() {
            kept.push(field(name, value));
        }
    }
    kept.extend(value.take().map(|value| field(name, value)));
    *headers = kept.into();
}

/// Takes all headers of this name out.
pub(crate) fn remove(headers: &mut Headers, name: &str) {
    headers.retain(|header| !name_value(header).0.eq_ignore_ascii_case(name));
}
