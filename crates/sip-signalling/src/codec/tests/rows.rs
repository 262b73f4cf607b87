//! Rows of `trust.md` A that no torture message covers, and what phones get wrong.

use super::{options_but, options_with, request};
use crate::codec::fields::name_value;
use crate::codec::headers::{from, top_via};
use crate::codec::malformed::Fault;
use crate::codec::{all, is_keep_alive, limits, one, parse};

fn fault(bytes: &[u8]) -> Fault {
    parse(bytes).expect_err("it was read").fault
}

fn status(bytes: &[u8]) -> u16 {
    fault(bytes).status()
}

/// A4
#[test]
fn numbers_out_of_range_are_refused_and_never_wrap() {
    assert_eq!(status(&options_with("Max-Forwards: 300")), 400);
    assert_eq!(status(&options_with("Max-Forwards: 256")), 400);
    assert_eq!(status(&options_with("Expires: 100000000000000000000")), 400);
    assert_eq!(status(&options_with("Contact: <sip:a@b:99999>")), 400);
    assert_eq!(status(&options_but("CSeq: 1", "CSeq: 4294967296")), 400);
    assert_eq!(status(&options_but("192.0.2.1:5062", "192.0.2.1:65536")), 400);
    assert!(parse(&options_but("CSeq: 1", "CSeq: 4294967295")).is_ok());
    assert!(parse(&options_with("Max-Forwards: 255")).is_ok());
}

/// A8
#[test]
fn every_mandatory_header_is_needed_and_needed_once() {
    for line in ["From: <sip:alice@baton.local>;tag=1", "To: <sip:baton.local>", "Call-ID: a@b", "CSeq: 1 OPTIONS"] {
        assert_eq!(status(&options_but(&format!("{line}\r\n"), "")), 400, "without {line}");
        assert_eq!(status(&options_with(line)), 400, "{line} twice");
    }
    let without_via = options_but("Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabc;rport\r\n", "");
    assert_eq!(parse(&without_via).expect_err("read").response("t"), None, "without Via there is nowhere to answer");
}

/// A13, A15
#[test]
fn long_methods_tags_and_branches_are_handled() {
    let method = "A".repeat(800);
    assert_eq!(status(&options_but("CSeq: 1 OPTIONS", &format!("CSeq: 1 {method}"))), 400);
    for length in [250, 2000] {
        let long = "x".repeat(length);
        assert_eq!(
            from(&request(&options_but("tag=1", &format!("tag={long}"))).headers).unwrap().tag(),
            Some(long.as_str())
        );
        let branched = request(&options_but("z9hG4bKabc", &format!("z9hG4bK{long}")));
        assert_eq!(top_via(&branched.headers).unwrap().rfc3261_branch().map(str::len), Some(length + 7));
    }
}

/// A18
#[test]
fn messages_beyond_a_limit_are_refused() {
    let mut large = options_but("Content-Length: 0\r\n", "");
    large.resize(limits::MESSAGE + 1, b'x');
    assert_eq!(status(&large), 513);
    let many = "X-A: 1\r\n".repeat(limits::HEADERS);
    assert_eq!(fault(&options_with(many.trim_end())), Fault::TooManyHeaders);
    assert_eq!(fault(&options_with(&format!("X-A: {}", "x".repeat(limits::LINE)))), Fault::HeaderLine);
    let folds = format!("X-A: 1{}", "\r\n x".repeat(limits::LINE));
    assert_eq!(fault(&options_with(&folds)), Fault::HeaderLine);
    assert_eq!(status(&options_with(&format!("Contact: <sip:a@b>{}", ";p".repeat(limits::PARAMS + 1)))), 400);
}

/// A19: however a header is spelled, it has one name.
#[test]
fn a_header_has_one_name_however_it_is_spelled() {
    for spelled in ["X-Room-Id : evil", "x-room-id:evil", "X-ROOM-ID:\r\n evil", "X-Room-Id\t:\t evil \t"] {
        let read = request(&options_with(spelled));
        assert_eq!(all(&read.headers, "X-Room-Id").collect::<Vec<_>>(), ["evil"], "{spelled:?}");
    }
    assert_eq!(one(&request(&options_with("r: <sip:a@b>")).headers, "Refer-To"), Some("<sip:a@b>"));
    assert_eq!(all(&request(&options_with("X-Room-Id: 1\r\nx-room-id: 2")).headers, "X-Room-Id").count(), 2);
    assert_eq!(status(&options_with("X-Room Id: evil")), 400);
    assert_eq!(status(&options_with(": evil")), 400);
    assert_eq!(status(&options_with("X-Room-Id: a\rX-Other: b")), 400, "a bare CR is no line end");
}

#[test]
fn bytes_that_are_no_utf8_harm_only_where_they_must_be_exact() {
    let with = |old: &str, new: &[u8]| {
        let text = options_with("");
        let at = text.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
        [&text[..at], new, &text[at + old.len()..]].concat()
    };
    let read = request(&with("From: <sip:alice", b"From: \"M\xfcller\" <sip:alice"));
    assert_eq!(from(&read.headers).unwrap().display.as_deref(), Some("M\u{FFFD}ller"));
    assert_eq!(fault(&with("<sip:alice", b"<sip:ali\xffce")), Fault::Utf8("From"));
    assert_eq!(fault(&with("a@b", b"a\xff@b")), Fault::Utf8("Call-ID"));
    assert_eq!(fault(&with("z9hG4bKabc", b"z9hG4bK\xff")), Fault::Utf8("Via"));
    assert_eq!(status(&with("OPTIONS sip:baton", b"OPTIONS sip:\xffbaton")), 400);
}

#[test]
fn what_is_no_sip_is_never_answered() {
    let cases: [&[u8]; 7] = [
        b"",
        b"GET / HTTP/1.1\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        b"\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa",
        b"hello\r\n\r\n",
        b"SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        b"SIP/2.0 099 x\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        b"ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n",
    ];
    for bytes in cases {
        assert_eq!(parse(bytes).expect_err("read").response("t"), None, "{bytes:?}");
    }
}

#[test]
fn keep_alives_are_known_and_empty_lines_before_a_message_are_skipped() {
    assert!(is_keep_alive(b"\r\n\r\n") && is_keep_alive(b"") && is_keep_alive(b"\0\0\0\0"));
    assert!(!is_keep_alive(&options_with("")));
    assert!(parse(&[b"\r\n\r\n".as_slice(), &options_with("")].concat()).is_ok());
}

#[test]
fn methods_and_versions_are_what_they_say() {
    assert_eq!(status(&options_but("OPTIONS sip", "options sip")), 400, "methods have one spelling, so CSeq differs");
    let lower = String::from_utf8(options_with("")).unwrap().replace("OPTIONS", "options");
    assert_eq!(status(lower.as_bytes()), 501);
    assert_eq!(status(&options_but("baton.local SIP/2.0", "baton.local SIP/2.1")), 505);
    assert_eq!(status(&options_but("baton.local SIP/2.0", "baton.local SIP/x")), 400);
    assert!(parse(&options_but("baton.local SIP/2.0", "baton.local sip/2.0")).is_ok());
}

#[test]
fn lists_are_split_and_nothing_else_is() {
    let read = request(&options_with(
        "Contact: \"a, b\" <sip:a@b;x=1>;q=1, <sip:c@d>\r\nRoute: <sip:e;lr>,<sip:f;lr>\r\nAllow: A, B",
    ));
    let names: Vec<_> = read.headers.iter().map(|header| name_value(header).0).collect();
    assert_eq!(names.iter().filter(|name| **name == "Contact").count(), 2);
    assert_eq!(names.iter().filter(|name| **name == "Route").count(), 2);
    assert_eq!(one(&read.headers, "Allow"), Some("A, B"));
    assert_eq!(fault(&options_with("Contact: *, <sip:a@b>")).status(), 400);
    assert!(parse(&options_with("Contact: *")).is_ok());
}
