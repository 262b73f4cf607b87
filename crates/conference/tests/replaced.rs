//! INVITE with Replaces: a phone that changed its network, a colleague's ring picked up elsewhere, and who may not.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use std::time::Duration;

use conference::{
    Asker, Caller, Command, Direction, Ears, Effect, Ending, Event, LegId, Outcome, Phone, Report, Status,
};
use house::{House, IntoAgent as _, agent};

fn by(name: &str, phone: &str) -> Caller {
    Caller::Agent { name: name.into_agent(), phone: Phone(format!("{name}-{phone}")) }
}

impl House {
    /// Somebody's INVITE names `old`; the new leg.
    fn replaces(&mut self, old: LegId, caller: Caller, direction: Direction) -> LegId {
        self.next_leg += 1;
        let leg = LegId::arrived(self.next_leg);
        self.report(Report::Replaced { leg, old, caller, direction });
        leg
    }

    /// The same phone from another address.
    fn moves(&mut self, old: LegId, name: &str) -> LegId {
        let new = self.replaces(old, by(name, "desk"), Direction::Both);
        assert!(self.did(&Effect::Answer { leg: new }) && self.hung_up(old) && self.is_gone(old));
        assert!(self.did(&Effect::CollectDigits { leg: new }));
        let masks =
            self.last.iter().filter(|output| matches!(output, conference::Output::Effect(Effect::SetAudibility(_))));
        assert_eq!(masks.count(), 1, "one change");
        new
    }

    fn refused(&self, leg: LegId, status: u16) -> bool {
        self.last == [conference::Output::Effect(Effect::Reject { leg, status, refusal: None })]
    }
}

#[test]
fn a_phone_that_changed_its_network_goes_on_in_its_call() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let who = house.who(a);
    let a = house.moves(a, "alice");
    assert!(house.talk(a, c) && house.who(a) == who);
    assert!(!house.saw(|event| matches!(event, Event::ParticipantLeft { .. })));
    house.ends(a, Ending::Bye);
    assert!(house.hung_up(c));
    house.is_over();
}

#[test]
fn a_volume_goes_with_the_person_to_another_leg() {
    let mut house = House::new();
    let (a, _, b) = house.ringing_consult();
    let call = house.call_of(a);
    for (leg, volume_db) in [(a, -6), (b, 9)] {
        let who = house.who(leg);
        house.command(Command::SetVolume { call, by: Asker::Operator, who, volume_db }).unwrap();
        assert!(house.did(&Effect::SetVolume { leg, volume_db }));
    }
    let a = house.moves(a, "alice");
    assert!(house.did(&Effect::SetVolume { leg: a, volume_db: -6 }));
    house.answers(b);
    assert!(house.did(&Effect::SetVolume { leg: b, volume_db: 9 }));
}

#[test]
fn mid_consult_everybody_can_change_networks_and_places_stay() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    let a = house.moves(a, "alice");
    assert!(house.talk(a, b) && house.apart(a, c) && house.apart(b, c));
    let b = house.moves(b, "bob");
    assert!(house.talk(a, b) && house.apart(a, c) && house.apart(b, c));
    house.swaps(a).unwrap();
    let a = house.moves(a, "alice");
    let b = house.moves(b, "bob");
    assert!(house.talk(a, c) && house.apart(a, b) && house.apart(b, c));
    assert_eq!(house.status(b), Status::Held);
    house.completes(a).unwrap();
    assert!(house.talk(b, c));
    assert_eq!(house.outcomes(), [Outcome::Completed]);
}

#[test]
fn holds_go_with_the_person_and_a_hold_by_the_phone_with_its_offer() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    house.merges(a).unwrap();
    house.holds(a, b).unwrap();
    let b = house.moves(b, "bob");
    assert!(house.apart(b, c) && house.status(b) == Status::Held);
    let a = house.replaces(a, by("alice", "desk"), Direction::Away);
    assert_eq!(house.ears(a), Ears::Nothing);
    assert!(house.apart(a, c));
    house.offers(a, Direction::Both);
    assert!(house.talk(a, c));
}

#[test]
fn both_lines_of_a_phone_keep_their_places_their_pairing_and_their_age() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    let b = house.rung();
    house.answers(b);
    let a2 = house.moves(a2, "alice");
    assert!(house.talk(a2, b) && house.apart(a1, c), "line 1 is still taken to be away");
    let a1 = house.moves(a1, "alice");
    assert!(house.talk(a2, b) && house.apart(a1, c) && house.apart(b, c), "a new address is no resume");
    house.offers(a2, Direction::Away);
    house.offers(a1, Direction::Both);
    assert!(house.talk(a1, c) && house.apart(a2, b));
    house.offers(a1, Direction::Away);
    house.offers(a2, Direction::Both);
    house.ends(b, Ending::Bye);
    assert!(house.hung_up(a2) && !house.is_gone(a1));
}

#[test]
fn what_was_assumed_because_of_the_second_line_ends_with_its_successor() {
    let mut house = House::new();
    let (a1, c) = house.call_with_customer();
    let a2 = house.dials("alice", agent("bob"));
    let b = house.rung();
    house.answers(b);
    let a2 = house.moves(a2, "alice");
    house.ends(b, Ending::Bye);
    assert!(house.hung_up(a2) && house.talk(a1, c));
}

#[test]
fn a_replaced_line_is_no_bye_and_waits_for_no_judgement() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    let a2 = house.moves(a2, "alice");
    house.ends(a2, Ending::Bye);
    house.wait_for(Duration::from_millis(500));
    assert!(house.hung_up(b) && !house.is_gone(a1) && !house.is_gone(c));
    assert_eq!(house.outcomes(), [Outcome::Cancelled]);
    let mut house = House::new();
    let (_, a2, _, b) = house.consult_on_two_lines();
    let old = a2;
    let a2 = house.moves(a2, "alice");
    house.ends(old, Ending::Bye);
    house.wait_for(Duration::from_millis(500));
    assert!(house.talk(a2, b), "the old dialog's BYE means nothing");
}

#[test]
fn a_leg_found_dead_is_taken_over_and_nothing_died() {
    let mut house = House::new();
    let (a1, a2, c, b) = house.consult_on_two_lines();
    house.report(Report::Silent { leg: a2 });
    assert!(house.did(&Effect::Probe { leg: a1 }));
    let a2 = house.moves(a2, "alice");
    house.report(Report::Probed { leg: a1, alive: false });
    house.wait(1);
    assert!(house.talk(a2, b) && house.apart(a1, c));
    assert!(!house.is_gone(a1) && house.outcomes().is_empty());
}

#[test]
fn an_agent_picks_up_on_another_phone_what_rings_on_the_first() {
    let mut house = House::new();
    let c = house.customer_dials("+4930", agent("alice"));
    let rings = house.rung();
    house.ringing(rings);
    let a = house.replaces(rings, by("alice", "mobile"), Direction::Both);
    assert!(house.did(&Effect::Answer { leg: c }) && house.hung_up(rings) && house.talk(a, c));
    house.fails(rings, 487);
    assert!(house.talk(a, c));

    let mut house = House::new();
    let (a, c, rings) = house.ringing_consult();
    let b = house.replaces(rings, by("bob", "mobile"), Direction::Both);
    assert!(house.talk(a, b) && house.apart(b, c));
    assert!(house.did(&Effect::NotifyReferrer { leg: a, status: 200, last: true }));
    house.answers(rings);
    assert!(house.hung_up(rings) && house.talk(a, b), "its 200 came too late");
}

#[test]
fn c05_nobody_else_replaces_and_a_customer_nothing() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    let customer = || Caller::Customer { trunk: "pstn".into(), number: "+4930".into() };
    for (old, caller) in [(a, by("bob", "desk")), (c, by("alice", "desk")), (a, customer()), (c, customer())] {
        let leg = house.replaces(old, caller, Direction::Both);
        assert!(house.refused(leg, 481));
    }
    let dials = house.dials("carol", agent("dave"));
    let with_call = house.board.clone();
    let leg = house.replaces(dials, by("carol", "desk"), Direction::Both);
    assert!(house.refused(leg, 481), "an unanswered dialog that we did not begin");
    assert_eq!(house.board, with_call);
    house.ends(b, Ending::Bye);
    let leg = house.replaces(b, by("bob", "desk"), Direction::Both);
    assert!(house.refused(leg, 603), "a dialog that has ended");
    assert!(house.talk(a, c));
}
