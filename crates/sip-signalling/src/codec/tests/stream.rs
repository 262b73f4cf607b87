//! Messages on a stream: rows A3 and A20 of `trust.md`, and keep-alives.

use super::{fixture, options_but, options_with};
use crate::codec::malformed::Fault;
use crate::codec::{Framed, StreamFramer, limits};

/// Everything that comes out when these bytes are fed in pieces of `size`.
fn frames(bytes: &[u8], size: usize) -> Vec<Framed> {
    let (mut framer, mut out) = (StreamFramer::default(), Vec::new());
    for piece in bytes.chunks(size) {
        framer.feed(piece);
        out.extend(std::iter::from_fn(|| framer.next()));
    }
    out
}

fn kinds(frames: &[Framed]) -> String {
    let kind = |frame: &Framed| match frame {
        Framed::Message(_) => 'm',
        Framed::Refused(_) => 'r',
        Framed::Ping => '?',
        Framed::Pong => '!',
        Framed::Broken(_) => 'x',
    };
    frames.iter().map(kind).collect()
}

fn broken(bytes: &[u8]) -> Fault {
    match frames(bytes, 4096).pop() {
        Some(Framed::Broken(refused)) => {
            assert!(refused.response("t").is_some(), "it is owed an answer");
            refused.fault
        }
        other => panic!("not broken: {other:?}"),
    }
}

#[test]
fn pieces_of_any_size_make_the_same_messages() {
    let mut stream = options_with("X-A: 1");
    stream.extend(options_but("Content-Length: 0\r\n\r\n", "Content-Length: 5\r\n\r\n\r\n\r\nx"));
    stream.extend(fixture!("wsinv"));
    let whole = frames(&stream, stream.len());
    assert_eq!(kinds(&whole), "mmm");
    for size in 1..=64 {
        assert_eq!(frames(&stream, size), whole, "in pieces of {size}");
    }
}

#[test]
fn a_thousand_requests_in_one_go_all_come_out() {
    assert_eq!(frames(&options_with("").repeat(1000), 65_536).len(), 1000);
}

#[test]
fn pings_are_told_from_pongs() {
    assert_eq!(kinds(&frames(b"\r\n\r\n", 4)), "?");
    assert_eq!(kinds(&frames(b"\r\n", 2)), "!");
    assert_eq!(kinds(&frames(b"\r\n\r\n", 2)), "!?", "a ping in two pieces is still a ping");
    assert_eq!(kinds(&frames(b"\r\n\r\n", 1)), "!?");
    assert_eq!(kinds(&frames(&[b"\r\n\r\n".as_slice(), &options_with("")].concat(), 500)), "?m");
    assert_eq!(kinds(&frames(&[b"\r\n".as_slice(), &options_with(""), b"\r\n"].concat(), 500)), "!m!");
}

#[test]
fn a_bad_message_of_known_length_leaves_the_stream_whole() {
    let stream = [options_but("tag=1", "tag=\"1"), options_with("")].concat();
    assert_eq!(kinds(&frames(&stream, 4096)), "rm");
}

#[test]
fn a_length_that_cannot_be_believed_ends_the_stream() {
    assert_eq!(broken(&options_but("Content-Length: 0", "Content-Length: -999")).status(), 400);
    assert_eq!(broken(fixture!("mcl01")), Fault::Repeated("Content-Length"));
    assert_eq!(broken(&options_but("Content-Length: 0", "Content-Length: 2147483648")), Fault::TooLarge);
    assert_eq!(broken(&options_but("Content-Length: 0", "Content-Length: 99999999999999999999")).status(), 400);
    assert_eq!(broken(&options_but("Content-Length: 0\r\n", "")), Fault::NoLength);
}

#[test]
fn a_head_without_end_is_cut_off_at_the_limit() {
    let mut head = options_but("Content-Length: 0\r\n\r\n", "");
    head.extend(std::iter::repeat_n(b'x', 10_000_000));
    let mut framer = StreamFramer::default();
    let mut fed = 0;
    for piece in head.chunks(1000) {
        framer.feed(piece);
        fed += piece.len();
        if let Some(Framed::Broken(refused)) = framer.next() {
            assert_eq!(refused.status(), 513);
            assert!(fed <= limits::MESSAGE + 1000);
            framer.feed(b"OPTIONS");
            assert_eq!((framer.next(), framer.unfinished()), (None, None), "nothing more comes out");
            return;
        }
    }
    panic!("10 MB without an empty line were swallowed");
}

#[test]
fn one_byte_at_a_time_costs_no_more_than_the_bytes() {
    let long = options_with("X-A: 0123456789012345678901234567890123456789\r\n".repeat(250).trim_end());
    let started = std::time::Instant::now();
    assert_eq!(kinds(&frames(&long, 1)), "m");
    assert!(started.elapsed().as_millis() < 500, "{:?}", started.elapsed());
}

#[test]
fn a_message_that_has_begun_can_be_told_from_the_next() {
    let mut framer = StreamFramer::default();
    assert_eq!(framer.unfinished(), None);
    framer.feed(b"OPTIONS ");
    let first = framer.unfinished();
    assert!(first.is_some() && framer.next().is_none());
    framer.feed(&options_with("")[8..]);
    framer.feed(b"OPT");
    assert!(framer.next().is_some() && framer.next().is_none());
    assert!(framer.unfinished().is_some() && framer.unfinished() != first);
}
