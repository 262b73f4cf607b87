//! Bindings: made, refreshed, ended, counted and turned down.

#![allow(clippy::unwrap_used)]

use rsip::SipMessage;

use super::*;
use crate::codec::parse;

const ALICE: &str = "alice";

/// A phone that sends REGISTER after REGISTER from one address over one flow.
struct Phone {
    source: &'static str,
    flow: u64,
    call_id: &'static str,
    cseq: u32,
}

impl Phone {
    fn new(flow: u64) -> Self {
        Self { source: "192.0.2.1:5060", flow, call_id: "c1", cseq: 0 }
    }

    fn asks(&mut self, lines: &str) -> Registration {
        self.cseq += 1;
        let text = format!(
            "REGISTER sip:baton.local SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:alice@baton.local>;tag=1\r\n\
             To: <sip:alice@baton.local>\r\nCall-ID: {}\r\nCSeq: {} REGISTER\r\nUser-Agent: Phone {}\r\n{lines}\r\n",
            self.call_id, self.cseq, self.flow
        );
        match parse(text.as_bytes()) {
            Ok(SipMessage::Request(request)) => Registration::read(&request).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn registers(
        &mut self,
        registrar: &mut Registrar<u64>,
        now: Moment,
        lines: &str,
    ) -> Result<Registered<u64>, RegisterRefusal> {
        let asked = self.asks(lines);
        let origin = Origin { flow: self.flow, source: self.source.parse().unwrap() };
        registrar.register(
            now,
            ALICE,
            &asked,
            &origin,
            &["192.0.2.100:5060".parse().unwrap(), "[::]:5070".parse().unwrap()],
        )
    }
}

fn at(seconds: u64) -> Moment {
    Moment(seconds * 1_000_000)
}

fn found(registrar: &Registrar<u64>, now: Moment) -> Vec<String> {
    registrar.lookup(now, ALICE).iter().map(|binding| binding.contact.to_string()).collect()
}

#[test]
fn several_phones_of_one_agent_are_found_best_first() {
    let mut registrar = Registrar::default();
    Phone::new(1).registers(&mut registrar, at(0), "Contact: <sip:a@192.0.2.1>;q=0.2\r\n").unwrap();
    Phone { call_id: "c2", ..Phone::new(2) }
        .registers(&mut registrar, at(1), "Contact: <sip:a@192.0.2.2>\r\n")
        .unwrap();
    Phone { call_id: "c3", ..Phone::new(3) }
        .registers(&mut registrar, at(2), "Contact: <sip:a@192.0.2.3>;q=1\r\n")
        .unwrap();
    assert_eq!(found(&registrar, at(3)), ["sip:a@192.0.2.3", "sip:a@192.0.2.2", "sip:a@192.0.2.1"]);
    let best = registrar.lookup(at(3), ALICE)[0];
    assert_eq!((best.flow, best.user_agent.as_str()), (3, "Phone 3"));
    assert_eq!(registrar.lookup(at(3), "bob").len(), 0);
}

#[test]
fn the_answer_lists_every_contact_with_its_time() {
    let mut registrar = Registrar::default();
    let mut phone = Phone::new(1);
    phone.registers(&mut registrar, at(0), "Contact: <sip:a@192.0.2.1>;expires=100;ob\r\n").unwrap();
    let told = phone.registers(&mut registrar, at(40), "Contact: <sip:a@192.0.2.2>\r\nExpires: 90\r\n").unwrap();
    assert_eq!(told.contacts, ["<sip:a@192.0.2.1>;ob;expires=60", "<sip:a@192.0.2.2>;expires=90"]);
    assert_eq!((told.added.len(), told.removed.len()), (1, 0));
    let asked = phone.registers(&mut registrar, at(40), "").unwrap();
    assert_eq!((asked.contacts, asked.added.len()), (told.contacts, 0), "a REGISTER without Contact only asks");
}

/// B13
#[test]
fn times_are_clipped_to_an_hour() {
    let mut registrar = Registrar::default();
    let mut phone = Phone::new(1);
    for lines in [
        "Contact: <sip:a@192.0.2.1>;expires=6048000\r\n",
        "Contact: <sip:a@192.0.2.1>\r\n",
        "Contact: <sip:a@192.0.2.1>\r\nExpires: 4294967295\r\n",
    ] {
        let told = phone.registers(&mut registrar, at(0), lines).unwrap();
        assert_eq!(told.contacts, ["<sip:a@192.0.2.1>;expires=3600"]);
    }
}

/// B12, B13
#[test]
fn too_many_too_short_and_nonsense_are_refused_and_change_nothing() {
    let mut registrar = Registrar::default();
    let mut phone = Phone::new(1);
    for port in 1..=10 {
        phone.registers(&mut registrar, at(0), &format!("Contact: <sip:a@192.0.2.1:{port}>\r\n")).unwrap();
    }
    let before = registrar.clone();
    let cases = [
        ("Contact: <sip:a@192.0.2.1:11>\r\n", 403),
        ("Contact: *\r\nExpires: 60\r\n", 400),
        ("Contact: *\r\n", 400),
        ("Contact: <sip:a@192.0.2.1:1>;expires=5\r\n", 423),
        ("Contact: <sip:a@192.0.2.1:1>\r\nExpires: 59\r\n", 423),
        ("Contact: <sip:a@192.0.2.1:1>;expires=99999999999\r\n", 400),
        ("Contact: <sip:a@192.0.2.1:1>;q=7\r\n", 400),
        ("Contact: <tel:+1555>\r\n", 403),
        ("Contact: <sip:a@192.0.2.1:1>, <sip:a@192.0.2.1:2>;expires=5\r\n", 423),
    ];
    for (lines, status) in cases {
        let refused = phone.registers(&mut registrar, at(1), lines).expect_err(lines);
        assert_eq!((refused.status(), &registrar), (status, &before), "{lines}");
    }
    let thousand: String = (0..21).map(|port| format!("Contact: <sip:b@192.0.2.1:{port}>\r\n")).collect();
    assert_eq!(phone.registers(&mut registrar, at(1), &thousand).unwrap_err().status(), 400);
    assert!(
        phone.registers(&mut registrar, at(1), "Contact: <sip:a@192.0.2.1:3>\r\n").is_ok(),
        "a refresh needs no room"
    );
}

#[test]
fn a_contact_is_taken_out_by_zero_and_all_by_a_star() {
    let mut registrar = Registrar::default();
    let mut phone = Phone::new(1);
    phone
        .registers(&mut registrar, at(0), "Contact: <sip:a@192.0.2.1>, <sip:a@192.0.2.2>, <sip:a@192.0.2.3>\r\n")
        .unwrap();
    let told = phone.registers(&mut registrar, at(1), "Contact: <sip:a@192.0.2.2>;expires=0\r\n").unwrap();
    assert_eq!((told.contacts.len(), told.removed.len()), (2, 1));
    let told = phone.registers(&mut registrar, at(2), "Contact: *\r\nExpires: 0\r\n").unwrap();
    assert_eq!((told.contacts.len(), told.removed.len()), (0, 2));
    assert_eq!(registrar, Registrar::default());
}

/// RFC 3261 §10.3 steps 6 and 7.
#[test]
fn an_older_request_of_the_same_call_is_refused() {
    let mut registrar = Registrar::default();
    let mut phone = Phone { cseq: 10, ..Phone::new(1) };
    phone.registers(&mut registrar, at(0), "Contact: <sip:a@192.0.2.1>\r\n").unwrap();
    for lines in
        ["Contact: <sip:a@192.0.2.1>\r\n", "Contact: *\r\nExpires: 0\r\n", "Contact: <sip:a@192.0.2.1>;expires=0\r\n"]
    {
        phone.cseq = 10;
        assert_eq!(phone.registers(&mut registrar, at(1), lines), Err(RegisterRefusal::OutOfOrder), "{lines}");
    }
    let mut rebooted = Phone { call_id: "new", ..Phone::new(1) };
    assert!(
        rebooted.registers(&mut registrar, at(1), "Contact: <sip:a@192.0.2.1>\r\n").is_ok(),
        "another Call-ID starts anew"
    );
}

#[test]
fn a_phone_that_moved_is_known_by_its_instance() {
    let mut registrar = Registrar::default();
    let instance = ";+sip.instance=\"<urn:uuid:7>\"";
    Phone::new(1).registers(&mut registrar, at(0), &format!("Contact: <sip:a@192.0.2.1:4000>{instance}\r\n")).unwrap();
    let told = Phone { call_id: "c2", source: "192.0.2.9:1", ..Phone::new(2) }
        .registers(&mut registrar, at(1), &format!("Contact: <sip:a@192.0.2.9:5000>{instance}\r\n"))
        .unwrap();
    assert_eq!(
        (found(&registrar, at(1)), told.added.len(), told.removed.len()),
        (vec!["sip:a@192.0.2.9:5000".into()], 0, 0)
    );
    assert_eq!(registrar.lookup(at(1), ALICE)[0].flow, 2);
    let second_flow = format!("Contact: <sip:a@192.0.2.9:5001>{instance};reg-id=2\r\n");
    Phone { call_id: "c3", ..Phone::new(3) }.registers(&mut registrar, at(2), &second_flow).unwrap();
    assert_eq!(found(&registrar, at(2)).len(), 2, "another flow of the same device is a binding of its own");
    assert!(registrar.lookup(at(2), ALICE).iter().all(|binding| binding.instance() == Some("urn:uuid:7")));
}

#[test]
fn spellings_of_one_contact_are_one_binding() {
    let mut registrar = Registrar::default();
    let mut phone = Phone::new(1);
    phone.registers(&mut registrar, at(0), "Contact: <sip:%61@HOST.example;transport=udp>\r\n").unwrap();
    let told = phone.registers(&mut registrar, at(1), "m: \"A\" <sip:a@host.example;Transport=UDP;ob>\r\n").unwrap();
    assert_eq!((told.contacts.len(), told.added.len(), told.removed.len()), (1, 0, 0));
}

#[test]
fn bindings_end_with_their_time_their_flow_and_their_account() {
    let mut registrar = Registrar::default();
    Phone::new(1).registers(&mut registrar, at(0), "Contact: <sip:a@192.0.2.1>;expires=60\r\n").unwrap();
    Phone { call_id: "c2", ..Phone::new(2) }
        .registers(&mut registrar, at(0), "Contact: <sip:a@192.0.2.2>;expires=90\r\n")
        .unwrap();
    Phone { call_id: "c3", ..Phone::new(3) }
        .registers(&mut registrar, at(0), "Contact: <sip:a@192.0.2.3>\r\n")
        .unwrap();
    assert_eq!(registrar.deadline(), Some(at(60)));
    assert_eq!(registrar.expire(at(59)).len(), 0);
    assert_eq!(found(&registrar, at(60)).len(), 2, "what has ended is not found even before it is taken out");
    assert_eq!(registrar.expire(at(60)).len(), 1);
    assert_eq!(registrar.deadline(), Some(at(90)));
    assert_eq!(registrar.flow_ended(&2)[0].1.contact.to_string(), "sip:a@192.0.2.2");
    assert_eq!(registrar.keep_only(|aor| aor != ALICE)[0].0, ALICE);
    assert_eq!((registrar.iter().count(), registrar.deadline()), (0, None));
}

/// B11
#[test]
fn a_contact_may_point_to_its_sender_only_where_addresses_are_local() {
    let cases = [
        ("192.0.2.1:5060", "sip:a@127.0.0.1:5080", false),
        ("192.0.2.1:5060", "sip:a@[::1]:5080", false),
        ("192.0.2.1:5060", "sip:a@[::ffff:127.0.0.1]:5080", false),
        ("127.0.0.1:5060", "sip:a@127.0.0.1:5080", true),
        ("127.0.0.2:5060", "sip:a@127.0.0.1:5080", false),
        ("[::1]:40000", "sip:a@[::1]:5080", true),
        ("192.0.2.1:5060", "sip:a@0.0.0.0", false),
        ("192.0.2.1:5060", "sip:a@[::]", false),
        ("192.0.2.1:5060", "sip:a@224.0.0.1", false),
        ("192.0.2.1:5060", "sip:a@255.255.255.255", false),
        ("192.0.2.1:5060", "sip:a@[ff02::1]", false),
        ("192.0.2.100:5060", "sip:a@192.0.2.100", false),
        ("192.0.2.100:5060", "sip:a@192.0.2.100:5060", false),
        ("192.0.2.100:5090", "sip:a@192.0.2.100:5090", true),
        ("127.0.0.1:5060", "sip:a@127.0.0.1:5070", false),
        ("192.0.2.1:5060", "sip:a@10.0.0.7:5060", true),
        ("192.0.2.1:5060", "sip:a@phone.example", true),
    ];
    for (source, contact, allowed) in cases {
        let done = Phone { source, ..Phone::new(1) }.registers(
            &mut Registrar::default(),
            at(0),
            &format!("Contact: <{contact}>\r\n"),
        );
        assert_eq!(done.is_ok(), allowed, "{contact} from {source}");
        assert!(done.is_ok() || done == Err(RegisterRefusal::ContactNotAllowed));
    }
}

#[test]
fn it_freezes_and_thaws() {
    let mut registrar = Registrar::default();
    let lines =
        "Contact: \"A\" <sip:a@[2001:db8::1];ob>;+sip.instance=\"<urn:uuid:7>\";reg-id=1;q=0.3\r\nPath: <sip:p;lr>\r\n";
    Phone::new(1).registers(&mut registrar, at(5), lines).unwrap();
    let frozen = serde_json::to_string(&registrar).unwrap();
    assert_eq!(serde_json::from_str::<Registrar<u64>>(&frozen).unwrap(), registrar);
    assert_eq!(registrar.lookup(at(5), ALICE)[0].path, ["<sip:p;lr>"]);
}

/// RFC 5626 §6: over TCP and TLS all flows of a phone usually have the same Contact.
#[test]
fn flows_of_one_phone_with_the_same_contact_are_bindings_of_their_own() {
    let mut registrar = Registrar::default();
    let lines = |flow: u32, more: &str| {
        format!("Contact: <sip:a@10.0.0.5:5060;transport=tcp>;+sip.instance=\"<urn:uuid:7>\";reg-id={flow}{more}\r\n")
    };
    let mut first = Phone::new(1);
    let mut second = Phone { source: "192.0.2.1:5062", ..Phone::new(2) };
    first.registers(&mut registrar, at(0), &lines(1, "")).unwrap();
    let told = second.registers(&mut registrar, at(1), &lines(2, "")).unwrap();
    assert_eq!((told.contacts.len(), told.added.len(), told.removed.len()), (2, 1, 0));
    let told = first.registers(&mut registrar, at(2), &lines(1, "")).unwrap();
    assert_eq!((told.contacts.len(), told.added.len(), told.removed.len()), (2, 0, 0), "a refresh of its own flow");
    let told = second.registers(&mut registrar, at(3), &lines(2, ";expires=0")).unwrap();
    assert_eq!((told.contacts.len(), told.removed.len()), (1, 1));
    assert_eq!(registrar.lookup(at(3), ALICE)[0].flow, 1);
}

#[test]
fn phones_behind_two_routers_with_the_same_contact_leave_each_other_alone() {
    for reg_id in ["", ";reg-id=1"] {
        let mut registrar = Registrar::default();
        let lines =
            |name: u32| format!("Contact: <sip:a@192.168.1.2:5060>;+sip.instance=\"<urn:uuid:{name}>\"{reg_id}\r\n");
        Phone::new(1).registers(&mut registrar, at(0), &lines(1)).unwrap();
        let told = Phone { call_id: "c2", source: "198.51.100.1:5060", ..Phone::new(2) }
            .registers(&mut registrar, at(1), &lines(2))
            .unwrap();
        assert_eq!((told.contacts.len(), told.removed.len()), (2, 0), "{reg_id}");
        // but one that has another name after every start is the same phone, at the end of the same flow
        let told = Phone { call_id: "c3", source: "198.51.100.1:5060", ..Phone::new(2) }
            .registers(&mut registrar, at(2), &lines(3))
            .unwrap();
        assert_eq!((told.contacts.len(), told.removed.len()), (2, 0), "{reg_id}");
        // and whoever names no device is known by the Contact
        let told = Phone { call_id: "c4", ..Phone::new(4) }
            .registers(&mut registrar, at(3), "Contact: <sip:a@192.168.1.2:5060>\r\n")
            .unwrap();
        assert_eq!(told.contacts.len(), 1, "{reg_id}");
    }
}
