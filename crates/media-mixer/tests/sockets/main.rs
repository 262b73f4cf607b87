//! Real sockets and real media threads: sound gets through on time, and what attackers send (`trust.md` D) does not.
#![allow(clippy::unwrap_used)]

mod house;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use conference::LegId;
use house::{House, PHONE, frame_of, pair};
use media_mixer::codec::{Codec, Encoder};
use media_mixer::{DropReason, MediaNews, MediaSettings, Mixer, Nat};
use tokio::sync::mpsc;

const ATTACKER: [u8; 4] = [127, 0, 0, 66];

/// What came to a socket that nobody should send to.
fn received(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 2_000];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count()
}

/// 20 ms that nobody can mistake for what the phones say.
fn loud() -> [u8; 160] {
    let mut payload = [0; 160];
    Encoder::new(Codec::Pcmu).encode(&[20_000; 160], &mut payload);
    payload
}

#[test]
fn two_phones_hear_each_other_over_real_sockets_on_time() {
    let mut house = House::talking(Nat::Auto, 16_400);
    house.comes_through(|house| {
        let from = Instant::now();
        house.frames(100, [1_000, -3_000], |_, _| ());
        let (packets, ms) = (house.phones[0].heard.len(), from.elapsed().as_millis() as usize);
        let due = ms / 20;
        if !(due - 3..=due + 3).contains(&packets) {
            return Err(format!("{packets} packets in {ms} ms"));
        }
        house.all_is_well()
    });
    let stats = house.mixer.stats();
    assert!(stats.workers[0].ticks > 100 && stats.workers[0].calls == 1);
    // from the mouth of one to the ear of the other: two packets' time of 20 ms at most, and what the machine adds
    house.comes_through(|house| {
        let from = Instant::now();
        house.frames(15, [5_000, -3_000], |_, _| ());
        let loud = |packet: &[u8]| frame_of(packet)[159] > 4_000;
        let at = house.phones[1].heard.iter().find(|(_, packet)| loud(packet)).map(|(at, _)| *at - from);
        match at {
            Some(late) if late < Duration::from_millis(150) => Ok(()),
            Some(_) | None => Err(format!("heard after {at:?}")),
        }
    });
    house.mixer.close(LegId::arrived(1));
    house.mixer.stop();
}

#[test]
fn d1_spray_before_the_first_packet_gets_nothing() {
    for (nat, most) in [(Nat::Off, 0), (Nat::Auto, 0)] {
        let mut house = House::new(nat, 16_700, None);
        let (attacker, _) = pair(ATTACKER);
        house.join();
        for _ in 0..20 {
            for port in 16_700..16_900_u16 {
                let packet = house.phones[0].raw(0, 1, 0, &loud());
                attacker.send_to(&packet, (IpAddr::from([127, 0, 0, 1]), port)).unwrap();
            }
            house.frames(2, [1_000, -3_000], |_, _| ());
        }
        assert!(received(&attacker) <= most, "{nat:?}");
        house.nobody_else_was_heard();
        let reason = if nat == Nat::Off { DropReason::NotSdp } else { DropReason::Stranger };
        house.wait_for_drops(reason, 30);
        house.are_heard(20, |_, _| ());
    }
}

#[test]
fn d1_a_phone_behind_a_translator_is_found_and_an_attacker_beside_it_gets_five_packets_at_most() {
    // the description names a private address; its packets come from where its signalling comes from
    let private = SocketAddr::new(IpAddr::from([127, 99, 99, 99]), 4_000);
    let mut house = House::new(Nat::Auto, 17_000, Some(private));
    house.join();
    let (attacker, _) = pair(ATTACKER);
    let mut sequence = 1;
    house.frames(100, [1_000, -3_000], |_, phones| {
        let packet = phones[0].raw(0, sequence, u32::from(sequence) * 160, &loud());
        sequence += 1;
        attacker.send_to(&packet, phones[0].server).unwrap();
    });
    house.nobody_else_was_heard();
    assert!(received(&attacker) <= 5);
    house.are_heard(30, |_, _| ());
}

#[test]
fn d2_injected_packets_are_dropped_counted_and_not_mixed() {
    let mut house = House::talking(Nat::Auto, 17_300);
    let (attacker, _) = pair(ATTACKER);
    let (beside, _) = pair(PHONE);
    house.are_heard(50, |_, phones| {
        // the right source and the next numbers, from elsewhere
        let packet = phones[0].raw(0, phones[0].sequence, phones[0].timestamp, &loud());
        attacker.send_to(&packet, phones[0].server).unwrap();
        beside.send_to(&packet, phones[0].server).unwrap();
    });
    house.wait_for_drops(DropReason::Stranger, 40);
    house.wait_for_drops(DropReason::Locked, 40);
    assert_eq!((received(&attacker), received(&beside)), (0, 0));
}

#[test]
fn d5_unsound_and_forged_rtcp_is_dropped() {
    let mut house = House::talking(Nat::Auto, 17_600);
    let (_, attacker) = pair(ATTACKER);
    let bye = |ssrc: u32| {
        let mut packet = vec![0x80, 201, 0, 1];
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0x81, 203, 0, 1]);
        packet.extend(ssrc.to_be_bytes());
        packet
    };
    house.are_heard(60, |n, phones| {
        let mut control = phones[0].server;
        control.set_port(control.port() + 1);
        let ssrc = phones[0].ssrc;
        let mut long = bye(ssrc);
        long[3] = 200;
        for packet in [vec![0x80, 203, 0, 0], bye(ssrc)[..8].to_vec(), long, vec![0xff; 40]] {
            phones[0].rtcp.send_to(&packet, control).unwrap();
        }
        attacker.send_to(&bye(ssrc), control).unwrap();
        if n % 2 == 0 {
            // RTCP on the RTP port, where nobody agreed on that
            phones[0].rtp.send_to(&bye(ssrc), phones[0].server).unwrap();
        }
    });
    house.wait_for_drops(DropReason::UnsoundRtcp, 100);
    house.wait_for_drops(DropReason::Stranger, 40);
    assert_eq!(house.news(), [], "nobody said goodbye");
    // the phone itself may
    let mut control = house.phones[0].server;
    control.set_port(control.port() + 1);
    house.phones[0].rtcp.send_to(&bye(house.phones[0].ssrc), control).unwrap();
    let goodbye = (0..25).map(|_| {
        house.frames(20, [1_000, -3_000], |_, _| ());
        house.news()
    });
    let goodbye = goodbye.into_iter().find(|news| !news.is_empty());
    assert_eq!(goodbye, Some(vec![MediaNews::PeerBye { leg: LegId::arrived(1) }]));
}

#[test]
fn d10_unsound_rtp_is_dropped() {
    let mut house = House::talking(Nat::Auto, 17_900);
    house.are_heard(40, |_, phones| {
        let phone = &phones[0];
        let good = phone.raw(0, phone.sequence, phone.timestamp, &[0x80; 160]);
        let with = |edit: &dyn Fn(&mut Vec<u8>)| {
            let mut packet = good.clone();
            edit(&mut packet);
            packet
        };
        let unsound = [
            with(&|p| {
                p[0] = 0x8f;
                p.truncate(12);
            }),
            with(&|p| {
                p[0] = 0xa0;
                *p.last_mut().unwrap() = 255;
            }),
            with(&|p| {
                p[0] = 0x90;
                p[14] = 0xff;
                p[15] = 0xff;
            }),
            with(&|p| p.resize(9_000, 0x80)),
            with(&|p| p[0] = 0x40),
            with(&|p| p.truncate(11)),
        ];
        for packet in unsound {
            phone.rtp.send_to(&packet, phone.server).unwrap();
        }
        phone.rtp.send_to(&with(&|p| p[1] = 55), phone.server).unwrap();
    });
    house.wait_for_drops(DropReason::Unsound, 6 * 40 - 10);
    house.wait_for_drops(DropReason::PayloadType, 40 - 2);
}

#[test]
fn d12_tiny_payloads_are_played_or_concealed_and_nothing_breaks() {
    let mut house = House::talking(Nat::Auto, 18_200);
    house.frames(40, [1_000, -3_000], |n, phones| {
        let phone = &phones[0];
        for length in [0, 1, 7, 1_000] {
            let packet = phone.raw(0, phone.sequence.wrapping_add(100 + n as u16), phone.timestamp, &vec![0; length]);
            phone.rtp.send_to(&packet, phone.server).unwrap();
        }
    });
    house.frames(60, [1_000, -3_000], |_, _| ());
    house.are_heard(60, |_, _| ());
}

#[test]
fn d13_one_digit_however_odd_its_packets_are() {
    let mut house = House::talking(Nat::Auto, 18_500);
    let start = house.phones[0].timestamp;
    house.frames(40, [1_000, -3_000], |_, phones| {
        let phone = &mut phones[0];
        let packet = phone.raw(101, phone.sequence, start, &[5, 10, 0xff, 0xff]);
        phone.sequence = phone.sequence.wrapping_add(1);
        phone.rtp.send_to(&packet, phone.server).unwrap();
    });
    let mut told = Vec::new();
    let until = Instant::now() + Duration::from_secs(10);
    while !told.iter().any(|news| matches!(news, MediaNews::Digit { .. })) {
        assert!(Instant::now() < until, "no digit: {told:?}");
        house.frames(5, [1_000, -3_000], |_, _| ());
        told.extend(house.news());
    }
    house.frames(40, [1_000, -3_000], |_, _| ());
    told.extend(house.news());
    assert!(
        matches!(told[..], [MediaNews::DigitBegan { digit: '5', .. }, MediaNews::Digit { digit: '5', .. }]),
        "{told:?}"
    );
}

#[test]
fn a_mixer_whose_handles_are_gone_ends_its_threads() {
    let (mixer, mut news) =
        Mixer::start(MediaSettings { rtp_ports: (18_800, 18_900), ..MediaSettings::default() }).unwrap();
    drop(mixer);
    let until = Instant::now() + Duration::from_secs(3);
    // the listener's end of the channel goes with it
    while !matches!(news.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)) {
        assert!(Instant::now() < until, "still running");
        std::thread::sleep(Duration::from_millis(2));
    }
}
