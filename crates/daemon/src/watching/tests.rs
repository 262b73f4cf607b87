//! Whom a change is told to, and that nothing else is looked at for it.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;

use conference::{Asker, Caller, Command, Direction, Ending, LegId, ParticipantView, Phone, Report, SuperviseMode};

use super::*;
use crate::carry::{Leg, Waiting};
use crate::config::from_text;
use crate::referred::tests::{calls_out, switch_of};
use crate::switch::Input;
use crate::switch::tests::until_in_force;

/// Operations of the random test; fewer would leave steps untried.
const STEPS: u64 = 1500;

fn name(number: u64) -> String {
    format!("a{number}")
}

fn agent(number: u64) -> AgentName {
    AgentName(name(number))
}

/// A house of so many agents, shown by this word and their number.
fn house(agents: u64, shown: &str) -> String {
    let mut text = String::from(
        "[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[media]\nhold_music = \"silence\"\n[[rooms]]\nname = \"standup\"\n\
         [[trunks]]\nname = \"pstn\"\naddress = \"127.0.0.1:5090\"\nmatch_out = \"^\\\\+49[0-9]+$\"\n\
         [[agents]]\nname = \"dora\"\npassword = \"x\"\nrole = \"supervisor\"\n",
    );
    for number in 0..agents {
        let name = name(number);
        write!(text, "[[agents]]\nname = \"{name}\"\ndisplay_name = \"{shown} {number}\"\npassword = \"x\"\n").unwrap();
    }
    text
}

async fn open(agents: u64) -> Switch {
    let names: Vec<String> = (0..agents).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["dora"]).collect();
    switch_of(&house(agents, "Agent"), &names).await
}

fn watch(number: u64) -> WatchId {
    serde_json::from_value(serde_json::json!(number)).unwrap()
}

fn watches(switch: &mut Switch, number: u64, watcher: &AgentName, package: Package, whom: &str) {
    switch.watched(watch(number), package, &WatchedAt::User(whom.to_owned()), watcher);
}

/// What whoever watches this was told last.
fn told(switch: &Switch, number: u64) -> Option<Arc<WatchedState>> {
    switch.watches.told(watch(number))
}

fn first_of(switch: &Switch, call: CallId) -> ParticipantView {
    switch.board.call(call).unwrap().participants.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_one_call_makes_only_the_states_of_its_people_anew() {
    let mut switch = open(100).await;
    let calls: Vec<CallId> = (0..60).map(|number| calls_out(&mut switch, &name(number), number + 1).1).collect();
    until_in_force(&mut switch).await;
    switch.tell_watchers();
    for number in 0..1000 {
        watches(&mut switch, number, &agent(number / 100), Package::Dialog, &name(number % 100));
    }
    let known: Vec<_> = (0..1000).map(|number| told(&switch, number).unwrap()).collect();
    assert!((100..1000).all(|number| Arc::ptr_eq(&known[number], &known[number % 100])), "ten share each state");

    switch.watches.made = 0;
    let who = first_of(&switch, calls[7]).who;
    switch.command(Command::Mute { call: calls[7], by: Asker::Operator, who, muted: true }).unwrap();
    until_in_force(&mut switch).await;
    switch.tell_watchers();
    assert_eq!(switch.watches.made, 1, "the one agent of that call, once for all ten who watch");
    switch.command(Command::Hold { call: calls[7], by: Asker::Operator, who }).unwrap();
    until_in_force(&mut switch).await;
    switch.tell_watchers();
    assert_eq!(switch.watches.made, 2);
    for number in 0..1000 {
        let same = Arc::ptr_eq(&told(&switch, number).unwrap(), &known[number as usize]);
        assert_eq!(same, number % 100 != 7, "a mute is nothing that a lamp shows, a hold is");
    }
    switch.tell_watchers();
    assert_eq!(switch.watches.made, 2, "nothing moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_mixer_is_told_later_and_holds_nobody_else_up() {
    let mut switch = open(2).await;
    let (_, slow) = calls_out(&mut switch, "a0", 1);
    let (leg, _) = calls_out(&mut switch, "a1", 2);
    until_in_force(&mut switch).await;
    watches(&mut switch, 0, &agent(0), Package::Dialog, "a0");
    watches(&mut switch, 1, &agent(0), Package::Dialog, "a1");
    let before = [told(&switch, 0), told(&switch, 1)];
    let who = first_of(&switch, slow).who;
    switch.command(Command::Hold { call: slow, by: Asker::Operator, who }).unwrap();
    assert!(switch.carry.waits_in(slow));
    // opens ears only: nothing to wait for
    switch.carry.forget(leg);
    switch.report(Report::Ringing { leg });
    switch.tell_watchers();
    assert_eq!(told(&switch, 0), before[0], "the hold is not in force");
    watches(&mut switch, 2, &agent(1), Package::Dialog, "a0");
    assert_eq!(told(&switch, 2), None, "nor is it told to who comes meanwhile");
    watches(&mut switch, 3, &agent(1), Package::Dialog, "a1");
    assert_eq!(told(&switch, 3), before[1], "of others it is told at once");
    until_in_force(&mut switch).await;
    switch.tell_watchers();
    assert!(told(&switch, 0) != before[0] && told(&switch, 2) == told(&switch, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_settings_are_told_and_whoever_is_taken_from_them_is_watched_no_more() {
    let mut switch = open(3).await;
    calls_out(&mut switch, "a2", 1);
    until_in_force(&mut switch).await;
    for number in 0..3 {
        watches(&mut switch, number, &agent(0), Package::Dialog, &name(number));
    }
    let (reply, _) = tokio::sync::oneshot::channel();
    switch.take(Input::Reload(Box::new(from_text(&house(1, "Anna")).unwrap()), reply)).await;
    until_in_force(&mut switch).await;
    switch.tell_watchers();
    let shown = |switch: &Switch, number| match told(switch, number).as_deref() {
        Some(WatchedState::Dialogs(dialogs)) => Some((dialogs.owner.display.clone(), dialogs.dialogs.len())),
        Some(WatchedState::Conference(_)) | None => None,
    };
    assert_eq!(shown(&switch, 0), Some(("Anna 0".to_owned(), 0)));
    assert_eq!(shown(&switch, 1), None, "gone");
    assert_eq!(shown(&switch, 2), Some((String::new(), 1)), "the call goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_that_a_supervisor_comes_to_listen() {
    let mut switch = open(2).await;
    let (_, call) = calls_out(&mut switch, "a0", 1);
    until_in_force(&mut switch).await;
    watches(&mut switch, 0, &agent(1), Package::Dialog, "a0");
    watches(&mut switch, 1, &agent(1), Package::Dialog, "dora");
    watches(&mut switch, 2, &agent(0), Package::Conference, &call.to_string());
    let before: Vec<_> = (0..3).map(|number| told(&switch, number)).collect();
    assert!(before.iter().all(Option::is_some));
    let by = AgentName("dora".to_owned());
    let listen = Command::Supervise { call, by: by.clone(), agent: agent(0), mode: SuperviseMode::Listen };
    switch.command(listen).unwrap();
    let rung = switch.board.call(call).unwrap().participants;
    let rung = rung.iter().find(|person| person.agent.as_ref() == Some(&by)).unwrap().legs[0].leg;
    switch.tell_watchers();
    switch.report(Report::Answered { leg: rung, direction: Direction::Both, phone: None });
    until_in_force(&mut switch).await;
    switch.tell_watchers();
    assert_eq!((0..3).map(|number| told(&switch, number)).collect::<Vec<_>>(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_a_call_no_more_watches_it_no_more() {
    let mut switch = open(2).await;
    let (_, call) = calls_out(&mut switch, "a0", 1);
    until_in_force(&mut switch).await;
    let by = Asker::Agent(agent(0));
    let target = Destination::Agent(agent(1));
    switch.command(Command::Start { call, by: by.clone(), target, shown: "a1".to_owned() }).unwrap();
    until_in_force(&mut switch).await;
    for number in 0..2 {
        watches(&mut switch, number, &agent(number), Package::Conference, &call.to_string());
        assert!(told(&switch, number).is_some());
    }
    switch.command(Command::Cancel { call, by }).unwrap();
    until_in_force(&mut switch).await;
    switch.tell_watchers();
    assert_eq!((told(&switch, 0).is_some(), told(&switch, 1)), (true, None));
}

/// Small numbers that follow from one.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = self.below(all.len().max(1) as u64);
        all.get(at as usize).copied()
    }
}

/// Something happens, by chance.
fn happens(switch: &mut Switch, by: &mut Numbers, number: u64) {
    let calls: Vec<CallView> = switch.board.calls().collect();
    let legs: Vec<(LegId, bool)> = calls
        .iter()
        .flat_map(|call| &call.participants)
        .flat_map(|person| &person.legs)
        .map(|leg| (leg.leg, leg.live))
        .collect();
    let ringing: Vec<LegId> = legs.iter().filter(|(leg, live)| leg.is_rung() && !live).map(|(leg, _)| *leg).collect();
    let live: Vec<LegId> = legs.iter().filter(|(_, live)| *live).map(|(leg, _)| *leg).collect();
    let direction = [Direction::Both, Direction::Away, Direction::Listens][by.below(3) as usize];
    let arrives = |switch: &mut Switch, by: &mut Numbers, to: Destination| {
        let leg = LegId::arrived(number);
        switch.carry.legs.add(leg, Leg::new(Waiting::Nothing, Direction::Both));
        let caller = Caller::Agent { name: agent(by.below(8)), phone: Phone("a".to_owned()) };
        switch.report(Report::Arrived { leg, caller, to, shown: "x".to_owned(), direction: Direction::Both });
    };
    match by.below(12) {
        0 if calls.len() < 12 => {
            let number_out = Destination::Outside { trunk: "pstn".to_owned(), number: "+4930".to_owned() };
            arrives(switch, by, number_out);
        }
        1 if calls.len() < 12 => {
            let to = Destination::Agent(agent(by.below(8)));
            arrives(switch, by, to);
        }
        2 => {
            let room = ["standup", "other"][by.below(2) as usize];
            arrives(switch, by, Destination::Room(room.to_owned()));
        }
        3 | 4 => {
            if let Some(leg) = by.of(&ringing) {
                switch.report(Report::Answered { leg, direction: Direction::Both, phone: None });
            }
        }
        5 => {
            if let Some(leg) = by.of(&ringing).filter(|_| by.below(3) == 0) {
                switch.report(Report::Failed { leg, status: 486 });
            }
        }
        6 => {
            if let Some(leg) = by.of(&live).filter(|_| by.below(2) == 0) {
                switch.report(Report::Ended { leg, how: Ending::Bye });
            }
        }
        7 => {
            if let Some(leg) = by.of(&live) {
                switch.report(Report::Offered { leg, direction });
            }
        }
        _ => {
            if let Some(command) = asked(&calls, by) {
                // much of it is refused
                drop(switch.command(command));
            }
        }
    }
}

/// What somebody asks, by chance.
fn asked(calls: &[CallView], numbers: &mut Numbers) -> Option<Command> {
    let view = calls.get(numbers.below(calls.len().max(1) as u64) as usize)?;
    let person = view.participants.get(numbers.below(view.participants.len().max(1) as u64) as usize)?;
    let (call, who, by) = (view.id, person.who, Asker::Operator);
    let asker = person.agent.clone().map_or(Asker::Operator, Asker::Agent);
    let target = Destination::Agent(agent(numbers.below(8)));
    let other = calls.iter().flat_map(|call| &call.participants).filter(|other| other.agent == person.agent);
    let named = other
        .flat_map(|other| &other.legs)
        .map(|leg| leg.leg)
        .find(|leg| person.legs[0..].iter().all(|own| own.leg != *leg));
    Some(match numbers.below(12) {
        0..3 => Command::Start { call, by: asker, target, shown: "y".to_owned() },
        3 => Command::Swap { call, by: asker },
        4 => Command::Merge { call, by: asker },
        5 => Command::Complete { call, by: asker },
        6 => Command::Cancel { call, by: asker },
        7 => Command::Hold { call, by, who },
        8 => Command::Unhold { call, by, who },
        9 => Command::Mute { call, by, who, muted: !person.muted },
        10 => Command::Lock { call, by, locked: !view.locked },
        _ => match (numbers.below(4), named) {
            (0, _) => Command::Remove { call, by, who },
            (1, _) => Command::End { call, by },
            (_, Some(named)) => Command::Join { by: person.legs.first()?.leg, named },
            (_, None) => Command::Supervise {
                call,
                by: AgentName("dora".to_owned()),
                agent: person.agent.clone()?,
                mode: SuperviseMode::Listen,
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_watched_state_is_what_it_would_be_if_all_were_made_anew() {
    let mut switch = open(8).await;
    let mut by = Numbers(4235);
    let (mut number, mut compared, mut changed) = (0, 0, 0);
    for step in 1..=STEPS {
        happens(&mut switch, &mut by, step);
        if by.below(3) > 0 {
            until_in_force(&mut switch).await;
        }
        if by.below(4) == 0 && number < 400 {
            number += 1;
            let call = by.below(switch.board.call_ids().count().max(1) as u64) as usize;
            let call = switch.board.call_ids().nth(call).map(|call| call.to_string()).unwrap_or_default();
            let (package, whom) = match by.below(4) {
                0 => (Package::Conference, "room-standup".to_owned()),
                1 => (Package::Conference, "room-other".to_owned()),
                2 => (Package::Conference, call),
                _ => (Package::Dialog, name(by.below(8))),
            };
            watches(&mut switch, number, &agent(by.below(8)), package, &whom);
        }
        let made = switch.watches.made;
        switch.tell_watchers();
        changed += switch.watches.made - made;
        for (watched, standing) in switch.watches.settled() {
            let anew = switch.standing(watched, switch.calls_of(watched), &mut Views::new());
            assert_eq!(standing, anew.as_ref(), "{watched:?} after step {step}");
            compared += 1;
        }
    }
    assert!(compared > 5 * changed && changed > 500, "{changed} made, {compared} compared");
}
