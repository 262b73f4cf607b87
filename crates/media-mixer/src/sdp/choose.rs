//! Finds, in a peer's description, the one audio line we take and what its attributes mean for us.
//!
//! It changes nothing and writes nothing. BUNDLE and ICE attributes are not looked at. An encrypted line is taken before a plain one,
//! and a plain one only where that is allowed.

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Attribute, Connection, Media};

use conference::Direction;
use serde::{Deserialize, Serialize};

use super::agreement::Codec;
use super::clean::{clean, media_fields};
use super::crypto::{ATTRIBUTE, CryptoLines, Encryption};
use super::opus::OpusTerms;
use super::session::LocalMedia;
use super::{SdpError, limits};
use crate::rtcp::ExtendedTerms;

/// A direction attribute as written (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Way {
    /// The way in which the writer sends and takes media.
    pub(super) fn new(sends: bool, takes: bool) -> Way {
        match (sends, takes) {
            (true, true) => Way::SendRecv,
            (true, false) => Way::SendOnly,
            (false, true) => Way::RecvOnly,
            (false, false) => Way::Inactive,
        }
    }

    pub(super) fn sends(self) -> bool {
        matches!(self, Way::SendRecv | Way::SendOnly)
    }

    pub(super) fn takes(self) -> bool {
        matches!(self, Way::SendRecv | Way::RecvOnly)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Way::SendRecv => "sendrecv",
            Way::SendOnly => "sendonly",
            Way::RecvOnly => "recvonly",
            Way::Inactive => "inactive",
        }
    }

    fn named(name: &str) -> Option<Way> {
        [Way::SendRecv, Way::SendOnly, Way::RecvOnly, Way::Inactive]
            .into_iter()
            .find(|way| way.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// Telephone events of one clock rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) number: u8,
    pub(super) clock: u32,
}

/// The audio line we take, understood.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its place among the media lines.
    pub(super) index: usize,
    /// `None` for address zero and port 0.
    pub(super) remote: Option<SocketAddr>,
    pub(super) remote_rtcp: Option<SocketAddr>,
    pub(super) port_zero: bool,
    pub(super) address_zero: bool,
    pub(super) way: Way,
    pub(super) rtcp_mux: bool,
    /// Our codecs among its payload types, in its order.
    pub(super) codecs: Vec<(u8, Codec)>,
    /// Its telephone events, by their clocks.
    pub(super) events: Vec<Events>,
    /// Its comfort noise.
    pub(super) comfort: Option<u8>,
    /// How it wants to hear Opus.
    pub(super) opus: OpusTerms,
    /// Bit `n`: the dynamic payload type `96 + n` has a meaning in this description.
    pub(super) mapped: u32,
    pub(super) ptime_ms: u8,
    /// Which extended reports it asks for; `None`: it does not speak of them.
    pub(super) extended: Option<ExtendedTerms>,
    /// Its `a=crypto` lines; none, if nothing is to be encrypted.
    pub(super) crypto: CryptoLines,
}

impl Stream {
    /// Whether it can be encrypted.
    fn is_protected(&self) -> bool {
        !self.crypto.usable.is_empty()
    }

    /// The events that go with `codec`: of its clock (RFC 4733 §2.1), or of any, as many phones have it.
    pub(super) fn events_for(&self, codec: Codec) -> Option<Events> {
        let of = |clock| self.events.iter().copied().find(|events| events.clock == clock);
        of(codec.clock_rate()).or_else(|| of(8_000)).or_else(|| self.events.first().copied())
    }

    /// What the phone that wrote this asks of its leg.
    pub(super) fn direction(&self) -> Direction {
        if self.port_zero || self.address_zero {
            return Direction::Away;
        }
        match self.way {
            Way::SendRecv => Direction::Both,
            Way::RecvOnly => Direction::Listens,
            Way::SendOnly | Way::Inactive => Direction::Away,
        }
    }
}

/// The line that we take, and what must be said of the others in an answer.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) stream: Stream,
    pub(super) profile: Profile,
    /// Its formats as written.
    pub(super) formats: String,
    /// The lines before it, refused: complete lines with port 0.
    pub(super) before: String,
    /// The lines behind it, refused.
    pub(super) after: String,
}

/// The RTP profile of an audio line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Profile {
    /// RTP/AVPF or RTP/SAVPF: its feedback is permitted, not demanded (RFC 4585 §4.2).
    pub(super) feedback: bool,
    /// RTP/SAVP or RTP/SAVPF: nothing of it may be plain (RFC 3711 §12).
    pub(super) secure: bool,
}

impl Profile {
    pub(super) fn name(self) -> &'static str {
        match (self.secure, self.feedback) {
            (false, false) => "RTP/AVP",
            (false, true) => "RTP/AVPF",
            (true, false) => "RTP/SAVP",
            (true, true) => "RTP/SAVPF",
        }
    }

    fn named(name: &str) -> Option<Profile> {
        let all = [(false, false), (true, false), (false, true), (true, true)];
        let mut profiles = all.into_iter().map(|(feedback, secure)| Profile { feedback, secure });
        profiles.find(|profile| profile.name().eq_ignore_ascii_case(name))
    }
}

/// Reads `body` and takes its first audio line that is usable, encrypted ones first; else its first one with port 0.
/// `encryption`: what the leg wants of it now.
///
/// One section is looked at after the other, so that a long description never stands in memory as a tree.
///
/// # Errors
/// As [`SdpError`] says, if no line can be used: `Malformed` of an audio line wins over `NoCommonCodec`, that over what is wrong with
/// encryption, and all of them over `NoAudio`.
pub(super) fn choose(body: &[u8], local: &LocalMedia, encryption: Encryption) -> Result<Chosen, SdpError> {
    let cleaned = clean(body)?;
    let session = parse(cleaned.head())?;
    let mut refused = None;
    let mut verdict = SdpError::NoAudio;
    let mut unsound = None;
    let mut usable: Option<(Stream, Profile)> = None;
    for (index, section) in cleaned.sections().enumerate() {
        let [media, _, proto, _] = media_fields(section)?;
        let Some(profile) = audio_profile(media, proto, encryption) else { continue };
        if usable.as_ref().is_some_and(|(stream, _)| stream.is_protected()) {
            continue;
        }
        // a line that makes no sense is refused like any other that is not for us (RFC 3264 §6)
        let stream = match understand(&session, index, section, local, encryption) {
            Ok(stream) => stream,
            Err(error) => {
                unsound = unsound.or(Some(error));
                continue;
            }
        };
        if stream.port_zero {
            refused = refused.or(Some((stream, profile)));
        } else if stream.remote.is_some_and(|remote| !reachable(local.address, remote)) {
            continue;
        } else if stream.codecs.is_empty() {
            verdict = SdpError::NoCommonCodec;
        } else if stream.is_protected() {
            usable = Some((stream, profile));
        } else if profile.secure || encryption == Encryption::Required {
            if verdict == SdpError::NoAudio {
                verdict = if profile.secure { SdpError::NoCommonCrypto } else { SdpError::NotEncrypted };
            }
        } else {
            usable = usable.or(Some((stream, profile)));
        }
    }
    let refused = refused.filter(|_| verdict == SdpError::NoAudio && unsound.is_none());
    let (stream, profile) = usable.or(refused).ok_or(unsound.unwrap_or(verdict))?;
    let lines = |range: &dyn Fn(usize) -> bool| refused_lines(cleaned.sections(), range);
    let section = cleaned.sections().nth(stream.index).unwrap_or_default();
    let [_, _, _, formats] = media_fields(section)?;
    Ok(Chosen {
        profile,
        formats: formats.to_owned(),
        before: lines(&|index| index < stream.index)?,
        after: lines(&|index| index > stream.index)?,
        stream,
    })
}

fn parse(section: &[u8]) -> Result<sdp_types::Session, SdpError> {
    sdp_types::Session::parse(section).map_err(|error| SdpError::Malformed(error.to_string()))
}

/// The `m=` lines of the sections in `range`, with port 0 (RFC 3264 §6).
fn refused_lines<'a>(
    sections: impl Iterator<Item = &'a [u8]>,
    range: &dyn Fn(usize) -> bool,
) -> Result<String, SdpError> {
    let mut lines = String::new();
    for (index, section) in sections.enumerate() {
        if range(index) {
            let [media, _, proto, formats] = media_fields(section)?;
            for piece in ["m=", media, " 0 ", proto, " ", formats, "\r\n"] {
                lines.push_str(piece);
            }
        }
    }
    Ok(lines)
}

/// The profile of an audio line that may be for us. Where nothing is encrypted, an encrypted line is not.
fn audio_profile(media: &str, proto: &str, encryption: Encryption) -> Option<Profile> {
    let profile = Profile::named(proto).filter(|profile| !profile.secure || encryption != Encryption::Off);
    profile.filter(|_| media.eq_ignore_ascii_case("audio"))
}

/// Only a single host of our own address family: nobody makes us flood a group or a whole network.
fn reachable(local: IpAddr, remote: SocketAddr) -> bool {
    let group = match remote.ip() {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_multicast(),
    };
    local.is_ipv4() == remote.is_ipv4() && !group
}

fn understand(
    session: &sdp_types::Session,
    index: usize,
    section: &[u8],
    local: &LocalMedia,
    encryption: Encryption,
) -> Result<Stream, SdpError> {
    let section = parse(section)?;
    let media = section.medias.first().ok_or_else(|| SdpError::Malformed("m= line".to_owned()))?;
    let payload_types = payload_types(media)?;
    let meanings = Meanings::read(&media.attributes)?;
    let meant = || payload_types.iter().filter_map(|number| Some((*number, meanings.codec(*number)?)));
    let known: Vec<(u8, Codec)> = meant().filter(|(_, codec)| local.codecs.contains(codec)).collect();
    let comfort = meant().find(|(_, codec)| *codec == Codec::ComfortNoise).map(|(number, _)| number);
    let events = payload_types.iter().filter_map(|number| meanings.events(*number)).take(EVENTS).collect();
    let opus_number = known.iter().find(|(_, codec)| *codec == Codec::Opus).map(|(number, _)| *number);
    let parameters = opus_number.and_then(|number| parameters(&media.attributes, number)).unwrap_or_default();
    let address = address(session, media)?;
    let (address_zero, remote) = match address {
        Some(ip) if !ip.is_unspecified() && media.port != 0 => (false, Some(SocketAddr::new(ip, media.port))),
        Some(ip) => (ip.is_unspecified(), None),
        None => (false, None),
    };
    let rtcp_mux = find(&media.attributes, "rtcp-mux").is_some();
    Ok(Stream {
        index,
        remote,
        remote_rtcp: remote.and_then(|remote| rtcp_address(media, remote, rtcp_mux)),
        port_zero: media.port == 0,
        address_zero,
        way: way(&media.attributes).or_else(|| way(&session.attributes)).unwrap_or(Way::SendRecv),
        rtcp_mux,
        codecs: known,
        events,
        comfort,
        opus: OpusTerms::agreed(&local.opus, parameters),
        mapped: meanings.mapped,
        ptime_ms: ptime(&media.attributes),
        extended: extended(&media.attributes).or_else(|| extended(&session.attributes)),
        crypto: crypto(&media.attributes, local, encryption),
    })
}

fn crypto(attributes: &[Attribute], local: &LocalMedia, encryption: Encryption) -> CryptoLines {
    if encryption == Encryption::Off {
        return CryptoLines::default();
    }
    let lines = attributes.iter().filter(|attribute| named(attribute, ATTRIBUTE));
    CryptoLines::read(lines.map(|line| line.value.as_deref().unwrap_or_default()), &local.srtp.suites)
}

fn payload_types(media: &Media) -> Result<Vec<u8>, SdpError> {
    media
        .fmt
        .split_ascii_whitespace()
        .map(|number| match number.parse::<u8>() {
            Ok(number) if number <= 127 => Ok(number),
            Ok(_) | Err(_) => Err(SdpError::Malformed("payload type".to_owned())),
        })
        .collect()
}

/// The line's own address, else the session's (RFC 8866 §5.7). A refused line needs none.
fn address(session: &sdp_types::Session, media: &Media) -> Result<Option<IpAddr>, SdpError> {
    let Some(connection) = media.connections.first().or(session.connection.as_ref()) else {
        return match media.port {
            0 => Ok(None),
            _ => Err(SdpError::Malformed("no c= line".to_owned())),
        };
    };
    parse_address(connection).map(Some)
}

fn parse_address(connection: &Connection) -> Result<IpAddr, SdpError> {
    connection
        .try_address()
        .map(|address| address.ip)
        .map_err(|_| SdpError::Malformed("address of the c= line".to_owned()))
}

/// What the payload types of one line stand for.
struct Meanings {
    /// `None` where an `rtpmap` names something that we do not speak.
    maps: Vec<(u8, Option<Meaning>)>,
    mapped: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Audio(Codec),
    /// Telephone events of this clock rate.
    Event(u32),
}

impl Meanings {
    fn read(attributes: &[Attribute]) -> Result<Meanings, SdpError> {
        let mut maps = Vec::new();
        let mut mapped = 0;
        for attribute in attributes.iter().filter(|attribute| named(attribute, "rtpmap")) {
            let value = attribute.value.as_deref().unwrap_or_default().trim();
            let (number, encoding) = value.split_once(' ').unwrap_or((value, ""));
            let Ok(number @ 0..=127) = number.parse::<u8>() else {
                return Err(SdpError::Malformed("a=rtpmap".to_owned()));
            };
            if number >= 96 {
                mapped |= 1 << (number - 96);
            }
            maps.push((number, meaning(encoding.trim())));
        }
        Ok(Meanings { maps, mapped })
    }

    fn codec(&self, number: u8) -> Option<Codec> {
        match self.maps.iter().find(|(mapped, _)| *mapped == number) {
            Some((_, Some(Meaning::Audio(codec)))) => Some(*codec),
            Some((_, Some(Meaning::Event(_)) | None)) => None,
            None => Codec::of_static(number),
        }
    }

    fn events(&self, number: u8) -> Option<Events> {
        match self.maps.iter().find(|(mapped, _)| *mapped == number) {
            Some((_, Some(Meaning::Event(clock)))) => Some(Events { number, clock: *clock }),
            Some((_, Some(Meaning::Audio(_)) | None)) | None => None,
        }
    }
}

/// Clock rates of telephone events that one line may name and we remember.
const EVENTS: usize = 4;
/// Clock rates that telephone events may have (RFC 4733 §2.1): those of all audio there is.
const EVENT_CLOCKS: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// `PCMU/8000`, `PCMU/8000/1`, `opus/48000/2`, `telephone-event/8000` (RFC 8866 §6.6).
fn meaning(encoding: &str) -> Option<Meaning> {
    let mut parts = encoding.split('/');
    let name = parts.next()?.trim();
    let rate: u32 = parts.next()?.trim().parse().ok()?;
    let channels = parts.next().map(str::trim);
    if name.eq_ignore_ascii_case("telephone-event") {
        return EVENT_CLOCKS.contains(&rate).then_some(Meaning::Event(rate));
    }
    let codec = Codec::named(name).filter(|codec| codec.clock_rate() == rate)?;
    let one_or_none_said = channels.is_none_or(|channels| channels == "1");
    // RFC 7587 §7 wants two; who says one means the same
    let known = one_or_none_said || (codec == Codec::Opus && channels == Some("2"));
    known.then_some(Meaning::Audio(codec))
}

/// What the `fmtp` line of a payload type says.
fn parameters(attributes: &[Attribute], number: u8) -> Option<&str> {
    let lines = attributes.iter().filter(|attribute| named(attribute, "fmtp"));
    lines
        .filter_map(|line| line.value.as_deref()?.trim().split_once(' '))
        .find_map(|(written, parameters)| (written.parse() == Ok(number)).then_some(parameters))
}

/// The last direction attribute counts: some phones append theirs behind another, even without a line end.
fn way(attributes: &[Attribute]) -> Option<Way> {
    attributes.iter().rev().find_map(|attribute| Way::named(&attribute.attribute))
}

/// What we send: the packet time asked for, not longer than `maxptime`, in whole tens (RFC 8866 §6.4, §6.5).
fn ptime(attributes: &[Attribute]) -> u8 {
    let number = |name| {
        find(attributes, name)
            .and_then(|value| value.trim().split(['.', ' ']).next()?.parse::<u32>().ok())
            .filter(|number| *number > 0)
    };
    let asked = number("ptime").unwrap_or(u32::from(limits::PTIME_DEFAULT_MS));
    let most = number("maxptime").unwrap_or(u32::MAX);
    let tens = asked.min(most) / 10 * 10;
    let clamped = tens.clamp(u32::from(limits::PTIME_MIN_MS), u32::from(limits::PTIME_MAX_MS));
    u8::try_from(clamped).unwrap_or(limits::PTIME_DEFAULT_MS)
}

/// RFC 3611 §5.1: `a=rtcp-xr:rcvr-rtt=all voip-metrics`, names of reports with spaces between them.
fn extended(attributes: &[Attribute]) -> Option<ExtendedTerms> {
    let formats = find(attributes, "rtcp-xr")?;
    let asks = |name: &str| formats.split_ascii_whitespace().any(|format| format.split('=').next() == Some(name));
    Some(ExtendedTerms { metrics: asks("voip-metrics"), round_trip: asks("rcvr-rtt") })
}

/// RFC 3605 §2.1: `a=rtcp:53020` or `a=rtcp:53020 IN IP4 126.16.64.4`.
fn rtcp_address(media: &Media, remote: SocketAddr, mux: bool) -> Option<SocketAddr> {
    if mux {
        return Some(remote);
    }
    let next = remote.port().checked_add(1).map(|port| SocketAddr::new(remote.ip(), port));
    let Some(value) = find(&media.attributes, "rtcp") else {
        return next;
    };
    // an address behind the port is ignored: no report goes to a third party on the peer's word
    let port = value.split_ascii_whitespace().next();
    match port.and_then(|port| port.parse::<u16>().ok()) {
        Some(port @ 1..) => Some(SocketAddr::new(remote.ip(), port)),
        Some(0) | None => next,
    }
}

fn named(attribute: &Attribute, name: &str) -> bool {
    attribute.attribute.trim().eq_ignore_ascii_case(name)
}

/// The value of the first attribute of that name; empty for one without a value.
fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|attribute| named(attribute, name))
        .map(|attribute| attribute.value.as_deref().unwrap_or_default())
}
