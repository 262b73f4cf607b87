//! People with phones: what they do, in words; whatever does not happen in time ends the scenario with the phone's own
//! account of its lines.

use std::time::Duration;

use softphone::{Ear, Hold, LineId, LineState, Phone, PhoneError, PhoneSettings, Voice};

/// How long anything that needs no waiting may take.
pub const SOON: Duration = Duration::from_secs(5);

/// A person with a phone and a voice.
#[derive(Debug)]
pub struct Person {
    /// Who.
    pub name: &'static str,
    /// The tone they say.
    pub hertz: f64,
    /// Their phone.
    pub phone: Phone,
}

impl Person {
    /// Switches a phone on.
    pub async fn start(name: &'static str, hertz: f64, settings: PhoneSettings) -> Self {
        let phone = Phone::start(settings).await.unwrap_or_else(|error| panic!("{error}"));
        Self { name, hertz, phone }
    }

    /// Calls somebody.
    #[must_use]
    pub fn calls(&self, whom: &str) -> LineId {
        had(self.phone.call(whom))
    }

    /// Waits until the phone rings.
    pub async fn is_rung(&self) -> LineId {
        had(self.phone.until_ringing().await)
    }

    /// Waits until the phone rings, and answers.
    pub async fn answers(&self) -> LineId {
        let line = self.is_rung().await;
        had(self.phone.answer(line));
        line
    }

    /// Waits until a line is in a state.
    pub async fn comes_to(&self, line: LineId, state: LineState) {
        had(self.phone.until_line(line, state).await);
    }

    /// Waits until a line is over.
    pub async fn is_let_go(&self, line: LineId) -> LineState {
        had(self.phone.until_over(line, SOON).await)
    }

    /// Holds a line and waits for the answer.
    pub async fn holds(&self, line: LineId, how: Hold) {
        had(self.phone.hold(line, how));
        self.comes_to(line, LineState::OnHold).await;
    }

    /// Resumes a line and waits for the answer.
    pub async fn resumes(&self, line: LineId) {
        had(self.phone.resume(line));
        self.comes_to(line, LineState::Live).await;
    }

    /// Says their tone, or another one.
    pub fn says(&self, line: LineId, hertz: f64) {
        self.phone.say(line, Voice::Tone(hertz));
    }

    /// Hangs up.
    pub fn hangs_up(&self, line: LineId) {
        self.phone.hang_up(line);
    }

    /// The ear of a line.
    #[must_use]
    pub fn ear(&self, line: LineId) -> Ear {
        had(self.phone.ear(line))
    }

    /// Whether a call is on this phone, ringing or answered.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.phone.lines().iter().any(|line| !line.state.is_over())
    }

    /// The digits that one line's far end keyed.
    pub async fn hears_keys(&self, line: LineId, digits: &str) {
        let ear = self.ear(line);
        let end = std::time::Instant::now() + SOON;
        while ear.digits() != digits {
            assert!(std::time::Instant::now() < end, "{} heard the keys {:?}, not {digits:?}", self.name, ear.digits());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Two people in a call: who called, on which line; who answered, on which.
pub async fn connect(caller: &Person, whom: &str, callee: &Person) -> (LineId, LineId) {
    let calling = caller.calls(whom);
    let answered = callee.is_rung().await;
    caller.comes_to(calling, LineState::RingingThere).await;
    had(callee.phone.answer(answered));
    caller.comes_to(calling, LineState::Live).await;
    (calling, answered)
}

fn had<T>(result: Result<T, PhoneError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
