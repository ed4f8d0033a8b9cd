//! What words wish of a shot: how much each source counts, which colours are sought, how the pace changes.
//!
//! Nothing is tinted. Wishes make places of the matter dearer to the search ([`Wished::lean`]), by bins of its
//! occupancy, and steer the layout ([`super::layout`]): a place far from the wished colours, or in a source that
//! counts little, is taken only where it fits much better.

use super::matter::{Colour, Level, Matter, Sheet};
use heirloom_engine::palette::Palette;
use heirloom_picture::oklab;
use rayon::prelude::*;

/// What the farthest colours of the matter cost more than the nearest, in units of its texture
/// (see [`super::guide::texture`]).
const PALETTE: u32 = 10;
/// What a source that counts nothing costs more than one that counts fully, in the same units.
const SOURCE: u32 = 4;
/// Where the matter's colours are all about equally far from the wish, they are not told apart more finely than
/// so: of 255.
const LEAST_RANGE: u32 = 28;

/// Wishes, as a request has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wished {
    /// How much each source counts, 0..=1, in their order; empty for all alike.
    pub weights: Vec<f32>,
    /// Colours that are sought.
    pub palette: Palette,
    /// -1 (ends at rest) .. 1 (begins at rest).
    pub accelerate: f32,
    /// Frames of the shot, over which the pace changes.
    pub frames: u32,
}

/// How far every colour is from a palette, 0..=255, for colours of 5 bits a channel.
pub struct Misses(Vec<u8>);

impl Misses {
    /// Works it out for all colours; `None` where nothing is wished for.
    pub fn of(palette: &Palette) -> Option<Misses> {
        if palette.is_empty() {
            return None;
        }
        let all = (0..1usize << 15)
            .into_par_iter()
            .map(|i| {
                // The middle of the colours that share these five bits.
                let code = [i >> 10, i >> 5 & 31, i & 31].map(|v| (v << 3 | 4) as u8);
                (palette.miss(oklab::from_display8(code)) * 255.0 + 0.5) as u8
            })
            .collect();
        Some(Misses(all))
    }

    /// How far this colour is.
    #[inline(always)]
    pub fn at(&self, c: Colour) -> u8 {
        self.0[usize::from(c[0] >> 3) << 10 | usize::from(c[1] >> 3) << 5 | usize::from(c[2] >> 3)]
    }

    /// The range that the matter of these sheets spans: its tenth and its ninetieth hundredth.
    pub fn range(&self, sheets: &[Sheet]) -> (u32, u32) {
        let mut count = [0u64; 256];
        for s in sheets {
            for (i, c) in s.colour.iter().enumerate() {
                if s.barred.is_empty() || !s.barred[i] {
                    count[usize::from(self.at(*c))] += 1;
                }
            }
        }
        let all: u64 = count.iter().sum();
        let at = |share: u64| {
            let mut below = 0;
            count
                .iter()
                .position(|n| {
                    below += n;
                    below * 100 >= all * share
                })
                .unwrap_or(255) as u32
        };
        let (low, high) = (at(4), at(90));
        (low, high.max(low + LEAST_RANGE))
    }
}

impl Wished {
    /// Whether nothing is wished of the matter.
    pub fn nothing(&self) -> bool {
        self.palette.is_empty() && self.weights.iter().all(|w| *w >= 1.0)
    }

    /// How much source `k` counts.
    pub fn weight(&self, k: usize) -> f32 {
        self.weights.get(k).copied().unwrap_or(1.0)
    }

    /// Makes places of the matter dearer that are far from the wishes: sets the bias of all its levels.
    /// `sheets` are what it was made of, `texture` how textured they are.
    pub fn lean(&self, matter: &mut Matter, sheets: &[Sheet], texture: u32) {
        if self.nothing() {
            return;
        }
        let misses = Misses::of(&self.palette).map(|m| {
            let range = m.range(sheets);
            (m, range)
        });
        for level in &mut matter.levels {
            level.bias = self.bias(level, misses.as_ref(), texture);
        }
    }

    /// The bias of each occupancy bin of a level.
    fn bias(&self, level: &Level, misses: Option<&(Misses, (u32, u32))>, texture: u32) -> Vec<u32> {
        let shift = level.bin_shift;
        let across = super::search::bins_across(level);
        let down = (level.height >> shift) + 2;
        let mut out = vec![0u32; across * down];
        out.par_chunks_mut(across).enumerate().for_each(|(by, row)| {
            if by << shift >= level.height {
                return;
            }
            let k = level.source_of_row(by << shift);
            // In 256ths; whole numbers, so that every machine finds the same.
            let lacks = ((1.0 - self.weight(k).clamp(0.0, 1.0)) * 256.0) as u32;
            for (bx, o) in row.iter_mut().enumerate() {
                *o = ((u64::from(texture) * u64::from(SOURCE) * u64::from(lacks)) >> 8) as u32;
                let Some((misses, (low, high))) = misses else {
                    continue;
                };
                let (mut sum, mut n) = (0u32, 0u32);
                for y in by << shift..((by + 1) << shift).min(level.height) {
                    for x in bx << shift..((bx + 1) << shift).min(level.width) {
                        let i = y * level.width + x;
                        if level.owner[i] != 0 {
                            sum += u32::from(misses.at(level.colour[i]));
                            n += 1;
                        }
                    }
                }
                let mean = (sum + n / 2).checked_div(n).unwrap_or(*low);
                let far = (mean.clamp(*low, *high) - low) * 256 / (high - low);
                *o += ((u64::from(texture) * u64::from(PALETTE) * u64::from(far)) >> 8) as u32;
            }
        });
        out
    }
}

/// How far along something is whose pace changes: `u` from 0 to 1, `accelerate` from -1 to 1. Begins at 0, ends at
/// 1, never goes back.
pub fn hasten(u: f32, accelerate: f32) -> f32 {
    // The speed 1 + a (2u - 1), integrated; at a = 1 it begins at rest.
    let a = accelerate.clamp(-1.0, 1.0);
    u + a * (u * u - u)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_hastened_way_begins_ends_and_never_goes_back(a in -1.5f32..1.5, steps in 2u32..200) {
            prop_assert_eq!(hasten(0.0, a), 0.0);
            prop_assert!((hasten(1.0, a) - 1.0).abs() < 1e-6);
            let way: Vec<f32> = (0..=steps).map(|n| hasten(n as f32 / steps as f32, a)).collect();
            prop_assert!(way.windows(2).all(|w| w[1] >= w[0] - 1e-6));
        }
    }

    #[test]
    fn far_colours_and_slight_sources_are_dearer() {
        // The left half red, the right half blue, in both sources; the second counts less.
        let sheet = || Sheet {
            width: 64,
            height: 32,
            colour: (0..64 * 32)
                .map(|i| {
                    if i % 64 < 32 {
                        [200, 30, 30, 0]
                    } else {
                        [30, 30, 200, 0]
                    }
                })
                .collect(),
            guide: vec![[0; 5]; 64 * 32],
            barred: Vec::new(),
        };
        let sheets = vec![sheet(), sheet()];
        let mut matter = Matter::new(sheets.clone(), 2).unwrap();
        let wished = Wished {
            weights: vec![1.0, 0.5],
            palette: Palette::parse("0.55 0.21 27 1").unwrap(),
            ..Wished::default()
        };
        wished.lean(&mut matter, &sheets, 1000);
        for level in &matter.levels {
            let across = super::super::search::bins_across(level);
            let bin = |k: usize, x: usize| {
                let y = level.places[k].top + level.places[k].height / 2;
                level.bias[(y >> level.bin_shift) * across + (x >> level.bin_shift)]
            };
            let right = level.places[0].width - 4;
            assert!(bin(0, 4) < 500, "{}", bin(0, 4));
            assert!(bin(0, right) > 9000, "{}", bin(0, right));
            assert!((1800..2200).contains(&(bin(1, 4) - bin(0, 4))));
        }
        let mut plain = Matter::new(sheets.clone(), 2).unwrap();
        Wished::default().lean(&mut plain, &sheets, 1000);
        assert!(plain.levels.iter().all(|l| l.bias.is_empty()));
    }
}
