//! Two reporters speak to each other over a virtual wire; `rtc-rtcp` witnesses that what they say is RTCP.
#![allow(clippy::unwrap_used)]

use rtc_rtcp::extended_report::{ExtendedReport, VoIPMetricsReportBlock};
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription};

use super::super::MAX_COMPOUND;
use super::*;

const ALICE: u32 = 0xa11ce;
const BOB: u32 = 0xb0b;

fn reporter(ssrc: u32) -> Reporter {
    Reporter::new(ssrc, Clock { rate: 8000, now_us: 0 }, u128::from(ssrc), 0)
}

fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Packet<'static> {
    Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc, payload: &[0; 160] }
}

/// Alice sends 50 packets, Bob gets those that `arrives` lets through.
fn talk(alice: &mut Reporter, bob: &mut Reporter, arrives: impl Fn(u16) -> bool) {
    for step in 0..50_u16 {
        let now = u64::from(step) * 20_000;
        let timestamp = u32::from(step) * 160;
        alice.sent(timestamp, 160, now);
        if arrives(step) {
            bob.received(&packet(ALICE, step, timestamp), now + 30_000);
        }
    }
}

fn report(reporter: &mut Reporter, now_us: u64) -> Vec<u8> {
    let mut buffer = [0; MAX_COMPOUND];
    let length = reporter.report(now_us, 0, &Hearing::default(), &mut buffer);
    buffer[..length].to_vec()
}

#[test]
fn what_we_write_is_read_by_rtc_rtcp() {
    let (mut alice, mut bob) = (reporter(ALICE), reporter(BOB));
    talk(&mut alice, &mut bob, |_| true);
    let mut sr = &report(&mut alice, 1_000_000)[..];
    let packets = rtc_rtcp::packet::unmarshal(&mut sr).unwrap();
    let said = packets[0].as_any().downcast_ref::<SenderReport>().unwrap();
    assert_eq!((said.ssrc, said.packet_count, said.octet_count), (ALICE, 50, 8000));
    assert_eq!((said.ntp_time, said.rtp_time), (1 << 32, 8000));
    let named = packets[1].as_any().downcast_ref::<SourceDescription>().unwrap();
    assert_eq!(named.chunks[0].items[0].sdes_type, SdesType::SdesCname);
    assert_eq!(named.chunks[0].items[0].text.len(), CNAME);

    let mut buffer = [0; MAX_COMPOUND];
    let length = bob.bye(1_000_000, &mut buffer);
    let packets = rtc_rtcp::packet::unmarshal(&mut &buffer[..length]).unwrap();
    let said = packets[0].as_any().downcast_ref::<ReceiverReport>().unwrap();
    assert_eq!((said.ssrc, said.reports[0].ssrc), (BOB, ALICE));
    let bye = packets[2].as_any().downcast_ref::<Goodbye>().unwrap();
    assert_eq!(bye.sources, [BOB]);
}

#[test]
fn the_peer_hears_of_its_losses_and_both_measure_the_round_trip() {
    let (mut alice, mut bob) = (reporter(ALICE), reporter(BOB));
    talk(&mut alice, &mut bob, |step| step % 5 != 4);
    // 30 ms there, held for 500 ms, 50 ms back
    let sr = report(&mut alice, 1_000_000);
    assert!(bob.arrived(&sr, 1_030_000).unwrap().is_some());
    let rr = report(&mut bob, 1_530_000);
    let arrived = alice.arrived(&rr, 1_580_000).unwrap().unwrap();
    assert_eq!(arrived.about_us.unwrap().lost, 9);
    let counters = alice.counters();
    assert_eq!((counters.peer_lost, counters.sent_packets), (9, 50));
    let round_trip = counters.round_trip_us.unwrap();
    assert!((79_900..=80_100).contains(&round_trip), "{round_trip}");
    assert_eq!((bob.lost(), bob.jitter_us()), (9, 0));
}

#[test]
fn a_report_under_another_ssrc_is_not_believed() {
    let (mut alice, mut bob) = (reporter(ALICE), reporter(BOB));
    talk(&mut alice, &mut bob, |_| true);
    let mut forger = reporter(0x666);
    forger.sent(0, 160, 0);
    let mut buffer = [0; MAX_COMPOUND];
    let length = forger.bye(1_000_000, &mut buffer);
    assert_eq!(bob.arrived(&buffer[..length], 1_000_000), Ok(None));
    assert_eq!(bob.arrived(&buffer[..4], 1_000_000), Err(RtcpError::Length));
    assert_eq!((bob.counters().foreign, bob.counters().unsound), (1, 1));
}

#[test]
fn who_has_not_sent_for_two_intervals_writes_receiver_reports() {
    let mut alice = reporter(ALICE);
    alice.sent(0, 160, 0);
    let kinds: Vec<u8> = (1..=3).map(|second| report(&mut alice, second * 1_000_000)[1]).collect();
    assert_eq!(kinds, [200, 200, 201]);
}

#[test]
fn reports_come_every_five_seconds_give_or_take_half() {
    let mut reporter = reporter(ALICE);
    assert_eq!(reporter.due_us(), 1_250_000);
    let mut buffer = [0; MAX_COMPOUND];
    let mut due = |random| {
        reporter.report(0, random, &Hearing::default(), &mut buffer);
        reporter.due_us()
    };
    assert_eq!((due(0), due(1 << 31), due(u32::MAX)), (2_500_000, 5_000_000, 7_499_999));
}

#[test]
fn a_lie_about_the_round_trip_is_not_believed() {
    let mut alice = reporter(ALICE);
    alice.measure(1, 0, 60_000_000);
    assert_eq!(alice.counters().round_trip_us, None);
    alice.measure(middle(ntp(60_000_000)), 100, 60_000_000);
    assert_eq!(alice.counters().round_trip_us, Some(0));
}

#[test]
fn the_packets_of_a_telephone_event_do_not_count_as_jitter() {
    let mut bob = reporter(BOB);
    for step in 0..50_u16 {
        // from the tenth packet on a key is pressed: the timestamp stands still
        let timestamp = u32::from(step.min(10)) * 160;
        bob.received(&packet(ALICE, step, timestamp), u64::from(step) * 20_000);
    }
    assert_eq!(bob.jitter_us(), 0);
}

#[test]
fn who_asks_for_extended_reports_is_told_how_its_sound_arrives() {
    let (mut alice, mut bob) = (reporter(ALICE), reporter(BOB));
    bob.set_terms(ExtendedTerms { metrics: true, round_trip: true });
    talk(&mut alice, &mut bob, |step| !(20..25).contains(&step));
    let hearing =
        Hearing { delay_ms: 60.0, packet_ms: 20.0, discarded: 9, opinions: Some((4.1, 3.9)), ..Hearing::default() };
    let mut buffer = [0; MAX_COMPOUND];
    let length = bob.report(1_000_000, 0, &hearing, &mut buffer);
    // rtc-rtcp finds the same blocks
    let packets = rtc_rtcp::packet::unmarshal(&mut &buffer[..length]).unwrap();
    let said = packets[2].as_any().downcast_ref::<ExtendedReport>().unwrap();
    assert_eq!(said.sender_ssrc, BOB);
    let metrics = said.reports.iter().find_map(|report| report.as_any().downcast_ref::<VoIPMetricsReportBlock>());
    let metrics = metrics.unwrap();
    assert_eq!((metrics.ssrc, metrics.loss_rate, metrics.discard_rate), (ALICE, 25, 46));
    assert_eq!((metrics.burst_density, metrics.burst_duration, metrics.gap_duration), (255, 100, 440));
    assert_eq!((metrics.end_system_delay, metrics.mos_lq, metrics.mos_cq), (60, 41, 39));
    // Alice hears of it, and Bob, who only listens, of the round trip: 30 ms there, held for 500, 50 back
    assert!(alice.arrived(&buffer[..length], 1_030_000).unwrap().is_some());
    assert_eq!(alice.counters().peer_metrics.unwrap().mos_listening, Some(41));
    let answer = report(&mut alice, 1_530_000);
    assert!(bob.arrived(&answer, 1_580_000).unwrap().is_some());
    let round_trip = bob.counters().round_trip_us.unwrap();
    assert!((79_900..=80_100).contains(&round_trip), "{round_trip}");
}

#[test]
fn who_does_not_ask_gets_the_reports_that_everybody_understands() {
    let (mut alice, mut bob) = (reporter(ALICE), reporter(BOB));
    talk(&mut alice, &mut bob, |_| true);
    let said = report(&mut bob, 1_000_000);
    assert_eq!(rtc_rtcp::packet::unmarshal(&mut &said[..]).unwrap().len(), 2);
}

#[test]
fn a_frozen_reporter_goes_on_counting() {
    let (mut alice, mut bob) = (reporter(ALICE), reporter(BOB));
    talk(&mut alice, &mut bob, |_| true);
    let mut thawed: Reporter = serde_json::from_str(&serde_json::to_string(&bob).unwrap()).unwrap();
    assert_eq!(thawed, bob);
    assert_eq!(report(&mut thawed, 2_000_000), report(&mut bob, 2_000_000));
}
