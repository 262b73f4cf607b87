//! Each sentence of `trust.md` rule 1, parts 3 and 4, and rows C10, D1, D2, D4, D5.
#![allow(clippy::unwrap_used)]

use super::*;

const PHONE: &str = "10.0.0.5:4000";
const BEHIND_NAT: &str = "192.0.2.9:61000";
const ATTACKER: &str = "127.0.0.66:4000";
const SSRC: u32 = 77;

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// SDP 10.0.0.5:4000, signalling from 192.0.2.9.
fn latch(mode: Mode) -> Latch {
    let mut latch = Latch::new(mode, Some(at(PHONE)), at(BEHIND_NAT).ip());
    latch.set_rtcp(Some(at("10.0.0.5:4001")));
    latch
}

/// Packets `first..first + count` every 20 ms from `start_us` on; the verdict of the last one.
fn stream(latch: &mut Latch, from: &str, first: u16, count: u16, start_us: u64) -> Verdict {
    let mut verdict = Verdict::Accept;
    for step in 0..count {
        let now = start_us + u64::from(step) * 20_000;
        verdict = latch.admit(at(from), SSRC, first.wrapping_add(step), now);
    }
    verdict
}

fn locked_behind_nat() -> Latch {
    let mut latch = latch(Mode::Auto);
    stream(&mut latch, BEHIND_NAT, 0, 4, 0);
    assert_eq!((latch.is_locked(), latch.target()), (true, Some(at(BEHIND_NAT))));
    latch
}

#[test]
fn until_locked_media_goes_to_the_sdp_address() {
    let mut latch = latch(Mode::Auto);
    stream(&mut latch, BEHIND_NAT, 0, 3, 0);
    assert_eq!(latch.target(), Some(at(PHONE)));
    stream(&mut latch, BEHIND_NAT, 3, 1, 60_000);
    assert_eq!(latch.target(), Some(at(BEHIND_NAT)));
}

#[test]
fn four_packets_in_less_than_sixty_milliseconds_do_not_lock() {
    let mut latch = latch(Mode::Auto);
    for (sequence, now) in [(0, 0), (1, 20_000), (2, 40_000), (3, 59_999)] {
        latch.admit(at(PHONE), SSRC, sequence, now);
    }
    assert!(!latch.is_locked());
    latch.admit(at(PHONE), SSRC, 4, 60_000);
    assert!(latch.is_locked());
}

#[test]
fn three_packets_over_a_long_time_do_not_lock() {
    let mut latch = latch(Mode::Auto);
    for (sequence, now) in [(0, 0), (1, 100_000), (2, 200_000)] {
        latch.admit(at(PHONE), SSRC, sequence, now);
    }
    assert!(!latch.is_locked());
}

#[test]
fn a_gap_starts_the_run_anew_and_a_duplicate_does_not() {
    let mut gap = latch(Mode::Auto);
    for (step, sequence) in [0_u16, 1, 2, 4, 5, 6].into_iter().enumerate() {
        gap.admit(at(PHONE), SSRC, sequence, step as u64 * 20_000);
    }
    assert!(!gap.is_locked());
    let mut duplicate = latch(Mode::Auto);
    for (step, sequence) in [0_u16, 1, 1, 0, 2, 3].into_iter().enumerate() {
        duplicate.admit(at(PHONE), SSRC, sequence, step as u64 * 20_000);
    }
    assert!(duplicate.is_locked());
}

#[test]
fn a_new_ssrc_starts_the_run_anew() {
    let mut latch = latch(Mode::Auto);
    stream(&mut latch, PHONE, 0, 3, 0);
    assert_eq!(latch.admit(at(PHONE), 78, 3, 60_000), Verdict::Accept);
    assert!(!latch.is_locked());
}

#[test]
fn the_exact_source_takes_over_even_from_a_locked_one_until_it_is_locked_itself() {
    let mut latch = locked_behind_nat();
    assert_eq!(stream(&mut latch, PHONE, 500, 1, 80_000), Verdict::Accept);
    assert_eq!((latch.is_locked(), latch.target()), (false, Some(at(PHONE))));
    assert_eq!(stream(&mut latch, BEHIND_NAT, 4, 1, 81_000), Verdict::Drop(Reason::Outranked));
    stream(&mut latch, PHONE, 501, 3, 100_000);
    assert_eq!((latch.is_locked(), latch.target()), (true, Some(at(PHONE))));
    assert_eq!(stream(&mut latch, BEHIND_NAT, 5, 50, 160_000), Verdict::Drop(Reason::Locked));
}

#[test]
fn the_sdp_address_is_preferred_to_the_signalling_address() {
    let mut latch = latch(Mode::Auto);
    assert_eq!(stream(&mut latch, BEHIND_NAT, 0, 3, 0), Verdict::Accept);
    assert_eq!(stream(&mut latch, "10.0.0.5:9", 0, 1, 41_000), Verdict::Accept);
    assert_eq!(stream(&mut latch, BEHIND_NAT, 3, 1, 60_000), Verdict::Drop(Reason::Outranked));
    assert!(!latch.is_locked());
    stream(&mut latch, "10.0.0.5:9", 1, 3, 61_000);
    assert_eq!(latch.target(), Some(at("10.0.0.5:9")));
}

#[test]
fn a_lower_source_that_is_locked_stays_when_a_mere_address_match_appears() {
    let mut latch = locked_behind_nat();
    assert_eq!(stream(&mut latch, "10.0.0.5:9", 0, 20, 80_000), Verdict::Drop(Reason::Locked));
    assert_eq!(latch.target(), Some(at(BEHIND_NAT)));
}

#[test]
fn nat_off_takes_the_sdp_address_and_port_only() {
    let mut latch = latch(Mode::Off);
    for from in [BEHIND_NAT, "10.0.0.5:9", ATTACKER] {
        assert_eq!(stream(&mut latch, from, 0, 10, 0), Verdict::Drop(Reason::NotSdp));
    }
    assert_eq!(stream(&mut latch, PHONE, 0, 10, 200_000), Verdict::Accept);
    // no move either, however long the silence
    assert_eq!(stream(&mut latch, "10.0.0.5:9", 10, 1, 2_000_000), Verdict::Drop(Reason::NotSdp));
    assert_eq!(latch.target(), Some(at(PHONE)));
    assert_eq!(latch.drops()[Reason::NotSdp as usize], 31);
}

/// Row D1 as a matrix: packets of ours that would go to the attacker while he sprays before and beside the phone.
#[test]
fn d1_a_sprayer_gets_nothing() {
    let mut leaked = Vec::new();
    for mode in [Mode::Auto, Mode::Off] {
        for phone in [PHONE, BEHIND_NAT] {
            let mut latch = latch(mode);
            let mut to_attacker = 0;
            for step in 0..100_u16 {
                let now = u64::from(step) * 20_000;
                latch.admit(at(ATTACKER), 1, step, now);
                if step >= 10 {
                    latch.admit(at(phone), SSRC, step, now);
                }
                to_attacker += u32::from(latch.target() == Some(at(ATTACKER)));
            }
            leaked.push(to_attacker);
            assert_eq!(latch.is_locked(), mode == Mode::Auto || phone == PHONE);
        }
    }
    assert_eq!(leaked, [0, 0, 0, 0]);
}

#[test]
fn d2_an_injector_with_the_right_ssrc_and_sequence_is_dropped_and_counted() {
    let mut latch = latch(Mode::Auto);
    stream(&mut latch, PHONE, 0, 4, 0);
    assert_eq!(latch.admit(at(ATTACKER), SSRC, 4, 80_000), Verdict::Drop(Reason::Stranger));
    assert_eq!(latch.admit(at("10.0.0.5:5"), SSRC, 4, 80_000), Verdict::Drop(Reason::Locked));
    assert_eq!(latch.drops(), [0, 1, 1, 0]);
}

#[test]
fn d4_a_rebound_port_is_followed_only_if_all_four_conditions_hold() {
    let moved = |from: &str, ssrc, sequence, silence_us: u64| {
        let mut latch = locked_behind_nat();
        // the last packet, number 3, came at 60 ms
        let verdict = latch.admit(at(from), ssrc, sequence, 60_000 + silence_us);
        (verdict, latch.target())
    };
    let new = "192.0.2.9:62000";
    let dropped = (Verdict::Drop(Reason::Locked), Some(at(BEHIND_NAT)));
    assert_eq!(moved(new, SSRC, 4, 500_000), (Verdict::Accept, Some(at(new))));
    assert_eq!(moved(new, SSRC, 28, 500_000), (Verdict::Accept, Some(at(new))));
    assert_eq!(moved(new, SSRC, 4, 499_999), dropped);
    assert_eq!(moved(new, SSRC + 1, 4, 500_000), dropped);
    assert_eq!(moved(new, SSRC, 3, 500_000), dropped);
    assert_eq!(moved(new, SSRC, 5000, 500_000), dropped);
    assert_eq!(moved("10.0.0.5:9", SSRC, 4, 500_000), dropped);
}

#[test]
fn c10_a_re_invite_that_moves_the_stream_starts_from_nothing() {
    let mut latch = locked_behind_nat();
    latch.renegotiated(Some(at("10.0.0.7:4000")), at(BEHIND_NAT).ip());
    assert_eq!((latch.is_locked(), latch.target()), (false, Some(at("10.0.0.7:4000"))));
    assert_eq!(stream(&mut latch, PHONE, 0, 10, 100_000), Verdict::Drop(Reason::Stranger));
    stream(&mut latch, "10.0.0.7:4000", 0, 4, 100_000);
    assert!(latch.is_locked());
}

#[test]
fn a_re_invite_that_moves_nothing_makes_no_hole_and_lets_a_new_port_lock() {
    let mut latch = locked_behind_nat();
    latch.renegotiated(Some(at(PHONE)), at(BEHIND_NAT).ip());
    assert_eq!((latch.is_locked(), latch.target()), (false, Some(at(BEHIND_NAT))));
    stream(&mut latch, "192.0.2.9:62000", 900, 4, 100_000);
    assert_eq!(latch.target(), Some(at("192.0.2.9:62000")));
}

#[test]
fn on_hold_by_address_zero_nothing_is_sent() {
    let mut latch = locked_behind_nat();
    latch.renegotiated(None, at(BEHIND_NAT).ip());
    stream(&mut latch, BEHIND_NAT, 4, 10, 100_000);
    assert_eq!((latch.target(), latch.rtcp_target()), (None, None));
}

#[test]
fn a_silent_contender_is_forgotten_so_that_places_do_not_run_out() {
    let mut latch = latch(Mode::Auto);
    for port in 1..=4 {
        latch.admit(at(&format!("192.0.2.9:{port}")), SSRC, 0, 0);
    }
    assert_eq!(stream(&mut latch, BEHIND_NAT, 0, 1, 20_000), Verdict::Drop(Reason::Outranked));
    stream(&mut latch, BEHIND_NAT, 1, 4, 520_000);
    assert_eq!(latch.target(), Some(at(BEHIND_NAT)));
}

#[test]
fn d5_rtcp_is_taken_from_the_sdp_or_from_beside_the_believed_source_only() {
    let mut latch = latch(Mode::Auto);
    assert_eq!(latch.rtcp_target(), Some(at("10.0.0.5:4001")));
    assert_eq!(latch.admit_rtcp(at("192.0.2.9:61001")), Verdict::Drop(Reason::Stranger));
    stream(&mut latch, BEHIND_NAT, 0, 4, 0);
    assert_eq!(latch.admit_rtcp(at("192.0.2.9:61001")), Verdict::Accept);
    assert_eq!(latch.rtcp_target(), Some(at("192.0.2.9:61001")));
    assert_eq!(latch.admit_rtcp(at(ATTACKER)), Verdict::Drop(Reason::Stranger));
    let mut strict = Latch::new(Mode::Off, Some(at(PHONE)), at(PHONE).ip());
    strict.set_rtcp(Some(at("10.0.0.5:4001")));
    assert_eq!(strict.admit_rtcp(at("10.0.0.5:4001")), Verdict::Accept);
    assert_eq!(strict.admit_rtcp(at("10.0.0.5:4009")), Verdict::Drop(Reason::NotSdp));
}

#[test]
fn a_frozen_latch_goes_on_where_it_was() {
    let mut latch = locked_behind_nat();
    latch.admit(at(ATTACKER), 1, 1, 70_000);
    let frozen = serde_json::to_string(&latch).unwrap();
    let mut thawed: Latch = serde_json::from_str(&frozen).unwrap();
    assert_eq!(thawed, latch);
    assert_eq!(stream(&mut thawed, BEHIND_NAT, 4, 1, 80_000), Verdict::Accept);
}
