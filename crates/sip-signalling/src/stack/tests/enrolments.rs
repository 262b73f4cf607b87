//! Our registrations at a carrier, whose part these tests play themselves.

use std::time::Duration;

use rsip::{Method, Request, SipMessage};

use super::net::{Fate, Net, SERVER, settings};
use crate::codec::headers::AuthParams;
use crate::codec::one;
use crate::flow::Flow;
use crate::settings::*;
use crate::stack::Stack;
use crate::{Arrival, News, Wish};

const CHALLENGE: (&str, &str) =
    ("WWW-Authenticate", "Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"");

fn house(register: bool, password: &str) -> SipSettings {
    let mut house = settings(Doorkeeping::Server);
    let trunk = &mut house.directory.trunks[0];
    trunk.register = register;
    trunk.credentials = Some(("baton".into(), Secret(password.into())));
    // the registration alone lets its calls in
    trunk.accept_from.clear();
    house
}

/// A house that registers at its carrier; the carrier's answers are the tests'.
fn enrolling(seed: u64) -> Net {
    enrolling_with(seed, house(true, "carrier-secret"))
}

fn enrolling_with(seed: u64, house: SipSettings) -> Net {
    let mut net = Net::new(seed, Protocol::Udp, &["127.0.0.9"]);
    net.rule(|from, _| if from == SERVER { Fate::Lose } else { Fate::Pass });
    let listeners = vec![(Protocol::Udp, net.stacks[SERVER].0)];
    let stack = Stack::new(house, listeners, Box::new(|_| None), [9; 32]);
    net.stacks[SERVER].1 = stack;
    let now = net.now;
    net.stacks[SERVER].1.enrol(now);
    net.collect(SERVER);
    net
}

fn header(request: &Request, name: &str) -> String {
    one(&request.headers, name).unwrap_or_else(|| panic!("no {name}")).to_owned()
}

/// The carrier grants what was asked last, for so many seconds.
fn grant(net: &mut Net, seconds: u32) {
    let asked = net.sent(SERVER, Method::Register);
    let contact = format!("{};expires={seconds}", header(&asked, "Contact"));
    net.answer(SERVER, &asked, 200, &[("Contact", "<sip:baton@192.0.2.9>;expires=7"), ("Contact", &contact)]);
}

fn outcome(net: &mut Net) -> (u16, u32) {
    net.wait(SERVER, |news| match news {
        News::Enrolled { trunk, status, expires_s } if trunk == "pstn" => Some((*status, *expires_s)),
        _ => None,
    })
}

#[test]
fn a_carriers_challenge_is_answered_and_the_registration_refreshed_before_it_ends() {
    let mut net = enrolling(1);
    let first = net.sent(SERVER, Method::Register);
    assert_eq!(first.uri.to_string(), "sip:127.0.0.9");
    assert!(header(&first, "To").contains("sip:baton@127.0.0.9") && header(&first, "From").contains(";tag="));
    assert_eq!((header(&first, "Expires").as_str(), one(&first.headers, "Authorization")), ("3600", None));
    let sha = ("WWW-Authenticate", "Digest realm=\"carrier\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"");
    net.answer(SERVER, &first, 401, &[CHALLENGE, sha]);
    let second = net.sent(SERVER, Method::Register);
    let proof = AuthParams::parse(&header(&second, "Authorization")).unwrap();
    for (key, value) in [("username", "baton"), ("algorithm", "SHA-256"), ("qop", "auth"), ("nc", "00000001")] {
        assert_eq!(proof.get(key), Some(value), "{key}");
    }
    assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
    grant(&mut net, 120);
    assert_eq!(outcome(&mut net), (200, 120), "our own contact's time, nobody else's");
    let before = net.count(SERVER, Method::Register);
    net.pass(Duration::from_secs(90));
    assert_eq!(net.count(SERVER, Method::Register), before);
    net.pass(Duration::from_secs(7));
    let third = net.sent(SERVER, Method::Register);
    assert!(header(&third, "Authorization").contains("nc=00000002"), "it need not be asked again");
    assert_eq!(header(&third, "CSeq"), "3 REGISTER");
}

#[test]
fn a_time_that_is_too_short_for_the_carrier_is_made_longer_once() {
    let mut net = enrolling(2);
    let asked = net.sent(SERVER, Method::Register);
    net.answer(SERVER, &asked, 423, &[("Min-Expires", "7200")]);
    let again = net.sent(SERVER, Method::Register);
    assert_eq!(header(&again, "Expires"), "7200");
    // whoever asks for no more than that has no reason to refuse
    net.answer(SERVER, &again, 423, &[("Min-Expires", "7200")]);
    assert_eq!(outcome(&mut net), (423, 0));
}

#[test]
fn a_failure_is_told_and_tried_again_later_and_later() {
    let mut net = enrolling(3);
    for longest in [30, 60, 120, 240, 480, 960, 1800, 1800] {
        let asked = net.sent(SERVER, Method::Register);
        let before = net.count(SERVER, Method::Register);
        net.answer(SERVER, &asked, 403, &[]);
        assert_eq!(outcome(&mut net), (403, 0));
        net.pass(Duration::from_secs(longest / 2 - 1));
        assert_eq!(net.count(SERVER, Method::Register), before, "not within {} s", longest / 2);
        net.wait_for_another(before, Duration::from_secs(longest / 2 + 2));
    }
}

#[test]
fn a_carrier_that_wants_to_be_left_alone_is_and_one_that_says_nothing_is_a_failure() {
    let mut net = enrolling(4);
    let asked = net.sent(SERVER, Method::Register);
    net.answer(SERVER, &asked, 503, &[("Retry-After", "600")]);
    assert_eq!(outcome(&mut net), (503, 0));
    let before = net.count(SERVER, Method::Register);
    net.pass(Duration::from_secs(598));
    assert_eq!(net.count(SERVER, Method::Register), before);
    net.wait_for_another(before, Duration::from_secs(3));
    assert_eq!(outcome(&mut net), (408, 0));
}

#[test]
fn a_wrong_password_is_tried_once_and_a_challenge_from_elsewhere_never() {
    let mut net = enrolling(5);
    let first = net.sent(SERVER, Method::Register);
    net.answer(SERVER, &first, 401, &[CHALLENGE]);
    let second = net.sent(SERVER, Method::Register);
    net.answer(SERVER, &second, 401, &[CHALLENGE]);
    assert_eq!(outcome(&mut net), (401, 0));
    assert_eq!(net.count(SERVER, Method::Register), 2);

    let mut net = enrolling(6);
    let first = net.sent(SERVER, Method::Register);
    net.stacks[1].0 = "127.0.0.66:5060".parse().unwrap();
    net.answer(SERVER, &first, 401, &[CHALLENGE]);
    assert!(one(&net.sent(SERVER, Method::Register).headers, "Authorization").is_none());
}

#[test]
fn a_registration_is_taken_back_when_we_stop_or_the_settings_say_so() {
    for by_drain in [true, false] {
        let mut net = enrolling(7);
        grant(&mut net, 600);
        outcome(&mut net);
        if by_drain {
            net.wish(SERVER, Wish::Drain);
        } else {
            net.wish(SERVER, Wish::Reload(house(false, "carrier-secret").directory));
        }
        let last = net.sent(SERVER, Method::Register);
        assert_eq!(header(&last, "Expires"), "0");
        assert_eq!(net.counts(SERVER).unanswered, usize::from(by_drain), "a stop waits for it");
        net.answer(SERVER, &last, 200, &[]);
        assert_eq!(net.counts(SERVER).unanswered, 0);
        let before = net.count(SERVER, Method::Register);
        net.pass(Duration::from_secs(4000));
        assert_eq!(net.count(SERVER, Method::Register), before);
    }
}

#[test]
fn a_reload_that_changes_nothing_of_it_leaves_it_and_another_password_makes_another() {
    let mut net = enrolling(8);
    grant(&mut net, 600);
    outcome(&mut net);
    let before = net.sent(SERVER, Method::Register);
    net.wish(SERVER, Wish::Reload(house(true, "carrier-secret").directory));
    assert_eq!(net.count(SERVER, Method::Register), 1);
    net.wish(SERVER, Wish::Reload(house(true, "better").directory));
    assert_ne!(header(&net.sent(SERVER, Method::Register), "Call-ID"), header(&before, "Call-ID"));
}

fn invite(uri: &str, to: &str, from: &str) -> String {
    format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{to}{from}\r\nMax-Forwards: 70\r\n\
         From: <sip:+4930111@127.0.0.9>;tag=x\r\nTo: <sip:{to}@127.0.0.9>\r\nCall-ID: {to}-{from}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:c@{from}>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Who calls our Contact from there, if he is let in.
fn caller(net: &mut Net, from: &str, to: &str) -> Option<Arrival> {
    let contact = net.sent(SERVER, Method::Register);
    let uri = header(&contact, "Contact").trim_matches(['<', '>']).to_owned();
    let flow = Flow { protocol: Protocol::Udp, local: net.stacks[SERVER].0, peer: from.parse().unwrap() };
    net.inject(flow, &invite(&uri, to, from));
    net.told(SERVER).into_iter().find_map(|news| match news {
        News::Arrived(arrival) => Some(arrival),
        _ => None,
    })
}

#[test]
fn of_several_contacts_of_ours_the_one_that_ends_first_counts_and_none_at_all_is_a_failure() {
    let mut net = enrolling(15);
    let asked = net.sent(SERVER, Method::Register);
    let (one, two) = ("<sip:baton@198.51.100.1:1>;expires=900", "<sip:baton@198.51.100.1:2>;expires=300");
    let other = "<sip:office@198.51.100.1:3>;expires=60";
    net.answer(SERVER, &asked, 200, &[("Contact", one), ("Contact", two), ("Contact", other)]);
    assert_eq!(outcome(&mut net), (200, 300));
    for headers in [vec![("Expires", "0")], vec![("Contact", "<sip:baton@198.51.100.1:1>;expires=0")]] {
        let mut net = enrolling(16);
        let asked = net.sent(SERVER, Method::Register);
        net.answer(SERVER, &asked, 200, &headers);
        assert_eq!(outcome(&mut net), (480, 0), "{headers:?}");
        assert_eq!(caller(&mut net, "127.0.0.9:5060", "+15557777"), None);
        let before = net.count(SERVER, Method::Register);
        net.wait_for_another(before, Duration::from_secs(32));
    }
}

#[test]
fn of_two_accounts_at_one_carrier_the_one_that_is_called_has_the_call() {
    let mut two = house(true, "carrier-secret");
    let mut second = two.directory.trunks[0].clone();
    second.name = "second".into();
    second.credentials = Some(("office".into(), Secret("office-secret".into())));
    two.directory.trunks.push(second);
    let mut net = enrolling_with(14, two);
    let registers = net.wire.iter().filter_map(|(_, from, message)| match message {
        SipMessage::Request(request) if *from == SERVER && request.method == Method::Register => Some(request.clone()),
        _ => None,
    });
    let both: Vec<_> = registers.collect();
    assert!(header(&both[0], "To").contains("baton") && header(&both[1], "To").contains("office"));
    for asked in &both {
        let contact = format!("{};expires=600", header(asked, "Contact"));
        net.answer(SERVER, asked, 200, &[("Contact", &contact)]);
    }
    for (asked, meant) in both.iter().zip(["pstn", "second"]) {
        let uri = header(asked, "Contact").trim_matches(['<', '>']).to_owned();
        let flow =
            Flow { protocol: Protocol::Udp, local: net.stacks[SERVER].0, peer: "127.0.0.9:5060".parse().unwrap() };
        net.inject(flow, &invite(&uri, meant, "127.0.0.9:5060"));
        let called = net.told(SERVER).into_iter().find_map(|news| match news {
            News::Arrived(Arrival { caller: conference::Caller::Customer { trunk, .. }, .. }) => Some(trunk),
            _ => None,
        });
        assert_eq!(called.as_deref(), Some(meant));
    }
}

#[test]
fn the_carrier_calls_by_the_registration_and_nobody_else_does() {
    let mut net = enrolling(9);
    assert_eq!(caller(&mut net, "127.0.0.9:5060", "+15551111"), None, "it does not know us yet");
    grant(&mut net, 600);
    outcome(&mut net);
    let by_number = caller(&mut net, "127.0.0.9:5060", "+15552222").unwrap();
    assert_eq!((by_number.dialled.as_str(), by_number.ours), ("+15552222", true), "the number its customer dialled");
    assert!(matches!(&by_number.caller, conference::Caller::Customer { trunk, number }
        if trunk == "pstn" && number == "+4930111"));
    let by_account = caller(&mut net, "127.0.0.9:5060", "baton").unwrap();
    assert_eq!(by_account.dialled, "baton");
    for stranger in ["127.0.0.9:5070", "127.0.0.66:5060"] {
        assert_eq!(caller(&mut net, stranger, "+15553333"), None, "{stranger}");
    }
    // as long as it holds, though a refresh got no answer; and no longer
    net.pass(Duration::from_secs(590));
    assert_eq!(outcome(&mut net), (408, 0));
    assert!(caller(&mut net, "127.0.0.9:5060", "+15556666").is_some());
    net.pass(Duration::from_secs(110));
    assert_eq!(caller(&mut net, "127.0.0.9:5060", "+15554444"), None);
}
