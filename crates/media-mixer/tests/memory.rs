//! What the packet path allocates (nothing), and how much one session description may take (`trust.md` A18).
//!
//! A counting allocator, per thread, so that tests beside each other do not count for each other.
#![allow(clippy::unwrap_used, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use media_mixer::dtmf::{Digit, Receiver, Sender};
use media_mixer::latch::{Latch, Mode};
use media_mixer::rtcp::{Clock, Hearing, MAX_COMPOUND, Reporter};
use media_mixer::rtp::{MAX_PACKET, Packet, Stamp};
use media_mixer::sdp::{Codec, LocalMedia, OpusSettings, SdpError, Session, SrtpTerms};

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn count(change: isize) {
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + usize::from(change > 0)));
    let held = HELD.try_with(|held| {
        held.set(held.get() + change);
        held.get()
    });
    if let Ok(held) = held {
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held)));
    }
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counters are plain cells of this thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Calls of the allocator during `work`.
fn allocations(work: impl FnOnce()) -> usize {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

/// The most bytes held at one time during `work`, beyond those held before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    (result, usize::try_from(PEAK.get() - before).unwrap())
}

fn session() -> Session {
    Session::new(LocalMedia {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 16_384,
        codecs: Codec::ALL.to_vec(),
        session_id: 1,
        opus: OpusSettings::default(),
        srtp: SrtpTerms::default(),
    })
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![1_u8; 10]))), 1);
    assert!(peak(|| drop(black_box(vec![0_u8; 5000]))).1 >= 5000);
}

#[test]
fn a_thousand_packets_each_way_allocate_nothing() {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
    let mut latch = Latch::new(Mode::Auto, Some(peer), peer.ip());
    let clock = Clock { rate: 8000, now_us: 0 };
    let mut ours = Reporter::new(1, clock, 1, 1);
    let mut theirs = Reporter::new(2, clock, 2, 2);
    let mut sender = Sender::default();
    let mut receiver = Receiver::default();
    let mut wire = [0; MAX_PACKET];
    let mut report = [0; MAX_COMPOUND];
    let mut reports = 0;
    let allocated = allocations(|| {
        for step in 0..1000_u16 {
            let now = u64::from(step) * 20_000;
            let timestamp = u32::from(step) * 160;
            let stamp = Stamp { marker: false, payload_type: 0, sequence: step, timestamp, ssrc: 2 };
            let length = stamp.packet(&[0xff; 160], &mut wire).unwrap();
            theirs.sent(timestamp, 160, now);
            let packet = Packet::read(&wire[..length]).unwrap();
            black_box(latch.admit(peer, packet.ssrc, packet.sequence, now));
            ours.received(&packet, now);
            ours.sent(timestamp, 160, now);
            if step % 100 == 0 {
                sender.press(Digit { symbol: '5', duration_ms: 100 }).unwrap();
            }
            if let Some(event) = sender.next(timestamp, 160) {
                black_box(receiver.packet(event.timestamp, &event.payload, now));
            }
            if now >= theirs.due_us() {
                let length = theirs.report(now, 7, &Hearing::default(), &mut report);
                ours.arrived(&report[..length], now).unwrap();
                let length = ours.report(now, 7, &Hearing::default(), &mut report);
                theirs.arrived(&report[..length], now).unwrap();
                black_box(latch.admit_rtcp(peer));
                reports += 1;
            }
        }
    });
    assert_eq!((allocated, reports > 3), (0, true));
    assert!(theirs.counters().round_trip_us.is_some());
}

#[test]
fn a18_what_is_too_much_is_refused_before_anything_is_copied() {
    let head = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";
    for body in [
        format!("{head}a=x:{}\r\n", "y".repeat(65_536)),
        format!("{head}{}", "m=video 4000 RTP/AVP 96\r\n".repeat(1000)),
        format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP{}\r\n", " 0".repeat(500)),
        format!("{head}{}", "a=candidate:1 1 UDP 1 127.0.0.1 4000 typ host\r\n".repeat(5000)),
    ] {
        let leg = session();
        let (refused, held) = peak(|| leg.read(body.as_bytes()));
        assert!(matches!(refused, Err(SdpError::TooLarge { .. })), "{refused:?}");
        assert!(held < 256, "{held}");
    }
}

#[test]
fn a18_what_is_taken_needs_at_most_four_times_its_size() {
    let head = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";
    let candidates = "a=candidate:1 1 UDP 2130706431 192.0.2.1 40000 typ host generation 0\r\n".repeat(800);
    let maps: String =
        (0..250).map(|_| "a=fmtp:96 minptime=10;useinbandfec=1;stereo=0;maxplaybackrate=8000\r\n").collect();
    let lines = "m=video 4000 RTP/AVP 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111\r\n".repeat(63);
    let long = format!("a=fmtp:0 {}\r\n", "x".repeat(65_000));
    let short_lines = "m=audio 4 RTP/AVP 9\r\n".repeat(63);
    for body in [&candidates, &maps, &lines, &long, &short_lines, &String::new()] {
        let body = format!("{head}{body}");
        let mut leg = session();
        let (answered, held) = peak(|| leg.answer(body.as_bytes()));
        assert!(answered.is_ok(), "{answered:?}");
        // the tree of the one line that is looked at, and our own words, do not depend on the size
        let fixed = if body.len() < 4096 { 4096 } else { 0 };
        assert!(held <= 4 * body.len() + fixed, "{held} for {}", body.len());
    }
}
