//! URIs: read, compared and written again; escapes, parameters, odd hosts.

#![allow(clippy::unwrap_used)]

use super::*;

fn uri(text: &str) -> SipUri {
    SipUri::parse(text).unwrap()
}

#[test]
fn all_parts_are_read_and_written() {
    let read = uri("sips:alice:pw@[2001:db8::1]:5061;transport=tls;lr?subject=a%20b&Replaces=1%40h");
    assert_eq!(
        (read.user.as_deref(), read.password.as_deref(), read.host.as_str()),
        (Some("alice"), Some("pw"), "[2001:db8::1]")
    );
    assert_eq!((read.port, read.transport().as_deref(), read.params.has("LR")), (Some(5061), Some("tls"), true));
    assert_eq!((read.header("replaces").unwrap(), read.ip()), ("1@h".into(), Some("2001:db8::1".parse().unwrap())));
    assert_eq!(read.to_string(), "sips:alice:pw@[2001:db8::1]:5061;transport=tls;lr?subject=a%20b&Replaces=1%40h");
}

#[test]
fn other_schemes_are_carried_unread() {
    assert_eq!(uri("TEL:+1-555;phone-context=x").user_text().unwrap(), "+1-555");
    assert_eq!(uri("urn:service:sos").to_string(), "urn:service:sos");
    assert_eq!(SipUri::from(&uri("urn:service:sos").to_rsip()), uri("urn:service:sos"));
}

#[test]
fn bad_uris_are_refused() {
    for bad in [
        "",
        "sip",
        "sip:",
        "sip:@h",
        "sip:a@",
        "sip:a@h:",
        "sip:a@h:1:2",
        "sip:a@[::1",
        "sip:a@[x]",
        "sip:a b@h",
        "1sip:a@h",
        "sip:a@h\u{7}",
        "sip:a@h?x",
        "sip:a@h?=1",
        "sip:a@h;;x",
        "sip:a@h;=1",
        "<sip:a@h>",
        "sip:a@h:70000",
        "sip:a@h/x",
    ] {
        assert!(SipUri::parse(bad).is_err(), "{bad}");
    }
}

/// baresip leaves the Call-ID in Replaces unescaped.
#[test]
fn an_unescaped_call_id_in_replaces_is_found_with_and_without_user() {
    for text in ["sip:bob@192.0.2.1?Replaces=abc@def%3Bto-tag%3D1", "sip:192.0.2.1:5070?Replaces=abc@def%3Bto-tag%3D1"]
    {
        assert_eq!(uri(text).header("Replaces").unwrap(), "abc@def;to-tag=1", "{text}");
        assert_eq!(uri(text).ip(), Some("192.0.2.1".parse().unwrap()));
    }
    assert_eq!(uri("sip:what?me=1@h").user.as_deref(), Some("what?me=1"));
}

/// The examples of RFC 3261 §19.1.4.
#[test]
fn the_same_resource_is_known_by_all_its_spellings() {
    for (one, other) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ] {
        assert!(uri(one).same_as(&uri(other)) && uri(other).same_as(&uri(one)), "{one} {other}");
    }
    for (one, other) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b", "sips:a@b"),
        ("sip:b", "sip:a@b"),
    ] {
        assert!(!uri(one).same_as(&uri(other)), "{one} {other}");
    }
}

#[test]
fn rsip_carries_it_there_and_back() {
    for text in
        ["sip:a@192.0.2.1:5070;transport=tcp;lr", "sip:a@[::1]", "sips:host", "tel:+1;x=y", "sip:a:b@h;x=%41;maddr=h2"]
    {
        assert_eq!(SipUri::from(&uri(text).to_rsip()), uri(text), "{text}");
    }
}

#[test]
fn made_uris_are_escaped_and_bracketed() {
    assert_eq!(SipUri::at(Some("a b@c#"), "[::1]:5060".parse().unwrap()).to_string(), "sip:a%20b%40c%23@[::1]:5060");
    assert_eq!(SipUri::new(None, "h", None).to_string(), "sip:h");
}

#[test]
fn it_is_stored_as_text() {
    let stored = serde_json::to_string(&uri("sip:a@[::1];lr")).unwrap();
    assert_eq!(stored, "\"sip:a@[::1];lr\"");
    assert_eq!(serde_json::from_str::<SipUri>(&stored).unwrap(), uri("sip:a@[::1];lr"));
    assert!(serde_json::from_str::<SipUri>("\"nonsense\"").is_err());
}
