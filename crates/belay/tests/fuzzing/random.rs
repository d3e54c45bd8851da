//! A small deterministic generator of random numbers (xorshift64*): the same seed gives the same programs anywhere.

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        // Zero is the one state that xorshift never leaves.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        ((self.bits() >> 33) as usize) % limit.max(1)
    }

    /// True in one of `n` cases.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A constant of the kind that finds mistakes at the edges.
    pub(crate) fn constant(&mut self) -> i32 {
        match self.below(6) {
            0 => self.of(&[0, 1, -1, 2, 7, 8, 15, 16, 63, 64]),
            1 => self.of(&[i32::MAX, i32::MIN, 0x7fff, 0x8000, 0xff, 0x100, -8, -4096, 1 << 29]),
            2 => self.bits() as i32,
            _ => self.below(64) as i32,
        }
    }
}
