//! Times of agents through transfers, on virtual time: talk, hold, consult and wrap-up apart, and the phases of everybody
//! add up to the time they were in the call. Random walks do the same in `record`.
#![allow(clippy::unwrap_used, missing_docs)]

mod floor;
mod house;

use conference::record::{AgentTotals, CallRecord, Recorder};
use conference::{AgentName, AgentState, Direction, Ending, LegId, Output};
use floor::with_support;
use house::{House, IntoAgent as _, agent, settings};

const SECOND: u64 = 1_000_000;

/// A house whose events are written down.
struct Timed {
    house: House,
    recorder: Recorder,
    records: Vec<CallRecord>,
    /// Outputs of the house that are written down.
    noted: usize,
}

impl Timed {
    fn new(house: House) -> Self {
        let mut timed = Self { house, recorder: Recorder::new(0), records: Vec::new(), noted: 0 };
        timed.note();
        timed
    }

    fn note(&mut self) {
        for output in &self.house.all[self.noted..] {
            if let Output::Event(event) = output {
                self.records.extend(self.recorder.note(self.house.now, event));
            }
        }
        self.noted = self.house.all.len();
    }

    /// Something happens, and then nothing for so long.
    fn does<T>(&mut self, seconds: u64, what: impl FnOnce(&mut House) -> T) -> T {
        let done = what(&mut self.house);
        self.note();
        for _ in 0..seconds {
            self.house.wait_alive(1);
            self.note();
        }
        done
    }

    /// Rings, answers: (agent, customer); the customer is called and rings for five seconds, and talks for twenty.
    fn call_with_customer(&mut self) -> (LegId, LegId) {
        let a = self.does(0, |house| house.dials("alice", house::outside("+4930")));
        let c = self.house.rung();
        self.does(5, |house| house.ringing(c));
        self.does(20, |house| house.answers(c));
        (a, c)
    }

    /// Ring, talk, hold, consult, in seconds, of the agent or number in the only record; the record adds up.
    fn of(&self, name: &str) -> [u64; 4] {
        let [record] = &self.records[..] else { panic!("{:?}", self.records) };
        for party in &record.parties {
            let in_call = party.left_at.unwrap() - party.joined_at;
            assert_eq!(i64::try_from(party.times.sum_us()).unwrap(), in_call, "{party:?}");
        }
        let is = |agent: &AgentName| agent.0 == name;
        let party = record.parties.iter().find(|party| party.agent.as_ref().is_some_and(is) || party.name == name);
        let party = party.unwrap();
        let times = party.times;
        [times.ring_us, times.talk_us, times.hold_us, times.consult_us].map(|us| us / SECOND)
    }

    fn totals(&self, name: &str) -> AgentTotals {
        self.recorder.totals_of(&[name.into_agent()], self.house.now)[&name.into_agent()]
    }
}

#[test]
fn swaps_count_as_talk_with_the_customer_and_as_consult_with_the_target() {
    let mut timed = Timed::new(House::new());
    let (a, c) = timed.call_with_customer();
    timed.does(0, |house| house.starts(a, agent("bob")).unwrap());
    let b = timed.house.rung();
    timed.does(6, |house| house.ringing(b));
    timed.does(7, |house| house.answers(b));
    timed.does(4, |house| house.swaps(a).unwrap());
    timed.does(3, |house| house.swaps(a).unwrap());
    timed.does(2, |house| house.merges(a).unwrap());
    timed.does(30, |house| house.completes(a).unwrap());
    assert_eq!(timed.totals("bob").times.talk_us, 32 * SECOND, "while it goes on");
    timed.does(1, |house| house.ends(c, Ending::Bye));
    assert_eq!(timed.of("alice"), [5, 20 + 4 + 2, 0, 6 + 7 + 3]);
    assert_eq!(timed.of("+4930"), [5, 20 + 4 + 2 + 30, 6 + 7 + 3, 0]);
    assert_eq!(timed.of("bob"), [6, 2 + 30, 4, 7 + 3]);
    for name in ["alice", "bob"] {
        let (totals, [ring, talk, hold, consult]) = (timed.totals(name).times, timed.of(name));
        let counted = [totals.ring_us, totals.talk_us, totals.hold_us, totals.consult_us];
        assert_eq!(counted.map(|us| us / SECOND), [ring, talk, hold, consult], "{name}");
    }
}

#[test]
fn an_agent_who_put_the_customer_on_hold_and_faces_nobody_is_on_hold_too() {
    for by_phone in [true, false] {
        let mut timed = Timed::new(House::new());
        let (a, c) = timed.call_with_customer();
        if by_phone {
            timed.does(9, |house| house.offers(a, Direction::Away));
            timed.does(3, |house| house.offers(a, Direction::Both));
        } else {
            timed.does(9, |house| house.holds(a, c).unwrap());
            timed.does(3, |house| house.unholds(a, c).unwrap());
        }
        timed.does(1, |house| house.ends(c, Ending::Bye));
        assert_eq!(timed.of("alice"), [5, 23, 9, 0], "by phone: {by_phone}");
        assert_eq!(timed.of("+4930"), [5, 23, 9, 0], "by phone: {by_phone}");
    }
}

#[test]
fn an_initiator_who_parks_both_lines_is_on_hold_and_consults_while_the_target_rings() {
    let mut timed = Timed::new(House::new());
    let (a1, c) = timed.call_with_customer();
    timed.does(2, |house| house.offers(a1, Direction::Away));
    let a2 = timed.does(0, |house| house.dials("alice", agent("bob")));
    let b = timed.house.rung();
    timed.does(6, |house| house.ringing(b));
    timed.does(7, |house| house.answers(b));
    timed.does(8, |house| house.offers(a2, Direction::Away));
    timed.does(4, |house| house.offers(a1, Direction::Both));
    timed.does(1, |house| house.ends(c, Ending::Bye));
    timed.does(1, |house| house.ends(b, Ending::Bye));
    assert_eq!(timed.of("alice"), [5, 20 + 4 + 1, 2 + 8, 6 + 7], "the last second with bob alone");
    assert_eq!(timed.of("bob"), [6, 1, 8 + 4, 7]);
    assert_eq!(timed.of("+4930"), [5, 20 + 4, 2 + 6 + 7 + 8, 0]);
}

#[test]
fn a_queues_call_leads_to_wrap_up_and_nothing_is_counted_twice() {
    let settings = with_support(|support| support.wrap_up = std::time::Duration::from_secs(15));
    let mut timed = Timed::new(House::on_duty_with(settings, &["bob"]));
    let c = timed.does(4, |house| house.waits("+4930"));
    let b = timed.house.offer_leg("bob");
    timed.does(50, |house| house.answers(b));
    timed.does(10, |house| house.ends(c, Ending::Bye));
    assert_eq!(timed.house.state("bob"), AgentState::WrapUp);
    assert_eq!(timed.totals("bob").wrap_up_us, 10 * SECOND, "while it lasts");
    timed.does(40, |_| ());
    let totals = timed.totals("bob");
    assert_eq!((totals.calls, totals.times.talk_us, totals.wrap_up_us), (1, 50 * SECOND, 15 * SECOND));
    assert_eq!(timed.recorder.totals_together(timed.house.now), totals, "nobody else did anything");
    timed.does(0, |house| house.command(conference::Command::Configure(without_agents())).unwrap());
    assert_eq!(timed.recorder.totals_together(timed.house.now), totals, "the sum never falls");
}

fn without_agents() -> conference::Settings {
    let mut none = settings();
    none.agents.clear();
    none
}
