//! Row D: hostile media against a live call. Nothing of it is heard, nothing is sent to it, and the call goes on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use baton_tests::hearing::{judge, never_heard, until_heard};
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, tones};
use baton_tests::people::{Person, connect};
use baton_tests::raw::{Audio, Numbers, RawCall, rtp, ulaw_tone};
use softphone::{LineId, LineState, Mark};

const ATTACKERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));

/// A raw customer who talks with Alice.
async fn talk(house: &House) -> (Person, LineId, RawCall) {
    let alice = house.alice().await;
    let dialling = RawCall::dial(CUSTOMERS, house.udp, ALICES_NUMBER, tones::CUSTOMER);
    let (customer, hers) = tokio::join!(dialling, alice.answers());
    assert!(until_heard(&alice.ear(hers), tones::CUSTOMER, Duration::from_secs(3)).await, "Alice hears the customer");
    (alice, hers, customer)
}

/// Alice heard the customer without a gap and nobody else; both still hear each other after a freeze.
async fn is_unharmed(house: &House, alice: &Person, hers: LineId, customer: &mut RawCall, since: (Mark, Instant)) {
    let (since, began) = since;
    tokio::time::sleep(Duration::from_millis(150)).await;
    let allowed = 60 + baton_tests::stalls::longest_ms_since(began);
    let heard = alice.ear(hers).since(since);
    let hole = heard.longest_hole_ms(tones::CUSTOMER);
    assert!(heard.hears(tones::CUSTOMER) && hole <= allowed, "Alice has a gap of {hole} ms");
    never_heard(alice, hers, since, tones::STRANGER);
    house.freeze_and_thaw(2).await;
    let after = Instant::now();
    judge(&[alice.hears(hers, &[tones::CUSTOMER])]).await;
    let of_alice = customer.audio.level(after, tones::ALICE);
    assert!(of_alice > -20.0, "the customer hears Alice at {of_alice:.1} dBFS");
    assert_eq!(customer.hangs_up().await.status(), Some(200));
    alice.is_let_go(hers).await;
}

/// One packet of the attacker's tone.
fn tone(numbers: Numbers) -> Vec<u8> {
    rtp(0, numbers, &ulaw_tone(tones::STRANGER, numbers.timestamp, 160))
}

fn later(numbers: Numbers, packets: u16) -> Numbers {
    Numbers {
        sequence: numbers.sequence.wrapping_add(packets),
        timestamp: numbers.timestamp.wrapping_add(u32::from(packets) * 160),
        ..numbers
    }
}

/// D1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sprays_all_ports_is_sent_nothing() {
    let house = House::open().await;
    let attacker = Audio::open(ATTACKERS).await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let spray = async |rounds: u16| {
        for round in 0..rounds {
            for port in (house.rtp_ports.0..=house.rtp_ports.1).step_by(2) {
                let numbers = Numbers { sequence: round, timestamp: u32::from(round) * 160, ssrc: 66 };
                attacker.throw(&tone(numbers), SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let began = Mark::now();
    let (lines, ()) = tokio::join!(connect(&customer, ALICES_NUMBER, &alice), spray(15));
    let (theirs, hers) = lines;
    spray(15).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    house.freeze_and_thaw(2).await;
    spray(10).await;
    judge(&[alice.hears(hers, &[tones::CUSTOMER]), customer.hears(theirs, &[tones::ALICE])]).await;
    never_heard(&alice, hers, began, tones::STRANGER);
    never_heard(&customer, theirs, began, tones::STRANGER);
    assert_eq!(attacker.heard().len(), 0, "packets that the attacker was sent");
    customer.hangs_up(theirs);
    alice.is_let_go(hers).await;
    house.close().await;
}

/// D2: from elsewhere, and from another port of the customer's own address, with the very numbers of the stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_injects_with_the_right_numbers_is_not_heard() {
    let house = House::open().await;
    let (alice, hers, mut customer) = talk(&house).await;
    let attackers = [Audio::open(ATTACKERS).await, Audio::open(CUSTOMERS).await];
    let since = (Mark::now(), Instant::now());
    for round in 0..40 {
        for attacker in &attackers {
            let numbers = later(customer.audio.numbers(), round % 3);
            attacker.throw(&tone(numbers), customer.remote).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    is_unharmed(&house, &alice, hers, &mut customer, since).await;
    for attacker in attackers {
        assert_eq!(attacker.heard().len(), 0, "packets that {} was sent", attacker.own);
    }
    house.close().await;
}

/// D5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_and_malformed_rtcp_does_nothing() {
    let house = House::open().await;
    let (alice, hers, mut customer) = talk(&house).await;
    let attacker = Audio::open(ATTACKERS).await;
    let ssrc = customer.audio.numbers().ssrc.to_be_bytes();
    let bye = [&[0x81, 203, 0, 1], &ssrc[..]].concat();
    let mut report = [&[0x80, 200, 0, 6], &ssrc[..]].concat();
    report.extend_from_slice(&[0xff; 20]);
    let compound = [report.as_slice(), &bye].concat();
    let packets: [&[u8]; 7] = [
        &[0x80, 200, 0, 0],
        &[0x80, 201, 0, 1, 0, 0, 0, 1],
        // longer than it is, and shorter
        &[0x80, 200, 0xff, 0xff, 1, 2, 3, 4],
        &[0x9f, 201, 0, 1, 1, 2, 3, 4],
        &bye,
        &report,
        &compound,
    ];
    let control = SocketAddr::new(customer.remote.ip(), customer.remote.port() + 1);
    let since = (Mark::now(), Instant::now());
    for _ in 0..5 {
        for packet in packets {
            for target in [customer.remote, control] {
                attacker.throw(packet, target).await;
            }
        }
        // the malformed ones from the phone itself as well
        for packet in &packets[..4] {
            customer.audio.throw(packet, customer.remote).await;
            customer.audio.throw(packet, control).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    is_unharmed(&house, &alice, hers, &mut customer, since).await;
    assert_eq!(attacker.heard().len(), 0, "packets that the attacker was sent");
    house.close().await;
}

/// D10: from the phone itself, so that nothing but their own form speaks against them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_that_are_no_rtp_are_dropped() {
    let house = House::open().await;
    let (alice, hers, mut customer) = talk(&house).await;
    let since = (Mark::now(), Instant::now());
    for _ in 0..10 {
        let numbers = later(customer.audio.numbers(), 1);
        let whole = tone(numbers);
        let mut contributors = whole[..12].to_vec();
        contributors[0] |= 15;
        let mut padded = whole.clone();
        padded[0] |= 0x20;
        *padded.last_mut().expect("a byte") = 255;
        let mut extended = whole[..12].to_vec();
        extended[0] |= 0x10;
        extended.extend_from_slice(&[0xbe, 0xde, 0xff, 0xff, 1, 2, 3, 4]);
        let mut unknown = whole.clone();
        unknown[1] = 77;
        let mut version = whole.clone();
        version[0] = 0x40;
        let large = rtp(0, numbers, &ulaw_tone(tones::STRANGER, 0, 9_000));
        let all: [&[u8]; 8] = [&contributors, &padded, &extended, &unknown, &version, &large, &whole[..11], &[]];
        for packet in all {
            customer.audio.throw(packet, customer.remote).await;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    is_unharmed(&house, &alice, hers, &mut customer, since).await;
    house.close().await;
}

/// D12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_of_one_byte_are_survived() {
    let house = House::open().await;
    let (alice, hers, mut customer) = talk(&house).await;
    customer.audio.is_silent();
    for n in 0..60 {
        let numbers = later(customer.audio.numbers(), n);
        customer.audio.throw(&rtp(0, numbers, &[0x80]), customer.remote).await;
        customer.audio.throw(&rtp(0, numbers, &[]), customer.remote).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    customer.audio.says(customer.remote, tones::CUSTOMER);
    assert!(
        until_heard(&alice.ear(hers), tones::CUSTOMER, Duration::from_secs(3)).await,
        "Alice hears the customer again"
    );
    let since = (Mark::now(), Instant::now());
    tokio::time::sleep(Duration::from_millis(400)).await;
    is_unharmed(&house, &alice, hers, &mut customer, since).await;
    house.close().await;
}

/// D13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_never_ends_is_one_digit() {
    let house = House::open().await;
    let (alice, hers, mut customer) = talk(&house).await;
    let event = |numbers: Numbers, start: u32, key: u8, end: bool, duration: u16| {
        let [high, low] = duration.to_be_bytes();
        rtp(101, Numbers { timestamp: start, ..numbers }, &[key, if end { 0x8a } else { 0x0a }, high, low])
    };
    let start = customer.audio.numbers().timestamp;
    let numbers = Numbers { ssrc: customer.audio.numbers().ssrc, ..Numbers::default() };
    let at = |n: u16| Numbers { sequence: customer.audio.numbers().sequence.wrapping_add(n), ..numbers };
    for _ in 0..20 {
        // no such key; then one that claims its longest duration again and again and never ends
        customer.audio.throw(&event(at(1), start, 255, false, 160), customer.remote).await;
        customer.audio.throw(&event(at(1), start, 5, false, 65_535), customer.remote).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    alice.hears_keys(hers, "5").await;
    let since = (Mark::now().after(Duration::from_millis(500)), Instant::now());
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    alice.hears_keys(hers, "5").await;
    alice.comes_to(hers, LineState::Live).await;
    is_unharmed(&house, &alice, hers, &mut customer, since).await;
    alice.hears_keys(hers, "5").await;
    house.close().await;
}
