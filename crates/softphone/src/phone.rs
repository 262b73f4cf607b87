//! A person's phone: registers, calls, answers, holds, hangs up. Signalling by `sip-signalling`, sound by [`Sound`].

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use conference::{Ending, Identity, LegId};
use media_mixer::sdp::{self, Codec, LocalMedia, Session};
use sip_signalling::{
    Algorithm, Arrival, Callee, Directory, Doorkeeping, Endpoint, News, PhoneAccount, Protocol, Secret, SipSettings,
    Wish,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ear::Ear;
use crate::line::{Line, LineId, LineState, LineView};
use crate::sound::Sound;
use crate::voice::Voice;
use crate::wire::Wire;

/// How a phone is set up.
#[derive(Clone, Debug)]
pub struct PhoneSettings {
    /// The user part of its address, and its digest user name.
    pub name: String,
    /// Its password; `None`: a phone without an account (a customer's).
    pub password: Option<String>,
    /// The domain.
    pub domain: String,
    /// The server.
    pub server: SocketAddr,
    /// Over what it speaks SIP.
    pub protocol: Protocol,
    /// Its own address, for SIP and RTP.
    pub address: IpAddr,
    /// Its own SIP port; 0 takes a free one.
    pub port: u16,
    /// What it says.
    pub voice: Voice,
    /// What it speaks, in order of preference.
    pub codecs: Vec<Codec>,
}

impl PhoneSettings {
    /// The phone of an agent of `domain` at `server`, on 127.0.0.1 over UDP.
    #[must_use]
    pub fn agent(name: &str, password: &str, domain: &str, server: SocketAddr, voice: Voice) -> Self {
        Self {
            name: name.to_owned(),
            password: Some(password.to_owned()),
            domain: domain.to_owned(),
            server,
            protocol: Protocol::Udp,
            address: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            voice,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
        }
    }

    /// The phone of an outside party who calls through a trunk that accepts calls from `address`.
    #[must_use]
    pub fn outside(number: &str, domain: &str, server: SocketAddr, address: IpAddr, voice: Voice) -> Self {
        Self { password: None, address, ..Self::agent(number, "", domain, server, voice) }
    }
}

/// The ways in which phones say hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `a=sendonly`, RFC 3264 §8.4.
    SendOnly,
    /// `a=inactive`.
    Inactive,
    /// `c=IN IP4 0.0.0.0`, as RFC 2543 had it.
    AddressZero,
}

/// What went wrong with a phone.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The SIP side did not start.
    #[error("{0}: SIP did not start: {1}")]
    Sip(String, sip_signalling::StartError),
    /// The sound side did not start, or no port was free.
    #[error("{0}: sound: {1}")]
    Sound(String, std::io::Error),
    /// No such line, or not in a state for this.
    #[error("{0}: line {1} cannot do this now")]
    Line(String, LineId),
    /// The registration was refused.
    #[error("{0}: registration refused with {1}")]
    Refused(String, u16),
    /// It did not happen in time.
    #[error("{name}: not within {limit:?}: {what}; lines: {lines:?}")]
    TooLate {
        /// Whose phone.
        name: String,
        /// What was waited for.
        what: String,
        /// For how long.
        limit: Duration,
        /// The lines as they were then.
        lines: Vec<LineView>,
    },
}

#[derive(Debug)]
struct Shared {
    settings: PhoneSettings,
    sound: Sound,
    lines: Mutex<BTreeMap<LineId, Line>>,
    ears: Mutex<BTreeMap<LineId, Ear>>,
    registered: Mutex<Option<u16>>,
    changed: watch::Sender<u64>,
    next: AtomicU64,
}

/// A phone. Dropping it stops its sound; [`Phone::stop`] also hangs up.
#[derive(Debug)]
pub struct Phone {
    shared: Arc<Shared>,
    endpoint: Endpoint,
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
        let shared = Arc::new(Shared {
            settings,
            sound,
            lines: Mutex::default(),
            ears: Mutex::default(),
            registered: Mutex::new(None),
            changed: watch::Sender::new(0),
            next: AtomicU64::new(1),
        });
        let listener = tokio::spawn({
            let (shared, endpoint) = (shared.clone(), endpoint.clone());
            async move {
                while let Some(item) = news.recv().await {
                    shared.take(&endpoint, item);
                    shared.changed.send_modify(|count| *count += 1);
                }
            }
        });
        Ok(Self { shared, endpoint, listener })
    }

    /// The phone's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.settings.name
    }

    /// Registers and waits for the answer.
    ///
    /// # Errors
    /// Refused, or no answer within ten seconds.
    pub async fn register(&self) -> Result<(), PhoneError> {
        let settings = &self.shared.settings;
        *locked(&self.shared.registered) = None;
        self.endpoint.wish(Wish::Register(PhoneAccount {
            user: settings.name.clone(),
            password: Secret(settings.password.clone().unwrap_or_default()),
            domain: settings.domain.clone(),
            server: settings.server,
            protocol: settings.protocol,
            expires_s: 300,
        }));
        self.until("registered", Duration::from_secs(10), |_| locked(&self.shared.registered).is_some()).await?;
        match *locked(&self.shared.registered) {
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
        let settings = &self.shared.settings;
        let line = LegId::rung(self.shared.next.fetch_add(1, Ordering::Relaxed));
        let uri = if whom.starts_with("sip:") { whom.to_owned() } else { format!("sip:{whom}@{}", settings.domain) };
        let mut session = self.shared.open(line)?;
        let offer = session.offer();
        self.shared.add(line, LineState::Calling, whom, session, None);
        self.endpoint.wish(Wish::Call {
            leg: line,
            to: Callee::Address {
                account: settings.password.as_ref().map(|_| settings.name.clone()),
                uri,
                server: settings.server,
                protocol: settings.protocol,
            },
            from: Identity { display: settings.name.clone(), user: settings.name.clone() },
            offer,
        });
        Ok(line)
    }

    /// Answers a call that rings here.
    ///
    /// # Errors
    /// The line does not ring here, or its offer cannot be answered (it is then refused with 488).
    pub fn answer(&self, line: LineId) -> Result<(), PhoneError> {
        let answered = self.shared.answer_call(line);
        match answered {
            Some(body) => {
                self.endpoint.wish(Wish::Answer { leg: line, body });
                self.shared.changed.send_modify(|count| *count += 1);
                Ok(())
            }
            None => {
                self.endpoint.wish(Wish::Reject { leg: line, status: 488, reason: None });
                Err(self.no_line(line))
            }
        }
    }

    /// Turns down a call that rings here.
    pub fn reject(&self, line: LineId, status: u16) {
        self.endpoint.wish(Wish::Reject { leg: line, status, reason: None });
        self.shared.over(line, LineState::Ended(Ending::Bye));
    }

    /// Hangs up (or gives up a call that rings there).
    pub fn hang_up(&self, line: LineId) {
        self.endpoint.wish(Wish::End { leg: line, status: Some(486), reason: None });
        self.shared.over(line, LineState::Ended(Ending::Bye));
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

    /// Keys digits as RTP events (RFC 4733), 100 ms each.
    pub fn key(&self, line: LineId, digits: &str) {
        self.shared.sound.key(line, digits, 100);
    }

    /// Sends one digit by SIP INFO.
    pub fn key_by_info(&self, line: LineId, digit: char) {
        self.endpoint.wish(Wish::Digit { leg: line, digit, duration_ms: 100 });
    }

    /// Says something else on a line.
    pub fn say(&self, line: LineId, voice: Voice) {
        self.shared.sound.say(line, voice);
    }

    /// Makes the way of what a line says good or bad.
    pub fn wire(&self, line: LineId, wire: Wire) {
        self.shared.sound.wire(line, wire);
    }

    /// Starts a line's media anew: another source, another clock.
    pub fn restart_media(&self, line: LineId) {
        self.shared.sound.restart(line);
    }

    /// The ear of a line; it stays when the line is over.
    ///
    /// # Errors
    /// No such line.
    pub fn ear(&self, line: LineId) -> Result<Ear, PhoneError> {
        locked(&self.shared.ears).get(&line).cloned().ok_or_else(|| self.no_line(line))
    }

    /// All lines, those that are over included.
    #[must_use]
    pub fn lines(&self) -> Vec<LineView> {
        self.shared.views()
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// It was not so within `limit`.
    pub async fn until(&self, what: &str, limit: Duration, so: impl Fn(&[LineView]) -> bool) -> Result<(), PhoneError> {
        let mut changes = self.shared.changed.subscribe();
        let wait = async {
            while !so(&self.shared.views()) {
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
        let mut lines = locked(&self.shared.lines);
        let entry =
            lines.get_mut(&line).filter(|entry| !entry.view.state.is_over()).ok_or_else(|| self.no_line(line))?;
        let body = entry.session.reoffer(wish);
        entry.then = Some(then);
        entry.view.offering = true;
        drop(lines);
        self.endpoint.wish(Wish::Offer { leg: line, body });
        Ok(())
    }

    fn no_line(&self, line: LineId) -> PhoneError {
        PhoneError::Line(self.name().to_owned(), line)
    }
}

impl Shared {
    fn open(&self, line: LineId) -> Result<Session, PhoneError> {
        let settings = &self.settings;
        let (port, ear) = self
            .sound
            .open(line, settings.address, settings.voice)
            .map_err(|error| PhoneError::Sound(settings.name.clone(), error))?;
        locked(&self.ears).insert(line, ear);
        Ok(Session::new(LocalMedia {
            address: settings.address,
            port,
            codecs: settings.codecs.clone(),
            session_id: line.0 & 0xffff_ffff,
        }))
    }

    fn add(&self, id: LineId, state: LineState, peer: &str, session: Session, offered: Option<Bytes>) {
        let view =
            LineView { id, state, offering: false, peer: peer.to_owned(), digits: String::new(), refused: Vec::new() };
        locked(&self.lines).insert(id, Line { view, session, offered, then: None });
    }

    fn views(&self) -> Vec<LineView> {
        locked(&self.lines).values().map(|line| line.view.clone()).collect()
    }

    fn answer_call(&self, line: LineId) -> Option<Bytes> {
        let mut lines = locked(&self.lines);
        let entry = lines.get_mut(&line).filter(|entry| entry.view.state == LineState::RingingHere)?;
        let body = match entry.offered.take() {
            Some(offer) => {
                let (body, agreement) = entry.session.answer(&offer).ok()?;
                self.sound.agree(line, agreement, true);
                body
            }
            None => entry.session.offer(),
        };
        entry.view.state = LineState::Live;
        Some(body)
    }

    fn over(&self, line: LineId, state: LineState) {
        self.sound.close(line);
        if let Some(entry) = locked(&self.lines).get_mut(&line)
            && !entry.view.state.is_over()
        {
            entry.view.state = state;
            entry.view.offering = false;
        }
        self.changed.send_modify(|count| *count += 1);
    }

    fn take(&self, endpoint: &Endpoint, news: News) {
        match news {
            News::Arrived(arrival) => self.arrived(endpoint, arrival),
            News::Progress { leg, .. } => self.change(leg, |line| line.view.state = LineState::RingingThere),
            News::Answered { leg, body, .. } => self.answered(endpoint, leg, &body),
            News::Failed { leg, status } => self.over(leg, LineState::Failed(status)),
            News::Acknowledged { leg, answer: Some(answer) } => {
                self.change(leg, |line| self.accept(line, &answer));
            }
            News::Offered { leg, offer } => self.offered(endpoint, leg, offer),
            News::OfferAnswered { leg, answer } => self.change(leg, |line| {
                self.accept(line, &answer);
                line.view.offering = false;
                line.view.state = line.then.take().unwrap_or(line.view.state);
            }),
            News::OfferRefused { leg, status } => self.change(leg, |line| {
                line.session.withdraw();
                line.then = None;
                line.view.offering = false;
                line.view.refused.push(status);
            }),
            News::Ended { leg, how } => self.over(leg, LineState::Ended(how)),
            News::Digit { leg, digit, .. } => self.change(leg, |line| line.view.digits.push(digit)),
            News::PhoneRegistered { status, .. } => *locked(&self.registered) = Some(status),
            News::Acknowledged { answer: None, .. }
            | News::Probed { .. }
            | News::Registered { .. }
            | News::Security { .. } => {}
        }
    }

    fn change(&self, leg: LegId, change: impl FnOnce(&mut Line)) {
        if let Some(line) = locked(&self.lines).get_mut(&leg) {
            change(line);
        }
    }

    fn arrived(&self, endpoint: &Endpoint, arrival: Arrival) {
        let Ok(session) = self.open(arrival.leg) else {
            endpoint.wish(Wish::Reject { leg: arrival.leg, status: 500, reason: None });
            return;
        };
        self.add(arrival.leg, LineState::RingingHere, &arrival.display, session, arrival.offer);
        endpoint.wish(Wish::Ringing { leg: arrival.leg });
    }

    fn answered(&self, endpoint: &Endpoint, leg: LegId, body: &Bytes) {
        let mut usable = true;
        self.change(leg, |line| match line.session.accept(body) {
            Ok(agreement) => {
                self.sound.agree(leg, agreement, true);
                line.view.state = LineState::Live;
            }
            Err(_) => usable = false,
        });
        if !usable {
            endpoint.wish(Wish::End { leg, status: None, reason: None });
            self.over(leg, LineState::Failed(488));
        }
    }

    fn offered(&self, endpoint: &Endpoint, leg: LegId, offer: Option<Bytes>) {
        self.change(leg, |line| {
            let body = match &offer {
                Some(offer) => line.session.answer(offer).ok().map(|(body, agreement)| {
                    self.sound.agree(leg, agreement, true);
                    body
                }),
                None => Some(line.session.reoffer(line.session.wish())),
            };
            endpoint.wish(match body {
                Some(body) => Wish::AnswerOffer { leg, body },
                None => Wish::RefuseOffer { leg, status: 488 },
            });
        });
    }

    fn accept(&self, line: &mut Line, answer: &Bytes) {
        if let Ok(agreement) = line.session.accept(answer) {
            self.sound.agree(line.view.id, agreement, true);
        }
    }
}

fn sip_settings(settings: &PhoneSettings) -> SipSettings {
    SipSettings {
        domain: settings.domain.clone(),
        listen: vec![(settings.protocol, SocketAddr::new(settings.address, settings.port))],
        external_address: None,
        local_networks: Vec::new(),
        digest: vec![Algorithm::Sha256, Algorithm::Md5],
        directory: Directory { accounts: Vec::new(), trunks: Vec::new() },
        doorkeeping: Doorkeeping::Phone,
        user_agent: "Baton softphone".to_owned(),
        ban_loopback: false,
        keep_alive: Duration::from_secs(25),
        dropped_user_agents: Vec::new(),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
