//! Random people: what they press, what their phones do, what comes late. Keeps what it did, so that a finding can be
//! shrunk and shown.
#![allow(dead_code, unreachable_pub, clippy::wildcard_enum_match_arm, clippy::unwrap_used, clippy::print_stdout)]

pub mod asking;
pub mod cells;
pub mod choose;
pub mod doors;
pub mod duties;
pub mod keys;
pub mod random;
pub mod shown;
pub mod unasked;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use conference::{
    AgentName, AgentSettings, CallId, CallView, Command, Effect, Ending, LegId, LegMask, Moment, Output, QueueSettings,
    Report, RoomSettings, Settings, Strategy, Switchboard,
};

use crate::oracle::{Finding, Oracle};
use cells::Cells;
use doors::Doors;
use duties::End;
use keys::Held;
use random::Random;
use shown::Shown;
use unasked::Customers;

/// One input, with when it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Command(Command),
    Report(Report),
    Expire,
}

/// A house, the oracle beside it, and what happened so far.
#[derive(Clone)]
pub struct Walk {
    pub board: Switchboard,
    pub oracle: Oracle,
    pub now: Moment,
    pub random: Random,
    pub inputs: Vec<(Moment, Input)>,
    pub cells: Cells,
    pub refused: u64,
    pub serde_trips: u64,
    next_leg: u64,
    /// Legs that are over: reports about them come late.
    pub over: Vec<LegId>,
    pub probes: Vec<LegId>,
    /// Whether the state is stored and thawed from time to time.
    keep_serde: bool,
    /// The masks before the last input.
    before: BTreeMap<CallId, BTreeMap<LegId, LegMask>>,
    customers: Customers,
    /// Keys that somebody is about to press.
    typing: VecDeque<(LegId, char)>,
    /// Numbers of which the dial plan is asked.
    pub lookups: Vec<(LegId, String)>,
    /// What was pressed and means nothing yet.
    held: BTreeMap<LegId, Held>,
    /// Until when a complete may be a late one, by call and agent.
    bereft: BTreeMap<(CallId, AgentName), Moment>,
    shown: Shown,
    /// What the last key asked for, if it was allowed.
    keyed: Option<Command>,
    /// Legs that took the place of others.
    pub moved: BTreeMap<LegId, LegId>,
    doors: Doors,
}

pub const AGENTS: [&str; 5] = ["alice", "bob", "carol", "dave", "susan"];

/// The settings of a walk; they differ from seed to seed.
pub fn settings(random: &mut Random) -> Settings {
    let mut settings = Settings::default();
    for name in AGENTS {
        let known = AgentSettings { max_calls: 2, supervisor: name == "susan", ..AgentSettings::default() };
        settings.agents.insert(AgentName(name.to_owned()), known);
    }
    queue_of(&mut settings, random);
    settings.rooms.insert(
        "lobby".to_owned(),
        RoomSettings { max_participants: 4, wait_for_agent: true, ..RoomSettings::default() },
    );
    let vault = RoomSettings { pin: doors::PIN.to_owned(), max_participants: 4, ..RoomSettings::default() };
    settings.rooms.insert(doors::VAULT.to_owned(), vault);
    settings.transfer.supervise_consults = random.chance(30);
    settings.transfer.fallback = match random.below(4) {
        0 => None,
        1 => Some(conference::Destination::Agent(AgentName("dave".to_owned()))),
        2 => Some(conference::Destination::Queue("support".to_owned())),
        _ => Some(conference::Destination::Outside { trunk: "pstn".to_owned(), number: "+4999".to_owned() }),
    };
    settings
}

/// One queue; nobody waits in it for ever.
fn queue_of(settings: &mut Settings, random: &mut Random) {
    for name in ["alice", "bob", "carol"] {
        let known = settings.agents.entry(AgentName(name.to_owned())).or_default();
        known.queues.insert("support".to_owned());
    }
    let about = QueueSettings {
        strategy: if random.chance(30) { Strategy::RingAll } else { Strategy::LongestIdle },
        wrap_up: Duration::from_secs(if random.chance(30) { 10 } else { 0 }),
        max_wait: Duration::from_secs(60),
        max_length: 4,
        overflow: random.chance(30).then(|| conference::Destination::Agent(AgentName("dave".to_owned()))),
        ..QueueSettings::default()
    };
    settings.queues.insert("support".to_owned(), about);
}

impl Walk {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let settings = settings(&mut random);
        let mut walk = Self::empty(random);
        walk.apply(Input::Command(Command::Configure(settings))).unwrap();
        for name in AGENTS {
            let agent = AgentName(name.to_owned());
            walk.apply(Input::Report(Report::Registered { agent, phones: 1 })).unwrap();
        }
        walk
    }

    pub fn empty(random: Random) -> Self {
        Self {
            board: Switchboard::new(),
            oracle: Oracle::default(),
            now: Moment(1_000_000),
            random,
            inputs: Vec::new(),
            cells: Cells::default(),
            refused: 0,
            serde_trips: 0,
            next_leg: 0,
            over: Vec::new(),
            probes: Vec::new(),
            keep_serde: true,
            before: BTreeMap::new(),
            customers: Customers::default(),
            typing: VecDeque::new(),
            lookups: Vec::new(),
            held: BTreeMap::new(),
            bereft: BTreeMap::new(),
            shown: Shown::default(),
            keyed: None,
            moved: BTreeMap::new(),
            doors: Doors::default(),
        }
    }

    pub fn new_leg(&mut self) -> LegId {
        self.next_leg += 1;
        LegId::arrived(self.next_leg)
    }

    /// Gives one input to the house and the oracle, and compares.
    pub fn apply(&mut self, input: Input) -> Result<Vec<Output>, Finding> {
        self.inputs.push((self.now, input.clone()));
        self.cells.note(&self.board, &input);
        self.customers.note(&self.board, &input);
        self.oracle.now = self.now;
        let calls: Vec<CallView> = self.board.calls().collect();
        self.before = self.oracle.mixer.calls.iter().map(|(id, (_, masks))| (*id, masks.clone())).collect();
        self.keyed = None;
        let Some(outputs) = self.give(&input)? else { return Ok(Vec::new()) };
        for output in &outputs {
            match output {
                Output::Effect(Effect::Hangup { leg, .. } | Effect::Reject { leg, .. }) => self.over.push(*leg),
                Output::Effect(Effect::Probe { leg }) => self.probes.push(*leg),
                Output::Effect(Effect::Answer { leg }) => {
                    if let Input::Report(Report::Replaced { leg: new, old, .. }) = &input
                        && new == leg
                    {
                        self.moved.insert(*old, *new);
                    }
                }
                _ => {}
            }
        }
        if self.over.len() > 20 {
            self.over.drain(..10);
        }
        self.oracle.check(&self.board)?;
        self.asked_rightly(&calls, &input, &outputs)?;
        self.note_keys(&calls, &input, &outputs)?;
        self.phones_show_who_is_there(&input, &outputs)?;
        self.owed(&calls, &outputs, &input)?;
        self.nobody_meets_unasked(&calls, &input)?;
        self.rooms_are_shut(&calls, &input, &outputs)?;
        Ok(outputs)
    }

    /// Gives one input to the house, and what came out to the oracle; nothing if it was refused.
    fn give(&mut self, input: &Input) -> Result<Option<Vec<Output>>, Finding> {
        let report = match input {
            Input::Command(command) => {
                let before = self.board.clone();
                return match self.board.command(self.now, command.clone()) {
                    Ok(outputs) => {
                        self.oracle.commanded(command, &outputs).map_err(told)?;
                        Ok(Some(outputs))
                    }
                    Err(refusal) => {
                        self.refused += 1;
                        let same = self.board == before;
                        if same { Ok(None) } else { Err(("a refusal changed something", refusal.code().to_owned())) }
                    }
                };
            }
            Input::Expire => {
                let outputs = self.board.expire(self.now);
                if self.board.deadline().is_some_and(|deadline| deadline <= self.now) {
                    return Err(("time", "a deadline was not met".to_owned()));
                }
                self.oracle.expired(&outputs).map_err(told)?;
                self.keys_waited(&outputs)?;
                return Ok(Some(outputs));
            }
            Input::Report(report) => report,
        };
        let keys = matches!(report, Report::Digit { .. } | Report::Looked { .. });
        let before = keys.then(|| self.board.clone());
        let outputs = self.board.report(self.now, report.clone());
        match (report, before) {
            (Report::Digit { leg, key }, Some(before)) => self.pressed(before, *leg, *key, &outputs)?,
            (Report::Looked { leg, target, shown }, Some(before)) => {
                self.looked(before, *leg, (target.clone(), shown.clone()), &outputs)?;
            }
            _ => self.oracle.reported(report, &outputs).map_err(told)?,
        }
        Ok(Some(outputs))
    }

    /// One random thing.
    pub fn step(&mut self) -> Result<(), Finding> {
        if self.keep_serde && self.random.chance(2) {
            self.thaw()?;
        }
        let input = self.choose();
        self.apply(input).map(drop)
    }

    /// Stores the whole state and goes on with what was stored.
    fn thaw(&mut self) -> Result<(), Finding> {
        // what the mixer says of who talks is not kept: it says it anew
        for leg in self.oracle.talk.legs.clone() {
            self.apply(Input::Report(Report::Talks { leg, talks: false }))?;
        }
        let stored = serde_json::to_string(&self.board).map_err(|error| ("serde", error.to_string()))?;
        let thawed: Switchboard = serde_json::from_str(&stored).map_err(|error| ("serde", error.to_string()))?;
        if thawed != self.board {
            return Err(("serde", "the state differs after it was stored".to_owned()));
        }
        self.board = thawed;
        self.serde_trips += 1;
        Ok(())
    }

    /// Lets time pass with every probe answered as `alive`, stopping at every deadline.
    pub fn pass(&mut self, span: Duration, alive: bool) -> Result<(), Finding> {
        let until = self.now + span;
        let mut rounds = 0;
        while let Some(deadline) = self.board.deadline().filter(|deadline| *deadline <= until) {
            rounds += 1;
            if rounds > 20_000 {
                return Err(("time", "deadlines without end".to_owned()));
            }
            self.now = self.now.max(deadline);
            self.apply(Input::Expire)?;
            for leg in std::mem::take(&mut self.probes) {
                self.apply(Input::Report(Report::Probed { leg, alive }))?;
            }
        }
        self.now = until;
        Ok(())
    }

    /// Every leg there is.
    pub fn legs(&self) -> Vec<LegId> {
        let people = self.board.calls().flat_map(|call| call.participants);
        people.flat_map(|person| person.legs).map(|leg| leg.leg).collect()
    }

    /// Everybody hangs up; nothing may be left.
    pub fn everybody_leaves(&mut self) -> Result<(), Finding> {
        for _ in 0..50 {
            let legs = self.legs();
            if legs.is_empty() {
                break;
            }
            for leg in legs {
                self.apply(Input::Report(Report::Ended { leg, how: Ending::Bye }))?;
            }
        }
        if !self.board.is_idle() {
            return Err(("nothing is left", format!("{:?}", self.board.calls().collect::<Vec<_>>())));
        }
        if self.oracle.transfers_begun != self.oracle.transfers_ended {
            return Err(("outcome", "a transfer has no outcome, or two".to_owned()));
        }
        Ok(())
    }

    pub fn calls(&self) -> Vec<CallId> {
        self.board.call_ids().collect()
    }
}

fn told(text: String) -> Finding {
    let kind = ["law 2", "outcome"].into_iter().find(|kind| text.starts_with(kind)).unwrap_or("history");
    (kind, text)
}

/// Plays recorded inputs again, and how it ended; the first finding, if any, and after how many inputs.
pub fn replay(inputs: &[(Moment, Input)], end: Option<End>) -> Option<(usize, Finding)> {
    let mut walk = Walk::empty(Random::new(0));
    walk.keep_serde = false;
    for (at, (now, input)) in inputs.iter().enumerate() {
        walk.now = *now;
        if let Err(finding) = walk.apply(input.clone()) {
            return Some((at + 1, finding));
        }
    }
    let finding = walk.wind_down(end?).err()?;
    Some((inputs.len(), finding))
}

/// The shortest list of inputs, found by leaving out one after the other, that still shows the same kind of finding.
pub fn shrink(inputs: &[(Moment, Input)], kind: &str, end: Option<End>) -> Vec<(Moment, Input)> {
    let mut short = inputs.to_vec();
    loop {
        let before = short.len();
        let mut at = short.len();
        while at > 1 {
            at = (at - 1).min(short.len() - 1);
            let mut shorter = short.clone();
            shorter.remove(at);
            if let Some((needed, finding)) = replay(&shorter, end).filter(|(_, finding)| finding.0 == kind) {
                let _ = finding;
                shorter.truncate(needed);
                short = shorter;
            }
        }
        if short.len() == before {
            return short;
        }
    }
}

/// A finding as a person can read it. `end`: how the walk was to end after these inputs.
pub fn show(seed: u64, inputs: &[(Moment, Input)], finding: &Finding, end: Option<End>) -> String {
    let short = shrink(inputs, finding.0, end);
    let last = replay(&short, end).map_or_else(|| finding.clone(), |(_, finding)| finding);
    let mut text = format!("BATON_SEED={seed}: {}: {}\nshortest way there, then {end:?}:\n", last.0, last.1);
    for (now, input) in short.iter().skip(1) {
        text.push_str(&format!("  {:>9} ms  {input:?}\n", now.0 / 1000));
    }
    text
}
