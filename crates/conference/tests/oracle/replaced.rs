//! What it means that a new leg takes an old one's place, worked out naively.

use conference::{Caller, Direction, Effect, LegId, Output};

use super::Oracle;

impl Oracle {
    /// An INVITE with Replaces came.
    pub(super) fn replaced(
        &mut self,
        new: LegId,
        old: LegId,
        caller: &Caller,
        direction: Direction,
        outputs: &[Output],
    ) -> Result<(), String> {
        let accepted = outputs.contains(&Output::Effect(Effect::Answer { leg: new }));
        if !accepted {
            return Ok(());
        }
        let owner = self.legs.get(&old).and_then(|leg| leg.owner);
        let agent = owner.and_then(|(call, who)| self.calls.get(&call)?.people.get(&who)?.agent.clone());
        let agent = self.offered.get(&old).cloned().or(agent);
        let Caller::Agent { name, phone } = caller else { return Err("a customer replaced a leg".to_owned()) };
        if agent.as_ref() != Some(name) {
            return Err(format!("{name} took over a leg of {agent:?}"));
        }
        self.revive(old);
        // Whoever speaks on one line is not dead on the other.
        if self.is_asked_for_another(old) {
            self.lives(old);
        }
        for leg in self.legs.values_mut().filter(|leg| leg.assumed == Some(old)) {
            leg.assumed = Some(new);
        }
        let Some(mut leg) = self.legs.remove(&old) else { return Err("a leg nobody knows was replaced".to_owned()) };
        if let Some(transfer) = owner.and_then(|(call, _)| self.calls.get_mut(&call)?.transfer.as_mut()) {
            transfer.referred = transfer.referred.filter(|referrer| *referrer != old);
        }
        leg.phone = Some((name.clone(), phone.clone()));
        match self.ringing.remove(&old) {
            Some(at) => {
                if let Some(offered) = self.offered.remove(&old) {
                    self.offered.insert(new, offered);
                }
                self.legs.insert(new, leg);
                self.ringing.insert(new, at);
                self.answered(new, direction, Some(phone.clone()));
            }
            None => {
                leg.direction = direction;
                self.legs.insert(new, leg);
            }
        }
        Ok(())
    }
}
