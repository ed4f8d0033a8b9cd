//! A grade fitted from samples: the curve of lightness, the moves of colour, and the table they make.

use heirloom_picture::{color, oklab};

use super::curve::Curve;
use super::transport::{self, Cluster};
use super::{FitOptions, Grade, Samples, gamut};
use crate::lut::{LARGEST, Lut3};

/// Chroma within which a colour counts as grey.
const GREY: f64 = 0.035;
/// A colour's own weight against the prior that nothing moves: with less than this around it, it stays.
const PRIOR: f64 = 2e-3;
/// How many times the moves are halved until lightness rises everywhere; then colour stays as it is.
const REPAIRS: i32 = 6;

impl Grade {
    /// The grade that brings pictures like `from` to the colours of `to`, the style's sources.
    ///
    /// Lightness by transport in one dimension with bounded slope (histogram matching, made gentle; the idea of
    /// Reinhard et al., "Color transfer between images", 2001, and Pitié et al. 2007), colour by entropic optimal
    /// transport between clusters, smoothed by a kernel. See `docs/style.md`.
    pub fn fit(from: &Samples, to: &Samples, options: &FitOptions) -> Self {
        let curve = Curve::fit(from, to, options);
        let moved = from
            .colours()
            .iter()
            .map(|(lab, w)| ([curve.at(lab[0]), lab[1], lab[2]], *w));
        let source = transport::clusters(moved);
        let target = transport::clusters(to.colours().iter().copied());
        let field = Field {
            moves: transport::moves(&source, &target),
            tints: (0..=TINTS)
                .map(|i| {
                    let l = i as f64 / TINTS as f64;
                    [tint(&source, l), tint(&target, l)]
                })
                .collect(),
            source,
            options,
        };
        let size = options.size.clamp(2, LARGEST);
        let made = |part: f64| {
            Lut3::from_fn(size, |code| {
                let lab = oklab::from_linear(code.map(color::srgb_decode));
                let l = curve.at(lab[0]);
                let [a, b] = field.at([l, lab[1], lab[2]]);
                let out = gamut::held(
                    [l, lab[1] + part * a, lab[2] + part * b],
                    gamut::share(lab).max(0.8),
                );
                oklab::to_linear(out).map(|v| color::srgb_encode(v.clamp(0.0, 1.0)))
            })
        };
        // The nodes rise by the curve alone; between them a steep change of colour may undo it.
        let mut repaired = 0;
        loop {
            let part = if repaired < REPAIRS {
                libm::exp2(-f64::from(repaired))
            } else {
                0.0
            };
            match made(part) {
                Ok(lut) if repaired >= REPAIRS || least_rise(&lut) > 0.0 => return Self::from_lut(lut),
                Ok(_) => repaired += 1,
                // Sizes are in range and held colours are finite: a table of its own size cannot fail.
                Err(_) => repaired = REPAIRS,
            }
        }
    }
}

/// The least rise of lightness, per unit of code, between steps of a quarter node along the greys and along every
/// line of the table beside them that keeps the steps between channels. Above 0: light and dark never change places.
pub(super) fn least_rise(lut: &Lut3) -> f64 {
    use rayon::prelude::*;
    let last = lut.size() - 1;
    // The lines begin on the three dark faces.
    let begins: Vec<[usize; 3]> = (0..=last)
        .flat_map(|i| (0..=last).map(move |j| [i, j]))
        .flat_map(|[i, j]| [[0, i, j], [i, 0, j], [i, j, 0]])
        .collect();
    let rises = begins.par_iter().map(|begin| {
        let steps = (last - begin.iter().max().copied().unwrap_or(0)) * 4;
        let lightness = |s: usize| {
            let code = begin.map(|b| (b as f64 + s as f64 / 4.0) / last as f64);
            oklab::from_linear(lut.sample(code).map(color::srgb_decode))[0]
        };
        let mut before = lightness(0);
        let mut least = f64::INFINITY;
        for s in 1..=steps {
            let now = lightness(s);
            least = least.min((now - before) * 4.0 * last as f64);
            before = now;
        }
        least
    });
    rises.reduce(|| f64::INFINITY, f64::min)
}

const TINTS: usize = 64;

struct Field<'a> {
    source: Vec<Cluster>,
    moves: Vec<[f64; 2]>,
    /// By lightness: the greys' tint in what comes in, and in the style.
    tints: Vec<[[f64; 2]; 2]>,
    options: &'a FitOptions,
}

impl Field<'_> {
    /// How a colour of new lightness moves in a and b.
    fn at(&self, lab: [f64; 3]) -> [f64; 2] {
        let spread = self.options.colour_smooth.max(0.01);
        let (mut sum, mut weight) = ([0.0; 2], PRIOR);
        for ((place, share), step) in self.source.iter().zip(&self.moves) {
            let d: [f64; 3] = std::array::from_fn(|k| (lab[k] - place[k]) / spread);
            // Wider than a bell: saturated colours beyond the palette go with what is nearest to them.
            let far = 1.0 + 0.5 * (0.5 * d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
            let near = share / (far * far * far);
            weight += near;
            sum[0] += near * step[0];
            sum[1] += near * step[1];
        }
        let free = sum.map(|v| v / weight);
        let place = (lab[0] * TINTS as f64).clamp(0.0, TINTS as f64 - 1e-9);
        let (i, part) = (place as usize, place - libm::floor(place));
        let mix = |which: usize, c: usize| {
            self.tints[i][which][c] * (1.0 - part) + self.tints[i + 1][which][c] * part
        };
        let (own, style): ([f64; 2], [f64; 2]) = (
            std::array::from_fn(|c| mix(0, c)),
            std::array::from_fn(|c| mix(1, c)),
        );
        let off = [lab[1] - own[0], lab[2] - own[1]];
        let grey = libm::exp(-(off[0] * off[0] + off[1] * off[1]) / (2.0 * GREY * GREY));
        let step: [f64; 2] = std::array::from_fn(|c| free[c] * (1.0 - grey) + (style[c] - own[c]) * grey);
        let long = libm::hypot(step[0], step[1]) / self.options.farthest.max(1e-3);
        step.map(|v| v / libm::sqrt(1.0 + long * long))
    }
}

/// The tint of greys at a lightness: the mean of colours near it, the greyer the heavier; grey where there are none.
fn tint(clusters: &[Cluster], l: f64) -> [f64; 2] {
    let (mut sum, mut weight) = ([0.0; 2], PRIOR);
    for (lab, share) in clusters {
        let d = (lab[0] - l) / 0.12;
        let c = (lab[1] * lab[1] + lab[2] * lab[2]) / (2.0 * 0.04 * 0.04);
        let near = share * libm::exp(-0.5 * d * d - c);
        weight += near;
        sum[0] += near * lab[1];
        sum[1] += near * lab[2];
    }
    sum.map(|v| v / weight)
}
