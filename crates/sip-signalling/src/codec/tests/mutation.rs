//! Random damage: whatever arrives, the codec neither panics nor dawdles, and what it lets through can be written and
//! read again. The seed is printed and can be given again as BATON_SEED.

use std::time::{Duration, Instant};

use super::{fixture, options_with, vias};
use crate::codec::headers::AuthParams;
use crate::codec::headers::{
    Contacts, NameAddr, Replaces, accepts, addresses, contacts, cseq, from, max_forwards, refer_to, to, tokens,
};
use crate::codec::{Framed, SipUri, StreamFramer, all, parse, respond_in_dialog, stamp_source, write};
use rsip::SipMessage;

const MUTATIONS: u64 = 200_000;
/// A23: no hang longer than this.
const SLOW: Duration = Duration::from_millis(100);

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap()
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let invite = "INVITE sip:*2101%23@[2001:db8::1]:5060;transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1;rport\r\n\
        From: \"Ann \\\"A\\\"\" <sip:ann@x>;tag=a\r\nTo: <tel:+1555;phone-context=x>\r\nCall-ID: 1@x\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:ann@192.0.2.1;ob>;+sip.instance=\"<urn:uuid:1>\";q=0.5;reg-id=1\r\nSession-Expires: 90;refresher=uac\r\n\
        Authorization: Digest username=\"a\", realm=\"b\", nonce=\"c\", uri=\"sip:x\", response=\"0\", qop=auth, nc=00000001, cnonce=\"d\"\r\n\
        Refer-To: <sip:b@x?Replaces=1%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\nContent-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n";
    let mut corpus: Vec<Vec<u8>> = vec![invite.into(), options_with("Contact: *")];
    corpus.extend([fixture!("wsinv"), fixture!("intmeth"), fixture!("esc01"), fixture!("longreq")].map(<[u8]>::to_vec));
    corpus.extend(
        [fixture!("dblreq"), fixture!("transports"), fixture!("mpart01"), fixture!("unreason")].map(<[u8]>::to_vec),
    );
    corpus
}

fn mutate(dice: &mut Dice, corpus: &[Vec<u8>]) -> Vec<u8> {
    const SALT: [&[u8]; 14] =
        [b"\r\n", b"\r\n ", b"\"", b"<", b">", b";", b",", b":", b"@", b"%", b"\0", b"\xff", b"\\", b"999999999999"];
    let mut bytes = corpus[dice.below(corpus.len())].clone();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        match dice.below(6) {
            0 => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
            1 => bytes.truncate(at.max(1)),
            2 => drop(bytes.splice(at..at, SALT[dice.below(SALT.len())].iter().copied())),
            3 => drop(bytes.drain(at..(at + dice.below(40)).min(bytes.len()).max(at))),
            4 => {
                let end = (at + dice.below(200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len());
                let to = (from + dice.below(120)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
        if bytes.is_empty() {
            bytes.push(b'x');
        }
    }
    bytes
}

/// The time this thread has had a processor for, as the kernel counts it; `None` where it does not say.
fn worked() -> Option<Duration> {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    counted.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Everything the rest of the house asks a message.
fn ask(message: &SipMessage) {
    let headers = match message {
        SipMessage::Request(request) => &request.headers,
        SipMessage::Response(response) => &response.headers,
    };
    let _ = (vias(headers), from(headers), to(headers), cseq(headers), max_forwards(headers), refer_to(headers));
    let _ = (tokens(headers, "Allow"), accepts(headers, "application/sdp"), addresses(headers, "Record-Route"));
    for value in all(headers, "Authorization") {
        let _ = AuthParams::parse(value);
    }
    if let Ok(Contacts::These(contacts)) = contacts(headers) {
        for contact in contacts {
            let _ = (contact.q(), contact.expires(), contact.instance(), contact.reg_id());
            assert_eq!(NameAddr::parse(&contact.to_string()).map(|again| again.uri), Ok(contact.uri.clone()));
        }
    }
    let replaces =
        refer_to(headers).ok().and_then(|target| target.uri.header("Replaces").map(|text| Replaces::parse(&text)));
    drop(replaces);
    if let SipMessage::Request(request) = message {
        let mut request = request.clone();
        let uri = SipUri::from(&request.uri);
        assert!(uri.same_as(&uri));
        stamp_source(&mut request, "192.0.2.1:5060".parse().unwrap()).unwrap();
        assert!(parse(&write(&respond_in_dialog(&request, 200, "t").into())).is_ok());
    }
}

#[test]
fn no_damage_makes_it_panic_or_dawdle() {
    let seed = std::env::var("BATON_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_101);
    let (mut dice, corpus) = (Dice(seed), corpus());
    let (mut read, mut slowest) = (0_u32, Duration::ZERO);
    for _ in 0..MUTATIONS {
        let bytes = mutate(&mut dice, &corpus);
        let started = Instant::now();
        match parse(&bytes) {
            Ok(message) => {
                read += 1;
                ask(&message);
                let again =
                    parse(&write(&message)).unwrap_or_else(|refused| panic!("seed {seed}: {refused}: {bytes:?}"));
                assert_eq!(again, message, "seed {seed}");
            }
            Err(refused) => {
                let answer = refused.response("t").map(|answer| write(&answer.into()));
                assert!(answer.is_none_or(|answer| answer.starts_with(b"SIP/2.0 ")), "seed {seed}");
            }
        }
        let mut took = started.elapsed();
        if took > SLOW {
            // the machine may have been busy with something else: what counts is what this thread itself has worked
            let (before, again) = (worked(), Instant::now());
            if let Ok(message) = parse(&bytes) {
                ask(&message);
                let _ = parse(&write(&message));
            }
            took = worked().zip(before).map_or_else(|| again.elapsed(), |(after, before)| after.saturating_sub(before));
        }
        slowest = slowest.max(took);
    }
    eprintln!("seed {seed}: {MUTATIONS} mutations, {read} read, slowest {slowest:?}");
    assert!(read > 10_000, "seed {seed}: only {read} were read; the corpus no longer tests what it should");
    assert!(slowest < SLOW, "seed {seed}: one took {slowest:?}");
}

#[test]
fn no_damage_makes_a_stream_panic_or_loop() {
    let seed = std::env::var("BATON_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_102);
    let (mut dice, corpus) = (Dice(seed), corpus());
    for _ in 0..MUTATIONS / 20 {
        let mut framer = StreamFramer::default();
        let mut bytes = mutate(&mut dice, &corpus);
        bytes.extend(mutate(&mut dice, &corpus));
        let size = 1 + dice.below(bytes.len());
        for piece in bytes.chunks(size) {
            framer.feed(piece);
            let frames = std::iter::from_fn(|| framer.next()).take(bytes.len() + 1).count();
            assert!(frames <= bytes.len(), "seed {seed}: more frames than bytes");
        }
        assert!(!matches!(framer.next(), Some(Framed::Message(_))), "seed {seed}: a message was left inside");
    }
}

/// The lines of a message of about this many bytes.
type Shape = fn(usize) -> String;

#[test]
fn time_grows_with_size_and_no_faster() {
    let shapes: [(&str, Shape); 5] = [
        ("headers", |size| "X-A: 1\r\n".repeat(size / 8)),
        ("folds", |size| format!("X-A: 1{}\r\n", "\r\n 1".repeat(size / 4))),
        ("parameters", |size| format!("Contact: <sip:a@b>{}\r\n", ";a=1".repeat(size / 4))),
        ("list", |size| format!("Route: {}<sip:a>\r\n", "<sip:a>,".repeat(size / 8))),
        ("quotes", |size| format!("Contact: {}\r\n", "\"\\".repeat(size / 2))),
    ];
    for (name, shape) in shapes {
        let time = |size| {
            let bytes = options_with(shape(size).trim_end());
            (0..5)
                .map(|_| {
                    let started = Instant::now();
                    let _ = parse(&bytes);
                    started.elapsed()
                })
                .min()
                .unwrap_or_default()
        };
        let (small, large) = (time(6_000), time(60_000));
        assert!(large < small * 40 + Duration::from_millis(5), "{name}: {small:?} for 6 kB, {large:?} for 60 kB");
    }
}
