//! Every limit of a session description, in one place. They are checked before anything is copied.

/// Bytes of one description; 64 KB and more are refused.
pub const BYTES: usize = 65_535;
/// Media lines in one description.
pub const MEDIA_LINES: usize = 64;
/// Attribute lines in one description, those we do not read included (ICE candidates, for example).
pub const ATTRIBUTES: usize = 1024;
/// Attribute lines in one description that we read (payload maps, directions, packet times).
pub const READ_ATTRIBUTES: usize = 256;
/// `a=crypto` lines of one media line that are remembered.
pub const CRYPTO_LINES: usize = 16;
/// Payload types (or formats) on one media line; RTP has seven bits for them.
pub const PAYLOAD_TYPES: usize = 128;

/// Shortest packet time we send, in milliseconds.
pub const PTIME_MIN_MS: u8 = 10;
/// Longest packet time we send, in milliseconds.
pub const PTIME_MAX_MS: u8 = 60;
/// Packet time when nobody asks for another, in milliseconds (RFC 3551 §4.2).
pub const PTIME_DEFAULT_MS: u8 = 20;
