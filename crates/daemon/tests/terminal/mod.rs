//! A terminal with a program in it: a pseudo-terminal of the test's own. It judges nothing.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Nothing is waited for longer.
const LIMIT: Duration = Duration::from_secs(20);

/// A terminal with a program in it.
pub(crate) struct Terminal {
    master: OwnedFd,
    slave: OwnedFd,
    pub(crate) child: Child,
    written: Receiver<Vec<u8>>,
    /// Everything that was written to it until now.
    pub(crate) seen: String,
}

impl Terminal {
    /// Runs a program in a terminal of 12 lines.
    pub(crate) fn run(mut command: Command, columns: u16) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let size = Winsize { ws_row: 12, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let (sender, written) = channel();
        let mut reader = File::from(master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read) = reader.read(&mut buffer)
                && read > 0
                && sender.send(buffer[..read].to_vec()).is_ok()
            {}
        });
        Self { master, slave: slave.into(), child, written, seen: String::new() }
    }

    /// Waits until something was written.
    pub(crate) fn until(&mut self, wanted: &str) {
        let end = Instant::now() + LIMIT;
        while !self.seen.contains(wanted) {
            let left = end.saturating_duration_since(Instant::now());
            let more = self.written.recv_timeout(left);
            self.seen += &String::from_utf8_lossy(&more.unwrap_or_else(|_| panic!("no {wanted:?} in {:?}", self.seen)));
        }
    }

    /// Whether something was written until now.
    #[allow(dead_code, reason = "for tests that must not block")]
    pub(crate) fn has(&mut self, wanted: &str) -> bool {
        for more in self.written.try_iter() {
            self.seen += &String::from_utf8_lossy(&more);
        }
        self.seen.contains(wanted)
    }

    /// Types keys.
    pub(crate) fn types(&self, keys: &str) {
        File::from(self.master.try_clone().unwrap()).write_all(keys.as_bytes()).unwrap();
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let status = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Whether it shows what is typed, line by line.
    pub(crate) fn echoes(&self) -> bool {
        tcgetattr(&self.slave).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
