//! REFER, NOTIFY and BYE in every order: who says BYE when, and what becomes of a transfer whose phone has gone.

use std::time::Duration;

use conference::{Ending, LegId};
use rsip::Method;

use super::net::{Fate, Net, SERVER, Weather, phone_net, talking};
use super::races::{is_request, status_of};
use super::refer::{PHONE, end, referred};
use crate::leg::DialogState;
use crate::settings::Protocol;
use crate::{News, ReferId, ReferTo, Wish};

/// A call whose phone has sent REFER: the server's leg, the phone's, and what the server was told.
fn asked(net: &mut Net) -> (LegId, LegId, ReferId) {
    let (here, there) = talking(net, 7);
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) });
    let (refer, ..) = referred(net);
    (here, there, refer)
}

fn ended(news: &News) -> Option<Ending> {
    match news {
        News::Ended { how, .. } => Some(*how),
        _ => None,
    }
}

fn last(refer: ReferId) -> Wish {
    Wish::Notify { refer, status: 200, last: true }
}

/// When a request of this method was first sent by the server, after everything else on the wire before.
fn sent(net: &Net, method: Method) -> Option<conference::Moment> {
    net.wire.iter().find(|(_, at, message)| *at == SERVER && is_request(message, method)).map(|(when, ..)| *when)
}

fn answers_to_notify(net: &Net) -> usize {
    net.wire.iter().filter(|(_, _, message)| status_of(message) == Some((200, Method::Notify))).count()
}

#[test]
fn a_bye_of_ours_waits_for_the_answer_to_the_last_notify() {
    let mut net = phone_net(200, Protocol::Udp);
    let (here, _, refer) = asked(&mut net);
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.wish(SERVER, last(refer));
    net.wish(SERVER, end(here));
    assert_eq!(sent(&net, Method::Bye), None);
    net.wait(PHONE, |news| ended(news).filter(|how| *how == Ending::Bye));
    assert_eq!(answers_to_notify(&net), 2, "both NOTIFYs are answered before the BYE");
    let bye = sent(&net, Method::Bye).unwrap();
    assert!(net.now.since(bye) < Duration::from_millis(100));
    net.nothing_is_left();
}

#[test]
fn it_waits_no_longer_than_two_seconds() {
    let mut net = phone_net(201, Protocol::Udp);
    let (here, _, refer) = asked(&mut net);
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.pass(Duration::from_millis(50));
    net.rule(|_, message| if is_request(message, Method::Notify) { Fate::Lose } else { Fate::Pass });
    net.wish(SERVER, last(refer));
    let begun = net.now;
    net.wish(SERVER, end(here));
    net.wish(SERVER, end(here));
    net.wait(PHONE, ended);
    assert_eq!(sent(&net, Method::Bye).unwrap().since(begun), Duration::from_secs(2));
    net.nothing_is_left();
}

#[test]
fn a_bye_waits_for_no_word_but_the_last() {
    let mut net = phone_net(202, Protocol::Udp);
    let (here, _, refer) = asked(&mut net);
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.wish(SERVER, Wish::Notify { refer, status: 180, last: false });
    let begun = net.now;
    net.wish(SERVER, end(here));
    assert_eq!(sent(&net, Method::Bye), Some(begun));
    net.nothing_is_left();
}

#[test]
fn a_phone_that_says_bye_first_gets_200_and_what_was_accepted_goes_on() {
    // before the owner's answer, right after the 202, right after NOTIFY 100, while the last NOTIFY flies
    for (case, stage) in ["refer", "202", "100", "last"].into_iter().enumerate() {
        let mut net = phone_net(210 + case as u64, Protocol::Udp);
        let (here, there, refer) = asked(&mut net);
        if stage != "refer" {
            net.wish(SERVER, Wish::AcceptRefer { refer });
            let wanted = if stage == "202" { 202 } else { 100 };
            net.wait(PHONE, |news| match news {
                News::ReferAnswered { status, .. } | News::Notified { status, .. } => (*status == wanted).then_some(()),
                _ => None,
            });
        }
        if stage == "last" {
            net.wish(SERVER, last(refer));
        }
        net.wish(PHONE, end(there));
        assert_eq!(net.wait(SERVER, ended), Ending::Bye, "{stage}");
        if stage == "refer" {
            net.wish(SERVER, Wish::AcceptRefer { refer });
        }
        net.wish(SERVER, Wish::Notify { refer, status: 180, last: false });
        net.wish(SERVER, last(refer));
        net.wish(SERVER, end(here));
        net.pass(Duration::from_secs(3));
        let codes: Vec<_> = net.wire.iter().filter_map(|(_, _, message)| status_of(message)).collect();
        assert!(codes.contains(&(200, Method::Bye)) && codes.contains(&(202, Method::Refer)), "{stage}: {codes:?}");
        assert!(net.told(SERVER).is_empty(), "{stage}: told once");
        net.nothing_is_left();
    }
}

#[test]
fn byes_that_cross_while_ours_waits_end_the_call_once() {
    let mut net = phone_net(220, Protocol::Udp);
    let (here, there, refer) = asked(&mut net);
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.pass(Duration::from_millis(50));
    net.rule(|at, message| if at == PHONE && status_of(message).is_some() { Fate::Lose } else { Fate::Pass });
    net.wish(SERVER, last(refer));
    net.wish(SERVER, end(here));
    net.told(SERVER);
    net.wish(PHONE, end(there));
    net.pass(Duration::from_secs(3));
    assert!(net.told(SERVER).is_empty(), "its owner had ended it");
    assert_eq!(sent(&net, Method::Bye), None, "theirs was enough");
    net.nothing_is_left();
}

#[test]
fn a_notify_that_is_refused_ends_its_subscription_and_nothing_else() {
    // the phone forgets its REFER, and answers 481
    let mut net = phone_net(221, Protocol::Udp);
    let (here, there, refer) = asked(&mut net);
    net.stacks[PHONE].1.referring.clear();
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.pass(Duration::from_secs(1));
    assert_eq!(net.counts(SERVER).subscriptions, 0);
    assert_eq!(net.counts(SERVER).legs, 1);
    net.wish(SERVER, last(refer));
    let begun = net.now;
    net.wish(SERVER, end(here));
    assert_eq!(sent(&net, Method::Bye), Some(begun), "nothing is waited for");
    let _ = there;
    net.nothing_is_left();
}

#[test]
fn notifies_that_get_no_answer_end_their_subscription_and_nothing_else() {
    let mut net = phone_net(222, Protocol::Udp);
    let (here, there, refer) = asked(&mut net);
    net.rule(|_, message| if is_request(message, Method::Notify) { Fate::Lose } else { Fate::Pass });
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.wish(SERVER, Wish::Notify { refer, status: 180, last: false });
    net.pass(Duration::from_secs(40));
    assert_eq!((net.counts(SERVER).subscriptions, net.counts(SERVER).legs), (0, 1));
    assert!(net.told(SERVER).iter().all(|news| !matches!(news, News::Ended { .. })));
    net.rule(|_, _| Fate::Pass);
    net.wish(SERVER, Wish::Probe { leg: here });
    net.wait(SERVER, |news| matches!(news, News::Probed { alive: true, .. }).then_some(()));
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}

#[test]
fn every_order_of_refer_notify_and_bye_ends_clean_in_any_weather() {
    for seed in 0..120_u64 {
        let mut net = phone_net(300 + seed, if seed % 5 == 0 { Protocol::Tcp } else { Protocol::Udp });
        let (here, there, refer) = asked(&mut net);
        let percent = 5 * (seed % 5);
        net.weather = Weather { loss: percent, double: percent, jitter: Duration::from_millis(30) };
        // five things in an order of the seed's choosing, with gaps of its choosing
        let mut left = vec![0, 1, 2, 3, 4];
        let mut dice = seed;
        while !left.is_empty() {
            let at = usize::try_from(dice % left.len() as u64).unwrap();
            dice = dice / 3 + seed * 7 + 1;
            match left.remove(at) {
                0 => net.wish(SERVER, Wish::AcceptRefer { refer }),
                1 => net.wish(SERVER, Wish::Notify { refer, status: 180, last: false }),
                2 => net.wish(SERVER, last(refer)),
                3 => net.wish(SERVER, end(here)),
                _ => net.wish(PHONE, end(there)),
            }
            net.pass(Duration::from_millis(dice % 60));
        }
        net.nothing_is_left();
    }
}

fn frozen_and_thawed(net: &mut Net, leg: LegId, between: Duration) {
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, leg).unwrap();
    net.collect(SERVER);
    net.pass(between);
    let text = serde_json::to_string(&state).unwrap();
    let back: DialogState = serde_json::from_str(&text).unwrap();
    assert_eq!(back, state);
    let now = net.now;
    net.stacks[SERVER].1.thaw(now, back);
    net.collect(SERVER);
}

#[test]
fn a_frozen_leg_keeps_its_refer_and_goes_on_with_its_notifies() {
    for seed in 0..20 {
        let mut net = phone_net(500 + seed, Protocol::Udp);
        let (here, _, refer) = asked(&mut net);
        net.weather = Weather { loss: 0, double: 10, jitter: Duration::from_millis(20) };
        frozen_and_thawed(&mut net, here, Duration::from_millis(seed * 3));
        net.wish(SERVER, Wish::AcceptRefer { refer });
        frozen_and_thawed(&mut net, here, Duration::from_millis(seed * 7 % 40));
        let now = net.now;
        let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
        // wishes for it wait with it
        net.wish(SERVER, Wish::Notify { refer, status: 180, last: false });
        net.wish(SERVER, last(refer));
        net.wish(SERVER, end(here));
        net.pass(Duration::from_millis(seed));
        let now = net.now;
        net.stacks[SERVER].1.thaw(now, state);
        net.collect(SERVER);
        let mut told = Vec::new();
        while told.last().is_none_or(|(_, last)| !last) {
            told.push(net.wait(PHONE, |news| match news {
                News::Notified { status, last, .. } => Some((*status, *last)),
                _ => None,
            }));
        }
        assert_eq!(told, [(100, false), (180, false), (200, true)], "{seed}");
        net.wait(PHONE, ended);
        net.nothing_is_left();
    }
}

#[test]
fn another_process_goes_on_with_the_notifies_and_names_no_refer_twice() {
    let mut net = phone_net(540, Protocol::Udp);
    let (here, there, refer) = asked(&mut net);
    net.wish(SERVER, Wish::AcceptRefer { refer });
    net.wait(PHONE, |news| matches!(news, News::Notified { status: 100, .. }).then_some(()));
    // the NOTIFY that is on its way when the process dies gets no answer here
    net.rule(|at, message| if at == PHONE && status_of(message).is_some() { Fate::Lose } else { Fate::Pass });
    net.wish(SERVER, Wish::Notify { refer, status: 180, last: false });
    net.wish(SERVER, last(refer));
    net.pass(Duration::from_millis(100));
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
    let address = net.stacks[SERVER].0;
    let settings = super::net::settings(crate::Doorkeeping::Server);
    net.stacks[SERVER].1 =
        crate::stack::Stack::new(settings, vec![(Protocol::Udp, address)], Box::new(|_| None), [9; 32]);
    net.rule(|_, _| Fate::Pass);
    net.stacks[SERVER].1.thaw(now, state);
    net.collect(SERVER);
    net.wait(PHONE, |news| matches!(news, News::Notified { status: 200, last: true, .. }).then_some(()));
    net.pass(Duration::from_secs(1));
    assert_eq!(net.counts(SERVER).subscriptions, 0);
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:103@baton.local".into()) });
    let (second, ..) = referred(&mut net);
    assert!(second > refer);
    net.wish(PHONE, end(there));
    net.wait(SERVER, ended);
}
