//! Texture: energy of lightness by scale and direction.

use super::{DIRECTIONS, SCALES, TEXTURE, halved};

/// Energy below which a texture is not told from rounding: half a display code or so, squared.
const LEAST: f64 = 1e-5;

/// One scale: moments of the second derivatives xx, xy, yy.
struct Level {
    /// Mean xx², xx·xy, xx·yy, xy², xy·yy, yy².
    moments: [f64; 6],
    sparseness: f64,
    /// Size of the second derivatives at each inner pixel, and how many in a row.
    size: Vec<f32>,
    width: usize,
}

pub(super) fn texture(lightness: &[f32], width: usize) -> Vec<f32> {
    let mut levels: Vec<Level> = Vec::with_capacity(SCALES);
    let (mut plane, mut width) = (lightness.to_vec(), width);
    for scale in 0..SCALES {
        let Some(level) = level(&plane, width) else { break };
        levels.push(level);
        if scale + 1 < SCALES {
            (plane, width) = halved(&plane, width);
        }
    }
    let mut texture = Vec::with_capacity(TEXTURE);
    let coarsest = levels.len().saturating_sub(1);
    let at = |scale: usize| levels.get(scale.min(coarsest));
    for scale in 0..SCALES {
        for direction in 0..DIRECTIONS {
            let energy = at(scale).map_or(0.0, |level| steered(&level.moments, direction));
            texture.push(libm::log(energy.max(0.0) + LEAST) as f32);
        }
    }
    for scale in 0..SCALES {
        texture.push(at(scale).map_or(0.0, |level| level.sparseness) as f32);
    }
    let pairs: Vec<f32> = levels
        .windows(2)
        .map(|pair| together(&pair[0], &pair[1]) as f32)
        .collect();
    for n in 0..SCALES - 1 {
        let pair = pairs.get(n.min(pairs.len().saturating_sub(1)));
        texture.push(pair.copied().unwrap_or(0.0));
    }
    texture
}

/// Mean energy of the second derivative along a direction: (c² xx + 2cs xy + s² yy)², from the moments.
fn steered([xxxx, xxxy, xxyy, xyxy, xyyy, yyyy]: &[f64; 6], direction: usize) -> f64 {
    let angle = direction as f64 * core::f64::consts::PI / DIRECTIONS as f64;
    let (c, s) = (libm::cos(angle), libm::sin(angle));
    let (p, q, r) = (c * c, 2.0 * c * s, s * s);
    p * p * xxxx + q * q * xyxy + r * r * yyyy + 2.0 * (p * q * xxxy + p * r * xxyy + q * r * xyyy)
}

/// `None` where a plane is too small to have derivatives.
fn level(plane: &[f32], width: usize) -> Option<Level> {
    let height = plane.len() / width;
    if width < 4 || height < 4 {
        return None;
    }
    let mut size = Vec::with_capacity((width - 2) * (height - 2));
    let (mut moments, mut sizes, mut squares) = ([0f64; 6], 0f64, 0f64);
    for y in 1..height - 1 {
        let row = |y: usize| &plane[y * width..(y + 1) * width];
        let (up, here, down) = (row(y - 1), row(y), row(y + 1));
        let (mut row, mut all, mut even) = ([0f32; 6], 0f32, 0f32);
        for x in 1..width - 1 {
            let (above, below) = (up[x], down[x]);
            let (left, right) = (here[x - 1], here[x + 1]);
            // Each smoothed across its direction by 1 2 1, so that all directions answer alike.
            let xx = 0.25
                * ((up[x - 1] + up[x + 1] - 2.0 * above)
                    + 2.0 * (left + right - 2.0 * here[x])
                    + (down[x - 1] + down[x + 1] - 2.0 * below));
            let yy = 0.25
                * ((up[x - 1] + down[x - 1] - 2.0 * left)
                    + 2.0 * (above + below - 2.0 * here[x])
                    + (up[x + 1] + down[x + 1] - 2.0 * right));
            let xy = 0.25 * (up[x - 1] + down[x + 1] - up[x + 1] - down[x - 1]);
            row[0] += xx * xx;
            row[1] += xx * xy;
            row[2] += xx * yy;
            row[3] += xy * xy;
            row[4] += xy * yy;
            row[5] += yy * yy;
            let square = xx * xx + 2.0 * xy * xy + yy * yy;
            let root = square.sqrt();
            all += root;
            even += square;
            size.push(root);
        }
        for (moment, row) in moments.iter_mut().zip(row) {
            *moment += f64::from(row);
        }
        sizes += f64::from(all);
        squares += f64::from(even);
    }
    let count = size.len() as f64;
    let rms = libm::sqrt(squares / count + LEAST);
    Some(Level {
        moments: moments.map(|m| m / count),
        // What is only rounding counts as even.
        sparseness: (sizes / count + 0.8 * (rms - libm::sqrt(squares / count))) / rms,
        size,
        width: width - 2,
    })
}

/// How local sizes of a scale and of the next coarser go together, -1 to 1; near 0 where there is nothing.
fn together(fine: &Level, coarse: &Level) -> f64 {
    let (w, h) = (coarse.width, coarse.size.len() / coarse.width);
    let fine_h = fine.size.len() / fine.width;
    let (mut n, mut f, mut c, mut ff, mut cc, mut fc) = (0f64, 0f64, 0f64, 0f64, 0f64, 0f64);
    for y in 0..h {
        for x in 0..w {
            // Inner pixel x of the coarse is pixel x + 1, which lies on pixel 2x + 2: inner pixel 2x + 1 of the fine.
            let (fx, fy) = (2 * x + 1, 2 * y + 1);
            if fx + 1 >= fine.width || fy + 1 >= fine_h {
                continue;
            }
            let at = fy * fine.width + fx;
            let a = f64::from(fine.size[at] + fine.size[at - 1] + fine.size[at + 1]) / 3.0;
            let b = f64::from(coarse.size[y * w + x]);
            n += 1.0;
            f += a;
            c += b;
            ff += a * a;
            cc += b * b;
            fc += a * b;
        }
    }
    let n = n.max(1.0);
    let cov = fc / n - f / n * (c / n);
    let (vf, vc) = (ff / n - f / n * (f / n), cc / n - c / n * (c / n));
    cov / libm::sqrt((vf.max(0.0) + 0.1 * LEAST) * (vc.max(0.0) + 0.1 * LEAST))
}
