//! Where log lines go: to stderr, by a thread of its own, so that a slow disk or a full pipe never holds up a call.
//!
//! Lines that find no room are dropped and counted; the count is written as soon as there is room again.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait to be written.
const LINES: usize = 8192;
/// How long the end of the program waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

enum Piece {
    Line(Vec<u8>),
    /// Say so when everything before this is written.
    Flush(SyncSender<()>),
}

/// The way to the log.
#[derive(Clone, Debug)]
pub(super) struct Log {
    lines: SyncSender<Piece>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// Starts the thread that writes to `to`.
    ///
    /// # Errors
    /// The system gave no thread.
    pub(super) fn start(to: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (lines, pieces) = sync_channel(LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(to, &pieces, &counted))?;
        Ok(Self { lines, dropped })
    }

    /// Waits until everything said so far is written; a second at most.
    pub(super) fn flush(&self) {
        let (written, done) = sync_channel(1);
        if self.lines.try_send(Piece::Flush(written)).is_ok() {
            let _ = done.recv_timeout(LAST_LINES);
        }
    }
}

fn write(mut to: impl Write, pieces: &Receiver<Piece>, dropped: &AtomicU64) {
    // nobody may be there to read: then there is nothing to be done about it
    for piece in pieces {
        match piece {
            Piece::Line(line) => _ = to.write_all(&line),
            Piece::Flush(written) => {
                let _ = to.flush();
                let _ = written.send(());
            }
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(to, "{lost} log lines suppressed: the log is too slow");
        }
    }
}

/// One line as it is put together.
pub(super) struct Line {
    log: Log,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { log: self.clone(), bytes: Vec::new() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.bytes);
        if !line.is_empty() && self.log.lines.try_send(Piece::Line(line)).is_err() {
            self.log.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Mutex;

    use super::*;

    /// A disk that takes nothing until it is let go.
    #[derive(Clone)]
    struct Disk {
        stuck: Arc<Mutex<()>>,
        written: Arc<Mutex<String>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            drop(self.stuck.lock().unwrap());
            self.written.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_disk_holds_nobody_up_and_what_was_lost_is_counted() {
        let disk = Disk { stuck: Arc::default(), written: Arc::default() };
        let stuck = Arc::clone(&disk.stuck);
        let held = stuck.lock().unwrap();
        let log = Log::start(disk.clone()).unwrap();
        for number in 0..LINES + 100 {
            writeln!(log.make_writer(), "line {number}").unwrap();
        }
        let lost = log.dropped.load(Ordering::Relaxed);
        // one line may be in the thread's hands
        assert!((99..=100).contains(&lost), "{lost}");
        drop(held);
        while log.dropped.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        log.flush();
        let written = disk.written.lock().unwrap();
        assert!(written.contains(&format!("{lost} log lines suppressed")), "nothing is said of the lost lines");
        assert!(written.starts_with("line 0\n"));
    }
}
