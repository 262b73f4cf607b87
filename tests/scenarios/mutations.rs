//! A thousand mutations of every request we speak, while two people talk: the daemon lives, answers where an answer is due,
//! and the two have no gap.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use baton_tests::hearing::Talk;
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, Setup, tones};
use baton_tests::people::connect;
use baton_tests::raw::{Dialog, Message, Peer, RawCall, sdp, token};

use crate::mutator::{Dice, broken, respelled};

const STRANGERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
const SDP: &str = "Content-Type: application/sdp\r\n";

/// Mutations of each request: of ten, two are respelled and must be answered; and of ten, one goes over TCP.
const MUTATIONS: usize = 1_000;
/// A breath after so many, so that a burst does not overflow a socket's buffer.
const BREATH: usize = 20;

/// Every request we speak, and what a well-formed one of this test is answered.
const REQUESTS: [(&str, &[u16]); 9] = [
    ("REGISTER", &[401]),
    ("INVITE", &[401]),
    ("OPTIONS", &[401]),
    ("BYE", &[481]),
    ("CANCEL", &[481]),
    ("ACK", &[]),
    ("re-INVITE", &[200, 491]),
    ("INFO", &[200]),
    ("UPDATE", &[200, 491]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_mutations_of_each_request_harm_nobody() {
    let mut dice = Dice::cast();
    let house =
        House::with(Setup { ring_timeout_s: 2, trunk: "max_calls = 1000\n", rtp_ports: 4_000, ..Setup::default() })
            .await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    let mut lost = 0;
    for (request, due) in REQUESTS {
        let mut victim = RawCall::dial(CUSTOMERS, house.udp, "*43", tones::STRANGER).await;
        let (answered, lost_before) = mutate(&house, request, due, &mut victim, &mut dice).await;
        assert!(due.is_empty() || answered >= MUTATIONS / 10, "{request}: only {answered} were answered");
        lives(&house).await;
        talk.is_unharmed(request).await;
        lost += lost_before + let_go(victim).await;
        if request == "ACK" {
            house.freeze_and_thaw(2).await;
            talk.goes_on().await;
        }
    }
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    if lost == 0 {
        house.is_empty().await;
    }
    house.running.stop().await;
}

/// Ends the victim's call, which may be over by one of the mutations. Returns 1 if that cannot be: a mutated CSeq was the
/// highest there is, so every BYE is out of order (500), and the call ends when its phone is found dead.
async fn let_go(mut victim: RawCall) -> usize {
    victim.dialog.cseq = (1 << 31) - 2;
    let ended = victim.hangs_up().await;
    match ended.status() {
        Some(200 | 481) => 0,
        Some(500) => 1,
        _ => panic!("{ended:?}"),
    }
}

/// Sends the mutations of one request; returns how many respelled ones were answered as they should be, and how many
/// calls were lost.
async fn mutate(house: &House, request: &str, due: &[u16], victim: &mut RawCall, dice: &mut Dice) -> (usize, usize) {
    let mut stranger = Peer::udp(STRANGERS, house.udp).await;
    let (mut answered, mut lost, mut before) = (0, 0, Vec::new());
    for n in 0..MUTATIONS {
        let over_tcp = n % 10 == 9;
        let in_dialog = matches!(request, "re-INVITE" | "INFO" | "UPDATE" | "ACK");
        let mut stream = None;
        if over_tcp {
            let from = if in_dialog { CUSTOMERS } else { STRANGERS };
            stream = Some(Peer::tcp(from, house.tcp).await);
        }
        let own = victim.audio.own;
        let mut fresh = stranger.dialog("x", "alice");
        let (dialog, peer) = match (&mut stream, in_dialog) {
            (Some(peer), true) => (&mut victim.dialog, peer),
            (None, true) => (&mut victim.dialog, &mut victim.peer),
            (Some(peer), false) => (&mut fresh, peer),
            (None, false) => (&mut fresh, &mut stranger),
        };
        let text = write(peer, request, dialog, own);
        if !due.is_empty() && n % 5 == 0 {
            let respelled = respelled(&text, dice);
            let answer = peer.ask(&respelled).await;
            let status = answer.status().unwrap_or(0);
            acknowledge(peer, dialog, request, &respelled, &answer).await;
            answered += usize::from(due.contains(&status));
            if !due.contains(&status) {
                // what a broken one did to the victim's call is its own business: over, or its numbers used up
                let story = format!("{respelled}\nafter\n{}", String::from_utf8_lossy(&before));
                assert!(in_dialog && matches!(status, 481 | 500), "{answer:?} to\n{story}");
                let another = RawCall::dial(CUSTOMERS, house.udp, "*43", tones::STRANGER).await;
                lost += let_go(std::mem::replace(victim, another)).await;
            }
        } else {
            // a stream that was cut takes no more
            before = broken(&text, dice);
            drop(peer.try_send(&before).await);
        }
        if n % BREATH == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    (answered, lost)
}

/// One request as it should be.
fn write(peer: &Peer, request: &str, dialog: &mut Dialog, own: std::net::SocketAddr) -> String {
    match request {
        "INVITE" | "re-INVITE" => peer.request(dialog, "INVITE", SDP, &sdp(own, "a=sendrecv\r\n")),
        "UPDATE" => peer.request(dialog, "UPDATE", SDP, &sdp(own, "a=sendrecv\r\n")),
        "INFO" => {
            let more = "Content-Type: application/dtmf-relay\r\n";
            peer.request(dialog, "INFO", more, "Signal=5\r\nDuration=100\r\n")
        }
        "BYE" => {
            dialog.remote = format!("{};tag={}", dialog.remote, token());
            peer.request(dialog, "BYE", "", "")
        }
        "REGISTER" => {
            dialog.target = "sip:baton.local".to_owned();
            peer.request(dialog, "REGISTER", "Expires: 300\r\n", "")
        }
        method => peer.request(dialog, method, "", ""),
    }
}

async fn acknowledge(peer: &mut Peer, dialog: &mut Dialog, request: &str, text: &str, answer: &Message) {
    match (request, answer.status()) {
        ("re-INVITE", Some(200)) => {
            let ack = peer.request(dialog, "ACK", "", "");
            peer.send(ack).await;
        }
        ("re-INVITE" | "INVITE", Some(_)) => {
            peer.acknowledge_failure(text, answer).await;
        }
        _ => {}
    }
}

/// It still answers a request that is as it should be.
async fn lives(house: &House) {
    for mut peer in [Peer::udp(CUSTOMERS, house.udp).await, Peer::tcp(CUSTOMERS, house.tcp).await] {
        let mut dialog = peer.dialog("x", "101");
        let request = peer.request(&mut dialog, "OPTIONS", "", "");
        assert_eq!(peer.ask(&request).await.status(), Some(200), "{}", peer.transport());
    }
}
