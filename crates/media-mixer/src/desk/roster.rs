//! One call's masks on the signalling side: what each change-set changes, seat by seat, and which pairs it opens.
//!
//! Pure: it neither sends nor waits. The media thread gets whole seats and only fills in when they came into force. Cost of a
//! join or a leave does not depend on the call's size; a changed mask is compared with every other leg once.

use std::collections::BTreeMap;

use conference::{Ears, LegId, LegMask};

use crate::bridge::seat::{Elder, Seat, Since};
use crate::law::SETTLED_US;
use crate::settings::MAX_SEATS;

/// How long an elder is kept: by then its pair is settled, and so are those it is told apart from.
const KEPT_US: u64 = 2 * SETTLED_US;

/// One leg in the call.
#[derive(Clone, Debug)]
struct Member {
    seat: u32,
    mask: LegMask,
    /// Speakers whom it heard before it was opened to others, and when that was noted.
    elders: BTreeMap<LegId, u64>,
}

/// What becomes of one seat.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// Its leg leaves.
    Empty,
    /// A leg takes it, or its mask changes. The place is filled in by the desk.
    Taken(Box<Seat>),
}

/// A pair (listener, speaker) that was audible in the call that both have just left, and since when at the latest.
pub(crate) type Parted = (LegId, LegId, u64);

/// The members of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    members: BTreeMap<LegId, Member>,
    /// Seats that were left, lowest last.
    free: Vec<u32>,
    /// Seats ever taken.
    seats: u32,
}

/// What one change finds out.
#[derive(Default)]
struct Findings {
    listens: bool,
    speaks: bool,
    /// Speakers whom it goes on hearing.
    goes_on_hearing: Vec<LegId>,
    /// Listeners who go on hearing it.
    stays_heard_by: Vec<LegId>,
    /// Pairs (listener, speaker) that were elders, and are closed now or have just been opened.
    not_elder: Vec<(LegId, LegId)>,
}

/// One member before and after a change.
struct Other<'a> {
    leg: LegId,
    old: &'a LegMask,
    new: &'a LegMask,
    elders: &'a BTreeMap<LegId, u64>,
}

impl Other<'_> {
    /// What the change means for every pair that this leg is one of.
    fn compare(&self, others: &[Other<'_>]) -> Findings {
        let mut findings = Findings::default();
        let shut = |mask: &LegMask| !mask.speaks() && !mask.listens();
        let closed = shut(self.old) && shut(self.new);
        for other in others.iter().filter(|other| other.leg != self.leg && !closed) {
            let (listened, listens) = (self.old.hears(other.old), self.new.hears(other.new));
            if !(listened && listens) && self.elders.contains_key(&other.leg) {
                findings.not_elder.push((self.leg, other.leg));
            }
            let (spoke, speaks) = (other.old.hears(self.old), other.new.hears(self.new));
            if !(spoke && speaks) && other.elders.contains_key(&self.leg) {
                findings.not_elder.push((other.leg, self.leg));
            }
            findings.listens |= !listened && listens;
            findings.speaks |= !spoke && speaks;
            if listened && listens {
                findings.goes_on_hearing.push(other.leg);
            }
            if spoke && speaks {
                findings.stays_heard_by.push(other.leg);
            }
        }
        findings.forget_unneeded();
        findings
    }
}

impl Findings {
    /// Who goes on is only of interest where somebody else is new.
    fn forget_unneeded(&mut self) {
        if !self.listens {
            self.goes_on_hearing = Vec::new();
        }
        if !self.speaks {
            self.stays_heard_by = Vec::new();
        }
    }
}

impl Roster {
    /// The masks, leg by leg.
    pub(crate) fn masks(&self) -> impl Iterator<Item = &LegMask> {
        self.members.values().map(|member| &member.mask)
    }

    /// The mask of a leg.
    pub(crate) fn mask(&self, leg: LegId) -> Option<&LegMask> {
        self.members.get(&leg).map(|member| &member.mask)
    }

    /// The seat of a leg.
    pub(crate) fn seat(&self, leg: LegId) -> Option<u32> {
        self.members.get(&leg).map(|member| member.seat)
    }

    /// Whether nobody is in the call.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Seats ever taken: what the media thread needs room for.
    pub(crate) fn seats(&self) -> u32 {
        self.seats
    }

    /// The legs.
    pub(crate) fn legs(&self) -> Vec<LegId> {
        self.members.keys().copied().collect()
    }

    /// The pairs among `leaving` that are audible now.
    pub(crate) fn audible_among(&self, leaving: &[LegId]) -> Vec<(LegId, LegId)> {
        let members: Vec<&Member> = leaving.iter().filter_map(|leg| self.members.get(leg)).collect();
        let mut pairs = Vec::new();
        for listener in &members {
            let heard = members.iter().filter(|speaker| listener.mask.hears(&speaker.mask));
            pairs.extend(heard.map(|speaker| (listener.mask.leg, speaker.mask.leg)));
        }
        pairs
    }

    /// Takes new masks and says what becomes of which seat. A leg for which there is no seat any more stays out.
    /// Pairs of `parted` whose both ends join now, and who hear each other here too, go on: nothing is opened there.
    pub(crate) fn change(
        &mut self,
        masks: Vec<LegMask>,
        gone: &[LegId],
        parted: &[Parted],
        now_us: u64,
    ) -> Vec<(u32, Plan)> {
        let mut plans: BTreeMap<u32, Plan> = BTreeMap::new();
        let mut touched = BTreeMap::new();
        for leg in gone {
            if let Some(member) = self.members.remove(leg) {
                self.free.push(member.seat);
                plans.insert(member.seat, Plan::Empty);
                self.forget_elder(*leg, &mut touched);
            }
        }
        let mut before = BTreeMap::new();
        for mask in masks {
            let leg = mask.leg;
            match self.members.get_mut(&leg) {
                Some(member) => {
                    before.insert(leg, std::mem::replace(&mut member.mask, mask));
                    touched.insert(leg, (Since::Kept, Since::Kept));
                }
                None => {
                    let Some(seat) = self.take_seat() else { continue };
                    let seat_of = Seat::new(u32::MAX, mask.clone());
                    self.members.insert(leg, Member { seat, mask, elders: BTreeMap::new() });
                    plans.insert(seat, Plan::Taken(Box::new(seat_of)));
                }
            }
        }
        self.rejoin(parted, &mut plans, now_us);
        for (leg, findings) in self.compare_all(&before) {
            self.note(leg, &findings, &mut touched, now_us);
        }
        for (leg, (listens, speaks)) in touched {
            if let Some((seat, plan)) = self.plan(leg, listens, speaks, now_us) {
                plans.insert(seat, plan);
            }
        }
        plans.into_iter().collect()
    }

    /// Who comes back later is somebody new.
    fn forget_elder(&mut self, leg: LegId, touched: &mut BTreeMap<LegId, (Since, Since)>) {
        for (listener, member) in &mut self.members {
            if member.elders.remove(&leg).is_some() {
                touched.entry(*listener).or_insert((Since::Kept, Since::Kept));
            }
        }
    }

    fn rejoin(&mut self, parted: &[Parted], plans: &mut BTreeMap<u32, Plan>, now_us: u64) {
        for (listener, speaker, since_us) in parted {
            let (Some(from), Some(to)) = (self.members.get(listener), self.members.get(speaker)) else { continue };
            let both_new = plans.contains_key(&from.seat) && plans.contains_key(&to.seat);
            let (seat, heard) = (to.seat, from.mask.hears(&to.mask));
            let Some(Plan::Taken(taken)) = plans.get_mut(&from.seat).filter(|_| both_new && heard) else { continue };
            taken.elders.push(Elder { speaker: *speaker, seat, since_us: Some(*since_us) });
            if let Some(member) = self.members.get_mut(listener) {
                member.elders.insert(*speaker, now_us);
            }
        }
    }

    fn take_seat(&mut self) -> Option<u32> {
        if let Some(seat) = self.free.pop() {
            return Some(seat);
        }
        let seat = self.seats;
        if seat as usize >= MAX_SEATS {
            return None;
        }
        self.seats += 1;
        Some(seat)
    }

    /// Compares every pair of each changed leg before and after. Who has just joined is compared with nobody: all is new there.
    fn compare_all(&self, before: &BTreeMap<LegId, LegMask>) -> Vec<(LegId, Findings)> {
        // one list for all comparisons: in a room of a thousand they are a million
        let others: Vec<Other<'_>> = (self.members.iter())
            .map(|(leg, member)| Other {
                leg: *leg,
                old: before.get(leg).unwrap_or(&member.mask),
                new: &member.mask,
                elders: &member.elders,
            })
            .collect();
        let changed = others.iter().filter(|other| before.contains_key(&other.leg));
        let heard_alike = |one: &Other<'_>| before.len() == 1 && same_ears(one.old, one.new);
        changed.filter(|one| !heard_alike(one)).map(|one| (one.leg, one.compare(&others))).collect()
    }

    fn note(&mut self, leg: LegId, findings: &Findings, touched: &mut BTreeMap<LegId, (Since, Since)>, now_us: u64) {
        for (listener, speaker) in &findings.not_elder {
            let removed = self.members.get_mut(listener).and_then(|member| member.elders.remove(speaker));
            if removed.is_some() {
                touched.entry(*listener).or_insert((Since::Kept, Since::Kept));
            }
        }
        let own = touched.entry(leg).or_insert((Since::Kept, Since::Kept));
        if findings.listens {
            own.0 = Since::Now;
        }
        if findings.speaks {
            own.1 = Since::Now;
        }
        if findings.listens
            && let Some(member) = self.members.get_mut(&leg)
        {
            member.elders.extend(findings.goes_on_hearing.iter().map(|speaker| (*speaker, now_us)));
        }
        if findings.speaks {
            for listener in &findings.stays_heard_by {
                if let Some(member) = self.members.get_mut(listener) {
                    member.elders.insert(leg, now_us);
                    touched.entry(*listener).or_insert((Since::Kept, Since::Kept));
                }
            }
        }
    }

    fn plan(&mut self, leg: LegId, listens: Since, speaks: Since, now_us: u64) -> Option<(u32, Plan)> {
        let elders = {
            let member = self.members.get_mut(&leg)?;
            member.elders.retain(|_, noted_us| now_us.saturating_sub(*noted_us) < KEPT_US);
            member.elders.keys().copied().collect::<Vec<_>>()
        };
        let elders = elders
            .into_iter()
            .filter_map(|speaker| Some(Elder { speaker, seat: self.seat(speaker)?, since_us: None }))
            .collect();
        let member = self.members.get(&leg)?;
        let seat = Seat { listens, speaks, elders, ..Seat::changed(u32::MAX, member.mask.clone()) };
        Some((member.seat, Plan::Taken(Box::new(seat))))
    }
}

/// Nothing that `hears` asks for differs.
fn same_ears(a: &LegMask, b: &LegMask) -> bool {
    let waits = |mask: &LegMask| mask.ears == Ears::Early;
    (a.person, a.place, a.open, a.early, a.muted) == (b.person, b.place, b.open, b.early, b.muted)
        && a.supervises == b.supervises
        && waits(a) == waits(b)
}

#[cfg(test)]
mod tests;
