//! The transfer buttons of a phone: hold and a second line, Transfer with and without a consult, the keypad.
//!
//! ```text
//!   agent's phone                      server
//!   |-- re-INVITE (hold), line 1 ------->|      [`Phone::consult`]
//!   |-- INVITE, line 2 ----------------->|
//!   |-- REFER on line 1, names line 2 -->|      [`Phone::transfer`]; RFC 3891, RFC 5589 §7
//!   |<-- 202, NOTIFY 100 … 200 ----------|      [`Phone::refer_progress`]
//!   |-- BYE, line 1 -------------------->|      when, says [`Goodbye`](crate::Goodbye)
//! ```
//!
//! What its person does after a transfer that failed is the script's.

use std::time::Duration;

use conference::Identity;
use sip_signalling::{ReferTo, Wish};

use crate::desk::locked;
use crate::line::{LineId, LineState, ReferProgress};
use crate::phone::Phone;
use crate::settings::{Hold, Keypad, PhoneError};

/// How long the answer to a REFER, or a hold, is waited for.
const SOON: Duration = Duration::from_secs(10);
/// Length of a digit sent by INFO, in milliseconds.
const DIGIT_MS: u16 = 100;

impl Phone {
    /// Transfer without a consult: REFER to an extension, a number or a whole `sip:` address.
    ///
    /// # Errors
    /// No such line, or it is over.
    pub fn refer(&self, line: LineId, whom: &str) -> Result<(), PhoneError> {
        let uri = self.address_of(whom);
        self.send_refer(line, ReferTo::Address(uri))
    }

    /// Transfer after a consult: REFER on `line` whose Replaces names `other`.
    ///
    /// # Errors
    /// No such line, or one of them is over.
    pub fn transfer(&self, line: LineId, other: LineId) -> Result<(), PhoneError> {
        self.must_be_up(other)?;
        self.send_refer(line, ReferTo::Leg(other))
    }

    /// Holds a line and, once that is answered, calls somebody on another. Returns the new line.
    ///
    /// # Errors
    /// The line cannot be held within ten seconds, or there is no port for another.
    pub async fn consult(&self, line: LineId, whom: &str) -> Result<LineId, PhoneError> {
        self.hold(line, Hold::SendOnly)?;
        self.until_line(line, LineState::OnHold).await?;
        self.call(whom)
    }

    /// Changes lines: holds one and, once that is answered, resumes the other.
    ///
    /// # Errors
    /// One of them cannot, within ten seconds.
    pub async fn swap(&self, talks: LineId, waits: LineId) -> Result<(), PhoneError> {
        self.hold(talks, Hold::SendOnly)?;
        self.until_line(talks, LineState::OnHold).await?;
        self.resume(waits)?;
        self.until_line(waits, LineState::Live).await
    }

    /// Presses keys, one after the other.
    pub fn press(&self, line: LineId, digits: &str, how: Keypad) {
        match how {
            Keypad::Rtp => self.desk.sound.key(line, digits, DIGIT_MS),
            Keypad::Info => {
                for digit in digits.chars() {
                    self.endpoint.wish(Wish::Digit { leg: line, digit, duration_ms: DIGIT_MS });
                }
            }
        }
    }

    /// What came of the newest REFER of a line; `None`: there was none.
    #[must_use]
    pub fn refer_progress(&self, line: LineId) -> Option<ReferProgress> {
        locked(&self.desk.lines).get(&line)?.view.refer.clone()
    }

    /// Waits until the REFER of a line is answered, and says with what.
    ///
    /// # Errors
    /// Not within ten seconds.
    pub async fn until_refer_answered(&self, line: LineId) -> Result<u16, PhoneError> {
        let answer = || self.refer_progress(line).and_then(|refer| refer.answer);
        self.until("an answer to its REFER", SOON, |_| answer().is_some()).await?;
        answer().ok_or_else(|| self.no_line(line))
    }

    /// Waits until a NOTIFY to the REFER of a line has said `status`.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn until_notified(&self, line: LineId, status: u16, limit: Duration) -> Result<(), PhoneError> {
        let said = || self.refer_progress(line).is_some_and(|refer| refer.notified.contains(&status));
        self.until(&format!("NOTIFY {status} on line {line}"), limit, |_| said()).await
    }

    /// Waits for the outcome of the REFER of a line: its last NOTIFY's status, or the status that turned it down.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn until_referred(&self, line: LineId, limit: Duration) -> Result<u16, PhoneError> {
        let outcome = || self.refer_progress(line).and_then(|refer| refer.outcome());
        self.until(&format!("the outcome of the REFER on line {line}"), limit, |_| outcome().is_some()).await?;
        outcome().ok_or_else(|| self.no_line(line))
    }

    /// Waits until the server shows somebody as the other side of a line.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn until_shown(&self, line: LineId, user: &str, limit: Duration) -> Result<Identity, PhoneError> {
        let shown = || locked(&self.desk.lines).get(&line)?.view.shown.clone().filter(|identity| identity.user == user);
        self.until(&format!("{user} is shown on line {line}"), limit, |_| shown().is_some()).await?;
        shown().ok_or_else(|| self.no_line(line))
    }

    fn send_refer(&self, line: LineId, to: ReferTo) -> Result<(), PhoneError> {
        self.must_be_up(line)?;
        if let Some(entry) = locked(&self.desk.lines).get_mut(&line) {
            entry.view.refer = Some(ReferProgress::default());
        }
        self.endpoint.wish(Wish::Refer { leg: line, to });
        Ok(())
    }

    fn must_be_up(&self, line: LineId) -> Result<(), PhoneError> {
        let lines = locked(&self.desk.lines);
        let up = lines.get(&line).is_some_and(|entry| !entry.view.state.is_over());
        if up { Ok(()) } else { Err(self.no_line(line)) }
    }
}
