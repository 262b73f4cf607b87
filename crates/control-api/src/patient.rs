//! A connection that is given so much time to take what is written to it, and no more: whoever asks and never reads must not keep
//! a place.
//!
//! How long reading may take, hyper knows.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// The connection, with the time that one byte may take to be taken.
#[derive(Debug)]
pub(crate) struct Patient<T> {
    stream: T,
    patience: Duration,
    limit: Pin<Box<Sleep>>,
    /// Whether something waits to be taken, and `limit` counts.
    waits: bool,
}

impl<T> Patient<T> {
    pub(crate) fn new(stream: T, patience: Duration) -> Self {
        Self { stream, patience, limit: Box::pin(sleep(patience)), waits: false }
    }

    /// What came of writing; an error when nothing has come of it for too long.
    fn judge<R>(&mut self, cx: &mut Context<'_>, came: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if came.is_ready() {
            self.waits = false;
            return came;
        }
        if !self.waits {
            self.waits = true;
            self.limit.as_mut().reset(Instant::now() + self.patience);
        }
        match self.limit.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, came)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.judge(cx, came)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, came)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_reads_nothing_is_let_go_and_whoever_reads_slowly_is_not() {
        let limit = Duration::from_secs(10);
        let (near, mut far) = tokio::io::duplex(8);
        let mut near = Patient::new(near, limit);
        let slow = tokio::spawn(async move {
            let mut read = [0; 8];
            for _ in 0..4 {
                sleep(limit - Duration::from_secs(1)).await;
                far.read_exact(&mut read).await.unwrap();
            }
            far
        });
        near.write_all(&[0; 32]).await.unwrap();
        let _far = slow.await.unwrap();
        near.write_all(&[0; 8]).await.unwrap();
        let begun = Instant::now();
        assert_eq!(near.write_all(&[0; 8]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), limit);
    }
}
