//! Our own re-INVITEs and UPDATEs meet what comes from the other side: RFC 3261 §14, RFC 3311 §5.2, row 20.

use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, Identity, LegId};
use rsip::Method;

use super::net::{Fate, Net, SERVER, Weather, phone_net, talking};
use super::races::{is_request, status_of};
use crate::settings::Protocol;
use crate::stack::{Stack, User};
use crate::{News, Wish};

const PHONE: usize = 1;

/// A phone that takes no UPDATE is to be told somebody else: the server asks for an offer and sends it.
fn wanted(net: &mut Net, here: LegId, user: &str) {
    net.stacks[SERVER].1.session_mut(here).unwrap().dialog.takes_no_update();
    let peer = Identity { display: String::new(), user: user.into() };
    net.wish(SERVER, Wish::Identify { leg: here, peer });
    net.wait(SERVER, |news| matches!(news, News::OfferWanted { .. }).then_some(()));
    net.wish(SERVER, Wish::Refresh { leg: here, body: Bytes::from_static(b"v=0 same") });
}

/// An UPDATE of the phone's; with an offer if there is a body.
fn update(net: &mut Net, there: LegId, body: &[u8]) {
    let phone = &mut net.stacks[PHONE].1;
    let mut dialog = phone.session_mut(there).unwrap().dialog.clone();
    let mut request = phone.inside(&mut dialog, Method::Update);
    Stack::describe(&mut request.headers, &mut request.body, body);
    phone.keep_number(there, &dialog);
    let flow = dialog.flow;
    phone.send(flow, request, User::Nobody);
    phone.settle();
    net.collect(PHONE);
    net.pass(Duration::from_millis(5));
}

fn last_answer(net: &Net, at: usize, wanted: Method) -> Option<u16> {
    let mut sent = net.wire.iter().rev().filter(|(_, from, _)| *from == at).filter_map(|it| status_of(&it.2));
    sent.find(|(status, method)| *method == wanted && *status > 100).map(|(status, _)| status)
}

/// Both sides answer what they are offered and give what is wanted, for a while.
fn live(net: &mut Net, legs: [LegId; 2], span: Duration) -> Vec<(usize, News)> {
    let mut told = Vec::new();
    for _ in 0..span.as_millis() / 50 {
        net.pass(Duration::from_millis(50));
        for (at, leg) in legs.into_iter().enumerate() {
            for news in net.told(at) {
                match &news {
                    News::Offered { number, .. } => {
                        let (number, body) = (*number, Bytes::from_static(b"v=0"));
                        net.wish(at, Wish::AnswerOffer { leg, number, body });
                    }
                    News::OfferWanted { .. } => {
                        net.wish(at, Wish::Refresh { leg, body: Bytes::from_static(b"v=0 same") })
                    }
                    _ => {}
                }
                told.push((at, news));
            }
        }
    }
    told
}

#[test]
fn an_identity_that_meets_a_hold_is_told_after_it_and_both_are_answered() {
    for seed in 160..172 {
        let mut net = phone_net(seed, if seed % 2 == 0 { Protocol::Udp } else { Protocol::Tcp });
        let (here, there) = talking(&mut net, 7);
        wanted(&mut net, here, "bob");
        net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 hold") });
        let told = live(&mut net, [here, there], Duration::from_secs(12));
        let glares = net.wire.iter().filter(|it| status_of(&it.2) == Some((491, Method::Invite))).count();
        assert!(glares >= 2, "both were refused at first");
        let done = |at: usize, ours: bool| {
            told.iter().any(|(from, news)| {
                *from == at && matches!(news, News::OfferAnswered { wanted, .. } if *wanted == ours)
            })
        };
        assert!(done(PHONE, false), "the hold");
        let seen = told.iter().filter(|(_, news)| matches!(news, News::Identified { peer, .. } if peer.user == "bob"));
        assert_eq!(seen.count(), 1);
        assert!(!told.iter().any(|(_, news)| matches!(news, News::OfferRefused { .. } | News::Ended { .. })));
        net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
        net.nothing_is_left();
    }
}

#[test]
fn an_update_that_meets_an_offer_is_491_or_500_and_changes_nothing() {
    let mut net = phone_net(172, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    // ours is unanswered
    wanted(&mut net, here, "bob");
    let number = net.offered(PHONE);
    update(&mut net, there, b"v=0 theirs");
    assert_eq!(last_answer(&net, SERVER, Method::Update), Some(491));
    update(&mut net, there, b"");
    assert_eq!(last_answer(&net, SERVER, Method::Update), Some(200), "it offers nothing");
    net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    // theirs is unanswered
    net.pass(Duration::from_secs(1));
    update(&mut net, there, b"v=0 first");
    let number = net.offered(SERVER);
    for body in [&b"v=0 second"[..], b""] {
        update(&mut net, there, body);
        assert_eq!(last_answer(&net, SERVER, Method::Update), Some(500));
        let said = net.wire.iter().rev().find(|it| it.1 == SERVER && status_of(&it.2) == Some((500, Method::Update)));
        assert!(said.unwrap().2.to_string().contains("Retry-After"));
    }
    assert!(net.told(SERVER).is_empty());
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0") });
    net.pass(Duration::from_millis(5));
    assert_eq!(last_answer(&net, SERVER, Method::Update), Some(200));
}

#[test]
fn a_bye_or_a_refer_that_crosses_our_re_invite_counts() {
    for bye in [true, false] {
        let mut net = phone_net(173, Protocol::Udp);
        let (here, there) = talking(&mut net, 7);
        wanted(&mut net, here, "bob");
        if bye {
            net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
            let how = net.wait(SERVER, |news| match news {
                News::Ended { how, .. } => Some(*how),
                _ => None,
            });
            assert_eq!(how, Ending::Bye);
        } else {
            let to = crate::ReferTo::Address("sip:bob@baton.local".into());
            net.wish(PHONE, Wish::Refer { leg: there, to });
            let refer = net.wait(SERVER, |news| match news {
                News::Referred { refer, .. } => Some(*refer),
                _ => None,
            });
            net.wish(SERVER, Wish::AcceptRefer { refer });
            net.wish(SERVER, Wish::Notify { refer, status: 200, last: true });
            net.wait(PHONE, |news| matches!(news, News::Notified { last: true, .. }).then_some(()));
            net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
        }
        net.nothing_is_left();
    }
}

#[test]
fn an_owner_that_hangs_up_while_ours_is_unanswered_leaves_nothing() {
    for late in [0, 1, 2, 40, 600] {
        let mut net = phone_net(174, Protocol::Udp);
        let (here, there) = talking(&mut net, 7);
        net.rule(|from, message| {
            let slow = from == PHONE && matches!(status_of(message), Some((200, Method::Invite)));
            if slow { Fate::Delay(Duration::from_millis(300)) } else { Fate::Pass }
        });
        wanted(&mut net, here, "bob");
        let number = net.offered(PHONE);
        net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
        net.pass(Duration::from_millis(late));
        net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
        net.nothing_is_left();
    }
}

#[test]
fn holds_identities_and_refreshes_in_any_weather_end_in_agreement() {
    for seed in 0..60 {
        let mut net = phone_net(3000 + seed, Protocol::Udp);
        let (here, there) = talking(&mut net, 7);
        net.weather = Weather { loss: seed % 25, double: seed % 20, jitter: Duration::from_millis(seed % 80) };
        let mut last = String::new();
        for round in 0..4 {
            if (seed + round) % 2 == 0 {
                net.stacks[SERVER].1.session_mut(here).unwrap().dialog.takes_no_update();
            }
            last = format!("person{round}");
            let peer = Identity { display: String::new(), user: last.clone() };
            net.wish(SERVER, Wish::Identify { leg: here, peer });
            net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 hold") });
            live(&mut net, [here, there], Duration::from_millis(seed * 37 % 900));
        }
        let told = live(&mut net, [here, there], Duration::from_secs(60));
        assert!(!told.iter().any(|(_, news)| matches!(news, News::Ended { .. })), "{seed}");
        let seen = net.stacks[PHONE].1.session_mut(there).unwrap().upkeep.seen.clone().unwrap();
        assert_eq!(seen.user, last, "{seed}");
        for (at, leg) in [(SERVER, here), (PHONE, there)] {
            assert!(net.stacks[at].1.session_mut(leg).unwrap().is_free(), "{seed}: {at}");
        }
        assert!(net.wire.iter().filter(|it| it.1 == SERVER && is_request(&it.2, Method::Update)).count() < 60);
        net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
        net.nothing_is_left();
    }
}

/// A re-INVITE of ours that is answered 100 and then never: called off after 64*T1; whether a 487 follows or nothing, the
/// next offer goes out and the leg lives.
#[test]
fn a_re_invite_that_is_answered_100_and_then_never_is_called_off() {
    for (seed, answered) in [(140, true), (141, false)] {
        let mut net = phone_net(seed, Protocol::Udp);
        let (here, there) = talking(&mut net, 7);
        net.rule(|from, message| match is_request(message, Method::Invite) && from == SERVER {
            true => Fate::Lose,
            false => Fate::Pass,
        });
        net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 first") });
        let invite = net.sent(SERVER, Method::Invite);
        net.answer(SERVER, &invite, 100, &[]);
        net.pass(Duration::from_secs(20));
        net.answer(SERVER, &invite, 180, &[]);
        net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 second") });
        net.pass(Duration::from_secs(31));
        assert_eq!(net.count(SERVER, Method::Cancel), 0, "somebody may be asked there");
        net.pass(Duration::from_secs(2));
        let cancel = net.sent(SERVER, Method::Cancel);
        assert_eq!(cancel.uri, invite.uri);
        net.rule(|_, _| Fate::Pass);
        let status = if answered { 487 } else { 408 };
        if answered {
            net.answer(SERVER, &invite, 487, &[]);
        }
        let told = net.wait(SERVER, |news| match news {
            News::OfferRefused { status, .. } => Some(*status),
            News::Ended { .. } => panic!("the leg lives"),
            _ => None,
        });
        assert_eq!(told, status);
        let number = net.offered(PHONE);
        net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
        net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
        net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
        net.nothing_is_left();
    }
}
