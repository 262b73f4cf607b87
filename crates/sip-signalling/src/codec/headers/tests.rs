//! Header values read and written: what phones send, and what is turned down.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use super::*;
use crate::codec::fields::push;
use crate::codec::text::{Params, Unreadable};

#[test]
fn quoted_parameters_ipv6_and_instances_are_read() {
    let read =
        NameAddr::parse(r#""Ann, \"A\"" <sip:a@[::1]:5;ob>;+sip.instance="<urn:uuid:1;2>";reg-id=2;q=.5;expires=60"#)
            .unwrap();
    assert_eq!((read.display.as_deref(), read.instance().as_deref()), (Some("Ann, \"A\""), Some("urn:uuid:1;2")));
    assert_eq!((read.reg_id(), read.q(), read.expires()), (Some(2), Ok(500), Ok(Some(60))));
    assert_eq!(NameAddr::parse(&read.to_string()), Ok(read));
}

#[test]
fn a_preference_has_at_most_three_decimals() {
    let q = |q: &str| NameAddr::parse(&format!("<sip:a@b>;q={q}")).unwrap().q();
    assert_eq!(
        [q("0"), q("1"), q("0.7"), q("0.123"), q("1.000"), q("0.")],
        [Ok(0), Ok(1000), Ok(700), Ok(123), Ok(1000), Ok(0)]
    );
    for bad in ["2", "1.1", "0.1234", "-1", "0.x", "0,5"] {
        assert!(NameAddr::parse(&format!("<sip:a@b>;q={bad}")).is_err() || q(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_are_quoted_when_they_must_be() {
    let mut named = NameAddr::parse("<sip:a@b>").unwrap();
    for (name, written) in [
        ("Ann", "Ann <sip:a@b>"),
        ("A \"B\" <c>", r#""A \"B\" <c>" <sip:a@b>"#),
        ("Müller", "\"Müller\" <sip:a@b>"),
        ("", " <sip:a@b>"),
    ] {
        named.display = Some(name.into());
        assert_eq!(named.to_string(), written);
        let again = NameAddr::parse(written).unwrap().display;
        assert_eq!(again.unwrap_or_default(), name);
    }
    assert_eq!(NameAddr::parse("Jürgen (Büro) <sip:a@b>").unwrap().display.as_deref(), Some("Jürgen (Büro)"));
}

#[test]
fn broken_addresses_are_refused() {
    for bad in [
        "",
        "<sip:a@b",
        "\"a <sip:a@b>",
        "\"a\" sip:a@b",
        "a, b <sip:a@b>",
        "sip:a@b?x=1",
        "<sip:a@b> x",
        "<sip:a@b>;;x",
        "< sip:a@b >",
    ] {
        assert!(NameAddr::parse(bad).is_err(), "{bad}");
    }
    assert!(NameAddr::parse("<sip:a@b>;lr;").is_ok(), "one semicolon too many at the end is forgiven");
}

#[test]
fn a_via_is_read_with_all_its_blanks() {
    let via = Via::parse("SIP / 2.0 / UDP  host : 5070 ; branch = z9hG4bKa ; rport").unwrap();
    assert_eq!(
        (via.host.as_str(), via.port, via.branch(), via.wants_rport(), via.rport()),
        ("host", Some(5070), Some("z9hG4bKa"), true, None)
    );
    let six = Via::parse("SIP/2.0/TLS [2001:db8::1];received=[2001:db8::2]").unwrap();
    assert_eq!((six.sent_by(), six.received()), (("[2001:db8::1]".into(), 5061), Some("2001:db8::2".parse().unwrap())));
    for bad in [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/3.0/UDP h",
        "SIP/2.0/U@P h",
        "SIP/2.0/UDP h i",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP ::1",
        "SIP/2.0/UDP h;;",
    ] {
        assert!(Via::parse(bad).is_err() || bad == "SIP/2.0/UDP h;;", "{bad}");
    }
}

#[test]
fn received_is_noted_only_where_it_says_something() {
    let source: SocketAddr = "192.0.2.9:1234".parse().unwrap();
    let mut via = Via::parse("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa").unwrap();
    via.set_received(source);
    assert_eq!(via.received(), None);
    assert_eq!(via.response_target(), Some("192.0.2.9:5060".parse().unwrap()));
}

#[test]
fn credentials_are_taken_apart_and_shown_to_nobody() {
    let read = AuthParams::parse(r#"Digest  username="a\"b, c", realm = "r",qop=auth,uri="sip:x?y=z""#).unwrap();
    assert_eq!((read.get("USERNAME"), read.get("realm"), read.get("qop")), (Some("a\"b, c"), Some("r"), Some("auth")));
    assert!(!format!("{read:?}").contains("sip:x"));
    for bad in ["", "Digest a", "Digest a=1,a=2", "Digest =1", "Digest a=\"1"] {
        assert!(AuthParams::parse(bad).is_err(), "{bad}");
    }
    assert!(!AuthParams::parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap().is_digest());
    assert_eq!(AuthParams::parse("Digest").unwrap().get("realm"), None);
}

#[test]
fn session_values_are_read_and_written() {
    assert_eq!(
        Reason::parse("SIP;cause=200;text=\"Call completed elsewhere\"").unwrap(),
        Reason::sip(200, "Call completed elsewhere")
    );
    assert_eq!(Reason::sip(480, "a\"b").to_string(), "SIP;cause=480;text=\"a\\\"b\"");
    let session = SessionExpires::parse("1800 ;refresher=UAS").unwrap();
    assert_eq!((session.by_uac, session.to_string().as_str()), (Some(false), "1800;refresher=uas"));
    assert!(SessionExpires::parse("x").is_err());
    let replaces = Replaces::parse("12@h;to-tag=1;from-tag=2;early-only").unwrap();
    assert_eq!(
        (replaces.to_tag.as_deref(), replaces.from_tag.as_deref(), replaces.early_only),
        (Some("1"), Some("2"), true)
    );
    assert!(Replaces::parse(";to-tag=1").is_err());
    let event = EventValue::parse("Refer;id=93809824").unwrap();
    assert_eq!((event.word.as_str(), event.params.get("id")), ("refer", Some("93809824")));
}

#[test]
fn accept_is_understood_with_its_ranges() {
    let accepting = |values: &[&str]| {
        let mut headers = rsip::Headers::default();
        values.iter().for_each(|value| push(&mut headers, "Accept", *value));
        accepts(&headers, "application/sdp")
    };
    assert!(
        accepting(&[])
            && accepting(&["text/plain", "Application/SDP;level=1"])
            && accepting(&["application/*"])
            && accepting(&["*/*"])
    );
    assert!(!accepting(&[""]) && !accepting(&["text/*"]));
}

#[test]
fn two_refer_tos_are_none() {
    let mut headers = rsip::Headers::default();
    assert_eq!(refer_to(&headers), Err(Unreadable::Missing));
    push(&mut headers, "Refer-To", "\"Bob\" <sip:bob@h?Replaces=1%3Bto-tag%3D2&Require=replaces>");
    assert_eq!(refer_to(&headers).unwrap().uri.header("require").unwrap(), "replaces");
    push(&mut headers, "Refer-To", "<sip:c@h>");
    assert_eq!(refer_to(&headers), Err(Unreadable::Address));
}

#[test]
fn parameters_are_set_in_place() {
    let mut params = Params::parse(";a=1;B;c=\"x;y\"").unwrap();
    params.set("A", Some("2"));
    params.set("d", None);
    params.remove("b");
    assert_eq!(params.to_string(), ";a=2;c=\"x;y\";d");
    assert_eq!((params.text("c").unwrap(), params.get("d"), params.has("d")), ("x;y".into(), None, true));
}
