//! Light guessed from one ordinary photograph, without knowing what it shows.

use glam::DVec3;
use heirloom_picture::Image;

use super::segment::{Body, Patches, Tones, blow_up};
use super::shading::{Cell, solve, weigh};
use super::{LightError, PlaceLight, luminance};

/// The longer side of the small picture that is looked at, in pixels, at most.
const LONG: usize = 192;

/// How readily patches join.
const SCALE: f64 = 1.2;
/// Bodies with less contrast than this are flat.
const FLAT: f64 = 0.35;

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
    if !(small.light.iter().map(|c| luminance(*c)).sum::<f64>() > 0.0) {
        return Err(LightError::Black);
    }
    let _ = known;
    let tones = small.tones();
    let patches = tones.cut(SCALE, 30);
    let bodies = small.bodies(&patches, &tones);
    let (cells, objects) = small.cells(&bodies, &patches);
    let found = solve(&cells, objects, &habit);
    match found {
        Ok(light) => Ok(light),
        Err(_) => Ok(small.without_bodies()),
    }
}

/// What it costs to believe in light from a direction: little above, more and more below the horizon.
fn habit(d: DVec3) -> f64 {
    0.12 * (0.45 - d.y).max(0.0) + 0.2 * (0.05 - d.y).max(0.0)
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

    /// Patches that may be bodies: not too small, too large, too thin or cut off by the picture's edge.
    fn bodies(&self, patches: &Patches, tones: &Tones) -> Vec<(usize, Body, f64)> {
        let all = self.light.len() as f64;
        let mut sizes = vec![0usize; patches.count];
        for &p in &patches.of {
            sizes[p] += 1;
        }
        (0..patches.count)
            .filter(|&p| sizes[p] as f64 > 0.004 * all)
            .filter_map(|p| Some((p, blow_up(patches, p, self.width, self.height)?)))
            .filter(|(_, body)| {
                (body.area as f64) < 0.4 * all
                    && body.cut_off < 0.3
                    && body.fullness > 0.25
                    && body.roundness > 0.8
            })
            .map(|(p, body)| {
                let contrast = contrast(patches, p, &body, tones);
                (p, body, contrast)
            })
            .filter(|(_, _, contrast)| *contrast > FLAT)
            .collect()
    }

    /// What the bodies show: their own pixels, a little inside the outline.
    fn cells(&self, bodies: &[(usize, Body, f64)], patches: &Patches) -> (Vec<Cell>, usize) {
        let mut cells = Vec::new();
        for (object, (patch, body, _)) in bodies.iter().enumerate() {
            for (i, normal, inside) in &body.normals {
                let bright = luminance(self.light[*i]);
                if patches.of[*i] != *patch || *inside < 1.0 || self.burnt[*i] > 0.3 || bright < 0.002 {
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
            cell.weight *= bodies[cell.object].2.min(1.5);
        }
        (cells, bodies.len())
    }

    /// Where nothing can be read: light from above and a little behind the camera, of the picture's mean colour.
    fn without_bodies(&self) -> PlaceLight {
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
            direction: DVec3::new(0.0, 0.8, 0.6),
            softness: 0.1,
            confidence: 0.0,
        }
    }
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
