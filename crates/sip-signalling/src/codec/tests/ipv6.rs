//! The messages of RFC 5118 (torture for IPv6), section by section. Bodies are only carried here: the mixer reads them.

use std::net::IpAddr;

use super::{request, vias};
use crate::codec::headers::{Contacts, contacts};
use crate::codec::{SipUri, parse, write};

/// Lines of a message, and its body.
fn message(lines: &[&str], body: &str) -> Vec<u8> {
    format!("{}\r\nContent-Length: {}\r\n\r\n{body}", lines.join("\r\n"), body.len()).into_bytes()
}

/// A request to `uri` that came by way of `via`.
fn asks(method: &str, uri: &str, via: &str, body: &str) -> Vec<u8> {
    message(
        &[
            &format!("{method} {uri} SIP/2.0"),
            "To: sip:user@example.com",
            "From: sip:user@example.com;tag=81x2",
            &format!("Via: {via}"),
            "Call-ID: SSG9559905523997077@hlau_4100",
            "Max-Forwards: 70",
            "Contact: \"Caller\" <sip:caller@[2001:db8::1]>",
            &format!("CSeq: 8612 {method}"),
        ],
        body,
    )
}

const VIA: &str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111";

fn target(bytes: &[u8]) -> SipUri {
    SipUri::parse(&request(bytes).uri.to_string()).unwrap()
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn section_4_1_an_address_in_brackets_is_read_wherever_it_stands() {
    let bytes = asks("REGISTER", "sip:[2001:db8::10]", VIA, "");
    assert_eq!((target(&bytes).ip(), target(&bytes).port), (ip("2001:db8::10"), None));
    let read = request(&bytes);
    let Contacts::These(contacts) = contacts(&read.headers).unwrap() else { panic!("no contact") };
    assert_eq!(SipUri::parse(&contacts[0].uri.to_string()).unwrap().ip(), ip("2001:db8::1"));
    assert_eq!(vias(&read.headers).unwrap()[0].sent_by(), ("[2001:db8::9:1]".into(), 5060));
}

#[test]
fn section_4_2_an_address_without_brackets_is_400() {
    let refused = parse(&asks("REGISTER", "sip:2001:db8::10", VIA, "")).expect_err("it was read");
    assert_eq!(refused.status(), 400);
    assert!(refused.response("ours").is_some(), "whoever asks so is told");
}

#[test]
fn sections_4_3_and_4_4_what_looks_like_a_port_is_one_only_behind_the_bracket() {
    let ambiguous = target(&asks("REGISTER", "sip:[2001:db8::10:5070]", VIA, ""));
    assert_eq!((ambiguous.ip(), ambiguous.port), (ip("2001:db8::10:5070"), None));
    let plain = target(&asks("REGISTER", "sip:[2001:db8::10]:5070", VIA, ""));
    assert_eq!((plain.ip(), plain.port), (ip("2001:db8::10"), Some(5070)));
}

#[test]
fn sections_4_5_and_4_6_received_is_read_with_brackets_and_without() {
    for received in ["[2001:db8::9:255]", "2001:db8::9:255"] {
        let via = format!("SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111");
        for method in ["BYE", "OPTIONS"] {
            let read = request(&asks(method, "sip:[2001:db8::10]", &via, ""));
            assert_eq!(vias(&read.headers).unwrap()[0].received(), ip("2001:db8::9:255"), "{method} {received}");
        }
    }
}

#[test]
fn sections_4_7_and_4_9_a_body_with_both_families_is_carried_byte_by_byte() {
    let one = "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed\r\nc=IN IP6 2001:db8::20\r\n\
               t=3338481189 3370017201\r\nm=audio 6000 RTP/AVP 2\r\na=rtpmap:2 G726-32/8000\r\n";
    let both = "v=0\r\no=bob 280744730 28977631 IN IP4 host.example.com\r\ns=\r\nt=0 0\r\nm=audio 22334 RTP/AVP 0\r\n\
                c=IN IP4 192.0.2.1\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:107 H263-1998/90000\r\n";
    for body in [one, both] {
        assert_eq!(request(&asks("INVITE", "sip:user@[2001:db8::10]", VIA, body)).body, body.as_bytes());
    }
}

#[test]
fn section_4_8_a_way_through_both_families_is_read_in_order() {
    let way = "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111, SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144, \
               SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200";
    let vias = vias(&request(&asks("BYE", "sip:user@host.example.net", way, "")).headers).unwrap();
    let by: Vec<_> = vias.iter().map(super::super::headers::Via::sent_by).collect();
    assert_eq!(by, [("[2001:db8::9:1]".into(), 6050), ("192.0.2.1".into(), 5060), ("[2001:db8::9:255]".into(), 5060)]);
    assert_eq!(vias[2].received(), ip("192.0.2.200"));
}

#[test]
fn section_4_10_an_ipv4_address_written_as_ipv6_is_one() {
    let via = "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19;received=::ffff:192.0.2.10";
    let read = request(&asks("INVITE", "sip:ted@[::ffff:192.0.2.2]", via, ""));
    assert_eq!(vias(&read.headers).unwrap()[0].sent_by(), ("[::ffff:192.0.2.10]".into(), 19823));
    assert!(target(&asks("INVITE", "sip:ted@[::ffff:192.0.2.2]", via, "")).ip().is_some());
}

#[test]
fn section_4_11_three_colons_are_refused_with_an_answer() {
    let refused = parse(&asks("OPTIONS", "sip:user@[2001:db8:::192.0.2.1]", VIA, "")).expect_err("it was read");
    assert_eq!(refused.status(), 400);
    assert!(refused.response("ours").is_some());
}

#[test]
fn what_is_read_is_written_and_read_again_the_same() {
    for uri in
        ["sip:[2001:db8::10]", "sip:[2001:db8::10:5070]", "sip:[2001:db8::10]:5070", "sip:ted@[::ffff:192.0.2.2]"]
    {
        let first = parse(&asks("OPTIONS", uri, VIA, "")).unwrap();
        assert_eq!(parse(&write(&first)).unwrap(), first, "{uri}");
    }
}
