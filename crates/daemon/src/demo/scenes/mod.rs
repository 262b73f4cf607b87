//! The six steps of a warm transfer as scenes, and what comes before and after them whatever Alice's phone can do.
//!
//! How she asks for the steps is in `buttons` (a phone with two lines) and `codes` (a keypad and one line).

pub(super) mod buttons;
pub(super) mod codes;

use std::time::Duration;

use softphone::{LineId, LineState, Mark, PhoneError, Wire};

use super::cast::{CUSTOMER_NUMBER, Who};
use super::judge::Expected;
use super::stage::{OPENING, Stage};
use Who::{Alice, Bob, Customer};

/// How long a scene is watched.
const SCENE: Duration = Duration::from_millis(1_500);
/// What people say is on its way for up to this long, so that old speech is in flight when they are let hear each other.
const LONG_WAY: Wire = Wire { delay: Duration::ZERO, jitter: Duration::from_millis(150), loss: 0.0 };
/// Bob's extension.
const BOB: &str = "102";
/// How long a phone may take to be told that its call is over.
const SOON: Duration = Duration::from_secs(5);

/// Alice and the customer talk; Bob does not.
const TALKING: [Expected; 2] = [Expected::Voices(Alice, &[Customer]), Expected::Voices(Customer, &[Alice])];
/// Alice talks with the customer while Bob waits.
const SWAPPED: [Expected; 3] = [TALKING[0], TALKING[1], Expected::Music(Bob)];
/// Bob's phone rings.
const RINGING: [Expected; 3] = [Expected::Nobody(Alice), Expected::Music(Customer), Expected::Nobody(Bob)];
/// Alice and Bob talk in private.
const CONSULT: [Expected; 3] =
    [Expected::Voices(Alice, &[Bob]), Expected::Voices(Bob, &[Alice]), Expected::Music(Customer)];
/// All three talk.
const MERGED: [Expected; 3] = [
    Expected::Voices(Alice, &[Customer, Bob]),
    Expected::Voices(Customer, &[Alice, Bob]),
    Expected::Voices(Bob, &[Alice, Customer]),
];
/// Alice has left.
const HANDED_OVER: [Expected; 2] = [Expected::Voices(Customer, &[Bob]), Expected::Voices(Bob, &[Customer])];

/// Step 1: the customer calls, Alice answers, they talk. Returns Alice's line.
async fn talk(stage: &mut Stage) -> Result<LineId, PhoneError> {
    stage.scene("The customer calls Alice");
    let line = stage.person(Customer).phone.call("+15551111")?;
    stage.takes(Customer, line);
    let ringing = stage.person(Alice).phone.until_ringing().await?;
    stage.takes(Alice, ringing);
    stage.person(Customer).phone.until_line(line, LineState::RingingThere).await?;
    stage.judge(Mark::now(), SCENE / 2, &[Expected::Nobody(Alice), Expected::Nobody(Customer)]).await;

    stage.scene("1 They talk");
    stage.person(Alice).phone.answer(ringing)?;
    stage.person(Customer).phone.until_line(line, LineState::Live).await?;
    stage.judge(Mark::now(), SCENE, &TALKING).await;
    Ok(ringing)
}

/// Step 3: Bob answers and speaks with Alice in private. Returns when they began.
async fn consult(stage: &mut Stage) -> Result<Mark, PhoneError> {
    stage.scene("3 Bob answers: private");
    let line = line_of(stage, Bob);
    stage.says_in_private(Bob);
    stage.person(Bob).phone.answer(line)?;
    stage.until_heard(Alice, Bob).await;
    let private = Mark::now();
    stage.judge(private, SCENE, &CONSULT).await;
    Ok(private)
}

/// What must never have been heard, from the consult's first word to now; `opened`: when the customer and Bob were let
/// hear each other.
fn nothing_leaked(stage: &mut Stage, private: Mark, opened: Mark) {
    let of_the_consult = [Bob.tones().ordinary, Bob.tones().private, Alice.tones().private];
    stage.never(Customer, &of_the_consult, (private, opened), "the consult");
    stage.never(Bob, &Customer.tones().both(), (private, opened), "the customer during the consult");
    let said_before = [Bob.tones().private, Alice.tones().private];
    stage.never(Customer, &said_before, (private, Mark::now()), "what was said in private, nor its tail");
}

/// After step 6: the customer and Bob go on, without a hole since `together`.
async fn go_on(stage: &mut Stage, together: Mark) {
    stage.judge(Mark::now(), SCENE, &HANDED_OVER).await;
    stage.unbroken(Customer, Bob, together.after(OPENING));
    stage.unbroken(Bob, Customer, together.after(OPENING));
}

/// Bob's phone and the customer's show each other now.
async fn shows_each_other(stage: &mut Stage) {
    let bob = stage.person(Bob).phone.until_shown(line_of(stage, Bob), CUSTOMER_NUMBER, SOON).await;
    stage.verdict((bob.is_ok(), format!("Bob's phone shows {CUSTOMER_NUMBER}")));
    let customer = stage.person(Customer).phone.until_shown(line_of(stage, Customer), "bob", SOON).await;
    stage.verdict((customer.is_ok(), "the customer's phone shows Bob".to_owned()));
}

/// The customer hangs up, and Bob is released.
async fn hang_up(stage: &mut Stage) -> Result<(), PhoneError> {
    stage.scene("The customer hangs up");
    let (customer, bob) = (line_of(stage, Customer), line_of(stage, Bob));
    stage.person(Customer).phone.hang_up(customer);
    let over = stage.person(Bob).phone.until_over(bob, SOON).await?;
    stage.verdict((over.is_over(), "Bob's phone is told that the call is over".to_owned()));
    Ok(())
}

/// Somebody's newest line.
fn line_of(stage: &Stage, who: Who) -> LineId {
    stage.person(who).lines.last().copied().unwrap_or(LineId::arrived(0))
}
