//! What outlives a restart: registrations, as values that were kept; and accounts of which only the HA1s are known.

use std::time::Duration;

use bytes::Bytes;
use conference::{AgentName, Identity, LegId};

use super::net::{Net, SERVER, phone_net, settings};
use crate::settings::*;
use crate::stack::Stack;
use crate::{Callee, News, Wish};

const PHONE: usize = 1;

/// What was told last of Alice's bindings, through text, as it would be kept.
fn kept(told: &[News]) -> Vec<SavedBinding> {
    let bound = told.iter().rev().find_map(|news| match news {
        News::Bound { agent, contacts } if agent.0 == "alice" => Some(contacts.clone()),
        _ => None,
    });
    let text = serde_json::to_string(&bound.unwrap()).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The server's process ends and another begins, which listens where it did, or elsewhere.
fn restart(net: &mut Net, protocol: Protocol, bindings: Vec<(AgentName, Vec<SavedBinding>)>) {
    let listeners = vec![(protocol, net.stacks[SERVER].0)];
    let mut stack = Stack::new(settings(Doorkeeping::Server), listeners, Box::new(|_| None), [9; 32]);
    stack.restore(net.now, bindings);
    net.stacks[SERVER].1 = stack;
    net.told(SERVER);
    net.bound.clear();
    net.collect(SERVER);
}

fn registered(told: &[News]) -> Option<usize> {
    told.iter().rev().find_map(|news| match news {
        News::Registered { phones, .. } => Some(*phones),
        _ => None,
    })
}

fn alice(contacts: Vec<SavedBinding>) -> Vec<(AgentName, Vec<SavedBinding>)> {
    vec![(AgentName("alice".into()), contacts)]
}

#[test]
fn a_phone_over_udp_is_rung_again_at_once_after_a_restart() {
    let mut net = Net::new(1, Protocol::Udp, &["127.0.0.2"]);
    net.register(PHONE, "alice");
    let contacts = kept(&net.bound);
    assert!(contacts[0].expires_at() > net.now + Duration::from_secs(3500));
    restart(&mut net, Protocol::Udp, alice(contacts));
    let told = net.told(SERVER);
    assert_eq!(registered(&told), Some(1));
    assert_eq!(kept(&net.bound).len(), 1, "the owner knows where she is before she is called");
    assert_eq!(kept(&net.bound)[0].source(), net.stacks[PHONE].0);
    net.ring("alice", 7);
    net.arrived(PHONE);
    // it is kept alive, and refreshed by the same phone it is still one
    net.pass(Duration::from_secs(40));
    assert!(net.count(SERVER, rsip::Method::Options) > 0);
    net.pass(Duration::from_secs(3000));
    assert_eq!(kept(&net.bound).len(), 1);
}

#[test]
fn what_has_expired_or_belongs_to_nobody_or_came_by_a_stream_is_not_taken_up() {
    let mut net = phone_net(2, Protocol::Udp);
    net.register(PHONE, "alice");
    let contacts = kept(&net.bound);
    let past = net.now;
    net.now = past + Duration::from_secs(4000);
    restart(&mut net, Protocol::Udp, alice(contacts.clone()));
    let told = net.told(SERVER);
    assert_eq!((registered(&told), kept(&net.bound).len()), (None, 0), "what is kept is put right");
    net.now = past;
    restart(&mut net, Protocol::Udp, vec![(AgentName("mallory".into()), contacts)]);
    let gone = News::Bound { agent: AgentName("mallory".into()), contacts: Vec::new() };
    assert!(net.bound.contains(&gone));
    assert_eq!(net.counts(SERVER).registrations, 0);

    let mut net = Net::new(3, Protocol::Tcp, &["127.0.0.2"]);
    net.register(PHONE, "alice");
    let contacts = kept(&net.bound);
    restart(&mut net, Protocol::Tcp, alice(contacts));
    assert_eq!((registered(&net.told(SERVER)), net.counts(SERVER).registrations), (None, 0));
    // its connection broke; it makes another and registers by that
    let flow = crate::flow::Flow { protocol: Protocol::Tcp, local: net.stacks[PHONE].0, peer: net.stacks[SERVER].0 };
    let now = net.now;
    net.stacks[PHONE].1.flow_failed(now, flow);
    net.collect(PHONE);
    net.pass(Duration::from_secs(5));
    assert_eq!(registered(&net.told(SERVER)), Some(1));
    net.ring("alice", 7);
    net.arrived(PHONE);
}

#[test]
fn every_change_and_refresh_is_told_to_be_kept() {
    let mut net = Net::new(4, Protocol::Udp, &["127.0.0.2", "127.0.0.3"]);
    net.register(PHONE, "alice");
    let first = kept(&net.bound);
    net.pass(Duration::from_secs(3000));
    let refreshed = kept(&net.bound);
    assert!(refreshed[0].expires_at() > first[0].expires_at());
    net.register(2, "alice");
    assert_eq!(kept(&net.bound).len(), 2);
    for (at, left) in [(PHONE, 1), (2, 0)] {
        net.wish(at, Wish::Unregister { user: "alice".into() });
        net.pass(Duration::from_secs(1));
        assert_eq!(kept(&net.bound).len(), left);
    }
}

#[test]
fn an_account_of_which_only_the_ha1s_are_known_registers_and_loses_its_phones_with_another_password() {
    let hashed = |password: &str| Account {
        name: AgentName("alice".into()),
        password: Password::Hashed(Ha1s::of("alice", "baton.local", &Secret(password.into()))),
    };
    let mut net = Net::new(5, Protocol::Udp, &["127.0.0.2"]);
    let Directory { trunks, .. } = settings(Doorkeeping::Server).directory;
    let directory = |password: &str| Directory { accounts: vec![hashed(password)], trunks: trunks.clone() };
    net.wish(SERVER, Wish::Reload(directory("alice-secret")));
    net.register(PHONE, "alice");
    assert_eq!(registered(&net.told(SERVER)), Some(1));
    net.wish(SERVER, Wish::Reload(directory("alice-secret")));
    assert_eq!(registered(&net.told(SERVER)), None, "the same again changes nothing");
    net.wish(SERVER, Wish::Reload(directory("another")));
    assert_eq!(registered(&net.told(SERVER)), Some(0));
    net.wish(PHONE, Wish::Unregister { user: "alice".into() });
    let status = net.wait(PHONE, |news| match news {
        News::PhoneRegistered { status, .. } => Some(*status),
        _ => None,
    });
    assert_ne!(status, 200, "the password of before holds no longer");
}

/// What is kept is somebody else's file by then: anything in it is turned down or taken, and breaks nothing.
#[test]
fn what_was_kept_and_has_been_damaged_breaks_nothing() {
    let mut net = phone_net(6, Protocol::Udp);
    net.register(PHONE, "alice");
    let text = serde_json::to_vec(&kept(&net.bound)).unwrap();
    let mut chance = crate::chance::Chance::new([4; 32]);
    let mut taken = 0;
    for _ in 0..3000 {
        let damaged = super::many::mutated(&mut chance, std::slice::from_ref(&text));
        let Ok(contacts) = serde_json::from_slice::<Vec<SavedBinding>>(&damaged) else { continue };
        taken += 1;
        let listeners = vec![(Protocol::Udp, net.stacks[SERVER].0)];
        let mut stack = Stack::new(settings(Doorkeeping::Server), listeners, Box::new(|_| None), [9; 32]);
        stack.restore(net.now, alice(contacts));
        let to = Callee::Agent(AgentName("alice".into()));
        let (leg, from, offer) = (LegId::rung(7), Identity::default(), Bytes::new());
        stack.wish(net.now, Wish::Call { leg, to, from, offer: offer.into() });
        stack.expire(net.now + Duration::from_secs(4000));
        assert_eq!(stack.counts().registrations, 0);
    }
    assert!(taken > 10, "only {taken} could be read");
}
