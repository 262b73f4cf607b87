//! Transfers by SIPp: REFER in its forms, what is refused, races of the consult's INVITE, two phones that both answer.
//!
//! A phone with two lines is two SIPps, one a line. What one of them must know of the other's dialog is read from the log
//! of the other and given by `-key`; the first line's REFER is sent by a third, which goes on at the first one's port.

use std::path::PathBuf;
use std::time::Instant;

use crate::phones::house::{DOMAIN, House};
use crate::{AGENT, CUSTOMER, LIMIT, Running, Sipp, alice_calls, alices_phone, customer, open_house, registered};

const ALICES_NUMBER: &str = "+15551111";

#[test]
fn refer_with_replaces_hands_the_customer_over() {
    let house = open_house("refer-replaces");
    let bob = phone_of(&house, "bob", "bob_is_handed_a_customer.xml");
    let port = registered(&house, "alice");
    let (first_line, first) = noting(&mut Sipp::phone(&house, "alice_answers_and_holds.xml", port));
    let handed_over = customer(&house, "customer_is_handed_over.xml", ALICES_NUMBER);
    let first = Noted::read(&first);
    first_line.ends_well();
    let (second_line, second) = noting(&mut second_line(&house, port, "alice_consults.xml"));
    let second = Noted::read(&second);
    Sipp::new(&house, "alice_refers.xml", AGENT, "alice")
        .port(port)
        .with(&["-aa", "-cid_str", &first.call_id, "-key", "own", &first.own, "-key", "peer", &first.peer])
        .with(&["-key", "target", &first.target, "-key", "refer_to", &second.refer_to()])
        .start()
        .ends_well();
    second_line.ends_well();
    bob.ends_well();
    handed_over.ends_well();
    house.close();
}

/// RFC 4575: whole and partial documents, versions without a gap, a refresh, the end.
#[test]
fn carol_watches_alice_come_to_a_room_and_leave() {
    let house = open_house("watch");
    let mut carol = Sipp::new(&house, "carol_watches_a_room.xml", AGENT, "standup");
    let signed = format!("standup@{DOMAIN}");
    let (carol, told) = noting(carol.with(&["-au", "carol", "-ap", "carol-secret", "-auth_uri", &signed]));
    Noted::read(&told);
    alice_calls(&house, "standup").ends_well();
    carol.ends_well();
    house.close();
}

#[test]
fn refer_from_outside_the_dialog_names_it_by_target_dialog() {
    let house = open_house("target-dialog");
    let bob = phone_of(&house, "bob", "bob_is_handed_a_customer.xml");
    let port = registered(&house, "alice");
    let (first_line, first) = noting(&mut Sipp::phone(&house, "alice_holds_and_waits.xml", port));
    let handed_over = customer(&house, "customer_is_handed_over.xml", ALICES_NUMBER);
    let first = Noted::read(&first);
    let (second_line, second) = noting(&mut second_line(&house, port, "alice_consults.xml"));
    let second = Noted::read(&second);
    let signed = first.target.trim_start_matches("sip:").to_owned();
    Sipp::new(&house, "alice_refers_from_outside.xml", AGENT, "alice")
        .with(&["-au", "alice", "-ap", "alice-secret", "-auth_uri", &signed])
        .with(&["-key", "target", &first.target, "-key", "dialog", &first.target_dialog()])
        .with(&["-key", "refer_to", &second.refer_to()])
        .start()
        .ends_well();
    first_line.ends_well();
    second_line.ends_well();
    bob.ends_well();
    handed_over.ends_well();
    house.close();
}

#[test]
fn an_invite_with_replaces_takes_the_place_of_a_line() {
    let house = open_house("invite-replaces");
    let (first_line, first) =
        noting(&mut Sipp::phone(&house, "alice_holds_and_waits.xml", registered(&house, "alice")));
    let hung_up = customer(&house, "customer_is_hung_up.xml", ALICES_NUMBER);
    let first = Noted::read(&first);
    Sipp::new(&house, "alice_takes_over.xml", AGENT, "alice")
        .with(&["-au", "alice", "-ap", "alice-secret", "-auth_uri", &format!("alice@{DOMAIN}")])
        .with(&["-key", "replaces", &first.replaces()])
        .start()
        .ends_well();
    first_line.ends_well();
    hung_up.ends_well();
    house.close();
}

#[test]
fn refer_without_replaces_hands_the_customer_over() {
    let house = open_house("refer");
    let bob = phone_of(&house, "bob", "bob_is_handed_a_customer.xml");
    let alice = alices_phone(&house, "alice_hands_over.xml");
    customer(&house, "customer_is_handed_over.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    bob.ends_well();
    house.close();
}

#[test]
fn a_referrer_who_wants_no_notify_gets_none() {
    let house = open_house("norefersub");
    let bob = phone_of(&house, "bob", "bob_is_handed_a_customer.xml");
    let alice = alices_phone(&house, "alice_hands_over_without_a_word.xml");
    customer(&house, "customer_is_handed_over.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    bob.ends_well();
    house.close();
}

#[test]
fn a_transfer_to_nobody_is_accepted_and_told_404() {
    let house = open_house("refer-nobody");
    let alice = alices_phone(&house, "alice_hands_over_to_nobody.xml");
    customer(&house, "customer_is_hung_up.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_second_transfer_is_refused_with_its_reason_and_the_first_one_is_told_how_it_ends() {
    let house = open_house("refer-twice");
    let bob = phone_of(&house, "bob", "phone_is_busy_after_a_while.xml");
    let alice = alices_phone(&house, "alice_hands_over_twice.xml");
    customer(&house, "customer_is_hung_up.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    bob.ends_well();
    house.close();
}

#[test]
fn a_subscription_that_was_given_up_brings_no_more_notifys() {
    let house = open_house("refer-unsubscribe");
    let bob = phone_of(&house, "bob", "phone_is_busy_after_a_while.xml");
    let alice = alices_phone(&house, "alice_unsubscribes.xml");
    customer(&house, "customer_is_hung_up.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    bob.ends_well();
    house.close();
}

#[test]
fn a_customer_may_not_refer() {
    let house = open_house("refer-customer");
    let alice = alices_phone(&house, "alice_answers.xml");
    customer(&house, "customer_refers.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_consult_that_is_cancelled_stops_bobs_phone_ringing() {
    let house = open_house("consult-cancel");
    consult_is_cancelled(&house, "alice_rings_until_cancelled.xml");
    house.close();
}

#[test]
fn a_consult_whose_cancel_crosses_bobs_answer_leaves_nobody_behind() {
    let house = open_house("consult-cancel-crosses");
    consult_is_cancelled(&house, "phone_answers_though_cancelled.xml");
    house.close();
}

#[test]
fn of_two_phones_that_both_answer_a_consult_the_late_one_is_hung_up() {
    let house = open_house("consult-forks");
    let bob = phone_of(&house, "bob", "phone_answers_and_hangs_up.xml");
    let late = phone_of(&house, "bob", "phone_answers_though_cancelled.xml");
    let port = registered(&house, "alice");
    let (first_line, first) = noting(&mut Sipp::phone(&house, "alice_holds_and_waits.xml", port));
    let waits = customer_for(&house, "customer_stays.xml", "6000");
    Noted::read(&first);
    second_line(&house, port, "alice_consults.xml").start().ends_well();
    bob.ends_well();
    late.ends_well();
    waits.ends_well();
    first_line.ends_well();
    house.close();
}

#[test]
fn a_ring_is_acknowledged_by_prack() {
    let house = open_house("prack");
    let alice = alices_phone(&house, "alice_answers.xml");
    customer(&house, "customer_acknowledges_the_ring.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_customer_holds_by_update() {
    let house = open_house("hold-update");
    let alice = alices_phone(&house, "alice_answers.xml");
    customer(&house, "customer_holds_by_update.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    house.close();
}

#[test]
fn a_session_timer_is_taken_from_90_seconds_on() {
    let house = open_house("session-timer");
    let alice = alices_phone(&house, "alice_answers.xml");
    customer(&house, "customer_keeps_time.xml", ALICES_NUMBER).ends_well();
    alice.ends_well();
    house.close();
}

/// Alice holds the customer, calls Bob and gives up while his phone rings.
fn consult_is_cancelled(house: &House, bobs_phone: &str) {
    let bob = phone_of(house, "bob", bobs_phone);
    let port = registered(house, "alice");
    let (first_line, first) = noting(&mut Sipp::phone(house, "alice_holds_and_waits.xml", port));
    let waits = customer_for(house, "customer_stays.xml", "4000");
    Noted::read(&first);
    second_line(house, port, "alice_consults_and_cancels.xml").start().ends_well();
    bob.ends_well();
    waits.ends_well();
    first_line.ends_well();
}

/// A registered phone of an agent at a port of its own, waiting for one call.
fn phone_of(house: &House, name: &str, file: &str) -> Running {
    Sipp::phone(house, file, registered(house, name)).start()
}

/// A customer who stays for so many milliseconds.
fn customer_for(house: &House, file: &str, milliseconds: &str) -> Running {
    Sipp::new(house, file, CUSTOMER, ALICES_NUMBER).with(&["-aa", "-d", milliseconds]).start()
}

/// The second line of Alice's phone, whose first is at this port: it calls Bob.
fn second_line(house: &House, port: u16, file: &str) -> Sipp {
    let mut sipp = Sipp::new(house, file, AGENT, "bob");
    let signed = format!("bob@{DOMAIN}");
    sipp.with(&["-au", "alice", "-ap", "alice-secret", "-auth_uri", &signed]);
    sipp.with(&["-key", "phone", &format!("{AGENT}:{port}")]);
    sipp
}

/// Starts it with a log, in which its dialog will stand.
fn noting(sipp: &mut Sipp) -> (Running, PathBuf) {
    let log = sipp.errors.with_extension("log");
    sipp.with(&["-trace_logs", "-log_file", &log.display().to_string()]);
    (sipp.start(), log)
}

/// A dialog as the SIPp that has it wrote it down.
struct Noted {
    call_id: String,
    own: String,
    peer: String,
    target: String,
}

impl Noted {
    /// Waits until it stands in the log.
    fn read(log: &PathBuf) -> Noted {
        let end = Instant::now() + LIMIT;
        loop {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            if let Some(noted) = text.lines().find_map(Noted::parse) {
                return noted;
            }
            assert!(Instant::now() < end, "no dialog in {}: {text}", log.display());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn parse(line: &str) -> Option<Noted> {
        let (_, rest) = line.split_once("call-id=")?;
        let (call_id, rest) = rest.split_once(" own=")?;
        let (own, rest) = rest.split_once(" peer=")?;
        let (peer, target) = rest.split_once(" target=")?;
        let text = |part: &str| part.trim().to_owned();
        Some(Noted { call_id: text(call_id), own: text(own), peer: text(peer), target: text(target) })
    }

    /// Refer-To with Replaces (RFC 3891 §3): the tags of the other side and of this one.
    fn refer_to(&self) -> String {
        let call_id = self.call_id.replace('@', "%40");
        let (theirs, ours) = (tag(&self.peer), tag(&self.own));
        format!("sip:bob@{DOMAIN}?Replaces={call_id}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}")
    }

    /// Replaces in an INVITE (RFC 3891 §6.1): the tags as whoever has the dialog's other end sees them.
    fn replaces(&self) -> String {
        format!("{};to-tag={};from-tag={}", self.call_id, tag(&self.peer), tag(&self.own))
    }

    /// RFC 4538 §7: the tags as its sender sees them.
    fn target_dialog(&self) -> String {
        format!("{};local-tag={};remote-tag={}", self.call_id, tag(&self.own), tag(&self.peer))
    }
}

fn tag(header: &str) -> &str {
    let tag = header.split_once(";tag=").map(|(_, tag)| tag.split(';').next().unwrap_or(tag));
    tag.unwrap_or_else(|| panic!("no tag in {header}"))
}
