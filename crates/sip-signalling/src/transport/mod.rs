//! Sockets: bytes in and out, by flow. What is in them is for others.

mod connections;
mod icmp;
mod names;
mod opening;
mod route;
mod stream;
pub(crate) mod tcp;
pub(crate) mod udp;

pub(crate) use connections::Connections;
pub(crate) use icmp::read_errors;
pub(crate) use names::Names;
pub(crate) use opening::Expected;
pub(crate) use route::route_to;

use rsip::SipMessage;
use tokio::net::TcpStream;

use crate::codec::Malformed;
use crate::flow::Flow;
use crate::servers::{Found, Question};

/// What the sockets bring.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A message, or what was to be one.
    Message(Flow, Box<Result<SipMessage, Malformed>>),
    /// Somebody connected.
    Accepted(Flow, TcpStream),
    /// The handshake of a connection is over; the other side has proved itself by these certificates, DER, or by none.
    Secured(Flow, u64, Vec<Vec<u8>>),
    /// A keep-alive that wants its answer (RFC 5626 §3.5.1).
    Ping(Flow),
    /// Nobody takes datagrams at the other end of this flow, says whoever stands there or between (ICMP; it can be forged).
    Unreachable(Flow),
    /// DNS has said where a trunk's name leads, or nothing.
    Found(String, Question, Option<Found>),
    /// A connection is gone, or could not be made. The number tells it from a later one of the same flow.
    Closed(Flow, u64),
}
