//! One call from the trunk: INVITE, ACK, talk, BYE (RFC 3261 §17.1, UDP), with the resending a lossy socket needs.
//!
//! It sends nothing itself; `traffic` carries its messages.

use std::io::Result as IoResult;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::media::Voice;
use crate::traffic::{PATIENCE, Plan, voice};
use crate::wire::{Message, audio_address, ending, sdp};

/// RFC 3261 §17.1.1.1: the first wait before a request is sent again.
const T1: Duration = Duration::from_millis(500);

enum State {
    /// INVITE sent, nothing came back yet.
    Calling,
    /// A provisional response came: no more resending.
    Proceeding,
    Talking,
    /// BYE sent.
    Ending,
}

/// What a response means.
pub(crate) enum Step {
    Nothing,
    /// A 2xx to the INVITE; every one of them is acknowledged, the first one begins the call.
    Connected {
        acknowledge: String,
        media: Option<SocketAddr>,
        first: bool,
    },
    Refused {
        acknowledge: String,
        status: u16,
    },
    Ended,
}

/// A message that is due now, and whether it was sent before.
pub(crate) struct Due {
    pub(crate) text: String,
    pub(crate) again: bool,
}

pub(crate) struct Caller {
    number: u64,
    leg: u64,
    state: State,
    call_id: String,
    from: String,
    to: String,
    own: SocketAddr,
    target: String,
    request: String,
    resend_after: Duration,
    resend_at: Instant,
    step_began: Instant,
    connected: Option<Instant>,
    ends_at: Option<Instant>,
    plan: Plan,
    /// Where its sound arrives.
    port: u16,
    socket: Option<UdpSocket>,
}

impl Caller {
    pub(crate) fn dial(
        number: u64,
        leg: u64,
        server: SocketAddr,
        own: SocketAddr,
        plan: Plan,
        socket: UdpSocket,
    ) -> IoResult<Caller> {
        let now = Instant::now();
        let target = format!("sip:{}@{server}", plan.to);
        let media_port = socket.local_addr()?.port();
        let mut caller = Caller {
            number,
            leg,
            state: State::Calling,
            call_id: format!("load-{number}-{}@127.0.0.2", own.port()),
            from: format!("<sip:+4930{number:08}@{own}>;tag=c{number}"),
            to: format!("<{target}>"),
            own,
            target,
            request: String::new(),
            resend_after: T1,
            resend_at: now + T1,
            step_began: now,
            connected: None,
            ends_at: None,
            plan,
            port: media_port,
            socket: Some(socket),
        };
        caller.request = caller.write("INVITE", 1, "i", &sdp(media_port));
        Ok(caller)
    }

    pub(crate) fn request(&self) -> &str {
        &self.request
    }

    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }

    pub(crate) fn leg(&self) -> u64 {
        self.leg
    }

    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending)
    }

    /// From the INVITE to its 200.
    pub(crate) fn set_up_in(&self) -> Duration {
        self.connected.map_or(Duration::ZERO, |connected| connected - self.step_began)
    }

    pub(crate) fn receive(&mut self, message: &Message<'_>) -> Step {
        let (Some(status), Some((_, method))) = (message.status(), message.cseq()) else { return Step::Nothing };
        match (&self.state, method, status) {
            (State::Calling, "INVITE", 100..=199) => {
                self.state = State::Proceeding;
                Step::Nothing
            }
            (_, "INVITE", 200..=299) => self.connect(message),
            (State::Calling | State::Proceeding, "INVITE", 300..) => {
                let to = message.header("To").unwrap_or(&self.to).to_owned();
                // RFC 3261 §17.1.1.3: the ACK to a refusal belongs to the INVITE's transaction.
                self.to = to;
                Step::Refused { acknowledge: self.write("ACK", 1, "i", ""), status }
            }
            (State::Ending, "BYE", 200..=299) => Step::Ended,
            _ => Step::Nothing,
        }
    }

    /// Connects the voice to the server's port.
    pub(crate) fn take_voice(&mut self, to: Option<SocketAddr>) -> Option<Voice> {
        voice(self.socket.take()?, to, self.plan.says, self.plan.hears.clone(), self.plan.never)
    }

    /// The call is to end then, whatever was planned.
    pub(crate) fn end_at(&mut self, when: Instant) {
        self.ends_at = Some(when);
    }

    /// Its answer to a re-INVITE: the same session again.
    pub(crate) fn answer_again(&self, message: &Message<'_>) -> String {
        message.respond("200 OK", "load", &format!("Contact: <sip:load@{}>\r\n", self.own), &sdp(self.port))
    }

    /// Begins the end of the call; nothing unless it is connected.
    pub(crate) fn hang_up(&mut self) -> Option<String> {
        if !matches!(self.state, State::Talking) {
            return None;
        }
        self.state = State::Ending;
        self.request = self.write("BYE", 2, "b", "");
        self.step_began = Instant::now();
        self.resend_after = T1;
        self.resend_at = self.step_began + T1;
        Some(self.request.clone())
    }

    /// Why the call has failed by now, if it has.
    pub(crate) fn gives_up(&self, now: Instant) -> Option<&'static str> {
        let late = now > self.step_began + PATIENCE;
        match self.state {
            State::Calling if late => Some("the INVITE was not answered"),
            State::Proceeding if late => Some("the INVITE got no final answer"),
            State::Ending if late => Some("the BYE was not answered"),
            State::Calling | State::Proceeding | State::Talking | State::Ending => None,
        }
    }

    /// What is to be sent now: the BYE when the talk is over, or a request again.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        match self.state {
            State::Talking => {
                let over = self.ends_at.or_else(|| Some(self.connected? + self.plan.talk?))?;
                (now >= over).then(|| self.hang_up()).flatten().map(|text| Due { text, again: false })
            }
            State::Calling | State::Ending if now >= self.resend_at => {
                self.resend_after *= 2;
                self.resend_at = now + self.resend_after;
                Some(Due { text: self.request.clone(), again: true })
            }
            State::Calling | State::Proceeding | State::Ending => None,
        }
    }

    fn connect(&mut self, message: &Message<'_>) -> Step {
        let first = matches!(self.state, State::Calling | State::Proceeding);
        if first {
            self.state = State::Talking;
            self.connected = Some(Instant::now());
            self.to = message.header("To").unwrap_or(&self.to).to_owned();
            self.target = message.contact().unwrap_or(&self.target).to_owned();
        }
        // RFC 3261 §13.2.2.4: a 2xx is acknowledged by a request of its own, each time it comes.
        Step::Connected { acknowledge: self.write("ACK", 1, "a", ""), media: audio_address(message.body()), first }
    }

    fn write(&self, method: &str, sequence: u32, branch: &str, body: &str) -> String {
        let Caller { number, own, target, from, to, call_id, .. } = self;
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch}{number}-{port};rport\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:load@{own}>\r\n{rest}",
            port = own.port(),
            rest = ending("", body),
        )
    }
}
