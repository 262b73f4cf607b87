//! What agents do beside the buttons of their phones' one line: transfers, second lines, keypads, other phones.

use std::collections::BTreeSet;

use conference::{
    AgentName, Asker, CallId, Caller, Command, Destination, Direction, LegId, ParticipantId, Phase, Phone, Report,
};
use media_mixer::lab::Lab;

use super::{Drama, LEGS, Person, SURELY_US, TALKERS, name};

/// After a leg got another bit, what it said with the old one may be under way for so long.
const RECOLOURED_US: u64 = 2_000_000;
/// The keys that begin a code, and some that do not.
const CODES: [&str; 8] = ["*1", "*2", "*3", "*4", "*2101#", "*5", "7", "*2#"];

/// How long the keys of a talker are down: whoever is told a key can be asked whose it was.
pub(super) const fn key_ms(bit: u32) -> u16 {
    (100 + 20 * bit) as u16
}

impl Drama {
    /// An asker and a call of theirs, mostly sensible.
    fn asker(&mut self) -> Option<(CallId, Asker)> {
        let calls: Vec<CallId> = self.masks.keys().copied().collect();
        let call = self.chance.one_of(&calls)?;
        let view = self.board.call(call)?;
        let agents: Vec<AgentName> = view.participants.iter().filter_map(|one| one.agent.clone()).collect();
        let agent = self.chance.one_of(&agents)?;
        Some((call, Asker::Agent(agent)))
    }

    pub(super) fn starts(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let target = self.somebody();
        self.count("start");
        self.command(Command::Start { call, by, target, shown: String::new() });
    }

    pub(super) fn step_of_transfer(&mut self) {
        let Some((call, _)) = self.asker() else { return };
        let transfer = self.board.call(call).and_then(|view| {
            let transfer = view.transfer?;
            let initiator = view.participants.iter().find(|one| one.who == transfer.by)?;
            Some((transfer.phase, Asker::Agent(initiator.agent.clone()?)))
        });
        let Some((phase, by)) = transfer else { return };
        if phase == Phase::Private {
            self.consults += 1;
        }
        let (what, command) = match self.chance.below(10) {
            0 => ("cancel", Command::Cancel { call, by }),
            1..=5 => ("swap", Command::Swap { call, by }),
            6..=8 => ("merge", Command::Merge { call, by }),
            _ => ("complete", Command::Complete { call, by }),
        };
        self.count(what);
        self.command(command);
    }

    fn participant(&mut self, call: CallId) -> Option<ParticipantId> {
        let all: Vec<ParticipantId> = self.board.call(call)?.participants.iter().map(|one| one.who).collect();
        self.chance.one_of(&all)
    }

    pub(super) fn hold_or_unhold(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        let hold = self.chance.below(2) == 0;
        self.count(if hold { "hold" } else { "unhold" });
        self.command(if hold { Command::Hold { call, by, who } } else { Command::Unhold { call, by, who } });
    }

    pub(super) fn mutes(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        let muted = self.chance.below(2) == 0;
        self.count("mute");
        self.command(Command::Mute { call, by, who, muted });
    }

    pub(super) fn removes(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        if self.chance.below(3) == 0 {
            self.count("remove");
            self.command(Command::Remove { call, by, who });
        }
    }

    /// The answered legs of agents.
    fn owned(&self) -> Vec<(LegId, AgentName)> {
        let agent = |leg: &LegId| match self.persons.get(leg) {
            Some(Person::Agent(name)) => Some((*leg, name.clone())),
            _ => None,
        };
        self.actors.keys().filter(|leg| !self.ringing.contains_key(leg)).filter_map(agent).collect()
    }

    /// REFER with Replaces: two legs of one agent, in one call or in two. Two calls are joined when all their legs can be told
    /// apart; until then those that cannot get other bits.
    pub(super) fn joins(&mut self) {
        let known = |drama: &Self, leg: &LegId| drama.actors.contains_key(leg);
        let planned = self.to_join.take().filter(|(by, named)| known(self, by) && known(self, named));
        let pair = planned.or_else(|| {
            let owned = self.owned();
            let others = |by: &LegId, of: &AgentName| {
                owned.iter().filter(move |(n, o)| o == of && n != by).map(|(n, _)| *n).collect::<Vec<_>>()
            };
            let pairs: Vec<(LegId, LegId)> =
                owned.iter().flat_map(|(by, of)| others(by, of).into_iter().map(move |named| (*by, named))).collect();
            self.chance.one_of(&pairs)
        });
        let Some((by, named)) = pair else { return };
        let calls = (self.board.call_of(by), self.board.call_of(named));
        if calls.0 == calls.1 {
            self.count("join in one call");
            self.command(Command::Join { by, named });
        } else if self.are_told_apart(calls) {
            self.count("join across calls");
            self.command(Command::Join { by, named });
        } else {
            self.to_join = Some((by, named));
        }
    }

    /// Whether all legs of two calls have bits of their own, and have had them for a while. Those that do not get new ones.
    fn are_told_apart(&mut self, calls: (Option<CallId>, Option<CallId>)) -> bool {
        let now_us = self.now_us();
        let in_either = |call: Option<CallId>| call.is_some() && (call == calls.0 || call == calls.1);
        let legs: Vec<LegId> =
            (self.actors.keys().copied()).filter(|leg| in_either(self.board.call_of(*leg))).collect();
        let (mut used, mut apart) = (BTreeSet::new(), true);
        for leg in &legs {
            let bit = self.actors[leg].bit;
            if used.insert(bit) {
                continue;
            }
            apart = false;
            let others: BTreeSet<u32> = legs.iter().map(|leg| self.actors[leg].bit).collect();
            let free = (0..TALKERS).find(|bit| !others.contains(bit));
            if let (Some(actor), Some(free)) = (self.actors.get_mut(leg), free) {
                (actor.bit, actor.blurred_until_us) = (free, now_us + RECOLOURED_US);
                actor.moved_until_us = actor.blurred_until_us;
                used.insert(free);
            }
        }
        apart && legs.iter().all(|leg| self.actors[leg].moved_until_us <= now_us)
    }

    /// A phone puts its line away and dials on its second one: an implied consult, or a call of its own.
    pub(super) fn second_line(&mut self) {
        if self.actors.len() >= LEGS {
            return;
        }
        let talking: Vec<LegId> = (self.actors.iter())
            .filter(|(_, actor)| actor.phone.is_some() && actor.talks && actor.offer.is_none())
            .map(|(leg, _)| *leg)
            .collect();
        let Some(leg) = self.chance.one_of(&talking) else { return };
        let (Some(Person::Agent(agent)), Some(phone)) =
            (self.persons.get(&leg).cloned(), self.actors[&leg].phone.clone())
        else {
            return;
        };
        self.count("second line");
        // some phones dial first and hold at the answer, or not at all
        if self.chance.below(4) > 0 {
            self.turns(leg, Direction::Away);
        }
        let to = self.somebody();
        self.dials(Caller::Agent { name: agent, phone }, to);
    }

    /// A phone with two lines changes from one to the other, in either order.
    pub(super) fn changes_lines(&mut self) {
        let lines: Vec<(LegId, Phone, bool)> = (self.actors.iter())
            .filter(|(leg, actor)| !self.ringing.contains_key(leg) && actor.offer.is_none())
            .filter_map(|(leg, actor)| Some((*leg, actor.phone.clone()?, actor.talks)))
            .collect();
        let open: Vec<_> = lines.iter().filter(|(.., talks)| *talks).cloned().collect();
        let Some((from, phone, _)) = self.chance.one_of(&open) else { return };
        let Some((to, ..)) = lines.iter().find(|(leg, of, talks)| *leg != from && *of == phone && !talks) else {
            return;
        };
        self.count("change of lines");
        if self.chance.below(3) == 0 {
            self.turns(*to, Direction::Both);
            self.turns(from, Direction::Away);
        } else {
            self.turns(from, Direction::Away);
            self.turns(*to, Direction::Both);
        }
    }

    /// An agent takes a call over on another phone (INVITE with Replaces).
    pub(super) fn replaces(&mut self) {
        let owned = self.owned();
        if self.actors.len() >= LEGS {
            return;
        }
        let Some((old, agent)) = self.chance.one_of(&owned) else { return };
        self.count("replaces");
        let phone = Phone(format!("{agent}-home"));
        let leg = self.new_leg();
        self.house.mixer.open(leg, Lab::signalling()).unwrap();
        self.add_actor(leg, Person::Agent(agent.clone()), Some(phone.clone()), false);
        let caller = Caller::Agent { name: agent, phone };
        self.report(Report::Replaced { leg, old, caller, direction: Direction::Both });
    }

    /// Somebody presses keys. INFO, so that nothing is said meanwhile that is not heard.
    pub(super) fn presses_keys(&mut self) {
        let legs: Vec<LegId> = self.actors.keys().filter(|leg| !self.ringing.contains_key(leg)).copied().collect();
        let Some(leg) = self.chance.one_of(&legs) else { return };
        let bit = self.actors[&leg].bit;
        self.count("keys");
        self.keys.entry(leg).or_default().insert(bit);
        for key in self.chance.one_of(&CODES).unwrap_or_default().chars() {
            self.house.mixer.digit(leg, key, key_ms(bit));
            let slots = self.chance.below(40);
            self.pass(slots);
        }
    }

    /// News of a leg that comes when nobody expects it.
    pub(super) fn comes_late(&mut self) {
        let leg = LegId::arrived(self.chance.below(self.next_leg + 1));
        let leg = if self.chance.below(2) == 0 { LegId::rung(self.chance.below(40)) } else { leg };
        if self.actors.contains_key(&leg) {
            return;
        }
        self.count("late news");
        let report = match self.chance.below(5) {
            0 => Report::Ringing { leg },
            1 => Report::Failed { leg, status: 486 },
            2 => Report::Probed { leg, alive: false },
            3 => Report::Silent { leg },
            _ => Report::Answered { leg, direction: Direction::Both, phone: Some(Phone("alice-desk".to_owned())) },
        };
        self.report(report);
    }

    pub(super) fn somebody(&mut self) -> Destination {
        if self.chance.below(4) == 0 {
            return Destination::Outside { trunk: "pstn".into(), number: "+33".into() };
        }
        Destination::Agent(name(self.chance.one_of(&super::AGENTS).unwrap()))
    }

    /// A leg that may not be heard for a moment, for a reason that is no fault.
    pub(super) fn blur(&mut self, leg: LegId) {
        let until_us = self.now_us() + SURELY_US;
        if let Some(actor) = self.actors.get_mut(&leg) {
            actor.blurred_until_us = actor.blurred_until_us.max(until_us);
        }
    }
}
