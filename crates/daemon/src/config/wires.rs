//! Reads `[sip]`, `[media]` and `[http]`: addresses, ports, codecs, limits.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use sip_signalling::{Algorithm, Network, Protocol};

use super::lines::music;
use super::model::{AudioCodec, Http, Media, Opus, Sip, Srtp};
use super::reader::Section;
use super::tree::{Content, Node};
use super::values::{choice, flag, ip, number, optional_ip, seconds, socket, text};

/// The lowest RTP port that may be set.
const FIRST_PORT: u32 = 1024;
/// Bits a second of Opus that may be set: what one voice needs at least, and what is more than it can use.
const BITRATES: std::ops::RangeInclusive<u32> = 6_000..=128_000;
/// Listeners of one daemon.
const LISTENERS: usize = 32;
/// Origins that may be let in.
const ORIGINS: usize = 100;
/// Proxies that may be believed.
const PROXIES: usize = 100;
/// Requests a second, or at once, that may be allowed.
const RATE: u32 = 1_000_000;
/// User-Agent fragments that may be dropped.
const DROPPED: usize = 100;

/// What is wrong with TLS without a certificate.
const NO_CERTIFICATE: &str = "speaks TLS, which needs sip.certificate and sip.private_key";

/// A way to listen that a file can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Built(Protocol),
    /// `ws`, `wss`: checked, not built yet.
    Unbuilt(&'static str),
}

/// One entry of `sip.listen`.
pub(crate) fn listener(node: &Node) -> Result<(Way, SocketAddr), String> {
    let written = text(node)?;
    let ways = [
        ("udp", Way::Built(Protocol::Udp)),
        ("tcp", Way::Built(Protocol::Tcp)),
        ("tls", Way::Built(Protocol::Tls)),
        ("ws", Way::Unbuilt("ws")),
        ("wss", Way::Unbuilt("wss")),
    ];
    let found = written
        .split_once(':')
        .and_then(|(word, address)| ways.iter().find(|(known, _)| *known == word).map(|(_, way)| (*way, address)));
    match found {
        Some((way, address)) => Ok((way, socket(address)?)),
        None => {
            Err(format!("must be udp:, tcp:, tls:, ws: or wss: and ADDRESS:PORT, not \"{}\"", written.escape_debug()))
        }
    }
}

/// `proved`: whether there is a certificate.
pub(crate) fn sip(root: &Section<'_>, proved: bool) -> Sip {
    let section = root.table("sip");
    let listen = listeners(&section, proved);
    let digest =
        section.list("digest", |node| choice(node, &[("SHA-256", Algorithm::Sha256), ("MD5", Algorithm::Md5)]));
    if digest.value.is_empty() && digest.whole {
        section.mistake("digest", &digest.place, "has nothing in it: nobody could authenticate");
    }
    let name_servers = section.list("name_servers", name_server).plain();
    let session_expires = section.read("session_expires_s", |node| seconds(node, 90, 86_400)).value;
    let drop = section.list("drop_user_agents", |node| match text(node)?.trim() {
        "" => Err("has an empty string in it, which every User-Agent contains".to_owned()),
        fragment => Ok(fragment.to_ascii_lowercase()),
    });
    if drop.value.len() > DROPPED {
        section.mistake("drop_user_agents", &drop.place, &format!("has more than {DROPPED} entries"));
    }
    Sip {
        listen,
        name_servers,
        external_address: section.read("external_address", optional_ip).value,
        digest: digest.plain(),
        session_expires,
        keep_alive: section.read("keep_alive_s", |node| seconds(node, 5, 3600)).value,
        drop_user_agents: drop.plain(),
        ban_loopback: section.read("ban_loopback", flag).value,
    }
}

/// `ADDRESS`, or `ADDRESS:PORT`.
fn name_server(node: &Node) -> Result<SocketAddr, String> {
    let written = text(node)?;
    written.parse().or_else(|_| ip(node).map(|address| SocketAddr::new(address, 53)))
}

/// Whoever calls over a family of addresses needs sound over it, too.
pub(crate) fn check_families(root: &Section<'_>, sip: &Sip, media: &Media) {
    let section = root.table("sip");
    let listen = section.list("listen", listener);
    let sound = |six: bool| {
        if six { media.address.is_ipv6() || media.address_v6.is_some() } else { media.address.is_ipv4() }
    };
    for (six, family) in [(false, "IPv4"), (true, "IPv6")] {
        let mut of_it = listen.value.iter().filter(|entry| entry.value.1.is_ipv6() == six);
        let Some(entry) = of_it.next().filter(|_| !sound(six) && !sip.listen.is_empty()) else { continue };
        let key = if six { "media.address_v6" } else { "media.address" };
        let what = format!("has an {family} address, and {key} is none: phones there would have no sound");
        section.mistake("listen", &entry.place, &what);
    }
}

/// What does not fit together in how others are told where we are.
pub(crate) fn check_outside(root: &Section<'_>, sip: &Sip) {
    let (server, section) = (root.table("server"), root.table("sip"));
    for entry in server.list("local_networks", |node| super::values::network(&text(node)?)).value {
        let Network { address, prefix } = entry.value;
        let first = first_of(entry.value);
        if first != address {
            let what =
                format!("{} has {address}/{prefix}, which means {first}/{prefix}", server.path("local_networks"));
            server.findings.warn(&entry.place, what);
        }
    }
    let read = section.read("external_address", optional_ip);
    let Some(external) = read.value else { return };
    if external.is_unspecified() || external.is_multicast() {
        return section.mistake("external_address", &read.place, "must be an address that others can send to");
    }
    let fits =
        |local: &SocketAddr| local.is_ipv4() == external.is_ipv4() || local.is_ipv6() && local.ip().is_unspecified();
    if !sip.listen.iter().any(|(_, local)| fits(local)) {
        let family = if external.is_ipv4() { "IPv4" } else { "IPv6" };
        let what =
            format!("{} is told to nobody: sip.listen has no {family} address", section.path("external_address"));
        section.findings.warn(&read.place, what);
    }
}

/// The first address of a network.
fn first_of(network: Network) -> IpAddr {
    let bits = u32::from(network.prefix);
    match network.address {
        IpAddr::V4(v4) => (v4.to_bits() & u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0)).to_be_bytes().into(),
        IpAddr::V6(v6) => (v6.to_bits() & u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0)).to_be_bytes().into(),
    }
}

fn listeners(section: &Section<'_>, proved: bool) -> Vec<(Protocol, SocketAddr)> {
    let listen = section.list("listen", listener);
    if listen.value.len() > LISTENERS {
        section.mistake("listen", &listen.place, &format!("has more than {LISTENERS} entries"));
    }
    for (index, entry) in listen.value.iter().enumerate() {
        let (way, address) = entry.value;
        if way == Way::Built(Protocol::Tls) && !proved && !names_a_certificate(section) {
            section.mistake("listen", &entry.place, NO_CERTIFICATE);
        }
        if address.port() != 0 && listen.value[..index].iter().any(|other| other.value == (way, address)) {
            section.mistake("listen", &entry.place, &format!("has {address} twice over the same transport"));
        }
    }
    let built: Vec<(Protocol, SocketAddr)> = listen
        .value
        .iter()
        .filter_map(|entry| match entry.value {
            (Way::Built(protocol), address) => Some((protocol, address)),
            (Way::Unbuilt(_), _) => None,
        })
        .collect();
    if built.is_empty() && listen.whole {
        section.mistake("listen", &listen.place, "has no udp:, tcp: or tls: address that this build could listen on");
    }
    built
}

/// Whether one is named: if it is no good, that is what is complained of.
fn names_a_certificate(section: &Section<'_>) -> bool {
    ["certificate", "private_key"].iter().any(|key| {
        let named = section.read(key, text);
        section.says(key) && !(named.said() && named.value.is_empty())
    })
}

pub(crate) fn media(root: &Section<'_>) -> Media {
    let section = root.table("media");
    let address = section.read("address", ip);
    if address.value.is_unspecified() || is_group(address.value) {
        let what = format!("must be an address that phones can send to, not {}", address.value);
        section.mistake("address", &address.place, &what);
    }
    let address_v6 = section.read("address_v6", optional_ip);
    if address_v6.value.is_some_and(|six| six.is_ipv4() || six.is_unspecified() || is_group(six)) {
        let what = "must be an IPv6 address that phones can send to, or empty";
        section.mistake("address_v6", &address_v6.place, what);
    }
    let workers = section.read("workers", |node| number(node, 0, 256));
    Media {
        address: address.value,
        address_v6: address_v6.value,
        rtp_ports: rtp_ports(&section),
        codecs: codecs(&section),
        opus: opus(&section),
        srtp: section.read("srtp", |node| choice(node, &SRTP)).value,
        nat: section.read("nat", |node| choice(node, &[("auto", true), ("off", false)])).value,
        workers: threads(workers.value),
        hold_music: section.read("hold_music", music).value,
        agc: section.read("agc", flag).value,
        media_timeout: section.read("media_timeout_s", |node| seconds(node, 5, 3600)).value,
        #[cfg(feature = "break")]
        break_law: None,
    }
}

/// What `srtp` may be for everybody.
const SRTP: [(&str, Srtp); 4] =
    [("auto", Srtp::Auto), ("off", Srtp::Off), ("optional", Srtp::Optional), ("required", Srtp::Required)];

/// `srtp` of one agent or trunk; empty: as everybody's.
pub(super) fn own_srtp(section: &Section<'_>) -> Option<Srtp> {
    let read = section.read("srtp", |node| match text(node)?.as_str() {
        "" => Ok(None),
        _ => choice(node, &SRTP).map(Some),
    });
    read.value
}

const fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_multicast(),
    }
}

/// 0: cores - 1, at least 1 (signalling needs the other).
fn threads(asked: u32) -> usize {
    match usize::try_from(asked) {
        Ok(asked @ 1..) => asked,
        Ok(0) | Err(_) => std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1)).max(1),
    }
}

fn rtp_ports(section: &Section<'_>) -> (u16, u16) {
    let read = section.read("rtp_ports", |node| {
        let wrong = || Err(format!("must be [FIRST, LAST], two ports from {FIRST_PORT} to 65535"));
        let Content::List(items) = &node.value else { return wrong() };
        let [first, last] = items.as_slice() else { return wrong() };
        let port = |node| number(node, FIRST_PORT, 65_535).ok().and_then(|port| u16::try_from(port).ok());
        let (Some(first), Some(last)) = (port(first), port(last)) else { return wrong() };
        // one leg takes an even port and the odd one above it (RFC 3550 §11)
        if u32::from(first.next_multiple_of(2)) + 1 > u32::from(last) {
            return Err(format!("has no even port with the odd one above it between {first} and {last}"));
        }
        Ok((first, last))
    });
    read.value
}

/// A codec that a file can name.
fn codec(node: &Node) -> Result<AudioCodec, String> {
    let known = [
        ("opus", AudioCodec::Opus),
        ("G722", AudioCodec::G722),
        ("PCMU", AudioCodec::Pcmu),
        ("PCMA", AudioCodec::Pcma),
    ];
    choice(node, &known)
}

fn codecs(section: &Section<'_>) -> Vec<AudioCodec> {
    let codecs = section.list("codecs", codec);
    let mut known = Vec::new();
    for codec in codecs.value.iter().map(|codec| codec.value) {
        if known.contains(&codec) {
            section.mistake("codecs", &codecs.place, "has a codec twice");
        }
        known.push(codec);
    }
    if known.is_empty() && codecs.whole {
        section.mistake("codecs", &codecs.place, "has none");
    }
    known
}

fn opus(media: &Section<'_>) -> Opus {
    let section = media.table("opus");
    Opus {
        bitrate: section.read("bitrate", |node| number(node, *BITRATES.start(), *BITRATES.end())).value,
        complexity: section.read("complexity", |node| number(node, 0, 10)).value,
        fec: section.read("fec", flag).value,
        dtx: section.read("dtx", flag).value,
    }
}

/// `proved`: whether there is a certificate.
pub(crate) fn http(root: &Section<'_>, proved: bool) -> Http {
    let section = root.table("http");
    let listen = section.read("listen", |node| {
        let written = text(node)?;
        let tls = written.strip_prefix("https:");
        Ok((socket(tls.unwrap_or(&written))?, tls.is_some()))
    });
    if listen.value.1 && !proved && !names_a_certificate(&root.table("sip")) {
        section.mistake("listen", &listen.place, NO_CERTIFICATE);
    }
    let file = section.read("admin_token_file", |node| match text(node)? {
        file if file.is_empty() => Err("must be a file".to_owned()),
        file if std::path::Path::new(&file).is_dir() => Err(format!("is a folder: \"{}\"", file.escape_debug())),
        file => Ok(PathBuf::from(file)),
    });
    let origins = section.list("origins", origin);
    if origins.value.len() > ORIGINS {
        section.mistake("origins", &origins.place, &format!("has more than {ORIGINS} entries"));
    }
    let proxies = section.list("trusted_proxies", ip);
    if proxies.value.len() > PROXIES {
        section.mistake("trusted_proxies", &proxies.place, &format!("has more than {PROXIES} entries"));
    }
    Http {
        listen: listen.value.0,
        secure: listen.value.1,
        admin_token_file: file.value,
        origins: origins.plain(),
        trusted_proxies: proxies.plain(),
        rate_per_s: section.read("rate_per_s", |node| number(node, 1, RATE)).value,
        burst: section.read("burst", |node| number(node, 1, RATE)).value,
    }
}

/// An origin as browsers write it (RFC 6454 §6.2): scheme and host in lower case, a port that is not the scheme's own, no path.
fn origin(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    let shape =
        "must be https:// or http:// and a host in lower case, with its port if it is not the usual one and no path";
    let wrong = || format!("{shape}, not \"{}\"", written.escape_debug());
    let schemes = [("https://", 443), ("http://", 80)];
    let parts = schemes.iter().find_map(|(scheme, usual)| Some((written.strip_prefix(scheme)?, *usual)));
    let (place, usual) = parts.ok_or_else(wrong)?;
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (place, None),
    };
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let good_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address),
        None => !host.is_empty() && host.chars().all(letter),
    };
    let good_port = port.is_none_or(|port| {
        port.parse::<u16>().is_ok_and(|number| number != 0 && number != usual && number.to_string() == port)
    });
    if good_host && good_port { Ok(written.clone()) } else { Err(wrong()) }
}
