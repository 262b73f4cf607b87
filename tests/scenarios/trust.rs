//! Scenarios with the untrusted: mutated, forged and hostile messages and media, by raw sockets, while people talk.

mod api_trust;
mod dialog_trust;
mod encryption_trust;
mod media_trust;
mod mutations;
mod mutator;
mod sip_trust;
mod stream_trust;
mod transfer_trust;
mod trunk_trust;
