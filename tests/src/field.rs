//! A phone of the field: by sockets and text, with several lines, sending what its fixture says letter by letter, and
//! answering by itself what a phone answers. It shares no code with the server.
//!
//! What it presses when stands in the scenarios.

mod calls;
mod fixture;
mod line;
mod manners;
mod presses;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

pub use calls::Dialling;
pub use fixture::{Fixture, Gaps};
pub use line::FieldLine;
use manners::{Memory, Side, sipfrag};

use crate::house::DOMAIN;
use crate::raw::{Audio, Dialog, LIMIT, Message, authorize, media_address, response, token};

/// A request is repeated after so long.
const AGAIN: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(3);
/// Attempts at an offer that meets one of the server's.
const OFFERS: usize = 8;

/// A phone of the field.
#[derive(Debug)]
pub struct FieldPhone {
    /// Its account.
    pub user: &'static str,
    /// Its address.
    pub own: SocketAddr,
    server: SocketAddr,
    socket: Arc<UdpSocket>,
    memory: Arc<Mutex<Memory>>,
    fixture: Fixture,
    task: JoinHandle<()>,
}

impl FieldPhone {
    /// Switches on a phone of this make and registers it as an agent's.
    pub async fn register(make: &str, user: &'static str, server: SocketAddr) -> Self {
        let phone = Self::start(make, user, server, IpAddr::from([127, 0, 0, 1])).await;
        let mut dialog = Dialog { target: format!("sip:{DOMAIN}"), ..phone.dialog(user) };
        let answer = phone.ask(&mut dialog, "register", &Gaps::new()).await;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        phone
    }

    /// Switches on a phone of this make at an address; it does not register.
    pub async fn start(make: &str, user: &'static str, server: SocketAddr, from: IpAddr) -> Self {
        let socket = Arc::new(UdpSocket::bind((from, 0)).await.expect("a UDP socket"));
        let own = socket.local_addr().expect("an address");
        let contact = format!("<sip:{user}@{own}>");
        let memory = Arc::new(Mutex::new(Memory::with_contact(contact)));
        let task = tokio::spawn(listen(socket.clone(), memory.clone(), server));
        Self { user, own, server, socket, memory, fixture: Fixture::of(make), task }
    }

    /// Answers a NOTIFY after its BYE with this status (else 481).
    pub fn says_to_late_notifies(&self, status: u16) {
        self.memory().notify_after_bye = status;
    }

    /// Lets the last NOTIFY go unanswered so many times.
    pub fn misses_last_notifies(&self, times: usize) {
        self.memory().misses_last_notifies = times;
    }

    /// Answers the next offers in a line with 491, as if they crossed one of its own.
    pub fn turns_down_offers(&self, line: &FieldLine, times: usize) {
        self.side(&line.dialog, |side| side.turns_down = times);
    }

    /// Turns every call down with this status and these header lines.
    pub fn turns_calls_down(&self, status: u16, more: &str) {
        let mut memory = self.memory();
        memory.says_to_calls = status;
        more.clone_into(&mut memory.says_more);
    }

    /// A dialog to come with whoever is dialled.
    #[must_use]
    pub fn dialog(&self, dialled: &str) -> Dialog {
        let whole = if dialled.contains('@') { dialled.to_owned() } else { format!("{dialled}@{DOMAIN}") };
        Dialog {
            call_id: format!("{}@{}", token(), self.own.ip()),
            local: format!("<sip:{}@{DOMAIN}>;tag={}", self.user, token()),
            remote: format!("<sip:{whole}>"),
            target: format!("sip:{whole}"),
            cseq: 0,
        }
    }

    /// Everything that came and is so, when it came.
    #[must_use]
    pub fn came(&self, so: impl Fn(&Message) -> bool) -> Vec<(Instant, Message)> {
        let memory = self.memory();
        memory.came.iter().filter(|came| so(&came.message)).map(|came| (came.at, came.message.clone())).collect()
    }

    /// Sends a section in a dialog, with credentials if asked for them, and returns the final answer.
    pub async fn ask(&self, dialog: &mut Dialog, section: &str, gaps: &Gaps) -> Message {
        let request = self.send(dialog, section, gaps).await;
        let answer = self.settled(dialog, &request).await;
        if answer.status() != Some(401) {
            return answer;
        }
        let mut gaps = gaps.clone();
        let method = request.split(' ').next().unwrap_or_default();
        gaps.insert("auth", self.credentials(&answer, method, &dialog.target.clone()));
        let request = self.send(dialog, section, &gaps).await;
        self.settled(dialog, &request).await
    }

    /// The final answer to a request, acknowledged if it was an INVITE.
    pub async fn settled(&self, dialog: &Dialog, request: &str) -> Message {
        let answer = self.answer_to(request, |status| status >= 200).await;
        if request.starts_with("INVITE ") {
            match answer.status() {
                Some(200..300) => self.acknowledges(dialog).await,
                _ => self.acknowledge(request, &answer).await,
            }
        }
        answer
    }

    /// Sends the next request of a dialog by a section of the fixture and returns its text.
    pub async fn send(&self, dialog: &mut Dialog, section: &str, gaps: &Gaps) -> String {
        dialog.cseq += 1;
        let text = self.fixture.fill(section, &self.complete(dialog, gaps));
        self.throw(&text).await;
        text
    }

    /// Sends bytes as they are.
    pub async fn throw(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.server).await.expect("sent");
    }

    /// The next message that is so and was not taken before.
    pub async fn next_that(&self, limit: Duration, what: &str, so: impl Fn(&Message) -> bool) -> Message {
        let found = self.try_next(limit, &so).await;
        found.unwrap_or_else(|| {
            let known: Vec<String> = self.came(|_| true).into_iter().map(|(_, message)| message.start).collect();
            panic!("{}: {what} did not come; there is {known:#?}", self.user)
        })
    }

    /// As [`FieldPhone::next_that`]; `None` when none came.
    pub async fn try_next(&self, limit: Duration, so: impl Fn(&Message) -> bool) -> Option<Message> {
        let end = Instant::now() + limit;
        loop {
            if let Some(came) = self.memory().came.iter_mut().find(|came| !came.taken && so(&came.message)) {
                came.taken = true;
                return Some(came.message.clone());
            }
            if Instant::now() >= end {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The answer to a request; it is repeated meanwhile as a phone would.
    pub async fn answer_to(&self, request: &str, so: impl Fn(u16) -> bool) -> Message {
        let matches = answers(request);
        for _ in 0..LIMIT.as_millis() / AGAIN.as_millis() {
            let found = self.try_next(AGAIN, |message| matches(message) && message.status().is_some_and(&so)).await;
            if let Some(answer) = found {
                return answer;
            }
            if !request.starts_with("INVITE ") || !self.came(&matches).iter().any(|(_, it)| it.status().is_some()) {
                self.throw(request).await;
            }
        }
        panic!("{}: no answer to\n{request}\nthere is {:#?}", self.user, self.came(|_| true));
    }

    /// As [`FieldPhone::answer_to`], but the answer may be taken again.
    async fn peek(&self, request: &str, so: impl Fn(u16) -> bool) -> Message {
        let matches = answers(request);
        let end = Instant::now() + LIMIT;
        loop {
            let came = self.came(|message| matches(message) && message.status().is_some_and(&so));
            if let Some((_, message)) = came.into_iter().next() {
                return message;
            }
            assert!(Instant::now() < end, "{}: nothing came to\n{request}", self.user);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The ACK to a 200.
    async fn acknowledges(&self, dialog: &Dialog) {
        let ack = self.fixture.fill("ack", &self.complete(dialog, &Gaps::new()));
        self.throw(&ack).await;
    }

    /// The ACK to a failure: same branch, their To (RFC 3261 §17.1.1.3).
    async fn acknowledge(&self, invite: &str, answer: &Message) {
        let uri = invite.split(' ').nth(1).unwrap_or_default();
        let number = answer.need("CSeq").split(' ').next().unwrap_or_default();
        let ack = format!(
            "ACK {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {id}\r\n\
             CSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
            via = answer.need("Via"),
            from = answer.need("From"),
            to = answer.need("To"),
            id = answer.need("Call-ID"),
        );
        self.throw(&ack).await;
    }

    fn credentials(&self, challenge: &Message, method: &str, uri: &str) -> String {
        authorize(challenge, self.user, &format!("{}-secret", self.user), method, uri)
    }

    fn gaps(&self, port: u16) -> Gaps {
        Gaps::from([
            ("rtp", port.to_string()),
            ("own", self.own.to_string()),
            ("ip", self.own.ip().to_string()),
            ("user", self.user.to_owned()),
        ])
    }

    fn complete(&self, dialog: &Dialog, gaps: &Gaps) -> Gaps {
        let mut all = Gaps::from([
            ("own", self.own.to_string()),
            ("ip", self.own.ip().to_string()),
            ("user", self.user.to_owned()),
            ("domain", DOMAIN.to_owned()),
            ("target", dialog.target.clone()),
            ("local", dialog.local.clone()),
            ("remote", dialog.remote.clone()),
            ("call-id", dialog.call_id.clone()),
            ("local-tag", dialog.local.split(";tag=").nth(1).unwrap_or_default().to_owned()),
            ("remote-tag", dialog.remote.split(";tag=").nth(1).unwrap_or_default().to_owned()),
            ("cseq", dialog.cseq.to_string()),
            ("branch", format!("z9hG4bK{}", token())),
            ("version", (1_000 + dialog.cseq).to_string()),
        ]);
        all.extend(gaps.clone());
        all
    }

    fn remember(&self, dialog: &Dialog, audio: &Audio, offering: bool) {
        let gaps = self.complete(dialog, &self.gaps(audio.own.port()));
        let filled = self.fixture.fill("answer", &gaps);
        let description = filled.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        let tag = dialog.local.split(";tag=").nth(1).unwrap_or_default().to_owned();
        let side = Side { tag, description, offering, over: false, ringing: None, turns_down: 0 };
        self.memory().sides.insert(dialog.call_id.clone(), side);
    }

    fn forget(&self, dialog: &Dialog) {
        self.side(dialog, |side| side.over = true);
    }

    fn side(&self, dialog: &Dialog, change: impl FnOnce(&mut Side)) {
        if let Some(side) = self.memory().sides.get_mut(&dialog.call_id) {
            change(side);
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FieldPhone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The gaps that name another dialog.
#[must_use]
pub fn naming(other: &Dialog) -> Gaps {
    let tag = |address: &str| address.split(";tag=").nth(1).unwrap_or_default().to_owned();
    let peer = other.remote.split(";tag=").next().unwrap_or_default();
    let peer = peer.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or(peer);
    Gaps::from([
        ("other-call-id", other.call_id.clone()),
        ("other-call-id-escaped", other.call_id.replace('@', "%40")),
        ("other-local-tag", tag(&other.local)),
        ("other-remote-tag", tag(&other.remote)),
        ("other-target", other.target.clone()),
        ("other-target-plain", other.target.split(';').next().unwrap_or_default().to_owned()),
        ("other-peer", peer.to_owned()),
    ])
}

/// Whether a message answers a request.
fn answers(request: &str) -> impl Fn(&Message) -> bool + use<> {
    let asked = Message::read(request.as_bytes()).expect("our own text");
    let (id, cseq) = (asked.need("Call-ID").to_owned(), asked.need("CSeq").to_owned());
    move |message: &Message| {
        message.method().is_none()
            && message.header("Call-ID") == Some(id.as_str())
            && message.header("CSeq") == Some(cseq.as_str())
    }
}

/// The status in a NOTIFY and whether it is the last.
fn read_notify(notify: &Message) -> (u16, bool) {
    let status = sipfrag(notify).unwrap_or_else(|| panic!("no status with a reason in {notify:?}"));
    (status, notify.need("Subscription-State").starts_with("terminated"))
}

async fn listen(socket: Arc<UdpSocket>, memory: Arc<Mutex<Memory>>, server: SocketAddr) {
    let mut datagram = vec![0; 65_536];
    loop {
        let Ok((length, _)) = socket.recv_from(&mut datagram).await else { continue };
        let Some(message) = Message::read(&datagram[..length]) else { continue };
        let answers = memory.lock().unwrap_or_else(PoisonError::into_inner).take(message);
        for answer in answers {
            drop(socket.send_to(answer.as_bytes(), server).await);
        }
    }
}
