//! Mutants of the rule, for the tests that must catch every one of them. Without the feature `break` nothing of this
//! file is in the program but a macro that says `false`.

/// Whether the mutant named here is switched on.
#[cfg(feature = "break")]
macro_rules! broken {
    ($mutant:ident) => {
        $crate::mutants::is_on($crate::mutants::Mutant::$mutant)
    };
}
#[cfg(not(feature = "break"))]
macro_rules! broken {
    ($mutant:ident) => {
        false
    };
}
pub(crate) use broken;

#[cfg(feature = "break")]
pub use switch::{Mutant, is_on, set};

#[cfg(feature = "break")]
mod switch {
    use std::cell::Cell;

    /// One line of the rule, left out or turned round.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Mutant {
        /// place: the target stays in Main.
        TargetInMain,
        /// place: the initiator's leg stays in Main whatever it faces.
        InitiatorInMain,
        /// ready: an away leg counts.
        AwayIsReady,
        /// ready: a held person's leg counts.
        HeldIsReady,
        /// ready: a younger leg beside an open one counts too.
        BothLegsReady,
        /// waiting: a customer without an agent does not wait.
        NobodyWaits,
        /// waiting: a customer in a room waits like any other.
        RoomsWait,
        /// hears: a closed leg is heard.
        ClosedIsHeard,
        /// hears: another place is heard.
        PlacesAreOne,
        /// hears: early media is heard by whoever is open in its place.
        EarlyIsOpen,
        /// early: whoever is held hears early media.
        EarlyForTheHeld,
        /// early: it is heard although others may be heard.
        EarlyInCompany,
        /// hears: a muted voice is heard.
        MutedIsHeard,
        /// supervisor: everybody hears the whisper.
        WhisperToAll,
        /// talk: whoever is in the call is told who talks.
        TalkToldToAll,
        /// supervisor: the consult is heard without leave.
        ConsultSupervised,
        /// supervisor: whispers into a phone that mixes.
        WhisperIntoBridge,
        /// ears: the customer hears that the target rings.
        CustomerHearsRingback,
        /// ears: who is held hears nothing.
        NoHoldMusic,
        /// Law 2: masks last.
        TellBeforeTighten,
        /// A BYE on one of two lines is judged at once.
        NoGrace,
        /// Both places go on talking while a BYE is not judged yet.
        TalkInGrace,
        /// Whoever leaves joins customer and target, faced or not.
        LeavingJoinsUnfaced,
        /// A turn moves the open leg only.
        TurnOneLeg,
        /// Swap leaves whom it faces on hold.
        SwapKeepsHold,
        /// Merge leaves people on hold.
        MergeKeepsHold,
        /// A refused swap swaps.
        RefusedSwapSwaps,
        /// A second INVITE leaves the first line open.
        FirstLineStaysOpen,
        /// A call to an outside number is linked as a consult.
        OutsideIsImplied,
        /// A customer's own resume ends a hold.
        CustomerUnholdsSelf,
        /// A failed target leaves the customer on hold.
        FailureKeepsHold,
        /// Nobody is rung for a customer whom the last agent left waiting.
        NoFallback,
        /// A failed cold hand-over ends in nothing.
        NoRecall,
        /// A hold that nobody can end goes on for ever.
        HeldAlone,
        /// A transfer's end is told twice.
        TwoOutcomes,
        /// Silent lines are not asked whether they live.
        NoProbes,
        /// Keypad: a code goes on to whoever hears the leg.
        CodesAreRelayed,
        /// A leg that takes another's place faces Main.
        ReplacedInMain,
        /// Swap lets everybody meet.
        SwapMerges,
        /// A caller from a trunk is taken for an outside party.
        CustomerIsOutside,
        /// Whom a leg faces after a hand-over is not told.
        NobodyIdentified,
        /// Queues: whoever consults a queue is offered their own consult.
        OffersInitiator,
        /// Queues: whoever is offered a call is offered another.
        ReservesTwice,
        /// Queues: who moves to another call goes to the end of the line.
        ForgetsPlace,
        /// Queues: whoever did not take a call is offered it again at once.
        OffersAgain,
        /// Queues: a caller who may not wait any more is left with nobody.
        LosesCallers,
        /// A room is entered without its PIN.
        PinIsOpen,
        /// A room's tones are heard in a private consult too.
        TonesInConsult,
        /// An agent whose phone only rings commands.
        RingingCommands,
        /// Whoever typed three wrong PINs may call and go on guessing.
        GuessesForEver,
        /// Keys and prompts by command reach whoever does not hear the asker.
        KeysCrossTheWall,
        /// Queues: whoever came last is offered first.
        LastComesFirst,
        /// Queues: an offer that was missed counts as a call.
        MissedIsIdleAnew,
        /// Queues: an agent who pauses or takes another call goes on being offered this one.
        PausedRingsOn,
        /// Queues: another word on an agent's availability is told only with another state.
        OfflineIsSilent,
    }

    impl Mutant {
        /// All of them that are about the rule and the laws.
        pub const ALL: [Self; 46] = [
            Self::TargetInMain,
            Self::InitiatorInMain,
            Self::AwayIsReady,
            Self::HeldIsReady,
            Self::BothLegsReady,
            Self::NobodyWaits,
            Self::RoomsWait,
            Self::ClosedIsHeard,
            Self::PlacesAreOne,
            Self::EarlyIsOpen,
            Self::EarlyForTheHeld,
            Self::EarlyInCompany,
            Self::MutedIsHeard,
            Self::WhisperToAll,
            Self::TalkToldToAll,
            Self::ConsultSupervised,
            Self::WhisperIntoBridge,
            Self::CustomerHearsRingback,
            Self::NoHoldMusic,
            Self::TellBeforeTighten,
            Self::NoGrace,
            Self::TalkInGrace,
            Self::LeavingJoinsUnfaced,
            Self::TurnOneLeg,
            Self::SwapKeepsHold,
            Self::MergeKeepsHold,
            Self::RefusedSwapSwaps,
            Self::FirstLineStaysOpen,
            Self::OutsideIsImplied,
            Self::CustomerUnholdsSelf,
            Self::FailureKeepsHold,
            Self::NoFallback,
            Self::NoRecall,
            Self::HeldAlone,
            Self::TwoOutcomes,
            Self::NoProbes,
            Self::CodesAreRelayed,
            Self::ReplacedInMain,
            Self::SwapMerges,
            Self::CustomerIsOutside,
            Self::NobodyIdentified,
            Self::PinIsOpen,
            Self::TonesInConsult,
            Self::RingingCommands,
            Self::GuessesForEver,
            Self::KeysCrossTheWall,
        ];

        /// Those about queues.
        pub const QUEUES: [Self; 9] = [
            Self::OffersInitiator,
            Self::ReservesTwice,
            Self::ForgetsPlace,
            Self::OffersAgain,
            Self::LosesCallers,
            Self::LastComesFirst,
            Self::MissedIsIdleAnew,
            Self::PausedRingsOn,
            Self::OfflineIsSilent,
        ];
    }

    thread_local! {
        static ON: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Switches one mutant on for this thread, or all off.
    pub fn set(mutant: Option<Mutant>) {
        ON.with(|on| on.set(mutant));
    }

    /// Whether a mutant is on in this thread.
    #[must_use]
    pub fn is_on(mutant: Mutant) -> bool {
        ON.with(|on| on.get() == Some(mutant))
    }
}
