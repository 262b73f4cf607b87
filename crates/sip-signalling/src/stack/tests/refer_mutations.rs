//! REFERs, SUBSCRIBEs and INVITEs with Replaces with anything in them, inside a live dialog: nothing breaks, nothing grows.

use std::time::Duration;

use conference::LegId;
use rsip::{Method, SipMessage};

use super::many::mutated;
use super::net::{Net, SERVER, phone_net, talking};
use super::refer::{PHONE, end, referred};
use crate::chance::Chance;
use crate::codec::{parse, push, remove, set, write};
use crate::dialog::Dialog;
use crate::flow::Flow;
use crate::settings::Protocol;
use crate::{News, ReferTo, Wish};

/// What the phone of a leg might send in its dialog, as bytes.
fn corpus(net: &mut Net, there: LegId) -> Vec<Vec<u8>> {
    let dialog = net.stacks[PHONE].1.session_mut(there).unwrap().dialog.clone();
    let named = format!("{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", dialog.call_id, dialog.remote_tag, dialog.local_tag);
    let plain = format!("{};to-tag={};from-tag={}", dialog.call_id, dialog.remote_tag, dialog.local_tag);
    let lines: [(Method, &[(&str, &str)]); 6] = [
        (
            Method::Refer,
            &[("Refer-To", &format!("\"B\" <sip:102@h?Require=replaces&Replaces={named}>")), ("Refer-Sub", "false")],
        ),
        (
            Method::Refer,
            &[("Refer-To", "<sip:102@baton.local;method=BYE>"), ("Referred-By", "<sip:a@b>"), ("Event", "refer")],
        ),
        (Method::Refer, &[("Refer-To", &format!("sip:102@h?Replaces={plain}")), ("Target-Dialog", &plain)]),
        (Method::Subscribe, &[("Event", "refer;id=7"), ("Expires", "60")]),
        (Method::Subscribe, &[("Event", "refer"), ("Expires", "0")]),
        (Method::Notify, &[("Event", "refer"), ("Subscription-State", "active"), ("Content-Type", "message/sipfrag")]),
    ];
    let stack = &mut net.stacks[PHONE].1;
    let build = |(method, headers): (Method, &[(&str, &str)])| {
        let mut request = stack.inside(&mut Dialog::clone(&dialog), method);
        stack.sign(dialog.flow, &mut request);
        stack.introduce(dialog.flow, &mut request.headers, None, None);
        headers.iter().for_each(|(name, value)| push(&mut request.headers, name, *value));
        write(&SipMessage::Request(request)).to_vec()
    };
    lines.into_iter().map(build).collect()
}

#[test]
fn anything_in_a_refer_breaks_nothing_and_the_call_goes_on() {
    let mut net = phone_net(600, Protocol::Udp);
    let (here, there) = talking(&mut net, 7);
    let corpus = corpus(&mut net, there);
    net.keep_wire = false;
    let (local, peer) = (net.stacks[SERVER].0, net.stacks[PHONE].0);
    let flow = Flow { protocol: Protocol::Udp, local, peer };
    let mut chance = Chance::new([8; 32]);
    let (mut told, mut most) = (0, 0);
    for round in 0..20_000_u32 {
        let Ok(SipMessage::Request(mut request)) = parse(&mutated(&mut chance, &corpus)) else { continue };
        // whatever was changed, it gets as far as it can: a number that fits, a transaction of its own
        set(&mut request.headers, "CSeq", format!("{} {}", 1000 + round, request.method));
        remove(&mut request.headers, "Via");
        push(&mut request.headers, "Via", format!("SIP/2.0/UDP {peer};branch=z9hG4bKm{round}"));
        if matches!(request.method, Method::Bye | Method::Invite | Method::Update | Method::Ack) {
            continue;
        }
        let now = net.now;
        net.stacks[SERVER].1.receive(now, flow, Ok(SipMessage::Request(request)));
        net.collect(SERVER);
        for news in net.told(SERVER) {
            let News::Referred { refer, .. } = news else { continue };
            told += 1;
            match chance.number() % 4 {
                0 => net.wish(SERVER, Wish::RefuseRefer { refer, status: 403, reason: None }),
                1 => {}
                _ => {
                    net.wish(SERVER, Wish::AcceptRefer { refer });
                    net.wish(SERVER, Wish::Notify { refer, status: 200, last: chance.number() & 1 == 0 });
                }
            }
        }
        most = most.max(net.counts(SERVER).subscriptions);
        if round % 20 == 0 {
            net.pass(Duration::from_secs(3));
        }
    }
    assert!(told > 300, "only {told} got as far as the owner");
    assert!(most <= 8, "{most} at once in one dialog");
    net.pass(Duration::from_secs(700));
    assert_eq!(net.counts(SERVER).subscriptions, 0);
    assert_eq!(net.counts(SERVER).legs, 1);
    net.wish(SERVER, Wish::Probe { leg: here });
    net.wait(SERVER, |news| matches!(news, News::Probed { alive: true, .. }).then_some(()));
    let dialog = &mut net.stacks[PHONE].1.session_mut(there).unwrap().dialog;
    dialog.number_used(30_000);
    net.wish(PHONE, Wish::Refer { leg: there, to: ReferTo::Address("sip:102@baton.local".into()) });
    referred(&mut net);
    net.wish(PHONE, end(there));
    net.nothing_is_left();
}
