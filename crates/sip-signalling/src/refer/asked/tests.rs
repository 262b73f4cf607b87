//! Refer-To as phones write it, and the dialogs it means.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::codec::push;

fn headers(list: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::default();
    list.iter().for_each(|(name, value)| push(&mut headers, name, *value));
    headers
}

fn target(refer_to: &str) -> Target {
    Asked::read(&headers(&[("Refer-To", refer_to)])).unwrap().target
}

fn dialog(call_id: &str, local: &str, remote: &str) -> Dialog {
    let text = format!(
        "INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag={remote}\r\n\
         To: <sip:1@h>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1>\r\nContent-Length: 0\r\n\r\n"
    );
    let rsip::SipMessage::Request(invite) = crate::codec::parse(text.as_bytes()).unwrap() else { panic!("a request") };
    let address = "127.0.0.1:5060".parse().unwrap();
    let flow = crate::flow::Flow { protocol: crate::settings::Protocol::Udp, local: address, peer: address };
    Dialog::called(&invite, flow, false, local).unwrap()
}

#[test]
fn the_forms_of_all_phones_name_the_same_dialog() {
    let known = dialog("id-1@192.0.2.7", "ours", "theirs");
    for refer_to in [
        // escaped as it should be; a display name; Contact or address of record; further headers before and after
        "<sip:102@h?Replaces=id-1%40192.0.2.7%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>",
        "\"Bob, the <second>\" <sip:102@192.0.2.1:5060?Replaces=id-1%40192.0.2.7%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>",
        "<sip:102@h?Require=replaces&Replaces=id-1%40192.0.2.7%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>",
        "<sip:102@h?replaces=id-1%40192.0.2.7%3bto-tag%3dours%3bfrom-tag%3dtheirs&X-Role=admin&Body=x>",
        // the Call-ID as it is, all of it as it is, no brackets, no user
        "<sip:102@h?Replaces=id-1@192.0.2.7%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>",
        "<sip:102@h;transport=udp?Replaces=id-1@192.0.2.7;to-tag=ours;from-tag=theirs>",
        "sip:102@h?Replaces=id-1%40192.0.2.7%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs",
        "<sip:192.0.2.1?Replaces=id-1@192.0.2.7%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>",
        // escaped twice
        "<sip:102@h?Replaces=id-1%2540192.0.2.7%253Bto-tag%253Dours%253Bfrom-tag%253Dtheirs>",
        // the other order, one tag unknown or missing, both
        "<sip:102@h?Replaces=id-1%40192.0.2.7%3Bto-tag%3Dtheirs%3Bfrom-tag%3Dours>",
        "<sip:102@h?Replaces=id-1%40192.0.2.7%3Bfrom-tag%3Dtheirs%3Bto-tag%3D0>",
        "<sip:102@h?Replaces=id-1%40192.0.2.7%3Bto-tag%3D0%3Bfrom-tag%3D0>",
        "<sip:102@h?Replaces=id-1%40192.0.2.7%3Bto-tag%3Dours>",
        "<sip:102@h?Replaces=id-1%40192.0.2.7>",
        "<sip:102@h?Replaces=id-1%40192.0.2.7%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs%3Bearly-only>",
    ] {
        let Target::Dialog(named) = target(refer_to) else { panic!("{refer_to}") };
        assert!(named.fits(&known), "{refer_to}");
        assert!(!named.fits(&dialog("id-2@192.0.2.7", "ours", "theirs")), "{refer_to}");
    }
}

#[test]
fn a_wrong_tag_names_nothing() {
    let known = dialog("id", "ours", "theirs");
    for tags in ["to-tag=ours;from-tag=other", "to-tag=other", "to-tag=ours;from-tag=ours", "to-tag=OURS"] {
        let Target::Dialog(named) = target(&format!("<sip:1@h?Replaces=id;{tags}>")) else { panic!("{tags}") };
        assert!(!named.fits(&known), "{tags}");
    }
    // a Call-ID with what looks like an escape, left as it is
    let odd = dialog("100%41", "ours", "theirs");
    let Target::Dialog(named) = target("<sip:1@h?Replaces=100%41;to-tag=ours;from-tag=theirs>") else { panic!() };
    assert!(named.fits(&odd) && named.fits(&dialog("100A", "ours", "theirs")));
}

#[test]
fn addresses_lose_their_headers_and_methods_are_what_they_say() {
    let Target::Address(uri) = target("\"B\" <sip:102@h;user=phone?X-Role=admin&Body=secret>") else { panic!() };
    assert_eq!(uri.to_string(), "sip:102@h;user=phone");
    assert!(matches!(target("<sip:102@h;method=INVITE>"), Target::Address(uri) if uri.to_string() == "sip:102@h"));
    assert!(matches!(target("tel:+4930123"), Target::Address(_)));
    assert!(matches!(target("sip:102@h;method=BYE"), Target::Removed(uri) if uri.user.as_deref() == Some("102")));
    assert!(matches!(target("<sip:102@h;method=bye>"), Target::Removed(_)));
    assert_eq!(target("<sip:102@h;method=SUBSCRIBE>"), Target::Other);
    assert_eq!(target("<https://example.org/>"), Target::Other);
}

#[test]
fn no_refer_to_two_and_unreadable_ones_are_refused() {
    for list in [
        &[][..],
        &[("Refer-To", "<sip:1@h>"), ("Refer-To", "<sip:2@h>")],
        &[("Refer-To", "<sip:1@h>, <sip:2@h>")],
        &[("Refer-To", "")],
        &[("Refer-To", "102")],
        &[("Refer-To", "<sip:1@h")],
        &[("Refer-To", "<sip:1@h?Replaces=>")],
        &[("Refer-To", "<sip:1@h?Replaces>")],
    ] {
        assert!(Asked::read(&headers(list)).is_err(), "{list:?}");
    }
}

#[test]
fn who_wants_no_notifies_says_so() {
    let quiet = |more: (&str, &str)| Asked::read(&headers(&[("Refer-To", "<sip:1@h>"), more])).unwrap().quiet;
    assert!(quiet(("Refer-Sub", "false")) && quiet(("Refer-Sub", " False ;x=1")) && quiet(("Require", "norefersub")));
    assert!(!quiet(("Refer-Sub", "true")) && !quiet(("Supported", "norefersub")) && !quiet(("Event", "refer")));
}

#[test]
fn a_target_dialog_is_read_loosely_and_two_are_refused() {
    let known = dialog("id@h", "ours", "theirs");
    let named = |value| Named::target_dialog(&headers(&[("Target-Dialog", value)]));
    for value in ["id@h;local-tag=theirs;remote-tag=ours", "id@h ;remote-tag=theirs;local-tag=ours", "id@h"] {
        assert!(named(value).unwrap().unwrap().fits(&known), "{value}");
    }
    assert!(!named("id@h;local-tag=x;remote-tag=ours").unwrap().unwrap().fits(&known));
    assert!(named(";local-tag=x").is_err());
    let two = [("Target-Dialog", "id@h"), ("Target-Dialog", "id@h")];
    assert!(Named::target_dialog(&headers(&two)).is_err());
    assert_eq!(Named::target_dialog(&headers(&[])), Ok(None));
}

#[test]
fn a_legs_name_is_an_address_and_nothing_else_is() {
    for leg in [LegId::arrived(1), LegId::rung(77), LegId::arrived(u64::from(u32::MAX))] {
        assert_eq!(leg_of(&leg.to_string()), Some(leg));
    }
    for user in ["", "a", "alice", "102", "a-1", "a+1", "r1x", "x1", "ä1", "a99999999999999999999999"] {
        assert_eq!(leg_of(user), None, "{user}");
    }
}
