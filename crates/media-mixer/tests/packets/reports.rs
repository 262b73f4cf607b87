//! Damaged RTCP: nothing panics, and what we accept `rtc-rtcp` accepts too, with the same figures.

use media_mixer::rtcp::{Clock, Hearing, MAX_COMPOUND, Reporter, read};
use media_mixer::rtp::Packet;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;

use crate::seed::Dice;

const OURS: u32 = 0x1234_5678;
const PEER: u32 = 0x9abc_def0;

/// A peer that sends and hears us.
fn compound(bye: bool) -> Vec<u8> {
    let mut peer = Reporter::new(PEER, Clock { rate: 8000, now_us: 0 }, 5, 5);
    for sequence in 0..10_u16 {
        let timestamp = u32::from(sequence) * 160;
        let now = u64::from(sequence) * 20_000;
        peer.sent(timestamp, 160, now);
        let packet =
            Packet { marker: false, payload_type: 0, sequence: sequence * 2, timestamp, ssrc: OURS, payload: &[] };
        peer.received(&packet, now);
    }
    let mut buffer = [0; MAX_COMPOUND];
    let length = match bye {
        true => peer.bye(300_000, &mut buffer),
        false => peer.report(300_000, 0, &Hearing::default(), &mut buffer),
    };
    buffer[..length].to_vec()
}

#[test]
fn a_hundred_thousand_damaged_compounds_neither_panic_nor_lie() {
    let sound = [compound(false), compound(true)];
    assert!(read(&sound[1], OURS).unwrap().bye);
    let mut dice = Dice::roll();
    let mut accepted = 0;
    for _ in 0..100_000 {
        let compound = dice.pick(&sound);
        let bytes = dice.damage(compound);
        let Ok(arrived) = read(&bytes, OURS) else { continue };
        accepted += 1;
        let length = (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])) + 1) * 4;
        // the first packet alone: what follows (SDES, for example) we step over and rtc-rtcp may refuse
        let Ok(packets) = rtc_rtcp::packet::unmarshal(&mut &bytes[..length]) else {
            panic!("we accepted a report that rtc-rtcp refuses: {bytes:?}");
        };
        let first = packets[0].as_any();
        let about = |reports: &[ReceptionReport]| {
            let ours = reports.iter().find(|report| report.ssrc == OURS);
            ours.map(|report| (report.fraction_lost, report.jitter, report.last_sender_report))
        };
        let said = match (first.downcast_ref::<SenderReport>(), first.downcast_ref::<ReceiverReport>()) {
            (Some(report), _) => {
                if let Some(info) = arrived.sender_info {
                    assert_eq!((info.ntp, info.rtp), (report.ntp_time, report.rtp_time));
                }
                (report.ssrc, about(&report.reports))
            }
            (None, Some(report)) => (report.ssrc, about(&report.reports)),
            (None, None) => panic!("no report first"),
        };
        assert_eq!(arrived.sender, said.0);
        if let Some(figures) = said.1 {
            let ours = arrived.about_us.unwrap();
            assert_eq!((ours.fraction_lost, ours.jitter, ours.last_sr), figures);
        }
    }
    assert!(accepted > 1000, "{accepted}");
}
