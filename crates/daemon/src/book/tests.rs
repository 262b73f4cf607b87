//! Changes come into force in their order, whatever order the words on them come in; a call is closed once.

#![allow(clippy::unwrap_used)]

use conference::{Ears, Place};

use super::*;

const CALL: CallId = CallId(7);

fn change(version: u64) -> ChangeSet {
    let mask = LegMask {
        leg: LegId::arrived(version),
        person: ParticipantId(1),
        place: Place::Main,
        open: true,
        early: false,
        muted: false,
        ears: Ears::ComfortNoise,
        supervises: None,
        cues: true,
    };
    ChangeSet { call: CALL, version, full: false, legs: vec![mask], gone: Vec::new(), tightens: false }
}

fn applied(version: u64, sample: u64) -> Applied {
    Applied { version, at_us: 0, sample }
}

fn cause() -> Cause {
    Cause::Command { name: "swap".to_owned(), by: None }
}

fn versions(history: &AudibilityHistory) -> Vec<(u64, u64)> {
    history.changes.iter().map(|change| (change.version, change.sample)).collect()
}

#[test]
fn words_that_overtake_each_other_are_written_in_the_order_of_the_changes() {
    let mut book = Book::new(0);
    book.note(Moment(1), &Event::CallStarted { call: CALL, room: None, door: None });
    for version in 1..=3 {
        book.decided(&change(version), &cause(), Instant::now());
    }
    book.in_force(CALL, &applied(2, 320));
    assert!(book.audibility(CALL).unwrap().changes.is_empty());
    book.in_force(CALL, &applied(1, 160));
    assert_eq!(versions(&book.audibility(CALL).unwrap()), [(1, 160), (2, 320)]);
    book.turned_down(CALL, 3);
    assert_eq!(versions(&book.audibility(CALL).unwrap()), [(1, 160), (2, 320), (3, 320)]);
    assert_eq!(book.take_took().len(), 2);
}

#[test]
fn a_call_that_is_over_is_written_down_when_its_last_change_is_in_force() {
    let mut book = Book::new(0);
    book.decided(&change(1), &cause(), Instant::now());
    book.note(Moment(1), &Event::CallStarted { call: CALL, room: None, door: None });
    let joined = Event::ParticipantJoined {
        call: CALL,
        who: ParticipantId(1),
        role: conference::Role::Customer,
        agent: None,
        name: "+49".to_owned(),
    };
    book.note(Moment(1), &joined);
    // another call that begins meanwhile takes nothing from this one
    book.note(Moment(2), &Event::CallStarted { call: CallId(8), room: None, door: None });
    let legs = |book: &Book| book.record(CALL, Moment(3)).unwrap().parties[0].legs.len();
    assert_eq!(legs(&book), 1);
    book.note(Moment(4), &Event::CallEnded { call: CALL });
    let kept = book.take_kept();
    assert!(matches!(kept.as_slice(), [Write::Call(record)] if record.call == CALL), "{kept:?}");
    book.in_force(CALL, &applied(1, 160));
    let kept = book.take_kept();
    assert!(matches!(kept.as_slice(), [Write::Audibility(history)] if versions(history) == [(1, 160)]), "{kept:?}");
    book.in_force(CALL, &applied(1, 160));
    assert!(book.take_kept().is_empty() && book.audibility(CALL).is_none());
}

#[test]
fn a_call_nobody_can_vouch_for_leaves_nothing_behind() {
    let mut book = Book::new(0);
    book.note(Moment(1), &Event::CallStarted { call: CALL, room: None, door: None });
    book.decided(&change(1), &cause(), Instant::now());
    book.note(Moment(2), &Event::CallEnded { call: CALL });
    book.given_up(CALL);
    assert_eq!(book.take_kept().len(), 2);
    assert!(book.calls.is_empty());
}
