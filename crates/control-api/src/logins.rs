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

use crate::house::{Credential, Standing};
use crate::limits::{LOGIN_LIFE, LOGINS, LOGINS_OF_ONE, TRIED_AGAIN, WRONG_LOGINS, WRONG_PAIRS, WRONG_WINDOW};

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
    credential: Credential,
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
    /// Passwords that are being judged: each may turn out to be wrong.
    judged: u32,
}

impl Wrong {
    const fn new(since: Instant) -> Self {
        Self { times: 0, since, judged: 0 }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.judged == 0 && now >= self.since + WRONG_WINDOW
    }
}

/// All logins.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    book: Mutex<Book>,
}

impl Logins {
    /// A new token of 256 random bits; `None`: the system has no randomness to give.
    pub(crate) fn open(&self, name: AgentName, credential: Credential, read_only: bool) -> Option<String> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits).ok()?;
        let token = URL_SAFE_NO_PAD.encode(bits);
        let (sender, lasts) = watch::channel(());
        let ends = Instant::now() + LOGIN_LIFE;
        let mut book = self.book();
        book.make_room(&name);
        let key = hash(&token);
        book.order.push_back(key);
        book.kept.insert(key, Kept { login: Login { name, read_only, lasts }, credential, ends, _lasts: sender });
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

    /// Ends the logins of everybody who may not log in any more, or not with that password.
    pub(crate) fn keep_only(&self, standing: &Standing) {
        self.book().kept.retain(|_, kept| standing.get(&kept.login.name) == Some(&kept.credential));
    }

    /// Somebody at this address says a password for a name: it counts as wrong until [`Attempt::was_right`], so that however
    /// many come at once no more are judged than one may try.
    ///
    /// # Errors
    /// How long they must wait first.
    pub(crate) fn attempt(&self, from: IpAddr, name: &str) -> Result<Attempt<'_>, Duration> {
        let now = Instant::now();
        let mut book = self.book();
        if book.wrong.len() >= WRONG_PAIRS {
            book.wrong.retain(|_, wrong| !wrong.is_over(now));
            if book.wrong.len() >= WRONG_PAIRS {
                book.wrong.retain(|_, wrong| wrong.judged > 0);
            }
        }
        let pair = (from, name.to_owned());
        let wrong = book.wrong.entry(pair.clone()).or_insert(Wrong::new(now));
        if now >= wrong.since + WRONG_WINDOW {
            (wrong.times, wrong.since) = (0, now);
        }
        if wrong.times >= WRONG_LOGINS {
            return Err((wrong.since + WRONG_WINDOW).saturating_duration_since(now));
        }
        if wrong.times + wrong.judged >= WRONG_LOGINS {
            return Err(TRIED_AGAIN);
        }
        wrong.judged += 1;
        Ok(Attempt { logins: self, pair, right: None })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A password that is being judged. Dropped without a verdict, it never was.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    logins: &'a Logins,
    pair: (IpAddr, String),
    right: Option<bool>,
}

impl Attempt<'_> {
    pub(crate) fn was_right(mut self) {
        self.right = Some(true);
    }

    /// Whether it was one too many.
    pub(crate) fn was_wrong(mut self) -> bool {
        self.right = Some(false);
        let times = self.logins.book().wrong.get(&self.pair).map(|wrong| wrong.times);
        times.is_some_and(|times| times + 1 == WRONG_LOGINS)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut book = self.logins.book();
        let Some(wrong) = book.wrong.get_mut(&self.pair) else { return };
        wrong.judged = wrong.judged.saturating_sub(1);
        if self.right == Some(false) {
            wrong.times += 1;
            if wrong.times == WRONG_LOGINS {
                // The wait begins with the last wrong one.
                wrong.since = Instant::now();
            }
        }
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
        let token = hash(&logins.open(alice(), Credential(String::new()), false).unwrap());
        assert_eq!(logins.find(&token).unwrap().name, alice());
        tokio::time::advance(LOGIN_LIFE).await;
        assert!(logins.find(&token).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_login_too_many_ends_the_oldest_of_the_same_name() {
        let logins = Logins::default();
        let others = hash(&logins.open(AgentName("bob".to_owned()), Credential(String::new()), false).unwrap());
        let first = hash(&logins.open(alice(), Credential(String::new()), false).unwrap());
        let second = hash(&logins.open(alice(), Credential(String::new()), false).unwrap());
        let mut lasts = logins.find(&first).unwrap().lasts;
        for _ in 2..=LOGINS_OF_ONE {
            logins.open(alice(), Credential(String::new()), false).unwrap();
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
            assert!(!logins.attempt(here, "alice").unwrap().was_wrong());
        }
        logins.attempt(here, "alice").unwrap().was_right();
        assert!(logins.attempt(here, "alice").unwrap().was_wrong());
        assert_eq!(logins.attempt(here, "alice").unwrap_err(), WRONG_WINDOW);
        assert!(logins.attempt(there, "alice").is_ok());
        assert!(logins.attempt(here, "bob").is_ok());
        tokio::time::advance(WRONG_WINDOW).await;
        assert!(!logins.attempt(here, "alice").unwrap().was_wrong());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_passwords_are_judged_at_once_than_one_may_try() {
        let logins = Logins::default();
        let here = IpAddr::from([127, 0, 0, 1]);
        let judged: Vec<_> = (0..WRONG_LOGINS).map(|_| logins.attempt(here, "alice").unwrap()).collect();
        assert_eq!(logins.attempt(here, "alice").unwrap_err(), TRIED_AGAIN);
        drop(judged);
        logins.attempt(here, "alice").unwrap().was_right();
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_ends_with_its_password_and_with_its_user() {
        let logins = Logins::default();
        let credential = |word: &str| Credential(word.to_owned());
        let old = hash(&logins.open(alice(), credential("old"), false).unwrap());
        let new = hash(&logins.open(alice(), credential("new"), false).unwrap());
        let mut lasts = logins.find(&old).unwrap().lasts;
        logins.keep_only(&Standing::from([(alice(), credential("new"))]));
        assert!(logins.find(&old).is_none() && logins.find(&new).is_some());
        assert!(lasts.changed().await.is_err(), "whoever listens with it is told");
        logins.keep_only(&Standing::new());
        assert!(logins.find(&new).is_none());
    }
}
