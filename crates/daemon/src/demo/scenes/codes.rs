//! The transfer by keypad on a phone with one line: `*2102#`, `*4`, `*4`, `*3`, and Alice leaves; then once more, with `*2`
//! to complete out of the consult. Keys go as RTP events, and as INFO where the instant of the command matters.

use softphone::{Keypad, LineId, Mark, PhoneError};

use super::super::cast::Who::{Alice, Bob, Customer};
use super::super::stage::Stage;
use super::{
    CONSULT, LONG_WAY, MERGED, RINGING, SCENE, SOON, SWAPPED, consult, go_on, hang_up, line_of, nothing_leaked,
    shows_each_other, talk,
};

/// Plays everything.
pub(in super::super) async fn play(stage: &mut Stage) -> Result<(), PhoneError> {
    let line = talk(stage).await?;
    start(stage, line, Keypad::Rtp).await?;
    let private = consult(stage).await?;
    swap(stage, line).await;
    let together = merge(stage, line, private).await;
    leave(stage, line, together).await;
    hang_up(stage).await?;

    stage.clear();
    stage.says_aloud(Alice);
    stage.says_aloud(Bob);
    let line = talk(stage).await?;
    start(stage, line, Keypad::Info).await?;
    let private = consult(stage).await?;
    complete(stage, line, private).await?;
    hang_up(stage).await
}

/// Step 2: `*2`, Bob's extension and `#`.
async fn start(stage: &mut Stage, line: LineId, keypad: Keypad) -> Result<(), PhoneError> {
    stage.scene("2 Alice keys *2102#");
    stage.person(Alice).phone.press(line, "*2102#", keypad);
    let ringing = stage.person(Bob).phone.until_ringing().await?;
    let rings = Mark::now();
    stage.takes(Bob, ringing);
    stage.says_in_private(Alice);
    stage.judge(rings, SCENE, &RINGING).await;
    no_digits(stage, Customer);
    Ok(())
}

/// Step 4: `*4`, and again.
async fn swap(stage: &mut Stage, line: LineId) {
    stage.scene("4 *4: Bob on hold");
    stage.says_aloud(Alice);
    stage.person(Alice).phone.press(line, "*4", Keypad::Rtp);
    stage.until_heard(Customer, Alice).await;
    stage.person(Bob).phone.wire(line_of(stage, Bob), LONG_WAY);
    stage.judge(Mark::now(), SCENE, &SWAPPED).await;

    stage.scene("4 *4: back to Bob");
    stage.person(Alice).phone.press(line, "*4", Keypad::Rtp);
    stage.until_heard(Bob, Alice).await;
    stage.says_in_private(Alice);
    stage.judge(Mark::now(), SCENE, &CONSULT).await;
}

/// Step 5: `*3`. Returns when all were together.
async fn merge(stage: &mut Stage, line: LineId, private: Mark) -> Mark {
    stage.scene("5 *3: all three");
    let opened = last_key(stage, line, '3');
    stage.until_heard(Customer, Bob).await;
    let together = Mark::now();
    stage.judge(together, SCENE, &MERGED).await;
    nothing_leaked(stage, private, opened);
    together
}

/// Step 6: she hangs up.
async fn leave(stage: &mut Stage, line: LineId, together: Mark) {
    stage.scene("6 Alice hangs up");
    stage.person(Alice).phone.hang_up(line);
    go_on(stage, together).await;
    shows_each_other(stage).await;
    no_digits(stage, Customer);
    no_digits(stage, Bob);
}

/// Step 6 out of the consult: `*2`.
async fn complete(stage: &mut Stage, line: LineId, private: Mark) -> Result<(), PhoneError> {
    stage.scene("6 *2: Alice hands over");
    let opened = last_key(stage, line, '2');
    stage.until_heard(Customer, Bob).await;
    let together = Mark::now();
    stage.person(Alice).phone.until_over(line, SOON).await?;
    stage.verdict((true, "Alice's line is over".to_owned()));
    go_on(stage, together).await;
    nothing_leaked(stage, private, opened);
    shows_each_other(stage).await;
    Ok(())
}

/// Keys `*` and one digit by INFO, which is the command the moment it arrives; what Alice and Bob say from then on is for
/// everybody. Returns when that was.
fn last_key(stage: &mut Stage, line: LineId, digit: char) -> Mark {
    stage.person(Alice).phone.press(line, "*", Keypad::Info);
    stage.says_aloud(Bob);
    stage.says_aloud(Alice);
    let opened = Mark::now();
    stage.person(Alice).phone.press(line, &digit.to_string(), Keypad::Info);
    opened
}

/// A code is for the server: nobody else's phone gets its digits.
fn no_digits(stage: &mut Stage, who: super::Who) {
    let person = stage.person(who);
    let by_sound: String = person.ears().iter().map(|ear| ear.digits()).collect();
    let by_info: String = person.phone.lines().iter().map(|line| line.digits.clone()).collect();
    let none = by_sound.is_empty() && by_info.is_empty();
    stage.verdict((none, format!("{} gets none of the digits", who.name())));
}
