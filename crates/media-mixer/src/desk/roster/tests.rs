//! The seats that a roster sends say of every pair since when it is open, exactly as a naive list of all pairs does.
#![allow(clippy::unwrap_used)]

use conference::{CallId, Ears, ParticipantId, Place, Supervision};
use proptest::prelude::*;

use super::*;
use crate::engine::call::Call;
use crate::engine::command::Change;

const LEGS: u64 = 7;

fn mask(leg: u64, person: u32) -> LegMask {
    LegMask {
        leg: LegId(leg),
        person: ParticipantId(person),
        place: Place::Main,
        open: true,
        early: false,
        muted: false,
        ears: Ears::ComfortNoise,
        supervises: None,
        cues: true,
    }
}

/// A roster, the call that its plans reach, and every pair as it is.
struct World {
    roster: Roster,
    call: Call,
    open: BTreeMap<(LegId, LegId), u64>,
    now_us: u64,
}

impl World {
    fn new() -> Self {
        let call = Call::new(CallId(1), LEGS as usize);
        Self { roster: Roster::default(), call, open: BTreeMap::new(), now_us: 10_000_000 }
    }

    fn change(&mut self, masks: Vec<LegMask>, gone: &[LegId]) -> usize {
        let plans = self.roster.change(masks, gone, &[], self.now_us);
        let count = plans.len();
        let seats = plans.into_iter().map(|(seat, plan)| match plan {
            Plan::Empty => (seat, None),
            Plan::Taken(taken) => (seat, Some(*taken)),
        });
        let mut change = Change {
            call: CallId(1),
            slot: 0,
            version: 1,
            serial: 1,
            begin: None,
            end: false,
            room: None,
            seats: seats.collect(),
            fresh: Vec::new(),
            applied: None,
            ack: None,
        };
        self.call.apply(&mut change, &mut [], self.now_us);
        let masks: Vec<LegMask> = self.roster.masks().cloned().collect();
        let pairs = masks.iter().flat_map(|a| masks.iter().filter(|b| a.hears(b)).map(|b| (a.leg, b.leg)));
        let (before, now_us) = (std::mem::take(&mut self.open), self.now_us);
        self.open = pairs.map(|pair| (pair, before.get(&pair).copied().unwrap_or(now_us))).collect();
        count
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let seats: Vec<&Seat> = self.call.seats().collect();
        for listener in &seats {
            for speaker in seats.iter().filter(|speaker| listener.hears(speaker)) {
                let pair = (listener.mask.leg, speaker.mask.leg);
                let (said, true_us) = (listener.since_us(speaker), self.open[&pair]);
                let settled = |us: u64| self.now_us - us > SETTLED_US;
                prop_assert!(said == true_us || (settled(said) && settled(true_us)), "{pair:?}: {said}, not {true_us}");
            }
        }
        prop_assert_eq!(seats.len(), self.roster.legs().len());
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<(u64, bool, bool, bool, u8)>),
    Leave(u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let one = (0..LEGS, any::<bool>(), any::<bool>(), prop::bool::weighted(0.2), 0..8_u8);
    prop_oneof![
        4 => prop::collection::vec(one, 1..4).prop_map(Step::Set),
        1 => (0..LEGS).prop_map(Step::Leave),
        2 => (1_u64..2_000_000).prop_map(Step::Wait),
        1 => (6_000_000_u64..9_000_000).prop_map(Step::Wait),
    ]
}

fn supervised(kind: u8) -> Option<Supervision> {
    let tie =
        |whisper_to, hears_side| Supervision { agent: ParticipantId(0), whisper_to, hears_main: true, hears_side };
    match kind {
        4 => Some(tie(None, true)),
        5 => Some(tie(Some(LegId(1)), false)),
        _ => None,
    }
}

proptest! {
    #[test]
    fn every_pair_knows_since_when_it_is_open(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Set(legs) => {
                    let masks: BTreeMap<u64, LegMask> = legs.into_iter().map(|(leg, side, open, muted, kind)| {
                        let place = if side { Place::Side } else { Place::Main };
                        // legs 0 and 1 are two lines of one person
                        let person = leg.max(1) as u32;
                        // 6 waits for early media, 7 has some
                        let ears = if kind == 6 { Ears::Early } else { Ears::ComfortNoise };
                        let (open, early) = (open && kind != 7, kind == 7);
                        let supervises = supervised(kind);
                        (leg, LegMask { place, open, early, muted, ears, supervises, ..mask(leg, person) })
                    }).collect();
                    world.change(masks.into_values().collect(), &[]);
                }
                Step::Leave(leg) => drop(world.change(vec![], &[LegId(leg)])),
                Step::Wait(us) => world.now_us += us,
            }
            world.now_us += 1;
            world.check()?;
        }
    }
}

#[test]
fn a_join_sends_one_seat_however_large_the_room_is() {
    let mut roster = Roster::default();
    roster.change((0..1_000).map(|leg| mask(leg, leg as u32)).collect(), &[], &[], 0);
    assert_eq!(roster.change(vec![mask(5_000, 5_000)], &[], &[], 1).len(), 1);
    assert_eq!(roster.change(vec![], &[LegId(5_000)], &[], 2).len(), 1);
}

#[test]
fn a_call_that_is_full_takes_nobody_more() {
    let mut roster = Roster::default();
    let all = (0..MAX_SEATS as u64 + 5).map(|leg| mask(leg, leg as u32)).collect();
    assert_eq!(roster.change(all, &[], &[], 0).len(), MAX_SEATS);
    assert_eq!(roster.seat(LegId(MAX_SEATS as u64)), None);
    roster.change(vec![], &[LegId(3)], &[], 1);
    roster.change(vec![mask(9_999, 1)], &[], &[], 2);
    assert_eq!(roster.seat(LegId(9_999)), Some(3));
}

#[test]
fn two_who_come_together_from_another_call_go_on() {
    let mut world = World::new();
    world.change(vec![mask(9, 9)], &[]);
    let parted = [(LegId(1), LegId(2), 77)];
    let plans = world.roster.change(vec![mask(1, 1), mask(2, 2)], &[], &parted, world.now_us);
    let elders: Vec<usize> = plans
        .iter()
        .map(|(_, plan)| match plan {
            Plan::Taken(seat) => seat.elders.len(),
            Plan::Empty => 0,
        })
        .collect();
    assert_eq!(elders, [1, 0]);
}
