//! What nobody may do without the key: be believed, replay, move a window, make us remember him, or stop us with any bytes at all.

use media_mixer::srtp::{MasterKey, Progress, Protection, RTP_OVERHEAD, Refused, Shield, Suite};

use super::{ends, packet, report, sealed, sealed_report};

/// Random datagrams per suite.
const DATAGRAMS: u32 = 20_000;

struct Chance(u32);

impl Chance {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

#[test]
fn d5_random_bytes_are_refused_and_change_nothing() {
    let mut chance = Chance(0x2545_f491);
    for suite in Suite::ALL {
        let (mut here, mut there) = ends(suite);
        let mut first = sealed(&mut there, &packet(1, 100)).unwrap();
        here.open_rtp(&mut first).unwrap();
        let before = here.progress();
        for n in 0..DATAGRAMS {
            let length = chance.next() as usize % 1_600;
            let mut bytes: Vec<u8> = (0..length).map(|_| chance.next() as u8).collect();
            // most look like what is meant for us, at lengths around those of a header and a tag
            if n % 4 != 0 && length > 1 {
                bytes[0] = 0x80 | bytes[0] & 0x3f;
                bytes.truncate(1 + chance.next() as usize % 60);
            }
            assert!(here.open_rtp(&mut bytes.clone()).is_err());
            assert!(here.open_rtcp(&mut bytes).is_err());
        }
        assert_eq!(here.progress(), before, "nothing was learnt from a stranger");
        let mut second = sealed(&mut there, &packet(1, 101)).unwrap();
        assert!(here.open_rtp(&mut second).unwrap().newest);
    }
}

#[test]
fn d3_one_wrong_bit_anywhere_is_refused() {
    for suite in Suite::ALL {
        let (mut here, mut there) = ends(suite);
        let good = sealed(&mut there, &packet(1, 100)).unwrap();
        let good_report = sealed_report(&mut there, &report(1));
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(here.open_rtp(&mut bytes).is_err(), "{suite:?} bit {bit}");
        }
        for bit in 0..good_report.len() * 8 {
            let mut bytes = good_report.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(here.open_rtcp(&mut bytes).is_err(), "{suite:?} bit {bit} of a report");
        }
        assert!(here.open_rtp(&mut good.clone()).is_ok() && here.open_rtcp(&mut good_report.clone()).is_ok());
        assert_eq!(here.open_rtp(&mut good.clone()), Err(Refused::Replayed));
        assert_eq!(here.open_rtcp(&mut good_report.clone()), Err(Refused::Replayed));
    }
}

#[test]
fn d5_a_report_that_says_it_is_not_encrypted_is_not_believed() {
    for suite in Suite::ALL {
        let (mut here, _) = ends(suite);
        // header, sender, BYE, the index with its bit E off, and room for any tag
        let mut bytes = [&report(1)[..], &[0x81, 203, 0, 1, 0, 0, 0, 1], &[0, 0, 0, 1], &[0; 16]].concat();
        assert_eq!(here.open_rtcp(&mut bytes), Err(Refused::Unproved));
    }
}

#[test]
fn packets_come_in_any_order_within_the_window_and_each_once() {
    for suite in Suite::ALL {
        let (mut here, mut there) = ends(suite);
        let numbers = (0..200).map(|n| 65_500_u16.wrapping_add(n));
        let sent: Vec<Vec<u8>> = numbers.map(|number| sealed(&mut there, &packet(1, number)).unwrap()).collect();
        let mut order: Vec<usize> = (0..200).collect();
        order.chunks_mut(8).for_each(<[usize]>::reverse);
        for n in &order {
            assert!(here.open_rtp(&mut sent[*n].clone()).is_ok(), "{suite:?} {n}");
        }
        for bytes in &sent {
            assert_eq!(here.open_rtp(&mut bytes.clone()), Err(Refused::Replayed));
        }
    }
}

#[test]
fn a_leg_that_is_taken_up_again_goes_on_past_rolls_and_uses_no_number_twice() {
    for suite in Suite::ALL {
        let (one, other) = (MasterKey::random(suite).unwrap(), MasterKey::random(suite).unwrap());
        let protection = Protection { tag: 1, ours: one, theirs: other, pair: 3 };
        let mut here = Shield::new(&protection).unwrap();
        let mut there = Shield::new(&Protection { ours: other, theirs: one, ..protection }).unwrap();
        let through = |from: &mut Shield, to: &mut Shield, sequence| {
            let mut bytes = sealed(from, &packet(1, sequence)).unwrap();
            to.open_rtp(&mut bytes).is_ok_and(|opened| bytes[..opened.length] == packet(1, sequence))
        };
        for sequence in [65_400, 65_535, 20, 30_000, 60_000, 40] {
            assert!(through(&mut here, &mut there, sequence) && through(&mut there, &mut here, sequence));
        }
        let picture = serde_json::to_string(&here.progress()).unwrap();
        let old = sealed(&mut there, &packet(1, 41)).unwrap();
        assert!(here.open_rtp(&mut old.clone()).is_ok());
        let first_report = sealed_report(&mut here, &report(1));
        let mut again = Shield::new(&protection).unwrap();
        again.resume(&serde_json::from_str::<Progress>(&picture).unwrap());
        assert!(through(&mut again, &mut there, 540) && through(&mut there, &mut again, 42), "{suite:?}");
        assert_eq!(sealed(&mut again, &packet(1, 540)), None, "under one index nothing is sealed twice");
        assert!(there.open_rtcp(&mut first_report.clone()).is_ok());
        assert!(there.open_rtcp(&mut sealed_report(&mut again, &report(1))).is_ok(), "not taken for a replay");
        let mut stranger = Shield::new(&Protection { pair: 4, ..protection }).unwrap();
        stranger.resume(&serde_json::from_str::<Progress>(&picture).unwrap());
        assert_ne!(stranger.progress(), again.progress(), "a picture of other keys is no use");
    }
}

#[test]
fn the_first_packet_of_a_source_may_come_behind_a_roll() {
    for suite in Suite::ALL {
        let (mut here, mut there) = ends(suite);
        // the packets before the roll are lost
        sealed(&mut there, &packet(1, 65_535)).unwrap();
        assert!(here.open_rtp(&mut sealed(&mut there, &packet(1, 3)).unwrap()).is_ok());
    }
}

#[test]
fn a_peer_may_begin_anew_or_count_on_under_new_keys() {
    for suite in Suite::ALL {
        let rolled_twice = |there: &mut Shield, here: Option<&mut Shield>| {
            let sent = [30_000, 60_000, 20_000, 50_000, 10_000].map(|n| sealed(there, &packet(1, n)).unwrap());
            if let Some(here) = here {
                sent.iter().for_each(|bytes| assert!(here.open_rtp(&mut bytes.clone()).is_ok()));
            }
        };
        let (mut before, mut its_peer) = ends(suite);
        rolled_twice(&mut its_peer, Some(&mut before));
        for follows in [true, false] {
            let (mut here, mut there) = ends(suite);
            if follows {
                here.follow(&before);
            }
            rolled_twice(&mut there, None);
            let opened = here.open_rtp(&mut sealed(&mut there, &packet(1, 40_000)).unwrap());
            assert_eq!(opened.is_ok(), follows, "counted on");
            let (mut here, mut there) = ends(suite);
            here.follow(&before);
            assert!(here.open_rtp(&mut sealed(&mut there, &packet(1, 40_000)).unwrap()).is_ok(), "begun anew");
        }
    }
}

#[test]
fn what_has_no_room_for_its_tag_is_not_sent() {
    for suite in Suite::ALL {
        let (mut here, _) = ends(suite);
        let mut plain = packet(1, 1);
        let length = plain.len();
        assert_eq!(here.seal_rtp(&mut plain, length), None);
        assert_eq!(here.seal_rtp(&mut [0x80; 11], 11), None);
        assert_eq!(here.seal_rtcp(&mut [0x80; 7 + RTP_OVERHEAD], 7), None);
    }
}
