//! Records of calls told by hand: who, how long in which phase, and how transfers came out.

use super::*;
use crate::input::Destination;
use crate::mask::{Ears, LegMask, Place};
use crate::output::{Left, Outcome, Phase, QueueExit, Role, Status};
use crate::record::AgentTimes;

const CALL: CallId = CallId(7);
const SECOND: u64 = 1_000_000;
const EPOCH: i64 = 1_700_000_000_000_000;

struct Desk {
    recorder: Recorder,
    now: Moment,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self { recorder: Recorder::new(EPOCH), now: Moment(10 * SECOND) };
        desk.note(Event::CallStarted { call: CALL, room: None, door: None });
        desk
    }

    fn note(&mut self, event: Event) -> Option<CallRecord> {
        self.recorder.note(self.now, &event)
    }

    fn seconds(&mut self, seconds: u64) {
        self.now = Moment(self.now.0 + seconds * SECOND);
    }

    fn join(&mut self, who: u32, role: Role, agent: Option<&str>) {
        let agent = agent.map(|name| AgentName(name.to_owned()));
        self.note(Event::ParticipantJoined { call: CALL, who: ParticipantId(who), role, agent, name: who.to_string() });
        self.status(who, Status::Calling);
    }

    fn status(&mut self, who: u32, status: Status) {
        self.note(Event::StatusChanged { call: CALL, who: ParticipantId(who), status });
    }

    fn leave(&mut self, who: u32, why: Left) {
        self.note(Event::ParticipantLeft { call: CALL, who: ParticipantId(who), why });
    }

    fn phase(&mut self, phase: Phase) {
        self.note(Event::TransferChanged { call: CALL, phase, faces_target: true });
    }
}

fn bob() -> AgentName {
    AgentName("bob".to_owned())
}

/// Customer 1 talks to alice 2, who consults bob 3 and hands over.
fn warm_transfer() -> (CallRecord, Recorder, Moment) {
    let mut desk = Desk::new();
    desk.join(1, Role::Customer, None);
    desk.join(2, Role::Agent, Some("alice"));
    desk.status(2, Status::Ringing);
    desk.seconds(3);
    desk.status(1, Status::Live);
    desk.status(2, Status::Live);
    desk.seconds(20);
    desk.join(3, Role::Agent, Some("bob"));
    let to = Destination::Agent(bob());
    desk.note(Event::TransferStarted { call: CALL, by: ParticipantId(2), target: ParticipantId(3), to });
    desk.status(1, Status::Held);
    desk.phase(Phase::Calling);
    desk.seconds(5);
    desk.status(3, Status::Live);
    desk.phase(Phase::Private);
    desk.seconds(7);
    desk.status(1, Status::Live);
    desk.phase(Phase::Merged);
    desk.seconds(2);
    desk.note(Event::TransferEnded { call: CALL, outcome: Outcome::Completed });
    desk.leave(2, Left::Completed);
    desk.seconds(30);
    desk.leave(1, Left::HungUp);
    desk.leave(3, Left::Released);
    let record = desk.note(Event::CallEnded { call: CALL }).unwrap();
    (record, desk.recorder, desk.now)
}

#[test]
fn phases_of_a_warm_transfer_are_told_apart_and_add_up() {
    let (record, recorder, now) = warm_transfer();
    let seconds = |us: u64| us / SECOND;
    let times = |at: usize| record.parties[at].times;
    let apart = |t: AgentTimes| [t.ring_us, t.talk_us, t.hold_us, t.consult_us].map(seconds);
    assert_eq!(apart(times(0)), [3, 20 + 2 + 30, 5 + 7, 0]);
    assert_eq!(apart(times(1)), [3, 20 + 2, 0, 5 + 7]);
    assert_eq!(apart(times(2)), [5, 2 + 30, 0, 7]);
    for party in &record.parties {
        let in_call = party.left_at.unwrap() - party.joined_at;
        assert_eq!(i64::try_from(party.times.sum_us()).unwrap(), in_call);
    }
    let transfer = &record.transfers[0];
    assert_eq!(transfer.outcome, Some(Outcome::Completed));
    let after = |at: Option<i64>| (at.unwrap() - transfer.started_at) / 1_000_000;
    assert_eq!([after(transfer.answered_at), after(transfer.merged_at), after(transfer.ended_at)], [5, 12, 14]);
    let totals = recorder.totals(now);
    assert_eq!((totals[&bob()].calls, seconds(totals[&bob()].times.talk_us)), (1, 32));
    assert!(recorder.live(CALL, now).is_none());
}

#[test]
fn the_record_of_a_call_that_goes_on_counts_up_to_now() {
    let mut desk = Desk::new();
    desk.join(1, Role::Agent, Some("bob"));
    desk.status(1, Status::Live);
    desk.seconds(9);
    let record = desk.recorder.live(CALL, desk.now).unwrap();
    assert_eq!((record.parties[0].times.talk_us, record.ended_at), (9 * SECOND, None));
    assert_eq!(desk.recorder.totals(desk.now)[&bob()].times.talk_us, 9 * SECOND);
    assert_eq!(desk.recorder.live(CALL, desk.now), Some(record), "asking changes nothing");
}

#[test]
fn a_call_that_becomes_part_of_another_ends_there() {
    let mut desk = Desk::new();
    desk.join(1, Role::Customer, None);
    desk.status(1, Status::Live);
    desk.seconds(4);
    desk.note(Event::CallsJoined { call: CallId(3), joined: CALL });
    let record = desk.note(Event::CallEnded { call: CALL }).unwrap();
    assert_eq!(record.joined_into, Some(CallId(3)));
    let party = &record.parties[0];
    assert_eq!((party.times.talk_us, party.why), (4 * SECOND, None));
    assert_eq!(party.left_at, record.ended_at);
}

#[test]
fn whoever_takes_a_waiting_call_is_named_and_the_offers_before_are_kept() {
    let mut desk = Desk::new();
    let (who, queue) = (ParticipantId(1), "support".to_owned());
    desk.join(1, Role::Agent, None);
    desk.note(Event::QueueEntered { call: CALL, who, queue: queue.clone(), position: 1 });
    desk.status(1, Status::Queued);
    for (n, agent, how) in [(1, "carol", ReservationEnd::Expired), (2, "bob", ReservationEnd::Answered)] {
        let (reservation, agent) = (ReservationId(n), AgentName(agent.to_owned()));
        let until = desk.now;
        let offer = Event::Reserved { reservation, agent: agent.clone(), queue: queue.clone(), call: CALL, who, until };
        desk.note(offer);
        desk.seconds(15);
        desk.note(Event::ReservationEnded { reservation, agent, call: CALL, how });
    }
    desk.note(Event::QueueLeft { call: CALL, who, queue, how: QueueExit::Answered });
    desk.status(1, Status::Live);
    desk.seconds(60);
    let record = desk.recorder.live(CALL, desk.now).unwrap();
    let party = &record.parties[0];
    assert_eq!(party.agent, Some(bob()));
    assert_eq!((party.times.queued_us, party.times.talk_us), (30 * SECOND, 60 * SECOND));
    let wait = &record.queues[0];
    assert_eq!(wait.offered, [AgentName("carol".to_owned()), bob()]);
    assert_eq!((wait.how, wait.left_at.unwrap() - wait.entered_at), (Some(QueueExit::Answered), 30_000_000));
    let totals = desk.recorder.totals(desk.now)[&bob()];
    assert_eq!((totals.calls, totals.times.queued_us, totals.times.talk_us), (1, 0, 60 * SECOND));
    let carol = AgentName("carol".to_owned());
    let both = desk.recorder.totals_of(&[bob(), carol.clone()], desk.now);
    assert_eq!((both[&bob()], both[&carol]), (totals, AgentTotals::default()));
}

#[test]
fn wrap_up_is_counted_while_it_lasts_and_after() {
    let mut desk = Desk::new();
    desk.note(Event::AgentChanged { agent: bob(), state: AgentState::WrapUp });
    desk.seconds(8);
    assert_eq!(desk.recorder.totals(desk.now)[&bob()].wrap_up_us, 8 * SECOND);
    assert_eq!(desk.recorder.totals_together(desk.now).wrap_up_us, 8 * SECOND);
    desk.note(Event::AgentChanged { agent: bob(), state: AgentState::Ready });
    desk.seconds(8);
    assert_eq!(desk.recorder.totals(desk.now)[&bob()].wrap_up_us, 8 * SECOND);
}

#[test]
fn legs_are_taken_from_masks_that_come_before_the_call_began() {
    let mut recorder = Recorder::new(EPOCH);
    let (now, call, leg, who) = (Moment(1), CallId(1), LegId(5), ParticipantId(1));
    let mask = LegMask {
        leg,
        person: who,
        place: Place::Main,
        open: false,
        early: false,
        muted: false,
        ears: Ears::HoldMusic,
        supervises: None,
        cues: true,
    };
    recorder.masks(&ChangeSet { call, version: 1, full: true, legs: vec![mask], gone: Vec::new(), tightens: false });
    recorder.note(now, &Event::CallStarted { call, room: None, door: None });
    let joined = Event::ParticipantJoined { call, who, role: Role::Customer, agent: None, name: String::new() };
    recorder.note(now, &joined);
    let quality = Quality { received: 100, ..Quality::default() };
    assert!(recorder.quality(call, leg, quality.clone()) && !recorder.quality(call, LegId(6), quality.clone()));
    let mut record = recorder.note(now, &Event::CallEnded { call }).unwrap();
    assert_eq!(record.parties[0].legs[0].quality, Some(quality.clone()));
    assert!(!recorder.quality(call, leg, quality.clone()), "the call is over");
    assert!(record.set_quality(leg, Quality { lost: 1, ..quality }));
    assert_eq!(record.parties[0].legs[0].quality.as_ref().unwrap().lost, 1);
}

#[test]
fn a_room_that_never_closes_forgets_the_oldest_who_left() {
    let mut desk = Desk::new();
    desk.join(1, Role::Agent, Some("bob"));
    for who in 2..10_050 {
        desk.join(who, Role::Customer, None);
        desk.leave(who, Left::HungUp);
    }
    let record = desk.recorder.live(CALL, desk.now).unwrap();
    assert_eq!(record.parties.len(), 10_000);
    assert_eq!(record.parties[0].who, ParticipantId(1), "who is in is never forgotten");
    assert_eq!(record.forgotten, 49);
}
