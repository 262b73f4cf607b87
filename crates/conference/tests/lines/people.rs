//! Random people around queues: customers, agents, what their phones do, what is asked of them.

use std::collections::BTreeSet;
use std::time::Duration;

use conference::{
    AgentName, AgentSettings, Asker, Availability, CallView, Caller, Command, Destination, Direction, Effect, Ending,
    LegId, Moment, Output, ParticipantView, Phone, QueueSettings, Report, Role, Settings, Strategy, Switchboard,
};

use super::Lines;
use crate::random::Random;

pub const AGENTS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
pub const QUEUES: [&str; 3] = ["gold", "second", "support"];

fn name(text: &str) -> AgentName {
    AgentName(text.to_owned())
}

fn queue(text: &str) -> Destination {
    Destination::Queue(text.to_owned())
}

/// Queues of every kind; they differ from seed to seed.
pub fn settings(random: &mut Random) -> Settings {
    let strategies = [Strategy::LongestIdle, Strategy::RoundRobin, Strategy::RingAll, Strategy::Skills];
    let mut settings = Settings::default();
    for (at, agent) in AGENTS.iter().enumerate() {
        let mut known = AgentSettings { max_calls: 2, ..AgentSettings::default() };
        for queue in QUEUES {
            if random.chance(60) {
                known.queues.insert(queue.to_owned());
            }
        }
        let level = u8::try_from(1 + random.below(4)).unwrap_or(1);
        known.skills.insert("french".to_owned(), level);
        known.supervisor = at == 5;
        settings.agents.insert(name(agent), known);
    }
    for queue_name in QUEUES {
        let seconds = |random: &mut Random, most| Duration::from_secs(random.below(most) as u64);
        let mut about = QueueSettings {
            strategy: strategies[random.below(4)],
            ring_timeout: Duration::from_secs(1 + random.below(20) as u64),
            wrap_up: if random.chance(50) { Duration::ZERO } else { seconds(random, 20) },
            max_length: u32::try_from(1 + random.below(6)).unwrap_or(1),
            max_wait: if random.chance(50) { Duration::ZERO } else { seconds(random, 90) },
            wait_when_empty: random.chance(70),
            position_every: seconds(random, 40),
            priority: u8::try_from(random.below(3)).unwrap_or(0),
            ..QueueSettings::default()
        };
        about.overflow = match random.below(5) {
            0 | 1 => Some(queue(QUEUES[random.below(3)])),
            2 => Some(Destination::Agent(name(AGENTS[random.below(6)]))),
            3 => Some(Destination::Outside { trunk: "pstn".to_owned(), number: "+4977".to_owned() }),
            _ => None,
        };
        if about.strategy == Strategy::Skills {
            about.skills.insert("french".to_owned(), 2);
        }
        settings.queues.insert(queue_name.to_owned(), about);
    }
    settings.transfer.fallback = random.chance(60).then(|| queue(QUEUES[random.below(3)]));
    settings
}

/// A house with queues, the naive reading beside it, and what was put in.
pub struct People {
    pub board: Switchboard,
    pub lines: Lines,
    pub now: Moment,
    pub random: Random,
    pub inputs: Vec<(Moment, String)>,
    pub probes: Vec<LegId>,
    next_leg: u64,
    over: Vec<LegId>,
}

impl People {
    pub fn new(seed: u64) -> Result<Self, String> {
        let mut random = Random::new(seed);
        let settings = settings(&mut random);
        Self::with(settings, random)
    }

    pub fn with(settings: Settings, random: Random) -> Result<Self, String> {
        let mut people = Self {
            board: Switchboard::new(),
            lines: Lines::default(),
            now: Moment(1_000_000),
            random,
            inputs: Vec::new(),
            probes: Vec::new(),
            next_leg: 0,
            over: Vec::new(),
        };
        people.command(Command::Configure(settings))?;
        for agent in AGENTS {
            people.report(Report::Registered { agent: name(agent), phones: 1 })?;
        }
        Ok(people)
    }

    fn note(&mut self, input: String) {
        self.inputs.push((self.now, input));
        self.lines.now = self.now;
    }

    fn came_out(&mut self, outputs: &[Output]) -> Result<(), String> {
        for output in outputs {
            match output {
                Output::Effect(Effect::Hangup { leg, .. } | Effect::Reject { leg, .. }) => self.over.push(*leg),
                Output::Effect(Effect::Probe { leg }) => self.probes.push(*leg),
                _ => {}
            }
        }
        self.over.drain(..self.over.len().saturating_sub(20));
        self.lines.outputs(outputs, &self.board)
    }

    pub fn command(&mut self, command: Command) -> Result<bool, String> {
        self.note(format!("{command:?}"));
        let before = self.board.clone();
        match self.board.command(self.now, command.clone()) {
            Ok(outputs) => {
                self.lines.commanded(&command);
                self.came_out(&outputs)?;
                Ok(true)
            }
            Err(_) if self.board == before => Ok(false),
            Err(refusal) => Err(format!("a refusal changed something: {}", refusal.code())),
        }
    }

    pub fn report(&mut self, report: Report) -> Result<(), String> {
        self.note(format!("{report:?}"));
        self.lines.reported(&report);
        let outputs = self.board.report(self.now, report);
        self.came_out(&outputs)
    }

    /// Lets time pass, with every probe answered.
    pub fn pass(&mut self, span: Duration) -> Result<(), String> {
        let until = self.now + span;
        while let Some(deadline) = self.board.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.note("time".to_owned());
            let outputs = self.board.expire(self.now);
            self.came_out(&outputs)?;
            if self.board.deadline().is_some_and(|deadline| deadline <= self.now) {
                return Err("a deadline was not met".to_owned());
            }
            for leg in std::mem::take(&mut self.probes) {
                self.report(Report::Probed { leg, alive: true })?;
            }
        }
        self.now = until;
        Ok(())
    }

    pub fn arrives(&mut self, caller: Caller, to: Destination) -> Result<LegId, String> {
        self.next_leg += 1;
        let leg = LegId::arrived(self.next_leg);
        let shown = format!("{to:?}");
        self.report(Report::Arrived { leg, caller, to, shown, direction: Direction::Both })?;
        Ok(leg)
    }

    pub fn customer(&mut self, to: Destination) -> Result<LegId, String> {
        let number = format!("+49{}", self.random.below(50));
        self.arrives(Caller::Customer { trunk: "pstn".to_owned(), number }, to)
    }

    fn someone(&mut self) -> AgentName {
        name(AGENTS[self.random.below(AGENTS.len())])
    }

    fn somewhere(&mut self) -> Destination {
        queue(QUEUES[self.random.below(QUEUES.len())])
    }

    fn legs(
        &self,
        wanted: impl Fn(&CallView, &ParticipantView, bool) -> bool,
    ) -> Vec<(CallView, ParticipantView, LegId)> {
        let mut legs = Vec::new();
        for call in self.board.calls() {
            for person in &call.participants {
                for leg in person.legs.iter().filter(|leg| wanted(&call, person, leg.live)) {
                    legs.push((call.clone(), person.clone(), leg.leg));
                }
            }
        }
        legs
    }

    /// One random thing.
    pub fn step(&mut self) -> Result<(), String> {
        match self.random.below(100) {
            0..=17 => {
                let to = self.somewhere();
                if self.board.call_ids().count() < 9 {
                    self.customer(to)?;
                }
                Ok(())
            }
            18..=24 => {
                let span = [400, 3_000, 6_000, 20_000][self.random.below(4)];
                let span = Duration::from_millis(1 + self.random.below(span) as u64);
                self.pass(span)
            }
            25..=49 => self.phones(),
            50..=58 => self.offers(),
            59..=66 => {
                let phones = u32::from(self.random.chance(75));
                let agent = self.someone();
                self.report(Report::Registered { agent, phones })
            }
            67..=73 => {
                let agent = self.someone();
                let availability = match self.random.below(5) {
                    0 => Availability::Paused,
                    1 => Availability::WrapUp,
                    _ => Availability::Ready,
                };
                self.command(Command::SetState { by: Asker::Agent(agent.clone()), agent, availability }).map(drop)
            }
            74..=75 => {
                let (queue, open) = (QUEUES[self.random.below(3)].to_owned(), self.random.chance(70));
                self.report(Report::Hours { queue, open })
            }
            76..=80 => {
                let (agent, other) = (self.someone(), self.someone());
                let to = if self.random.chance(50) { self.somewhere() } else { Destination::Agent(other) };
                let phone = Phone(format!("{agent}-{}", self.random.below(2)));
                if self.board.call_ids().count() < 12 {
                    self.arrives(Caller::Agent { name: agent, phone }, to)?;
                }
                Ok(())
            }
            81..=82 => {
                let mut settings = self.board.settings().clone();
                let agent = self.someone();
                let queue = QUEUES[self.random.below(3)].to_owned();
                if let Some(known) = settings.agents.get_mut(&agent)
                    && !known.queues.remove(&queue)
                {
                    known.queues.insert(queue);
                }
                self.command(Command::Configure(settings)).map(drop)
            }
            83 => self.late(),
            _ => self.asks(),
        }
    }

    /// A leg rings, answers, fails or hangs up.
    fn phones(&mut self) -> Result<(), String> {
        let ringing = self.legs(|_, _, live| !live);
        if self.random.chance(65)
            && let Some((_, person, leg)) = self.random.pick(&ringing)
            && leg.is_rung()
        {
            return match self.random.below(10) {
                0..=1 => self.report(Report::Ringing { leg }),
                2 => {
                    let status = [486, 603, 480, 408, 503][self.random.below(5)];
                    self.report(Report::Failed { leg, status })
                }
                3 => self.report(Report::Ended { leg, how: Ending::Dead }),
                _ => {
                    let phone = person.agent.map(|agent| Phone(format!("{agent}-0")));
                    self.report(Report::Answered { leg, direction: Direction::Both, phone })
                }
            };
        }
        let live = self.legs(|_, _, live| live);
        let Some((_, _, leg)) = self.random.pick(&live) else { return Ok(()) };
        match self.random.below(10) {
            0..=5 => {
                let how = if self.random.chance(90) { Ending::Bye } else { Ending::Dead };
                self.report(Report::Ended { leg, how })
            }
            6 | 7 => self.report(Report::Offered { leg, direction: Direction::Away }),
            _ => self.report(Report::Offered { leg, direction: Direction::Both }),
        }
    }

    /// An offered agent says yes or no by command; sometimes somebody else tries to.
    fn offers(&mut self) -> Result<(), String> {
        let offers: Vec<_> = self.board.reservations().collect();
        let Some(offer) = self.random.pick(&offers) else { return Ok(()) };
        let by = if self.random.chance(90) { offer.agent.clone() } else { self.someone() };
        let (reservation, by) = (offer.id, Asker::Agent(by));
        let accept = self.random.chance(40);
        let command = if accept { Command::Accept { reservation, by } } else { Command::Reject { reservation, by } };
        self.command(command).map(drop)
    }

    /// What comes too late.
    fn late(&mut self) -> Result<(), String> {
        let over = self.over.clone();
        let Some(leg) = self.random.pick(&over) else { return Ok(()) };
        self.report(Report::Answered { leg, direction: Direction::Both, phone: None })
    }

    /// An agent in a call asks for a step of a transfer, mostly to a queue.
    fn asks(&mut self) -> Result<(), String> {
        let agents = self.legs(|_, person, live| live && person.role == Role::Agent);
        let Some((view, person, leg)) = self.random.pick(&agents) else { return Ok(()) };
        let (call, by) = (view.id, Asker::Leg(leg));
        if view.transfer.is_none() && self.random.chance(80) {
            if self.random.chance(30)
                && let Some((name, phone)) =
                    person.agent.clone().zip(person.legs.first().and_then(|leg| leg.phone.clone()))
            {
                let to = self.somewhere();
                return self.arrives(Caller::Agent { name, phone }, to).map(drop);
            }
            let agent = self.someone();
            let target = if self.random.chance(85) { self.somewhere() } else { Destination::Agent(agent) };
            return self.command(Command::Start { call, by, target, shown: "shown".to_owned() }).map(drop);
        }
        let people: Vec<_> = view.participants.iter().map(|person| person.who).collect();
        let who = self.random.pick(&people).unwrap_or(person.who);
        let own: Vec<LegId> = self
            .legs(|_, other, live| live && other.agent.is_some() && other.agent == person.agent)
            .into_iter()
            .map(|(_, _, leg)| leg)
            .filter(|other| *other != leg)
            .collect();
        let join = self.random.pick(&own).map(|named| Command::Join { by: leg, named });
        let command = match self.random.below(12) {
            0 | 1 => Command::Cancel { call, by },
            2 | 3 => Command::Complete { call, by },
            4 => Command::Swap { call, by },
            5 => Command::Merge { call, by },
            6 => Command::Hold { call, by, who },
            7 => Command::Unhold { call, by, who },
            8 => Command::Remove { call, by, who },
            9 if self.random.chance(30) => Command::End { call, by },
            _ => join.unwrap_or(Command::Cancel { call, by }),
        };
        self.command(command).map(drop)
    }

    /// Everybody hangs up; nothing may be left.
    pub fn everybody_leaves(&mut self) -> Result<(), String> {
        for _ in 0..50 {
            let legs: BTreeSet<LegId> = self.legs(|_, _, _| true).into_iter().map(|(_, _, leg)| leg).collect();
            if legs.is_empty() {
                break;
            }
            for leg in legs {
                self.report(Report::Ended { leg, how: Ending::Bye })?;
            }
        }
        if !self.board.is_idle() {
            return Err(format!("something is left: {:?}", self.board.calls().collect::<Vec<_>>()));
        }
        Ok(())
    }

    /// Everybody only waits, as long as it takes.
    pub fn wait_it_out(&mut self) -> Result<(), String> {
        self.pass(Duration::from_secs(300))
    }

    pub fn shown(&self, seed: u64, finding: &str, last: usize) -> String {
        let from = self.inputs.len().saturating_sub(last);
        let mut text = format!("BATON_SEED={seed}: {finding}\n");
        for (at, input) in &self.inputs[from..] {
            text.push_str(&format!("  {:>9} ms  {input}\n", at.0 / 1000));
        }
        text
    }
}
