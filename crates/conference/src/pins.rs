//! Wrong PINs over all calls: who typed them and at which room, so that guessing is slow however often somebody calls.
//!
//! ```text
//!   per caller  three wrong PINs -> no door for 30 s; three more -> 60 s, 120 s … 1 h; forgotten after a day
//!   per room    more than 30 wrong PINs in a minute, whoever typed them -> every PIN is answered 5 s later
//! ```
//!
//! Nobody is locked out for what others type. What one call's door does is `conference::door`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::AgentName;
use crate::input::Caller;
use crate::moment::Moment;
use crate::mutants::broken;

/// Wrong PINs after which a caller finds no door for a while.
const TRIES: u32 = 3;
/// For how long at first.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// For how long at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// After how long without a wrong PIN a caller is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);
/// Callers remembered at once; beyond them whoever was wrong the longest time ago is forgotten.
const CALLERS: usize = 10_000;
/// Wrong PINs at one room within [`SPAN`] that slow nobody down.
const UNHURRIED: usize = 30;
/// The span in which a room's wrong PINs are counted.
const SPAN: Duration = Duration::from_secs(60);
/// How much later a PIN is answered at a room where many are wrong.
const LATER: Duration = Duration::from_secs(5);

/// Who types PINs, over all their calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Guesser(String);

impl Guesser {
    /// An agent, from whatever phone.
    pub(crate) fn agent(name: &AgentName) -> Self {
        Self(format!("agent {name}"))
    }

    /// Whoever calls: an agent, or a number by a trunk.
    pub(crate) fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Agent { name, .. } => Self::agent(name),
            Caller::Customer { trunk, number } => Self(format!("trunk {trunk} {number}")),
        }
    }
}

/// What one caller typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    /// Wrong PINs since the last pause, by room. The right one of a room clears those of that room alone.
    wrong: BTreeMap<String, u32>,
    /// The last pause.
    pause: Duration,
    /// Until when they find no door.
    until: Moment,
    /// When they were wrong last.
    last: Moment,
}

/// Wrong PINs over all calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pins {
    callers: BTreeMap<Guesser, Tally>,
    /// When the last wrong PINs were typed at each room.
    rooms: BTreeMap<String, VecDeque<Moment>>,
}

impl Pins {
    /// Whether a caller finds no door now.
    pub(crate) fn is_paused(&self, who: &Guesser, now: Moment) -> bool {
        self.callers.get(who).is_some_and(|tally| tally.until > now) && !broken!(GuessesForEver)
    }

    /// How much later a PIN is to be answered at a room.
    pub(crate) fn later(&self, room: &str, now: Moment) -> Option<Duration> {
        let wrong = self.rooms.get(room)?;
        let recent = wrong.iter().filter(|at| now.since(**at) < SPAN).count();
        (recent > UNHURRIED).then_some(LATER)
    }

    /// A wrong PIN; whether it is one too many.
    pub(crate) fn wrong(&mut self, who: &Guesser, room: &str, now: Moment) -> bool {
        self.note_at(room, now);
        self.make_room(who, now);
        let tally = self.callers.entry(who.clone()).or_default();
        if now.since(tally.last) >= FORGOTTEN {
            *tally = Tally::default();
        }
        tally.last = now;
        *tally.wrong.entry(room.to_owned()).or_default() += 1;
        if tally.wrong.values().sum::<u32>() < TRIES {
            return false;
        }
        tally.wrong.clear();
        tally.pause = (tally.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        tally.until = now + tally.pause;
        true
    }

    /// The right PIN: a slip before it does not count.
    pub(crate) fn right(&mut self, who: &Guesser, room: &str) {
        if let Some(tally) = self.callers.get_mut(who) {
            tally.wrong.remove(room);
        }
    }

    fn note_at(&mut self, room: &str, now: Moment) {
        self.rooms.retain(|_, wrong| wrong.back().is_some_and(|last| now.since(*last) < SPAN));
        let wrong = self.rooms.entry(room.to_owned()).or_default();
        wrong.push_back(now);
        if wrong.len() > UNHURRIED + 1 {
            wrong.pop_front();
        }
    }

    /// The table stays as small as it is meant to be.
    fn make_room(&mut self, who: &Guesser, now: Moment) {
        if self.callers.len() < CALLERS || self.callers.contains_key(who) {
            return;
        }
        self.callers.retain(|_, tally| now.since(tally.last) < FORGOTTEN);
        if self.callers.len() >= CALLERS
            && let Some(oldest) = self.callers.iter().min_by_key(|(_, tally)| tally.last).map(|(who, _)| who.clone())
        {
            self.callers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guesser(number: u32) -> Guesser {
        Guesser::of(&Caller::Customer { trunk: "pstn".to_owned(), number: format!("+49{number}") })
    }

    fn second(n: u64) -> Moment {
        Moment(n * 1_000_000)
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_are_forgotten_after_a_day() {
        let (mut pins, who) = (Pins::default(), guesser(1));
        let mut now = second(1_000_000);
        for pause in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            assert!(!pins.wrong(&who, "vault", now) && !pins.wrong(&who, "vault", now));
            assert!(!pins.is_paused(&who, now));
            assert!(pins.wrong(&who, "vault", now));
            let end = now + Duration::from_secs(pause);
            assert!(pins.is_paused(&who, Moment(end.0 - 1)) && !pins.is_paused(&who, end), "{pause}");
            now = end;
        }
        now = now + FORGOTTEN;
        for _ in 0..3 {
            pins.wrong(&who, "vault", now);
        }
        assert!(!pins.is_paused(&who, now + FIRST_PAUSE), "begins anew");
    }

    #[test]
    fn what_is_wrong_in_several_calls_or_at_several_rooms_adds_up() {
        let (mut pins, who, now) = (Pins::default(), guesser(1), second(9));
        assert!(!pins.wrong(&who, "vault", now) && !pins.wrong(&who, "vault", now));
        pins.right(&who, "club");
        assert!(pins.wrong(&who, "vault", now), "the PIN of another room excuses nothing");
        let slips = guesser(2);
        for _ in 0..20 {
            assert!(!pins.wrong(&slips, "vault", now) && !pins.wrong(&slips, "vault", now));
            pins.right(&slips, "vault");
        }
        assert!(!pins.is_paused(&slips, now));
        assert!(!pins.is_paused(&guesser(3), now), "nobody else is");
    }

    #[test]
    fn a_room_with_more_than_thirty_wrong_pins_a_minute_answers_later() {
        let mut pins = Pins::default();
        for n in 0..30 {
            pins.wrong(&guesser(n), "vault", second(100));
            assert_eq!(pins.later("vault", second(100)), None);
        }
        pins.wrong(&guesser(30), "vault", second(101));
        assert_eq!(pins.later("vault", second(102)), Some(LATER));
        assert_eq!(pins.later("club", second(102)), None);
        assert_eq!(pins.later("vault", second(160)), None, "fewer within the last minute");
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_goes_first() {
        let mut pins = Pins::default();
        for n in 0..u32::try_from(CALLERS).unwrap_or(u32::MAX) + 50 {
            pins.wrong(&guesser(n), "vault", second(100 + u64::from(n)));
        }
        assert_eq!(pins.callers.len(), CALLERS);
        assert!(!pins.callers.contains_key(&guesser(49)) && pins.callers.contains_key(&guesser(50)));
        assert!(pins.rooms["vault"].len() <= UNHURRIED + 1);
    }
}
