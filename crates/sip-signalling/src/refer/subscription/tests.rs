//! One NOTIFY at a time, in order, and nothing after the last word.

#![allow(clippy::unwrap_used)]

use super::*;

/// Ids of transactions as bytes from a journal would bring them.
fn client(number: u64) -> ClientId {
    serde_json::from_str(&number.to_string()).unwrap()
}

fn accepted() -> Subscription {
    let server = serde_json::from_str("1").unwrap();
    let mut known = Subscription::new(ReferId(1), At::Gone, 5, server);
    known.waits = None;
    known
}

fn last(status: u16) -> Word {
    Word::new(status, Some(End::NoResource))
}

/// Sends the next word, if one may go; its status.
fn send(known: &mut Subscription, number: u64) -> Option<u16> {
    let word = known.next_word()?;
    known.sent(client(number), word);
    Some(word.status)
}

#[test]
fn a_word_waits_for_the_answer_to_the_one_before() {
    let mut known = accepted();
    for status in [100, 180] {
        known.say(Word::new(status, None));
    }
    known.say(last(200));
    known.say(last(503));
    assert_eq!(send(&mut known, 1), Some(100));
    assert_eq!(send(&mut known, 2), None);
    assert_eq!(known.answered(client(9), 200), Heard::Stray);
    assert_eq!(known.answered(client(1), 200), Heard::Next);
    assert_eq!(send(&mut known, 2), Some(180));
    assert_eq!(known.answered(client(2), 202), Heard::Next);
    assert_eq!(send(&mut known, 3), Some(200));
    assert!(known.owes_last_word());
    assert_eq!(known.answered(client(3), 200), Heard::Over);
}

#[test]
fn nothing_is_said_before_the_owner_accepts() {
    let mut known = accepted();
    known.waits = Some(serde_json::from_str("1").unwrap());
    known.say(last(200));
    assert_eq!(send(&mut known, 1), None);
    assert!(!known.owes_last_word());
}

#[test]
fn refusals_end_it_and_what_met_another_request_goes_again_twice() {
    for status in [400, 403, 404, 408, 481, 489, 603] {
        let mut known = accepted();
        known.say(Word::new(100, None));
        send(&mut known, 1).unwrap();
        assert_eq!(known.answered(client(1), status), Heard::Over, "{status}");
    }
    for status in [491, 500, 503] {
        let mut known = accepted();
        known.say(Word::new(100, None));
        known.say(last(200));
        for number in 1..=2 {
            assert_eq!(send(&mut known, number), Some(100));
            assert_eq!(known.answered(client(number), status), Heard::Next, "{status}");
        }
        assert_eq!(send(&mut known, 3), Some(100));
        assert_eq!(known.answered(client(3), status), Heard::Over, "{status}");
    }
}

#[test]
fn what_waits_is_bounded_and_the_last_word_always_fits() {
    let mut known = accepted();
    for _ in 0..1000 {
        known.say(Word::new(180, None));
    }
    known.say(last(200));
    let mut told = Vec::new();
    while let Some(word) = known.next_word() {
        told.push(word.status);
    }
    assert_eq!((told.len(), told.last()), (MOST_WORDS, Some(&200)));
}

#[test]
fn a_repeat_says_how_it_stands() {
    let mut known = accepted();
    known.say(Word::new(183, None));
    known.repeat(None);
    known.repeat(Some(End::Timeout));
    known.repeat(None);
    let words: Vec<_> = std::iter::from_fn(|| known.next_word()).map(|word| (word.status, word.end)).collect();
    assert_eq!(words, [(183, None), (183, None), (183, Some(End::Timeout))]);
}

#[test]
fn names_are_never_drawn_twice_also_after_a_restart_or_a_clock_that_goes_back() {
    let mut refers = Refers::default();
    let first = refers.draw(Moment(1000));
    assert!(refers.draw(Moment(1000)) > first && refers.draw(Moment(5)) > first);
    let mut restarted = Refers::default();
    let mut kept = accepted();
    kept.id = ReferId(9_000);
    restarted.insert(kept);
    assert!(restarted.draw(Moment(2000)) > ReferId(9_000));
}
