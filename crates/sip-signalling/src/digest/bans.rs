//! Who guesses passwords is slowed down, and one address that goes on against one user is shut out for a while.
//!
//! Counts wrong passwords only, of known and unknown users alike. Nobody is locked out by what other addresses do.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use conference::Moment;

/// Wrong passwords of one address for one user within `WINDOW` that end in a ban (B2).
const TRIES: usize = 10;
/// The window they are counted in.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a ban lasts.
const BAN: Duration = Duration::from_secs(300);
/// Wrong passwords that are answered without delay.
const FREE: usize = 3;
/// Wrong passwords against one user from anywhere before all wrong answers for it are delayed (B3).
const USER_FREE: u32 = 20;
/// One of those is forgotten in this time.
const USER_DECAY: Duration = Duration::from_secs(3);
/// A user's count goes no higher, so that it decays within minutes.
const USER_MOST: u32 = 100;
/// The first delay; doubled with every further wrong password.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(4);
/// Addresses with users, and users, that are counted at once.
const KEPT: usize = 10_000;

/// What one more wrong password leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// How long the answer should wait.
    pub(super) delay: Duration,
    /// What has just begun, if anything.
    pub(super) begins: Option<Begins>,
}

/// Something an operator should hear of, told once when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// The address is shut out for this user.
    Ban,
    /// The user is guessed at from many addresses.
    Siege,
}

#[derive(Debug, Default)]
struct Tries {
    recent: VecDeque<Moment>,
    banned_until: Option<Moment>,
}

#[derive(Debug)]
struct Level {
    count: u32,
    since: Moment,
}

/// All that is counted.
#[derive(Debug, Default)]
pub(super) struct Bans {
    pairs: BTreeMap<(IpAddr, String), Tries>,
    users: BTreeMap<String, Level>,
    tidied: Moment,
}

impl Bans {
    /// Until when this address is shut out for this user.
    pub(super) fn banned_until(&self, now: Moment, source: IpAddr, user: &str) -> Option<Moment> {
        let tries = self.pairs.get(&(neighbourhood(source), user.to_owned()))?;
        tries.banned_until.filter(|until| *until > now)
    }

    /// A wrong password.
    pub(super) fn failed(&mut self, now: Moment, source: IpAddr, user: &str) -> Failure {
        self.tidy(now);
        let (siege, level) = self.raise(now, user);
        let key = (neighbourhood(source), user.to_owned());
        if !self.pairs.contains_key(&key) && self.pairs.len() >= KEPT {
            return Failure { delay: LONGEST_DELAY, begins: siege.then_some(Begins::Siege) };
        }
        let tries = self.pairs.entry(key).or_default();
        tries.recent.push_back(now);
        while tries.recent.front().is_some_and(|first| now.since(*first) > WINDOW) {
            tries.recent.pop_front();
        }
        let steps = tries.recent.len().saturating_sub(FREE).max(level.saturating_sub(USER_FREE) as usize);
        let ban = tries.recent.len() >= TRIES;
        if ban {
            tries.recent.clear();
            tries.banned_until = Some(now + BAN);
        }
        let begins = if ban { Some(Begins::Ban) } else { siege.then_some(Begins::Siege) };
        Failure { delay: delay(steps), begins }
    }

    /// A right password: this address is trusted with this user again.
    pub(super) fn succeeded(&mut self, source: IpAddr, user: &str) {
        self.pairs.remove(&(neighbourhood(source), user.to_owned()));
    }

    /// One more for the user; whether that was the one too many, and how many there are.
    fn raise(&mut self, now: Moment, user: &str) -> (bool, u32) {
        if !self.users.contains_key(user) && self.users.len() >= KEPT {
            return (false, USER_MOST);
        }
        let level = self.users.entry(user.to_owned()).or_insert(Level { count: 0, since: now });
        level.decay(now);
        level.count = (level.count + 1).min(USER_MOST);
        (level.count == USER_FREE + 1, level.count)
    }

    /// Forgets what has decayed, at most once a second while full and once a window otherwise.
    fn tidy(&mut self, now: Moment) {
        let full = self.pairs.len() >= KEPT || self.users.len() >= KEPT;
        if now.since(self.tidied) < if full { Duration::from_secs(1) } else { WINDOW } {
            return;
        }
        self.tidied = now;
        self.pairs.retain(|_, tries| {
            let recent = tries.recent.back().is_some_and(|last| now.since(*last) <= WINDOW);
            recent || tries.banned_until.is_some_and(|until| until > now)
        });
        self.users.retain(|_, level| {
            level.decay(now);
            level.count > 0
        });
    }
}

impl Level {
    fn decay(&mut self, now: Moment) {
        let steps = u32::try_from(now.since(self.since).as_micros() / USER_DECAY.as_micros()).unwrap_or(u32::MAX);
        self.count = self.count.saturating_sub(steps);
        self.since = self.since + USER_DECAY.saturating_mul(steps);
    }
}

/// One subscriber owns a whole /64 of IPv6.
fn neighbourhood(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn delay(steps: usize) -> Duration {
    match steps {
        0 => Duration::ZERO,
        steps => FIRST_DELAY.saturating_mul(1 << (steps - 1).min(8)).min(LONGEST_DELAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(1_000_000_000 + seconds * 1_000_000)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn ten_wrong_passwords_in_a_minute_shut_one_address_out_for_five_minutes() {
        let mut bans = Bans::default();
        for second in 0..9 {
            assert_ne!(bans.failed(at(second), address(1), "alice").begins, Some(Begins::Ban));
        }
        assert_eq!(bans.failed(at(9), address(1), "alice").begins, Some(Begins::Ban));
        assert_eq!(bans.banned_until(at(10), address(1), "alice"), Some(at(309)));
        assert_eq!(bans.banned_until(at(309), address(1), "alice"), None);
        assert_eq!(bans.banned_until(at(10), address(2), "alice"), None, "another address is free");
        assert_eq!(bans.banned_until(at(10), address(1), "bob"), None, "another user is free");
    }

    #[test]
    fn ten_wrong_passwords_in_an_hour_shut_nobody_out() {
        let mut bans = Bans::default();
        for minute in 0..60 {
            assert_ne!(bans.failed(at(minute * 61), address(1), "alice").begins, Some(Begins::Ban));
        }
        assert_eq!(bans.failed(at(10_000), address(1), "alice").delay, Duration::ZERO);
    }

    #[test]
    fn answers_come_later_and_later() {
        let mut bans = Bans::default();
        let delays: Vec<_> =
            (0..8).map(|second| bans.failed(at(second), address(1), "alice").delay.as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 250, 500, 1000, 2000, 4000]);
        bans.succeeded(address(1), "alice");
        assert_eq!(bans.failed(at(8), address(1), "alice").delay, Duration::ZERO);
    }

    #[test]
    fn one_try_each_from_two_hundred_addresses_slows_the_user_down_and_is_told_once() {
        let mut bans = Bans::default();
        let failures: Vec<_> = (0..200).map(|last| bans.failed(at(0), address(last), "alice")).collect();
        assert_eq!(failures.iter().filter(|failure| failure.begins == Some(Begins::Siege)).count(), 1);
        assert_eq!(failures.last().map(|failure| failure.delay), Some(LONGEST_DELAY));
        assert!(
            (0..200).all(|last| bans.banned_until(at(1), address(last), "alice").is_none()),
            "slowed, not locked out"
        );
        assert_eq!(bans.failed(at(400), address(7), "alice").delay, Duration::ZERO, "and it passes");
    }

    #[test]
    fn memory_stays_bounded_and_a_ban_is_not_pushed_out() {
        let mut bans = Bans::default();
        for _ in 0..TRIES {
            bans.failed(at(0), address(1), "alice");
        }
        for guess in 0..3 * KEPT {
            bans.failed(at(1), address(2), &format!("user{guess}"));
        }
        assert!(bans.pairs.len() <= KEPT && bans.users.len() <= KEPT);
        assert!(bans.banned_until(at(2), address(1), "alice").is_some());
        bans.failed(at(1000), address(3), "bob");
        assert_eq!(bans.pairs.len(), 1);
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let mut bans = Bans::default();
        for host in 0..10_u128 {
            bans.failed(at(0), IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) + host)), "alice");
        }
        let other = IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) + 99));
        assert!(bans.banned_until(at(1), other, "alice").is_some());
    }
}
