//! What lamps and lists show of a call.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use conference::{CallId, LegId, Moment, ParticipantId};

use super::*;

fn leg(n: u64, live: bool, direction: Direction) -> LegView {
    LegView { leg: LegId::arrived(n), live, direction, assumed_away: false, phone: None }
}

fn person(who: u32, agent: Option<&str>, status: Status, leg: LegView) -> ParticipantView {
    ParticipantView {
        who: ParticipantId(who),
        role: if agent.is_some() { Role::Agent } else { Role::Customer },
        agent: agent.map(|name| AgentName(name.to_owned())),
        name: agent.unwrap_or("+4930").to_owned(),
        status,
        on_hold_by_somebody: false,
        since: Moment::ZERO,
        muted: false,
        volume_db: 0,
        talks: false,
        talks_to: BTreeSet::new(),
        queue: None,
        legs: vec![leg],
    }
}

fn call(participants: Vec<ParticipantView>) -> CallView {
    CallView {
        id: CallId(1),
        room: None,
        door: None,
        started: Moment::ZERO,
        locked: false,
        participants,
        transfer: None,
    }
}

#[test]
fn a_held_participant_and_one_whose_phone_is_away_are_shown_on_hold() {
    let call = call(vec![
        person(1, Some("alice"), Status::Live, leg(1, true, Direction::Away)),
        person(2, None, Status::Held, leg(2, true, Direction::Both)),
        person(3, Some("bob"), Status::Live, leg(3, true, Direction::Both)),
        person(4, Some("carol"), Status::Ringing, leg(4, false, Direction::Both)),
    ]);
    let shown = conference(&call, "c-0001".to_owned());
    let attendance: Vec<Attendance> = shown.users.iter().map(|user| user.endpoints[0].attendance).collect();
    assert_eq!(attendance, [Attendance::OnHold, Attendance::OnHold, Attendance::Connected, Attendance::DialingIn]);
    let alices = of_call(&call, &AgentName("alice".to_owned()));
    assert!(alices.len() == 1 && alices[0].on_hold && alices[0].calls);
    assert_eq!((alices[0].stage, alices[0].peer.user.as_str()), (DialogStage::Confirmed, "+4930"));
    let carols = of_call(&call, &AgentName("carol".to_owned()));
    assert_eq!((carols[0].stage, carols[0].on_hold), (DialogStage::Early, false));
}

#[test]
fn nobody_is_told_that_a_supervisor_listens() {
    let mut listens = person(9, Some("dora"), Status::Live, leg(9, true, Direction::Both));
    listens.role = Role::Supervisor;
    let call = call(vec![
        listens,
        person(1, Some("alice"), Status::Live, leg(1, true, Direction::Both)),
        person(2, None, Status::Live, leg(2, true, Direction::Both)),
    ]);
    let shown = conference(&call, String::new());
    assert!(shown.users.len() == 2 && shown.users.iter().all(|user| user.role != Role::Supervisor));
    let alices = of_call(&call, &AgentName("alice".to_owned()));
    assert_eq!(alices[0].peer.user, "+4930", "nor does a lamp say that she talks to one");
    assert_eq!(of_call(&call, &AgentName("dora".to_owned())), [], "nor the supervisor's own, whom they listen to");
}
