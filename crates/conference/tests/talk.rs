//! Who talks is told to those who hear it, and to nobody else: in a transfer, step by step.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, missing_docs)]

mod house;

use conference::{AgentName, Command, Ending, Event, LegId, Output, Report, SuperviseMode};
use house::{House, IntoAgent as _, agent};

/// Who talks or does not, for which agents, and whether for the operator.
type Line = (String, bool, Vec<String>, bool);

fn line(who: &str, talks: bool, to: &[&str], operator: bool) -> Line {
    (who.to_owned(), talks, to.iter().map(|agent| (*agent).to_owned()).collect(), operator)
}

/// What was told of talk since the last time this was asked.
fn told(house: &mut House) -> Vec<Line> {
    let names = |to: &std::collections::BTreeSet<AgentName>| to.iter().map(|agent| agent.0.clone()).collect();
    let talk = std::mem::take(&mut house.all).into_iter().filter_map(|output| match output {
        Output::Event(Event::TalkChanged { who, talks, to, operator, .. }) => {
            Some((who.to_string(), talks, names(&to), operator))
        }
        _ => None,
    });
    talk.collect()
}

fn says(house: &mut House, leg: LegId, talks: bool) {
    house.report(Report::Talks { leg, talks });
}

/// The agents who may know now that somebody talks.
fn shown(house: &House, leg: LegId) -> Option<Vec<String>> {
    let view = house.board.call(house.call_of(leg)).unwrap();
    let person = view.participant(house.who(leg)).unwrap();
    person.talks.then(|| person.talks_to.iter().map(|agent| agent.0.clone()).collect())
}

#[test]
fn whoever_hears_it_and_the_talker_are_told_and_the_view_says_the_same() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    assert_eq!(told(&mut house), []);
    says(&mut house, c, true);
    assert_eq!(told(&mut house), [line("p1", true, &["alice"], true)]);
    assert_eq!((shown(&house, c), shown(&house, a)), (Some(vec!["alice".to_owned()]), None));
    says(&mut house, c, true);
    assert_eq!(told(&mut house), [], "once");
    says(&mut house, c, false);
    assert_eq!(told(&mut house), [line("p1", false, &["alice"], true)]);
    assert_eq!(shown(&house, c), None);
}

#[test]
fn what_is_said_in_a_consult_is_told_to_those_in_it_only_and_a_swap_tells_who_is_not_heard_any_more() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    told(&mut house);
    // the customer speaks into the music
    says(&mut house, c, true);
    assert_eq!(told(&mut house), [], "nobody hears it");
    says(&mut house, b, true);
    assert_eq!(told(&mut house), [line("p3", true, &["alice", "bob"], true)]);
    house.swaps(a).unwrap();
    let swapped = told(&mut house);
    assert!(swapped.contains(&line("p3", false, &["alice", "bob"], true)), "{swapped:?}");
    assert!(swapped.contains(&line("p1", true, &["alice"], true)), "the customer is heard now: {swapped:?}");
    assert_eq!(swapped.len(), 2);
    house.merges(a).unwrap();
    let merged = told(&mut house);
    assert!(merged.contains(&line("p3", true, &["alice", "bob"], true)), "{merged:?}");
    assert!(merged.contains(&line("p1", true, &["bob"], false)), "the operator knew already: {merged:?}");
    assert_eq!(merged.len(), 2);
}

#[test]
fn who_is_held_is_told_that_the_others_stopped_and_nobody_else_is() {
    let mut house = House::new();
    let (a, _c) = house.call_with_customer();
    house.starts(a, agent("bob")).unwrap();
    let b = house.rung();
    house.answers(b);
    house.merges(a).unwrap();
    says(&mut house, a, true);
    told(&mut house);
    house.holds(a, b).unwrap();
    assert_eq!(told(&mut house), [line("p2", false, &["bob"], false)]);
    assert_eq!(shown(&house, a), Some(vec!["alice".to_owned()]), "the customer hears her on");
    house.unholds(a, b).unwrap();
    assert_eq!(told(&mut house), [line("p2", true, &["bob"], false)]);
}

#[test]
fn a_muted_voice_and_one_that_has_left_are_over() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    says(&mut house, c, true);
    says(&mut house, a, true);
    told(&mut house);
    let (call, who) = (house.call_of(c), house.who(c));
    house.command(Command::Mute { call, by: conference::Asker::Operator, who, muted: true }).unwrap();
    assert_eq!(told(&mut house), [line("p1", false, &["alice"], true)]);
    house.ends(c, Ending::Bye);
    told(&mut house);
    says(&mut house, c, true);
    assert_eq!(told(&mut house), [], "of a leg that is gone nothing is told");
    house.ends(a, Ending::Bye);
    house.is_over();
}

#[test]
fn a_supervisor_is_told_of_whom_they_hear_and_is_heard_by_the_one_they_whisper_to() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    let call = house.call_of(a);
    let (by, agent) = ("susan".into_agent(), "alice".into_agent());
    house.command(Command::Supervise { call, by, agent, mode: SuperviseMode::Whisper }).unwrap();
    let s = house.rung();
    house.answers(s);
    told(&mut house);
    says(&mut house, c, true);
    assert_eq!(told(&mut house), [line("p1", true, &["alice", "susan"], true)]);
    says(&mut house, s, true);
    assert_eq!(told(&mut house), [line("p3", true, &["alice", "susan"], true)]);
}

#[test]
fn it_is_not_kept_over_a_restart_because_the_mixer_says_it_anew() {
    let mut house = House::new();
    let (a, c) = house.call_with_customer();
    says(&mut house, c, true);
    let kept = serde_json::to_string(&house.board).unwrap();
    house.board = serde_json::from_str(&kept).unwrap();
    assert_eq!(shown(&house, c), None);
    told(&mut house);
    says(&mut house, c, true);
    assert_eq!(told(&mut house), [line("p1", true, &["alice"], true)]);
    assert!(house.talk(a, c));
}
