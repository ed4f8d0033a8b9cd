//! Style: how far a take's colours and texture lie from pictures of its style.
//!
//! A plain measure from [`heirloom_picture::look`], for films whose style is not fitted; a fitted style's own drift can
//! stand beside it ([`super::Context::drift`]). Three parts, each against the nearest of the style's pictures:
//! *palette*, the part of the colours' shares that is not common (total variation of soft OKLab histograms); *tint*,
//! how far the mean colour of each lightness lies from theirs, in OKLab, by shares of lightness (as colour transfer
//! compares them, Reinhard et al. 2001); *texture*, the mean difference of log energies by octave and direction.
//!
//! *Blind to:* what is shown; brushwork finer than the proxy. Another subject in the same style lies farther than the
//! same in it: compare with the shot's other takes.

use heirloom_picture::look::{DIRECTIONS, LIGHTNESSES, Look, SCALES, TINTS, look, node_colour};
use heirloom_picture::measure::View;
use serde::{Deserialize, Serialize};

use super::numbers::{largest, mean};
use super::seen::Seen;

/// Pictures of a style, as they are compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplars {
    looks: Vec<Looked>,
}

#[derive(Clone, Debug, PartialEq)]
struct Looked {
    look: Look,
    /// Share and mean a, b of each lightness.
    tints: [[f64; 3]; LIGHTNESSES],
}

impl Looked {
    fn of(view: &View<'_>) -> Self {
        let look = look(view);
        let mut tints = [[0.0; 3]; LIGHTNESSES];
        for (node, share) in look.palette.iter().enumerate() {
            let ([_, a, b], share) = (node_colour(node).map(f64::from), f64::from(*share));
            let tint = &mut tints[node / (TINTS * TINTS)];
            tint[0] += share;
            tint[1] += share * a;
            tint[2] += share * b;
        }
        for tint in &mut tints {
            let share = tint[0].max(1e-9);
            tint[1] /= share;
            tint[2] /= share;
        }
        Self { look, tints }
    }

    /// Palette, tint and texture.
    fn apart(&self, other: &Self) -> [f64; 3] {
        let pairs =
            |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum() };
        let palette = 0.5 * pairs(&self.look.palette, &other.look.palette);
        let (mut tint, mut shares) = (0.0, 0.0);
        for (a, b) in self.tints.iter().zip(&other.tints) {
            // Only lightnesses that both have.
            let share = a[0].min(b[0]);
            tint += share * libm::sqrt((a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
            shares += share;
        }
        let energies = SCALES * DIRECTIONS;
        let (a, b) = (&self.look.texture[..energies], &other.look.texture[..energies]);
        [palette, tint / shares.max(1e-9), pairs(a, b) / energies as f64]
    }
}

impl Exemplars {
    /// Of display pictures, best at about the size of a proxy.
    pub fn of<'a>(views: impl IntoIterator<Item = View<'a>>) -> Self {
        Self {
            looks: views.into_iter().map(|view| Looked::of(&view)).collect(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.looks.is_empty()
    }
}

/// How far from its style's pictures a take lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Style {
    /// Shares of colours that are not common, 0 to 1; mean over the frames looked at.
    pub palette: Option<f64>,
    /// Mean distance of colours of the same lightness, in OKLab.
    pub tint: Option<f64>,
    /// Mean difference of log energy by octave and direction; 0.7 is half or twice the energy.
    pub texture: Option<f64>,
}

pub(super) struct Styled<'a> {
    exemplars: &'a Exemplars,
    /// One in so many frames that come is looked at.
    every: usize,
    parts: [Vec<f64>; 3],
}

impl<'a> Styled<'a> {
    pub fn new(exemplars: &'a Exemplars, every: usize) -> Self {
        Self {
            exemplars,
            every: every.max(1),
            parts: Default::default(),
        }
    }

    pub fn frame(&mut self, seen: &Seen<'_>) {
        if !seen.place.is_multiple_of(self.every) || self.exemplars.is_empty() {
            return;
        }
        let own = Looked::of(&seen.view);
        let mut nearest = [f64::INFINITY; 3];
        for exemplar in &self.exemplars.looks {
            for (least, part) in nearest.iter_mut().zip(exemplar.apart(&own)) {
                *least = least.min(part);
            }
        }
        for (parts, part) in self.parts.iter_mut().zip(nearest) {
            parts.push(part);
        }
    }

    pub fn finish(self) -> Style {
        let [palette, tint, texture] = self.parts.map(|p| mean(&p));
        Style {
            palette,
            tint,
            texture,
        }
    }
}

/// How far a take lies from a fitted style, in that style's own unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Mean over the frames looked at.
    pub mean: Option<f64>,
    /// That of the farthest frame.
    pub farthest: Option<f64>,
}

/// A fitted style's own measure of one frame.
pub type DriftOf<'a> = &'a dyn Fn(&View<'_>) -> f64;

pub(super) struct Drifting<'a> {
    drift_of: DriftOf<'a>,
    every: usize,
    each: Vec<f64>,
}

impl<'a> Drifting<'a> {
    pub fn new(drift_of: DriftOf<'a>, every: usize) -> Self {
        Self {
            drift_of,
            every: every.max(1),
            each: Vec::new(),
        }
    }

    pub fn frame(&mut self, seen: &Seen<'_>) {
        if seen.place.is_multiple_of(self.every) {
            let drift = (self.drift_of)(&seen.view);
            if drift.is_finite() {
                self.each.push(drift);
            }
        }
    }

    pub fn finish(self) -> Drift {
        Drift {
            mean: mean(&self.each),
            farthest: largest(&self.each),
        }
    }
}
