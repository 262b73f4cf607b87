//! Streams that misbehave: row A20 of `trust.md` over real sockets.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod common;

use std::time::{Duration, Instant};

use common::raw::{Stream, ask};
use common::{house, listener};
use sip_signalling::Protocol;

#[tokio::test]
async fn a20_streams_that_dawdle_flood_or_lie_are_cut() {
    let server = house(|_| {}).await;
    let address = listener(&server.endpoint, Protocol::Tcp);
    let dawdler = async {
        let mut stream = Stream::to(address).await;
        let begun = Instant::now();
        let text = "OPTIONS sip:x@baton.local SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1\r\n";
        for byte in text.bytes().cycle() {
            let gone = tokio::time::timeout(Duration::from_millis(250), stream.hear()).await;
            if gone.is_ok() || tokio::io::AsyncWriteExt::write_all(&mut stream.stream, &[byte]).await.is_err() {
                break;
            }
        }
        let cut = begun.elapsed().as_secs_f32();
        assert!((9.5..12.0).contains(&cut), "cut after {cut} s");
    };
    let flooder = async {
        let mut stream = Stream::to(address).await;
        let flood = "A".repeat(70_000);
        // the server may close before all is written
        let _cut = tokio::io::AsyncWriteExt::write_all(&mut stream.stream, flood.as_bytes()).await;
        assert!(stream.hear().await.is_none_or(|answer| answer.status() == 513));
    };
    let liar = async {
        let mut stream = Stream::to(address).await;
        let aor = "sip:x@baton.local";
        let text = ask("OPTIONS", aor, aor, aor).text("TCP", stream.local);
        stream.send(&text.replace("Content-Length: 0", "Content-Length: 2147483648")).await;
        assert_eq!(stream.hear().await.unwrap().status(), 513);
        assert!(stream.hear().await.is_none(), "and closed");
    };
    let mute = async {
        let mut stream = Stream::to(address).await;
        let aor = "sip:x@baton.local";
        let text = ask("OPTIONS", aor, aor, aor).text("TCP", stream.local);
        stream.send(&text.replace("Content-Length: 0\r\n", "")).await;
        assert_eq!(stream.hear().await.unwrap().status(), 400);
        assert!(stream.hear().await.is_none(), "and closed");
    };
    tokio::join!(dawdler, flooder, liar, mute);
    let begun = Instant::now();
    while server.endpoint.counts().await.flows > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "no connection is left");
        tokio::task::yield_now().await;
    }
}
