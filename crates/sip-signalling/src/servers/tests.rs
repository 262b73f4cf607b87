//! Orders of servers: transport, priority, and weights as shares.

#![allow(clippy::unwrap_used)]

use super::*;

fn server(stage: usize, priority: u16, weight: u16, last: u8) -> Server {
    let addresses = vec![SocketAddr::from(([127, 0, 0, last], 5060))];
    Server { stage, priority, weight, protocol: Protocol::Udp, addresses }
}

fn order(servers: &[Server], chance: &mut Chance) -> Vec<u8> {
    let found = Found { servers: servers.to_vec(), life: Duration::ZERO };
    let last = |(_, address): (Protocol, SocketAddr)| match address.ip() {
        std::net::IpAddr::V4(address) => address.octets()[3],
        std::net::IpAddr::V6(_) => 0,
    };
    found.in_order(chance).into_iter().map(last).collect()
}

#[test]
fn the_transport_comes_first_then_the_priority() {
    let mut chance = Chance::new([1; 32]);
    let servers = [server(1, 0, 0, 4), server(0, 20, 9, 3), server(0, 10, 1, 1), server(0, 15, 0, 2)];
    assert_eq!(order(&servers, &mut chance), [1, 2, 3, 4]);
    assert!(order(&[], &mut chance).is_empty());
}

#[test]
fn weights_are_shares() {
    let mut chance = Chance::new([2; 32]);
    let servers = [server(0, 0, 60, 1), server(0, 0, 30, 2), server(0, 0, 10, 3), server(0, 0, 0, 4)];
    let mut first = [0_u32; 5];
    for _ in 0..10_000 {
        let order = order(&servers, &mut chance);
        assert_eq!(order.len(), 4, "each is tried once");
        first[usize::from(order[0])] += 1;
    }
    for (last, share) in [(1, 6000), (2, 3000), (3, 1000), (4, 100)] {
        assert!(first[last].abs_diff(share) < 200, "{last}: {} of 10000", first[last]);
    }
    assert!(first[4] > 0, "one without weight has a small chance");
}
