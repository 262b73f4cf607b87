//! Offers that end otherwise than by an answer of ours to theirs: called off, or made by us because the signalling needs
//! a re-INVITE (a refresh, a new identity).
//!
//! ```text
//!   signalling          switch           mixer
//!     |-- OfferWanted ---->|--- repeat ---->|      the same description again: nothing is to change (RFC 4028 §7.4)
//!     |<----- Refresh -----|                |
//!     |-- OfferAnswered -->|--- accept ---->|      a phone may turn its leg by its answer
//!     |-- OfferRefused --->|--- withdraw -->|      nothing has changed
//!     |-- OfferCancelled ->|--- restore --->|      our answer did not go out (RFC 3261 §9.2, §14.1)
//! ```
//!
//! When a re-INVITE is due it does not know; what an offer means to a call is the core's.

use bytes::Bytes;
use conference::{LegId, Report};
use sip_signalling::Wish;

use crate::carry::Waiting;
use crate::events::{self, masked};
use crate::switch::Switch;

/// Our description could not be repeated, or their answer to it cannot be used.
const NOT_ACCEPTABLE: u16 = 488;

impl Switch {
    /// The phone took its offer back: what it asked before holds again, for the core, and for the mixer if that has
    /// answered already.
    pub(crate) fn offer_cancelled(&mut self, leg: LegId, number: u32) {
        let Some(known) = self.carry.legs.get_mut(leg).filter(|known| known.number == number) else { return };
        let answered = std::mem::replace(&mut known.answered, false);
        let undone = match (std::mem::replace(&mut known.waiting, Waiting::Nothing), answered) {
            (Waiting::Offer(_) | Waiting::NoOffer, _) => {
                // the core's answer is on its way
                known.unasked += 1;
                Ok(())
            }
            // its INVITE had no offer, and ours did not go out
            (Waiting::Ours, true) => self.carry.mixer.withdraw(leg),
            (Waiting::Nothing, true) => self.carry.mixer.restore(leg).map(|_| ()),
            (Waiting::Ours | Waiting::Nothing, false) | (Waiting::Made { .. }, _) => Ok(()),
        };
        if let Err(error) = undone {
            self.note(leg, "a cancelled offer", &error.to_string(), NOT_ACCEPTABLE);
        }
        if let Some(direction) = self.carry.legs.as_before(leg) {
            self.report(Report::Offered { leg, direction });
        }
    }

    /// The signalling must send a re-INVITE by which nothing changes.
    pub(crate) fn offer_wanted(&mut self, leg: LegId) {
        if self.carry.legs.get(leg).is_none() {
            return;
        }
        match self.carry.mixer.repeat(leg) {
            Ok(body) => self.carry.endpoint.wish(Wish::Refresh { leg, body }),
            Err(error) => self.note(leg, "our offer", &error.to_string(), NOT_ACCEPTABLE),
        }
    }

    /// Their answer to it. One that cannot be used changes nothing: the call goes on as it was.
    pub(crate) fn offer_answered(&mut self, leg: LegId, answer: &Bytes) {
        if self.carry.legs.get(leg).is_none() {
            return;
        }
        match self.carry.mixer.accept(leg, answer) {
            Ok(direction) => self.turned(leg, direction),
            Err(error) => {
                self.note(leg, "its answer", &error.to_string(), NOT_ACCEPTABLE);
                self.withdraw(leg);
            }
        }
    }

    /// They want no re-INVITE: nothing has changed.
    pub(crate) fn offer_refused(&mut self, leg: LegId, status: u16) {
        self.note(leg, "our offer", "refused", status);
        self.withdraw(leg);
    }

    fn withdraw(&mut self, leg: LegId) {
        if let Err(error) = self.carry.mixer.withdraw(leg) {
            self.note(leg, "our offer", &error.to_string(), NOT_ACCEPTABLE);
        }
    }

    fn note(&self, leg: LegId, what: &str, why: &str, status: u16) {
        events::leg(leg, self.carry.legs.call(leg), &format!("{what}: {}", masked(why)), status);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use conference::Direction;
    use sip_signalling::News;

    use super::*;
    use crate::carry::tests::carry;
    use crate::clock::Clock;
    use crate::config::from_text;

    fn offer(way: &str) -> Bytes {
        let head = "v=0\r\no=p 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
        format!("{head}m=audio 4000 RTP/AVP 0\r\na={way}\r\n").into()
    }

    /// A switch with a leg that talks.
    async fn talking() -> (Switch, LegId) {
        let (carry, _told) = carry().await;
        let config = from_text("[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[media]\nhold_music = \"silence\"\n").unwrap();
        let switch = Switch::new(&config, carry, Clock::start());
        let leg = LegId::arrived(1);
        switch.carry.mixer.answer(leg, &offer("sendrecv")).unwrap();
        (switch, leg)
    }

    fn described(switch: &Switch, leg: LegId) -> String {
        String::from_utf8(switch.carry.mixer.repeat(leg).unwrap().to_vec()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_that_crossed_a_cancel_is_taken_back_in_the_mixer_and_in_the_core() {
        let (mut switch, leg) = talking().await;
        let before = described(&switch, leg);
        switch.carry.mixer.withdraw(leg).unwrap();
        switch.hear(News::Offered { leg, number: 1, offer: Some(offer("sendonly")) });
        let known = switch.carry.legs.get(leg).unwrap();
        assert_eq!((known.direction, known.answered), (Direction::Away, true), "the core answered at once");
        switch.hear(News::OfferCancelled { leg, number: 7 });
        assert_eq!(switch.carry.legs.get(leg).unwrap().direction, Direction::Away, "another offer's");
        switch.hear(News::OfferCancelled { leg, number: 1 });
        assert_eq!(switch.carry.legs.get(leg).unwrap().direction, Direction::Both);
        assert_eq!(described(&switch, leg), before, "as if it had never been");
        switch.carry.mixer.withdraw(leg).unwrap();
        // the next one is answered under its own number
        switch.hear(News::Offered { leg, number: 2, offer: Some(offer("inactive")) });
        let known = switch.carry.legs.get(leg).unwrap();
        assert_eq!((known.number, known.direction, &known.waiting), (2, Direction::Away, &Waiting::Nothing));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_wanted_offer_repeats_the_description_and_its_answer_may_turn_the_leg() {
        let (mut switch, leg) = talking().await;
        let before = described(&switch, leg);
        switch.hear(News::OfferWanted { leg });
        assert_eq!(described(&switch, leg), before);
        switch.hear(News::OfferAnswered { leg, answer: offer("inactive"), wanted: true });
        assert_eq!(switch.carry.legs.get(leg).unwrap().direction, Direction::Away);
        switch.hear(News::OfferWanted { leg });
        switch.hear(News::OfferRefused { leg, status: 488, wanted: true });
        switch.hear(News::OfferWanted { leg });
        switch.hear(News::OfferAnswered { leg, answer: Bytes::from_static(b"none"), wanted: true });
        assert_eq!(switch.carry.legs.get(leg).unwrap().direction, Direction::Away, "as agreed last");
    }
}
