//! Every limit of the wire codec, in one place.

/// The largest message, head and body together, in bytes. A UDP datagram cannot be larger.
pub(crate) const MESSAGE: usize = 65_535;
/// Headers a message may have.
pub(crate) const HEADERS: usize = 256;
/// Bytes of one header once unfolded, or of the start-line.
pub(crate) const LINE: usize = 8_192;
/// Values of one kind that lists may bring after splitting (Via, Contact, Route, Record-Route), all headers together.
pub(crate) const VALUES: usize = 1_200;
/// Parameters of one value.
pub(crate) const PARAMS: usize = 64;
/// RFC 3261 §20.22: 0 to 255.
pub(crate) const MAX_FORWARDS: u32 = 255;
/// RFC 3261 §8.1.1.6: what a request without Max-Forwards is read as.
pub(crate) const DEFAULT_MAX_FORWARDS: u8 = 70;
/// Empty lines before a message that are skipped; more is no SIP.
pub(crate) const LEADING_LINES: usize = 64;
