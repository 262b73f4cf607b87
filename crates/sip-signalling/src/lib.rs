//! Speaks SIP: turns messages into leg news, and leg wishes into messages. Bodies pass through unread.

mod codec;
mod digest;
mod registrar;
