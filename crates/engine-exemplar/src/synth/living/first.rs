//! The first frame of a living shot or a still: a composition, and the layout's weight that makes it a picture and no copy.

use super::{LAYOUT_WEIGHT, Living, STRUCTURE_WEIGHT, Stop, labelled, origins, weights, whose};
use crate::map::Origin;
use crate::measure::chunk_pixels;
use crate::synth::carry;
use crate::synth::compose;
use crate::synth::layout::{self, Layout};
use crate::synth::matter::{Level, halve_bytes, spot_x, spot_y};
use crate::synth::pyramid::{Effort, Half, Wish, onward, outline, refine, sizes};
use rayon::prelude::*;
use std::ops::Range;

/// Area-weighted piece, in pixels of a 960x540 frame, over which a first frame counts as copied.
pub(super) const MOST_CHUNK: f64 = 4_800.0;

impl Living {
    /// Frame 0.
    pub fn first(&mut self, stop: &Stop) -> Vec<Origin> {
        if let Some(like) = self.like.take() {
            return self.first_like(&like, stop);
        }
        let s = self.setting.clone();
        let (mut sketch, mut wish) = self.composition().draw(&self.sheets);
        let drawn = !self.wanted.drawing.is_empty();
        if drawn {
            (sketch, wish) = compose::by_drawing(
                &self.wanted,
                (sketch, wish),
                &self.sheets,
                s.width,
                s.height,
                self.radius,
                self.gain,
            );
        }
        let levels = self.matter.levels.len();
        for (w, h) in sizes(s.width, s.height, levels).into_iter().take(levels - 1) {
            sketch = halve_bytes(&sketch, w, h).0;
        }
        layout::roughen(&mut sketch, 30.0, s.seed);
        let effort = Effort::whole().for_texture(self.texture);
        let most = MOST_CHUNK * (s.width * s.height) as f64 / (960.0 * 540.0);
        let wish = Wish {
            width: s.width,
            height: s.height,
            guide: &wish,
            stop,
        };
        // How large pieces become shows at a quarter of the size, at a fraction of the work.
        let (coarse, fine) = (2.min(levels - 1), 1.min(levels - 1));
        let mut best: Option<(f64, f64, Half)> = None;
        // A drawing is no copy of a photograph: it may guide more strongly from the start.
        let mut by = if drawn {
            1.0 + 0.6 * f64::from(self.wanted.strength)
        } else {
            1.0
        };
        for attempt in 0..4 {
            self.rule(by, coarse..levels);
            let half = outline(
                &self.matter,
                &self.planes,
                &self.weights,
                &wish,
                &sketch,
                &effort,
                s.seed,
                coarse,
            );
            let chunk = chunk_of(&half, &self.matter.levels[coarse], s.width * s.height);
            let fits = chunk <= most;
            let better = best
                .as_ref()
                .is_none_or(|(b, ..)| if *b > most { chunk < *b } else { fits && chunk > *b });
            if better {
                best = Some((chunk, by, half));
            }
            // Pieces shrink about with the fifth power of the layout's weight. Large ones are the better
            // photograph, too large ones a copy.
            let small = chunk < most * 0.45 && attempt == 0 && !drawn;
            if stop() || (fits && !small) || (fits && attempt > 0) {
                break;
            }
            by *= libm::pow(chunk / (most * 0.8), 0.2).clamp(0.8, 1.5);
        }
        // At half the size it must hold; if not, once more with a stronger layout.
        for _ in 0..2 {
            let Some((_, by, half)) = best.take() else { break };
            self.rule(by, fine..levels);
            let half = onward(
                half,
                &self.matter,
                &self.planes,
                &self.weights,
                &wish,
                &effort,
                s.seed,
                fine,
            );
            let chunk = chunk_of(&half, &self.matter.levels[fine], s.width * s.height);
            if chunk <= most || stop() || by >= 1.0 / f64::from(LAYOUT_WEIGHT) {
                best = Some((chunk, by, half));
                break;
            }
            let by = by * libm::pow(chunk / (most * 0.8), 0.2).clamp(1.05, 1.5);
            self.rule(by, fine..levels);
            let half = outline(
                &self.matter,
                &self.planes,
                &self.weights,
                &wish,
                &sketch,
                &effort,
                s.seed,
                fine,
            );
            best = Some((chunk, by, half));
        }
        let mut all = Vec::new();
        let mut least = f64::MAX;
        // Pieces may still join at full size: then it is tried again, with a stronger layout.
        for attempt in 0..4 {
            let Some((_, by, half)) = best.take() else { break };
            self.rule(by, 0..1);
            let made = refine(
                half,
                &self.matter,
                &self.planes,
                &self.weights,
                &wish,
                &effort,
                s.seed,
            );
            let mut now = origins(&made.from, &self.matter);
            for _ in 0..2 {
                carry::tidy(&mut now, s.width, s.height, &self.matter.levels[0], &[]);
            }
            let chunk = chunk_pixels(&now, s.width);
            if chunk < least {
                (least, all) = (chunk, now);
            }
            let strongest = 1.0 / f64::from(LAYOUT_WEIGHT);
            if chunk <= most || stop() || attempt == 3 || by >= strongest {
                break;
            }
            let by = (by * libm::pow(chunk / (most * 0.8), 0.2).clamp(1.15, 1.5)).min(strongest);
            self.rule(by, fine..levels);
            let half = outline(
                &self.matter,
                &self.planes,
                &self.weights,
                &wish,
                &sketch,
                &effort,
                s.seed,
                fine,
            );
            best = Some((chunk, by, half));
        }
        // The frames that follow go by the usual weights.
        self.rule(1.0, 0..levels);
        all
    }

    /// Where each source's matter is wanted, before any drawing.
    pub(super) fn composition(&self) -> Layout {
        let s = &self.setting;
        Layout::new(&self.sheets, s.width, s.height, s.seed, &s.wished).labelled(&self.wanted.labels)
    }

    /// Sets the weights of the layout, and renews the planes of these levels by them.
    pub(super) fn rule(&mut self, by: f64, levels: Range<usize>) {
        let by = by as f32;
        let plain = weights((LAYOUT_WEIGHT * by).min(1.0), (STRUCTURE_WEIGHT * by).min(1.0));
        self.weights = labelled(plain, whose(&self.wanted));
        for l in levels {
            self.planes[l] = self.matter.levels[l].plane(&self.weights);
        }
    }
}

/// Area-weighted size that an outline's pieces will have, in pixels of the whole frame of so many: measured, finer
/// levels take about a tenth off.
fn chunk_of(half: &Half, level: &Level, pixels: usize) -> f64 {
    let (w, h) = half.size();
    let pieces: Vec<Origin> = half
        .places()
        .par_iter()
        .map(|s| {
            let (x, y) = (spot_x(*s), spot_y(*s));
            Origin::whole(level.source_of_row(y) as u16, x as i32, y as i32)
        })
        .collect();
    chunk_pixels(&pieces, w) * 0.9 * pixels as f64 / (w * h) as f64
}
