//! The messages of RFC 4475 and what `trust.md` A1 to A12 ask for each.

use std::net::SocketAddr;

use rsip::Method;

use super::{fixture, request, response, vias};
use crate::codec::headers::{AuthParams, Contacts};
use crate::codec::headers::{NameAddr, accepts, contacts, content_type, cseq, from, max_forwards, to, tokens, top_via};
use crate::codec::{SipUri, one, parse, stamp_source, write};

/// Valid messages, and those a tolerant element may take: they are read.
const READ: [(&str, &[u8]); 26] = [
    ("wsinv", fixture!("wsinv")),
    ("esc01", fixture!("esc01")),
    ("escnull", fixture!("escnull")),
    ("lwsdisp", fixture!("lwsdisp")),
    ("longreq", fixture!("longreq")),
    ("dblreq", fixture!("dblreq")),
    ("semiuri", fixture!("semiuri")),
    ("transports", fixture!("transports")),
    ("mpart01", fixture!("mpart01")),
    ("unreason", fixture!("unreason")),
    ("noreason", fixture!("noreason")),
    ("baddate", fixture!("baddate")),
    ("badbranch", fixture!("badbranch")),
    ("unksm2", fixture!("unksm2")),
    ("bext01", fixture!("bext01")),
    ("invut", fixture!("invut")),
    ("regaut01", fixture!("regaut01")),
    ("bcast", fixture!("bcast")),
    ("zeromf", fixture!("zeromf")),
    ("cparam01", fixture!("cparam01")),
    ("cparam02", fixture!("cparam02")),
    ("regescrt", fixture!("regescrt")),
    ("sdp01", fixture!("sdp01")),
    ("inv2543", fixture!("inv2543")),
    ("scalar of 0", b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 0 OPTIONS\r\n\r\n"),
    ("IPv6", b"OPTIONS sip:[2001:db8::10]:5070 SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKa;received=2001:db8::9:255\r\nFrom: <sip:a@[::1]>;tag=1\r\nTo: <sip:[2001:db8::10]>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContact: <sip:a@[::1]:5060>\r\n\r\n"),
];

/// Requests that are refused with this status.
const REFUSED: [(&str, u16, &[u8]); 23] = [
    ("intmeth", 501, fixture!("intmeth")),
    ("esc02", 501, fixture!("esc02")),
    ("badinv01", 400, fixture!("badinv01")),
    ("clerr", 400, fixture!("clerr")),
    ("ncl", 400, fixture!("ncl")),
    ("scalar02", 400, fixture!("scalar02")),
    ("quotbal", 400, fixture!("quotbal")),
    ("ltgtruri", 400, fixture!("ltgtruri")),
    ("lwsruri", 400, fixture!("lwsruri")),
    ("lwsstart", 400, fixture!("lwsstart")),
    ("trws", 400, fixture!("trws")),
    ("escruri", 400, fixture!("escruri")),
    ("regbadct", 400, fixture!("regbadct")),
    ("badaspec", 400, fixture!("badaspec")),
    ("baddn", 400, fixture!("baddn")),
    ("badvers", 505, fixture!("badvers")),
    ("mismatch01", 400, fixture!("mismatch01")),
    ("mismatch02", 400, fixture!("mismatch02")),
    ("insuf", 400, fixture!("insuf")),
    ("unkscm", 416, fixture!("unkscm")),
    ("novelsc", 416, fixture!("novelsc")),
    ("multi01", 400, fixture!("multi01")),
    ("mcl01", 400, fixture!("mcl01")),
];

/// Responses that are dropped: nobody answers a response.
const DROPPED: [(&str, &[u8]); 2] = [("scalarlg", fixture!("scalarlg")), ("bigcode", fixture!("bigcode"))];

#[test]
fn every_readable_message_is_read() {
    for (name, bytes) in READ {
        assert!(parse(bytes).is_ok(), "{name}: {:?}", parse(bytes));
    }
}

#[test]
fn every_bad_request_is_refused_with_its_status_and_an_answer() {
    for (name, status, bytes) in REFUSED {
        let refused = parse(bytes).expect_err(name);
        assert_eq!(refused.status(), status, "{name}: {refused}");
        let answer = refused.response("ours").unwrap_or_else(|| panic!("{name}: no answer"));
        let text = String::from_utf8(write(&answer.into()).to_vec()).unwrap();
        assert!(text.starts_with(&format!("SIP/2.0 {status} ")), "{name}: {text}");
        assert!(text.contains("\r\nVia: SIP/"), "{name}: {text}");
    }
}

#[test]
fn every_bad_response_is_dropped() {
    for (name, bytes) in DROPPED {
        let refused = parse(bytes).expect_err(name);
        assert_eq!(refused.response("ours"), None, "{name}");
    }
}

#[test]
fn what_is_read_is_written_and_read_again_the_same() {
    for (name, bytes) in READ {
        let first = parse(bytes).unwrap();
        let again = parse(&write(&first)).unwrap_or_else(|refused| panic!("{name}: {refused}"));
        assert_eq!(first, again, "{name}");
    }
}

#[test]
fn wsinv_is_understood_through_all_its_folds() {
    let wsinv = request(fixture!("wsinv"));
    let vias = vias(&wsinv.headers).unwrap();
    let branches: Vec<_> = vias.iter().map(|via| via.branch().unwrap()).collect();
    assert_eq!(branches, ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]);
    assert_eq!(vias.iter().map(|via| via.transport.as_str()).collect::<Vec<_>>(), ["UDP", "TCP", "UDP"]);
    let from = from(&wsinv.headers).unwrap();
    assert_eq!((from.display.as_deref(), from.tag()), (Some("J Rosenberg \\\""), Some("98asjd8")));
    assert_eq!(to(&wsinv.headers).unwrap().tag(), Some("1918181833n"));
    assert_eq!((cseq(&wsinv.headers).unwrap().number, max_forwards(&wsinv.headers)), (9, Ok(68)));
    let Contacts::These(contacts) = contacts(&wsinv.headers).unwrap() else { panic!("no contact") };
    assert_eq!((contacts[0].q(), contacts[0].display.as_deref()), (Ok(330), Some("Quoted string \"\"")));
    assert_eq!(one(&wsinv.headers, "NewFangledHeader"), Some("newfangled value continued newfangled value"));
    assert_eq!(one(&wsinv.headers, "Subject"), Some(""));
    assert_eq!(wsinv.body.len(), 150);
}

#[test]
fn escapes_are_kept_on_the_wire_and_decoded_when_asked_for() {
    let esc01 = request(fixture!("esc01"));
    let uri = SipUri::from(&esc01.uri);
    assert_eq!(uri.to_string(), "sip:sips%3Auser%40example.com@example.net");
    assert_eq!(uri.user_text().unwrap(), "sips:user@example.com");
    assert_eq!(from(&esc01.headers).unwrap().uri.user_text().unwrap(), "I have spaces");
    assert!(to(&esc01.headers).unwrap().uri.same_as(&SipUri::parse("sip:user@example.com").unwrap()));
    let semiuri = request(fixture!("semiuri"));
    assert_eq!(SipUri::from(&semiuri.uri).user_text().unwrap(), "user;par=u@example.net");
    let escnull = request(fixture!("escnull"));
    let Contacts::These(contacts) = contacts(&escnull.headers).unwrap() else { panic!("no contact") };
    assert_eq!(contacts.iter().map(|contact| contact.uri.user_text().unwrap()).collect::<Vec<_>>(), ["\0", "\0\0"]);
}

#[test]
fn a_second_request_in_one_datagram_is_ignored() {
    let dblreq = request(fixture!("dblreq"));
    assert_eq!((dblreq.method, dblreq.body.len()), (Method::Register, 0));
}

#[test]
fn a_binary_body_comes_through_untouched() {
    let mpart = request(fixture!("mpart01"));
    assert_eq!(request(&write(&mpart.clone().into())).body, mpart.body);
    assert!(mpart.body.windows(4).any(|window| window == [0, 1, 2, 3]));
}

#[test]
fn long_values_are_taken_whole() {
    let longreq = request(fixture!("longreq"));
    assert_eq!(vias(&longreq.headers).unwrap().len(), 33);
    assert!(from(&longreq.headers).unwrap().tag().unwrap().len() > 150);
}

#[test]
fn responses_are_read_whatever_their_reason() {
    assert_eq!(response(fixture!("unreason")).status_code.code(), 200);
    assert_eq!(response(fixture!("noreason")).status_code.code(), 100);
}

#[test]
fn a_branch_that_is_only_the_cookie_names_no_transaction() {
    let via = top_via(&request(fixture!("badbranch")).headers).unwrap();
    assert_eq!((via.branch(), via.rfc3261_branch()), (Some("z9hG4bK"), None));
}

#[test]
fn unknown_extensions_media_types_and_credentials_can_be_told() {
    let bext = request(fixture!("bext01"));
    assert_eq!(tokens(&bext.headers, "Require"), ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert_eq!(content_type(&request(fixture!("invut")).headers).as_deref(), Some("application/unknownformat"));
    assert!(!accepts(&request(fixture!("sdp01")).headers, "application/sdp"));
    assert!(accepts(&request(fixture!("semiuri")).headers, "application/sdp"));
    let regaut = request(fixture!("regaut01"));
    assert!(!AuthParams::parse(one(&regaut.headers, "Authorization").unwrap()).unwrap().is_digest());
}

#[test]
fn an_unbracketed_contact_keeps_its_parameters_for_the_header() {
    let read = |bytes| match contacts(&request(bytes).headers) {
        Ok(Contacts::These(mut contacts)) => contacts.remove(0),
        other => panic!("{other:?}"),
    };
    let (outside, inside): (NameAddr, NameAddr) = (read(fixture!("cparam01")), read(fixture!("cparam02")));
    assert!(outside.params.has("unknownparam") && !outside.uri.params.has("unknownparam"));
    assert!(inside.uri.params.has("unknownparam") && !inside.params.has("unknownparam"));
    assert_eq!(read(fixture!("regescrt")).uri.header("route").unwrap(), "<sip:sip.example.com>");
}

#[test]
fn a_message_of_rfc_2543_lacks_tag_and_branch_and_is_read() {
    let mut old = request(fixture!("inv2543"));
    assert_eq!((from(&old.headers).unwrap().tag(), top_via(&old.headers).unwrap().branch()), (None, None));
    let source: SocketAddr = "192.0.2.7:40000".parse().unwrap();
    let via = stamp_source(&mut old, source).unwrap();
    assert_eq!(via.response_target(), Some("192.0.2.7:5060".parse().unwrap()), "no rport was asked for");
}
