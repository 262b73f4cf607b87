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
        again.resume(&[Some(serde_json::from_str::<Progress>(&picture).unwrap())], 41);
        assert!(through(&mut again, &mut there, 540) && through(&mut there, &mut again, 42), "{suite:?}");
        assert_eq!(sealed(&mut again, &packet(1, 540)), None, "under one index nothing is sealed twice");
        assert!(there.open_rtcp(&mut first_report.clone()).is_ok());
        assert!(there.open_rtcp(&mut sealed_report(&mut again, &report(1))).is_ok(), "not taken for a replay");
    }
}

/// The picture is older than the agreement: one of the keys goes on in another pair, or none does.
#[test]
fn a_key_goes_on_behind_its_picture_in_whatever_pair_it_is() {
    for suite in Suite::ALL {
        let [one, other, third, fourth] = [(); 4].map(|()| MasterKey::random(suite).unwrap());
        let shield = |ours, theirs, pair| Shield::new(&Protection { tag: 1, ours, theirs, pair }).unwrap();
        let (mut here, mut there) = (shield(one, other, 3), shield(other, one, 3));
        for sequence in [65_400, 20, 30_000, 60_000, 40] {
            let mut bytes = sealed(&mut here, &packet(1, sequence)).unwrap();
            assert!(there.open_rtp(&mut bytes).is_ok());
        }
        for _ in 0..9 {
            assert!(there.open_rtcp(&mut sealed_report(&mut here, &report(1))).is_ok());
        }
        let heard = sealed(&mut there, &packet(1, 77)).unwrap();
        here.open_rtp(&mut heard.clone()).unwrap();
        let picture = [None, Some(here.progress())];
        let mut ours = shield(one, third, 4);
        ours.resume(&picture, 41);
        assert!(there.open_rtp(&mut sealed(&mut ours, &packet(1, 541)).unwrap()).is_ok(), "{suite:?}: our key went on");
        assert!(
            there.open_rtcp(&mut sealed_report(&mut ours, &report(1))).is_ok(),
            "{suite:?}: no report has a number twice"
        );
        let mut theirs = shield(third, other, 4);
        theirs.resume(&picture, 41);
        assert_eq!(theirs.open_rtp(&mut heard.clone()), Err(Refused::Replayed), "{suite:?}");
        // keys that no picture knows were in use for a while too
        let (mut neither, mut its_peer) = (shield(third, fourth, 4), shield(fourth, third, 4));
        let mut unseen = shield(third, fourth, 4);
        for sequence in [65_530, 3] {
            assert!(its_peer.open_rtp(&mut sealed(&mut unseen, &packet(1, sequence)).unwrap()).is_ok());
        }
        assert!(its_peer.open_rtcp(&mut sealed_report(&mut unseen, &report(1))).is_ok());
        neither.resume(&picture, 65_500);
        assert!(
            its_peer.open_rtp(&mut sealed(&mut neither, &packet(1, 464)).unwrap()).is_ok(),
            "{suite:?}: behind the roll"
        );
        assert!(its_peer.open_rtcp(&mut sealed_report(&mut neither, &report(1))).is_ok());
    }
}

/// What a stranger's packets cost, counted: one trial each, and a few more.
#[test]
fn d9_a_stranger_who_makes_up_sources_costs_one_trial_for_each_packet() {
    const PACKETS: u64 = 10_000;
    for suite in Suite::ALL {
        let (mut here, mut there) = ends(suite);
        let (mut liar, _) = ends(suite);
        sealed(&mut there, &packet(9, 65_535)).unwrap();
        for n in 0..PACKETS as u32 {
            let mut forged = sealed(&mut liar, &packet(1_000 + n, 7)).unwrap_or_else(|| packet(1_000 + n, 7));
            forged.resize(200, 0);
            assert_eq!(here.open_rtp(&mut forged), Err(Refused::Unproved));
        }
        let trials = here.trials();
        assert!((PACKETS..=PACKETS + PACKETS / 16).contains(&trials), "{suite:?}: {trials} trials");
        // and a phone whose first packets are behind a roll is found out all the same
        let mut sent = (0..200).map(|n| sealed(&mut there, &packet(9, n)).unwrap());
        assert!(sent.any(|mut bytes| here.open_rtp(&mut bytes).is_ok()), "{suite:?}");
        assert!(here.trials() - trials < 300);
    }
}

/// A phone that changed its source more often than all of them are remembered to the full.
#[test]
fn d3_nothing_of_a_source_that_made_room_is_taken_twice() {
    for suite in Suite::ALL {
        let (one, other) = (MasterKey::random(suite).unwrap(), MasterKey::random(suite).unwrap());
        let protection = Protection { tag: 1, ours: one, theirs: other, pair: 1 };
        let mut here = Shield::new(&protection).unwrap();
        let mut recorded = Vec::new();
        for ssrc in 0..12 {
            // each of them counts anew
            let mut source = Shield::new(&Protection { ours: other, theirs: one, ..protection }).unwrap();
            for sequence in 0..3 {
                let bytes = sealed(&mut source, &packet(ssrc, 100 + sequence)).unwrap();
                assert!(here.open_rtp(&mut bytes.clone()).is_ok(), "{suite:?} {ssrc}");
                recorded.push(bytes);
            }
        }
        for bytes in &recorded {
            assert_eq!(here.open_rtp(&mut bytes.clone()), Err(Refused::Replayed), "{suite:?}");
        }
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
