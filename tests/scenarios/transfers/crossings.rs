//! Row 20: what crosses on the wire while a transfer is under way. One winner, nothing left behind.

use baton_tests::field::{Gaps, naming};
use baton_tests::house::tones;
use baton_tests::raw::Message;
use baton_tests::stage::{Stage, scene};
use softphone::LineState;

/// REFER and BYE in one breath, in every order: the customer and Bob are joined.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refer_and_byes_in_any_order() {
    for order in 0..3 {
        let mut stage = Stage::open("plain").await;
        let (mut second, his) = stage.consults().await;
        stage.ends_privacy(his);
        let gaps = naming(&second.dialog);
        match order {
            0 => {
                stage.alice.send(&mut stage.first.dialog, "refer", &gaps).await;
                stage.alice.says_bye(&mut stage.first).await;
                stage.alice.says_bye(&mut second).await;
            }
            1 => {
                stage.alice.send(&mut stage.first.dialog, "refer", &gaps).await;
                stage.alice.says_bye(&mut second).await;
                stage.alice.says_bye(&mut stage.first).await;
            }
            _ => {
                stage.alice.says_bye(&mut second).await;
                stage.alice.send(&mut stage.first.dialog, "refer", &gaps).await;
                stage.alice.says_bye(&mut stage.first).await;
            }
        }
        stage.joined(his).await;
        stage.bob_closes(his).await;
    }
}

/// CANCEL of the second call and its 200 cross: she has a call that she must end herself, and Bob is let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_and_answer_of_the_second_call() {
    let mut stage = Stage::open("plain").await;
    stage.holds().await;
    for round in 0..4 {
        let (dialling, his) = stage.dials_bob().await;
        if round % 2 == 0 {
            stage.bob.phone.answer(his).expect("it rings");
        }
        let (cancel, answer) = stage.alice.gives_up(&dialling).await;
        assert_eq!(cancel, 200);
        if answer.status() == Some(200) {
            let mut line = stage.alice.takes_up(dialling, &answer).await;
            stage.alice.hangs_up(&mut line).await;
        } else {
            assert_eq!(answer.status(), Some(487));
        }
        stage.bob.is_let_go(his).await;
    }
    stage.house.freeze_and_thaw(2).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice.resumes(&mut stage.first).await;
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.first.hears(&[tones::CUSTOMER])]).await;
    stage.customer_closes().await;
}

/// The hold of a swap and the target's hang-up cross.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_and_a_hang_up() {
    let mut stage = Stage::open("plain").await;
    let (mut second, his) = stage.consults().await;
    let gaps = Gaps::from([("rtp", second.audio.own.port().to_string())]);
    let hold = stage.alice.send(&mut second.dialog, "hold", &gaps).await;
    stage.bob.hangs_up(his);
    let answer = stage.alice.settled(&second.dialog, &hold).await;
    assert!(matches!(answer.status(), Some(200 | 481 | 487)), "{answer:?}");
    stage.alice_is_out(&[&second]).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    stage.alice.resumes(&mut stage.first).await;
    scene(&[stage.customer_hears(&[tones::ALICE]), stage.first.hears(&[tones::CUSTOMER])]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.customer_closes().await;
}

/// A hold of Alice's crosses the server's own re-INVITE or UPDATE after the transfer to her: 491, and its retry comes through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_offer_is_turned_down_with_491_and_comes_again() {
    let mut stage = Stage::open("plain").await;
    let carols = baton_tests::field::FieldPhone::register("no_update", "carol", stage.house.udp).await;
    stage.holds().await;
    let dialling = stage.alice.dials("103", tones::SECRET).await;
    let invite = carols.is_rung().await;
    let carol = carols.answers(&invite, tones::CAROL).await;
    let second = stage.alice.gets_through(dialling).await;
    scene(&[second.hears(&[tones::CAROL])]).await;
    stage.customer.says(stage.theirs, tones::CUSTOMER);
    carols.turns_down_offers(&carol, 1);
    assert_eq!(stage.alice.refers(&mut stage.first, "refer", &second).await.status(), Some(202));
    stage.alice_is_out(&[&stage.first, &second]).await;
    let offers = |message: &Message| {
        message.method() == Some("INVITE")
            && message.header("Call-ID") == Some(&carol.dialog.call_id)
            && message.need("To").contains(";tag=")
    };
    let limit = std::time::Duration::from_secs(6);
    let crossed = carols.try_next(limit, offers).await.expect("the server's own re-INVITE");
    let number = |message: &Message| message.need("CSeq").split(' ').next().and_then(|n| n.parse::<u32>().ok());
    let again = carols.try_next(limit, |message| offers(message) && number(message) > number(&crossed)).await;
    assert!(again.is_some(), "after 491 it comes again (RFC 3261 §14.1)");
    scene(&[stage.customer_hears(&[tones::CAROL]), carol.hears(&[tones::CUSTOMER])]).await;
    stage.house.freeze_and_thaw(2).await;
    stage.customer.hangs_up(stage.theirs);
    carols.is_let_go(&carol).await;
    assert!(matches!(stage.customer.is_let_go(stage.theirs).await, LineState::Ended(_)));
    stage.house.close().await;
}
