//! Early media: an outside number that rings may already be heard (183), by whoever waits for it and by nobody else.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use conference::{Direction, Ears, Effect, Ending, LegId, Report, Status};
use house::{House, agent, outside};

impl House {
    fn sounds(&mut self, leg: LegId) {
        self.report(Report::Early { leg, direction: Direction::Both });
    }

    /// Alice consults an outside number that has early media: her leg, the customer's, the target's.
    fn consult_with_early_media(&mut self) -> (LegId, LegId, LegId) {
        let (a, c) = self.call_with_customer();
        self.starts(a, outside("+33")).unwrap();
        let t = self.rung();
        self.sounds(t);
        (a, c, t)
    }
}

#[test]
fn the_initiator_hears_the_target_ring_and_the_customer_hears_music() {
    let mut house = House::new();
    let (a, c, t) = house.consult_with_early_media();
    assert!(house.hears(a, t) && !house.hears(t, a));
    assert_eq!(house.ears(c), Ears::HoldMusic);
    assert_eq!(house.status(t), Status::Ringing);
    house.answers(t);
    assert!(house.talk(a, t) && house.apart(c, t));
}

#[test]
fn after_a_swap_nobody_hears_it_and_after_another_the_initiator_does_again() {
    let mut house = House::new();
    let (a, c, t) = house.consult_with_early_media();
    house.swaps(a).unwrap();
    assert!(house.talk(a, c) && !house.hears(a, t) && !house.hears(c, t));
    house.swaps(a).unwrap();
    assert!(house.hears(a, t) && !house.hears(c, t));
    house.answers(t);
    assert!(house.talk(a, t) && house.apart(c, t));
}

#[test]
fn a_customer_hears_it_once_the_initiator_has_left_them_with_it() {
    let mut house = House::new();
    let (a, c, t) = house.consult_with_early_media();
    house.completes(a).unwrap();
    assert!(house.is_gone(a) && house.hears(c, t) && !house.hears(t, c));
    house.answers(t);
    assert!(house.talk(c, t));
}

#[test]
fn whoever_is_held_hears_ringback_instead() {
    let mut house = House::new();
    let (a, c, t) = house.consult_with_early_media();
    house.completes(a).unwrap();
    house.report(Report::Offered { leg: c, direction: Direction::Away });
    assert!(!house.hears(c, t));
    house.report(Report::Offered { leg: c, direction: Direction::Both });
    assert!(house.hears(c, t));
}

#[test]
fn a_caller_is_given_sound_before_the_answer_once_and_says_nothing_by_it() {
    let mut house = House::new();
    let a = house.dials("alice", outside("+33"));
    let t = house.rung();
    house.sounds(t);
    assert!(house.did(&Effect::Progress { leg: a }) && house.did(&Effect::ProgressWithSound { leg: a }));
    assert!(house.hears(a, t) && !house.hears(t, a));
    house.sounds(t);
    assert!(!house.did(&Effect::ProgressWithSound { leg: a }), "once");
    house.answers(t);
    assert!(house.did(&Effect::Answer { leg: a }) && house.talk(a, t));
    house.ends(t, Ending::Bye);
    house.is_over();
}

#[test]
fn a_second_line_hears_its_target_before_either_is_answered() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.offers(a, Direction::Away);
    let second = house.dials("alice", outside("+33"));
    let t = house.rung();
    house.sounds(t);
    assert!(house.hears(second, t) && !house.hears(a, t) && !house.hears(c, t));
    house.fails(t, 404);
    assert!(house.is_gone(second) && house.is_gone(t));
}

#[test]
fn an_agents_phone_is_not_heard_before_it_answers() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.sounds(b);
    assert_eq!((house.ears(a), house.ears(c)), (Ears::Ringback, Ears::HoldMusic));
}

#[test]
fn two_who_talk_are_not_talked_over() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    house.merges(a).unwrap();
    house.starts(a, outside("+33")).unwrap();
    let t = house.rung();
    house.sounds(t);
    house.completes(a).unwrap();
    assert!(house.talk(b, c) && !house.hears(b, t) && !house.hears(c, t));
    house.ends(b, Ending::Bye);
    assert!(house.hears(c, t));
}

#[test]
fn a_description_that_only_listens_is_not_heard() {
    let mut house = House::new();
    let (a, _, t) = house.consult_with_early_media();
    house.report(Report::Early { leg: t, direction: Direction::Listens });
    assert!(!house.hears(a, t));
    house.report(Report::Early { leg: t, direction: Direction::Away });
    assert!(!house.hears(a, t));
    house.report(Report::Early { leg: t, direction: Direction::Both });
    assert!(house.hears(a, t));
}
