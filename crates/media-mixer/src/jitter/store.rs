//! Keeps the packets that wait for their turn, in the order of their timestamps.
//!
//! Payloads lie in chains of small blocks, so that thousand short packets cost no more room than a few long ones. All room is
//! taken at construction. Does not know what time it is, nor what has been played.

use crate::codec::Codec;

/// Packets kept at most: 1.28 s of 20 ms packets, 640 ms of 10 ms packets.
pub(crate) const MAX_PACKETS: usize = 64;

/// Payload bytes in one block: 10 ms of G.711.
const BLOCK_BYTES: usize = 80;

/// Blocks of one leg: 960 ms of G.711, 7.5 KiB.
const BLOCKS: usize = 96;

/// Longest payload taken: what fits into one Ethernet frame.
pub(crate) const MAX_PAYLOAD: usize = 1_472;

/// No further block.
const NONE: u8 = u8::MAX;

/// One waiting packet, without its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// The first sample's place in our count.
    pub(crate) timestamp: i64,
    /// Samples that it stands for.
    pub(crate) duration: u16,
    /// Payload length in bytes.
    bytes: u16,
    first_block: u8,
    pub(crate) codec: Codec,
    /// The stream's timestamps jumped at this packet.
    pub(crate) after_jump: bool,
}

impl Waiting {
    pub(crate) const fn end(&self) -> i64 {
        self.timestamp + self.duration as i64
    }
}

/// What became of a packet that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It waits now.
    Stored,
    /// It waits now, and the oldest ones were dropped to make room for it.
    StoredAfterDropping(u32),
    /// One with the same timestamp waits already.
    Duplicate,
    /// There is no room and everything that waits is younger.
    TooOld,
}

pub(crate) struct Store {
    packets: [Option<Waiting>; MAX_PACKETS],
    count: usize,
    blocks: Box<[[u8; BLOCK_BYTES]; BLOCKS]>,
    next: [u8; BLOCKS],
    free: u8,
    free_count: usize,
}

impl Store {
    pub(crate) fn new() -> Self {
        let mut store = Self {
            packets: [None; MAX_PACKETS],
            count: 0,
            blocks: Box::new([[0; BLOCK_BYTES]; BLOCKS]),
            next: [NONE; BLOCKS],
            free: NONE,
            free_count: 0,
        };
        for block in 0..BLOCKS {
            store.give_back(block as u8);
        }
        store
    }

    /// Puts a packet into its place.
    pub(crate) fn insert(
        &mut self,
        timestamp: i64,
        duration: usize,
        codec: Codec,
        payload: &[u8],
        after_jump: bool,
    ) -> Kept {
        debug_assert!(!payload.is_empty() && payload.len() <= MAX_PAYLOAD);
        let mut place = self.place_of(timestamp);
        if place > 0 && self.packets[place - 1].is_some_and(|p| p.timestamp == timestamp) {
            return Kept::Duplicate;
        }
        let needed = payload.len().div_ceil(BLOCK_BYTES);
        let mut dropped = 0;
        while self.count == MAX_PACKETS || self.free_count < needed {
            if place == 0 {
                return Kept::TooOld;
            }
            self.drop_first();
            place -= 1;
            dropped += 1;
        }
        let waiting = Waiting {
            timestamp,
            duration: u16::try_from(duration).unwrap_or(u16::MAX),
            bytes: payload.len() as u16,
            first_block: self.write(payload),
            codec,
            after_jump,
        };
        self.packets.copy_within(place..self.count, place + 1);
        self.packets[place] = Some(waiting);
        self.count += 1;
        if dropped == 0 { Kept::Stored } else { Kept::StoredAfterDropping(dropped) }
    }

    /// The packet with the lowest timestamp.
    pub(crate) fn first(&self) -> Option<Waiting> {
        self.packets[0]
    }

    /// The packet after that.
    pub(crate) fn second(&self) -> Option<Waiting> {
        self.packets[1]
    }

    /// Copies the first packet's payload to the front of `out` and says how many bytes it has.
    pub(crate) fn read_first(&self, out: &mut [u8; MAX_PAYLOAD]) -> usize {
        let Some(first) = self.packets[0] else { return 0 };
        let bytes = usize::from(first.bytes);
        let mut block = first.first_block;
        for chunk in out[..bytes].chunks_mut(BLOCK_BYTES) {
            chunk.copy_from_slice(&self.blocks[usize::from(block)][..chunk.len()]);
            block = self.next[usize::from(block)];
        }
        bytes
    }

    /// Copies the first packet's payload to the front of `out`, forgets the packet, and says how many bytes it had.
    pub(crate) fn take_first(&mut self, out: &mut [u8; MAX_PAYLOAD]) -> usize {
        let bytes = self.read_first(out);
        self.drop_first();
        bytes
    }

    /// Forgets the packet with the lowest timestamp.
    pub(crate) fn drop_first(&mut self) {
        let Some(first) = self.packets[0] else { return };
        let mut block = first.first_block;
        while block != NONE {
            let after = self.next[usize::from(block)];
            self.give_back(block);
            block = after;
        }
        self.packets.copy_within(1..self.count, 0);
        self.count -= 1;
        self.packets[self.count] = None;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        while self.count > 0 {
            self.drop_first();
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Index before which a packet with `timestamp` belongs; equal timestamps lie before it.
    fn place_of(&self, timestamp: i64) -> usize {
        let mut place = self.count;
        while place > 0 && self.packets[place - 1].is_some_and(|p| p.timestamp > timestamp) {
            place -= 1;
        }
        place
    }

    fn write(&mut self, payload: &[u8]) -> u8 {
        let mut chain = NONE;
        // From the end, so that every block can be told its follower.
        for chunk in payload.chunks(BLOCK_BYTES).rev() {
            let block = self.free;
            self.free = self.next[usize::from(block)];
            self.free_count -= 1;
            self.blocks[usize::from(block)][..chunk.len()].copy_from_slice(chunk);
            self.next[usize::from(block)] = chain;
            chain = block;
        }
        chain
    }

    fn give_back(&mut self, block: u8) {
        self.next[usize::from(block)] = self.free;
        self.free = block;
        self.free_count += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn insert(store: &mut Store, timestamp: i64, bytes: usize) -> Kept {
        store.insert(timestamp, bytes, Codec::Pcmu, &vec![timestamp as u8; bytes], false)
    }

    #[test]
    fn packets_come_out_in_order_with_their_own_bytes() {
        let mut store = Store::new();
        for (timestamp, bytes) in [(480, 160), (0, 240), (960, 1), (240, 240), (640, 81)] {
            assert_eq!(insert(&mut store, timestamp, bytes), Kept::Stored);
        }
        assert_eq!(insert(&mut store, 640, 5), Kept::Duplicate);
        let mut out = [0; MAX_PAYLOAD];
        for (timestamp, bytes) in [(0, 240), (240, 240), (480, 160), (640, 81), (960, 1)] {
            assert_eq!(store.first().unwrap().timestamp, timestamp);
            assert_eq!(store.take_first(&mut out), bytes);
            assert!(out[..bytes].iter().all(|b| *b == timestamp as u8));
        }
        assert_eq!((store.len(), store.free_count), (0, BLOCKS));
    }

    #[test]
    fn a_full_store_drops_the_oldest_and_never_grows() {
        let mut store = Store::new();
        for n in 0..1_000 {
            insert(&mut store, n * 160, 160);
        }
        assert_eq!(store.len(), BLOCKS / 2);
        assert_eq!(store.first().unwrap().timestamp, 952 * 160);
        assert_eq!(insert(&mut store, 1_000_000, MAX_PAYLOAD), Kept::StoredAfterDropping(10));
        assert_eq!(insert(&mut store, -5, 1_472), Kept::TooOld);
        for n in 0..1_000 {
            insert(&mut store, 2_000_000 + n, 1);
        }
        assert_eq!(store.len(), MAX_PACKETS);
        store.clear();
        assert_eq!((store.len(), store.free_count), (0, BLOCKS));
        assert!(store.first().is_none());
    }
}
