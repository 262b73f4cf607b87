//! Writing messages and answering requests.

use std::net::SocketAddr;

use rsip::{Headers, Method, Request, Version};

use super::{options_but, options_with, request};
use crate::codec::headers::{Via, cseq, to, top_via};
use crate::codec::{
    SipUri, all, one, push, push_first, reason_phrase, remove, respond, respond_in_dialog, set, stamp_source, write,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn no_value_can_smuggle_a_line_in() {
    let mut headers = Headers::default();
    push(&mut headers, "Subject", "a\r\nX-Evil: 1\r\n\r\nbody");
    push(&mut headers, "X-Name\r\nX-Evil", "1");
    let mut uri = SipUri::new(Some("a"), "b", None);
    uri.host = "b SIP/2.0\r\nX-Evil: 1".into();
    let request =
        Request { method: Method::Options, uri: uri.to_rsip(), version: Version::V2, headers, body: b"four".to_vec() };
    let text = text(&write(&request.into()));
    assert_eq!(text.matches("\r\n").count(), 4, "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("X-Evil")).count(), 0, "{text}");
    assert!(text.ends_with("\r\nContent-Length: 4\r\n\r\nfour"));
}

#[test]
fn content_length_is_ours_whatever_a_header_says() {
    let mut options = request(&options_with(""));
    push(&mut options.headers, "Content-Length", "99");
    options.body = vec![0, 159, 146, 150];
    let bytes = write(&options.into());
    assert_eq!(text(&bytes[..bytes.len() - 4]).matches("Content-Length").count(), 1);
    assert!(bytes.ends_with(&[0, 159, 146, 150]));
}

#[test]
fn ipv6_and_telephone_numbers_are_written_as_they_were_read() {
    for uri in [
        "sip:[2001:db8::10]:5070",
        "sips:a:secret@h;transport=tcp;lr;x=%41",
        "tel:+1555;phone-context=x",
        "sip:*2101#@h",
    ] {
        let read = request(&options_but("sip:baton.local SIP", &format!("{uri} SIP")));
        assert!(text(&write(&read.into())).starts_with(&format!("OPTIONS {uri} SIP/2.0\r\n")), "{uri}");
    }
}

#[test]
fn a_response_repeats_what_it_must() {
    let read =
        request(&options_with("v: SIP/2.0/UDP proxy;branch=z9hG4bKx\r\nRecord-Route: <sip:p;lr>\r\nTimestamp: 54"));
    let busy = respond(&read, 486, Some("t1"));
    assert_eq!(all(&busy.headers, "Via").collect::<Vec<_>>(), all(&read.headers, "Via").collect::<Vec<_>>());
    assert_eq!((to(&busy.headers).unwrap().tag(), one(&busy.headers, "Record-Route")), (Some("t1"), None));
    assert!(text(&write(&busy.into())).starts_with("SIP/2.0 486 Busy Here\r\n"));
    let trying = respond(&read, 100, Some("t1"));
    assert_eq!((to(&trying.headers).unwrap().tag(), one(&trying.headers, "Timestamp")), (None, Some("54")));
    assert_eq!(one(&respond_in_dialog(&read, 200, "t1").headers, "Record-Route"), Some("<sip:p;lr>"));
    let inside = request(&options_but("To: <sip:baton.local>", "To: <sip:baton.local>;tag=theirs"));
    assert_eq!(to(&respond(&inside, 200, Some("t1")).headers).unwrap().tag(), Some("theirs"));
}

/// RFC 3581 §4.
#[test]
fn answers_go_where_the_request_came_from() {
    let source: SocketAddr = "198.51.100.7:40000".parse().unwrap();
    let mut asked = request(&options_with(""));
    assert_eq!(stamp_source(&mut asked, source).unwrap().response_target(), Some(source));
    assert_eq!(
        one(&asked.headers, "Via"),
        Some("SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabc;rport=40000;received=198.51.100.7")
    );
    let mut silent = request(&options_but(";rport", ""));
    let via = stamp_source(&mut silent, source).unwrap();
    assert_eq!(via.response_target(), Some("198.51.100.7:5062".parse().unwrap()));
    let mut lying = request(&options_but(";rport", ";received=203.0.113.9;maddr=203.0.113.9;rport=9"));
    assert_eq!(
        stamp_source(&mut lying, source).unwrap().response_target(),
        Some(source),
        "what the sender wrote is not believed"
    );
}

#[test]
fn headers_are_set_added_and_taken_out_by_name() {
    let mut headers = request(&options_with("X-A: 1\r\nX-A: 2")).headers;
    set(&mut headers, "x-a", "3");
    assert_eq!(all(&headers, "X-A").collect::<Vec<_>>(), ["3"]);
    remove(&mut headers, "X-A");
    assert_eq!(one(&headers, "X-A"), None);
    set(&mut headers, "CSeq", "2 OPTIONS");
    assert_eq!(cseq(&headers).unwrap().number, 2);
    push_first(&mut headers, "Via", Via::ours("TCP", "[::1]:5060".parse().unwrap(), "z9hG4bKours").to_string());
    let top = top_via(&headers).unwrap();
    assert_eq!(top.to_string(), "SIP/2.0/TCP [::1]:5060;rport;branch=z9hG4bKours");
    assert_eq!(all(&headers, "Via").count(), 2);
}

#[test]
fn every_status_has_words() {
    for (status, phrase) in [
        (100, "Trying"),
        (202, "Accepted"),
        (481, "Call/Transaction Does Not Exist"),
        (499, "Request Failure"),
        (699, "Global Failure"),
    ] {
        assert_eq!(reason_phrase(status), phrase);
    }
}
