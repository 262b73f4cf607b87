//! Legs that are frozen and thawed in the middle of a call, in the same stack and in another.

use std::time::Duration;

use bytes::Bytes;
use conference::Ending;

use super::net::{Net, SERVER, Weather, phone_net, talking};
use crate::leg::DialogState;
use crate::settings::Protocol;
use crate::{News, Wish};

const PHONE: usize = 1;

/// Through bytes, as a journal would keep it.
fn through_json(state: &DialogState) -> DialogState {
    let text = serde_json::to_string(state).unwrap();
    let back: DialogState = serde_json::from_str(&text).unwrap();
    assert_eq!(back, *state);
    back
}

fn freeze_and_thaw(net: &mut Net, leg: conference::LegId, between: Duration) {
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, leg).unwrap();
    net.collect(SERVER);
    net.pass(between);
    let now = net.now;
    net.stacks[SERVER].1.thaw(now, through_json(&state));
    net.collect(SERVER);
}

#[test]
fn a_thawed_leg_takes_a_hold_and_makes_one_and_ends() {
    for seed in 0..40 {
        let mut net = phone_net(40 + seed, if seed % 4 == 0 { Protocol::Tcp } else { Protocol::Udp });
        let (here, there) = talking(&mut net, 7);
        net.weather = Weather { loss: seed % 20, double: 5, jitter: Duration::from_millis(20) };
        // in the middle of whatever happens: their offer is on its way
        net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 hold") });
        freeze_and_thaw(&mut net, here, Duration::from_millis(seed * 3));
        let number = net.offered(SERVER);
        freeze_and_thaw(&mut net, here, Duration::from_millis(seed * 7 % 50));
        net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0 held") });
        freeze_and_thaw(&mut net, here, Duration::from_millis(seed));
        net.wait(PHONE, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
        net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 ours") });
        freeze_and_thaw(&mut net, here, Duration::from_millis(seed * 11 % 70));
        let number = net.offered(PHONE);
        net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
        net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
        freeze_and_thaw(&mut net, here, Duration::ZERO);
        net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
        net.wait(SERVER, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
        net.nothing_is_left();
    }
}

#[test]
fn a_wish_for_a_frozen_leg_is_carried_out_when_it_thaws() {
    let mut net = phone_net(90, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    net.pass(Duration::from_secs(2));
    let now = net.now;
    net.stacks[SERVER].1.thaw(now, state);
    net.collect(SERVER);
    net.wait(PHONE, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
    net.nothing_is_left();
}

#[test]
fn however_much_is_wished_of_a_frozen_leg_its_end_is_not_lost() {
    let mut net = phone_net(93, Protocol::Udp);
    let (here, _) = talking(&mut net, 7);
    let now = net.now;
    let state = net.stacks[SERVER].1.freeze(now, here).unwrap();
    for _ in 0..100 {
        net.wish(SERVER, Wish::Digit { leg: here, digit: '5', duration_ms: 100 });
    }
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    let now = net.now;
    net.stacks[SERVER].1.thaw(now, state);
    net.collect(SERVER);
    net.wait(PHONE, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
    net.nothing_is_left();
}

#[test]
fn a_leg_thawed_in_another_process_goes_on() {
    let mut net = phone_net(91, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    let now = net.now;
    let state = through_json(&net.stacks[SERVER].1.freeze(now, here).unwrap());
    // the process is gone: another one at the same address, which knows nothing
    let address = net.stacks[SERVER].0;
    let settings = super::net::settings(crate::Doorkeeping::Server);
    let stack = crate::stack::Stack::new(settings, vec![(Protocol::Udp, address)], Box::new(|_| None), [9; 32]);
    net.stacks[SERVER].1 = stack;
    net.stacks[SERVER].1.thaw(now, state);
    net.wish(SERVER, Wish::Offer { leg: here, body: Bytes::from_static(b"v=0 after") });
    let number = net.offered(PHONE);
    net.wish(PHONE, Wish::AnswerOffer { leg: there, number, body: Bytes::from_static(b"v=0") });
    net.wait(SERVER, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    net.wish(PHONE, Wish::Offer { leg: there, body: Bytes::from_static(b"v=0 theirs") });
    let number = net.offered(SERVER);
    net.wish(SERVER, Wish::AnswerOffer { leg: here, number, body: Bytes::from_static(b"v=0") });
    net.wait(PHONE, |news| matches!(news, News::OfferAnswered { .. }).then_some(()));
    net.wish(SERVER, Wish::End { leg: here, status: None, reason: None });
    net.wait(PHONE, |news| matches!(news, News::Ended { how: Ending::Bye, .. }).then_some(()));
}

#[test]
fn a_leg_that_is_never_thawed_is_forgotten_here() {
    let mut net = phone_net(92, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    let now = net.now;
    assert!(net.stacks[SERVER].1.freeze(now, here).is_some());
    assert!(net.stacks[SERVER].1.freeze(now, here).is_none(), "once");
    net.wish(PHONE, Wish::End { leg: there, status: None, reason: None });
    net.nothing_is_left();
}
