//! Guessing a room's PIN over many calls: the caller finds no door for a while, a room at which many guess answers later,
//! nobody is locked out for what others type. And how somebody at the door is shown and counted.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use std::time::Duration;

use conference::record::Recorder;
use conference::{
    Command, Cue, Destination, Effect, Ending, Event, Left, LegId, Output, Refusal, RoomSettings, Status,
};
use house::{House, IntoAgent as _, settings};

fn vault() -> Destination {
    Destination::Room("vault".to_owned())
}

fn house() -> House {
    let mut settings = settings();
    let vault = RoomSettings { pin: "4711".to_owned(), max_participants: 100, tones: false, ..RoomSettings::default() };
    settings.rooms.insert("club".to_owned(), RoomSettings { pin: "0815".to_owned(), ..vault.clone() });
    settings.rooms.insert("vault".to_owned(), vault);
    House::at_desks(settings)
}

fn is_turned_away(house: &House, leg: LegId) -> bool {
    house.did(&Effect::Reject { leg, status: 403, refusal: Some(Refusal::NotAllowed) })
}

/// Calls the vault and types wrong PINs until it is hung up: how many.
fn guesses(house: &mut House, number: &str) -> u32 {
    let leg = house.customer_dials(number, vault());
    let mut times = 0;
    while house.board.call_of(leg).is_some() {
        house.presses(leg, "0000#");
        times += 1;
        assert!(times <= 3);
    }
    times
}

/// One wrong PIN more than slow nobody down, by eleven callers.
fn many_guess(house: &mut House) {
    for n in 0..10 {
        assert_eq!(guesses(house, &format!("+49{n}")), 3);
    }
    let one_more = house.customer_dials("+4910", vault());
    house.presses(one_more, "1#");
    house.ends(one_more, Ending::Bye);
}

fn is_in(house: &House, leg: LegId) -> bool {
    house.board.call_of(leg).is_some() && house.board.room("vault") == house.board.call_of(leg)
}

#[test]
fn three_wrong_pins_shut_the_door_for_that_caller_for_longer_each_time() {
    let mut house = house();
    for pause in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
        assert_eq!(guesses(&mut house, "+4930"), 3);
        house.wait(pause - 1);
        let early = house.customer_dials("+4930", vault());
        assert!(is_turned_away(&house, early), "{pause}");
        let club = house.customer_dials("+4930", Destination::Room("club".to_owned()));
        assert!(is_turned_away(&house, club), "at every room with a PIN");
        house.wait(1);
    }
    let rightful = house.customer_dials("+4930", vault());
    house.presses(rightful, "4711#");
    assert!(is_in(&house, rightful));
    house.ends(rightful, Ending::Bye);
    house.wait(24 * 3600);
    assert_eq!(guesses(&mut house, "+4930"), 3);
    house.wait(30);
    let again = house.customer_dials("+4930", vault());
    assert!(!is_turned_away(&house, again), "forgotten after a day: 30 s once more");
    house.ends(again, Ending::Bye);
    house.is_over();
}

#[test]
fn who_hangs_up_before_the_third_wrong_pin_gains_nothing() {
    let mut house = house();
    for _ in 0..2 {
        let leg = house.customer_dials("+4930", vault());
        house.presses(leg, "1#");
        house.ends(leg, Ending::Bye);
    }
    let leg = house.customer_dials("+4930", vault());
    house.presses(leg, "1#");
    assert!(house.hung_up(leg));
    let next = house.customer_dials("+4930", vault());
    assert!(is_turned_away(&house, next));
}

#[test]
fn who_guesses_on_many_lines_at_once_is_turned_away_on_all() {
    let mut house = house();
    let lines: Vec<LegId> = (0..10).map(|_| house.customer_dials("+4930", vault())).collect();
    for leg in &lines[..3] {
        house.presses(*leg, "1#");
    }
    assert!(house.hung_up(lines[2]));
    let judged = |house: &House| {
        let typed = |output: &&Output| matches!(output, Output::Event(Event::PinTyped { .. }));
        house.all.iter().filter(typed).count()
    };
    assert_eq!(judged(&house), 3);
    for leg in &lines[3..] {
        house.presses(*leg, "4711#");
        assert!(house.hung_up(*leg));
    }
    assert_eq!(judged(&house), 3, "not even looked at");
}

#[test]
fn an_agent_is_one_caller_on_whatever_phone_and_by_command() {
    let mut house = house();
    for phone in ["desk", "mobile", "browser"] {
        let leg = house.dials_on("alice", phone, vault());
        house.presses(leg, "1#");
        house.ends(leg, Ending::Bye);
    }
    let leg = house.dials_on("alice", "tablet", vault());
    assert!(is_turned_away(&house, leg));
    let dial = |name: &str| Command::Dial { from: name.into_agent(), to: vault() };
    assert_eq!(house.command(dial("alice")).unwrap_err(), Refusal::NotAllowed);
    house.command(dial("bob")).unwrap();
    let open = house.dials("alice", Destination::Room("hall".to_owned()));
    assert!(!is_turned_away(&house, open), "a room without a PIN");
}

#[test]
fn nobody_is_locked_out_for_what_others_type_but_everybody_is_answered_later() {
    let mut house = house();
    many_guess(&mut house);
    let rightful = house.customer_dials("+3130", vault());
    house.presses(rightful, "4711#");
    assert!(!is_in(&house, rightful));
    house.presses(rightful, "9#");
    house.wait_for(Duration::from_millis(4_999));
    assert!(!is_in(&house, rightful) && !house.saw(|event| matches!(event, Event::PinTyped { right: true, .. })));
    house.wait_for(Duration::from_millis(1));
    assert!(is_in(&house, rightful), "5 s later, whatever else was typed meanwhile");
    let wrong = house.customer_dials("+3131", vault());
    house.presses(wrong, "1#");
    assert!(house.heard(wrong).is_empty(), "a wrong one is not told sooner");
    house.wait(5);
    assert_eq!(house.heard(wrong), [Cue::WrongPin]);
    house.wait(60);
    assert!(house.board.call_of(wrong).is_none(), "typed nothing for too long");
    let quick = house.customer_dials("+3132", vault());
    house.presses(quick, "4711#");
    assert!(is_in(&house, quick), "a minute later all is as before");
}

#[test]
fn somebody_who_hangs_up_while_the_answer_waits_leaves_nothing_behind() {
    let mut house = house();
    many_guess(&mut house);
    let leg = house.customer_dials("+3130", vault());
    house.presses(leg, "4711#");
    house.ends(leg, Ending::Bye);
    house.is_over();
}

#[test]
fn somebody_at_the_door_is_shown_waiting_and_talks_to_nobody() {
    let mut house = house();
    let mut recorder = Recorder::new(0);
    let inside = house.dials("bob", vault());
    house.presses(inside, "4711#");
    let a = house.dials("alice", vault());
    assert_eq!(house.status(a), Status::Queued);
    let door = house.call_of(a);
    let view = house.board.call(door).unwrap();
    assert_eq!((view.room, view.door.as_deref()), (None, Some("vault")), "before the room, and no part of it yet");
    house.wait(10);
    house.presses(a, "4711#");
    let view = house.board.call(house.call_of(a)).unwrap();
    assert_eq!((view.room.as_deref(), view.door), (Some("vault"), None));
    assert_eq!(house.status(a), Status::Live);
    assert_eq!(house.status(inside), Status::Live);
    let events: Vec<Event> = house
        .all
        .iter()
        .filter_map(|output| if let Output::Event(event) = output { Some(event.clone()) } else { None })
        .collect();
    // Everything before the right PIN is one moment to the recorder, what was done since then another.
    let (start, end) = (conference::Moment(0), conference::Moment(10_000_000));
    let passed = events.iter().position(|event| matches!(event, Event::CallsJoined { joined, .. } if *joined == door));
    let mut records = Vec::new();
    for (at, event) in events.iter().enumerate() {
        records.extend(recorder.note(if Some(at) < passed { start } else { end }, event));
    }
    let record = records.iter().find(|record| record.call == door).unwrap();
    assert_eq!((record.room.clone(), record.door.as_deref()), (None, Some("vault")));
    let times = record.parties[0].times;
    assert_eq!((times.talk_us, times.queued_us), (0, 10_000_000), "{times:?}");
    assert!(record.parties[0].answered_at.is_none());
    assert!(!house.saw(|event| matches!(event, Event::ParticipantLeft { why: Left::Failed(_), .. })));
}
