//! What keeps an answered dialog going by itself, as a value: its session timer (RFC 4028), and who is shown as the other
//! side.
//!
//! ```text
//!   we refresh     half of the interval ──> refresh ── 2xx ──> from the start
//!                                              └─ refused, or no way ──> again, as long as there is time ──> over
//!   they refresh   their refresh ──> from the start;  none until min(32 s, a third) before the end ──> over
//! ```
//!
//! Moments are of the service's clock, so that it goes on where it was after a restart. Sends nothing.

use std::time::Duration;

use conference::{Identity, Moment};
use rsip::Headers;
use serde::{Deserialize, Serialize};

use crate::codec::headers::{SessionExpires, tokens};
use crate::codec::{one, push};
use crate::transaction::ClientId;

/// The shortest interval we take, in seconds (RFC 4028 §4: 90 is the least there may be).
pub(crate) const LEAST: u32 = 90;
/// The longest Min-SE we follow; beyond, a session timer is of no use.
pub(crate) const MOST: u32 = 86_400;
/// How often a request is sent again with a larger interval (RFC 4028 §7.4), or after a refusal that says "not now".
pub(crate) const TRIES: u8 = 3;
/// The longest and the shortest time between two tries of a refresh.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// How long before its end a session that nobody refreshed is given up, at most (RFC 4028 §10).
const MARGIN: Duration = Duration::from_secs(32);

/// A session timer that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionTimer {
    /// The interval, in seconds.
    pub(crate) seconds: u32,
    /// Whether we refresh.
    pub(crate) ours: bool,
    /// Whether the other side knows of session timers.
    pub(crate) spoken: bool,
    /// When it began, or was refreshed last.
    pub(crate) since: Moment,
}

impl SessionTimer {
    fn span(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// When we refresh it for the first time.
    pub(crate) fn half(&self) -> Moment {
        self.since + self.span() / 2
    }

    /// When it is given up.
    pub(crate) fn end(&self) -> Moment {
        self.since + (self.span() - MARGIN.min(self.span() / 3))
    }

    /// The time to the next try of a refresh that came to nothing.
    pub(crate) fn pause(&self) -> Duration {
        (self.span() / 8).clamp(AGAIN.0, AGAIN.1)
    }
}

/// The upkeep of one dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upkeep {
    /// The session timer, if one was agreed on.
    pub(crate) timer: Option<SessionTimer>,
    /// The largest Min-SE of this dialog, in seconds (RFC 4028 §7.4).
    pub(crate) least: u32,
    /// A refresh is due.
    pub(crate) due: bool,
    /// Who is to be shown to the other side as the one it talks to.
    pub(crate) shown: Option<Identity>,
    /// Who it was told.
    pub(crate) said: Option<Identity>,
    /// For a phone: whom its server shows.
    pub(crate) seen: Option<Identity>,
    /// The owner was asked for an offer.
    pub(crate) asked: bool,
    /// The UPDATE under way.
    pub(crate) updating: Option<ClientId>,
    /// Refusals in a row that say "not now" or "too short".
    pub(crate) tries: u8,
    /// Nothing is said before.
    pub(crate) until: Option<Moment>,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            timer: None,
            least: LEAST,
            due: false,
            shown: None,
            said: None,
            seen: None,
            asked: false,
            updating: None,
            tries: 0,
            until: None,
        }
    }
}

impl Upkeep {
    /// Whether there is something to be said.
    pub(crate) fn needs(&self) -> bool {
        self.due || self.shown != self.said
    }

    /// A refresh went well, or theirs came.
    pub(crate) fn refreshed(&mut self, timer: Option<SessionTimer>) {
        self.timer = timer;
        self.due = false;
        self.tries = 0;
    }

    /// Notes the Min-SE of a request of theirs or of a 422.
    pub(crate) fn raise(&mut self, headers: &Headers) {
        self.least = self.least.max(min_se(headers).unwrap_or(LEAST).min(MOST));
    }

    /// What a request of ours that makes or refreshes a session says of its timer. `wanted` in seconds.
    pub(crate) fn ask(&self, headers: &mut Headers, wanted: u32) {
        let seconds = self.timer.map_or(wanted, |timer| timer.seconds).max(self.least);
        let by_uac = self.timer.map(|timer| timer.ours);
        push(headers, "Session-Expires", SessionExpires { seconds, by_uac }.to_string());
        push(headers, "Min-SE", self.least.to_string());
    }

    /// What our 2xx to a request of theirs says, and the timer it starts (RFC 4028 §9). Who does not know of timers is
    /// refreshed by us. Who knows of them and does not say who is to refresh refreshes by itself, or who did so far.
    pub(crate) fn grant(&self, asked: &Headers, answer: &mut Headers, wanted: u32, now: Moment) -> SessionTimer {
        let spoken = speaks(asked);
        let request = session_expires(asked);
        let least = min_se(asked).unwrap_or(LEAST).clamp(LEAST, MOST);
        let seconds = request.map_or(wanted, |request| wanted.min(request.seconds)).max(least);
        let before = || self.timer.is_none_or(|timer| !timer.ours);
        let by_uac = spoken && request.and_then(|request| request.by_uac).unwrap_or_else(before);
        push(answer, "Session-Expires", SessionExpires { seconds, by_uac: Some(by_uac) }.to_string());
        if spoken {
            push(answer, "Require", "timer");
        }
        SessionTimer { seconds, ours: !by_uac, spoken, since: now }
    }
}

/// The timer that a 2xx of theirs to a request of ours starts; `None`: there is none (RFC 4028 §7.2).
pub(crate) fn granted(answer: &Headers, now: Moment) -> Option<SessionTimer> {
    let SessionExpires { seconds, by_uac } = session_expires(answer)?;
    let ours = by_uac.unwrap_or(true);
    Some(SessionTimer { seconds: seconds.max(LEAST), ours, spoken: !ours || speaks(answer), since: now })
}

/// Whether a request of theirs asks for a shorter interval than there may be. Who does not know of timers is not turned
/// away by that (RFC 4028 erratum 1687): somebody between has put it there.
pub(crate) fn is_too_short(headers: &Headers) -> bool {
    speaks(headers) && session_expires(headers).is_some_and(|asked| asked.seconds < LEAST)
}

/// The Min-SE of a message.
pub(crate) fn min_se(headers: &Headers) -> Option<u32> {
    one(headers, "Min-SE")?.split(';').next()?.trim().parse().ok()
}

fn session_expires(headers: &Headers) -> Option<SessionExpires> {
    SessionExpires::parse(one(headers, "Session-Expires")?).ok()
}

fn speaks(headers: &Headers) -> bool {
    ["Supported", "Require"]
        .iter()
        .any(|name| tokens(headers, name).iter().any(|tag| tag.eq_ignore_ascii_case("timer")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_000_000_000);

    fn headers(lines: &[(&'static str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in lines {
            push(&mut headers, name, *value);
        }
        headers
    }

    fn granted_to(upkeep: &Upkeep, lines: &[(&'static str, &str)]) -> (String, bool, SessionTimer) {
        let mut answer = Headers::default();
        let timer = upkeep.grant(&headers(lines), &mut answer, 1800, NOW);
        let said = one(&answer, "Session-Expires").unwrap_or_default().to_owned();
        (said, one(&answer, "Require") == Some("timer"), timer)
    }

    /// RFC 4028 §9, table 2.
    #[test]
    fn who_refreshes_is_chosen_by_the_table() {
        let (none, with) = (Upkeep::default(), ("Supported", "path, Timer"));
        let said = |upkeep: &Upkeep, lines: &[_]| granted_to(upkeep, lines).0;
        assert_eq!(said(&none, &[]), "1800;refresher=uas");
        assert_eq!(said(&none, &[("Session-Expires", "600")]), "600;refresher=uas");
        assert_eq!(said(&none, &[("Session-Expires", "600;refresher=uac")]), "600;refresher=uas");
        assert_eq!(said(&none, &[with]), "1800;refresher=uac");
        assert_eq!(said(&none, &[with, ("Session-Expires", "600;refresher=uac")]), "600;refresher=uac");
        assert_eq!(said(&none, &[with, ("Session-Expires", "600;refresher=uas")]), "600;refresher=uas");
        let ours = Upkeep { timer: Some(granted_to(&none, &[]).2), ..Upkeep::default() };
        assert_eq!(said(&ours, &[with, ("Session-Expires", "600")]), "600;refresher=uas", "as before");
        let (_, required, timer) = granted_to(&none, &[with]);
        assert!(required && !timer.ours && timer.spoken);
        let (_, required, timer) = granted_to(&none, &[]);
        assert!(!required && timer.ours && !timer.spoken);
    }

    #[test]
    fn an_interval_is_never_longer_than_asked_nor_shorter_than_allowed() {
        let none = Upkeep::default();
        let with = ("Supported", "timer");
        let seconds = |lines: &[_]| granted_to(&none, lines).2.seconds;
        assert_eq!(seconds(&[with, ("Session-Expires", "90")]), 90);
        assert_eq!(seconds(&[with, ("Session-Expires", "7200")]), 1800);
        assert_eq!(seconds(&[with, ("Session-Expires", "7200"), ("Min-SE", "3600")]), 3600);
        assert_eq!(seconds(&[("Session-Expires", "30")]), 90, "who does not know of timers");
        assert_eq!(seconds(&[("Session-Expires", "soon")]), 1800);
        assert!(is_too_short(&headers(&[with, ("Session-Expires", "89")])));
        assert!(!is_too_short(&headers(&[("Session-Expires", "89")])));
        assert!(!is_too_short(&headers(&[with, ("Session-Expires", "90")])));
    }

    #[test]
    fn its_moments_are_half_and_a_margin_before_the_end() {
        let timer = |seconds| SessionTimer { seconds, ours: true, spoken: true, since: NOW };
        assert_eq!(timer(1800).half(), NOW + Duration::from_secs(900));
        assert_eq!(timer(1800).end(), NOW + Duration::from_secs(1768));
        assert_eq!(timer(90).end(), NOW + Duration::from_secs(60));
        assert_eq!(
            (timer(90).pause(), timer(1800).pause()),
            (Duration::from_micros(11_250_000), Duration::from_secs(60))
        );
    }

    #[test]
    fn the_answer_decides_and_a_wild_one_does_no_harm() {
        let answer = |lines: &[_]| granted(&headers(lines), NOW);
        assert_eq!(answer(&[]), None);
        let theirs = answer(&[("Session-Expires", "200;refresher=uas"), ("Require", "timer")]).map(|timer| timer.ours);
        assert_eq!(theirs, Some(false));
        let ours = answer(&[("Session-Expires", "200;refresher=uac")]).map(|timer| (timer.ours, timer.spoken));
        assert_eq!(ours, Some((true, false)));
        assert_eq!(answer(&[("Session-Expires", "1")]).map(|timer| timer.seconds), Some(90));
        let endless = answer(&[("Session-Expires", "4294967295")]).map(|timer| timer.end() > NOW);
        assert_eq!(endless, Some(true));
    }
}
