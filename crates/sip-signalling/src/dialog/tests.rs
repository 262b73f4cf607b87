//! Dialogs: who made them, where their requests go, which numbers they take.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::codec::headers::{call_id, cseq};
use crate::codec::{all, one, parse, write};
use crate::settings::Protocol;

fn message(text: &str) -> rsip::SipMessage {
    parse(text.replace('\n', "\r\n").as_bytes()).unwrap()
}

fn request(text: &str) -> Request {
    match message(text) {
        rsip::SipMessage::Request(request) => request,
        rsip::SipMessage::Response(_) => panic!("a request"),
    }
}

fn invite(routes: &str) -> Request {
    request(&format!(
        "INVITE sip:baton@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\n{routes}\
         From: <sip:ann@example.org>;tag=far\nTo: <sip:baton@192.0.2.1>\nCall-ID: c1\nCSeq: 7 INVITE\n\
         Contact: <sip:ann@192.0.2.9:5070>\nContent-Length: 0\n\n"
    ))
}

fn flow() -> Flow {
    Flow {
        protocol: Protocol::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        peer: "198.51.100.7:40000".parse().unwrap(),
    }
}

#[test]
fn requests_of_the_called_side_turn_the_names_around() {
    let mut dialog = Dialog::called(&invite(""), flow(), false, "near").unwrap();
    let bye = dialog.request(Method::Bye);
    assert_eq!(SipUri::from(&bye.uri).to_string(), "sip:ann@192.0.2.9:5070");
    assert_eq!(one(&bye.headers, "From"), Some("<sip:baton@192.0.2.1>;tag=near"));
    assert_eq!(one(&bye.headers, "To"), Some("<sip:ann@example.org>;tag=far"));
    assert_eq!(call_id(&bye.headers), "c1");
    assert_eq!(cseq(&bye.headers).unwrap().number, 1);
    assert_eq!(cseq(&dialog.request(Method::Info).headers).unwrap().number, 2);
}

#[test]
fn what_follows_a_re_invite_keeps_the_route_set_whatever_its_answer_says_of_it() {
    let sets =
        ["<sip:p1.example.org;lr>, <sip:p2.example.org;lr>", "<sip:p1.example.org>, <sip:p2.example.org;lr>", ""];
    for set in sets {
        let recorded = if set.is_empty() { String::new() } else { format!("Record-Route: {set}\n") };
        let mut dialog = Dialog::called(&invite(&recorded), flow(), true, "near").unwrap();
        let mut again = dialog.request(Method::Invite);
        push(&mut again.headers, "Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb");
        for more in [&[][..], &[("Record-Route", "<sip:elsewhere;lr>"), ("Contact", "<sip:moved@192.0.2.8>")]] {
            let mut ok = crate::codec::respond(&again, 200, None);
            for (name, value) in more {
                push(&mut ok.headers, name, *value);
            }
            dialog.refresh(&ok.headers);
            let number = cseq(&again.headers).unwrap().number;
            let ack = Dialog::called_again(&again, &ok, flow(), true).unwrap().ack(number);
            assert_eq!(ack.to_string(), dialog.ack(number).to_string(), "{set}");
        }
    }
}

#[test]
fn loose_routers_are_routes_and_a_strict_one_becomes_the_request_uri() {
    let loose = invite("Record-Route: <sip:p1.example.org;lr>, <sip:p2.example.org;lr>\n");
    let mut dialog = Dialog::called(&loose, flow(), true, "near").unwrap();
    let bye = dialog.request(Method::Bye);
    assert_eq!(SipUri::from(&bye.uri).to_string(), "sip:ann@192.0.2.9:5070");
    let routes: Vec<_> = all(&bye.headers, "Route").collect();
    assert_eq!(routes, ["<sip:p1.example.org;lr>", "<sip:p2.example.org;lr>"]);

    let strict = invite("Record-Route: <sip:p1.example.org>\nRecord-Route: <sip:p2.example.org;lr>\n");
    let mut dialog = Dialog::called(&strict, flow(), true, "near").unwrap();
    let bye = dialog.request(Method::Bye);
    assert_eq!(SipUri::from(&bye.uri).to_string(), "sip:p1.example.org");
    let routes: Vec<_> = all(&bye.headers, "Route").collect();
    assert_eq!(routes, ["<sip:p2.example.org;lr>", "<sip:ann@192.0.2.9:5070>"]);
}

#[test]
fn the_caller_takes_the_routes_in_reverse_and_acknowledges_with_the_invites_number() {
    let response = match message(
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\nRecord-Route: <sip:p2.example.org;lr>\n\
         Record-Route: <sip:p1.example.org;lr>\nFrom: <sip:ann@example.org>;tag=far\n\
         To: <sip:baton@192.0.2.1>;tag=other\nCall-ID: c1\nCSeq: 7 INVITE\nContact: <sip:x@203.0.113.5>\n\n",
    ) {
        rsip::SipMessage::Response(response) => response,
        rsip::SipMessage::Request(_) => panic!("a response"),
    };
    let mut dialog = Dialog::calling(&invite(""), &response, flow(), true).unwrap();
    let info = dialog.request(Method::Info);
    assert_eq!(cseq(&info.headers).unwrap().number, 8);
    let ack = dialog.ack(7);
    assert_eq!(one(&ack.headers, "CSeq"), Some("7 ACK"));
    let routes: Vec<_> = all(&ack.headers, "Route").collect();
    assert_eq!(routes, ["<sip:p1.example.org;lr>", "<sip:p2.example.org;lr>"]);
    assert!(
        parse(&write(&rsip::SipMessage::Request({
            let mut ack = ack;
            crate::codec::push_first(&mut ack.headers, "Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb");
            ack
        })))
        .is_ok()
    );
}

#[test]
fn where_requests_go_is_the_flow_or_the_contact_of_a_trunk() {
    let dialog = Dialog::called(&invite(""), flow(), false, "near").unwrap();
    assert_eq!(dialog.way(), flow(), "a phone behind a router cannot be reached by its Contact");
    let dialog = Dialog::called(&invite(""), flow(), true, "near").unwrap();
    assert_eq!(dialog.way().peer, "192.0.2.9:5070".parse().unwrap());
    let contact = |uri: &str| {
        let mut request = invite("");
        crate::codec::set(&mut request.headers, "Contact", format!("<{uri}>"));
        Dialog::called(&request, flow(), true, "near").unwrap().way()
    };
    for behind in ["sip:a@10.0.0.5", "sip:a@127.0.0.1:5060", "sip:a@0.0.0.0", "sip:a@224.0.0.1"] {
        assert_eq!(contact(behind), flow(), "{behind} cannot be where this came from");
    }
    let named = invite("Record-Route: <sip:p1.example.org;lr>\n");
    assert_eq!(Dialog::called(&named, flow(), true, "near").unwrap().way(), flow(), "names are not resolved");
    let routed = invite("Record-Route: <sip:192.0.2.77;lr>\n");
    let way = Dialog::called(&routed, flow(), true, "near").unwrap().way();
    assert_eq!(way.peer, "192.0.2.77:5060".parse().unwrap());
}

#[test]
fn numbers_must_rise_and_a_new_contact_is_taken() {
    let mut dialog = Dialog::called(&invite(""), flow(), false, "near").unwrap();
    let again = |number: u32, contact: &str| {
        request(&format!(
            "INVITE sip:baton@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb\n\
             From: <sip:ann@example.org>;tag=far\nTo: <sip:baton@192.0.2.1>;tag=near\nCall-ID: c1\n\
             CSeq: {number} INVITE\nContact: <{contact}>\nContent-Length: 0\n\n"
        ))
    };
    assert_eq!(dialog.order(&again(7, "sip:a@192.0.2.9")), Order::Old);
    assert_eq!(dialog.order(&again(6, "sip:a@192.0.2.9")), Order::Old);
    let new = again(4_294_967_295, "sip:a@192.0.2.10");
    assert_eq!(dialog.order(&new), Order::New);
    dialog.note(&new);
    dialog.refresh(&new.headers);
    assert_eq!(dialog.order(&new), Order::Old);
    assert_eq!(SipUri::from(&dialog.request(Method::Bye).uri).to_string(), "sip:a@192.0.2.10");
    assert!(dialog.is_from_peer(&new));
}

#[test]
fn a_dialog_is_a_value() {
    let dialog = Dialog::called(&invite("Record-Route: <sip:p1;lr>\n"), flow(), true, "near").unwrap();
    let text = serde_json::to_string(&dialog).unwrap();
    assert_eq!(serde_json::from_str::<Dialog>(&text).unwrap(), dialog);
}
