//! A small random generator (xorshift64*), so that a run is repeated by its seed.

/// The generator.
pub(crate) struct Dice(u64);

impl Dice {
    /// Seeded by `BATON_SEED`, else by the clock; the seed is printed and shown when the test fails.
    #[allow(clippy::print_stdout)]
    pub(crate) fn roll() -> Dice {
        let seed = std::env::var("BATON_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap();
            since.as_nanos() as u64 | 1
        });
        println!("BATON_SEED={seed}");
        Dice(seed.max(1))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit.max(1)
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `things`.
    pub(crate) fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    /// `bytes` with one to eight small damages.
    pub(crate) fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => bytes[at] = self.next() as u8,
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                3 => bytes.insert(at, b"\0\r\n =:/09a"[self.below(10)]),
                4 => bytes.truncate(at),
                _ => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let piece = bytes[at.min(end)..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        bytes
    }
}
