//! Randomness that belongs to a pixel, not to a thread: the same for any order of work.

/// Mixes 64 bits well (the finaliser of MurmurHash3).
#[inline(always)]
pub fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// A small generator started from a hash.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice for one purpose (`seed`) at one place (`index`).
    #[inline(always)]
    pub fn new(seed: u64, index: u64) -> Dice {
        Dice(mix(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// 31 random bits.
    #[inline(always)]
    pub fn roll(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    /// A number below `n` (n >= 1).
    #[inline(always)]
    pub fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.roll()) * u64::from(n)) >> 31) as u32
    }

    /// A number in 0..1, in steps of 2^-24: exact in f32.
    #[inline(always)]
    pub fn unit(&mut self) -> f32 {
        (self.roll() >> 7) as f32 / 16_777_216.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_spread_and_repeat() {
        let mut sum = 0.0;
        for i in 0..1000 {
            let v = Dice::new(7, i).unit();
            assert!((0.0..1.0).contains(&v));
            sum += v;
        }
        assert!((sum / 1000.0 - 0.5).abs() < 0.05);
        assert_eq!(Dice::new(3, 4).roll(), Dice::new(3, 4).roll());
        assert!((0..100).all(|i| Dice::new(1, i).below(5) < 5));
    }
}
