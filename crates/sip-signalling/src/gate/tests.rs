//! The door: address ranges, and what is refused before anybody is asked who they are.

#![allow(clippy::unwrap_used)]

use super::*;

fn network(text: &str, prefix: u8) -> Network {
    Network { address: text.parse().unwrap(), prefix }
}

#[test]
fn a_range_holds_its_addresses_and_no_others() {
    assert!(contains(&network("10.0.0.0", 8), "10.255.1.2".parse().unwrap()));
    assert!(!contains(&network("10.0.0.0", 8), "11.0.0.1".parse().unwrap()));
    assert!(contains(&network("127.0.0.2", 32), "127.0.0.2".parse().unwrap()));
    assert!(!contains(&network("127.0.0.2", 32), "127.0.0.3".parse().unwrap()));
    assert!(contains(&network("0.0.0.0", 0), "203.0.113.9".parse().unwrap()));
    assert!(contains(&network("2001:db8::", 32), "2001:db8::5".parse().unwrap()));
    assert!(!contains(&network("2001:db8::", 32), "2001:db9::5".parse().unwrap()));
    assert!(contains(&network("10.0.0.0", 8), "::ffff:10.1.1.1".parse().unwrap()), "IPv4 in IPv6 is IPv4");
}

#[test]
fn one_address_and_port_is_no_other_port() {
    let trunk = |name: &str, accept_from| Trunk {
        name: name.into(),
        place: crate::settings::Place::Address("127.0.0.1:5090".parse().unwrap()),
        protocol: None,
        security: crate::settings::TrunkSecurity::default(),
        credentials: None,
        register: false,
        from_account: false,
        trusted: true,
        caller_id: String::new(),
        accept_from,
        max_calls: 1,
    };
    let trunks = [
        trunk("wide", vec![Source::Network(network("127.0.0.0", 8))]),
        trunk("exact", vec![Source::Exactly("127.0.0.1:5080".parse().unwrap())]),
    ];
    let name = |source: &str| trunk_of(&trunks, source.parse().unwrap()).map(|trunk| trunk.name.as_str());
    assert_eq!(name("127.0.0.1:5080"), Some("exact"), "the exact statement wins");
    assert_eq!(name("127.0.0.1:5081"), Some("wide"));
    assert_eq!(name("192.0.2.1:5080"), None);
}
