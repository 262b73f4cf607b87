//! A message to bytes. The body goes out untouched, Content-Length is computed, and no value can smuggle a line in.

use bytes::Bytes;
use rsip::{Headers, SipMessage};

use super::fields::name_value;
use super::respond::reason_phrase;
use super::text::is_token;
use super::uri::SipUri;

/// The bytes of a message. A header whose name is no token is left out; line ends inside values become blanks.
pub(crate) fn write(message: &SipMessage) -> Bytes {
    let (headers, body) = match message {
        SipMessage::Request(request) => (&request.headers, &request.body),
        SipMessage::Response(response) => (&response.headers, &response.body),
    };
    let mut out = Vec::with_capacity(512 + body.len());
    match message {
        SipMessage::Request(request) => {
            put(&mut out, &request.method.to_string());
            out.push(b' ');
            let uri = SipUri::from(&request.uri).to_string();
            out.extend(uri.bytes().filter(|byte| *byte > b' ' && *byte != 0x7F));
            put(&mut out, " SIP/2.0");
        }
        SipMessage::Response(response) => {
            put(&mut out, "SIP/2.0 ");
            let status = response.status_code.code();
            put(&mut out, &status.to_string());
            out.push(b' ');
            put(&mut out, reason_phrase(status));
        }
    }
    put_headers(&mut out, headers);
    put(&mut out, "\r\nContent-Length: ");
    put(&mut out, &body.len().to_string());
    put(&mut out, "\r\n\r\n");
    out.extend_from_slice(body);
    out.into()
}

fn put_headers(out: &mut Vec<u8>, headers: &Headers) {
    for (name, value) in headers.iter().map(name_value) {
        if is_token(name) && !name.eq_ignore_ascii_case("Content-Length") {
            put(out, "\r\n");
            put(out, name);
            put(out, ": ");
            out.extend(value.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        }
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}
