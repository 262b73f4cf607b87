//! Law 3 for encoders, as a property: whatever happens, nobody is served by an encoder that was given something which he was not
//! sent, for as long as anything of it can be left in there.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::bridge::Key;
use crate::sdp::{Direction, OpusTerms, PayloadMap};

fn agreement(codec: Codec) -> Agreement {
    Agreement {
        remote: None,
        remote_rtcp: None,
        rtcp_mux: false,
        codec,
        send_pt: 96,
        receive: PayloadMap::default(),
        dtmf_send_pt: None,
        dtmf_receive: crate::sdp::EventMap::default(),
        dtmf_clock: 8_000,
        opus: OpusTerms::default(),
        ptime_ms: 20,
        direction: Direction::Both,
        srtp: None,
        extended: crate::rtcp::ExtendedTerms::default(),
    }
}

#[test]
fn a_loss_is_believed_at_once_and_its_end_after_a_while() {
    let mut loss = Loss::default();
    loss.reported(0);
    assert_eq!(loss.percent(), 0);
    loss.reported(26);
    assert_eq!(loss.percent(), 10);
    loss.reported(255);
    assert_eq!(loss.percent(), 20);
    let after: Vec<u8> = (0..10)
        .map(|_| {
            loss.reported(0);
            loss.percent()
        })
        .collect();
    assert_eq!(after, [20, 20, 10, 10, 10, 5, 5, 5, 0, 0]);
}

/// What an encoder was really given since its first state, and a listener really sent: (tick, sound).
#[derive(Clone, Default)]
struct Truth {
    given: Vec<(u64, u16)>,
    sent: Vec<(u64, u16)>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// In every tick each of five listeners hears one of three groups, or a sound of his own, or nothing.
    #[test]
    fn nobody_is_served_by_an_encoder_that_knows_more_than_he(
        opus in prop::bool::weighted(0.2),
        ticks in prop::collection::vec(prop::array::uniform5(0_u16..9), 1..60),
    ) {
        let codec = if opus { Codec::Opus } else { Codec::G722 };
        let mut coders: Vec<Coder> = (0..5).map(|_| Coder::for_agreement(&agreement(codec)).unwrap()).collect();
        let mut truths = vec![Truth::default(); 5];
        let mut groups = Groups::new();
        for (tick, hears) in (1_u64..).zip(ticks) {
            groups.clear();
            for group in 0..3 {
                groups.add(Key::Mix(group, 0), codec.rate(), |frame| frame.fill(group as i16 * 100));
            }
            // who encoded what, by its number
            let mut makers: Vec<usize> = Vec::new();
            for (listener, sound) in hears.iter().enumerate() {
                let content = |sound: u16| tick << 16 | u64::from(sound);
                let coder = &mut coders[listener];
                match sound {
                    0..=5 => {
                        // staying with a group is likelier than leaving it
                        let group = sound / 2;
                        let known = groups.codings().find(group, &coder.terms, &coder.heard);
                        let was_in_step = coder.in_step;
                        let coded = coder.shared(group, content(group), &mut groups);
                        prop_assert!(coded.count == 1);
                        let server = match known {
                            Some(number) => makers[number],
                            None => {
                                makers.push(listener);
                                if !was_in_step {
                                    truths[listener].given.clear();
                                }
                                truths[listener].given.push((tick, group));
                                listener
                            }
                        };
                        truths[listener].sent.push((tick, group));
                        let recent = truths[server].given.iter().filter(|(at, _)| at + SETTLED_TICKS as u64 >= tick);
                        for given in recent {
                            prop_assert!(
                                truths[listener].sent.contains(given),
                                "listener {listener} is served by {server}, which was given {given:?}"
                            );
                        }
                    }
                    6 | 7 => {
                        let was_in_step = coder.in_step;
                        let own = 0x8000 | listener as u16;
                        let mut out = [0; 1_400];
                        let frame = vec![7; codec.rate().frame()];
                        coder.own(&frame, content(own), &mut out);
                        if !was_in_step {
                            truths[listener].given.clear();
                        }
                        truths[listener].given.push((tick, own));
                        truths[listener].sent.push((tick, own));
                    }
                    _ => coder.rest(),
                }
            }
        }
    }

    /// Whoever hears the same for long enough shares one encoding.
    #[test]
    fn whoever_has_settled_shares(before in prop::collection::vec(prop::array::uniform5(0_u16..3), 0..20)) {
        let mut coders: Vec<Coder> = (0..5).map(|_| Coder::for_agreement(&agreement(Codec::G722)).unwrap()).collect();
        let mut groups = Groups::new();
        let settled = [[1_u16; 5]; SETTLED_TICKS + 1];
        let mut encodes = 0;
        for (tick, hears) in (1_u64..).zip(before.into_iter().chain(settled)) {
            groups.clear();
            for group in 0..3 {
                groups.add(Key::Mix(group, 0), Rate::Wide, |frame| frame.fill(100));
            }
            encodes = groups.encodes();
            for (coder, group) in coders.iter_mut().zip(hears) {
                coder.shared(group, tick << 16 | u64::from(group), &mut groups);
            }
        }
        prop_assert_eq!(groups.encodes() - encodes, 1);
    }
}
