//! Rooms: the PIN at the door, the lock, the limit, who is told by tones, rooms of a name of their own, and the warm transfer
//! from within a room.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;

use conference::{
    Asker, Caller, Command, Cue, Destination, Direction, Ears, Effect, Ending, Event, Left, LegId, Output, Phone,
    Refusal, RoomSettings, Status, SuperviseMode,
};
use house::{House, IntoAgent as _, agent, outside, settings};

fn room(name: &str) -> Destination {
    Destination::Room(name.to_owned())
}

/// A house with a room `vault` whose PIN is 4711, and one that waits for an agent behind its PIN.
fn house() -> House {
    let mut settings = settings();
    let vault = RoomSettings { pin: "4711".to_owned(), max_participants: 4, ..RoomSettings::default() };
    settings.rooms.insert("club".to_owned(), RoomSettings { wait_for_agent: true, ..vault.clone() });
    settings.rooms.insert("vault".to_owned(), vault);
    settings.rooms.insert("quiet".to_owned(), RoomSettings { tones: false, ..RoomSettings::default() });
    House::at_desks(settings)
}

fn enters(house: &mut House, number: &str) -> LegId {
    let leg = house.customer_dials(number, room("vault"));
    house.presses(leg, "4711#");
    assert_eq!(house.board.room("vault"), house.board.call_of(leg));
    leg
}

/// Every cue in the last reaction: to whom, and what.
fn cues(house: &House) -> Vec<(LegId, Cue)> {
    let cue = |output: &Output| match output {
        Output::Effect(Effect::Cue { leg, cue }) => Some((*leg, *cue)),
        Output::Effect(_) | Output::Event(_) => None,
    };
    house.last.iter().filter_map(cue).collect()
}

fn locks(house: &mut House, leg: LegId, locked: bool) -> Result<Vec<Output>, Refusal> {
    house.command(Command::Lock { call: house.call_of(leg), by: Asker::Leg(leg), locked })
}

#[test]
fn whoever_types_the_pin_is_answered_and_not_in_the_room() {
    let mut house = house();
    let a = enters(&mut house, "+4930");
    let b = house.customer_dials("+4931", room("vault"));
    assert!(house.did(&Effect::Answer { leg: b }) && house.did(&Effect::CollectDigits { leg: b }));
    assert_eq!(house.heard(b), [Cue::EnterPin]);
    assert!(house.heard(a).is_empty() && house.apart(a, b));
    assert_ne!(house.call_of(a), house.call_of(b));
    assert_eq!(house.board.call(house.call_of(a)).unwrap().participants.len(), 1);
    assert_eq!(house.ears(b), Ears::ComfortNoise);
    house.presses(b, "47");
    assert_eq!(house.relayed(b), "", "the keys reach nobody");
    house.presses(b, "11#");
    assert_eq!(house.relayed(b), "");
    assert!(house.saw(|event| matches!(event, Event::PinTyped { right: true, .. })));
    assert!(house.talk(a, b));
    assert_eq!(house.heard(a), [Cue::Entered]);
    house.presses(b, "5");
    assert_eq!(house.relayed(b), "5", "inside, keys go to whoever hears them");
    for leg in [a, b] {
        house.ends(leg, Ending::Bye);
    }
    house.is_over();
}

#[test]
fn c17_three_wrong_pins_end_the_leg() {
    let mut house = house();
    let a = enters(&mut house, "+4930");
    let b = house.customer_dials("+4931", room("vault"));
    for wrong in ["4712#", "#"] {
        house.presses(b, wrong);
        assert_eq!(house.heard(b), [Cue::WrongPin]);
        assert!(!house.is_gone(b) && house.apart(a, b));
    }
    house.presses(b, "47111#");
    assert!(house.hung_up(b) && house.is_gone(b) && house.heard(b).is_empty());
    assert!(house.saw(|event| matches!(event, Event::ParticipantLeft { why: Left::Failed(403), .. })));
    let wrong = |event: &Event| matches!(event, Event::PinTyped { right: false, .. });
    assert_eq!(house.all.iter().filter(|output| matches!(output, Output::Event(event) if wrong(event))).count(), 3);
    assert!(house.heard(a).is_empty(), "nobody came, nobody went");
    house.ends(a, Ending::Bye);
    house.is_over();
}

#[test]
fn a_wrong_pin_may_be_followed_by_the_right_one() {
    let mut house = house();
    let a = enters(&mut house, "+4930");
    let b = house.customer_dials("+4931", room("vault"));
    house.presses(b, "1#99*4711#");
    assert!(house.talk(a, b));
}

#[test]
fn whoever_types_nothing_for_thirty_seconds_is_hung_up() {
    let mut house = house();
    let b = house.customer_dials("+4931", room("vault"));
    house.wait_alive(29);
    house.presses(b, "4");
    house.wait_alive(29);
    assert!(!house.is_gone(b));
    house.wait_alive(1);
    assert!(house.is_gone(b));
    assert!(house.saw(|event| matches!(event, Event::ParticipantLeft { why: Left::Failed(408), .. })));
    house.is_over();
}

#[test]
fn an_agent_types_the_pin_too_and_their_keypad_has_its_codes_inside() {
    let mut house = house();
    let c = enters(&mut house, "+4930");
    let a = house.dials("alice", room("vault"));
    house.presses(a, "*1");
    assert!(house.heard(a).is_empty(), "no code at the door");
    house.presses(a, "*4711#");
    assert!(house.talk(a, c));
    house.dials_code(a, agent("bob"));
    house.answers(house.rung());
    assert!(house.talk(a, house.rung()) && house.apart(a, c));
}

#[test]
fn nobody_supervises_or_transfers_at_the_door() {
    let mut house = house();
    let a = house.dials("alice", room("vault"));
    let call = house.call_of(a);
    let (by, agent_name) = ("susan".into_agent(), "alice".into_agent());
    let supervise = Command::Supervise { call, by, agent: agent_name, mode: SuperviseMode::Listen };
    assert_eq!(house.command(supervise).unwrap_err(), Refusal::TargetUnknown);
    assert_eq!(house.starts(a, agent("bob")).unwrap_err(), Refusal::CallNotLive);
    let c = house.customer_dials("+49", agent("carol"));
    let carol = house.rung();
    house.answers(carol);
    assert!(house.talk(carol, c));
    assert!(house.command(Command::Join { by: a, named: carol }).is_err());
}

#[test]
fn an_agent_whom_the_house_rings_for_a_room_types_the_pin_as_well() {
    let mut house = house();
    let c = enters(&mut house, "+4930");
    house.command(Command::Dial { from: "alice".into_agent(), to: room("vault") }).unwrap();
    let a = house.rung();
    assert!(house.apart(a, c));
    house.answers(a);
    assert_eq!(house.heard(a), [Cue::EnterPin]);
    assert!(house.apart(a, c));
    house.presses(a, "4711#");
    assert!(house.talk(a, c));
}

#[test]
fn whom_somebody_inside_brings_in_is_asked_for_nothing() {
    let mut house = house();
    let c = enters(&mut house, "+4930");
    let a = house.dials("alice", room("vault"));
    house.presses(a, "4711#");
    locks(&mut house, a, true).unwrap();
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    house.merges(a).unwrap();
    assert!(house.all_talk(&[a, b, c]));
}

#[test]
fn a_phone_that_changes_its_network_at_the_door_goes_on_typing() {
    let mut house = house();
    let c = enters(&mut house, "+4930");
    let old = house.dials("alice", room("vault"));
    house.presses(old, "47");
    let new = LegId::arrived(900);
    let caller = Caller::Agent { name: "alice".into_agent(), phone: Phone("alice-mobile".to_owned()) };
    house.report(conference::Report::Replaced { leg: new, old, caller, direction: Direction::Both });
    assert!(house.did(&Effect::CollectDigits { leg: new }));
    house.presses(new, "11#");
    assert!(house.talk(new, c));
}

#[test]
fn a_room_that_waits_for_an_agent_plays_music_behind_its_pin_too() {
    let mut house = house();
    let c = house.customer_dials("+4930", room("club"));
    house.presses(c, "4711#");
    assert_eq!((house.ears(c), house.status(c)), (Ears::HoldMusic, Status::Held));
    let a = house.dials("alice", room("club"));
    assert_eq!(house.ears(c), Ears::HoldMusic, "an agent at the door serves nobody");
    house.presses(a, "4711#");
    assert!(house.talk(a, c));
}

#[test]
fn a_locked_room_lets_nobody_in_and_those_inside_stay() {
    let mut house = House::new();
    let a = house.dials("alice", room("standup"));
    let c = house.customer_dials("+4930", room("standup"));
    assert_eq!(locks(&mut house, c, true).unwrap_err(), Refusal::NotAllowed);
    locks(&mut house, a, true).unwrap();
    assert!(house.talk(a, c));
    let d = house.customer_dials("+4931", room("standup"));
    assert!(house.did(&Effect::Reject { leg: d, status: 486, refusal: Some(Refusal::Locked) }));
    let bob = Command::Dial { from: "bob".into_agent(), to: room("standup") };
    assert_eq!(house.command(bob).unwrap_err(), Refusal::Locked);
    let mobile = house.dials_on("alice", "mobile", room("standup"));
    assert_eq!(house.who(mobile), house.who(a), "who is inside may take another phone");
    locks(&mut house, a, false).unwrap();
    let d = house.customer_dials("+4931", room("standup"));
    assert!(house.talk(d, c));
}

#[test]
fn a_room_that_was_locked_or_filled_meanwhile_does_not_open_with_the_pin() {
    let mut house = house();
    let a = house.dials("alice", room("vault"));
    house.presses(a, "4711#");
    let b = house.customer_dials("+4931", room("vault"));
    locks(&mut house, a, true).unwrap();
    house.presses(b, "4711#");
    assert!(house.hung_up(b));
    assert!(house.saw(|event| matches!(event, Event::ParticipantLeft { why: Left::Failed(486), .. })));
    locks(&mut house, a, false).unwrap();
    let late = house.customer_dials("+4932", room("vault"));
    for number in 0..3 {
        enters(&mut house, &format!("+4940{number}"));
    }
    house.presses(late, "4711#");
    assert!(house.hung_up(late), "four are in");
}

#[test]
fn tones_tell_those_inside_who_came_and_went() {
    let mut house = House::new();
    let a = house.dials("alice", room("standup"));
    assert!(cues(&house).is_empty(), "nobody to tell");
    let c = house.customer_dials("+4930", room("standup"));
    assert_eq!(cues(&house), [(a, Cue::Entered)]);
    let d = house.customer_dials("+4931", room("standup"));
    assert_eq!(cues(&house), [(a, Cue::Entered), (c, Cue::Entered)]);
    house.ends(c, Ending::Bye);
    assert_eq!(cues(&house), [(a, Cue::Left), (d, Cue::Left)]);
}

#[test]
fn a_room_without_tones_has_none_and_a_plain_call_never_has() {
    let mut house = house();
    for number in 0..3 {
        house.customer_dials(&format!("+493{number}"), room("quiet"));
        assert!(cues(&house).is_empty());
    }
    let (a, _, b) = house.consult();
    house.merges(a).unwrap();
    house.ends(b, Ending::Bye);
    assert!(!cues(&house).iter().any(|(_, cue)| matches!(cue, Cue::Entered | Cue::Left)));
}

#[test]
fn no_tone_of_the_room_reaches_a_consult() {
    let mut house = House::new();
    let a = house.dials("alice", room("standup"));
    let c = house.customer_dials("+4930", room("standup"));
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    assert!(cues(&house).is_empty(), "who consults has not left");
    house.answers(b);
    assert!(cues(&house).is_empty(), "who is consulted has not come");
    let d = house.customer_dials("+4931", room("standup"));
    assert_eq!(cues(&house), [(c, Cue::Entered)]);
    house.ends(d, Ending::Bye);
    assert_eq!(cues(&house), [(c, Cue::Left)]);
    house.merges(a).unwrap();
    assert_eq!(cues(&house), [(a, Cue::Entered), (c, Cue::Entered)], "the target came into the room");
}

#[test]
fn who_consults_and_takes_another_phone_is_heard_on_one_side_alone() {
    let mut house = House::new();
    let a = house.dials("alice", room("standup"));
    let c = house.customer_dials("+4930", room("standup"));
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    let mobile = house.dials_on("alice", "mobile", room("standup"));
    assert_eq!(house.who(mobile), house.who(a));
    assert!(house.talk(a, b) && house.apart(mobile, c) && house.apart(a, c) && house.apart(b, c));
    house.swaps(a).unwrap();
    assert!(house.talk(a, c) && house.apart(mobile, b) && house.apart(a, b));
    house.merges(a).unwrap();
    assert!(house.all_talk(&[a, b, c]));
}

#[test]
fn of_two_who_hold_somebody_the_first_ends_it() {
    let mut house = House::new();
    let (a, b) = (house.dials("alice", room("standup")), house.dials("bob", room("standup")));
    let c = house.customer_dials("+4930", room("standup"));
    house.holds(a, c).unwrap();
    house.holds(b, c).unwrap();
    house.ends(b, Ending::Bye);
    assert!(house.apart(a, c), "alice pressed hold and has not let go");
    house.ends(a, Ending::Bye);
    assert_ne!(house.status(c), Status::Held);
}

#[test]
fn a_supervisor_who_lurks_comes_and_goes_unheard() {
    let mut house = House::new();
    let a = house.dials("alice", room("standup"));
    let _c = house.customer_dials("+4930", room("standup"));
    let call = house.call_of(a);
    let listen = |mode| Command::Supervise { call, by: "susan".into_agent(), agent: "alice".into_agent(), mode };
    house.command(listen(SuperviseMode::Listen)).unwrap();
    let s = house.rung();
    house.answers(s);
    assert!(cues(&house).is_empty());
    house.command(listen(SuperviseMode::Barge)).unwrap();
    assert_eq!(cues(&house).len(), 2, "now she takes part");
}

#[test]
fn the_factory_gives_each_caller_a_room_of_their_own() {
    let mut house = House::new();
    let a = house.dials("alice", Destination::NewRoom);
    let b = house.dials("bob", Destination::NewRoom);
    let name = |house: &House, leg| house.board.call(house.call_of(leg)).unwrap().room.unwrap();
    let (one, other) = (name(&house, a), name(&house, b));
    assert!(one.starts_with("conf-") && other.starts_with("conf-") && one != other);
    assert!(house.saw(|event| matches!(event, Event::CallStarted { room: Some(room), .. } if *room == one)));
    assert!(house.did(&Effect::Answer { leg: b }));
    let c = house.dials("carol", room(&one));
    assert!(house.talk(a, c) && house.apart(b, c));
    let taken = house.customer_dials("+49", room("conf-5"));
    let d = house.dials("dave", Destination::NewRoom);
    assert!(house.apart(taken, d), "a name that somebody chose is left to them");
    house.command(Command::Dial { from: "dave".into_agent(), to: Destination::NewRoom }).unwrap();
}

// The warm transfer from within a room: alice consults while the others go on talking.

/// Alice, two guests in a room, and bob who is rung: the room talks on.
fn consult_in_a_room(house: &mut House) -> (LegId, LegId, LegId, LegId) {
    let a = house.dials("alice", room("standup"));
    let c = house.customer_dials("+4930", room("standup"));
    let d = house.customer_dials("+4931", room("standup"));
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.ringing(b);
    assert!(house.talk(c, d) && house.apart(a, c) && house.apart(a, d));
    assert_eq!((house.status(c), house.ears(a)), (Status::Live, Ears::Ringback));
    (a, b, c, d)
}

#[test]
fn row_01_in_a_room_the_others_talk_on_and_a_cancel_brings_the_initiator_back() {
    let mut house = House::new();
    let (a, b, c, d) = consult_in_a_room(&mut house);
    house.cancels(a).unwrap();
    assert!(house.all_talk(&[a, c, d]) && house.hung_up(b));
}

#[test]
fn rows_02_and_03_in_a_room_a_target_who_is_not_to_be_had_brings_the_initiator_back() {
    let mut house = House::new();
    let (a, b, c, d) = consult_in_a_room(&mut house);
    house.fails(b, 486);
    assert!(house.all_talk(&[a, c, d]));
    assert_eq!(house.heard(a), [Cue::Failure]);
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    house.ends(b, Ending::Bye);
    assert!(house.all_talk(&[a, c, d]));
}

#[test]
fn rows_04_and_05_in_a_room_swap_and_merge() {
    let mut house = House::new();
    let (a, b, c, d) = consult_in_a_room(&mut house);
    house.answers(b);
    for _ in 0..5 {
        assert!(house.talk(a, b) && house.talk(c, d) && house.apart(a, c) && house.apart(b, c));
        house.swaps(a).unwrap();
        assert!(house.all_talk(&[a, c, d]) && house.apart(a, b) && house.apart(b, c));
        assert_eq!(house.ears(b), Ears::HoldMusic);
        house.swaps(a).unwrap();
    }
    house.merges(a).unwrap();
    assert!(house.all_talk(&[a, b, c, d]));
}

#[test]
fn rows_06_and_07_in_a_room_the_initiator_leaves_and_the_target_is_in() {
    for merged in [true, false] {
        let mut house = House::new();
        let (a, b, c, d) = consult_in_a_room(&mut house);
        house.answers(b);
        if merged {
            house.merges(a).unwrap();
        }
        house.ends(a, Ending::Bye);
        assert!(house.all_talk(&[b, c, d]));
    }
}

#[test]
fn row_09_in_a_room_a_cold_transfer_brings_the_target_in() {
    let mut house = House::new();
    let (a, b, c, d) = consult_in_a_room(&mut house);
    house.ends(a, Ending::Bye);
    assert!(house.talk(c, d) && house.apart(b, c));
    house.answers(b);
    assert!(house.all_talk(&[b, c, d]));
    assert_eq!(cues(&house), [(c, Cue::Entered), (d, Cue::Entered)]);
}

#[test]
fn row_10_in_a_room_that_empties_the_agents_go_on() {
    let mut house = House::new();
    let (a, b, c, d) = consult_in_a_room(&mut house);
    house.answers(b);
    house.ends(c, Ending::Bye);
    assert!(house.talk(a, b) && house.apart(a, d), "somebody is left in the room");
    house.ends(d, Ending::Bye);
    assert!(house.talk(a, b));
}

#[test]
fn an_outside_number_is_brought_into_a_room_by_who_asks_for_it() {
    let mut house = House::new();
    let a = house.dials("alice", room("standup"));
    let c = house.customer_dials("+4930", room("standup"));
    house.starts(a, outside("+4999")).unwrap();
    let b = house.rung();
    house.answers(b);
    house.merges(a).unwrap();
    assert!(house.all_talk(&[a, b, c]));
}
