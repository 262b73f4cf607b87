//! Warm transfers, so many a second: customer, agent, consult, REFER with Replaces, target and customer talk, BYE; and
//! then what is left in the daemon's hands once every timer of the standards has run out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::answerer::Manner;
use crate::desk::{AGENT_SAYS, CUSTOMER_SAYS, TARGET_SAYS, Word};
use crate::desks::Desks;
use crate::house::{self, House};
use crate::media::Change;
use crate::report::{Aftermath, Report};
use crate::traffic::{PATIENCE, Plan, Traffic};
use crate::{Arguments, settle, turn_for};

/// Seconds a transfer may take before there are too few desks.
const DESKS_PER_RATE: u32 = 8;

/// How long customer and target talk.
const TALK: Duration = Duration::from_millis(1200);

/// After the last message the daemon remembers transactions for 32 s (RFC 3261 §17.2.2, timer J), and a port pair rests
/// for 30 s.
const FORGETTING: Duration = Duration::from_secs(36);

struct Handovers {
    traffic: Traffic,
    desks: Desks,
    /// The customer's Call-ID of each desk.
    customers: BTreeMap<usize, String>,
    completed: Vec<Duration>,
}

/// So many transfers a second.
pub(crate) fn transfers(arguments: &Arguments) -> Result<bool, String> {
    let count = (arguments.rate * DESKS_PER_RATE) as usize;
    let house = House::open(&arguments.baton, count)?;
    let manner = Manner { user: "bob", says: TARGET_SAYS, hears: AGENT_SAYS, never: Some(CUSTOMER_SAYS) };
    let failed = |why: std::io::Error| why.to_string();
    let mut handovers = Handovers {
        traffic: Traffic::open(house.address, manner).map_err(failed)?,
        desks: Desks::open(house.address, house::DOMAIN, count).map_err(failed)?,
        customers: BTreeMap::new(),
        completed: Vec::new(),
    };
    handovers.traffic.register(house::DOMAIN, 3600)?;
    handovers.desks.register(house::DOMAIN, 3600)?;
    let (before, start, cpu) = (house.files(), Instant::now(), house.cpu_seconds());
    handovers.offer(u64::from(arguments.rate) * arguments.seconds, arguments.rate)?;
    let offered = start.elapsed();
    handovers.settle();
    let cpu = house.cpu_seconds() - cpu;
    handovers.desks.register(house::DOMAIN, 0)?;
    handovers.traffic.register(house::DOMAIN, 0)?;
    turn_for(&mut handovers.traffic, FORGETTING);
    let after = house.files();
    let (mut outcome, late) = handovers.traffic.close();
    outcome.resent += handovers.desks.resent;
    let said = house.close()?;
    let aftermath = Aftermath { before, after, left: said.left };
    let report = Report::of_transfers(outcome, handovers.completed, offered, cpu, late, said.ticks, &aftermath);
    Ok(report.print())
}

impl Handovers {
    fn offer(&mut self, total: u64, rate: u32) -> Result<(), String> {
        let start = Instant::now();
        while self.traffic.outcome.started < total {
            let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
            while self.traffic.outcome.started <= due.min(total - 1) {
                self.begin()?;
            }
            self.turn();
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), String> {
        let legs = [self.traffic.new_leg(), self.traffic.new_leg()];
        let Some((desk, to)) = self.desks.take(legs) else {
            return Err("every desk is busy: transfers hang".to_owned());
        };
        let plan = Plan { to, says: CUSTOMER_SAYS, hears: vec![AGENT_SAYS], never: Some(TARGET_SAYS), talk: None };
        let call_id = self.traffic.start(plan).map_err(|why| format!("cannot start a call: {why}"))?;
        self.customers.insert(desk, call_id);
        Ok(())
    }

    fn turn(&mut self) {
        self.traffic.turn();
        for (desk, word) in self.desks.turn(self.traffic.media()) {
            self.follow(desk, word);
        }
    }

    /// Customer and target ought to hear something else from here on.
    fn follow(&mut self, desk: usize, word: Word) {
        let Some(customer) = self.customers.get(&desk) else { return };
        match word {
            Word::Held => {
                let music = Change { hears: Vec::new(), never: Some(TARGET_SAYS), await_voice: None };
                self.traffic.change_caller(customer, music);
            }
            Word::Referred => {
                let voice = |says| Change { hears: vec![says], never: None, await_voice: Some(says) };
                let both = self.traffic.change_caller(customer, voice(TARGET_SAYS))
                    && self.traffic.change_called(&format!("desk{desk}"), voice(CUSTOMER_SAYS));
                if !both {
                    self.traffic.outcome.fail("a transfer without a customer or a target");
                }
            }
            Word::Completed(after) => {
                self.completed.push(after);
                self.traffic.end_at(customer, Instant::now() + TALK);
            }
            Word::Failed(why) => {
                self.traffic.end_at(customer, Instant::now());
                self.traffic.outcome.fail(why);
            }
        }
    }

    /// Until every transfer has come to its end, or should have.
    fn settle(&mut self) {
        let end = Instant::now() + PATIENCE + PATIENCE;
        while (self.desks.busy() > 0 || self.traffic.open_calls() > 0) && Instant::now() < end {
            self.turn();
        }
        for _ in 0..self.desks.busy() {
            self.traffic.outcome.fail("a desk's lines were never ended");
        }
        settle(&mut self.traffic, Duration::ZERO);
    }
}
