//! What random people do: they call, answer, hold, hang up. What agents do beside that stands in `agents`.

use std::collections::BTreeSet;

use conference::{Caller, Destination, Direction, Ending, LegId, Phone, Report};
use media_mixer::codec::Codec;
use media_mixer::lab::{Lab, SLOT_US};

use super::{AGENTS, Actor, Drama, LEGS, Person, TALKERS, name};
use crate::lab::{FRAME_US, server};

/// For so long concealment may go on after the last packet.
pub(super) const FADING_US: u64 = 400_000;

impl Drama {
    pub(super) fn step(&mut self) {
        match self.chance.below(46) {
            0..=3 => self.customer_dials(),
            4 => self.agent_dials(),
            5..=12 => self.phone_is_picked_up(),
            13 => self.hangs_up(),
            14 | 15 => self.phone_holds_or_resumes(),
            16..=18 => self.starts(),
            19..=24 => self.step_of_transfer(),
            25..=28 => self.hold_or_unhold(),
            29 => self.mutes(),
            30..=33 => self.joins(),
            34 => self.removes(),
            35 | 36 => self.second_line(),
            37 | 38 => self.changes_lines(),
            39 => self.freezes(),
            40 => self.presses_keys(),
            41 => self.replaces(),
            42 => self.presses_for_somebody(),
            43 | 44 => self.changes_a_volume(),
            _ => self.comes_late(),
        }
    }

    fn customer_dials(&mut self) {
        if self.actors.len() >= LEGS {
            return;
        }
        self.count("customer dials");
        let to = Destination::Agent(name(self.chance.one_of(&AGENTS).unwrap()));
        self.dials(Caller::Customer { trunk: "pstn".into(), number: "+49".into() }, to);
    }

    fn agent_dials(&mut self) {
        if self.actors.len() >= LEGS {
            return;
        }
        self.count("agent dials");
        let agent = name(self.chance.one_of(&AGENTS).unwrap());
        let phone = Phone(format!("{agent}-desk"));
        let to = self.somebody();
        self.dials(Caller::Agent { name: agent, phone }, to);
    }

    pub(super) fn new_leg(&mut self) -> LegId {
        self.next_leg += 1;
        LegId::arrived(self.next_leg)
    }

    pub(super) fn dials(&mut self, caller: Caller, to: Destination) {
        let leg = self.new_leg();
        self.house.mixer.open(leg, Lab::signalling()).unwrap();
        let (person, phone) = match &caller {
            Caller::Agent { name, phone } => (Person::Agent(name.clone()), Some(phone.clone())),
            Caller::Customer { .. } => (Person::Somebody(leg), None),
        };
        let customer = phone.is_none();
        self.add_actor(leg, person, phone, customer);
        self.report(Report::Arrived { leg, caller, to, shown: String::new(), direction: Direction::Both });
    }

    pub(super) fn add_actor(&mut self, leg: LegId, person: Person, phone: Option<Phone>, customer: bool) {
        let number = leg.0 & 0xffff_ffff;
        let mut telephone = self.house.new_phone(leg, number, Codec::L16, true);
        telephone.ssrc ^= u32::from(leg.is_rung()) << 30;
        self.house.phones.insert(leg, telephone);
        self.persons.insert(leg, person);
        let phase = self.chance.below(FRAME_US / SLOT_US);
        let actor = Actor {
            bit: 0,
            phone,
            customer,
            private: false,
            secret: false,
            talks: false,
            talks_since_us: 0,
            says: (0, 0),
            blurred_until_us: 0,
            moved_until_us: 0,
            call: None,
            phase,
            offer: None,
        };
        self.actors.insert(leg, actor);
        self.choose_bit(leg);
    }

    /// A bit that nobody else has in the leg's call.
    fn choose_bit(&mut self, leg: LegId) {
        let call = self.board.call_of(leg);
        let others = self.actors.iter().filter(|(other, _)| **other != leg);
        let used: BTreeSet<u32> = others
            .filter(|(other, _)| call.is_some() && self.board.call_of(**other) == call)
            .map(|(_, actor)| actor.bit)
            .collect();
        let free: Vec<u32> = (0..TALKERS).filter(|bit| !used.contains(bit)).collect();
        let bit = self.chance.one_of(&free).unwrap_or_else(|| self.chance.below(u64::from(TALKERS)) as u32);
        if let Some(actor) = self.actors.get_mut(&leg) {
            actor.bit = bit;
        }
    }

    fn phone_is_picked_up(&mut self) {
        let ringing: Vec<LegId> = self.ringing.keys().copied().collect();
        let Some(leg) = self.chance.one_of(&ringing) else { return };
        match self.chance.below(8) {
            0 => {
                self.count("fails");
                self.ringing.remove(&leg);
                let status = self.chance.one_of(&[486, 480, 603, 503]).unwrap();
                self.report_late(Report::Failed { leg, status });
            }
            1 => self.report_late(Report::Ringing { leg }),
            2 | 3 if self.early_media(leg) => {}
            _ => {
                self.count("answers");
                let home = self.chance.below(4) == 0;
                let phone = match self.ringing.remove(&leg) {
                    Some(Destination::Agent(name)) => {
                        Some(Phone(format!("{name}-{}", if home { "home" } else { "desk" })))
                    }
                    _ => None,
                };
                let offer = self.house.mixer.offer(leg).unwrap();
                self.house.phones.get_mut(&leg).unwrap().server = server(&offer);
                if let Some(actor) = self.actors.get_mut(&leg) {
                    actor.phone.clone_from(&phone);
                }
                // it talks before we know that it answered
                self.begin_talking(leg);
                self.report_late(Report::Answered { leg, direction: Direction::Both, phone });
            }
        }
    }

    /// An outside number is heard before it answers; false: none is rung by this leg, or it is heard already.
    fn early_media(&mut self, leg: LegId) -> bool {
        let outside = matches!(self.ringing.get(&leg), Some(Destination::Outside { .. }));
        if !outside || self.actors.get(&leg).is_none_or(|actor| actor.talks) {
            return false;
        }
        self.count("early media");
        let offer = self.house.mixer.offer(leg).unwrap();
        self.house.phones.get_mut(&leg).unwrap().server = server(&offer);
        self.begin_talking(leg);
        self.report_late(Report::Early { leg, direction: Direction::Both });
        true
    }

    pub(super) fn begin_talking(&mut self, leg: LegId) {
        let now_us = self.now_us();
        let first = self.actors.get(&leg).is_some_and(|actor| actor.talks_since_us == 0);
        if first {
            self.choose_bit(leg);
        }
        if let Some(actor) = self.actors.get_mut(&leg) {
            actor.talks = true;
            actor.talks_since_us = now_us;
        }
        self.blur(leg);
    }

    /// Until we hear why, made-up frames fade out of what it said last.
    fn stops_talking(&mut self, leg: LegId) {
        let faded_us = self.now_us() + FADING_US;
        if let Some(actor) = self.actors.get_mut(&leg) {
            actor.talks = false;
            actor.moved_until_us = actor.moved_until_us.max(faded_us);
        }
    }

    fn live(&mut self) -> Option<LegId> {
        let live: Vec<LegId> = self.actors.keys().filter(|leg| !self.ringing.contains_key(leg)).copied().collect();
        self.chance.one_of(&live)
    }

    /// It says nothing any more; we hear of it later.
    fn hangs_up(&mut self) {
        let Some(leg) = self.live() else { return };
        self.count("hangs up");
        let how = if self.chance.below(4) == 0 { Ending::Dead } else { Ending::Bye };
        self.stops_talking(leg);
        self.report_late(Report::Ended { leg, how });
    }

    pub(super) fn forget(&mut self, leg: LegId) {
        self.actors.remove(&leg);
        self.ringing.remove(&leg);
        self.house.phones.remove(&leg);
    }

    fn phone_holds_or_resumes(&mut self) {
        let Some(leg) = self.live() else { return };
        let Some(actor) = self.actors.get(&leg) else { return };
        let direction = if actor.talks { Direction::Away } else { Direction::Both };
        self.count(if direction == Direction::Away { "phone holds" } else { "phone resumes" });
        self.turns(leg, direction);
    }

    /// A phone puts a line on hold, or takes it back.
    pub(super) fn turns(&mut self, leg: LegId, direction: Direction) {
        let Some(actor) = self.actors.get_mut(&leg) else { return };
        if actor.offer.is_some() || self.house.phones[&leg].server == self.house.phones[&leg].address {
            return;
        }
        actor.offer = Some(direction);
        if direction == Direction::Away {
            self.stops_talking(leg);
        }
        self.report_late(Report::Offered { leg, direction });
    }
}
