//! Just enough SIP, written from RFC 3261 for this generator alone: it shares no line with the server it loads.
//!
//! It trusts what it reads: the peer is our own daemon on loopback, and anything odd ends the call as failed.

use std::net::SocketAddr;

use md5::{Digest, Md5};

/// A message as text, with the few questions a generator asks.
pub(crate) struct Message<'a> {
    text: &'a str,
}

impl<'a> Message<'a> {
    pub(crate) fn read(datagram: &'a [u8]) -> Option<Message<'a>> {
        std::str::from_utf8(datagram).ok().filter(|text| text.contains("\r\n\r\n")).map(|text| Message { text })
    }

    /// The status of a response; nothing for a request.
    pub(crate) fn status(&self) -> Option<u16> {
        self.text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    pub(crate) fn method(&self) -> &'a str {
        self.text.split(' ').next().unwrap_or("")
    }

    /// The first header of this name (long form, any case).
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.head().find_map(|line| value(line, name))
    }

    /// Sequence number and method.
    pub(crate) fn cseq(&self) -> Option<(u32, &'a str)> {
        let (number, method) = self.header("CSeq")?.split_once(' ')?;
        Some((number.trim().parse().ok()?, method.trim()))
    }

    /// The URI of the Contact, where requests inside the dialog go.
    pub(crate) fn contact(&self) -> Option<&'a str> {
        let contact = self.header("Contact")?;
        match contact.split_once('<') {
            Some((_, rest)) => rest.split('>').next(),
            None => contact.split(';').next(),
        }
    }

    /// The user part of the address in this header.
    pub(crate) fn user(&self, name: &str) -> Option<&'a str> {
        let (_, address) = self.header(name)?.split_once("sip:")?;
        address.split_once('@').map(|(user, _)| user)
    }

    /// The user part of the address that a request is for.
    pub(crate) fn target_user(&self) -> Option<&'a str> {
        self.text.split(' ').nth(1)?.strip_prefix("sip:")?.split_once('@').map(|(user, _)| user)
    }

    /// The host and port of the address that a request is for.
    pub(crate) fn target_host(&self) -> Option<&'a str> {
        let (_, host) = self.text.split(' ').nth(1)?.split_once('@')?;
        host.split(';').next()
    }

    /// The tag in this header.
    pub(crate) fn tag(&self, name: &str) -> Option<&'a str> {
        let (_, tag) = self.header(name)?.split_once(";tag=")?;
        tag.split(';').next()
    }

    pub(crate) fn body(&self) -> &'a str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// A response to this request: its Vias, From, To (with our tag), Call-ID and CSeq, then `more` headers and a body.
    pub(crate) fn respond(&self, status: &str, tag: &str, more: &str, body: &str) -> String {
        let mut response = format!("SIP/2.0 {status}\r\n");
        for line in self.head().skip(1) {
            if ["Via", "From", "Call-ID", "CSeq"].iter().any(|name| value(line, name).is_some()) {
                response.push_str(line);
                response.push_str("\r\n");
            } else if let Some(to) = value(line, "To") {
                let known = to.contains(";tag=");
                let tagged = if known { format!("To: {to}\r\n") } else { format!("To: {to};tag={tag}\r\n") };
                response.push_str(&tagged);
            }
        }
        response + &ending(more, body)
    }

    fn head(&self) -> impl Iterator<Item = &'a str> {
        self.text.split("\r\n").take_while(|line| !line.is_empty())
    }
}

fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}

/// Further headers, the length, and the body.
pub(crate) fn ending(more: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{more}{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Offer or answer of one PCMU stream at this port, RTCP on the same port (RFC 5761).
pub(crate) fn sdp(port: u16) -> String {
    sdp_with(port, 1, "sendrecv")
}

/// The same in its so many-th version, with a direction.
pub(crate) fn sdp_with(port: u16, version: u32, direction: &str) -> String {
    format!(
        "v=0\r\no=- {port} {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=rtcp-mux\r\na={direction}\r\n"
    )
}

/// Where a peer's SDP wants its audio.
pub(crate) fn audio_address(sdp: &str) -> Option<SocketAddr> {
    let host = sdp.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?.trim();
    let port = sdp.lines().find_map(|line| line.strip_prefix("m=audio "))?.split(' ').next()?;
    format!("{host}:{port}").parse().ok()
}

/// The Authorization value for a challenge of RFC 7616 with MD5, with or without `qop=auth`.
pub(crate) fn authorize(challenge: &str, name: &str, password: &str, method: &str, uri: &str) -> Option<String> {
    let part = |key: &str| {
        let (_, rest) = challenge.split_once(&format!("{key}="))?;
        Some(rest.split(',').next()?.trim().trim_matches('"'))
    };
    let (realm, nonce) = (part("realm")?, part("nonce")?);
    let secret = md5(&format!("{name}:{realm}:{password}"));
    let request = md5(&format!("{method}:{uri}"));
    let start =
        format!("Digest username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=MD5");
    Some(if part("qop").is_some() {
        let response = md5(&format!("{secret}:{nonce}:00000001:load:auth:{request}"));
        format!("{start}, qop=auth, nc=00000001, cnonce=\"load\", response=\"{response}\"")
    } else {
        format!("{start}, response=\"{}\"", md5(&format!("{secret}:{nonce}:{request}")))
    })
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
