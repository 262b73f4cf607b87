//! Digits: RFC 4733 telephone events in and out, and the digits of INFO bodies.
//!
//! Sans-IO and without allocation, so that the tick may call it. It listens for no tones in the audio, and it does not say who
//! may hear a digit: relaying follows `hears`, like speech. Digits are never logged.
//!
//! ```text
//!   phone                                   Receiver            leg of a hearer
//!     |--- event, marker, duration 160 ------->| Began('5') ------> Sender::begin    relayed in time
//!     |--- event, duration 320 … ------------->|
//!     |--- event, end (three times) ---------->| Ended('5', 60) --> Sender::release  RFC 4733 §2.5.1.4
//! ```

mod info;
mod receiver;
mod sender;
mod twins;

use serde::{Deserialize, Serialize};

pub use info::{InfoError, parse_relay};
pub use receiver::{Key, News, Receiver};
pub use sender::{EventPacket, QUEUE, QueueFull, Sender};
pub(crate) use twins::Twins;

/// The clock of telephone events where nothing else was agreed: they count in the clock of the audio beside them.
const CLOCK: u32 = 8_000;
/// The symbols of events 0 to 15 (RFC 4733 §3.2).
const SYMBOLS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];
/// Shortest digit that we send, in milliseconds; what is shorter is easily missed.
pub const SHORTEST_MS: u16 = 40;
/// Longest digit that we send, in milliseconds; it still fits one event's duration field.
pub const LONGEST_MS: u16 = 8000;
/// Longest digit that is relayed, in milliseconds, however long its key was down: while a digit is said its hearers hear
/// nobody. With the repeats of its end, and packets of up to 60 ms, that is less than a second; what asks for a long press
/// (answering machines of old) is content with half of one.
pub const LONGEST_RELAYED_MS: u16 = 800;

/// One pressed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digit {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub symbol: char,
    /// How long it was pressed, in milliseconds.
    pub duration_ms: u16,
}

impl Digit {
    /// As those hear it who hear whoever pressed it.
    pub(crate) fn relayed(self) -> Self {
        Self { duration_ms: self.duration_ms.clamp(SHORTEST_MS, LONGEST_RELAYED_MS), ..self }
    }
}

/// The event number of a symbol, if it is a digit at all.
fn event_of(symbol: char) -> Option<u8> {
    let symbol = symbol.to_ascii_uppercase();
    let index = SYMBOLS.iter().position(|known| *known == symbol)?;
    u8::try_from(index).ok()
}

/// The symbol of an event number; `None` above 15.
fn symbol_of(event: u8) -> Option<char> {
    SYMBOLS.get(usize::from(event)).copied()
}
