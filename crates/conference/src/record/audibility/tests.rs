//! The history of one call's masks: spans and pairs as they were, whatever came and went.

use super::*;
use crate::mask::{Ears, Place, Supervision};

fn mask(leg: u64, open: bool) -> LegMask {
    LegMask {
        leg: LegId(leg),
        person: ParticipantId(u32::try_from(leg).unwrap()),
        place: Place::Main,
        open,
        early: false,
        muted: false,
        ears: Ears::HoldMusic,
        supervises: None,
        cues: true,
    }
}

fn change(version: u64, sample: u64, legs: &[LegMask], gone: &[u64]) -> AudibilityChange {
    let by = Cause::Command { name: format!("change {version}"), by: None };
    let gone = gone.iter().map(|leg| LegId(*leg)).collect();
    AudibilityChange { version, sample, at: 0, legs: legs.to_vec(), gone, by }
}

/// A small source of chance (SplitMix64, public domain).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn mask(&mut self, leg: u64) -> LegMask {
        let tie = Supervision {
            agent: ParticipantId(1),
            whisper_to: (self.below(2) == 0).then_some(LegId(1)),
            hears_main: self.below(2) == 0,
            hears_side: self.below(2) == 0,
        };
        LegMask {
            // two legs of one person now and then
            person: ParticipantId(u32::try_from(leg / 2 * 2).unwrap()),
            place: if self.below(3) == 0 { Place::Side } else { Place::Main },
            muted: self.below(4) == 0,
            supervises: (self.below(5) == 0).then_some(tie),
            ..mask(leg, self.below(4) > 0)
        }
    }
}

/// The pairs that hear each other, from the full masks alone.
fn pairs(masks: &BTreeMap<LegId, LegMask>) -> Vec<(LegId, LegId)> {
    let all = masks.values().flat_map(|listener| masks.values().map(move |speaker| (listener, speaker)));
    all.filter(|(listener, speaker)| listener.hears(speaker)).map(|(l, s)| (l.leg, s.leg)).collect()
}

#[test]
fn spans_say_at_every_sample_who_heard_whom() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut history = AudibilityHistory::new(CallId(1));
        let mut masks: BTreeMap<LegId, LegMask> = BTreeMap::new();
        let mut truth: Vec<(u64, Vec<(LegId, LegId)>)> = Vec::new();
        let mut sample = 0;
        for version in 1..80 {
            sample += 160 * (1 + random.below(3));
            let mut legs: BTreeMap<LegId, LegMask> = BTreeMap::new();
            for _ in 0..random.below(4) {
                let leg = random.below(8);
                legs.insert(LegId(leg), random.mask(leg));
            }
            let gone: Vec<LegId> =
                masks.keys().copied().filter(|leg| !legs.contains_key(leg) && random.below(12) == 0).collect();
            masks.retain(|leg, _| !gone.contains(leg));
            masks.extend(legs.clone());
            let by = Cause::Time;
            let legs = legs.into_values().collect();
            history.note(AudibilityChange { version, sample, at: 0, legs, gone, by });
            truth.push((sample, pairs(&masks)));
            assert_eq!(history.pairs_now(), pairs(&masks), "seed {seed}, version {version}");
        }
        let spans = history.spans();
        for (at, expected) in truth {
            let mut heard: Vec<(LegId, LegId)> = spans
                .iter()
                .filter(|span| span.from_sample <= at && span.to_sample.is_none_or(|to| at < to))
                .map(|span| (span.listener_leg, span.speaker_leg))
                .collect();
            heard.sort_unstable();
            assert_eq!(heard, expected, "seed {seed}, sample {at}");
        }
    }
}

#[test]
fn a_span_says_what_opened_and_what_shut_it() {
    let mut history = AudibilityHistory::new(CallId(1));
    history.note(change(1, 0, &[mask(1, true), mask(2, true)], &[]));
    history.note(change(2, 800, &[mask(2, false)], &[]));
    history.note(change(3, 1600, &[mask(2, true)], &[]));
    let spans = history.spans_of(ParticipantId(1));
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert_eq!((spans[0].from_sample, spans[0].to_sample), (0, Some(800)));
    assert_eq!(spans[0].shut_by, Some(Cause::Command { name: "change 2".to_owned(), by: None }));
    assert_eq!((spans[1].from_sample, spans[1].to_sample, &spans[1].shut_by), (1600, None, &None));
    assert_eq!(history.spans().len(), 4);
}

#[test]
fn a_pair_that_was_open_for_no_sample_was_never_heard() {
    let mut history = AudibilityHistory::new(CallId(1));
    history.note(change(1, 160, &[mask(1, true), mask(2, true)], &[]));
    history.note(change(2, 160, &[], &[2]));
    assert!(history.spans().is_empty());
}

#[test]
fn the_oldest_changes_are_folded_into_one_and_counted() {
    let mut history = AudibilityHistory::new(CallId(1));
    history.note(change(1, 0, &[mask(1, true), mask(2, true), mask(3, true)], &[]));
    let total = u64::try_from(CHANGES_KEPT).unwrap() * 2;
    for version in 2..=total {
        history.note(change(version, version * 160, &[mask(3, version % 2 == 0)], &[]));
    }
    assert!(history.changes.len() <= CHANGES_KEPT);
    assert_eq!(history.forgotten + u64::try_from(history.changes.len()).unwrap(), total);
    let first = &history.changes[0];
    assert_eq!(first.legs.len(), 3, "the oldest tells every mask");
    let pair = (LegId(1), LegId(2));
    assert!(history.pairs_now().contains(&pair));
    let span = history.spans().into_iter().find(|span| (span.listener_leg, span.speaker_leg) == pair).unwrap();
    assert_eq!((span.from_sample, span.to_sample), (first.sample, None));
}
