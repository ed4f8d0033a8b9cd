//! Light guessed from one ordinary photograph, without knowing what it shows.

use glam::DVec3;
use heirloom_picture::Image;

use super::segment::{Body, Patches, Tones, blow_up};
use super::shading::{Belief, Cell, solve, weigh};
use super::{LightError, PlaceLight, luminance};

/// The longer side of the small picture that is looked at, in pixels, at most.
const LONG: usize = 192;

/// How readily patches join, in each of several cuts.
const SCALES: [f64; 3] = [0.5, 1.2, 3.0];
/// Bodies with less contrast than this are flat.
const FLAT: f64 = 0.35;

/// What a source that is seen in the picture speaks for light from there, and how near "there" is.
const SOURCE: f64 = 0.06;
const NEAR_SOURCE_RAD: f64 = 0.25;
/// Guessed bodies are trusted less than known normals, and cannot tell a slope of the fill from the key.
const GUESSED: Belief = Belief {
    tolerance: 0.12,
    even: 0.15,
};
/// What light from a direction below half way up costs, and what light from below the horizon costs on top.
const HABIT: f64 = 0.12;
const BELOW: f64 = 0.2;

/// What is known of a photograph beside its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Photograph {
    /// How much the camera saw across, in degrees; 50 (a lens of about 39 mm) where it is unknown.
    pub across_deg: f64,
}

impl Default for Photograph {
    fn default() -> Self {
        Self { across_deg: 50.0 }
    }
}

/// The light of an ordinary photograph, in its camera's axes: x right, y up, −z into the picture.
///
/// Without knowing the scene, three things can be used. Bodies: smooth patches of one colour that stand free in the
/// picture are blown up from their outlines (at an outline the surface turns away from the camera, so its normal is
/// known: P. Nillius and J.-O. Eklundh, "Automatic Estimation of the Projected Light Source Direction", CVPR 2001; the
/// inside follows as in J. Lopez-Moreno et al., "Multiple Light Source Estimation in a Single Image", CGF 2013), and the
/// light that explains their shading is solved as in [`from_shading`](super::from_shading). Sources: a burnt-out spot
/// high in the picture gives a direction through the lens. Habit: light seldom comes from below.
///
/// # Errors
/// [`LightError::Small`], [`LightError::Black`].
pub fn from_photograph(image: &Image, known: Photograph) -> Result<PlaceLight, LightError> {
    let (width, height) = (image.width(), image.height());
    if width < 24 || height < 24 {
        return Err(LightError::Small {
            width,
            height,
            least: 24,
        });
    }
    let small = Small::of(image);
    if small.light.iter().map(|c| luminance(*c)).sum::<f64>() <= 0.0 {
        return Err(LightError::Black);
    }
    let source = small.source(known);
    let prior = |d: DVec3| {
        let seen = source.map_or(0.0, |s| {
            let off = libm::acos(s.dot(d).clamp(-1.0, 1.0)) / NEAR_SOURCE_RAD;
            libm::exp(-off * off)
        });
        habit(d) - SOURCE * seen
    };
    let tones = small.tones();
    let bodies = small.bodies(&tones);
    let cells = small.cells(&bodies);
    let objects = bodies.len();
    let found = solve(&cells, objects, GUESSED, &prior);
    match found {
        Ok(light) => Ok(light),
        Err(_) => Ok(small.without_bodies(source)),
    }
}

/// What it costs to believe in light from a direction: little above, more and more below the horizon.
fn habit(d: DVec3) -> f64 {
    HABIT * (0.45 - d.y).max(0.0) + BELOW * (0.05 - d.y).max(0.0)
}

/// The photograph, small.
struct Small {
    width: usize,
    height: usize,
    /// Linear ACEScg.
    light: Vec<[f64; 3]>,
    /// Share of burnt-out pixels.
    burnt: Vec<f64>,
}

impl Small {
    /// Means of square blocks of the picture.
    fn of(image: &Image) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let block = width.max(height).div_ceil(LONG);
        let (small_width, small_height) = (width / block, height / block);
        let mut light = vec![[0.0; 3]; small_width * small_height];
        let mut burnt = vec![0.0; small_width * small_height];
        let share = 1.0 / (block * block) as f64;
        for y in 0..small_height * block {
            let row = image.row(y as u32);
            for (x, pixel) in row.iter().take(small_width * block).enumerate() {
                let cell = y / block * small_width + x / block;
                let c = [pixel[0], pixel[1], pixel[2]];
                for (sum, v) in light[cell].iter_mut().zip(c) {
                    *sum += if v.is_finite() {
                        f64::from(v.max(0.0)) * share
                    } else {
                        0.0
                    };
                }
                if c.iter().any(|v| *v > 0.96) {
                    burnt[cell] += share;
                }
            }
        }
        Self {
            width: small_width,
            height: small_height,
            light,
            burnt,
        }
    }

    /// Cube root of luminance, and chroma, each the median of its 3x3 neighbours: noise goes, outlines stay sharp.
    fn tones(&self) -> Tones {
        let mean = self.light.iter().map(|c| luminance(*c)).sum::<f64>() / self.light.len() as f64;
        let floor = 0.03 * mean + 1e-6;
        let raw: Vec<[f64; 3]> = self
            .light
            .iter()
            .map(|c| {
                let sum = c[0] + c[1] + c[2] + 3.0 * floor;
                [
                    libm::cbrt(luminance(*c) / mean.max(1e-9)),
                    (c[0] + floor) / sum,
                    (c[1] + floor) / sum,
                ]
            })
            .collect();
        let mut values = Vec::with_capacity(raw.len());
        for y in 0..self.height {
            for x in 0..self.width {
                let mut near = [[0.0; 9]; 3];
                for k in 0..9 {
                    let row = (y + k / 3).saturating_sub(1).min(self.height - 1);
                    let column = (x + k % 3).saturating_sub(1).min(self.width - 1);
                    let from = raw[row * self.width + column];
                    for (list, v) in near.iter_mut().zip(from) {
                        list[k] = v;
                    }
                }
                values.push(near.map(|mut list| {
                    list.sort_by(f64::total_cmp);
                    list[4]
                }));
            }
        }
        Tones {
            width: self.width,
            height: self.height,
            values,
        }
    }

    /// Patches that may be bodies, the roundest first, from cuts at several scales; where two overlap, the rounder.
    fn bodies(&self, tones: &Tones) -> Vec<Shaded> {
        let all = self.light.len() as f64;
        let mut found: Vec<(f64, Shaded, Vec<usize>)> = Vec::new();
        for scale in SCALES {
            let patches = tones.cut(scale, 30);
            let mut sizes = vec![0usize; patches.count];
            for &p in &patches.of {
                sizes[p] += 1;
            }
            for (patch, size) in sizes.into_iter().enumerate() {
                if !(0.004..0.35).contains(&(size as f64 / all)) {
                    continue;
                }
                let Some(body) = blow_up(&patches, patch, self.width, self.height) else {
                    continue;
                };
                if body.fullness < 0.25 || body.roundness < 0.8 {
                    continue;
                }
                let contrast = contrast(&patches, patch, &body, tones);
                if contrast < FLAT {
                    continue;
                }
                let outline: Vec<usize> = body.normals.iter().map(|n| n.0).collect();
                let worth = body.roundness * libm::sqrt(body.fullness) * (1.0 - body.cut_off);
                let pixels = body
                    .normals
                    .into_iter()
                    .filter(|(i, _, inside)| patches.of[*i] == patch && *inside >= 1.0)
                    .map(|(i, normal, _)| (i, normal))
                    .collect();
                found.push((worth, Shaded { pixels, contrast }, outline));
            }
        }
        // The sort is stable: equal ones stay in the order they were found in.
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut taken = vec![false; self.light.len()];
        let mut bodies = Vec::new();
        for (_, shaded, outline) in found {
            let shared = outline.iter().filter(|i| taken[**i]).count();
            if shared * 5 > outline.len() {
                continue;
            }
            for i in outline {
                taken[i] = true;
            }
            bodies.push(shaded);
        }
        bodies
    }

    /// What the bodies show: their own pixels, a little inside the outline.
    fn cells(&self, bodies: &[Shaded]) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (object, body) in bodies.iter().enumerate() {
            for (i, normal) in &body.pixels {
                let bright = luminance(self.light[*i]);
                if self.burnt[*i] > 0.3 || bright < 0.002 {
                    continue;
                }
                cells.push(Cell {
                    normal: *normal,
                    light: self.light[*i],
                    bright,
                    object,
                    weight: 1.0,
                });
            }
        }
        weigh(&mut cells, bodies.len());
        for cell in &mut cells {
            cell.weight *= bodies[cell.object].contrast.min(1.5);
        }
        cells
    }

    /// The direction of a burnt-out spot, small, with darker things all round it and in the upper part of the
    /// picture: a lamp, a window, the sun.
    fn source(&self, known: Photograph) -> Option<DVec3> {
        let (width, height) = (self.width, self.height);
        let all = (width * height) as f64;
        let mut seen = vec![false; self.burnt.len()];
        let mut best: Option<(f64, DVec3)> = None;
        for start in 0..self.burnt.len() {
            if seen[start] || self.burnt[start] < 0.5 {
                continue;
            }
            let mut spot = vec![start];
            seen[start] = true;
            let mut next = 0;
            let (mut rim, mut rim_cells) = (0.0, 0.0);
            while next < spot.len() {
                let (x, y) = (spot[next] % width, spot[next] / width);
                next += 1;
                for row in y.saturating_sub(1)..(y + 2).min(height) {
                    for column in x.saturating_sub(1)..(x + 2).min(width) {
                        let i = row * width + column;
                        if self.burnt[i] < 0.5 {
                            // Two further on, past the blurred edge.
                            let far = |at: usize, from: usize, most: usize| {
                                (at + 2 * at.saturating_sub(from))
                                    .saturating_sub(2 * from.saturating_sub(at))
                                    .min(most - 1)
                            };
                            let i = far(row, y, height) * width + far(column, x, width);
                            rim += luminance(self.light[i]);
                            rim_cells += 1.0;
                        } else if !seen[i] {
                            seen[i] = true;
                            spot.push(i);
                        }
                    }
                }
            }
            let share = spot.len() as f64 / all;
            if !(0.0004..0.1).contains(&share) || rim > 0.35 * rim_cells {
                continue;
            }
            let count = spot.len() as f64;
            let x = spot.iter().map(|i| (i % width) as f64 + 0.5).sum::<f64>() / count;
            let y = spot.iter().map(|i| (i / width) as f64 + 0.5).sum::<f64>() / count;
            if y > 0.4 * height as f64 {
                continue;
            }
            let half = libm::tan(known.across_deg.clamp(1.0, 170.0).to_radians() / 2.0);
            let unit = half / (width as f64 / 2.0);
            let way = DVec3::new(
                (x - width as f64 / 2.0) * unit,
                (height as f64 / 2.0 - y) * unit,
                -1.0,
            );
            if best.is_none_or(|(most, _)| share > most) {
                best = Some((share, way.normalize_or(DVec3::NEG_Z)));
            }
        }
        best.map(|(_, way)| way)
    }

    /// Where no shading can be read: the source that is seen, or light from above and a little behind the camera, of
    /// the picture's mean colour.
    fn without_bodies(&self, source: Option<DVec3>) -> PlaceLight {
        let mut mean = [0.0; 3];
        for c in &self.light {
            for (m, v) in mean.iter_mut().zip(c) {
                *m += v / self.light.len() as f64;
            }
        }
        let mut fill = [[0.0f32; 3]; 9];
        fill[0] = mean.map(|v| (2.0 * v / 0.282_094_791_773_878_14) as f32);
        PlaceLight {
            fill,
            key: mean.map(|v| (2.0 * v * core::f64::consts::PI) as f32),
            direction: source.unwrap_or(DVec3::new(0.0, 0.8, 0.6)),
            softness: 0.1,
            confidence: if source.is_some() { 0.4 } else { 0.0 },
        }
    }
}

/// A body whose shading is read.
struct Shaded {
    /// Its own pixels with their normals.
    pixels: Vec<(usize, DVec3)>,
    /// How strongly it is shaded.
    contrast: f64,
}

/// How strongly a patch is shaded: the logarithm of how much brighter its bright parts are than its dark ones. Walls
/// and faces of boxes have next to none.
fn contrast(patches: &Patches, patch: usize, body: &Body, tones: &Tones) -> f64 {
    let mut values: Vec<f64> = body
        .normals
        .iter()
        .filter(|(i, _, inside)| patches.of[*i] == patch && *inside >= 1.5)
        .map(|(i, _, _)| tones.values[*i][0])
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((values.len() as f64 * share) as usize).copied();
    match (at(0.1), at(0.9)) {
        (Some(low), Some(high)) if low > 0.0 => 3.0 * libm::log(high / low),
        _ => 0.0,
    }
}
