//! Writes a session description of ours: one audio line among lines that are refused with port 0.
//!
//! It decides nothing; `session` says what to write.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sdp_types::{Attribute, Connection, Media, Origin};

use super::agreement::Codec;
use super::choose::{Events, Way};
use super::crypto::{ATTRIBUTE, CryptoLine};

/// The events we read and write: digits, `*`, `#` and `A` to `D` (RFC 4733 §3.2).
const EVENTS: &str = "0-15";
/// The extended reports that we read (RFC 3611 §5.1).
const EXTENDED: &str = "rcvr-rtt=all voip-metrics";
/// Bytes that our own part of a description usually has.
const SIZE: usize = 512;
/// A media line needs a format even when it is refused.
const NO_FORMAT: &str = "0";

/// Everything a description of ours says.
pub(super) struct Words<'a> {
    pub(super) address: IpAddr,
    /// Write address zero instead, the old form of hold (RFC 3264 §8.4).
    pub(super) address_zero: bool,
    /// 0 refuses the audio line too.
    pub(super) port: u16,
    pub(super) session_id: u64,
    pub(super) version: u64,
    pub(super) proto: &'a str,
    pub(super) codecs: &'a [(u8, Codec)],
    /// Parameters of those codecs that have some.
    pub(super) opus: &'a str,
    /// Telephone events, one for each clock rate among the codecs (RFC 4733 §2.1).
    pub(super) events: &'a [Events],
    /// Payload type of comfort noise.
    pub(super) comfort: Option<u8>,
    pub(super) ptime_ms: u8,
    pub(super) way: Way,
    pub(super) rtcp_mux: bool,
    /// We want extended reports.
    pub(super) extended: bool,
    /// The keys we seal with, one line for each suite.
    pub(super) crypto: &'a [CryptoLine],
    /// The formats of the audio line if it is refused.
    pub(super) refused_formats: &'a str,
    /// Refused lines, complete.
    pub(super) before: &'a str,
    pub(super) after: &'a str,
}

/// The description as text.
pub(super) fn render(words: &Words<'_>) -> String {
    let origin = Origin::with_ip_addr(words.session_id, words.version, words.address);
    let connection = Connection::from_ip_addr(if words.address_zero { zero(words.address) } else { words.address });
    let mut session = sdp_types::Session::new(origin, "-");
    session.connection = Some(connection);
    session.medias.push(audio(words));
    let mut ours = Vec::with_capacity(SIZE);
    // writing into a vector cannot fail, and everything we write is ASCII
    let written = session.write(&mut ours);
    debug_assert!(written.is_ok());
    let ours = String::from_utf8_lossy(&ours);
    let (head, audio) = ours.split_at(ours.find("m=").unwrap_or(ours.len()));
    [head, words.before, audio, words.after].concat()
}

fn zero(family: IpAddr) -> IpAddr {
    match family {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

fn audio(words: &Words<'_>) -> Media {
    if words.port == 0 {
        let fmt = if words.refused_formats.is_empty() { NO_FORMAT } else { words.refused_formats };
        return plain_line("audio", 0, words.proto, fmt.to_owned());
    }
    let numbers: Vec<String> = words
        .codecs
        .iter()
        .map(|(number, _)| *number)
        .chain(words.comfort)
        .chain(words.events.iter().map(|e| e.number))
        .map(|number| number.to_string())
        .collect();
    let mut line = plain_line("audio", words.port, words.proto, numbers.join(" "));
    for (number, codec) in words.codecs {
        line.attributes.push(attribute("rtpmap", Some(format!("{number} {}", codec.encoding()))));
        if *codec == Codec::Opus {
            line.attributes.push(attribute("fmtp", Some(format!("{number} {}", words.opus))));
        }
    }
    if let Some(number) = words.comfort {
        let map = format!("{number} {}", Codec::ComfortNoise.encoding());
        line.attributes.push(attribute("rtpmap", Some(map)));
    }
    for Events { number, clock } in words.events {
        let map = format!("{number} telephone-event/{clock}");
        line.attributes.push(attribute("rtpmap", Some(map)));
        line.attributes.push(attribute("fmtp", Some(format!("{number} {EVENTS}"))));
    }
    let keys = words.crypto.iter().map(|line| attribute(ATTRIBUTE, Some(line.written())));
    line.attributes.extend(keys);
    line.attributes.push(attribute("ptime", Some(words.ptime_ms.to_string())));
    if words.rtcp_mux {
        line.attributes.push(attribute("rtcp-mux", None));
    }
    if words.extended {
        line.attributes.push(attribute("rtcp-xr", Some(EXTENDED.to_owned())));
    }
    line.attributes.push(attribute(words.way.name(), None));
    line
}

fn plain_line(media: &str, port: u16, proto: &str, fmt: String) -> Media {
    Media {
        media: media.to_owned(),
        port,
        num_ports: None,
        proto: proto.to_owned(),
        fmt,
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn attribute(name: &str, value: Option<String>) -> Attribute {
    Attribute { attribute: name.to_owned(), value }
}
