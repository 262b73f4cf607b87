//! What agents' passwords are compared with. Whoever's password is the one it was is not hashed again: with thousands of
//! users each change of one of them would cost as many hashes.

use std::collections::{BTreeMap, HashMap};

use crate::digest::Ha1s;
use crate::settings::{Directory, Password};

/// The HA1s of everybody, by name.
pub(super) type Secrets = BTreeMap<String, Ha1s>;

/// The HA1s of a directory, and how many were made anew; `before`: the directory until now, with its HA1s.
pub(super) fn of(directory: &Directory, realm: &str, before: (&Directory, &Secrets)) -> (Secrets, usize) {
    let (old, known) = before;
    let old: HashMap<_, _> = old.accounts.iter().map(|account| (&account.name, &account.password)).collect();
    let mut hashed = 0;
    let secrets = directory.accounts.iter().map(|account| {
        let same = old.get(&account.name).is_some_and(|password| **password == account.password);
        let ha1s = known.get(&account.name.0).filter(|_| same).cloned().unwrap_or_else(|| match &account.password {
            Password::Plain(password) => {
                hashed += 1;
                Ha1s::of(&account.name.0, realm, password)
            }
            Password::Hashed(ha1s) => ha1s.clone(),
        });
        (account.name.0.clone(), ha1s)
    });
    (secrets.collect(), hashed)
}

#[cfg(test)]
mod tests {
    use conference::AgentName;

    use super::*;
    use crate::settings::{Account, Secret};

    const REALM: &str = "baton.local";

    fn house(passwords: &[(&str, &str)]) -> Directory {
        let account = |(name, password): &(&str, &str)| Account {
            name: AgentName((*name).to_owned()),
            password: Password::Plain(Secret((*password).to_owned())),
        };
        Directory { accounts: passwords.iter().map(account).collect(), trunks: Vec::new() }
    }

    #[test]
    fn only_who_is_new_or_has_a_new_password_is_hashed() {
        let nobody = (&Directory::default(), &Secrets::new());
        let old = house(&[("alice", "a"), ("bob", "b"), ("carol", "c")]);
        let (before, hashed) = of(&old, REALM, nobody);
        assert_eq!(hashed, 3);
        let new = house(&[("alice", "a"), ("bob", "better"), ("dave", "c")]);
        let (after, hashed) = of(&new, REALM, (&old, &before));
        assert_eq!(hashed, 2, "bob and dave");
        assert_eq!(after, of(&new, REALM, nobody).0, "the same as if everybody had been hashed");
        assert_eq!(of(&new, REALM, (&new, &after)), (after, 0));
    }
}
