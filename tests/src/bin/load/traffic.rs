//! The calls of a run: callers on the trunk's address, phones registered as Alice, both in one loop over two sockets.
//!
//! ```text
//!   caller (trunk)        baton          phone (alice)
//!    |--- INVITE --------->|--- INVITE ------>|
//!    |                     |<-- 180, 200 -----|   answers at once
//!    |<-- 200 -------------|                  |   set-up ends here
//!    |--- ACK, tone <======|=====> tone ------|   the media thread
//!    |--- BYE ------------>|--- BYE --------->|
//! ```
//!
//! A call fails when it is refused, when anything takes longer than [`PATIENCE`], or when an ear did not hear the other
//! side. It knows nothing of rates or verdicts: `main` says when calls start and what the figures mean.

use std::collections::{BTreeMap, HashMap};
use std::io::Result as IoResult;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::answerer::{Answerer, Manner};
use crate::caller::{Caller, Step};
use crate::media::{Change, Figures, Media, Voice};
use crate::register;
use crate::wire::Message;

/// How long any step of a call may take before the call has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How often timers are looked at.
const SWEEP: Duration = Duration::from_millis(10);

/// What the trunk's calls say, and what the phones say.
pub(crate) const CALLER_SAYS: usize = 0;
pub(crate) const PHONE_SAYS: usize = 1;

/// One call to be made.
pub(crate) struct Plan {
    /// The user part that is dialled.
    pub(crate) to: String,
    pub(crate) says: usize,
    pub(crate) hears: Vec<usize>,
    /// Who must not be in any packet.
    pub(crate) never: Option<usize>,
    /// How long to talk; without it until [`Traffic::end_all`].
    pub(crate) talk: Option<Duration>,
}

/// What became of the calls.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) started: u64,
    pub(crate) connected: u64,
    pub(crate) ended_well: u64,
    pub(crate) phone_legs: u64,
    pub(crate) resent: u64,
    pub(crate) setup: Vec<Duration>,
    /// Why calls failed, and how many of each.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Sums over all legs that have ended.
    pub(crate) media: Figures,
    /// Legs during which the generator itself was late.
    pub(crate) disturbed: u64,
    /// Legs whose media have ended.
    pub(crate) legs: u64,
    /// How long whoever was waited for took to be heard.
    pub(crate) audible: Vec<Duration>,
}

impl Outcome {
    pub(crate) fn fail(&mut self, why: impl Into<String>) {
        *self.failed.entry(why.into()).or_default() += 1;
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// The loop's state.
pub(crate) struct Traffic {
    server: SocketAddr,
    trunk: UdpSocket,
    phones: UdpSocket,
    media: Media,
    callers: HashMap<String, Caller>,
    answerer: Answerer,
    swept: Instant,
    next_leg: u64,
    /// The leg of the phone that each caller's user name has called last.
    called_by: HashMap<String, u64>,
    pub(crate) outcome: Outcome,
}

impl Traffic {
    /// Opens both sockets: the trunk's on 127.0.0.2, the phones' on 127.0.0.1.
    pub(crate) fn open(server: SocketAddr, manner: Manner) -> IoResult<Traffic> {
        let trunk = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), 0))?;
        let phones = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        trunk.set_nonblocking(true)?;
        phones.set_nonblocking(true)?;
        let answerer = Answerer::new(phones.local_addr()?, manner);
        Ok(Traffic {
            server,
            trunk,
            phones,
            media: Media::start(),
            callers: HashMap::new(),
            answerer,
            swept: Instant::now(),
            next_leg: 0,
            called_by: HashMap::new(),
            outcome: Outcome::default(),
        })
    }

    /// Registers the phones' socket as the agent's phone, by digest; for no seconds: takes it back.
    pub(crate) fn register(&self, domain: &str, expires_s: u32) -> Result<(), String> {
        self.register_as(domain, self.answerer.user(), expires_s)
    }

    /// The same as the phone of another agent; it is answered by the same phone.
    pub(crate) fn register_as(&self, domain: &str, user: &str, expires_s: u32) -> Result<(), String> {
        register::register(&self.phones, self.server, domain, user, expires_s)
    }

    /// Starts one call and says by which Call-ID it is known.
    pub(crate) fn start(&mut self, plan: Plan) -> IoResult<String> {
        let number = self.outcome.started;
        self.outcome.started += 1;
        let voice = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        voice.set_nonblocking(true)?;
        let leg = self.new_leg();
        let caller = Caller::dial(number, leg, self.server, self.trunk.local_addr()?, plan, voice)?;
        self.trunk.send_to(caller.request().as_bytes(), self.server)?;
        let call_id = caller.call_id().to_owned();
        self.callers.insert(call_id.clone(), caller);
        Ok(call_id)
    }

    /// The media of the legs that are not in this loop.
    pub(crate) fn media(&self) -> &Media {
        &self.media
    }

    /// Changes what a caller ought to hear; false when there is no such call any more.
    pub(crate) fn change_caller(&self, call_id: &str, change: Change) -> bool {
        let caller = self.callers.get(call_id);
        caller.inspect(|caller| self.media.change(caller.leg(), change)).is_some()
    }

    /// Changes what the phone ought to hear in the call that `user` has made last; false when there is none.
    pub(crate) fn change_called(&self, user: &str, change: Change) -> bool {
        self.called_by.get(user).inspect(|leg| self.media.change(**leg, change)).is_some()
    }

    /// A call is to end then.
    pub(crate) fn end_at(&mut self, call_id: &str, when: Instant) {
        if let Some(caller) = self.callers.get_mut(call_id) {
            caller.end_at(when);
        }
    }

    /// Says BYE on every call that is still up.
    pub(crate) fn end_all(&mut self) {
        for caller in self.callers.values_mut() {
            if let Some(bye) = caller.hang_up() {
                drop(self.trunk.send_to(bye.as_bytes(), self.server));
            }
        }
    }

    /// Calls that have not ended, on either side.
    pub(crate) fn open_calls(&self) -> usize {
        self.callers.len() + self.answerer.open_calls()
    }

    /// Forgets what media counted so far.
    pub(crate) fn reset_media(&mut self) {
        self.media.reset();
    }

    /// Reads and sends what is due; sleeps a moment when there was nothing.
    pub(crate) fn turn(&mut self) {
        let mut idle = true;
        let mut buffer = [0; 8192];
        while let Ok(length) = self.trunk.recv(&mut buffer) {
            idle = false;
            self.for_a_caller(&buffer[..length]);
        }
        while let Ok(length) = self.phones.recv(&mut buffer) {
            idle = false;
            self.for_a_phone(&buffer[..length]);
        }
        let now = Instant::now();
        if now >= self.swept + SWEEP {
            self.swept = now;
            self.sweep(now);
        }
        if idle {
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    /// Stops media and gives the whole outcome, with the generator's worst lateness.
    pub(crate) fn close(mut self) -> (Outcome, Duration) {
        self.collect();
        let (rest, late) = self.media.stop();
        for (_, figures) in rest {
            add(&mut self.outcome, &figures);
        }
        (self.outcome, late)
    }

    pub(crate) fn new_leg(&mut self) -> u64 {
        self.next_leg += 1;
        self.next_leg
    }

    fn for_a_caller(&mut self, datagram: &[u8]) {
        let Some(message) = Message::read(datagram) else { return self.outcome.fail("a garbled message") };
        let Some(call_id) = message.header("Call-ID") else { return };
        if message.status().is_none() {
            return self.request_to_a_caller(&message, call_id);
        }
        let Some(caller) = self.callers.get_mut(call_id) else { return };
        match caller.receive(&message) {
            Step::Nothing => {}
            Step::Connected { acknowledge, media, first } => {
                drop(self.trunk.send_to(acknowledge.as_bytes(), self.server));
                if first {
                    self.outcome.connected += 1;
                    self.outcome.setup.push(caller.set_up_in());
                    match caller.take_voice(media) {
                        Some(voice) => self.media.begin(caller.leg(), voice),
                        None => self.outcome.fail("no usable SDP in the 200"),
                    }
                }
            }
            Step::Refused { acknowledge, status } => {
                drop(self.trunk.send_to(acknowledge.as_bytes(), self.server));
                self.outcome.fail(format!("refused with {status}"));
                self.callers.remove(call_id);
            }
            Step::Ended => {
                self.outcome.ended_well += 1;
                self.media.end(caller.leg());
                self.callers.remove(call_id);
            }
        }
    }

    /// The server hangs up or asks something of its own accord.
    fn request_to_a_caller(&mut self, message: &Message<'_>, call_id: &str) {
        let answer = match message.method() {
            "ACK" => return,
            "BYE" => {
                if let Some(caller) = self.callers.remove(call_id) {
                    self.media.end(caller.leg());
                    if !caller.is_ending() {
                        self.outcome.fail("hung up by the server");
                    }
                }
                "200 OK"
            }
            // it takes no UPDATE, so it is told of another person by re-INVITE
            "INVITE" => match self.callers.get(call_id) {
                Some(caller) => return drop(self.trunk.send_to(caller.answer_again(message).as_bytes(), self.server)),
                None => "481 Call/Transaction Does Not Exist",
            },
            "OPTIONS" => "200 OK",
            _ => "405 Method Not Allowed",
        };
        drop(self.trunk.send_to(message.respond(answer, "load", "", "").as_bytes(), self.server));
    }

    fn for_a_phone(&mut self, datagram: &[u8]) {
        let Some(message) = Message::read(datagram) else { return self.outcome.fail("a garbled message") };
        let leg = self.new_leg();
        let answer = match self.answerer.receive(&message, leg) {
            Ok(answer) => answer,
            Err(why) => return self.outcome.fail(why),
        };
        for text in &answer.send {
            drop(self.phones.send_to(text.as_bytes(), self.server));
        }
        if let Some(voice) = answer.begins {
            self.outcome.phone_legs += 1;
            self.media.begin(leg, voice);
            if let Some(user) = message.user("From") {
                self.called_by.insert(user.to_owned(), leg);
            }
        }
        if let Some(ended) = answer.ends {
            self.media.end(ended);
        }
    }

    fn sweep(&mut self, now: Instant) {
        let mut given_up = Vec::new();
        for (call_id, caller) in &mut self.callers {
            if let Some(why) = caller.gives_up(now) {
                self.outcome.fail(why);
                self.media.end(caller.leg());
                given_up.push(call_id.clone());
            } else if let Some(request) = caller.due(now) {
                self.outcome.resent += u64::from(request.again);
                drop(self.trunk.send_to(request.text.as_bytes(), self.server));
            }
        }
        for call_id in given_up {
            self.callers.remove(&call_id);
        }
        for due in self.answerer.due(now) {
            match due {
                Ok(text) => {
                    self.outcome.resent += 1;
                    drop(self.phones.send_to(text.as_bytes(), self.server));
                }
                Err((leg, why)) => {
                    self.media.end(leg);
                    self.outcome.fail(why);
                }
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        for (_, figures) in self.media.figures() {
            add(&mut self.outcome, &figures);
        }
    }
}

/// Adds one leg's figures, and says what its ear missed.
fn add(outcome: &mut Outcome, leg: &Figures) {
    outcome.legs += 1;
    outcome.media.sent += leg.sent;
    outcome.media.received += leg.received;
    outcome.media.lost += leg.lost;
    outcome.media.reported_lost += leg.reported_lost;
    outcome.media.judged += leg.judged;
    outcome.media.right += leg.right;
    outcome.media.own += leg.own;
    outcome.disturbed += u64::from(leg.disturbed);
    outcome.audible.extend(leg.audible_after);
    if leg.leaked > 0 {
        outcome.fail("somebody was heard who must not be");
    }
    if leg.waited && leg.audible_after.is_none() {
        outcome.fail("an ear never heard whom the transfer brought");
    }
    if leg.received == 0 {
        outcome.fail("an ear got no packet");
    } else if leg.right == 0 && !leg.disturbed {
        outcome.fail("an ear did not hear whom it should");
    }
    if leg.own > 0 {
        outcome.fail("an ear heard itself");
    }
}

/// The voice of a leg whose far end is now known.
pub(crate) fn voice(
    socket: UdpSocket,
    to: Option<SocketAddr>,
    says: usize,
    hears: Vec<usize>,
    never: Option<usize>,
) -> Option<Voice> {
    socket.connect(to?).ok()?;
    Some(Voice { socket, says, hears, never })
}
