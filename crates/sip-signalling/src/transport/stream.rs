//! What goes over a connection: framed messages in, queued bytes out. Whoever dawdles, floods or stops reading is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::Inbound;
use super::opening::{Reads, Writes};
use crate::codec::{Framed, StreamFramer};
use crate::flow::Flow;

/// How long one message may take to arrive (A20).
const MESSAGE_TIME: Duration = Duration::from_secs(10);
/// How long a new connection may be there before anything it asks is granted. Keep-alives and refused requests do not
/// count.
pub(super) const STRANGER_TIME: Duration = Duration::from_secs(60);
/// How long a connection may say nothing after that: longer than any registration.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(7200);
/// How long a write may take.
const SEND_TIME: Duration = Duration::from_secs(5);

/// Reads and frames until the end. Whoever is not `known` in time is sent away.
pub(super) async fn read_all(mut read: Reads, flow: Flow, known: Arc<AtomicBool>, inbound: &mpsc::Sender<Inbound>) {
    let mut framer = StreamFramer::default();
    let mut buffer = vec![0; 16 << 10];
    let begun = Instant::now();
    let idle = |heard: Instant| {
        if known.load(Ordering::Relaxed) { heard + IDLE_TIME } else { begun + STRANGER_TIME }
    };
    let (mut heard, mut message) = (begun, None);
    let mut deadline = idle(begun);
    loop {
        let length = tokio::select! {
            read = read.read(&mut buffer) => read.unwrap_or(0),
            // it may have become known since it last said something
            () = sleep_until(deadline) => match idle(heard) {
                later if message.is_none() && later > Instant::now() => {
                    deadline = later;
                    continue;
                }
                _ => 0,
            },
        };
        if length == 0 || !hand_on(&mut framer, &buffer[..length], flow, inbound).await {
            return;
        }
        heard = Instant::now();
        let unfinished = framer.unfinished();
        if unfinished.is_none() {
            deadline = idle(heard);
        } else if unfinished != message {
            deadline = heard + MESSAGE_TIME;
        }
        message = unfinished;
    }
}

/// Takes what was read and hands on what is complete; whether the connection goes on.
async fn hand_on(framer: &mut StreamFramer, bytes: &[u8], flow: Flow, inbound: &mpsc::Sender<Inbound>) -> bool {
    framer.feed(bytes);
    while let Some(framed) = framer.next() {
        let (told, goes_on) = match framed {
            Framed::Message(message) => (Inbound::Message(flow, Box::new(Ok(*message))), true),
            Framed::Refused(malformed) => (Inbound::Message(flow, Box::new(Err(malformed))), true),
            Framed::Broken(malformed) => (Inbound::Message(flow, Box::new(Err(malformed))), false),
            Framed::Ping => (Inbound::Ping(flow), true),
            Framed::Pong => continue,
        };
        if inbound.send(told).await.is_err() || !goes_on {
            return false;
        }
    }
    true
}

/// Writes what is queued; ends when the queue is given up, or the other side does not read.
pub(super) async fn write_all(mut write: Writes, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        // what is encrypted may wait in a buffer until it is flushed
        let written = async { write.write_all(&bytes).await.and(write.flush().await) };
        match timeout(SEND_TIME, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    // closing what is closed already is no fault
    let _closed = timeout(SEND_TIME, write.shutdown()).await;
}
