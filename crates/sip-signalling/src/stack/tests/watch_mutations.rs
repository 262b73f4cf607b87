//! SUBSCRIBEs with anything in them, and answers to NOTIFYs of any kind: nothing breaks, nothing grows.

use std::sync::Arc;
use std::time::Duration;

use conference::{AgentName, Moment};
use rsip::{Method, Response, SipMessage};

use super::desk::{Document, bob, room};
use super::many::mutated;
use super::net::settings;
use crate::chance::Chance;
use crate::codec::{parse, push, remove, respond, set};
use crate::digest::DigestClient;
use crate::flow::Flow;
use crate::settings::*;
use crate::stack::{Output, Stack};
use crate::watch::MOST_OF_ONE;
use crate::*;

fn corpus() -> Vec<Vec<u8>> {
    let lines = [
        "Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 600\r\n",
        "Event: dialog;id=abc-1\r\nExpires: 0\r\n",
        "Event: conference\r\nAccept: application/conference-info+xml, application/pidf+xml;q=0.5\r\nExpires: 3600\r\n",
        "o: conference\r\nAccept: */*\r\n",
        "Event: dialog;call-id=\"12@h\";to-tag=a;from-tag=b\r\nExpires: 60\r\n",
    ];
    let text = |line: &&str| {
        format!(
            "SUBSCRIBE sip:room-a@baton.local SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKx\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@baton.local>;tag=w\r\nTo: <sip:bob@baton.local>\r\nCall-ID: c\r\n\
             CSeq: 1 SUBSCRIBE\r\nContact: <sip:alice@127.0.0.2:5060>\r\n{line}Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    };
    lines.iter().map(text).collect()
}

#[test]
fn anything_in_a_subscribe_breaks_nothing_and_nothing_grows() {
    let server = "127.0.0.1:5060".parse().unwrap();
    let flow = Flow { protocol: Protocol::Udp, local: server, peer: "127.0.0.2:5060".parse().unwrap() };
    let mut stack =
        Stack::new(settings(Doorkeeping::Server), vec![(Protocol::Udp, server)], Box::new(|_| None), [5; 32]);
    let mut digest = DigestClient::new("alice", &Secret("alice-secret".into()));
    let corpus = corpus();
    let mut chance = Chance::new([6; 32]);
    let mut now = Moment(1_000_000_000_000);
    let (mut told, mut documents, mut most, mut open) = (0, 0, 0, Vec::new());
    for round in 0..8_000_u64 {
        let Ok(SipMessage::Request(mut request)) = parse(&mutated(&mut chance, &corpus)) else { continue };
        if request.method != Method::Subscribe {
            continue;
        }
        set(&mut request.headers, "Call-ID", format!("c{}", round % 700));
        set(&mut request.headers, "CSeq", format!("{} SUBSCRIBE", 1000 + round));
        remove(&mut request.headers, "Via");
        push(&mut request.headers, "Via", format!("SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKm{round}"));
        remove(&mut request.headers, "Authorization");
        digest.authorize(&mut request, "c0ffee");
        stack.receive(now, flow, Ok(SipMessage::Request(request)));
        let mut answers = Vec::new();
        while let Some(output) = stack.next() {
            match output {
                Output::News(News::Watched { watch, package, watcher, .. }) => {
                    assert_eq!(watcher, AgentName("alice".into()));
                    told += 1;
                    open.push((watch, package));
                }
                Output::News(_) | Output::Expect(..) | Output::Find(..) => {}
                // names that nobody can read are repeated as they came
                Output::Send(_, bytes) => {
                    match parse(&bytes).unwrap_or_else(|_| SipMessage::Response(Response::default())) {
                        SipMessage::Response(response) if response.status_code.code() == 401 => {
                            digest.challenged(&response).unwrap();
                        }
                        SipMessage::Response(_) => {}
                        SipMessage::Request(request) if request.method == Method::Notify => {
                            if !request.body.is_empty() {
                                Document::of(&request);
                                documents += 1;
                            }
                            let statuses = [200, 200, 200, 481, 500, 401, 302, 491];
                            let status = statuses[usize::try_from(chance.number() % 8).unwrap()];
                            answers.push(respond(&request, status, None));
                        }
                        SipMessage::Request(_) => {}
                    }
                }
            }
        }
        for answer in answers {
            stack.receive(now, flow, Ok(SipMessage::Response(answer)));
        }
        if let Some((watch, package)) = open.pop() {
            let state = |number: u64| match package {
                Package::Dialog => bob(&[(number % 5, DialogStage::Early, number & 1 == 0)]),
                Package::Conference => room(&[(1, "<a>&", conference::Role::Agent, Attendance::OnHold)]),
            };
            match chance.number() % 5 {
                0 => stack.wish(now, Wish::RefuseWatch { watch, status: 403 }),
                1 => stack.wish(now, Wish::EndWatch { watch }),
                _ => (0..3)
                    .for_each(|number| stack.wish(now, Wish::Watch { watch, state: Arc::new(state(number + round)) })),
            }
        }
        most = most.max(stack.counts().subscriptions);
        now = now + Duration::from_millis(chance.number() % 400);
        stack.expire(now);
    }
    assert!(told > 300 && documents > 200, "{told} got as far as the owner, {documents} were told something");
    assert!(most <= MOST_OF_ONE, "{most} at once");
    for _ in 0..400 {
        now = now + Duration::from_secs(20);
        stack.expire(now);
        while stack.next().is_some() {}
    }
    assert_eq!(stack.counts().subscriptions, 0);
}
