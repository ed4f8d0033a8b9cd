//! Light that explains the shading of surfaces whose normals are known.
//!
//! The model of a pixel is `albedo · (visible · key · cos⁺(normal, direction) + fill(normal))`: one albedo for each
//! object, one key that a pixel either sees or not (attached shadows by the cosine, cast shadows by `visible`), and a
//! fill of the first four harmonics. For a fixed direction it is linear in the light for known albedos and linear in
//! the albedos for known light, so the two are solved in turns, with visibility and outliers (texture, gloss,
//! inter-reflection) re-weighed in between (Geman and McClure's function); the direction is searched over the sphere.
//! The harmonics' share is Ramamoorthi and Hanrahan 2001; solving albedo and light in turns is an old idea, here in
//! our own form.

use core::f64::consts::PI;

use glam::DVec3;
use heirloom_picture::Image;
use rayon::prelude::*;

use super::harmonics::Sh9;
use super::{LightError, PlaceLight, luminance, soft_cosine};

/// About as many cells are read from a picture as this.
const CELLS: usize = 2600;
/// Fewer usable cells than this are too few.
const LEAST: usize = 40;
/// About as many of them the first search looks at.
const COARSE_CELLS: usize = 900;
/// Directions of the first search.
const DIRECTIONS: usize = 360;
/// How far normals that are known are trusted.
const KNOWN: Belief = Belief {
    tolerance: 0.2,
    even: 0.04,
};
/// What calling a pixel shadowed costs, as a share of an outlier.
const SHADOW: f64 = 0.25;
/// How many cells the belief weighs that albedos are alike.
const ALIKE: f64 = 2.0;

/// How far the model is believed.
#[derive(Clone, Copy)]
pub(super) struct Belief {
    /// Relative error at which a cell counts half.
    pub(super) tolerance: f64,
    /// How strongly the fill is held to come evenly from all sides.
    pub(super) even: f64,
}

/// One cell of the picture: one surface, one normal.
#[derive(Clone)]
pub(super) struct Cell {
    pub(super) normal: DVec3,
    pub(super) light: [f64; 3],
    pub(super) bright: f64,
    pub(super) object: usize,
    pub(super) weight: f64,
}

/// Key and fill as numbers: key, then the fill's constant and its x, y, z, each as radiance of a surface of albedo 1.
type Lamp = [f64; 5];

/// The best lamp for a direction.
#[derive(Clone)]
struct Fit {
    direction: DVec3,
    softness: f64,
    lamp: Lamp,
    albedo: Vec<f64>,
    /// Mean cost of a cell: 0 all explained, 1 nothing.
    cost: f64,
}

/// The light that explains a picture's shading.
///
/// `normals` has one normal a pixel in the axes the light is wanted in (camera or world); pixels whose normal is not
/// about a unit vector (sky, nothing) are left out. `ids` says which object each pixel belongs to, so that each can
/// have its own albedo; 0 is left out. Without it all is taken to be of one colour. Absolute strength cannot be told
/// from albedo: it is set so that the albedos' mean is 0.5, the stage's clay, and so is the colour of the light as a whole.
///
/// # Errors
/// [`LightError::Length`] where a list does not fit the picture, [`LightError::Surfaces`] where too little is seen.
pub fn from_shading(
    image: &Image,
    normals: &[[f32; 3]],
    ids: Option<&[u32]>,
) -> Result<PlaceLight, LightError> {
    let expected = image.pixels().len();
    let lengths = [
        ("normals", Some(normals.len())),
        ("object ids", ids.map(<[u32]>::len)),
    ];
    for (pass, found) in lengths {
        if let Some(found) = found.filter(|f| *f != expected) {
            return Err(LightError::Length {
                pass,
                found,
                expected,
            });
        }
    }
    let (cells, objects) = gather(image, normals, ids);
    solve(&cells, objects, KNOWN, &|_| 0.0)
}

/// Whether a pixel can be read: neither black nor burnt out.
fn readable(p: [f32; 4]) -> bool {
    let most = p[0].max(p[1]).max(p[2]);
    p.iter().all(|c| c.is_finite()) && p[3] > 0.99 && most < 0.96 && most > 0.002
}

/// Cells of the picture: means of pixels of one object and about one normal.
fn gather(image: &Image, normals: &[[f32; 3]], ids: Option<&[u32]>) -> (Vec<Cell>, usize) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let valid = |i: usize| -> Option<(DVec3, u32)> {
        let n = DVec3::from_array(normals.get(i)?.map(f64::from));
        let id = ids.map_or(Some(1), |ids| ids.get(i).copied())?;
        let length = n.length();
        (id != 0 && (0.9..1.1).contains(&length)).then(|| (n / length, id))
    };
    let usable = (0..width * height).filter(|&i| valid(i).is_some()).count();
    let side = (libm::sqrt(usable as f64 / CELLS as f64) as usize).max(1);
    let mut raw: Vec<(Cell, u32)> = Vec::new();
    for top in (0..height).step_by(side) {
        for left in (0..width).step_by(side) {
            // The cell's surface is that of its first usable pixel.
            let mut first: Option<(DVec3, u32)> = None;
            let (mut sum, mut count, mut lean) = ([0.0; 3], 0.0, DVec3::ZERO);
            for y in top..(top + side).min(height) {
                for x in left..(left + side).min(width) {
                    let i = y * width + x;
                    let (Some((n, id)), Some(pixel)) = (valid(i), image.pixels().get(i)) else {
                        continue;
                    };
                    let (n0, id0) = *first.get_or_insert((n, id));
                    if id == id0 && n.dot(n0) > 0.95 && readable(*pixel) {
                        for (s, c) in sum.iter_mut().zip(pixel) {
                            *s += f64::from(c.max(0.0));
                        }
                        lean += n;
                        count += 1.0;
                    }
                }
            }
            let (Some((_, id)), true) = (first, count > 0.0) else {
                continue;
            };
            let light = sum.map(|s| s / count);
            raw.push((
                Cell {
                    normal: lean.normalize_or(DVec3::Z),
                    light,
                    bright: luminance(light),
                    object: 0,
                    weight: 1.0,
                },
                id,
            ));
        }
    }
    let mut names: Vec<u32> = raw.iter().map(|c| c.1).collect();
    names.sort_unstable();
    names.dedup();
    let mut cells: Vec<Cell> = raw
        .into_iter()
        .map(|(mut cell, id)| {
            cell.object = names.binary_search(&id).unwrap_or(0);
            cell
        })
        .collect();
    weigh(&mut cells, names.len());
    (cells, names.len())
}

/// Gives rare normals more weight, so that a floor does not drown a statue.
pub(super) fn weigh(cells: &mut [Cell], objects: usize) {
    const STEPS: usize = 6;
    let bin = |c: &Cell| {
        let step = |v: f64| (((v + 1.0) / 2.0 * STEPS as f64) as usize).min(STEPS - 1);
        ((c.object * STEPS + step(c.normal.x)) * STEPS + step(c.normal.y)) * STEPS + step(c.normal.z)
    };
    let mut counts = vec![0.0f64; objects * STEPS * STEPS * STEPS];
    for cell in cells.iter() {
        counts[bin(cell)] += 1.0;
    }
    for cell in cells.iter_mut() {
        cell.weight = 1.0 / libm::sqrt(counts[bin(cell)]);
    }
    let mean = cells.iter().map(|c| c.weight).sum::<f64>() / (cells.len() as f64).max(1.0);
    for cell in cells.iter_mut() {
        cell.weight /= mean;
    }
}

pub(super) fn solve(
    cells: &[Cell],
    objects: usize,
    belief: Belief,
    prior: &(dyn Fn(DVec3) -> f64 + Sync),
) -> Result<PlaceLight, LightError> {
    if cells.len() < LEAST {
        return Err(LightError::Surfaces {
            found: cells.len(),
            least: LEAST,
        });
    }
    // Mean brightness of each object, which errors are measured by.
    let mut means = vec![(0.0, 0.0); objects];
    for cell in cells {
        means[cell.object].0 += cell.weight * cell.bright;
        means[cell.object].1 += cell.weight;
    }
    let scales: Vec<f64> = means
        .iter()
        .map(|(s, w)| (s / f64::max(*w, 1e-9)).max(1e-4))
        .collect();
    let problem = Problem {
        cells,
        scales: &scales,
        belief,
        prior,
    };
    // The first search looks at every few cells only.
    let step = (cells.len() / COARSE_CELLS).max(1);
    let few: Vec<Cell> = cells.iter().skip(step / 2).step_by(step).cloned().collect();
    let coarse = Problem {
        cells: &few,
        ..problem
    };
    let first: Vec<Fit> = sphere(DIRECTIONS)
        .into_par_iter()
        .map(|d| coarse.fit(d, 0.0, 4, None))
        .collect();
    let agreement = concentration(&first);
    let mut order: Vec<usize> = (0..first.len()).collect();
    order.sort_by(|&a, &b| first[a].cost.total_cmp(&first[b].cost).then(a.cmp(&b)));
    let mut starts: Vec<Fit> = Vec::new();
    for &i in &order {
        if starts.len() == 4 {
            break;
        }
        if starts.iter().all(|s| s.direction.dot(first[i].direction) < 0.93) {
            starts.push(first[i].clone());
        }
    }
    let refined: Vec<Fit> = starts
        .into_par_iter()
        .map(|start| problem.refine(start))
        .collect();
    let best = refined
        .into_iter()
        .reduce(|a, b| if b.cost < a.cost { b } else { a });
    let Some(best) = best else {
        return Err(LightError::Surfaces {
            found: cells.len(),
            least: LEAST,
        });
    };
    Ok(problem.light(&best, agreement))
}

/// Directions spread evenly over the sphere, on a spiral of golden turns.
fn sphere(count: usize) -> Vec<DVec3> {
    let golden = PI * (3.0 - libm::sqrt(5.0));
    (0..count)
        .map(|i| {
            let y = 1.0 - (2.0 * i as f64 + 1.0) / count as f64;
            let level = libm::sqrt(1.0 - y * y);
            let turn = golden * i as f64;
            DVec3::new(level * libm::cos(turn), y, level * libm::sin(turn))
        })
        .collect()
}

/// How closely the good directions lie together, from 0 to 1: the length of their mean, each weighed by how likely
/// its cost is if about a hundred cells were independent.
fn concentration(fits: &[Fit]) -> f64 {
    let least = fits.iter().fold(f64::MAX, |m, f| m.min(f.cost)).max(1e-6);
    let (mut sum, mut weight) = (DVec3::ZERO, 0.0);
    for fit in fits {
        let w = libm::exp(-50.0 * (fit.cost / least - 1.0));
        sum += fit.direction * w;
        weight += w;
    }
    sum.length() / f64::max(weight, 1e-12)
}

#[derive(Clone, Copy)]
struct Problem<'a> {
    cells: &'a [Cell],
    scales: &'a [f64],
    belief: Belief,
    /// What a direction costs beside what it leaves unexplained.
    prior: &'a (dyn Fn(DVec3) -> f64 + Sync),
}

impl Problem<'_> {
    /// The best lamp from a direction, from evenly lit or from an earlier answer.
    fn fit(&self, direction: DVec3, softness: f64, turns: usize, from: Option<&Fit>) -> Fit {
        let cosines: Vec<f64> = self
            .cells
            .iter()
            .map(|c| soft_cosine(c.normal.dot(direction), softness))
            .collect();
        let mean = self.scales.iter().sum::<f64>() / self.scales.len() as f64;
        let mut fit = from.cloned().unwrap_or_else(|| Fit {
            direction,
            softness,
            lamp: [1.2, 0.5, 0.0, 0.0, 0.0],
            albedo: vec![mean; self.scales.len()],
            cost: 1.0,
        });
        fit.direction = direction;
        fit.softness = softness;
        for turn in 0..turns {
            // The first turn without a start believes everything.
            let judged: Vec<(f64, f64)> = if turn == 0 && from.is_none() {
                self.cells.iter().map(|c| (1.0, c.weight)).collect()
            } else {
                self.judged(&cosines, &fit)
            };
            self.fit_albedo(&mut fit, &cosines, &judged);
            self.fit_lamp(&mut fit, &cosines, &judged);
        }
        let judged = self.judged(&cosines, &fit);
        self.fit_albedo(&mut fit, &cosines, &judged);
        let (mut sum, mut weight) = (0.0, 0.0);
        for (cell, cos) in self.cells.iter().zip(&cosines) {
            sum += cell.weight * self.judge(cell, *cos, &fit).2;
            weight += cell.weight;
        }
        fit.cost = sum / weight + (self.prior)(direction);
        fit
    }

    fn fill(lamp: &Lamp, n: DVec3) -> f64 {
        (lamp[1] + lamp[2] * n.x + lamp[3] * n.y + lamp[4] * n.z).max(0.0)
    }

    /// Whether a cell sees the key, how much it is believed, and what it costs.
    fn judge(&self, cell: &Cell, cos: f64, fit: &Fit) -> (f64, f64, f64) {
        let scale = self.scales[cell.object];
        let albedo = fit.albedo[cell.object];
        let fill = Self::fill(&fit.lamp, cell.normal);
        let cost = |residual: f64| {
            let square = residual * residual / (scale * scale);
            let tolerance = self.belief.tolerance * self.belief.tolerance;
            let belief = tolerance / (square + tolerance);
            (belief * belief, square / (square + tolerance))
        };
        let lit = cost(cell.bright - albedo * (fit.lamp[0] * cos + fill));
        let dark = cost(cell.bright - albedo * fill);
        if cos > 0.02 && dark.1 + SHADOW < lit.1 {
            (0.0, dark.0, dark.1 + SHADOW)
        } else {
            (1.0, lit.0, lit.1)
        }
    }

    /// For each cell whether it sees the key, and its weight times how much it is believed.
    fn judged(&self, cosines: &[f64], fit: &Fit) -> Vec<(f64, f64)> {
        self.cells
            .iter()
            .zip(cosines)
            .map(|(cell, cos)| {
                let (sees, belief, _) = self.judge(cell, *cos, fit);
                (sees, belief * cell.weight)
            })
            .collect()
    }

    fn fit_albedo(&self, fit: &mut Fit, cosines: &[f64], judged: &[(f64, f64)]) {
        let mut sums = vec![(0.0, 0.0); self.scales.len()];
        for ((cell, cos), (sees, w)) in self.cells.iter().zip(cosines).zip(judged) {
            let light = fit.lamp[0] * cos * sees + Self::fill(&fit.lamp, cell.normal);
            sums[cell.object].0 += w * light * cell.bright;
            sums[cell.object].1 += w * light * light;
        }
        let typical = fit.albedo.iter().sum::<f64>() / fit.albedo.len() as f64;
        let light = fit.lamp[0] * 0.5 + fit.lamp[1];
        let hold = ALIKE * light * light;
        for (albedo, (top, bottom)) in fit.albedo.iter_mut().zip(sums) {
            *albedo = ((top + hold * typical) / (bottom + hold).max(1e-12)).max(1e-5);
        }
    }

    fn fit_lamp(&self, fit: &mut Fit, cosines: &[f64], judged: &[(f64, f64)]) {
        let mut a = [[0.0f64; 5]; 5];
        let mut b = [0.0f64; 5];
        let mut total = 0.0;
        for ((cell, cos), (sees, w)) in self.cells.iter().zip(cosines).zip(judged) {
            let scale = self.scales[cell.object];
            let albedo = fit.albedo[cell.object] / scale;
            let n = cell.normal;
            let row = [cos * sees, 1.0, n.x, n.y, n.z].map(|v| v * albedo);
            let value = cell.bright / scale;
            total += w * albedo * albedo;
            for i in 0..5 {
                let share = w * row[i];
                for j in i..5 {
                    a[i][j] += share * row[j];
                }
                b[i] += share * value;
            }
        }
        // The lower half is the upper one's mirror image.
        let upper = a;
        for (i, row) in a.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate().take(i) {
                *value = upper[j][i];
            }
            if i >= 2 {
                row[i] += self.belief.even * total;
            }
        }
        for (i, row) in a.iter_mut().enumerate() {
            row[i] += 1e-6 * total + 1e-12;
        }
        let Some(mut lamp) = solved(a, b) else { return };
        if lamp[0] < 0.0 || lamp[1] < 0.02 {
            // No key, or no fill: the other alone.
            lamp[0] = lamp[0].max(0.0);
            lamp[1] = lamp[1].max(0.02 * lamp[0]).max(1e-4);
        }
        // Light from nowhere can be below none: the slope is at most two thirds of the constant.
        let slope = DVec3::new(lamp[2], lamp[3], lamp[4]);
        let most = lamp[1] * 2.0 / 3.0;
        if slope.length() > most {
            let slope = slope * (most / slope.length());
            lamp[2..].copy_from_slice(&slope.to_array());
        }
        fit.lamp = lamp;
    }

    /// Walks downhill from a direction in steps that halve, and tries softer lights on the way.
    fn refine(&self, start: Fit) -> Fit {
        let mut best = self.fit(start.direction, start.softness, 4, Some(&start));
        let mut step_rad = 8f64.to_radians();
        while step_rad > 0.4f64.to_radians() {
            let mut found = false;
            let side = best.direction.any_orthonormal_vector();
            let other = best.direction.cross(side);
            for turn in 0..6 {
                let turn = f64::from(turn) * PI / 3.0;
                let off = side * libm::cos(turn) + other * libm::sin(turn);
                let d = (best.direction * libm::cos(step_rad) + off * libm::sin(step_rad))
                    .normalize_or(best.direction);
                let tried = self.fit(d, best.softness, 3, Some(&best));
                if tried.cost < best.cost - 1e-9 {
                    best = tried;
                    found = true;
                }
            }
            if !found {
                if step_rad < 3f64.to_radians() {
                    for softness in [0.0, 0.01, 0.04, 0.1, 0.2, 0.4] {
                        let tried = self.fit(best.direction, softness, 3, Some(&best));
                        if tried.cost < best.cost - 1e-9 {
                            best = tried;
                        }
                    }
                }
                step_rad /= 2.0;
            }
        }
        best
    }

    /// The lamp in colour, as light.
    fn light(&self, best: &Fit, agreement: f64) -> PlaceLight {
        let cosines: Vec<f64> = self
            .cells
            .iter()
            .map(|c| soft_cosine(c.normal.dot(best.direction), best.softness))
            .collect();
        let mut fill: Sh9 = [[0.0; 3]; 9];
        let mut key = [0.0f32; 3];
        for channel in 0..3 {
            let of = |c: &Cell| c.light[channel];
            let mut fit = best.clone();
            // Start where luminance ended; belief stays with luminance, so only the values are a channel's own.
            for _ in 0..3 {
                let keep = fit.clone();
                let mut own = keep.clone();
                self.fit_channel(best, &mut own, &cosines, of);
                fit = own;
            }
            // Irradiance of the mean albedo of a half.
            let log =
                fit.albedo.iter().map(|a| libm::log(a.max(1e-5))).sum::<f64>() / fit.albedo.len() as f64;
            let scale = libm::exp(log) / 0.5 * PI;
            let lamp = fit.lamp.map(|v| v * scale);
            key[channel] = lamp[0] as f32;
            let band = 2.0 * PI / 3.0 * 0.488_602_511_902_919_9;
            let values = [
                lamp[1] / (PI * 0.282_094_791_773_878_14),
                lamp[3] / band,
                lamp[4] / band,
                lamp[2] / band,
            ];
            for (coefficient, value) in fill.iter_mut().zip(values) {
                coefficient[channel] = value as f32;
            }
        }
        let explained = 1.0 - best.cost;
        let key_share = {
            let facing = best.lamp[0] / (best.lamp[0] + best.lamp[1]).max(1e-9);
            (facing / 0.2).clamp(0.0, 1.0)
        };
        PlaceLight {
            fill,
            key,
            direction: best.direction,
            softness: best.softness as f32,
            confidence: (agreement * explained * key_share).clamp(0.0, 1.0) as f32,
        }
    }

    /// One turn of albedo and lamp for one channel, with luminance's visibility and belief.
    fn fit_channel(&self, judge: &Fit, own: &mut Fit, cosines: &[f64], of: impl Fn(&Cell) -> f64) {
        let judged = self.judged(cosines, judge);
        let mut sums = vec![(0.0, 0.0); self.scales.len()];
        for ((cell, cos), (sees, w)) in self.cells.iter().zip(cosines).zip(&judged) {
            let light = own.lamp[0] * cos * sees + Self::fill(&own.lamp, cell.normal);
            sums[cell.object].0 += w * light * of(cell);
            sums[cell.object].1 += w * light * light;
        }
        for (albedo, (top, bottom)) in own.albedo.iter_mut().zip(sums) {
            if bottom > 0.0 {
                *albedo = (top / bottom).max(1e-5);
            }
        }
        // Key and the fill's constant are the channel's own; the fill's slope keeps luminance's shape.
        let (mut kk, mut kf, mut ff, mut kv, mut fv) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let shape = |n: DVec3| Self::fill(&judge.lamp, n) / judge.lamp[1].max(1e-9);
        for ((cell, cos), (sees, w)) in self.cells.iter().zip(cosines).zip(&judged) {
            let scale = self.scales[cell.object];
            let albedo = own.albedo[cell.object] / scale;
            let (k, f) = (albedo * cos * sees, albedo * shape(cell.normal));
            let v = of(cell) / scale;
            kk += w * k * k;
            kf += w * k * f;
            ff += w * f * f;
            kv += w * k * v;
            fv += w * f * v;
        }
        let det = kk * ff - kf * kf;
        if det > 1e-9 * kk * ff {
            let key = ((ff * kv - kf * fv) / det).max(0.0);
            let fill = ((kk * fv - kf * kv) / det).max(1e-4);
            own.lamp = judge.lamp.map(|v| v * fill / judge.lamp[1].max(1e-9));
            own.lamp[0] = key;
        }
    }
}

/// Gauss with the largest pivot; `None` where the equations hang together.
fn solved(mut a: [[f64; 5]; 5], mut b: [f64; 5]) -> Option<Lamp> {
    for i in 0..5 {
        let mut pivot = i;
        for r in i + 1..5 {
            if a[r][i].abs() > a[pivot][i].abs() {
                pivot = r;
            }
        }
        a.swap(i, pivot);
        b.swap(i, pivot);
        let (row, value) = (a[i], b[i]);
        if row[i].abs() <= 1e-14 || !row[i].is_finite() {
            return None;
        }
        for r in i + 1..5 {
            let share = a[r][i] / row[i];
            for (to, from) in a[r].iter_mut().zip(row).skip(i) {
                *to -= share * from;
            }
            b[r] -= share * value;
        }
    }
    let mut x = [0.0; 5];
    for i in (0..5).rev() {
        let known: f64 = (i + 1..5).map(|c| a[i][c] * x[c]).sum();
        x[i] = (b[i] - known) / a[i][i];
    }
    Some(x)
}
