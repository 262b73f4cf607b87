//! What happens next: mostly what people do, sometimes what nobody should.

use std::time::Duration;

use conference::{
    AgentName, Asker, Availability, CallView, Caller, Command, Destination, Direction, Ending, LegId, LegView,
    ParticipantView, Phone, Report, Role, Service, SuperviseMode,
};

use super::{AGENTS, Input, Walk};

/// A leg in its surroundings.
#[derive(Clone)]
struct Seen {
    call: CallView,
    person: ParticipantView,
    leg: LegView,
}

impl Walk {
    pub(super) fn choose(&mut self) -> Input {
        let calls: Vec<CallView> = self.board.calls().collect();
        if calls.len() < 3 || (calls.len() < 6 && self.random.chance(4)) {
            return self.arrival(&calls);
        }
        if self.random.chance(80)
            && let Some(key) = self.next_key()
        {
            return key;
        }
        if self.random.chance(80)
            && let Some(answer) = self.answers_lookup()
        {
            return answer;
        }
        if self.random.chance(30)
            && let Some(key) = self.types_at_door()
        {
            return key;
        }
        if self.random.chance(12)
            && let Some(input) = self.early_media(&calls)
        {
            return input;
        }
        match self.random.below(115) {
            107..=114 => self.on_the_floor(),
            100..=103 => self.keys(&calls).unwrap_or_else(|| self.time()),
            104..=106 => self.replaces(&calls).unwrap_or_else(|| self.time()),
            0..=7 => self.time(),
            8..=12 => self.late(),
            13..=15 => self.arrival(&calls),
            16..=23 => self.second_line(&calls).unwrap_or_else(|| self.time()),
            24..=58 => self.on_leg(&calls).unwrap_or_else(|| self.time()),
            _ => self.asked(&calls).unwrap_or_else(|| self.time()),
        }
    }

    fn legs_seen(calls: &[CallView]) -> Vec<Seen> {
        let people = calls.iter().flat_map(|call| call.participants.iter().map(move |person| (call, person)));
        let legs = people.flat_map(|(call, person)| person.legs.iter().map(move |leg| (call, person, leg)));
        let seen = |(call, person, leg): (&CallView, &ParticipantView, &LegView)| Seen {
            call: call.clone(),
            person: person.clone(),
            leg: leg.clone(),
        };
        legs.map(seen).collect()
    }

    fn agent_name(&mut self) -> AgentName {
        let name = AGENTS[self.random.below(AGENTS.len())];
        AgentName(name.to_owned())
    }

    pub(super) fn destination(&mut self) -> Destination {
        match self.random.below(23) {
            20..=22 => Destination::Queue("support".to_owned()),
            0..=12 => Destination::Agent(self.agent_name()),
            13..=15 => {
                let number = format!("+48{}", self.random.below(4));
                Destination::Outside { trunk: "pstn".to_owned(), number }
            }
            16 => Destination::Room(["lobby", "hall", super::doors::VAULT][self.random.below(3)].to_owned()),
            17 => Destination::Queue("support".to_owned()),
            18 => Destination::Service(if self.random.chance(50) { Service::Echo } else { Service::Music }),
            _ => Destination::Unknown,
        }
    }

    fn direction(&mut self) -> Direction {
        match self.random.below(20) {
            0 => Direction::Away,
            1 => Direction::Listens,
            _ => Direction::Both,
        }
    }

    fn arrival(&mut self, calls: &[CallView]) -> Input {
        let leg = if self.random.chance(1) && !calls.is_empty() {
            Self::legs_seen(calls).first().map_or(LegId::arrived(1), |seen| seen.leg.leg)
        } else {
            self.new_leg()
        };
        let caller = if self.random.chance(60) {
            Caller::Customer { trunk: "pstn".to_owned(), number: format!("+49{}", self.random.below(50)) }
        } else {
            let name = self.agent_name();
            let phone = Phone(format!("{name}-{}", self.random.below(2)));
            Caller::Agent { name, phone }
        };
        if self.random.chance(2) {
            let (from, to) = (self.agent_name(), self.destination());
            return Input::Command(Command::Dial { from, to });
        }
        let (to, direction) = (self.destination(), self.direction());
        let room = if self.random.chance(30) { super::doors::VAULT } else { "hall" };
        let to = if self.random.chance(15) { Destination::Room(room.to_owned()) } else { to };
        Input::Report(Report::Arrived { leg, caller, to, shown: "shown".to_owned(), direction })
    }

    /// A phone with a line calls somebody on another.
    fn second_line(&mut self, calls: &[CallView]) -> Option<Input> {
        let legs: Vec<Seen> = Self::legs_seen(calls)
            .into_iter()
            .filter(|seen| seen.leg.live && seen.leg.phone.is_some() && seen.person.legs.len() < 3)
            .collect();
        let seen = self.random.pick(&legs)?;
        let caller = Caller::Agent { name: seen.person.agent.clone()?, phone: seen.leg.phone.clone()? };
        let to = if self.random.chance(80) { Destination::Agent(self.agent_name()) } else { self.destination() };
        let leg = self.new_leg();
        Some(Input::Report(Report::Arrived { leg, caller, to, shown: "shown".to_owned(), direction: Direction::Both }))
    }

    /// Somebody presses keys: mostly an agent.
    fn keys(&mut self, calls: &[CallView]) -> Option<Input> {
        let legs = Self::legs_seen(calls);
        let agents: Vec<Seen> =
            legs.iter().filter(|seen| seen.leg.live && seen.person.agent.is_some()).cloned().collect();
        let seen = if self.random.chance(90) { self.random.pick(&agents) } else { None };
        let seen = seen.or_else(|| self.random.pick(&legs))?;
        Some(self.types(seen.leg.leg))
    }

    /// A phone changed its network, an agent picks up elsewhere, or a stranger tries to.
    fn replaces(&mut self, calls: &[CallView]) -> Option<Input> {
        let legs = Self::legs_seen(calls);
        let agents: Vec<Seen> = legs.iter().filter(|seen| seen.person.agent.is_some()).cloned().collect();
        let seen = if self.random.chance(95) { self.random.pick(&agents) } else { None };
        let seen = seen.or_else(|| self.random.pick(&legs))?;
        let owner = self.owner_of(&seen).filter(|_| self.random.chance(93));
        let caller = match owner.or_else(|| self.random.chance(60).then(|| self.agent_name())) {
            Some(name) => {
                let other = Phone(format!("{name}-{}", self.random.below(2)));
                let phone = seen.leg.phone.clone().filter(|_| self.random.chance(80)).unwrap_or(other);
                Caller::Agent { name, phone }
            }
            None => Caller::Customer { trunk: "pstn".to_owned(), number: "+4930".to_owned() },
        };
        let direction = match self.random.below(10) {
            0 | 1 => self.direction(),
            2 => Direction::Away,
            _ => seen.leg.direction,
        };
        let leg = self.new_leg();
        Some(Input::Report(Report::Replaced { leg, old: seen.leg.leg, caller, direction }))
    }

    fn time(&mut self) -> Input {
        let span = match self.random.below(10) {
            0..=4 => Duration::from_millis(self.random.below(600) as u64),
            5..=7 => Duration::from_millis(self.random.below(9_000) as u64),
            _ => Duration::from_millis(self.random.below(70_000) as u64),
        };
        let until = self.now + span;
        // The daemon wakes the core at its deadline, or a little late.
        self.now = match self.board.deadline() {
            Some(deadline) if deadline < until => {
                self.now.max(deadline) + Duration::from_millis(self.random.below(3) as u64)
            }
            _ => until,
        };
        if let Some(leg) = self.probes.pop() {
            let alive = self.random.chance(93);
            return Input::Report(Report::Probed { leg, alive });
        }
        Input::Expire
    }

    /// What comes too late, or about nobody.
    fn late(&mut self) -> Input {
        let over = self.over.clone();
        let leg = self.random.pick(&over).unwrap_or_else(|| LegId::rung(999_999));
        let key = conference::Key { digit: '*', duration_ms: 100 };
        Input::Report(match self.random.below(10) {
            6 => Report::Digit { leg, key },
            7 => {
                let legs = self.legs();
                let leg = self.random.pick(&legs).unwrap_or(leg);
                Report::Looked { leg, target: self.destination(), shown: "101".to_owned() }
            }
            8 => {
                let name = self.agent_name();
                let caller = Caller::Agent { phone: Phone(format!("{name}-0")), name };
                Report::Replaced { leg: self.new_leg(), old: leg, caller, direction: Direction::Both }
            }
            0 if self.random.chance(50) => Report::Early { leg, direction: Direction::Both },
            0 => Report::Ringing { leg },
            1 => Report::Answered { leg, direction: Direction::Both, phone: None },
            2 => Report::Failed { leg, status: 487 },
            3 => Report::Ended { leg, how: Ending::Bye },
            4 => Report::Offered { leg, direction: Direction::Both },
            5 => Report::Silent { leg },
            _ => Report::Probed { leg, alive: false },
        })
    }

    fn on_leg(&mut self, calls: &[CallView]) -> Option<Input> {
        let legs = Self::legs_seen(calls);
        let ringing: Vec<Seen> = legs.iter().filter(|seen| !seen.leg.live && seen.leg.leg.is_rung()).cloned().collect();
        let busy: Vec<Seen> = legs.iter().filter(|seen| seen.call.transfer.is_some()).cloned().collect();
        let first = match self.random.below(10) {
            0..=4 => self.random.pick(&ringing),
            5..=7 => self.random.pick(&busy),
            _ => None,
        };
        let seen = first.or_else(|| self.random.pick(&legs))?;
        let leg = seen.leg.leg;
        if !seen.leg.live && leg.is_rung() && self.random.chance(80) {
            return Some(Input::Report(self.ringing_leg(&seen)));
        }
        let report = match self.random.below(100) {
            0..=61 => {
                let away = seen.leg.direction == Direction::Away || seen.leg.assumed_away;
                let direction = match self.random.below(10) {
                    0 => Direction::Listens,
                    1 => Direction::Away,
                    _ if away => Direction::Both,
                    _ => Direction::Away,
                };
                Report::Offered { leg, direction }
            }
            62..=74 => {
                let how = match self.random.below(10) {
                    0 => Ending::Dead,
                    1 => Ending::Cancelled,
                    _ if !seen.leg.live => Ending::Cancelled,
                    _ => Ending::Bye,
                };
                Report::Ended { leg, how }
            }
            75..=79 => Report::Silent { leg },
            80..=89 => Report::Probed { leg, alive: self.random.chance(60) },
            90 => Report::Talks { leg, talks: !self.now.0.is_multiple_of(3) },
            91..=92 => Report::Ringing { leg },
            93..=95 => Report::Answered { leg, direction: Direction::Both, phone: None },
            96 => Report::Failed { leg, status: 503 },
            _ => return self.both_lines(&seen),
        };
        Some(Input::Report(report))
    }

    /// Somebody hangs up another line of the same phone, soon.
    fn both_lines(&mut self, seen: &Seen) -> Option<Input> {
        let other = self.random.pick(&seen.person.legs)?;
        Some(Input::Report(Report::Ended { leg: other.leg, how: Ending::Bye }))
    }

    /// An outside number rings: it has early media, or whoever consults it gives the call away, or lets others in meanwhile.
    fn early_media(&mut self, calls: &[CallView]) -> Option<Input> {
        let legs = Self::legs_seen(calls);
        let rings = |seen: &&Seen| !seen.leg.live && seen.leg.leg.is_rung() && self.owner_of(seen).is_none();
        let outside: Vec<Seen> = legs.iter().filter(rings).cloned().collect();
        let seen = self.random.pick(&outside)?;
        let (call, leg) = (seen.call.id, seen.leg.leg);
        let by = seen.call.transfer.as_ref().filter(|transfer| transfer.target == seen.person.who);
        let initiator = by.and_then(|by| seen.call.participants.iter().find(|person| person.who == by.by));
        match (self.random.below(10), initiator.and_then(|person| person.agent.clone())) {
            (0..=2, Some(agent)) => Some(Input::Command(Command::Complete { call, by: Asker::Agent(agent) })),
            (3, Some(agent)) => Some(Input::Command(Command::Swap { call, by: Asker::Agent(agent) })),
            _ => Some(Input::Report(Report::Early { leg, direction: self.direction() })),
        }
    }

    fn ringing_leg(&mut self, seen: &Seen) -> Report {
        let leg = seen.leg.leg;
        match self.random.below(10) {
            0 | 1 => Report::Ringing { leg },
            2 => Report::Early { leg, direction: self.direction() },
            3 => Report::Failed { leg, status: [486, 603, 480, 408, 488, 302][self.random.below(6)] },
            _ => {
                let name = self.owner_of(seen);
                let phone = name.map(|name| Phone(format!("{name}-{}", self.random.below(2))));
                Report::Answered { leg, direction: self.direction(), phone }
            }
        }
    }

    /// Whose leg it is: of somebody who will be an agent, whoever is offered the call.
    fn owner_of(&self, seen: &Seen) -> Option<AgentName> {
        let offer =
            || self.board.reservations().find(|offer| (offer.call, offer.who) == (seen.call.id, seen.person.who));
        seen.person.agent.clone().or_else(|| offer().map(|offer| offer.agent))
    }

    /// What agents say of themselves, and what their phones do without a call.
    fn on_the_floor(&mut self) -> Input {
        let agent = self.agent_name();
        let by = if self.random.chance(80) { Asker::Agent(agent.clone()) } else { Asker::Operator };
        let offers: Vec<_> = self.board.reservations().map(|offer| offer.id).collect();
        match (self.random.below(10), self.random.pick(&offers)) {
            (0..=2, Some(reservation)) => Input::Command(Command::Accept { reservation, by: Asker::Operator }),
            (3..=5, Some(reservation)) => Input::Command(Command::Reject { reservation, by }),
            (6, _) => {
                let (queue, open) = ("support".to_owned(), self.random.chance(80));
                Input::Report(Report::Hours { queue, open })
            }
            (0..=2 | 7, _) => {
                let phones = u32::from(self.random.chance(80));
                Input::Report(Report::Registered { agent, phones })
            }
            _ => {
                let said = [Availability::Ready, Availability::Ready, Availability::Paused, Availability::WrapUp];
                let availability = said[self.random.below(4)];
                Input::Command(Command::SetState { agent, by, availability })
            }
        }
    }

    fn asker(&mut self, seen: &Seen) -> Asker {
        match self.random.below(20) {
            0 => Asker::Operator,
            1 => Asker::Agent(self.agent_name()),
            2..=7 => Asker::Leg(seen.leg.leg),
            8..=10 => Asker::Keypad(seen.leg.leg),
            _ => seen.person.agent.clone().map_or(Asker::Leg(seen.leg.leg), Asker::Agent),
        }
    }

    /// Somebody asks for something: mostly whoever may.
    fn asked(&mut self, calls: &[CallView]) -> Option<Input> {
        let legs = Self::legs_seen(calls);
        let likely: Vec<Seen> = legs
            .iter()
            .filter(|seen| {
                let initiates = seen.call.transfer.as_ref().is_none_or(|transfer| transfer.by == seen.person.who);
                seen.person.role == Role::Agent && seen.leg.live && initiates
            })
            .cloned()
            .collect();
        let cold: Vec<Seen> =
            legs.iter().filter(|seen| seen.call.transfer.as_ref().is_some_and(|t| t.cold)).cloned().collect();
        let first = if self.random.chance(10) { self.random.pick(&cold) } else { None };
        let seen = first
            .or_else(|| if self.random.chance(80) { self.random.pick(&likely) } else { None })
            .or_else(|| self.random.pick(&legs))?;
        let call = seen.call.id;
        let by = self.asker(&seen);
        let people: Vec<_> = seen.call.participants.iter().map(|person| person.who).collect();
        let who = self.random.pick(&people)?;
        Some(Input::Command(match self.random.below(100) {
            0..=22 if seen.call.transfer.is_none() || self.random.chance(20) => {
                Command::Start { call, by, target: self.destination(), shown: "shown".to_owned() }
            }
            0..=5 | 23..=26 => Command::Cancel { call, by },
            6..=14 | 27..=41 => Command::Swap { call, by },
            15..=22 | 42..=48 => Command::Merge { call, by },
            49..=51 => Command::Complete { call, by },
            52..=57 => self.join(&seen, &legs),
            58..=71 => Command::Hold { call, by, who },
            72..=83 => Command::Unhold { call, by, who },
            84..=88 => Command::Mute { call, by, who, muted: self.random.chance(50) },
            89..=91 => Command::Remove { call, by, who },
            92 if self.random.chance(50) => Command::End { call, by },
            92..=94 if seen.call.room.is_some() => Command::Lock { call, by, locked: self.random.chance(60) },
            95..=97 => self.says(call, by, who),
            _ => {
                let mode = [SuperviseMode::Listen, SuperviseMode::Whisper, SuperviseMode::Barge][self.random.below(3)];
                let by = if self.random.chance(90) { AgentName("susan".to_owned()) } else { self.agent_name() };
                let agent = seen.person.agent.clone().unwrap_or_else(|| self.agent_name());
                Command::Supervise { call, by, agent, mode }
            }
        }))
    }

    /// REFER with Replaces: mostly another leg of the same agent.
    fn join(&mut self, seen: &Seen, legs: &[Seen]) -> Command {
        let own: Vec<LegId> = legs
            .iter()
            .filter(|other| other.person.agent.is_some() && other.person.agent == seen.person.agent)
            .map(|other| other.leg.leg)
            .filter(|leg| *leg != seen.leg.leg)
            .collect();
        let any: Vec<LegId> = legs.iter().map(|other| other.leg.leg).collect();
        let named = if self.random.chance(90) { self.random.pick(&own) } else { None };
        let named = named.or_else(|| self.random.pick(&any)).unwrap_or(seen.leg.leg);
        Command::Join { by: seen.leg.leg, named }
    }
}
