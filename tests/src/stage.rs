//! The stage of a transfer: Alice with a phone of the field, a customer who called her, and Bob whom she asks.
//!
//! Everybody says one tone while it is private and another one afterwards, so that whatever leaks is told from what may be
//! heard: in private Alice says `ALICE` into her first line and `SECRET` into her second, Bob `BOB_TOO`, the customer
//! `STRANGER`; together Bob says `BOB` and the customer `CUSTOMER`.

use std::time::{Duration, Instant};

use softphone::{Ear, LineId, LineState, Mark};

use crate::field::FieldPhone;
use crate::field::{Dialling, FieldLine};
use crate::hearing::{LONGEST_HOLE_MS, Listener, judge_for, no_trace_of};
use crate::house::{ALICES_NUMBER, House, Setup, tones};
use crate::people::Person;
use crate::raw::Audio;
use crate::stalls;

/// How long each scene is listened to.
const SCENE: Duration = Duration::from_millis(400);

/// Who is on the stage.
#[derive(Debug)]
pub struct Stage {
    /// The daemon.
    pub house: House,
    /// Alice's phone.
    pub alice: FieldPhone,
    /// Her first line, on which the customer is.
    pub first: FieldLine,
    /// Bob.
    pub bob: Person,
    /// The customer.
    pub customer: Person,
    /// The customer's line.
    pub theirs: LineId,
    /// When it began.
    pub since: Mark,
}

/// A moment from which somebody's sound must go on.
#[derive(Debug)]
pub struct Unbroken {
    ears: Vec<(&'static str, Ear)>,
    from: Mark,
    began: Instant,
}

impl Stage {
    /// The customer called Alice, whose phone is of this make, and they talk.
    pub async fn open(make: &str) -> Self {
        Self::with(make, Setup::default()).await
    }

    /// As [`Stage::open`] in a house that differs.
    pub async fn with(make: &str, setup: Setup) -> Self {
        let house = House::with(setup).await;
        let alice = FieldPhone::register(make, "alice", house.udp).await;
        let (bob, customer) = (house.bob().await, house.customer().await);
        let since = Mark::now();
        let theirs = customer.calls(ALICES_NUMBER);
        let invite = alice.is_rung().await;
        let first = alice.answers(&invite, tones::ALICE).await;
        customer.comes_to(theirs, LineState::Live).await;
        let stage = Self { house, alice, first, bob, customer, theirs, since };
        scene(&[stage.first.hears(&[tones::CUSTOMER]), stage.customer_hears(&[tones::ALICE])]).await;
        stage
    }

    /// The customer should hear these voices alone.
    #[must_use]
    pub fn customer_hears(&self, voices: &[f64]) -> Listener {
        self.customer.hears(self.theirs, voices)
    }

    /// The customer should hear music alone.
    #[must_use]
    pub fn customer_hears_music(&self) -> Listener {
        self.customer.hears_music(self.theirs)
    }

    /// From here on what the customer says is not for Bob.
    pub fn customer_mumbles(&self) {
        self.customer.says(self.theirs, tones::STRANGER);
    }

    /// Alice holds her first line: music for the customer.
    pub async fn holds(&mut self) {
        self.alice.holds(&mut self.first).await;
        self.customer_mumbles();
        scene(&[self.customer_hears_music(), self.first.hears_nobody()]).await;
    }

    /// Alice calls Bob on her second line; it rings.
    pub async fn dials_bob(&self) -> (Dialling, LineId) {
        let dialling = self.alice.dials("102", tones::SECRET).await;
        (dialling, self.bob.is_rung().await)
    }

    /// Bob answers Alice's second line, and they talk in private.
    pub async fn bob_answers(&self, dialling: Dialling, his: LineId) -> FieldLine {
        self.bob.phone.answer(his).expect("it rings");
        self.bob.says(his, tones::BOB_TOO);
        self.alice.gets_through(dialling).await
    }

    /// Alice holds the customer, calls Bob on her second line, and they talk in private; every leg is frozen and thawed.
    pub async fn consults(&mut self) -> (FieldLine, LineId) {
        self.holds().await;
        let (dialling, his) = self.dials_bob().await;
        let second = self.bob_answers(dialling, his).await;
        self.is_private(&second, his).await;
        self.house.freeze_and_thaw(4).await;
        self.is_private(&second, his).await;
        (second, his)
    }

    /// Alice and Bob hear each other, the customer hears music, and line 1 nothing.
    pub async fn is_private(&self, second: &FieldLine, his: LineId) {
        scene(&[
            second.hears(&[tones::BOB_TOO]),
            self.bob.hears(his, &[tones::SECRET]),
            self.customer_hears_music(),
            self.first.hears_nobody(),
        ])
        .await;
    }

    /// Everybody says what the others may hear from here on.
    pub fn ends_privacy(&self, his: LineId) {
        self.bob.says(his, tones::BOB);
        self.customer.says(self.theirs, tones::CUSTOMER);
    }

    /// From here on the sound of Bob and the customer must not stop.
    #[must_use]
    pub fn goes_on(&self, his: LineId) -> Unbroken {
        Unbroken::of(vec![("bob", self.bob.ear(his)), ("customer", self.customer.ear(self.theirs))])
    }

    /// Bob and the customer talk; nothing private was heard by whom it was not for.
    pub async fn joined(&self, his: LineId) {
        scene(&[self.customer_hears(&[tones::BOB]), self.bob.hears(his, &[tones::CUSTOMER])]).await;
        self.kept_private(his);
    }

    /// Nothing private was ever heard by whom it was not for.
    pub fn kept_private(&self, his: LineId) {
        let customer = self.customer.ear(self.theirs).since(self.since);
        no_trace_of("customer", &customer, tones::BOB_TOO);
        no_trace_of("customer", &customer, tones::SECRET);
        let bob = self.bob.ear(his).since(self.since);
        no_trace_of("bob", &bob, tones::STRANGER);
        no_trace_of("bob", &bob, tones::ALICE);
    }

    /// Alice's two lines are over: those that the phone did not end get the server's BYE.
    pub async fn alice_is_out(&self, lines: &[&FieldLine]) {
        for line in lines {
            if !self.alice.is_over(line) {
                self.alice.is_let_go(line).await;
            }
        }
    }

    /// Bob hangs up, which ends the customer's call; nothing is left.
    pub async fn bob_closes(self, his: LineId) {
        self.bob.hangs_up(his);
        self.customer.is_let_go(self.theirs).await;
        self.house.close().await;
    }

    /// The customer hangs up, which ends Alice's first line; nothing is left.
    pub async fn customer_closes(self) {
        self.customer.hangs_up(self.theirs);
        self.alice.is_let_go(&self.first).await;
        self.house.close().await;
    }
}

impl Unbroken {
    /// These ears, from now on.
    #[must_use]
    pub fn of(ears: Vec<(&'static str, Ear)>) -> Self {
        Self { ears, from: Mark::now(), began: Instant::now() }
    }

    /// No ear waited for a packet any longer than a hole may be, the machine's own stalls left out.
    pub fn was_unbroken(&self) {
        let allowed = LONGEST_HOLE_MS + stalls::longest_ms_since(self.began);
        for (name, ear) in &self.ears {
            let waited = usize::try_from(ear.since(self.from).longest_wait.as_millis()).unwrap_or(usize::MAX);
            assert!(waited <= allowed, "{name} was sent nothing for {waited} ms; {allowed} would do");
        }
    }
}

/// Listens for a scene's time and judges everybody.
pub async fn scene(listeners: &[Listener]) {
    judge_for(SCENE, listeners).await;
}

/// A socket that should hear the customer alone.
#[must_use]
pub fn new_ear(audio: &Audio) -> Listener {
    Listener::of_voices("the new address", audio.ear(), &[tones::CUSTOMER])
}
