//! What random people do: they call, answer, hold, transfer, hang up.

use std::collections::BTreeSet;

use conference::{
    AgentName, Asker, CallId, Caller, Command, Destination, Direction, Ending, LegId, ParticipantId, Phase, Phone,
    Report,
};
use media_mixer::codec::Codec;
use media_mixer::lab::{Lab, SLOT_US};

use super::{AGENTS, Actor, Drama, TALKERS, name};
use crate::lab::{FRAME_US, server};

impl Drama {
    pub(super) fn step(&mut self) {
        match self.chance.below(24) {
            // mostly as many people as can be told apart
            0 | 1 if self.actors.len() < TALKERS as usize - 1 => self.customer_dials(),
            2 if self.actors.len() < TALKERS as usize - 1 => self.agent_dials(),
            3..=7 => self.phone_is_picked_up(),
            8 => self.hangs_up(),
            9 | 10 => self.phone_holds_or_resumes(),
            11..=13 => self.starts(),
            14..=16 => self.step_of_transfer(),
            17..=20 => self.hold_or_unhold(),
            21 => self.mutes(),
            22 => self.joins(),
            _ => self.removes(),
        }
    }

    fn customer_dials(&mut self) {
        self.count("customer dials");
        let to = Destination::Agent(name(self.chance.one_of(&AGENTS).unwrap()));
        let caller = Caller::Customer { trunk: "pstn".into(), number: "+49".into() };
        self.arrives(caller, None, to);
    }

    fn agent_dials(&mut self) {
        self.count("agent dials");
        let agent = name(self.chance.one_of(&AGENTS).unwrap());
        let phone = Phone(format!("{agent}-desk"));
        let to = self.somebody();
        let caller = Caller::Agent { name: agent.clone(), phone: phone.clone() };
        self.arrives(caller, Some((agent, phone)), to);
    }

    fn somebody(&mut self) -> Destination {
        if self.chance.below(4) == 0 {
            return Destination::Outside { trunk: "pstn".into(), number: "+33".into() };
        }
        Destination::Agent(name(self.chance.one_of(&AGENTS).unwrap()))
    }

    fn arrives(&mut self, caller: Caller, owner: Option<(AgentName, Phone)>, to: Destination) {
        self.next_leg += 1;
        let leg = LegId::arrived(self.next_leg);
        let customer = owner.is_none();
        self.house.mixer.open(leg, Lab::signalling()).unwrap();
        self.add_actor(leg, owner, customer);
        self.report(Report::Arrived { leg, caller, to, shown: String::new(), direction: Direction::Both });
    }

    pub(super) fn add_actor(&mut self, leg: LegId, owner: Option<(AgentName, Phone)>, customer: bool) {
        let number = leg.0 & 0xffff_ffff;
        let mut phone = self.house.new_phone(leg, number, Codec::L16, false);
        phone.ssrc ^= u32::from(leg.is_rung()) << 30;
        self.house.phones.insert(leg, phone);
        let used: BTreeSet<u32> = self.actors.values().map(|actor| actor.bit).collect();
        let bit = (0..TALKERS).find(|bit| !used.contains(bit)).unwrap_or(self.chance.below(u64::from(TALKERS)) as u32);
        let phase = self.chance.below(FRAME_US / SLOT_US);
        let actor = Actor {
            bit,
            owner,
            customer,
            private: false,
            secret: false,
            talks: false,
            talks_since_us: 0,
            moved_us: 0,
            call: None,
            phase,
            offer: None,
        };
        self.actors.insert(leg, actor);
    }

    fn phone_is_picked_up(&mut self) {
        let ringing: Vec<LegId> = self.ringing.keys().copied().collect();
        let Some(leg) = self.chance.one_of(&ringing) else { return };
        match self.chance.below(8) {
            0 => {
                self.count("fails");
                self.ringing.remove(&leg);
                let status = self.chance.one_of(&[486, 480, 603, 503]).unwrap();
                self.report(Report::Failed { leg, status });
                self.house.mixer.close(leg);
                self.forget(leg);
            }
            1 => self.report(Report::Ringing { leg }),
            _ => {
                self.count("answers");
                let to = self.ringing.remove(&leg);
                let phone = match &to {
                    Some(Destination::Agent(name)) => Some(Phone(format!("{name}-desk"))),
                    _ => None,
                };
                let answer = self.house.phones[&leg].offer("");
                let offer = self.house.mixer.offer(leg).unwrap();
                self.house.phones.get_mut(&leg).unwrap().server = server(&offer);
                self.house.mixer.accept(leg, answer.as_bytes()).unwrap();
                self.begin_talking(leg);
                if let (Some(actor), Some(Destination::Agent(name)), Some(phone)) =
                    (self.actors.get_mut(&leg), to, phone.clone())
                {
                    actor.owner = Some((name, phone));
                }
                self.report(Report::Answered { leg, direction: Direction::Both, phone });
            }
        }
    }

    pub(super) fn begin_talking(&mut self, leg: LegId) {
        let now = self.house.lab.now_us();
        if let Some(actor) = self.actors.get_mut(&leg) {
            actor.talks = true;
            actor.talks_since_us = now;
        }
    }

    fn live(&mut self) -> Option<LegId> {
        let live: Vec<LegId> = self.actors.keys().filter(|leg| !self.ringing.contains_key(leg)).copied().collect();
        self.chance.one_of(&live)
    }

    fn hangs_up(&mut self) {
        let Some(leg) = self.live() else { return };
        self.count("hangs up");
        let how = if self.chance.below(4) == 0 { Ending::Dead } else { Ending::Bye };
        self.house.mixer.close(leg);
        self.forget(leg);
        self.report(Report::Ended { leg, how });
    }

    pub(super) fn forget(&mut self, leg: LegId) {
        self.actors.remove(&leg);
        self.ringing.remove(&leg);
        self.house.phones.remove(&leg);
    }

    fn phone_holds_or_resumes(&mut self) {
        let Some(leg) = self.live() else { return };
        let Some(actor) = self.actors.get_mut(&leg) else { return };
        if actor.offer.is_some() || self.house.phones[&leg].server == self.house.phones[&leg].address {
            return;
        }
        let direction = if actor.talks { Direction::Away } else { Direction::Both };
        actor.offer = Some(direction);
        if direction == Direction::Away {
            actor.talks = false;
        }
        self.count(if direction == Direction::Away { "phone holds" } else { "phone resumes" });
        self.report(Report::Offered { leg, direction });
    }

    /// An asker and a call of theirs, mostly sensible.
    fn asker(&mut self) -> Option<(CallId, Asker)> {
        let calls: Vec<CallId> = self.masks.keys().copied().collect();
        let call = self.chance.one_of(&calls)?;
        let view = self.board.call(call)?;
        let agents: Vec<AgentName> = view.participants.iter().filter_map(|one| one.agent.clone()).collect();
        let agent = self.chance.one_of(&agents)?;
        Some((call, Asker::Agent(agent)))
    }

    fn starts(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let target = self.somebody();
        self.count("start");
        self.command(Command::Start { call, by, target, shown: String::new() });
    }

    fn step_of_transfer(&mut self) {
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

    fn hold_or_unhold(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        let hold = self.chance.below(2) == 0;
        self.count(if hold { "hold" } else { "unhold" });
        self.command(if hold { Command::Hold { call, by, who } } else { Command::Unhold { call, by, who } });
    }

    fn mutes(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        let muted = self.chance.below(2) == 0;
        self.count("mute");
        self.command(Command::Mute { call, by, who, muted });
    }

    fn removes(&mut self) {
        let Some((call, by)) = self.asker() else { return };
        let Some(who) = self.participant(call) else { return };
        if self.chance.below(3) == 0 {
            self.count("remove");
            self.command(Command::Remove { call, by, who });
        }
    }

    /// REFER with Replaces: two legs of one agent, in one call or in two.
    fn joins(&mut self) {
        let owned: Vec<(LegId, AgentName)> =
            (self.actors.iter()).filter_map(|(leg, actor)| Some((*leg, actor.owner.as_ref()?.0.clone()))).collect();
        let pairs: Vec<(LegId, LegId)> = owned
            .iter()
            .flat_map(|(by, name)| owned.iter().filter(move |(n, o)| o == name && n != by).map(|(n, _)| (*by, *n)))
            .collect();
        let Some((by, named)) = self.chance.one_of(&pairs) else { return };
        self.count("join");
        self.command(Command::Join { by, named });
    }
}
