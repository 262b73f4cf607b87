//! Adds to what the core shows what only the edges know: addresses, and how legs sound.

use std::collections::BTreeMap;

use conference::ParticipantView;
use control_api::{CallSheet, Calls, Snapshot};

use super::Clerk;
use crate::look::{Everything, Seen, Sight};

impl Clerk {
    pub(super) fn snapshot(&self, everything: Everything) -> Snapshot {
        let Everything { seen, agents, queues, reservations, extensions, worked: _ } = everything;
        let (epoch, Calls { seq, calls }) = (seen.epoch, self.calls(seen));
        Snapshot { seq, calls, agents, queues, reservations, extensions, epoch }
    }

    pub(super) fn calls(&self, seen: Seen) -> Calls {
        let calls = seen.calls.into_iter().map(|sight| self.sheet(seen.epoch, sight)).collect();
        Calls { seq: seen.seq, calls }
    }

    pub(super) fn sheet(&self, epoch: i64, (view, allowed): Sight) -> CallSheet {
        let started_at = epoch.saturating_add(i64::try_from(view.started.0).unwrap_or(i64::MAX));
        let addresses = view.participants.iter().map(|person| (person.who, self.address(person))).collect();
        let legs = view.participants.iter().flat_map(|person| person.legs.iter().filter(|leg| leg.live));
        let quality: BTreeMap<_, _> = legs.filter_map(|leg| Some((leg.leg, self.mixer.quality(leg.leg)?))).collect();
        CallSheet { view, started_at, addresses, quality, allowed }
    }

    /// Where somebody can be called, as people write it.
    fn address(&self, person: &ParticipantView) -> String {
        let user = person.agent.as_ref().map_or(person.name.as_str(), |agent| agent.0.as_str());
        format!("sip:{}@{}", escaped(user), self.domain)
    }
}

/// A user part (RFC 3261 §25.1): what may not stand in one is escaped.
fn escaped(user: &str) -> String {
    let mut text = String::new();
    for byte in user.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'&' | b'=' | b'+' | b'$' | b',' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_name_from_outside_makes_no_other_address() {
        assert_eq!(escaped("+4930111"), "+4930111");
        assert_eq!(escaped("a@evil;x\r\nVia: y"), "a%40evil%3Bx%0D%0AVia%3A%20y");
        assert_eq!(escaped("Zoë"), "Zo%C3%AB");
    }
}
