//! Every machine on a virtual clock: which timers, when, over datagrams and streams.

#![allow(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use super::client::{self, Client};
use super::invite_client::{self, InviteClient};
use super::invite_server::{self, InviteServer};
use super::server::{self, Server};
use super::timer::{Alarms, T4, TIMEOUT};
use super::{Act, Timer};
use conference::Moment;

/// Carries the acts of a machine out on a clock of its own: what was sent and told, and when.
#[derive(Default)]
struct Clock {
    now: Moment,
    alarms: Alarms<Timer>,
    seen: Vec<(u64, Act)>,
    over: bool,
}

impl Clock {
    fn take(&mut self, acts: Vec<Act>) {
        for act in acts {
            assert!(!self.over, "{act:?} after the end");
            match act {
                Act::Arm(timer, span) => self.alarms.arm(self.now + span, timer),
                Act::Disarm(timer) => self.alarms.disarm(&timer),
                Act::End => self.over = true,
                Act::Send | Act::Ack | Act::Tell | Act::TellTimeout | Act::TellFailed => {}
            }
            if !matches!(act, Act::Arm(..) | Act::Disarm(_)) {
                self.seen.push((self.now.0 / 1000, act));
            }
        }
    }

    /// Lets timers fire until `until`, or until the end.
    fn run(&mut self, until: Duration, mut fire: impl FnMut(Timer) -> Vec<Act>) {
        let until = Moment::ZERO + until;
        while let Some(at) = self.alarms.deadline().filter(|at| *at <= until && !self.over) {
            self.now = at;
            let timer = self.alarms.due(at).expect("due");
            let acts = fire(timer);
            self.take(acts);
        }
        if !self.over {
            self.now = until;
        }
    }

    fn sent(&self) -> Vec<u64> {
        self.at(Act::Send)
    }

    fn at(&self, wanted: Act) -> Vec<u64> {
        self.seen.iter().filter(|(_, act)| *act == wanted).map(|(at, _)| *at).collect()
    }
}

const LONG: Duration = Duration::from_secs(300);

fn ic(machine: &mut InviteClient, timer: Timer) -> Vec<Act> {
    machine.on(match timer {
        Timer::A => invite_client::Input::TimerA,
        Timer::B => invite_client::Input::TimerB,
        Timer::D => invite_client::Input::TimerD,
        Timer::M => invite_client::Input::TimerM,
        other => panic!("{other:?} is not its timer"),
    })
}

fn oc(machine: &mut Client, timer: Timer) -> Vec<Act> {
    machine.on(match timer {
        Timer::E => client::Input::TimerE,
        Timer::F => client::Input::TimerF,
        Timer::K => client::Input::TimerK,
        other => panic!("{other:?} is not its timer"),
    })
}

fn is(machine: &mut InviteServer, timer: Timer) -> Vec<Act> {
    machine.on(match timer {
        Timer::G => invite_server::Input::TimerG,
        Timer::H => invite_server::Input::TimerH,
        Timer::I => invite_server::Input::TimerI,
        Timer::L => invite_server::Input::TimerL,
        other => panic!("{other:?} is not its timer"),
    })
}

#[test]
fn an_invite_is_repeated_at_doubling_intervals_and_given_up_after_32_seconds() {
    let mut clock = Clock::default();
    let (mut machine, acts) = InviteClient::start(false);
    clock.take(acts);
    clock.run(LONG, |timer| ic(&mut machine, timer));
    assert_eq!(clock.sent(), [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(clock.at(Act::TellTimeout), [32_000]);
    assert!(clock.over);
}

#[test]
fn over_a_stream_an_invite_is_sent_once() {
    let mut clock = Clock::default();
    let (mut machine, acts) = InviteClient::start(true);
    clock.take(acts);
    clock.run(LONG, |timer| ic(&mut machine, timer));
    assert_eq!(clock.sent(), [0]);
    assert_eq!(clock.at(Act::TellTimeout), [32_000]);
}

#[test]
fn a_provisional_answer_stops_repeating_and_waits_without_end() {
    let mut clock = Clock::default();
    let (mut machine, acts) = InviteClient::start(false);
    clock.take(acts);
    clock.take(machine.on(invite_client::Input::Provisional));
    clock.run(LONG, |timer| ic(&mut machine, timer));
    assert_eq!((clock.sent().len(), clock.over), (1, false));
    clock.take(machine.on(invite_client::Input::Provisional));
    assert_eq!(clock.at(Act::Tell).len(), 2);
}

#[test]
fn a_failure_is_acknowledged_each_time_and_told_once() {
    let mut clock = Clock::default();
    let (mut machine, acts) = InviteClient::start(false);
    clock.take(acts);
    for _ in 0..3 {
        clock.take(machine.on(invite_client::Input::Failure));
    }
    assert_eq!((clock.at(Act::Ack).len(), clock.at(Act::Tell).len()), (3, 1));
    clock.run(LONG, |timer| ic(&mut machine, timer));
    assert_eq!(clock.at(Act::End), [32_000], "timer D is at least 32 s over datagrams");
    let (mut machine, _) = InviteClient::start(true);
    assert!(machine.on(invite_client::Input::Failure).contains(&Act::End), "and 0 over streams");
}

#[test]
fn every_2xx_is_told_until_timer_m() {
    let mut clock = Clock::default();
    let (mut machine, acts) = InviteClient::start(true);
    clock.take(acts);
    for _ in 0..3 {
        clock.take(machine.on(invite_client::Input::Success));
    }
    assert_eq!((clock.at(Act::Tell).len(), clock.at(Act::Ack).len()), (3, 0), "its user acknowledges");
    clock.run(LONG, |timer| ic(&mut machine, timer));
    assert_eq!(clock.at(Act::End), [32_000]);
}

#[test]
fn what_cannot_be_sent_is_told_and_over() {
    for reliable in [false, true] {
        let (mut machine, _) = InviteClient::start(reliable);
        assert_eq!(machine.on(invite_client::Input::TransportFailed), [Act::TellFailed, Act::End]);
        let (mut machine, _) = Client::start(reliable);
        assert_eq!(machine.on(client::Input::TransportFailed), [Act::TellFailed, Act::End]);
    }
}

#[test]
fn another_request_is_repeated_at_most_every_four_seconds() {
    let mut clock = Clock::default();
    let (mut machine, acts) = Client::start(false);
    clock.take(acts);
    clock.run(LONG, |timer| oc(&mut machine, timer));
    assert_eq!(clock.sent(), [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(clock.at(Act::TellTimeout), [32_000]);
}

#[test]
fn after_a_provisional_answer_another_request_is_repeated_every_four_seconds() {
    let mut clock = Clock::default();
    let (mut machine, acts) = Client::start(false);
    clock.take(acts);
    clock.take(machine.on(client::Input::Provisional));
    clock.run(Duration::from_secs(10), |timer| oc(&mut machine, timer));
    assert_eq!(clock.sent(), [0, 500, 4500, 8500]);
    clock.take(machine.on(client::Input::Final));
    clock.take(machine.on(client::Input::Final));
    assert_eq!(clock.at(Act::Tell).len(), 2, "the provisional and one final");
    clock.run(LONG, |timer| oc(&mut machine, timer));
    assert_eq!(clock.at(Act::End), [10_000 + u64::try_from(T4.as_millis()).expect("small")]);
}

#[test]
fn a_failure_of_ours_is_repeated_until_its_ack() {
    let mut clock = Clock::default();
    let mut machine = InviteServer::start(false);
    clock.take(machine.on(invite_server::Input::Failure));
    clock.run(Duration::from_secs(9), |timer| is(&mut machine, timer));
    assert_eq!(clock.sent(), [0, 500, 1500, 3500, 7500]);
    clock.take(machine.on(invite_server::Input::Again));
    assert_eq!(clock.sent().last(), Some(&9000), "also when the INVITE comes again");
    clock.take(machine.on(invite_server::Input::Ack));
    clock.run(LONG, |timer| is(&mut machine, timer));
    assert_eq!(clock.at(Act::End), [14_000], "timer I");
    assert_eq!(clock.sent().len(), 6);
}

#[test]
fn a_failure_of_ours_without_ack_is_given_up_after_32_seconds() {
    for reliable in [false, true] {
        let mut clock = Clock::default();
        let mut machine = InviteServer::start(reliable);
        clock.take(machine.on(invite_server::Input::Failure));
        clock.run(LONG, |timer| is(&mut machine, timer));
        assert_eq!(clock.at(Act::TellTimeout), [32_000]);
        assert_eq!(clock.sent().len() > 1, !reliable, "streams repeat for us");
    }
}

#[test]
fn after_a_200_repeated_invites_are_absorbed_and_repeated_200s_sent() {
    let mut clock = Clock::default();
    let mut machine = InviteServer::start(false);
    clock.take(machine.on(invite_server::Input::Provisional));
    clock.take(machine.on(invite_server::Input::Success));
    clock.take(machine.on(invite_server::Input::Again));
    assert_eq!(clock.sent().len(), 2);
    clock.take(machine.on(invite_server::Input::Success));
    assert_eq!(clock.sent().len(), 3);
    clock.take(machine.on(invite_server::Input::Ack));
    assert_eq!(clock.at(Act::Tell).len(), 1);
    clock.run(LONG, |timer| is(&mut machine, timer));
    assert_eq!(clock.at(Act::End), [32_000], "timer L");
}

#[test]
fn another_request_that_comes_again_gets_the_same_answer_for_32_seconds() {
    let mut clock = Clock::default();
    let mut machine = Server::start(false);
    clock.take(machine.on(server::Input::Again));
    assert_eq!(clock.sent().len(), 0, "nothing to say yet");
    clock.take(machine.on(server::Input::Final));
    clock.take(machine.on(server::Input::Again));
    assert_eq!(clock.sent().len(), 2);
    clock.run(LONG, |timer| match timer {
        Timer::J => machine.on(server::Input::TimerJ),
        other => panic!("{other:?} is not its timer"),
    });
    assert_eq!(clock.at(Act::End), [32_000]);
    let mut machine = Server::start(true);
    assert!(machine.on(server::Input::Final).contains(&Act::End), "over a stream nothing comes again");
}

#[test]
fn no_input_at_any_time_breaks_a_machine() {
    use invite_client::Input as I;
    let inputs =
        [I::Provisional, I::Success, I::Failure, I::TimerA, I::TimerB, I::TimerD, I::TimerM, I::TransportFailed];
    for reliable in [false, true] {
        for code in 0..inputs.len().pow(4) {
            let (mut machine, _) = InviteClient::start(reliable);
            let mut over = false;
            for step in 0..4 {
                let acts = machine.on(inputs[code / inputs.len().pow(step) % inputs.len()]);
                let ends = acts.iter().filter(|act| **act == Act::End).count();
                assert!(ends <= 1 && (ends == 0 || acts.last() == Some(&Act::End)), "the end comes last");
                over |= ends == 1;
                if over {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_key_has_one_deadline_and_the_earliest_comes_first() {
    let mut alarms = Alarms::default();
    let at = |seconds| Moment::ZERO + Duration::from_secs(seconds);
    alarms.arm(at(5), "b");
    alarms.arm(at(3), "a");
    alarms.arm(at(4), "a");
    alarms.arm(at(4), "c");
    assert_eq!((alarms.len(), alarms.deadline(), alarms.at(&"a")), (3, Some(at(4)), Some(at(4))));
    alarms.disarm(&"c");
    assert_eq!(alarms.due(at(3)), None);
    assert_eq!((alarms.due(at(9)), alarms.due(at(9)), alarms.due(at(9))), (Some("a"), Some("b"), None));
    assert_eq!(TIMEOUT, Duration::from_secs(32));
}
