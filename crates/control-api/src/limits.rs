//! Every limit of the API, in one place. It enforces none of them.

use std::time::Duration;

/// Events that a reader of the house may be behind before it must ask for everything again.
pub const EVENTS: usize = 4_096;
/// How long an answer of the house is waited for.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Connections at once; one more waits in the kernel's queue.
pub(crate) const CONNECTIONS: usize = 2_048;
/// How long a TLS handshake may take.
pub(crate) const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// How long the head of a request may take to come.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a body may take to come.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
pub(crate) const HEAD_BYTES: usize = 32 * 1_024;
/// Header fields of a request.
pub(crate) const HEADERS: usize = 64;
/// Bytes of a body.
pub(crate) const BODY_BYTES: usize = 64 * 1_024;
/// How long a peer may take nothing of an answer.
pub(crate) const TAKE_TIME: Duration = Duration::from_secs(10);
/// Connections at once from one address that is not this machine's: a house behind one router has its place, and others too.
pub(crate) const CONNECTIONS_OF_ONE: usize = CONNECTIONS / 2;
/// How long connections may take to end when the API stops.
pub(crate) const STOP_TIME: Duration = Duration::from_secs(3);

/// Characters of a name, an id or a search.
pub(crate) const NAME: usize = 128;
/// Characters of an address or number.
pub(crate) const ADDRESS: usize = 256;
/// Characters of a password.
pub(crate) const PASSWORD: usize = 256;
/// Keys sent in one go.
pub(crate) const KEYS: usize = 64;

/// Items of a page when nothing else is said.
pub(crate) const PAGE: u32 = 50;
/// Items of a page at most.
pub(crate) const PAGE_MOST: u32 = 500;

/// How long a login lasts.
pub(crate) const LOGIN_LIFE: Duration = Duration::from_secs(12 * 3_600);
/// Logins at once; one more ends the oldest.
pub(crate) const LOGINS: usize = 50_000;
/// Logins of one name at once; one more ends their oldest.
pub(crate) const LOGINS_OF_ONE: usize = 32;
/// Wrong passwords for one name from one address within [`WRONG_WINDOW`], after which both wait.
pub(crate) const WRONG_LOGINS: u32 = 10;
/// How long somebody waits for whom as many passwords are being judged at this moment.
pub(crate) const TRIED_AGAIN: Duration = Duration::from_secs(1);
/// The span in which wrong passwords are counted, and how long whoever typed too many waits.
pub(crate) const WRONG_WINDOW: Duration = Duration::from_secs(60);
/// Pairs of address and name that are remembered.
pub(crate) const WRONG_PAIRS: usize = 10_000;

/// Answers kept for repeats, of all tokens together.
pub(crate) const KEPT_ANSWERS: usize = 10_000;
/// Answers kept for repeats, of one token.
pub(crate) const KEPT_OF_ONE: usize = 1_000;
/// How long an answer is kept for a repeat.
pub(crate) const KEPT_TIME: Duration = Duration::from_secs(24 * 3_600);
/// Bytes of an answer that is kept: a call with 1000 people in it has less than half of it.
pub(crate) const KEPT_BYTES: usize = 2 * 1_024 * 1_024;
/// Bytes of all answers kept for one token.
pub(crate) const KEPT_BYTES_OF_ONE: usize = 8 * 1_024 * 1_024;
/// Bytes of all answers kept.
pub(crate) const KEPT_BYTES_OF_ALL: usize = 64 * 1_024 * 1_024;
/// Characters of an Idempotency-Key.
pub(crate) const IDEMPOTENCY_KEY: usize = 255;

/// Events from which a lost connection can be taken up again.
pub(crate) const RING: usize = 10_000;
/// Events that one subscriber may be behind before it is told everything anew.
pub(crate) const BEHIND: usize = 1_024;
/// Subscribers at once.
pub(crate) const SUBSCRIBERS: usize = 1_000;
/// … of them with one login.
pub(crate) const SUBSCRIBERS_OF_LOGIN: u32 = 16;
/// … of them of one agent.
pub(crate) const SUBSCRIBERS_OF_AGENT: u32 = 64;
/// Followers of SIP messages at once.
pub(crate) const TRACES: usize = 16;
/// How often a subscriber's connection is tested.
pub(crate) const PING: Duration = Duration::from_secs(25);
/// How long one message to a subscriber may take.
pub(crate) const SEND_TIME: Duration = Duration::from_secs(10);
/// Bytes of a message from a subscriber.
pub(crate) const SAID_BYTES: usize = 4 * 1_024;
/// Messages of a subscriber before the connection is closed: nothing is asked over it.
pub(crate) const SAID: u32 = 100;
