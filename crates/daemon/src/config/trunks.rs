//! Reads `[[trunks]]`: the carriers that bring customers and take calls to outside numbers.

use std::net::SocketAddr;

use regex::Regex;
use secure_wire::{Connector, Roots};
use sip_signalling::{Place, Protocol, Secret, Source, TrunkSecurity};

use super::directory::{Directory, target};
use super::house::{required_name, secret};
use super::model::{Dialled, Media, NumberRule, Sip, Target, TargetKind, Trunk};
use super::proof;
use super::reader::{At, Section};
use super::tree::{self, Node};
use super::values::{flag, number, socket, source, text};
use super::wires::own_srtp;

/// Entries of one trunk's `numbers`.
const NUMBERS: usize = 10_000;
/// Characters of a pattern.
const PATTERN: usize = 256;
/// Bytes a compiled pattern may take.
const COMPILED: usize = 1 << 20;

pub(crate) fn trunks(root: &Section<'_>, directory: &mut Directory) -> Vec<Trunk> {
    let sections = root.tables("trunks");
    let mut sources: Vec<At<Source>> = Vec::new();
    let mut trunks: Vec<Trunk> = Vec::new();
    for section in &sections {
        let trunk = trunk(section, directory, &mut sources);
        if trunks.iter().any(|other| other.name == trunk.name && !trunk.name.is_empty()) {
            let what = format!("{} has the name of an earlier trunk: \"{}\"", section.name, trunk.name);
            section.findings.mistake(&section.place, what);
        }
        trunks.push(trunk);
    }
    trunks
}

fn trunk(section: &Section<'_>, directory: &mut Directory, sources: &mut Vec<At<Source>>) -> Trunk {
    let name = required_name(section);
    let (protocol, place) = carrier(section);
    let security = security(section, protocol, &place);
    let credentials = credentials(section);
    let register = needs_account(section, "register", credentials.is_some());
    let from_account = needs_account(section, "from_account", credentials.is_some());
    Trunk {
        name: name.value,
        place,
        protocol,
        security,
        credentials,
        register,
        caller_id: section.read("caller_id", caller_id).value,
        from_account,
        trusted: section.read("trusted", flag).value,
        accept_from: accept_from(section, sources),
        route_in: route_in(section, directory),
        numbers: numbers(section, directory),
        match_out: match_out(section),
        max_calls: section.read("max_calls", |node| number(node, 1, 100_000)).value,
        srtp: own_srtp(section),
    }
}

/// What is told and asked over TLS.
fn security(section: &Section<'_>, protocol: Option<Protocol>, place: &Place) -> TrunkSecurity {
    let (ca, clients) = (proof::roots(section, "ca"), proof::roots(section, "client_ca"));
    let server_name = section.read("server_name", |node| match text(node)? {
        empty if empty.is_empty() => Ok(empty),
        name => Connector::check_name(&name).map(|()| name).map_err(|error| format!("is {error}")),
    });
    let identity = proof::identity(section);
    // DNS may say that a name is reached over TLS
    let may_be = protocol.is_none() && matches!(place, Place::Name { port: None, .. });
    if protocol != Some(Protocol::Tls) && !may_be {
        for key in ["ca", "server_name", "certificate"].into_iter().filter(|key| section.says(key)) {
            let what = format!("{} is not used: the address does not begin with tls:", section.path(key));
            section.findings.warn(&section.place, what);
        }
        return TrunkSecurity { clients: clients.value, ..TrunkSecurity::default() };
    }
    let trust = ca.value.or_else(|| match Roots::of_this_machine() {
        Ok(roots) => Some(roots),
        // the file that is named has been complained of already
        Err(_) if section.says("ca") || may_be => None,
        Err(error) => {
            section.mistake("ca", &section.place, &format!("is empty, and {error}"));
            None
        }
    });
    TrunkSecurity { trust, server_name: server_name.value, identity, clients: clients.value }
}

/// Every trunk must be reached from one of our listeners, and have sound: what is asked over TLS must be answered over TLS
/// (RFC 3261 §8.1.1.8), and the same holds for the other protocols and for both families of addresses.
pub(super) fn check_ways(root: &Section<'_>, trunks: &[Trunk], sip: &Sip, media: &Media) {
    let listens = sip.listen.iter().any(|(protocol, _)| *protocol == Protocol::Tls);
    for (section, trunk) in root.tables("trunks").iter().zip(trunks) {
        check_reach(section, trunk, sip, media);
        let key = match (trunk.protocol, &trunk.security.clients) {
            _ if listens => continue,
            (Some(Protocol::Tls), _) => "address",
            (_, Some(_)) => "client_ca",
            (Some(Protocol::Udp | Protocol::Tcp) | None, None) => continue,
        };
        section.mistake(key, &section.place, "speaks TLS, which needs a tls: address in sip.listen");
    }
}

/// Whether a listener speaks to a trunk over what it is asked and in its family. What TLS needs is checked for itself, and a
/// name may lead anywhere.
fn check_reach(section: &Section<'_>, trunk: &Trunk, sip: &Sip, media: &Media) {
    // listeners that could not be read have been complained of already
    if !section.says("address") || sip.listen.is_empty() {
        return;
    }
    let protocol = match (&trunk.place, trunk.protocol) {
        (_, Some(Protocol::Tls)) | (Place::Name { .. }, None) => return,
        (_, Some(protocol)) => protocol,
        (Place::Address(_), None) => Protocol::Udp,
    };
    let written = if protocol == Protocol::Tcp { "tcp:" } else { "udp:" };
    let six = match &trunk.place {
        Place::Address(address) if address.port() == 0 => return,
        Place::Address(address) => Some(address.is_ipv6()),
        Place::Name { .. } => None,
    };
    let reaches = |(listens, local): &(Protocol, SocketAddr)| {
        *listens == protocol && six.is_none_or(|six| local.is_ipv6() == six)
    };
    if !sip.listen.iter().any(reaches) {
        let family = six.map_or("", |six| if six { " of IPv6" } else { " of IPv4" });
        let what = format!("is reached by no listener, which needs a {written} address{family} in sip.listen");
        section.mistake("address", &section.place, &what);
    } else if six == Some(true) && !media.address.is_ipv6() && media.address_v6.is_none() {
        section.mistake(
            "address",
            &section.place,
            "is an IPv6 address, and media.address_v6 is none: its calls would have no sound",
        );
    }
}

/// `ADDRESS:PORT`, `NAME` or `NAME:PORT`, or one of these with `udp:`, `tcp:` or `tls:` before it.
fn carrier(section: &Section<'_>) -> (Option<Protocol>, Place) {
    let read = section.read("address", |node| {
        if node.place == tree::Place::Default {
            return Ok((None, Place::Address(SocketAddr::from(([0, 0, 0, 0], 0)))));
        }
        let written = text(node)?;
        let (protocol, place) = match written.split_once(':') {
            Some(("tcp", place)) => (Some(Protocol::Tcp), place),
            Some(("tls", place)) => (Some(Protocol::Tls), place),
            Some(("udp", place)) => (Some(Protocol::Udp), place),
            Some(_) | None => (None, written.as_str()),
        };
        Ok((protocol, place_of(place)?))
    });
    if !read.said() && !section.says("address") {
        section.findings.mistake(&section.place, format!("{} has no address", section.name));
    }
    read.value
}

fn place_of(written: &str) -> Result<Place, String> {
    if let Some(name) = name_of(written) {
        return Ok(name);
    }
    let address = socket(written).map_err(|_| {
        format!("must be ADDRESS:PORT (IPv6 in brackets), NAME or NAME:PORT, not \"{}\"", written.escape_debug())
    })?;
    if address.port() == 0 || address.ip().is_unspecified() {
        return Err(format!("must be an address and a port that calls can be sent to, not {address}"));
    }
    Ok(Place::Address(address))
}

/// `NAME` or `NAME:PORT`. Whatever ends in digits only was to be an address (RFC 1123 §2.1).
fn name_of(written: &str) -> Option<Place> {
    let (host, port) = written.split_once(':').map_or((written, None), |(host, port)| (host, Some(port)));
    let letters =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_name = host.len() <= 253 && host.split('.').all(letters) && !last.bytes().all(|byte| byte.is_ascii_digit());
    let port = match port {
        None => None,
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
    };
    is_name.then(|| Place::Name { host: host.to_ascii_lowercase(), port })
}

fn credentials(section: &Section<'_>) -> Option<(String, Secret)> {
    let user = section.read("user", text);
    let password = section.read("password", secret);
    match (user.value.is_empty(), password.value.is_empty()) {
        (true, true) => None,
        (false, false) => Some((user.value, Secret(password.value))),
        (true, false) | (false, true) => {
            let place = if user.said() { &user.place } else { &password.place };
            section.mistake("user", place, "and password belong together: one of them is empty");
            None
        }
    }
}

/// Nobody registers, or calls, as nobody.
fn needs_account(section: &Section<'_>, key: &str, has_account: bool) -> bool {
    let read = section.read(key, flag);
    // half an account has been complained of already
    if read.value && !has_account && !section.says("user") && !section.says("password") {
        section.mistake(key, &read.place, "= true needs user and password");
    }
    read.value
}

fn caller_id(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '_' | '-' | '*' | '#');
    match written.len() <= 64 && written.chars().all(allowed) {
        true => Ok(written),
        false => Err(format!("must be a number or a name, not \"{}\"", written.escape_debug())),
    }
}

fn accept_from(section: &Section<'_>, sources: &mut Vec<At<Source>>) -> Vec<Source> {
    let read = section.list("accept_from", source);
    for found in &read.value {
        if let Some(earlier) = sources.iter().find(|earlier| earlier.value == found.value) {
            let what = format!("has an address that is taken already at {}", earlier.place);
            section.mistake("accept_from", &found.place, &what);
        }
    }
    let values = read.value.iter().map(|found| found.value).collect();
    sources.extend(read.value);
    values
}

const INWARDS: [TargetKind; 3] = [TargetKind::Agent, TargetKind::Queue, TargetKind::Room];

fn route_in(section: &Section<'_>, directory: &mut Directory) -> Option<Target> {
    let read = section.read("route_in", |node| match text(node)?.as_str() {
        "" => Ok(None),
        written => target(written, &INWARDS).map(|(kind, name)| Some(kind.target(&name))),
    });
    if let Some(wanted) = &read.value {
        directory.want(section.path("route_in"), &read.place, wanted.clone());
    }
    read.value
}

fn numbers(section: &Section<'_>, directory: &mut Directory) -> Vec<NumberRule> {
    let table = section.free_table("numbers");
    if table.value.entries.len() > NUMBERS {
        section.mistake("numbers", &table.place, &format!("has more than {NUMBERS} entries"));
    }
    let mut rules = Vec::new();
    for entry in &table.value.entries {
        let path = section.path("numbers");
        let rule =
            dialled(&entry.key).map_err(|what| (entry.place.clone(), format!("{path}: {what}"))).and_then(|dialled| {
                let wrong = |what| (entry.node.place.clone(), format!("{path}: {what}"));
                let written = text(&entry.node).map_err(wrong)?;
                let (kind, name) = target(&written, &INWARDS).map_err(wrong)?;
                Ok(NumberRule { dialled, kind, name })
            });
        match rule {
            Ok(rule) => {
                // what a pattern's groups make of the name is known only when somebody calls
                if !rule.name.contains('$') {
                    directory.want(path, &entry.node.place, rule.kind.target(&rule.name));
                }
                rules.push(rule);
            }
            Err((place, what)) => section.findings.mistake(&place, what),
        }
    }
    rules
}

fn dialled(key: &str) -> Result<Dialled, String> {
    match key.strip_prefix('/') {
        Some(rest) => match rest.strip_suffix('/') {
            Some(inside) => pattern(inside).map(Dialled::Matching),
            None => Err(format!("a pattern ends with /: \"{}\"", key.escape_debug())),
        },
        None if key.is_empty() || key.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Err(format!("no number: \"{}\"", key.escape_debug()))
        }
        None => Ok(Dialled::Exactly(key.to_owned())),
    }
}

fn match_out(section: &Section<'_>) -> Option<Regex> {
    let read = section.read("match_out", |node| match text(node)?.as_str() {
        "" => Ok(None),
        written => pattern(written).map(Some),
    });
    read.value
}

fn pattern(written: &str) -> Result<Regex, String> {
    if written.len() > PATTERN {
        return Err(format!("is a pattern of more than {PATTERN} bytes"));
    }
    regex::RegexBuilder::new(written).size_limit(COMPILED).build().map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("is no pattern: \"{}\": {last}", written.escape_debug())
    })
}
