//! A person's phone: registers, calls, answers, holds, hangs up. Signalling by `sip-signalling`, sound by [`Sound`]; what it does by itself is in `desk`,
//! its transfer buttons are in `transfer`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conference::{Ending, Identity, LegId};
use media_mixer::sdp;
use sip_signalling::{Callee, Endpoint, PhoneAccount, Secret, Wish};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::desk::{Desk, locked};
use crate::ear::{Ear, Mark};
use crate::line::{LineId, LineState, LineView};
use crate::settings::{Hold, PhoneError, PhoneSettings, sip_settings};
use crate::sound::Sound;
use crate::voice::Voice;
use crate::wire::Wire;

/// A phone. Dropping it stops its sound; [`Phone::stop`] also hangs up.
#[derive(Debug)]
pub struct Phone {
    pub(crate) desk: Arc<Desk>,
    pub(crate) endpoint: Endpoint,
    listener: JoinHandle<()>,
}

impl Phone {
    /// Switches a phone on. It does not register by itself.
    ///
    /// # Errors
    /// Its ports cannot be bound, or no thread can be had.
    pub async fn start(settings: PhoneSettings) -> Result<Self, PhoneError> {
        let name = settings.name.clone();
        let (endpoint, mut news) =
            Endpoint::start(sip_settings(&settings)).await.map_err(|error| PhoneError::Sip(name.clone(), error))?;
        let sound = Sound::start(&name).map_err(|error| PhoneError::Sound(name, error))?;
        let desk = Arc::new(Desk {
            settings,
            sound,
            lines: Mutex::default(),
            ears: Mutex::default(),
            registered: Mutex::new(None),
            changed: watch::Sender::new(0),
            next: AtomicU64::new(1),
        });
        let listener = tokio::spawn({
            let (desk, endpoint) = (desk.clone(), endpoint.clone());
            async move {
                while let Some(item) = news.recv().await {
                    desk.take(&endpoint, item);
                    desk.changed.send_modify(|count| *count += 1);
                }
            }
        });
        Ok(Self { desk, endpoint, listener })
    }

    /// The phone's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.desk.settings.name
    }

    /// Registers and waits for the answer.
    ///
    /// # Errors
    /// Refused, or no answer within ten seconds.
    pub async fn register(&self) -> Result<(), PhoneError> {
        let settings = &self.desk.settings;
        *locked(&self.desk.registered) = None;
        self.endpoint.wish(Wish::Register(PhoneAccount {
            user: settings.name.clone(),
            password: Secret(settings.password.clone().unwrap_or_default()),
            domain: settings.domain.clone(),
            server: settings.server,
            protocol: settings.protocol,
            expires_s: 300,
        }));
        self.until("registered", Duration::from_secs(10), |_| locked(&self.desk.registered).is_some()).await?;
        match *locked(&self.desk.registered) {
            Some(200..=299) => Ok(()),
            Some(status) => Err(PhoneError::Refused(self.name().to_owned(), status)),
            None => Err(PhoneError::Refused(self.name().to_owned(), 408)),
        }
    }

    /// Takes the registration back.
    pub fn unregister(&self) {
        self.endpoint.wish(Wish::Unregister { user: self.name().to_owned() });
    }

    /// Calls somebody: `102`, `bob`, `*43` or a whole `sip:` address.
    ///
    /// # Errors
    /// No port for the sound.
    pub fn call(&self, whom: &str) -> Result<LineId, PhoneError> {
        let settings = &self.desk.settings;
        let line = LegId::rung(self.desk.next.fetch_add(1, Ordering::Relaxed));
        let uri = self.address_of(whom);
        let mut session = self.desk.open(line)?;
        let offer = session.offer();
        self.desk.add(line, LineState::Calling, whom, session, None);
        self.endpoint.wish(Wish::Call {
            leg: line,
            to: Callee::Address {
                account: settings.password.as_ref().map(|_| settings.name.clone()),
                uri,
                server: settings.server,
                protocol: settings.protocol,
            },
            from: Identity { display: settings.name.clone(), user: settings.name.clone() },
            offer: offer.into(),
        });
        Ok(line)
    }

    /// Answers a call that rings here.
    ///
    /// # Errors
    /// The line does not ring here, or its offer cannot be answered (it is then refused with 488).
    pub fn answer(&self, line: LineId) -> Result<(), PhoneError> {
        let answered = self.desk.answer_call(line);
        match answered {
            Some(body) => {
                self.endpoint.wish(Wish::Answer { leg: line, body });
                self.desk.changed.send_modify(|count| *count += 1);
                Ok(())
            }
            None => {
                self.endpoint.wish(Wish::Reject { leg: line, status: 488, reason: None });
                Err(self.no_line(line))
            }
        }
    }

    /// Speaks and hears on a call that rings here, before it is answered (183 with a description): early media.
    ///
    /// # Errors
    /// The line does not ring here, or its offer cannot be answered.
    pub fn ring_with_sound(&self, line: LineId) -> Result<(), PhoneError> {
        let body = self.desk.sounds_early(line).ok_or_else(|| self.no_line(line))?;
        self.endpoint.wish(Wish::Early { leg: line, body });
        Ok(())
    }

    /// Turns down a call that rings here.
    pub fn reject(&self, line: LineId, status: u16) {
        self.endpoint.wish(Wish::Reject { leg: line, status, reason: None });
        self.desk.over(line, LineState::Ended(Ending::Bye));
    }

    /// Hangs up (or gives up a call that rings there).
    pub fn hang_up(&self, line: LineId) {
        self.endpoint.wish(Wish::End { leg: line, status: Some(486), reason: None });
        self.desk.over(line, LineState::Ended(Ending::Bye));
    }

    /// Puts a line on hold. The phone goes on speaking into it, as many do: the server must not let it be heard.
    ///
    /// # Errors
    /// No such line.
    pub fn hold(&self, line: LineId, how: Hold) -> Result<(), PhoneError> {
        let wish = match how {
            Hold::SendOnly => sdp::Wish::SendOnly,
            Hold::Inactive => sdp::Wish::Inactive,
            Hold::AddressZero => sdp::Wish::AddressZero,
        };
        self.offer(line, wish, LineState::OnHold)
    }

    /// Takes a line back from hold.
    ///
    /// # Errors
    /// No such line.
    pub fn resume(&self, line: LineId) -> Result<(), PhoneError> {
        self.offer(line, sdp::Wish::Talk, LineState::Live)
    }

    /// Only listens from here on (`recvonly`).
    ///
    /// # Errors
    /// No such line.
    pub fn listen_only(&self, line: LineId) -> Result<(), PhoneError> {
        self.offer(line, sdp::Wish::Listen, LineState::Live)
    }

    /// Offers other codecs, in order of preference, in mid call.
    ///
    /// # Errors
    /// No such line.
    pub fn change_codecs(&self, line: LineId, codecs: &[sdp::Codec]) -> Result<(), PhoneError> {
        if let Some(entry) = locked(&self.desk.lines).get_mut(&line) {
            entry.session.set_codecs(codecs.to_vec());
        }
        self.offer(line, sdp::Wish::Talk, LineState::Live)
    }

    /// Keys digits as RTP events (RFC 4733), 100 ms each.
    pub fn key(&self, line: LineId, digits: &str) {
        self.desk.sound.key(line, digits, 100);
    }

    /// Sends one digit by SIP INFO.
    pub fn key_by_info(&self, line: LineId, digit: char) {
        self.endpoint.wish(Wish::Digit { leg: line, digit, duration_ms: 100 });
    }

    /// Says something else on a line.
    pub fn say(&self, line: LineId, voice: Voice) {
        self.desk.sound.say(line, voice);
    }

    /// Makes the way of what a line says good or bad.
    pub fn wire(&self, line: LineId, wire: Wire) {
        self.desk.sound.wire(line, wire);
    }

    /// Starts a line's media anew: another source, another clock.
    pub fn restart_media(&self, line: LineId) {
        self.desk.sound.restart(line);
    }

    /// The ear of a line; it stays when the line is over.
    ///
    /// # Errors
    /// No such line.
    pub fn ear(&self, line: LineId) -> Result<Ear, PhoneError> {
        locked(&self.desk.ears).get(&line).cloned().ok_or_else(|| self.no_line(line))
    }

    /// The longest time between two marks for which this phone's own thread was not let run by the machine: what it says after that
    /// comes late by as much.
    #[must_use]
    pub fn stood_still(&self, from: Mark, to: Mark) -> Duration {
        self.desk.sound.stood_still(from.instant(), to.instant())
    }

    /// All lines, those that are over included.
    #[must_use]
    pub fn lines(&self) -> Vec<LineView> {
        self.desk.views()
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// It was not so within `limit`.
    pub async fn until(&self, what: &str, limit: Duration, so: impl Fn(&[LineView]) -> bool) -> Result<(), PhoneError> {
        let mut changes = self.desk.changed.subscribe();
        let wait = async {
            while !so(&self.desk.views()) {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(limit, wait).await.map_err(|_| PhoneError::TooLate {
            name: self.name().to_owned(),
            what: what.to_owned(),
            limit,
            lines: self.lines(),
        })
    }

    /// Waits until a line is in a state, with no offer of ours under way.
    ///
    /// # Errors
    /// It was not within ten seconds.
    pub async fn until_line(&self, line: LineId, state: LineState) -> Result<(), PhoneError> {
        self.until(&format!("line {line} {state:?}"), Duration::from_secs(10), |lines| {
            lines.iter().any(|view| view.id == line && view.state == state && !view.offering)
        })
        .await
    }

    /// Waits until a line is over and says how.
    ///
    /// # Errors
    /// It was not within `limit`.
    pub async fn until_over(&self, line: LineId, limit: Duration) -> Result<LineState, PhoneError> {
        let over = |lines: &[LineView]| {
            lines.iter().find(|view| view.id == line && view.state.is_over()).map(|view| view.state)
        };
        self.until(&format!("line {line} over"), limit, |lines| over(lines).is_some()).await?;
        over(&self.lines()).ok_or_else(|| self.no_line(line))
    }

    /// Waits until a call rings here and returns its line.
    ///
    /// # Errors
    /// None rang within ten seconds.
    pub async fn until_ringing(&self) -> Result<LineId, PhoneError> {
        let ringing =
            |lines: &[LineView]| lines.iter().find(|view| view.state == LineState::RingingHere).map(|view| view.id);
        self.until("a call rings", Duration::from_secs(10), |lines| ringing(lines).is_some()).await?;
        ringing(&self.lines()).ok_or_else(|| self.no_line(LegId(0)))
    }

    /// Hangs up every line and switches the phone off.
    pub async fn stop(self) {
        for view in self.lines() {
            if !view.state.is_over() {
                self.hang_up(view.id);
            }
        }
        self.endpoint.stop().await;
        self.listener.abort();
    }

    fn offer(&self, line: LineId, wish: sdp::Wish, then: LineState) -> Result<(), PhoneError> {
        let mut lines = locked(&self.desk.lines);
        let entry =
            lines.get_mut(&line).filter(|entry| !entry.view.state.is_over()).ok_or_else(|| self.no_line(line))?;
        let body = entry.session.reoffer(wish);
        entry.then = Some(then);
        entry.view.offering = true;
        drop(lines);
        self.endpoint.wish(Wish::Offer { leg: line, body });
        Ok(())
    }

    /// `102`, `bob` or `*43` in this phone's domain, or a whole `sip:` address as it is.
    pub(crate) fn address_of(&self, whom: &str) -> String {
        if whom.starts_with("sip:") { whom.to_owned() } else { format!("sip:{whom}@{}", self.desk.settings.domain) }
    }

    pub(crate) fn no_line(&self, line: LineId) -> PhoneError {
        PhoneError::Line(self.name().to_owned(), line)
    }
}
