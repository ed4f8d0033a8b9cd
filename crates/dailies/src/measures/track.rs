//! Motion from one frame to the next, patch by patch, on the small planes.
//!
//! The inverse search of Kroeger, Timofte, Dai and Van Gool, "Fast Optical Flow using Dense Inverse Search" (ECCV
//! 2016), on patches of 8 x 8 pixels side by side, without densifying or refinement: a search over whole pixels at a
//! quarter of the size, then Gauss-Newton steps at a quarter, a half and the whole. The mean of a patch is taken off,
//! so that a change of light hardly moves it. A patch is trusted where a search back, begun with what its neighbours
//! say, ends where the patch began (forward and backward, as in Lai et al., "Learning Blind Video Temporal
//! Consistency", ECCV 2018, whose occlusion check that is).

use super::planes::Small;

/// Pixels on a patch's side.
pub(super) const PATCH: usize = 8;
const AREA: f32 = (PATCH * PATCH) as f32;
/// Whole pixels looked around at the coarsest size.
const REACH: i32 = 3;
/// Pixels by which the way back may miss.
const MISS_PX: f32 = 0.5;

/// One patch's motion.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vector {
    /// Its middle in pixels of the small plane.
    pub x: f32,
    pub y: f32,
    /// Where it goes, in pixels of the small plane, right and down.
    pub motion: [f32; 2],
    /// Mean change of luma along the motion, in codes.
    pub off: f32,
    /// Mean square of what is left when that is taken off, in codes².
    pub rest: f32,
    /// The smaller eigenvalue of its gradients' tensor, for each pixel, in codes² a pixel²: how well it is held.
    pub texture: f32,
    /// Mean linear light before and after, along the motion.
    pub light: [f32; 2],
    /// Whether it was found again there and back.
    pub sound: bool,
}

/// The motion between two frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    pub vectors: Vec<Vector>,
    /// Size of the plane, in pixels.
    pub width: usize,
    pub height: usize,
}

/// A plane of grey at one size.
#[derive(Clone, Debug)]
struct Plane {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Plane {
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            let rows = &self.values[2 * y * self.width..(2 * y + 2) * self.width];
            let (upper, lower) = rows.split_at(self.width);
            for (u, l) in upper.chunks_exact(2).zip(lower.chunks_exact(2)) {
                values.push(0.25 * (u[0] + u[1] + l[0] + l[1]));
            }
        }
        Self {
            width,
            height,
            values,
        }
    }

    /// The patch whose upper left pixel lies at (`x`, `y`), linearly between pixels; held inside the plane.
    fn sample(&self, x: f32, y: f32) -> [f32; PATCH * PATCH] {
        let inside = |v: f32, side: usize| v.max(0.0).min((side - PATCH - 1) as f32);
        let (x, y) = (inside(x, self.width), inside(y, self.height));
        let (left, top) = (x as usize, y as usize);
        let (fx, fy) = (x - left as f32, y - top as f32);
        let [a, b, c, d] = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
        let mut patch = [0.0; PATCH * PATCH];
        for (row, out) in patch.chunks_exact_mut(PATCH).enumerate() {
            let at = (top + row) * self.width + left;
            let (upper, lower) = (
                &self.values[at..=at + PATCH],
                &self.values[at + self.width..=at + self.width + PATCH],
            );
            for k in 0..PATCH {
                out[k] = a * upper[k] + b * upper[k + 1] + c * lower[k] + d * lower[k + 1];
            }
        }
        patch
    }

    fn fits(&self) -> bool {
        self.width > PATCH + 1 && self.height > PATCH + 1
    }
}

/// A frame ready to be followed: its luma at the whole, half and quarter size, and its light.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    levels: Vec<Plane>,
    light: Plane,
}

impl Trail {
    pub fn of(small: &Small) -> Self {
        let plane = |values: Vec<f32>| Plane {
            width: small.width,
            height: small.height,
            values,
        };
        let mut levels = vec![plane(small.luma.clone())];
        for _ in 0..2 {
            let half = levels.last().map(Plane::halved);
            match half {
                Some(half) if half.fits() => levels.push(half),
                _ => break,
            }
        }
        Self {
            levels,
            light: plane(small.luminance()),
        }
    }

    /// Width and height of the whole plane.
    pub fn size(&self) -> (usize, usize) {
        self.levels
            .first()
            .map_or((0, 0), |plane| (plane.width, plane.height))
    }
}

/// A patch and all that its steps need.
struct Template {
    /// Without its mean.
    values: [f32; PATCH * PATCH],
    mean: f32,
    gx: [f32; PATCH * PATCH],
    gy: [f32; PATCH * PATCH],
    /// The inverse of the gradients' tensor: xx, xy, yy; `None` where a patch is flat.
    inverse: Option<[f32; 3]>,
    texture: f32,
}

impl Template {
    /// Of the patch whose upper left pixel is (`left`, `top`).
    fn at(plane: &Plane, left: usize, top: usize) -> Self {
        let (w, h) = (plane.width, plane.height);
        let mut values = [0.0; PATCH * PATCH];
        let mut gx = [0.0; PATCH * PATCH];
        let mut gy = [0.0; PATCH * PATCH];
        for row in 0..PATCH {
            let y = top + row;
            let (above, below) = (y.saturating_sub(1) * w, (y + 1).min(h - 1) * w);
            for column in 0..PATCH {
                let x = left + column;
                let i = row * PATCH + column;
                values[i] = plane.values[y * w + x];
                let (before, after) = (x.saturating_sub(1), (x + 1).min(w - 1));
                gx[i] = 0.5 * (plane.values[y * w + after] - plane.values[y * w + before]);
                gy[i] = 0.5 * (plane.values[below + x] - plane.values[above + x]);
            }
        }
        let mean = |v: &[f32; PATCH * PATCH]| v.iter().sum::<f32>() / AREA;
        let level = mean(&values);
        values.iter_mut().for_each(|v| *v -= level);
        let (mx, my) = (mean(&gx), mean(&gy));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for (x, y) in gx.iter_mut().zip(&mut gy) {
            // The mean is free to change, so only what differs from it holds a patch.
            *x -= mx;
            *y -= my;
            xx += *x * *x;
            xy += *x * *y;
            yy += *y * *y;
        }
        let (half, apart) = (0.5 * (xx + yy), 0.5 * (xx - yy));
        let least = half - (apart * apart + xy * xy).sqrt();
        // A little added keeps a patch that is nearly flat, or an edge along itself, from running away.
        let (axx, ayy) = (xx + 0.02 * AREA + 0.01 * half, yy + 0.02 * AREA + 0.01 * half);
        let det = axx * ayy - xy * xy;
        Self {
            values,
            mean: level,
            gx,
            gy,
            inverse: (half > 0.05 * AREA).then(|| [ayy / det, -xy / det, axx / det]),
            texture: (least / AREA).max(0.0),
        }
    }

    /// Mean difference to a patch, and the mean square of what is left without it.
    fn compare(&self, patch: &[f32; PATCH * PATCH]) -> (f32, f32) {
        let mean = patch.iter().sum::<f32>() / AREA;
        let mut rest = 0.0;
        for (v, p) in self.values.iter().zip(patch) {
            let d = p - mean - v;
            rest += d * d;
        }
        (mean - self.mean, rest / AREA)
    }

    /// Gauss-Newton from `motion`; gives the motion that fits best of all it passed.
    fn follow(&self, to: &Plane, left: f32, top: f32, motion: [f32; 2], steps: usize) -> [f32; 2] {
        let Some([ixx, ixy, iyy]) = self.inverse else {
            return motion;
        };
        let mut here = motion;
        let mut best = (f32::INFINITY, motion);
        for _ in 0..steps {
            let patch = to.sample(left + here[0], top + here[1]);
            let mean = patch.iter().sum::<f32>() / AREA;
            let (mut bx, mut by, mut rest) = (0.0, 0.0, 0.0);
            let gradients = self.gx.iter().zip(&self.gy);
            for ((p, v), (gx, gy)) in patch.iter().zip(&self.values).zip(gradients) {
                let d = p - mean - v;
                bx += gx * d;
                by += gy * d;
                rest += d * d;
            }
            if rest < best.0 {
                best = (rest, here);
            }
            let step = [ixx * bx + ixy * by, ixy * bx + iyy * by].map(|v| v.clamp(-1.0, 1.0));
            here = [here[0] - step[0], here[1] - step[1]];
            if step[0].abs() + step[1].abs() < 0.01 {
                break;
            }
        }
        let last = self.compare(&to.sample(left + here[0], top + here[1])).1 * AREA;
        if last <= best.0 { here } else { best.1 }
    }
}

/// The motion from one frame to another of the same size. `guess` is what the camera did last, in pixels.
pub(super) fn field(from: &Trail, to: &Trail, guess: [f32; 2]) -> Field {
    let (width, height) = from.size();
    // Even rests on both sides; one pixel stays free for sampling between pixels.
    let count = |side: usize| side.saturating_sub(1) / PATCH;
    let (across, down) = (count(width), count(height));
    let first = [(width - across * PATCH) / 2, (height - down * PATCH) / 2];
    let grid = Grid {
        first,
        pitch: PATCH,
        across,
        down,
    };
    grid.field(from, to, guess)
}

/// The motion of what lies between `from_px` and `to_px` (left and top, right and bottom, in pixels of the plane): patches
/// that overlap by half, all of them within the plane.
pub(super) fn field_within(
    from: &Trail,
    to: &Trail,
    from_px: [f32; 2],
    to_px: [f32; 2],
    guess: [f32; 2],
) -> Field {
    let (width, height) = from.size();
    let pitch = PATCH / 2;
    let span = |first: f32, last: f32, side: usize| {
        let most = side.saturating_sub(PATCH + 1) as f32;
        let first = first.max(0.0).min(most) as usize;
        let last = (last - PATCH as f32).max(0.0).min(most) as usize;
        (first, last.saturating_sub(first) / pitch + 1)
    };
    let (left, across) = span(from_px[0], to_px[0], width);
    let (top, down) = span(from_px[1], to_px[1], height);
    let grid = Grid {
        first: [left, top],
        pitch,
        across,
        down,
    };
    grid.field(from, to, guess)
}

/// Where patches lie.
struct Grid {
    /// Left and top of the first.
    first: [usize; 2],
    /// From one to the next.
    pitch: usize,
    across: usize,
    down: usize,
}

impl Grid {
    fn field(&self, from: &Trail, to: &Trail, guess: [f32; 2]) -> Field {
        let (Some(own), Some(own_to)) = (from.levels.first(), to.levels.first()) else {
            return Field::default();
        };
        let (across, down) = (self.across, self.down);
        let mut field = Field {
            vectors: Vec::new(),
            width: own.width,
            height: own.height,
        };
        if !own.fits() || (own_to.width, own_to.height) != (own.width, own.height) {
            return field;
        }
        for row in 0..down {
            for column in 0..across {
                let (left, top) = (
                    self.first[0] + column * self.pitch,
                    self.first[1] + row * self.pitch,
                );
                field.vectors.push(forward(from, to, left, top, guess));
            }
        }
        let motions: Vec<[f32; 2]> = field.vectors.iter().map(|v| v.motion).collect();
        for row in 0..down {
            for column in 0..across {
                let around = neighbours(&motions, across, down, column, row);
                let vector = &mut field.vectors[row * across + column];
                vector.sound = returns(own, own_to, vector, around);
            }
        }
        field
    }
}

fn forward(from: &Trail, to: &Trail, left: usize, top: usize, guess: [f32; 2]) -> Vector {
    let coarsest = from.levels.len() - 1;
    let mut motion = [0.0, 0.0];
    let mut vector = Vector {
        x: left as f32 + (PATCH as f32 - 1.0) / 2.0,
        y: top as f32 + (PATCH as f32 - 1.0) / 2.0,
        ..Vector::default()
    };
    for level in (0..=coarsest).rev() {
        let (plane, other) = (&from.levels[level], &to.levels[level]);
        let place = |own: usize, side: usize| {
            // The patch's middle stays where it was.
            let middle = (own as f32 + (PATCH as f32) / 2.0) / (1u32 << level) as f32;
            ((middle - PATCH as f32 / 2.0 + 0.5).max(0.0) as usize).min(side - PATCH - 1)
        };
        let (l, t) = (place(left, plane.width), place(top, plane.height));
        let template = Template::at(plane, l, t);
        let (lf, tf) = (l as f32, t as f32);
        if level == coarsest {
            motion = whole_pixels(&template, other, lf, tf, guess, 1.0 / (1u32 << level) as f32);
        }
        motion = template.follow(other, lf, tf, motion, if level == 0 { 6 } else { 4 });
        if level > 0 {
            motion = motion.map(|v| 2.0 * v);
            continue;
        }
        vector.motion = motion;
        vector.texture = template.texture;
        (vector.off, vector.rest) = template.compare(&other.sample(lf + motion[0], tf + motion[1]));
        let mean = |patch: [f32; PATCH * PATCH]| patch.iter().sum::<f32>() / AREA;
        vector.light = [
            mean(from.light.sample(lf, tf)),
            mean(to.light.sample(lf + motion[0], tf + motion[1])),
        ];
    }
    vector
}

/// The best of the whole pixels around standing still and around the guess; near ones win where all are alike.
fn whole_pixels(
    template: &Template,
    to: &Plane,
    left: f32,
    top: f32,
    guess: [f32; 2],
    scale: f32,
) -> [f32; 2] {
    if template.inverse.is_none() {
        return guess.map(|v| v * scale);
    }
    let mut best = ([0.0, 0.0], f32::INFINITY);
    let mut attempt = |x: f32, y: f32| {
        let (there_x, there_y) = (left + x, top + y);
        let outside = there_x < -1.0
            || there_y < -1.0
            || there_x > (to.width - PATCH) as f32
            || there_y > (to.height - PATCH) as f32;
        if outside {
            return;
        }
        let (_, rest) = template.compare(&to.sample(there_x, there_y));
        // Farther leaps have to fit clearly better: in flat places all fit alike.
        let cost = rest + 0.1 * (x.abs() + y.abs());
        if cost < best.1 {
            best = ([x, y], cost);
        }
    };
    for y in -REACH..=REACH {
        for x in -REACH..=REACH {
            attempt(x as f32, y as f32);
        }
    }
    attempt(guess[0] * scale, guess[1] * scale);
    best.0
}

/// The middle of the motions around, the own one left out, each side by itself.
fn neighbours(motions: &[[f32; 2]], across: usize, down: usize, column: usize, row: usize) -> [f32; 2] {
    let mut around: [Vec<f32>; 2] = [Vec::with_capacity(8), Vec::with_capacity(8)];
    for y in row.saturating_sub(1)..=(row + 1).min(down - 1) {
        for x in column.saturating_sub(1)..=(column + 1).min(across - 1) {
            if (x, y) != (column, row) {
                let motion = motions[y * across + x];
                around[0].push(motion[0]);
                around[1].push(motion[1]);
            }
        }
    }
    around.map(|mut v| {
        v.sort_by(f32::total_cmp);
        v.get(v.len() / 2).copied().unwrap_or(0.0)
    })
}

/// Whether a search back, begun with what the neighbours say, comes to where the patch began.
fn returns(from: &Plane, to: &Plane, vector: &Vector, around: [f32; 2]) -> bool {
    let half = (PATCH as f32 - 1.0) / 2.0;
    let (left, top) = (
        vector.x - half + vector.motion[0],
        vector.y - half + vector.motion[1],
    );
    let limit = |side: usize| (side - PATCH) as f32;
    if left < -0.5 || top < -0.5 || left > limit(to.width) || top > limit(to.height) {
        return false;
    }
    let whole = |v: f32, side: usize| ((v + 0.5).max(0.0) as usize).min(side - PATCH - 1);
    let (l, t) = (whole(left, to.width), whole(top, to.height));
    let back = Template::at(to, l, t).follow(from, l as f32, t as f32, around.map(|v| -v), 6);
    (back[0] + vector.motion[0]).abs() <= MISS_PX && (back[1] + vector.motion[1]).abs() <= MISS_PX
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves of several lengths, moved.
    fn picture(dx: f32, dy: f32, gain: f32) -> Small {
        let (width, height) = (160, 90);
        let wave = |x: f32, y: f32| {
            f64::from(x) * 0.31
                + f64::from(y) * 0.17
                + 2.0 * libm::sin(f64::from(y) * 0.11 + f64::from(x) * 0.05)
        };
        let luma = (0..width * height).map(|i| {
            let (x, y) = ((i % width) as f32 - dx, (i / width) as f32 - dy);
            let v = 110.0 + 40.0 * libm::sin(wave(x, y)) + 25.0 * libm::cos(wave(y, 0.7 * x));
            gain * v as f32
        });
        let luma: Vec<f32> = luma.collect();
        let light: Vec<f32> = luma.iter().map(|v| v / 255.0).collect();
        Small {
            width,
            height,
            luma,
            rgb: [light.clone(), light.clone(), light],
        }
    }

    #[test]
    fn moves_are_found_whatever_the_light() {
        // The mean is taken off, the contrast is not: a tenth more light draws a patch by a part of a pixel,
        // and along an edge nothing holds it: two in three are asked for.
        for (dx, dy, gain, near_px) in [
            (0.0, 0.0, 1.0, 0.02),
            (0.3, -0.2, 1.0, 0.1),
            (0.0, 0.0, 1.02, 0.15),
            (2.4, 1.1, 1.02, 0.15),
            (-9.0, 4.5, 1.02, 0.15),
            (0.3, -0.2, 1.1, 0.5),
            (2.4, 1.1, 1.1, 0.5),
        ] {
            let (a, b) = (
                Trail::of(&picture(0.0, 0.0, 1.0)),
                Trail::of(&picture(dx, dy, gain)),
            );
            let field = field(&a, &b, [0.0, 0.0]);
            let sound: Vec<&Vector> = field.vectors.iter().filter(|v| v.sound).collect();
            assert!(
                sound.len() * 10 > field.vectors.len() * 6,
                "{} of {}",
                sound.len(),
                field.vectors.len()
            );
            let near =
                |v: &&&Vector| (v.motion[0] - dx).abs() < near_px && (v.motion[1] - dy).abs() < near_px;
            let (found, all) = (sound.iter().filter(near).count(), sound.len());
            assert!(found * 3 > all * 2, "{dx} {dy} under {gain}: {found} of {all}");
            let gains: f32 = sound.iter().map(|v| v.light[1] / v.light[0]).sum();
            assert!((gains / sound.len() as f32 - gain).abs() < 0.01);
        }
    }

    #[test]
    fn what_is_not_there_any_more_is_not_trusted() {
        let a = picture(0.0, 0.0, 1.0);
        let mut b = picture(1.0, 0.0, 1.0);
        // A block of something else in the middle.
        let mut lot = 7u32;
        for y in 30..60 {
            for x in 60..100 {
                lot = lot.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b.luma[y * 160 + x] = (lot >> 24) as f32;
            }
        }
        let field = field(&Trail::of(&a), &Trail::of(&b), [0.0, 0.0]);
        let inside = |v: &&Vector| (66.0..94.0).contains(&v.x) && (36.0..54.0).contains(&v.y);
        let (mut trusted, mut all) = (0, 0);
        for v in field.vectors.iter().filter(inside) {
            all += 1;
            trusted += usize::from(v.sound);
        }
        assert!(all > 0 && trusted * 3 <= all, "{trusted} of {all}");
    }
}
