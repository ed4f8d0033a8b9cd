//! Light measured in a picture of all sides.

use core::f64::consts::PI;

use glam::DVec3;
use heirloom_picture::Image;

use super::harmonics::{Sh9, basis, cap};
use super::{LightError, PlaceLight, luminance};

/// Rows of the map in which the key is looked for; the harmonics use every pixel.
const ROWS: usize = 128;
const COLUMNS: usize = 2 * ROWS;
/// Rows of the coarse map of where to look first.
const COARSE: usize = 32;

/// The light of an equirectangular picture, linear ACEScg: y up, the middle looks down −z, the right-hand quarter to
/// +x.
///
/// The harmonics are the exact projection of every pixel with its solid angle. The key is the brightest patch that
/// stands out from what is round it: from the brightest place of the picture at about 6°, the connected patch brighter
/// than half way between its surroundings and itself; its direction is the patch's centre of light, its softness
/// the patch's spread, its strength what it has above its surroundings. All that is left is fill.
///
/// In a single exposure lights are burnt out, and their strength is lost: then the patch is the burnt-out one that
/// stands out most, and its strength is estimated from how bright the ground is (within about a stop).
///
/// # Errors
/// [`LightError::NotAround`] unless it is about twice as wide as high, [`LightError::Small`], [`LightError::Black`].
pub fn from_equirectangular(image: &Image) -> Result<PlaceLight, LightError> {
    let (width, height) = (image.width(), image.height());
    if width < 16 || height < 8 {
        return Err(LightError::Small {
            width,
            height,
            least: 16,
        });
    }
    let wide = f64::from(width) / f64::from(height);
    if !(1.9..=2.1).contains(&wide) {
        return Err(LightError::NotAround { width, height });
    }
    let all = project(image);
    let map = Map::of(image);
    let total: f64 = map.light.iter().map(|c| luminance(*c)).sum();
    if total <= 0.0 {
        return Err(LightError::Black);
    }
    let patch = map.key();
    let mut light = PlaceLight {
        fill: all,
        key: patch.irradiance.map(|v| v as f32),
        direction: patch.direction,
        softness: patch.softness as f32,
        confidence: patch.clearness as f32,
    };
    let key = cap(patch.direction, patch.softness, patch.seen);
    for (fill, own) in light.fill.iter_mut().zip(key) {
        for (f, k) in fill.iter_mut().zip(own) {
            *f -= k;
        }
    }
    Ok(light)
}

/// The direction of a place in the picture, each from 0 to 1 from the upper left.
fn direction(u: f64, v: f64) -> DVec3 {
    let longitude = (u - 0.5) * 2.0 * PI;
    let latitude = (0.5 - v) * PI;
    let (sin, cos) = (libm::sin(longitude), libm::cos(longitude));
    let level = libm::cos(latitude);
    DVec3::new(sin * level, libm::sin(latitude), -cos * level)
}

/// Solid angle of one pixel of a row, in steradians.
fn solid_angle(row: usize, rows: usize, columns: usize) -> f64 {
    let edge = |r: usize| libm::sin((0.5 - r as f64 / rows as f64) * PI);
    (edge(row) - edge(row + 1)) * 2.0 * PI / columns as f64
}

/// The colour of a pixel, with what is not a number or below zero as darkness.
fn colour(pixel: [f32; 4]) -> [f64; 3] {
    [pixel[0], pixel[1], pixel[2]].map(|c| if c.is_finite() { f64::from(c.max(0.0)) } else { 0.0 })
}

/// Every pixel's light on the nine functions, row by row in one order.
fn project(image: &Image) -> Sh9 {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut sums = [[0.0f64; 3]; 9];
    for y in 0..height {
        let solid = solid_angle(y, height, width);
        let mut row = [[0.0f64; 3]; 9];
        for (x, pixel) in image.row(y as u32).iter().enumerate() {
            let u = (x as f64 + 0.5) / width as f64;
            let v = (y as f64 + 0.5) / height as f64;
            let at = basis(direction(u, v));
            let light = colour(*pixel);
            for (sum, b) in row.iter_mut().zip(at) {
                for (s, l) in sum.iter_mut().zip(light) {
                    *s += l * b;
                }
            }
        }
        for (sum, part) in sums.iter_mut().zip(row) {
            for (s, p) in sum.iter_mut().zip(part) {
                *s += p * solid;
            }
        }
    }
    sums.map(|c| c.map(|v| v as f32))
}

/// A small picture of all sides: mean radiance of each cell.
struct Map {
    rows: usize,
    columns: usize,
    /// Radiance times the cell's solid angle.
    light: Vec<[f64; 3]>,
    solid: Vec<f64>,
    /// Radiance's luminance.
    bright: Vec<f64>,
    ways: Vec<DVec3>,
}

/// What stands out.
struct Patch {
    direction: DVec3,
    irradiance: [f64; 3],
    /// What of it is in the picture.
    seen: [f64; 3],
    softness: f64,
    clearness: f64,
}

impl Map {
    /// The picture's light in cells; each pixel's goes to the cell its middle lies in.
    fn of(image: &Image) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let (rows, columns) = (ROWS.min(height), COLUMNS.min(width));
        let cells = rows * columns;
        let mut light = vec![[0.0; 3]; cells];
        let mut solid = vec![0.0; cells];
        for y in 0..height {
            let each = solid_angle(y, height, width);
            let row = y * rows / height;
            for (x, pixel) in image.row(y as u32).iter().enumerate() {
                let cell = row * columns + x * columns / width;
                let c = colour(*pixel);
                if let (Some(sum), Some(whole)) = (light.get_mut(cell), solid.get_mut(cell)) {
                    for (s, v) in sum.iter_mut().zip(c) {
                        *s += v * each;
                    }
                    *whole += each;
                }
            }
        }
        let bright = light
            .iter()
            .zip(&solid)
            .map(|(l, s)| luminance(*l) / s.max(1e-12))
            .collect();
        let ways = (0..cells)
            .map(|i| {
                let (x, y) = (i % columns, i / columns);
                direction((x as f64 + 0.5) / columns as f64, (y as f64 + 0.5) / rows as f64)
            })
            .collect();
        Self {
            rows,
            columns,
            light,
            solid,
            bright,
            ways,
        }
    }

    /// The brightest direction of the map blurred to about 6°, and its blurred luminance.
    fn brightest(&self) -> (DVec3, f64) {
        let (rows, columns) = (COARSE.min(self.rows), 2 * COARSE.min(self.rows));
        let mut sums = vec![(0.0, 0.0, DVec3::ZERO); rows * columns];
        for i in 0..self.bright.len() {
            let (x, y) = (i % self.columns, i / self.columns);
            let cell = y * rows / self.rows * columns + x * columns / self.columns;
            if let Some(sum) = sums.get_mut(cell) {
                let light = self.bright[i] * self.solid[i];
                sum.0 += light;
                sum.1 += self.solid[i];
                // A little of the cell's own middle keeps dark cells' directions defined.
                sum.2 += self.ways[i] * (light + 1e-9 * self.solid[i]);
            }
        }
        let cells: Vec<(f64, f64, DVec3)> = sums
            .into_iter()
            .filter(|s| s.1 > 0.0)
            .map(|(light, solid, way)| (light, solid, way.normalize_or(DVec3::Y)))
            .collect();
        let mut best = (DVec3::Y, -1.0);
        for (_, _, way) in &cells {
            let (mut light, mut weight) = (0.0, 0.0);
            for (l, s, other) in &cells {
                // A Gaussian of about 6° in the chord, cut off at 18°.
                let near = way.dot(*other);
                if near > 0.951 {
                    let w = libm::exp((near - 1.0) / (0.105 * 0.105));
                    light += w * l;
                    weight += w * s;
                }
            }
            let mean = light / weight.max(1e-12);
            if mean > best.1 {
                best = (*way, mean);
            }
        }
        best
    }

    /// Whether the picture's lights are cut off at white, as in a single exposure, and what white is.
    fn white(&self) -> Option<f64> {
        let most = self.bright.iter().fold(0.0f64, |m, b| m.max(*b));
        (0.5..1.1).contains(&most).then_some(most)
    }

    /// Of what is burnt out, the middle cell of the patch that stands out most from what is round it: a sun before a
    /// burnt-out sky's rim, and high before low.
    fn burnt(&self, white: f64) -> Option<usize> {
        let mut seen = vec![false; self.bright.len()];
        let mut best: Option<(f64, usize)> = None;
        for i in 0..self.bright.len() {
            if seen[i] || self.bright[i] < 0.94 * white {
                continue;
            }
            let patch = self.connected(i, 0.94 * white);
            for &cell in &patch {
                seen[cell] = true;
            }
            let (centre, spread) = self.centre(&patch, 0.0);
            let half = libm::acos((2.0 * spread - 1.0).clamp(-1.0, 1.0));
            if half > 1.2 {
                continue; // All is white: nothing stands out.
            }
            let ring = self
                .surroundings(
                    centre,
                    libm::cos((half * 1.2 + 0.05).min(PI)),
                    libm::cos((half * 1.5 + 0.25).min(PI)),
                )
                .unwrap_or(white);
            // Gloss and white things lie low; lights hang high.
            let height = (0.75 + 2.0 * centre.y).clamp(0.1, 1.0);
            let score = (1.0 - ring / white) * height;
            let start = patch
                .into_iter()
                .max_by(|&a, &b| self.ways[a].dot(centre).total_cmp(&self.ways[b].dot(centre)));
            if let Some(start) = start.filter(|_| best.is_none_or(|(most, _)| score > most)) {
                best = Some((score, start));
            }
        }
        best.filter(|(score, _)| *score > 0.12).map(|(_, start)| start)
    }

    /// The patch that stands out most.
    fn key(&self) -> Patch {
        let white = self.white();
        let found = white.and_then(|w| self.burnt(w));
        let (seed, blurred) = match found {
            Some(i) => (self.ways[i], self.bright[i]),
            None => self.brightest(),
        };
        let around = self
            .surroundings(seed, libm::cos(40f64.to_radians()), -1.0)
            .unwrap_or(blurred);
        // The patch begins at its brightest cell within 8° of the seed.
        let near = libm::cos(8f64.to_radians());
        let start = found.or_else(|| {
            (0..self.bright.len())
                .filter(|&i| self.ways[i].dot(seed) > near)
                .max_by(|&a, &b| self.bright[a].total_cmp(&self.bright[b]))
        });
        let Some(start) = start else {
            return self.even();
        };
        let threshold = around + 0.5 * (blurred.min(self.bright[start]) - around);
        let patch = self.connected(start, threshold);
        let (centre, spread) = self.centre(&patch, around);
        // What the sky has there without the key: its mean just outside the patch.
        let softness = (2.0 * (1.0 - spread)).clamp(0.0, 1.0);
        let half = libm::acos(1.0 - softness);
        let outer = libm::cos((half * 1.3 + 0.26).min(PI));
        let inner = libm::cos((half * 1.15 + 0.06).min(PI));
        let under = self
            .surroundings(centre, inner, outer)
            .unwrap_or(around)
            .min(threshold);
        // The rim: cells the patch covers in part.
        let patch = self.grown(&patch, under);
        let (centre, spread) = self.centre(&patch, under);
        let softness = (2.0 * (1.0 - spread)).clamp(0.0, 1.0);
        let mut irradiance = [0.0; 3];
        for &i in &patch {
            let own = (1.0 - under / self.bright[i].max(1e-12)).max(0.0);
            let facing = centre.dot(self.ways[i]).max(0.0);
            for (e, l) in irradiance.iter_mut().zip(self.light[i]) {
                *e += l * own * facing;
            }
        }
        let seen = irradiance;
        if found.is_some() {
            self.restore(centre, &mut irradiance);
        }
        let contrast = blurred / around.max(1e-12);
        Patch {
            direction: centre,
            irradiance,
            seen,
            softness,
            clearness: (1.0 - 1.0 / contrast.max(1.0)).clamp(0.0, 1.0),
        }
    }

    /// Gives a key that is cut off at white the strength that the ground under it speaks of. The ground's radiance is
    /// its albedo times its irradiance over π; what the sky and the rest give of that is in the picture, and the key
    /// gives what is missing. The albedo is not known: 0.3 is between soil and concrete, and wrong by up to a stop.
    fn restore(&self, towards: DVec3, irradiance: &mut [f64; 3]) {
        const ALBEDO: f64 = 0.3;
        let ground = self.surroundings(DVec3::NEG_Y, 2.0, 0.4).unwrap_or(0.0);
        let mut level = 0.0;
        for i in 0..self.bright.len() {
            level += self.bright[i] * self.solid[i] * self.ways[i].y.max(0.0);
        }
        let measured = luminance(*irradiance);
        let upright = towards.y.max(0.0);
        let rest = level - measured * upright;
        let missing = (PI * ground / ALBEDO - rest) / upright.max(0.2);
        if upright > 0.05 && missing > measured && measured > 0.0 {
            for e in irradiance.iter_mut() {
                *e *= missing / measured;
            }
        }
    }

    /// Light without any direction.
    fn even(&self) -> Patch {
        Patch {
            direction: DVec3::Y,
            irradiance: [0.0; 3],
            seen: [0.0; 3],
            softness: 1.0,
            clearness: 0.0,
        }
    }

    /// The median luminance by solid angle of the half sphere about a direction, between two cosines to it; none
    /// where no cell lies there.
    fn surroundings(&self, about: DVec3, upper: f64, lower: f64) -> Option<f64> {
        let mut found: Vec<(f64, f64)> = (0..self.bright.len())
            .filter(|&i| {
                let cos = self.ways[i].dot(about);
                cos < upper && cos > lower.max(0.0)
            })
            .map(|i| (self.bright[i], self.solid[i]))
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        let half: f64 = found.iter().map(|f| f.1).sum::<f64>() / 2.0;
        let mut sum = 0.0;
        for (bright, solid) in found {
            sum += solid;
            if sum >= half {
                return Some(bright);
            }
        }
        None
    }

    /// Cells joined to the first one, over sides and corners and the picture's seam, that are brighter than this.
    fn connected(&self, start: usize, threshold: f64) -> Vec<usize> {
        let mut seen = vec![false; self.bright.len()];
        let mut found = vec![start];
        seen[start] = true;
        let mut next = 0;
        while next < found.len() {
            let (x, y) = (found[next] % self.columns, found[next] / self.columns);
            next += 1;
            for dy in [-1isize, 0, 1] {
                let Some(row) = y.checked_add_signed(dy).filter(|r| *r < self.rows) else {
                    continue;
                };
                for dx in [self.columns - 1, 0, 1] {
                    let cell = row * self.columns + (x + dx) % self.columns;
                    if !seen[cell] && self.bright[cell] > threshold {
                        seen[cell] = true;
                        found.push(cell);
                    }
                }
            }
        }
        // One order, wherever the search went.
        found.sort_unstable();
        found
    }

    /// The patch with the cells that touch it and are brighter than what lies under it, twice over.
    fn grown(&self, patch: &[usize], under: f64) -> Vec<usize> {
        let mut all = patch.to_vec();
        for _ in 0..2 {
            let mut more = all.clone();
            for &i in &all {
                let (x, y) = (i % self.columns, i / self.columns);
                for row in y.saturating_sub(1)..(y + 2).min(self.rows) {
                    for dx in [self.columns - 1, 0, 1] {
                        let cell = row * self.columns + (x + dx) % self.columns;
                        if self.bright[cell] > under {
                            more.push(cell);
                        }
                    }
                }
            }
            more.sort_unstable();
            more.dedup();
            all = more;
        }
        all
    }

    /// Where the light of a patch above its surroundings comes from, and how concentrated it is (1 is one point).
    fn centre(&self, patch: &[usize], under: f64) -> (DVec3, f64) {
        let (mut sum, mut weight) = (DVec3::ZERO, 0.0);
        for &i in patch {
            let w = (self.bright[i] - under).max(0.0) * self.solid[i];
            sum += self.ways[i] * w;
            weight += w;
        }
        if weight > 0.0 {
            (sum.normalize_or(DVec3::Y), sum.length() / weight)
        } else {
            (DVec3::Y, 1.0)
        }
    }
}
