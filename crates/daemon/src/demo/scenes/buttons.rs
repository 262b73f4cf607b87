//! The transfer by the buttons of a phone with two lines: hold, a second call, hold and resume, Transfer.
//!
//! The merge is `*3`: a phone of this kind would mix its two lines by itself, and the server would have nothing to show.

use softphone::{Hold, Keypad, LineId, LineState, Mark, PhoneError};

use super::super::cast::Who::{Alice, Bob, Customer};
use super::super::stage::Stage;
use super::{
    BOB, CONSULT, LONG_WAY, MERGED, RINGING, SCENE, SOON, SWAPPED, consult, go_on, hang_up, nothing_leaked,
    shows_each_other, talk,
};

/// Plays everything.
pub(in super::super) async fn play(stage: &mut Stage) -> Result<(), PhoneError> {
    let first = talk(stage).await?;
    let second = call_bob(stage, first).await?;
    let private = consult(stage).await?;
    swap(stage, first, second).await?;
    swap_back(stage, first, second).await?;
    let together = merge(stage, second, private).await;
    transfer(stage, first, second, together).await?;
    hang_up(stage).await
}

/// Step 2: hold, and a call on the second line.
async fn call_bob(stage: &mut Stage, first: LineId) -> Result<LineId, PhoneError> {
    stage.scene("2 Alice holds, calls Bob");
    let alice = &stage.person(Alice).phone;
    alice.wire(first, LONG_WAY);
    alice.hold(first, Hold::SendOnly)?;
    alice.until_line(first, LineState::OnHold).await?;
    let held = Mark::now();
    stage.says_in_private(Alice);
    let second = stage.person(Alice).phone.call(BOB)?;
    stage.takes(Alice, second);
    let ringing = stage.person(Bob).phone.until_ringing().await?;
    stage.takes(Bob, ringing);
    stage.person(Alice).phone.until_line(second, LineState::RingingThere).await?;
    stage.judge(held, SCENE, &RINGING).await;
    Ok(second)
}

/// Step 4: she holds Bob and resumes the customer.
async fn swap(stage: &mut Stage, first: LineId, second: LineId) -> Result<(), PhoneError> {
    stage.scene("4 Swap: Bob on hold");
    let alice = &stage.person(Alice).phone;
    alice.hold(second, Hold::SendOnly)?;
    alice.until_line(second, LineState::OnHold).await?;
    stage.person(Bob).phone.wire(super::line_of(stage, Bob), LONG_WAY);
    stage.says_aloud(Alice);
    stage.person(Alice).phone.resume(first)?;
    stage.person(Alice).phone.until_line(first, LineState::Live).await?;
    stage.judge(Mark::now(), SCENE, &SWAPPED).await;
    Ok(())
}

/// Step 4 again: the customer on hold, back to Bob.
async fn swap_back(stage: &mut Stage, first: LineId, second: LineId) -> Result<(), PhoneError> {
    stage.scene("4 Swap back");
    let alice = &stage.person(Alice).phone;
    alice.hold(first, Hold::SendOnly)?;
    alice.until_line(first, LineState::OnHold).await?;
    stage.says_in_private(Alice);
    stage.person(Alice).phone.resume(second)?;
    stage.person(Alice).phone.until_line(second, LineState::Live).await?;
    stage.judge(Mark::now(), SCENE, &CONSULT).await;
    Ok(())
}

/// Step 5: everybody together. Returns when they were.
async fn merge(stage: &mut Stage, second: LineId, private: Mark) -> Mark {
    stage.scene("5 Merge: all three");
    stage.person(Alice).phone.press(second, "*", Keypad::Info);
    stage.says_aloud(Bob);
    stage.says_aloud(Alice);
    let opened = Mark::now();
    stage.person(Alice).phone.press(second, "3", Keypad::Info);
    stage.until_heard(Customer, Bob).await;
    let together = Mark::now();
    stage.judge(together, SCENE, &MERGED).await;
    nothing_leaked(stage, private, opened);
    together
}

/// Step 6: Transfer; REFER with Replaces.
async fn transfer(stage: &mut Stage, first: LineId, second: LineId, together: Mark) -> Result<(), PhoneError> {
    stage.scene("6 Alice presses Transfer");
    stage.person(Alice).phone.transfer(first, second)?;
    let outcome = stage.person(Alice).phone.until_referred(first, SOON).await?;
    stage.verdict((outcome == 200, format!("Alice's phone is told {outcome}")));
    for line in [first, second] {
        stage.person(Alice).phone.until_over(line, SOON).await?;
    }
    stage.verdict((true, "both of Alice's lines are over".to_owned()));
    go_on(stage, together).await;
    shows_each_other(stage).await;
    Ok(())
}
