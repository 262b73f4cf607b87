//! How many subscribers each login and each agent has: nobody takes the places of all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use conference::AgentName;

use crate::limits::{SUBSCRIBERS_OF_AGENT, SUBSCRIBERS_OF_LOGIN};
use crate::logins::TokenHash;

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    logins: HashMap<TokenHash, u32>,
    agents: HashMap<AgentName, u32>,
}

/// A subscriber's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    all: Arc<Subscriptions>,
    login: TokenHash,
    agent: AgentName,
}

impl Subscriptions {
    /// A place for one more of an agent; `None`: they have enough.
    pub(crate) fn enter(self: &Arc<Self>, login: TokenHash, agent: &AgentName) -> Option<Subscription> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |count: Option<&u32>| count.copied().unwrap_or(0);
        if of(counts.logins.get(&login)) >= SUBSCRIBERS_OF_LOGIN || of(counts.agents.get(agent)) >= SUBSCRIBERS_OF_AGENT
        {
            return None;
        }
        *counts.logins.entry(login).or_default() += 1;
        *counts.agents.entry(agent.clone()).or_default() += 1;
        Some(Subscription { all: Arc::clone(self), login, agent: agent.clone() })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut counts = self.all.counts.lock().unwrap_or_else(PoisonError::into_inner);
        one_less(&mut counts.logins, &self.login);
        one_less(&mut counts.agents, &self.agent);
    }
}

fn one_less<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_login_and_an_agent_have_so_many_places_and_get_them_back() {
        let all = Arc::new(Subscriptions::default());
        let (alice, bob) = (AgentName("alice".to_owned()), AgentName("bob".to_owned()));
        let mut places: Vec<_> = (0..SUBSCRIBERS_OF_LOGIN).map(|_| all.enter([1; 32], &alice).unwrap()).collect();
        assert!(all.enter([1; 32], &alice).is_none(), "one login");
        assert!(all.enter([2; 32], &bob).is_some());
        for login in 2.. {
            let Some(place) = all.enter([login; 32], &alice) else { break };
            places.push(place);
            let more = (1..SUBSCRIBERS_OF_LOGIN).map_while(|_| all.enter([login; 32], &alice));
            places.extend(more.collect::<Vec<_>>());
        }
        assert_eq!(places.len(), usize::try_from(SUBSCRIBERS_OF_AGENT).unwrap());
        drop(places);
        let counts = all.counts.lock().unwrap();
        assert!(counts.logins.is_empty() && counts.agents.is_empty());
    }
}
