//! The spool: an append-only file for what the database does not take now. Its room is written ahead, so that a full disk
//! has room for it still; beyond that it grows while the disk lets it.
//!
//! It knows the file alone: when to write to it and when its records are in the database is the writer's matter. What it
//! cannot read is copied to `spool.bad-N` beside it and said, never thrown away.

mod record;

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::record::{END, Found, HEAD, PREFIX};
use crate::kept::Write;
use crate::queue::Given;

/// Bytes of the spool at most.
const MOST_BYTES: u64 = 256 << 20;
/// Of the reserve, the part that registrations and availabilities may fill; the rest is for history.
const SHARE_OF_LATEST: u64 = 4;
/// Bytes read at once, unless one record is longer.
const CHUNK: usize = 1 << 20;
/// Damaged pieces that are kept beside the spool.
const MOST_BAD: u32 = 1_000;

/// A place between two records: where, the number of the record before it, and how many records were before it.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    number: u64,
    records: u64,
}

const START: Place = Place { at: HEAD, number: 0, records: 0 };

/// The spool file, open, and what stands in it.
pub(crate) struct Spool {
    file: File,
    path: PathBuf,
    identity: String,
    reserve: u64,
    reserved: bool,
    /// Before the first record that is not in the database.
    read: Place,
    /// Behind what was given out to be put there.
    ahead: Place,
    /// Where the next record goes.
    end: u64,
    /// The number of the last record.
    last: u64,
    /// Records up to there, since it was opened.
    records: u64,
    put_aside: u64,
}

impl Spool {
    /// Opens the file or makes it, and finds where it ends. A damaged tail is put aside.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn open(path: &Path, reserve: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut spool = Self {
            file,
            path: path.to_owned(),
            identity: String::new(),
            reserve: reserve.clamp(HEAD + 4, MOST_BYTES),
            reserved: false,
            read: START,
            ahead: START,
            end: HEAD,
            last: 0,
            records: 0,
            put_aside: 0,
        };
        let mut head = vec![0; usize::try_from(HEAD).unwrap_or(0)];
        let length = spool.read_into(&mut head, 0)?;
        let identity = match record::read_head(&head[..length]) {
            Some(identity) => identity,
            None => spool.begin()?,
        };
        spool.identity = identity.iter().map(|byte| format!("{byte:02x}")).collect();
        spool.find_end()?;
        spool.reserve();
        Ok(spool)
    }

    /// A name that no other spool has.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Records that are not in the database.
    pub(crate) fn records(&self) -> u64 {
        self.records - self.read.records
    }

    /// The number of the last record that was written.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Bytes in use.
    pub(crate) fn bytes(&self) -> u64 {
        self.end - HEAD
    }

    /// Whether its room is kept, also when the disk is full.
    pub(crate) fn is_reserved(&self) -> bool {
        self.reserved
    }

    /// Damaged pieces that were put aside since it was opened.
    pub(crate) fn put_aside(&self) -> u64 {
        self.put_aside
    }

    /// Appends one write; `latest`: only the latest of its kind matters, so that it may fill a share only. It is on the
    /// disk after [`Self::sync`]. `false`: there is no room.
    pub(crate) fn append(&mut self, number: u64, write: &Write, latest: bool) -> bool {
        let Some(bytes) = serde_json::to_vec(write).ok().and_then(|body| record::record(number, &body)) else {
            return false;
        };
        let behind = self.end + bytes.len() as u64;
        let most = if latest { self.reserve / SHARE_OF_LATEST } else { MOST_BYTES };
        if behind > most || number <= self.last {
            return false;
        }
        if let Err(error) = self.file.write_all_at(&bytes, self.end) {
            tracing::warn!(path = %self.path.display(), %error, "the spool has no more room");
            self.cut_behind_end();
            return false;
        }
        self.end = behind - END.len() as u64;
        self.last = number;
        self.records += 1;
        true
    }

    /// Brings what was appended to the disk.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The oldest records that are not in the database, some at once. They stay until [`Self::passed`].
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn oldest(&mut self) -> io::Result<Vec<Given>> {
        let bytes = self.chunk(self.read.at, self.end + END.len() as u64)?;
        let (mut batch, mut from) = (Vec::new(), 0);
        self.ahead = self.read;
        loop {
            match record::read(&bytes[from..], self.ahead.number) {
                Found::Record { number, length, write } => {
                    let at = self.ahead.at;
                    self.ahead = Place { at: at + length, number, records: self.ahead.records + 1 };
                    match write {
                        Some(write) => batch.push((number, Arc::from(write))),
                        None => self.set_aside(at, at + length, "a record that this version cannot read")?,
                    }
                    from += usize::try_from(length).unwrap_or(0);
                }
                Found::Damage if from == 0 => {
                    self.records = self.read.records;
                    self.cut(self.read.at, self.end)?;
                    return Ok(batch);
                }
                // the end, or the chunk ends within a record: that one is read next time
                Found::End | Found::Damage => return Ok(batch),
            }
        }
    }

    /// Everything that is not in the database, from the oldest on. Nothing changes.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn each(&self, mut each: impl FnMut(Given)) -> io::Result<()> {
        let (mut at, mut before) = (self.read.at, self.read.number);
        while at < self.end {
            let bytes = self.chunk(at, self.end + END.len() as u64)?;
            let mut from = 0;
            while let Found::Record { number, length, write } = record::read(&bytes[from..], before) {
                if let Some(write) = write {
                    each((number, Arc::from(write)));
                }
                (at, before) = (at + length, number);
                from += usize::try_from(length).unwrap_or(0);
            }
            if from == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What [`Self::oldest`] gave is in the database. Once everything is, the file is empty again.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn passed(&mut self) -> io::Result<()> {
        self.read = self.ahead;
        if self.read.at < self.end {
            return Ok(());
        }
        self.file.write_all_at(&END, HEAD)?;
        self.file.sync_data()?;
        (self.read.at, self.end) = (HEAD, HEAD);
        self.ahead = self.read;
        self.records = self.read.records;
        self.cut_behind_end();
        self.reserve();
        Ok(())
    }

    /// A new head, with a new identity. Whatever stood in the file is put aside.
    fn begin(&mut self) -> io::Result<[u8; 16]> {
        let length = self.file.metadata()?.len();
        self.set_aside(0, length, "no spool")?;
        let (one, other) = (RandomState::new().build_hasher().finish(), RandomState::new().build_hasher().finish());
        let identity = (u128::from(one) << 64 | u128::from(other)).to_le_bytes();
        let mut head = record::head(identity);
        head.extend(END);
        self.file.write_all_at(&head, 0)?;
        self.file.sync_all()?;
        Ok(identity)
    }

    fn find_end(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        loop {
            let bytes = self.chunk(self.end, length)?;
            let mut from = 0;
            loop {
                match record::read(&bytes[from..], self.last) {
                    Found::Record { number, length, .. } => {
                        (self.last, self.end, self.records) = (number, self.end + length, self.records + 1);
                        from += usize::try_from(length).unwrap_or(0);
                    }
                    Found::End => return Ok(()),
                    Found::Damage if from == 0 => return self.cut(self.end, length),
                    Found::Damage => break,
                }
            }
        }
    }

    /// Ends the file here: what stands behind it is damaged, and put aside.
    fn cut(&mut self, at: u64, upto: u64) -> io::Result<()> {
        self.set_aside(at, upto, "a damaged tail")?;
        self.file.write_all_at(&END, at)?;
        self.file.sync_data()?;
        self.end = at;
        Ok(())
    }

    /// Copies a piece of the file to one beside it. The zeros at its end are left out; nothing but zeros is nothing.
    fn set_aside(&mut self, from: u64, upto: u64, what: &str) -> io::Result<()> {
        let upto = upto.min(from + MOST_BYTES);
        let mut piece = vec![0; usize::try_from(upto.saturating_sub(from)).unwrap_or(0)];
        let length = self.read_into(&mut piece, from)?;
        piece.truncate(length);
        piece.truncate(piece.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        if piece.is_empty() {
            return Ok(());
        }
        self.put_aside += 1;
        for n in 1..=MOST_BAD {
            let path = self.path.with_extension(format!("bad-{n}"));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    let kept = file.write_all_at(&piece, 0).and_then(|()| file.sync_all());
                    tracing::error!(path = %path.display(), from, bytes = piece.len(), ?kept, "the spool holds {what}: put aside");
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    tracing::error!(path = %path.display(), from, bytes = piece.len(), %error, "the spool holds {what}: not put aside");
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Bytes from there on: some at once, but the first record whole. None behind `limit`.
    fn chunk(&self, at: u64, limit: u64) -> io::Result<Vec<u8>> {
        let left = usize::try_from(limit.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(CHUNK)];
        let length = self.read_into(&mut bytes, at)?;
        bytes.truncate(length);
        let whole = record::body_length(&bytes).map_or(0, |body| PREFIX + body);
        if whole > bytes.len() && whole <= left {
            bytes.resize(whole, 0);
            let length = self.read_into(&mut bytes, at)?;
            bytes.truncate(length);
        }
        Ok(bytes)
    }

    fn read_into(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let mut length = 0;
        while length < bytes.len() {
            match self.file.read_at(&mut bytes[length..], at + length as u64) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(length)
    }

    /// Gives back what the file grew beyond its reserve and its end.
    fn cut_behind_end(&self) {
        let wanted = self.reserve.max(self.end + END.len() as u64);
        let cut =
            self.file.metadata().and_then(|meta| if meta.len() > wanted { self.file.set_len(wanted) } else { Ok(()) });
        if let Err(error) = cut.and_then(|()| self.file.write_all_at(&END, self.end)) {
            tracing::warn!(path = %self.path.display(), %error, "the spool could not be cut");
        }
    }

    /// Writes zeros up to the reserve: a hole would not keep the room.
    fn reserve(&mut self) {
        let fill = || {
            let from = self.file.metadata()?.len();
            let zeros = vec![0; CHUNK];
            let mut at = from;
            while at < self.reserve {
                let piece = usize::try_from(self.reserve - at).unwrap_or(CHUNK).min(CHUNK);
                if let Err(error) = self.file.write_all_at(&zeros[..piece], at) {
                    self.file.set_len(from)?;
                    return Err(error);
                }
                at += piece as u64;
            }
            if at > from { self.file.sync_all() } else { Ok(()) }
        };
        let filled: io::Result<()> = fill();
        if let Err(error) = &filled {
            tracing::warn!(path = %self.path.display(), %error, "no room can be kept for the spool");
        }
        self.reserved = filled.is_ok();
    }
}

#[cfg(test)]
mod tests;
