//! One agent's phone as the initiator of a warm transfer, by its buttons: hold, second line, Transfer.
//!
//! ```text
//!   desk             baton            bob          customer
//!    |<-- INVITE ------|<------------- INVITE --------|   answers, talks
//!    |--- hold ------->|                              |   music
//!    |--- INVITE ----->|--- INVITE ---->|             |   challenged, then through; they talk
//!    |--- REFER ------>|   Replaces: its second line  |   RFC 3515, 3891
//!    |<-- 202, NOTIFY -|                              |   100, then 200: timed
//!    |<-- BYE ---------|   both lines (every other desk ends the first by itself)
//! ```
//!
//! It sends nothing itself; `desks` carries its messages.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::line::{Line, Pending, Reaction};
use crate::media::{Change, Media};
use crate::traffic::{PATIENCE, voice};
use crate::wire::{Message, audio_address, authorize, sdp_with};

/// What the three say, by [`crate::media::PITCHES`].
pub(crate) const AGENT_SAYS: usize = 3;
pub(crate) const TARGET_SAYS: usize = 4;
pub(crate) const CUSTOMER_SAYS: usize = 5;

/// How long the agent talks to each of them.
const TALK: Duration = Duration::from_millis(900);
/// What the loop has to know.
pub(crate) enum Word {
    /// The customer is on hold.
    Held,
    /// REFER is on its way.
    Referred,
    /// The phone was told 200, so long after its REFER.
    Completed(Duration),
    /// It went wrong; this desk is not used again.
    Failed(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    /// A customer was sent to it.
    Awaiting,
    /// 200 sent, no ACK yet.
    Answered,
    Talking,
    Holding,
    Calling,
    Consulting,
    Referring,
    /// Told that it has worked; its lines are ending.
    Told,
    Broken,
}

pub(crate) struct Desk {
    number: usize,
    own: SocketAddr,
    domain: &'static str,
    state: State,
    since: Instant,
    first: Option<Line>,
    second: Option<Line>,
    pending: Option<Pending>,
    response: String,
    referred: Instant,
    legs: [u64; 2],
    served: u32,
}

impl Desk {
    pub(crate) fn new(number: usize, own: SocketAddr, domain: &'static str) -> Desk {
        let now = Instant::now();
        Desk {
            number,
            own,
            domain,
            state: State::Free,
            since: now,
            first: None,
            second: None,
            pending: None,
            response: String::new(),
            referred: now,
            legs: [0; 2],
            served: 0,
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("desk{}", self.number)
    }

    pub(crate) fn is_free(&self) -> bool {
        self.state == State::Free
    }

    /// Whether a transfer is under way or its lines are still ending.
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self.state, State::Free | State::Broken)
    }

    /// A customer is on his way; these are the names of the legs to come.
    pub(crate) fn expect(&mut self, legs: [u64; 2]) {
        (self.legs, self.served) = (legs, self.served + 1);
        self.enter(State::Awaiting);
    }

    pub(crate) fn receive(&mut self, message: &Message<'_>, media: &Media) -> Reaction<Word> {
        match message.status() {
            Some(status) => self.answered(message, status, media),
            None => self.asked(message, media),
        }
    }

    /// What is due now: the next step, a request again, or the end of patience.
    pub(crate) fn due(&mut self, now: Instant) -> Reaction<Word> {
        if let Some(pending) = &mut self.pending {
            if now > pending.since + PATIENCE {
                let why = format!("a desk's {} was not answered", pending.method);
                return self.fail(why);
            }
            return Reaction::again(pending.due(now));
        }
        let waited = now - self.since;
        match self.state {
            State::Talking if waited > TALK => self.hold(),
            State::Consulting if waited > TALK => self.refer(),
            State::Awaiting | State::Answered | State::Told if waited > PATIENCE => {
                self.fail("a desk waited in vain for its customer, an ACK or its BYE".to_owned())
            }
            State::Referring if waited > PATIENCE => self.fail("a REFER had no last NOTIFY".to_owned()),
            // everything else waits for an answer, and that has its own patience
            State::Free
            | State::Awaiting
            | State::Answered
            | State::Talking
            | State::Holding
            | State::Calling
            | State::Consulting
            | State::Referring
            | State::Told
            | State::Broken => Reaction::default(),
        }
    }

    fn enter(&mut self, state: State) {
        (self.state, self.since) = (state, Instant::now());
    }

    fn fail(&mut self, why: String) -> Reaction<Word> {
        self.enter(State::Broken);
        self.pending = None;
        (self.first, self.second) = (None, None);
        Reaction::word(Word::Failed(why))
    }

    fn asked(&mut self, message: &Message<'_>, media: &Media) -> Reaction<Word> {
        let contact =
            format!("Contact: <sip:{}@{}>\r\nAllow: INVITE, ACK, BYE, NOTIFY, UPDATE\r\n", self.name(), self.own);
        let fine = message.respond("200 OK", "", &contact, "");
        match message.method() {
            "INVITE" => self.invited(message, &contact, media),
            "ACK" => {
                if self.state == State::Answered {
                    self.enter(State::Talking);
                }
                Reaction::default()
            }
            "NOTIFY" if self.knows(message) => self.notified(message, fine),
            "BYE" if self.knows(message) => self.hung_up(message, fine, media),
            // repeats of what is over are answered as the first was
            "OPTIONS" | "UPDATE" | "NOTIFY" | "BYE" => Reaction::send(fine),
            "CANCEL" => self.fail("an answered line was cancelled".to_owned()),
            _ => Reaction::send(message.respond("405 Method Not Allowed", "", "", "")),
        }
    }

    fn knows(&self, message: &Message<'_>) -> bool {
        [&self.first, &self.second].into_iter().flatten().any(|line| line.is(message))
    }

    fn invited(&mut self, message: &Message<'_>, contact: &str, media: &Media) -> Reaction<Word> {
        let known = [&self.first, &self.second].into_iter().flatten().find(|line| line.is(message));
        if let Some(line) = known {
            let again = message.tag("To").is_some();
            let same = || message.respond("200 OK", "", contact, &line.session());
            return Reaction::send(if again { same() } else { self.response.clone() });
        }
        if self.state != State::Awaiting {
            return self.fail("a desk got a call it did not expect".to_owned());
        }
        let tag = format!("d{}x{}", self.number, self.served);
        let Some((socket, port)) = open() else { return self.fail("no socket for a desk's media".to_owned()) };
        let sound = voice(socket, audio_address(message.body()), AGENT_SAYS, vec![CUSTOMER_SAYS], Some(TARGET_SAYS));
        let (Some(sound), Some(line)) = (sound, Line::called(message, &tag, port)) else {
            return self.fail("no usable INVITE to a desk".to_owned());
        };
        media.begin(self.legs[0], sound);
        self.response = message.respond("200 OK", &tag, contact, &line.session());
        self.first = Some(line);
        self.enter(State::Answered);
        Reaction::send(self.response.clone())
    }

    /// RFC 3515 §2.4.5: the progress is the status line of a sipfrag.
    fn notified(&mut self, message: &Message<'_>, fine: String) -> Reaction<Word> {
        let status: u16 = message.body().get(8..11).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut reaction = Reaction::send(fine);
        match (self.state, status) {
            (State::Referring, 200) => {
                self.pending = None;
                self.enter(State::Told);
                reaction.words.push(Word::Completed(self.referred.elapsed()));
                if self.number.is_multiple_of(2) {
                    reaction.add(self.hang_up());
                }
                reaction
            }
            (State::Referring, 100..=199) | (State::Told, 200) => reaction,
            _ => self.fail(format!("a NOTIFY said {status}")),
        }
    }

    fn hung_up(&mut self, message: &Message<'_>, fine: String, media: &Media) -> Reaction<Word> {
        let lines = [&mut self.first, &mut self.second].into_iter().zip(self.legs);
        for (line, leg) in lines {
            if line.take_if(|line| line.is(message)).is_some() {
                media.end(leg);
            }
        }
        let mut reaction = Reaction::send(fine);
        if !matches!(self.state, State::Referring | State::Told) {
            reaction.add(self.fail("the server hung up on a desk before its time".to_owned()));
        }
        self.is_it_over();
        reaction
    }

    fn is_it_over(&mut self) {
        if self.state == State::Told && self.first.is_none() && self.second.is_none() {
            self.pending = None;
            self.enter(State::Free);
        }
    }

    fn answered(&mut self, message: &Message<'_>, status: u16, media: &Media) -> Reaction<Word> {
        let Some((sequence, method)) = message.cseq() else { return Reaction::default() };
        let line = [&mut self.first, &mut self.second].into_iter().flatten().find(|line| line.is(message));
        let Some(line) = line else { return Reaction::default() };
        let waits = self.pending.as_mut().filter(|pending| pending.is(method, sequence));
        match (waits, status) {
            (Some(pending), 100..=199) => {
                pending.provisional();
                Reaction::default()
            }
            (Some(_), 401) => self.authorized(message, method),
            (Some(_), 200..=299) => {
                let acknowledge = (method == "INVITE").then(|| line.accept(message));
                self.pending = None;
                let mut reaction = self.step(message, method, media);
                reaction.send.splice(0..0, acknowledge);
                reaction
            }
            // RFC 3261 §13.2.2.4: every 2xx is acknowledged
            (None, 200..=299) if method == "INVITE" => Reaction::send(line.acknowledge()),
            (Some(_), _) => self.fail(format!("a desk's {method} was refused with {status}")),
            (None, _) => Reaction::default(),
        }
    }

    fn authorized(&mut self, message: &Message<'_>, method: &str) -> Reaction<Word> {
        let name = self.name();
        let (line, pending) = match (&mut self.first, &mut self.second, &mut self.pending) {
            (_, Some(line), Some(pending)) if line.is(message) => (line, pending),
            (Some(line), _, Some(pending)) => (line, pending),
            _ => return Reaction::default(),
        };
        let challenge = message.header("WWW-Authenticate").unwrap_or_default();
        let value = authorize(challenge, &name, &format!("{name}-secret"), method, &line.target);
        let (Some(value), false) = (value, pending.signed) else {
            return self.fail(format!("a desk's credentials for {method} were not taken"));
        };
        let mut send = Vec::new();
        if method == "INVITE" {
            send.push(line.acknowledge_refusal(message));
        }
        let more = format!("{}Authorization: {value}\r\n", pending.more);
        let mut again = line.ask(pending.method, &more, &pending.body.clone());
        again.signed = true;
        send.push(again.text.clone());
        self.pending = Some(again);
        Reaction { send, ..Reaction::default() }
    }

    /// A request has had its 2xx: what comes next.
    fn step(&mut self, message: &Message<'_>, method: &str, media: &Media) -> Reaction<Word> {
        match (self.state, method) {
            (State::Holding, "INVITE") => {
                media.change(self.legs[0], Change { hears: Vec::new(), never: Some(TARGET_SAYS), await_voice: None });
                let mut reaction = self.consult();
                reaction.words.push(Word::Held);
                reaction
            }
            (State::Calling, "INVITE") => {
                let socket = self.second.as_mut().and_then(|line| line.socket.take());
                let to = audio_address(message.body());
                let sound = voice_of(socket, to);
                let Some(sound) = sound else { return self.fail("no usable answer to a consult".to_owned()) };
                media.begin(self.legs[1], sound);
                self.enter(State::Consulting);
                Reaction::default()
            }
            (State::Told, "BYE") => {
                self.first = None;
                media.end(self.legs[0]);
                self.is_it_over();
                Reaction::default()
            }
            // 202: the NOTIFYs tell the rest
            _ => Reaction::default(),
        }
    }

    fn hold(&mut self) -> Reaction<Word> {
        let Some(line) = &mut self.first else { return Reaction::default() };
        line.on_hold = true;
        let session = line.session();
        let request = line.ask("INVITE", "", &session);
        self.enter(State::Holding);
        self.begin(request)
    }

    fn consult(&mut self) -> Reaction<Word> {
        let Some((socket, port)) = open() else { return self.fail("no socket for a desk's media".to_owned()) };
        let tag = format!("e{}x{}", self.number, self.served);
        let mut line = Line::calls(&self.name(), self.own, self.domain, &tag, port);
        line.socket = Some(socket);
        let request = line.ask("INVITE", "", &sdp_with(port, 1, "sendrecv"));
        self.second = Some(line);
        self.enter(State::Calling);
        self.begin(request)
    }

    fn refer(&mut self) -> Reaction<Word> {
        let (name, domain) = (self.name(), self.domain);
        let (Some(first), Some(second)) = (&mut self.first, &self.second) else { return Reaction::default() };
        let more = format!(
            "Refer-To: <sip:bob@{domain}?Replaces={}>\r\nReferred-By: <sip:{name}@{domain}>\r\n",
            second.replaces()
        );
        let request = first.ask("REFER", &more, "");
        self.referred = Instant::now();
        self.enter(State::Referring);
        let mut reaction = self.begin(request);
        reaction.words.push(Word::Referred);
        reaction
    }

    fn hang_up(&mut self) -> Reaction<Word> {
        let Some(line) = &mut self.first else { return Reaction::default() };
        let request = line.ask("BYE", "", "");
        self.begin(request)
    }

    fn begin(&mut self, request: Pending) -> Reaction<Word> {
        let reaction = Reaction::send(request.text.clone());
        self.pending = Some(request);
        reaction
    }
}

fn voice_of(socket: Option<UdpSocket>, to: Option<SocketAddr>) -> Option<crate::media::Voice> {
    voice(socket?, to, AGENT_SAYS, vec![TARGET_SAYS], Some(CUSTOMER_SAYS))
}

/// A socket for one line's sound, and its port.
fn open() -> Option<(UdpSocket, u16)> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.set_nonblocking(true).ok()?;
    let port = socket.local_addr().ok()?.port();
    Some((socket, port))
}
