//! Logins: tokens that stand for an agent for a while. Only their hashes are kept.
//!
//! Also counts wrong passwords, so that nobody guesses. Whether a password is right, the house says.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conference::AgentName;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits::{LOGIN_LIFE, LOGINS, LOGINS_OF_ONE, WRONG_LOGINS, WRONG_PAIRS, WRONG_WINDOW};

/// A token's hash.
pub(crate) type TokenHash = [u8; 32];

/// The hash of a token.
pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// What a token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) name: AgentName,
    pub(crate) read_only: bool,
    /// Ends (its sender is dropped) when the login does.
    pub(crate) lasts: watch::Receiver<()>,
}

#[derive(Debug)]
struct Kept {
    login: Login,
    ends: Instant,
    _lasts: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Book {
    kept: HashMap<TokenHash, Kept>,
    /// Oldest first; also those that have ended, until their turn comes.
    order: VecDeque<TokenHash>,
    wrong: HashMap<(IpAddr, String), Wrong>,
}

#[derive(Debug)]
struct Wrong {
    times: u32,
    since: Instant,
}

/// All logins.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    book: Mutex<Book>,
}

impl Logins {
    /// A new token of 256 random bits; `None`: the system has no randomness to give.
    pub(crate) fn open(&self, name: AgentName, read_only: bool) -> Option<String> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits).ok()?;
        let token = URL_SAFE_NO_PAD.encode(bits);
        let (sender, lasts) = watch::channel(());
        let ends = Instant::now() + LOGIN_LIFE;
        let mut book = self.book();
        book.make_room(&name);
        let key = hash(&token);
        book.order.push_back(key);
        book.kept.insert(key, Kept { login: Login { name, read_only, lasts }, ends, _lasts: sender });
        Some(token)
    }

    /// Whose token it is.
    pub(crate) fn find(&self, token: &TokenHash) -> Option<Login> {
        let mut book = self.book();
        let kept = book.kept.get(token)?;
        if kept.ends <= Instant::now() {
            book.kept.remove(token);
            return None;
        }
        Some(kept.login.clone())
    }

    /// Ends a login.
    pub(crate) fn close(&self, token: &TokenHash) {
        self.book().kept.remove(token);
    }

    /// Ends all logins of a name.
    pub(crate) fn close_all(&self, name: &str) {
        self.book().kept.retain(|_, kept| kept.login.name.0 != name);
    }

    /// How long somebody at this address must wait before they may try this name (again).
    pub(crate) fn must_wait(&self, from: IpAddr, name: &str) -> Option<Duration> {
        let book = self.book();
        let wrong = book.wrong.get(&(from, name.to_owned()))?;
        let over = wrong.since + WRONG_WINDOW;
        (wrong.times >= WRONG_LOGINS)
            .then(|| over.saturating_duration_since(Instant::now()))
            .filter(|wait| !wait.is_zero())
    }

    /// Takes note of a wrong password; whether that was one too many.
    pub(crate) fn note_wrong(&self, from: IpAddr, name: &str) -> bool {
        let now = Instant::now();
        let mut book = self.book();
        if book.wrong.len() >= WRONG_PAIRS {
            book.wrong.retain(|_, wrong| now < wrong.since + WRONG_WINDOW);
            if book.wrong.len() >= WRONG_PAIRS {
                book.wrong.clear();
            }
        }
        let wrong = book.wrong.entry((from, name.to_owned())).or_insert(Wrong { times: 0, since: now });
        if now >= wrong.since + WRONG_WINDOW {
            *wrong = Wrong { times: 0, since: now };
        }
        wrong.times += 1;
        if wrong.times == WRONG_LOGINS {
            // The wait begins with the last wrong one.
            wrong.since = now;
        }
        wrong.times == WRONG_LOGINS
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Forgets what is over, then the oldest of whoever has too many.
    fn make_room(&mut self, name: &AgentName) {
        let now = Instant::now();
        while let Some(oldest) = self.order.front() {
            let over = self.kept.get(oldest).is_none_or(|kept| kept.ends <= now);
            if !over && self.kept.len() < LOGINS {
                break;
            }
            self.kept.remove(oldest);
            self.order.pop_front();
        }
        let own = |token: &&TokenHash| self.kept.get(*token).is_some_and(|kept| kept.login.name == *name);
        if self.kept.values().filter(|kept| kept.login.name == *name).count() >= LOGINS_OF_ONE
            && let Some(oldest) = self.order.iter().find(own).copied()
        {
            self.kept.remove(&oldest);
        }
        if self.order.len() > 2 * LOGINS {
            self.order.retain(|token| self.kept.contains_key(token));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn alice() -> AgentName {
        AgentName("alice".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_is_over_after_half_a_day() {
        let logins = Logins::default();
        let token = hash(&logins.open(alice(), false).unwrap());
        assert_eq!(logins.find(&token).unwrap().name, alice());
        tokio::time::advance(LOGIN_LIFE).await;
        assert!(logins.find(&token).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_login_too_many_ends_the_oldest_of_the_same_name() {
        let logins = Logins::default();
        let others = hash(&logins.open(AgentName("bob".to_owned()), false).unwrap());
        let first = hash(&logins.open(alice(), false).unwrap());
        let second = hash(&logins.open(alice(), false).unwrap());
        let mut lasts = logins.find(&first).unwrap().lasts;
        for _ in 2..=LOGINS_OF_ONE {
            logins.open(alice(), false).unwrap();
        }
        assert!(logins.find(&first).is_none());
        assert!(lasts.changed().await.is_err(), "whoever listens with it is told");
        assert!(logins.find(&second).is_some());
        assert!(logins.find(&others).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn ten_wrong_passwords_make_one_address_wait_for_one_name() {
        let logins = Logins::default();
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for _ in 1..WRONG_LOGINS {
            assert!(!logins.note_wrong(here, "alice"));
        }
        assert!(logins.must_wait(here, "alice").is_none());
        assert!(logins.note_wrong(here, "alice"));
        assert!(logins.must_wait(here, "alice").is_some());
        assert!(logins.must_wait(there, "alice").is_none());
        assert!(logins.must_wait(here, "bob").is_none());
        tokio::time::advance(WRONG_WINDOW).await;
        assert!(logins.must_wait(here, "alice").is_none());
        assert!(!logins.note_wrong(here, "alice"));
    }
}
