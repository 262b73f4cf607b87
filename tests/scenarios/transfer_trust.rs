//! Rows C of the list of attacks that are about REFER and Replaces: each gets its answer, and the call that is up hears nothing of it.
//!
//! C3's Replaces is in `phones`, C14 and C13 in `dialog_trust` with the other rows about dialogs. C17 (a call's PIN) is not built.

use std::time::Duration;

use baton_tests::field::{FieldPhone, Gaps, naming};
use baton_tests::house::{CUSTOMERS, tones};
use baton_tests::raw::{LIMIT, Message, Peer, RawCall};
use baton_tests::stage::{Stage, scene};
use softphone::{Keypad, LineState};

fn dialled(whom: &str) -> Gaps {
    Gaps::from([("dialled", whom.to_owned())])
}

/// Alice and the customer still talk, and the house is as before.
async fn is_unharmed(stage: Stage) {
    stage.house.freeze_and_thaw(2).await;
    scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
    stage.customer_closes().await;
}

/// C1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_customers_refer_nobody() {
    let stage = Stage::open("plain").await;
    let stranger = FieldPhone::start("plain", "alice", stage.house.udp, [127, 0, 0, 66].into()).await;
    let mut dialog = stranger.dialog("102");
    let refer = stranger.send(&mut dialog, "stray-refer", &dialled("102")).await;
    assert_eq!(stranger.answer_to(&refer, |status| status >= 200).await.status(), Some(401));
    let mut customer = Peer::udp(CUSTOMERS, stage.house.udp).await;
    let mut dialog = customer.dialog("+15550100", "102");
    let refer = customer.request(&mut dialog, "REFER", "Refer-To: <sip:102@baton.local>\r\n", "");
    let answer = customer.ask(&refer).await;
    assert!(matches!(answer.status(), Some(401 | 403)), "outside a dialog: {answer:?}");
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    let (mut caller, carol) = tokio::join!(RawCall::dial(CUSTOMERS, stage.house.udp, "103", tones::OUTSIDE), async {
        let invite = carols.is_rung().await;
        carols.answers(&invite, tones::CAROL).await
    });
    let refer = caller.peer.request(&mut caller.dialog, "REFER", "Refer-To: <sip:102@baton.local>\r\n", "");
    let answer = caller.peer.ask(&refer).await;
    assert_eq!(answer.status(), Some(403), "in a customer's dialog: {answer:?}");
    scene(&[carol.hears(&[tones::OUTSIDE])]).await;
    assert!(!stage.bob.is_busy(), "Bob was rung");
    caller.hangs_up().await;
    carols.is_let_go(&carol).await;
    is_unharmed(stage).await;
}

/// C2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_no_trunk_lets_out_is_refused_and_not_notified() {
    let mut stage = Stage::open("plain").await;
    let mut carrier = Peer::udp_at(stage.house.carrier, stage.house.udp).await;
    for number in ["+190055501001234567", "1900555010012345678"] {
        let answer = stage.alice.refers_to(&mut stage.first, number).await;
        assert_eq!(answer.status(), Some(403), "{answer:?}");
        assert!(answer.need("Reason").contains("not_allowed"), "{answer:?}");
    }
    let notify = |message: &Message| message.method() == Some("NOTIFY");
    assert!(stage.alice.try_next(Duration::from_millis(300), notify).await.is_none(), "no NOTIFY");
    assert!(carrier.next(Duration::from_millis(50)).await.is_none(), "the carrier was dialled");
    is_unharmed(stage).await;
}

/// C3: nothing of a Refer-To but its address reaches anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_smuggled_in_a_refer_to() {
    let mut stage = Stage::open("plain").await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    let answer = stage.alice.ask(&mut stage.first.dialog, "smuggling", &dialled("103")).await;
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    let invite = carols.is_rung().await;
    let whole = format!("{invite:?}").to_lowercase();
    assert!(!whole.contains("admin") && !whole.contains("smuggled") && !whole.contains("root@"), "{whole}");
    carols.turns_calls_down(486, "");
    stage.alice.hangs_up(&mut stage.first).await;
    stage.customer.hangs_up(stage.theirs);
    stage.house.close().await;
}

/// C4: another's dialog is as unknown as one that is none, and not for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guessed_dialog_and_somebody_elses_get_the_same_answer() {
    let mut stage = Stage::open("plain").await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    let dialling = carols.dials("102", tones::CAROL).await;
    let his = stage.bob.answers().await;
    let mut carol = carols.gets_through(dialling).await;
    let mut nothing = stage.alice.dialog("102");
    nothing.remote = format!("{};tag=guessed", nothing.remote);
    let mut said = Vec::new();
    for named in [&nothing, &carol.dialog.clone()] {
        let answer = stage.alice.ask(&mut stage.first.dialog, "refer", &naming(named)).await;
        assert_eq!(answer.status(), Some(202), "{answer:?}");
        let last = |message: &Message| message.need("Subscription-State").starts_with("terminated");
        let notify = stage.alice.notify(&stage.first, "the last NOTIFY", last).await;
        said.push((notify.body.clone(), notify.need("Subscription-State").to_owned()));
    }
    assert_eq!(said[0], said[1]);
    assert!(said[0].0.starts_with("SIP/2.0 481 "), "{said:?}");
    let mut refused = 0;
    for _ in 0..6 {
        let answer = stage.alice.ask(&mut stage.first.dialog, "refer", &naming(&nothing)).await;
        refused += usize::from(answer.status() != Some(202));
    }
    assert!(refused >= 1, "whoever guesses on and on is refused");
    scene(&[carol.hears(&[tones::BOB]), stage.bob.hears(his, &[tones::CAROL])]).await;
    carols.hangs_up(&mut carol).await;
    stage.bob.is_let_go(his).await;
    is_unharmed(stage).await;
}

/// C5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invite_with_replaces_of_others_of_answered_and_of_ended_dialogs() {
    let stage = Stage::open("plain").await;
    let carols = FieldPhone::register("plain", "carol", stage.house.udp).await;
    let replace = |phone: &FieldPhone, named: &baton_tests::raw::Dialog, flag: &str| {
        let mut gaps = naming(named);
        gaps.insert("flag", flag.to_owned());
        (phone.dialog("101"), gaps)
    };
    let tries = [(&carols, "", 481), (&stage.alice, ";early-only", 486)];
    for (phone, flag, expected) in tries {
        let (_, gaps) = replace(phone, &stage.first.dialog, flag);
        let dialling = phone.dials_with("101", tones::STRANGER, "replace", &gaps).await;
        assert_eq!(phone.is_turned_down(dialling).await, expected, "{} {flag}", phone.user);
    }
    let dialling = carols.dials("102", tones::CAROL).await;
    let his = stage.bob.answers().await;
    let mut carol = carols.gets_through(dialling).await;
    let ended = carol.dialog.clone();
    carols.hangs_up(&mut carol).await;
    stage.bob.is_let_go(his).await;
    let (_, gaps) = replace(&carols, &ended, "");
    let dialling = carols.dials_with("102", tones::CAROL, "replace", &gaps).await;
    assert_eq!(carols.is_turned_down(dialling).await, 603, "an ended dialog");
    is_unharmed(stage).await;
}

/// C6: five transfers a call and minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_not_transferred_round_and_round() {
    let mut stage = Stage::open("plain").await;
    let mut accepted = 0;
    for _ in 0..8 {
        let answer = stage.alice.refers_to(&mut stage.first, "102").await;
        if answer.status() != Some(202) {
            assert_eq!(answer.status(), Some(403), "{answer:?}");
            continue;
        }
        accepted += 1;
        let his = stage.bob.is_rung().await;
        stage.bob.phone.reject(his, 486);
        assert_eq!(stage.alice.is_told(&stage.first).await, 486);
    }
    assert_eq!(accepted, 5);
    is_unharmed(stage).await;
}

/// C7: two REFERs in one breath: one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_refers_at_once_exactly_one_wins() {
    let mut stage = Stage::open("plain").await;
    let carol = stage.house.carol().await;
    let both = [
        stage.alice.send(&mut stage.first.dialog, "blind", &dialled("102")).await,
        stage.alice.send(&mut stage.first.dialog, "blind", &dialled("103")).await,
    ];
    let mut answers = Vec::new();
    for refer in &both {
        answers.push(stage.alice.answer_to(refer, |status| status >= 200).await.status());
    }
    assert_eq!(answers, [Some(202), Some(403)]);
    let his = stage.bob.is_rung().await;
    assert!(!carol.is_busy(), "Carol is rung too");
    stage.bob.phone.reject(his, 486);
    assert_eq!(stage.alice.is_told(&stage.first).await, 486);
    is_unharmed(stage).await;
}

/// C8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refer_with_no_or_two_targets_is_400_and_one_without_subscription_is_not_notified() {
    let mut stage = Stage::open("plain").await;
    for section in ["without-refer-to", "with-two-refer-to"] {
        let answer = stage.alice.ask(&mut stage.first.dialog, section, &Gaps::new()).await;
        assert_eq!(answer.status(), Some(400), "{section}: {answer:?}");
    }
    let answer = stage.alice.ask(&mut stage.first.dialog, "without-notify", &dialled("102")).await;
    assert_eq!((answer.status(), answer.header("Refer-Sub")), (Some(202), Some("false")), "{answer:?}");
    let his = stage.bob.is_rung().await;
    stage.bob.phone.reject(his, 486);
    let notify = |message: &Message| message.method() == Some("NOTIFY");
    assert!(stage.alice.try_next(Duration::from_millis(400), notify).await.is_none(), "no NOTIFY was wanted");
    is_unharmed(stage).await;
}

/// C15: a held customer resumes during the consult: that is his own leg's matter and lets nothing of the consult out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_customers_own_resume_opens_nothing() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    for _ in 0..3 {
        stage.customer.holds(stage.theirs, softphone::Hold::SendOnly).await;
        stage.customer.resumes(stage.theirs).await;
        stage.is_private(&second, his).await;
    }
    stage.kept_private(his);
    stage.alice.hangs_up(&mut second).await;
    stage.bob.is_let_go(his).await;
    stage.alice.resumes(&mut stage.first).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    is_unharmed(stage).await;
}

/// C16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customers_codes_are_keys_like_any_other() {
    let stage = Stage::open("plain").await;
    for (how, keys) in [(Keypad::Rtp, 6), (Keypad::Info, 12)] {
        stage.customer.phone.press(stage.theirs, "*2102#", how);
        let heard = || stage.first.audio.events().len() >= keys;
        assert!(baton_tests::hearing::until(LIMIT, heard).await, "Alice hears {:?}", stage.first.audio.events());
        // the same key by the other way within a second would be the same press
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    assert!(!stage.bob.is_busy(), "a customer transferred himself");
    is_unharmed(stage).await;
}

/// C18: Alice leaves, Bob answers or declines, the customer hangs up, all in one breath and every order: nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_in_whatever_order_nothing_is_left() {
    for order in 0..6 {
        let mut stage = Stage::open("plain").await;
        stage.holds().await;
        let (dialling, his) = stage.dials_bob().await;
        if order == 0 {
            stage.house.freeze_and_thaw(2).await;
        }
        let steps: [usize; 3] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]][order];
        for step in steps {
            match step {
                0 => stage.alice.says_bye(&mut stage.first).await,
                1 if order % 2 == 0 => drop(stage.bob.phone.answer(his)),
                1 => stage.bob.phone.reject(his, 603),
                _ => stage.customer.hangs_up(stage.theirs),
            }
        }
        let answer = stage.alice.answer_to(dialling.invite(), |status| status >= 200).await;
        if answer.status() == Some(200) {
            let mut second = stage.alice.takes_up(dialling, &answer).await;
            stage.alice.hangs_up(&mut second).await;
        }
        assert!(matches!(stage.customer.is_let_go(stage.theirs).await, LineState::Ended(_)));
        if stage.bob.is_busy() {
            stage.bob.is_let_go(his).await;
        }
        stage.house.close().await;
    }
}
