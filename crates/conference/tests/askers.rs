//! Who may ask for what: agents who have answered; whose phone only rings may decline and nothing else. Keys and prompts
//! by command reach whoever hears the asker, and nobody behind the wall of a consult.
#![allow(clippy::unwrap_used, missing_docs)]

mod floor;
mod house;

use conference::{
    Asker, Availability, CallId, Command, Cue, Direction, Effect, Key, LegId, Outcome, Output, ParticipantId, Refusal,
    SuperviseMode,
};
use house::{House, IntoAgent as _, agent, outside};

fn by(name: &str) -> Asker {
    Asker::Agent(name.into_agent())
}

fn key() -> Vec<Key> {
    vec![Key { digit: '5', duration_ms: 100 }]
}

/// Every command of a call there is, but for the asker's own removal.
fn commands(house: &House, call: CallId, by: &Asker, me: ParticipantId) -> Vec<Command> {
    let mut all = Vec::new();
    let shown = String::new;
    for target in [agent("carol"), outside("+4955"), conference::Destination::Queue("support".to_owned())] {
        all.push(Command::Start { call, by: by.clone(), target, shown: shown() });
    }
    all.push(Command::Cancel { call, by: by.clone() });
    all.push(Command::Swap { call, by: by.clone() });
    all.push(Command::Merge { call, by: by.clone() });
    all.push(Command::Complete { call, by: by.clone() });
    all.push(Command::End { call, by: by.clone() });
    for locked in [true, false] {
        all.push(Command::Lock { call, by: by.clone(), locked });
    }
    for person in house.board.call(call).unwrap().participants {
        let who = person.who;
        all.push(Command::Hold { call, by: by.clone(), who });
        all.push(Command::Unhold { call, by: by.clone(), who });
        for muted in [true, false] {
            all.push(Command::Mute { call, by: by.clone(), who, muted });
        }
        all.push(Command::SetVolume { call, by: by.clone(), who, volume_db: 3 });
        all.push(Command::Press { call, by: by.clone(), who, keys: key() });
        all.push(Command::Play { call, by: by.clone(), who, cue: Cue::Busy });
        if who != me {
            all.push(Command::Remove { call, by: by.clone(), who });
        }
    }
    all
}

/// Somebody whose phone only rings: every command but their own removal is refused and changes nothing (which
/// `House::command` looks at), and their buttons say so.
fn may_only_decline(house: &mut House, name: &str, leg: LegId) {
    let (call, me) = (house.call_of(leg), house.who(leg));
    for asker in [by(name), Asker::Leg(leg), Asker::Keypad(leg)] {
        for command in commands(house, call, &asker, me) {
            assert_eq!(house.command(command.clone()).unwrap_err(), Refusal::CallNotLive, "{command:?}");
        }
        for told in house.board.allowed(call, &asker, house.now) {
            let refused = (told.action != conference::Action::Remove(me)).then_some(Refusal::CallNotLive);
            assert_eq!(told.refused, refused, "{:?}", told.action);
        }
    }
}

#[test]
fn a_transfers_target_who_only_rings_may_decline_and_nothing_else() {
    let mut house = House::new();
    let (a, c, b) = house.ringing_consult();
    may_only_decline(&mut house, "bob", b);
    let (call, who) = (house.call_of(b), house.who(b));
    house.command(Command::Remove { call, by: by("bob"), who }).unwrap();
    assert!(house.hung_up(b) && house.talk(a, c));
    assert_eq!(house.outcomes(), [Outcome::Rejected(603)]);
}

#[test]
fn whoever_is_rung_by_a_caller_may_decline_and_nothing_else() {
    let mut house = House::new();
    let c = house.customer_dials("+4930", agent("bob"));
    let b = house.rung();
    may_only_decline(&mut house, "bob", b);
    let (call, who) = (house.call_of(b), house.who(b));
    house.command(Command::Remove { call, by: by("bob"), who }).unwrap();
    assert!(house.hung_up(b));
    assert!(house.did(&Effect::Reject { leg: c, status: 603, refusal: None }));
    house.is_over();
}

#[test]
fn whoever_is_rung_into_a_room_may_decline_and_nothing_else() {
    let mut house = House::new();
    let room = || conference::Destination::Room("standup".to_owned());
    let (a, d) = (house.dials("alice", room()), house.dials("dave", room()));
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    may_only_decline(&mut house, "bob", b);
    let (call, who) = (house.call_of(b), house.who(b));
    house.command(Command::Remove { call, by: by("bob"), who }).unwrap();
    assert!(house.talk(a, d));
}

#[test]
fn whoever_is_rung_for_their_own_call_may_leave_it_and_nothing_else() {
    let mut house = House::new();
    house.command(Command::Dial { from: "alice".into_agent(), to: agent("bob") }).unwrap();
    let a = house.rung();
    may_only_decline(&mut house, "alice", a);
    let (call, who) = (house.call_of(a), house.who(a));
    house.command(Command::Remove { call, by: by("alice"), who }).unwrap();
    assert!(house.hung_up(a));
    house.is_over();
}

#[test]
fn a_supervisor_who_only_rings_may_decline_and_nothing_else() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let call = house.call_of(a);
    let supervise = |mode| Command::Supervise { call, by: "susan".into_agent(), agent: "alice".into_agent(), mode };
    house.command(supervise(SuperviseMode::Listen)).unwrap();
    let s = house.rung();
    may_only_decline(&mut house, "susan", s);
    assert_eq!(house.command(supervise(SuperviseMode::Barge)).unwrap_err(), Refusal::CallNotLive);
    let who = house.who(s);
    house.command(Command::Remove { call, by: by("susan"), who }).unwrap();
    assert!(house.hung_up(s) && house.talk(a, c));
}

#[test]
fn a_supervisor_who_listens_may_leave_and_nothing_else() {
    let mut house = House::new();
    let (a, _) = house.call_with_customer();
    let call = house.call_of(a);
    let (susan, mode) = ("susan".into_agent(), SuperviseMode::Listen);
    house.command(Command::Supervise { call, by: susan, agent: "alice".into_agent(), mode }).unwrap();
    let s = house.rung();
    house.answers(s);
    let me = house.who(s);
    for command in commands(&house, call, &by("susan"), me) {
        assert_eq!(house.command(command.clone()).unwrap_err(), Refusal::NotAllowed, "{command:?}");
    }
    house.command(Command::Remove { call, by: by("susan"), who: me }).unwrap();
    assert!(house.hung_up(s));
}

#[test]
fn customers_and_strangers_command_nothing() {
    let mut house = House::new();
    let (a, c, _) = house.consult();
    let call = house.call_of(a);
    for command in commands(&house, call, &Asker::Leg(c), ParticipantId(0)) {
        assert_eq!(house.command(command.clone()).unwrap_err(), Refusal::NotAllowed, "{command:?}");
    }
    for command in commands(&house, call, &by("carol"), ParticipantId(0)) {
        assert_eq!(house.command(command.clone()).unwrap_err(), Refusal::CallNotFound, "{command:?}");
    }
}

fn press(house: &mut House, name: &str, leg: LegId) -> Result<Vec<Output>, Refusal> {
    let (call, who) = (house.call_of(leg), house.who(leg));
    house.command(Command::Press { call, by: by(name), who, keys: key() })
}

/// Keys and a prompt by command: refused, or for this leg alone.
fn reaches(house: &mut House, asker: Asker, leg: LegId) -> Result<(), Refusal> {
    let (call, who) = (house.call_of(leg), house.who(leg));
    let pressed = house.command(Command::Press { call, by: asker.clone(), who, keys: key() });
    let played = house.command(Command::Play { call, by: asker, who, cue: Cue::Busy });
    assert_eq!(pressed.as_ref().err(), played.as_ref().err());
    assert_eq!(pressed?, [Output::Effect(Effect::Press { leg, keys: key() })]);
    assert_eq!(played?, [Output::Effect(Effect::Cue { leg, cue: Cue::Busy })]);
    Ok(())
}

#[test]
fn nothing_pressed_or_played_crosses_the_wall_of_a_consult() {
    let mut house = House::new();
    let (a, c, b) = house.consult();
    assert_eq!(reaches(&mut house, by("bob"), c), Err(Refusal::NotAllowed));
    assert_eq!(reaches(&mut house, by("alice"), c), Err(Refusal::NotAllowed), "she faces bob");
    assert_eq!(reaches(&mut house, by("alice"), b), Ok(()));
    assert_eq!(reaches(&mut house, by("bob"), a), Ok(()));
    assert_eq!(reaches(&mut house, by("bob"), b), Ok(()), "his own ear");
    house.swaps(a).unwrap();
    assert_eq!(reaches(&mut house, by("alice"), b), Err(Refusal::NotAllowed), "she faces the customer");
    assert_eq!(reaches(&mut house, by("alice"), c), Ok(()));
    assert_eq!(reaches(&mut house, by("bob"), c), Err(Refusal::NotAllowed));
    assert_eq!(reaches(&mut house, by("bob"), a), Err(Refusal::NotAllowed));
    for leg in [a, b, c] {
        assert_eq!(reaches(&mut house, Asker::Operator, leg), Ok(()), "the operator reaches one ear, whoever's");
    }
    house.merges(a).unwrap();
    for (name, other) in [("alice", b), ("alice", c), ("bob", a), ("bob", c)] {
        assert_eq!(reaches(&mut house, by(name), other), Ok(()));
    }
}

#[test]
fn keys_by_command_follow_holds_and_muting_as_those_of_a_phone() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    press(&mut house, "alice", c).unwrap();
    house.holds(a, c).unwrap();
    assert_eq!(press(&mut house, "alice", c).unwrap_err(), Refusal::NotAllowed, "held");
    house.unholds(a, c).unwrap();
    let (call, who) = (house.call_of(a), house.who(a));
    for (muted, pressed) in [(true, Some(Refusal::NotAllowed)), (false, None)] {
        house.command(Command::Mute { call, by: Asker::Operator, who, muted }).unwrap();
        assert_eq!(press(&mut house, "alice", c).err(), pressed);
    }
    house.offers(a, Direction::Away);
    assert_eq!(press(&mut house, "alice", c).unwrap_err(), Refusal::InitiatorAway);
    house.offers(a, Direction::Both);
    house.command(Command::Hold { call, by: Asker::Operator, who }).unwrap();
    assert_eq!(press(&mut house, "alice", c).unwrap_err(), Refusal::InitiatorOnHold);
}

#[test]
fn with_two_lines_keys_go_by_the_open_one() {
    let mut house = House::new();
    let (_, _, c, b) = house.consult_on_two_lines();
    assert_eq!(press(&mut house, "alice", c).unwrap_err(), Refusal::NotAllowed);
    press(&mut house, "alice", b).unwrap();
    assert_eq!(press(&mut house, "bob", c).unwrap_err(), Refusal::NotAllowed);
}

#[test]
fn a_state_is_set_by_the_agent_a_supervisor_or_the_operator() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let set = |house: &mut House, by: Asker| {
        let (agent, availability) = ("bob".into_agent(), Availability::Paused);
        house.command(Command::SetState { agent, by, availability }).err()
    };
    for asker in [by("bob"), by("susan"), Asker::Operator] {
        assert_eq!(set(&mut house, asker), None);
    }
    for asker in [by("alice"), by("nobody"), Asker::Leg(a), Asker::Leg(c), Asker::Keypad(LegId::arrived(999))] {
        assert_eq!(set(&mut house, asker), Some(Refusal::NotAllowed));
    }
    let (agent, availability) = ("nobody".into_agent(), Availability::Paused);
    let unknown = house.command(Command::SetState { agent, by: Asker::Operator, availability });
    assert_eq!(unknown.unwrap_err(), Refusal::TargetUnknown);
}

#[test]
fn an_offer_is_answered_by_whom_it_is_made_to_or_the_operator() {
    let mut house = House::new();
    house.registers("alice", 1);
    house.customer_dials("+4930", conference::Destination::Queue("support".to_owned()));
    let offer = house.board.reservations().next().unwrap();
    for asker in [by("bob"), by("susan"), by("nobody"), Asker::Leg(LegId::arrived(999))] {
        let (reservation, by) = (offer.id, asker.clone());
        assert_eq!(house.command(Command::Accept { reservation, by }).unwrap_err(), Refusal::NotAllowed);
        let by = asker;
        assert_eq!(house.command(Command::Reject { reservation, by }).unwrap_err(), Refusal::NotAllowed);
    }
    // Whoever is offered a call is not in it: nothing there is theirs to ask for, yes or no.
    let (call, reservation) = (offer.call, offer.id);
    assert_eq!(house.command(Command::End { call, by: by("alice") }).unwrap_err(), Refusal::CallNotFound);
    let leg = house.rung();
    for asker in [Asker::Leg(leg), Asker::Keypad(leg)] {
        for command in commands(&house, call, &asker, offer.who) {
            assert_eq!(house.command(command.clone()).unwrap_err(), Refusal::CallNotLive, "{command:?}");
        }
    }
    house.command(Command::Accept { reservation, by: by("alice") }).unwrap();
    assert_eq!(house.command(Command::End { call, by: by("alice") }).unwrap_err(), Refusal::CallNotFound);
    house.command(Command::Reject { reservation, by: by("alice") }).unwrap();
}

#[test]
fn a_rooms_lock_and_volumes_are_for_agents_in_it_who_are_not_on_hold() {
    let mut house = House::new();
    let room = || conference::Destination::Room("standup".to_owned());
    let a = house.dials("alice", room());
    let c = house.customer_dials("+4930", room());
    let (call, who) = (house.call_of(a), house.who(c));
    let ask = |house: &mut House, by: Asker| {
        let locked = house.command(Command::Lock { call, by: by.clone(), locked: true }).err();
        let louder = house.command(Command::SetVolume { call, by, who, volume_db: 3 }).err();
        assert_eq!(locked, louder);
        locked
    };
    assert_eq!(ask(&mut house, Asker::Leg(c)), Some(Refusal::NotAllowed));
    assert_eq!(ask(&mut house, by("bob")), Some(Refusal::CallNotFound));
    let me = house.who(a);
    house.command(Command::Hold { call, by: Asker::Operator, who: me }).unwrap();
    assert_eq!(ask(&mut house, by("alice")), Some(Refusal::InitiatorOnHold));
    assert_eq!(ask(&mut house, Asker::Operator), None);
    house.command(Command::Unhold { call, by: Asker::Operator, who: me }).unwrap();
    assert_eq!(ask(&mut house, by("alice")), None);
}

#[test]
fn an_agent_without_a_phone_is_no_target_by_whatever_surface() {
    let refused = |outputs: &[Output]| {
        let rejected = |output: &Output| match output {
            Output::Effect(Effect::Reject { status, refusal, .. }) => Some((*status, *refusal)),
            Output::Effect(_) | Output::Event(_) => None,
        };
        outputs.iter().find_map(rejected)
    };
    let mut house = House::new();
    house.registers("bob", 0);
    let (a, c) = house.call_with_customer();
    let call = house.call_of(a);
    for asker in [by("alice"), Asker::Leg(a), Asker::Keypad(a)] {
        let (target, shown) = (agent("bob"), String::new());
        let refused = house.command(Command::Start { call, by: asker, target, shown });
        assert_eq!(refused.unwrap_err(), Refusal::TargetUnavailable);
    }
    house.presses(a, "*2102#");
    house.looks_up(a, "102", agent("bob"));
    assert_eq!(house.heard(a), [Cue::Unreachable]);
    assert!(house.talk(a, c));
    house.offers(a, Direction::Away);
    house.dials("alice", agent("bob"));
    assert_eq!(refused(&house.last), Some((480, Some(Refusal::TargetUnavailable))));
    assert!(house.board.call(call).unwrap().transfer.is_none());
    house.offers(a, Direction::Both);
    assert!(house.talk(a, c));
    // What is said of a target that is wrong in another way is said first.
    let other = [(agent("alice"), Refusal::TargetUnknown), (agent("nobody"), Refusal::TargetUnknown)];
    for (target, refusal) in other {
        assert_eq!(house.starts(a, target).unwrap_err(), refusal);
    }
    house.registers("bob", 1);
    house.starts(a, agent("bob")).unwrap();
    assert!(house.apart(a, c));
}

#[test]
fn an_agent_who_talks_by_a_phone_that_is_not_registered_any_more_can_be_had() {
    let mut house = House::new();
    house.customer_dials("+4931", agent("bob"));
    house.answers(house.rung());
    house.registers("bob", 0);
    let (a, _) = house.call_with_customer();
    house.starts(a, agent("bob")).unwrap();
}

#[test]
fn no_call_is_opened_for_an_agent_without_a_phone() {
    let mut house = House::new();
    house.report(conference::Report::Registered { agent: "bob".into_agent(), phones: 0 });
    let dial = |from: &str, to| Command::Dial { from: from.into_agent(), to };
    assert_eq!(house.command(dial("bob", outside("+4930"))), Err(Refusal::TargetUnavailable));
    assert_eq!(house.command(dial("bob", agent("nobody"))), Err(Refusal::TargetUnknown));
    house.command(dial("carol", outside("+4930"))).unwrap();
}
