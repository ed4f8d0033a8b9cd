//! Blurs by fixed sums: the same on every machine.

use super::spans::BAND;
use rayon::prelude::*;

/// Radius from which a picture is blurred at half its size: what is left of it then has no finer detail.
const WIDE: usize = 8;
/// Rows that a blur down the columns takes in one go.
const TALL: usize = 8 * BAND;

/// Three box blurs of radius `r` (close to a Gaussian of deviation r+0.5), edges repeated by shrinking
/// the box. Wide ones are made at half the size.
pub fn soften<const N: usize>(px: &[[u8; N]], w: usize, h: usize, r: usize) -> Vec<[u8; N]> {
    if r == 0 || px.is_empty() {
        return px.to_vec();
    }
    // 8 more bits between the passes.
    let finer: Vec<[u16; N]> = px.par_iter().map(|p| p.map(|v| u16::from(v) << 8)).collect();
    spread(finer, w, h, r)
        .par_iter()
        .map(|p| p.map(|v| ((u32::from(v) + 128) >> 8).min(255) as u8))
        .collect()
}

/// As [`soften`], of 16-bit values.
pub fn soften_wide<const N: usize>(px: &[[u16; N]], w: usize, h: usize, r: usize) -> Vec<[u16; N]> {
    if r == 0 || px.is_empty() {
        return px.to_vec();
    }
    spread(px.to_vec(), w, h, r)
}

fn spread<const N: usize>(px: Vec<[u16; N]>, w: usize, h: usize, r: usize) -> Vec<[u16; N]> {
    if r < WIDE || w.min(h) < 2 * WIDE {
        let (mut now, mut next) = (px, vec![[0; N]; w * h]);
        for _ in 0..3 {
            across(&now, &mut next, w, r);
            down(&next, &mut now, w, h, r);
        }
        return now;
    }
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    let mut half = vec![[0u16; N]; cw * ch];
    half.par_chunks_mut(cw).enumerate().for_each(|(y, out)| {
        let (a, b) = (2 * y * w, (2 * y + 1).min(h - 1) * w);
        for (x, o) in out.iter_mut().enumerate() {
            let (l, r) = (2 * x, (2 * x + 1).min(w - 1));
            *o = std::array::from_fn(|k| {
                let four = [px[a + l][k], px[a + r][k], px[b + l][k], px[b + r][k]];
                ((four.map(u32::from).iter().sum::<u32>() + 2) >> 2) as u16
            });
        }
    });
    let half = spread(half, cw, ch, r / 2);
    // Between the four about each pixel, the nearest counting three quarters each way.
    let mut out = px;
    out.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        let near = y / 2;
        let far = if y % 2 == 0 {
            near.saturating_sub(1)
        } else {
            (near + 1).min(ch - 1)
        };
        let (near, far) = (&half[near * cw..][..cw], &half[far * cw..][..cw]);
        for (x, o) in row.iter_mut().enumerate() {
            let a = x / 2;
            let b = if x % 2 == 0 {
                a.saturating_sub(1)
            } else {
                (a + 1).min(cw - 1)
            };
            *o = std::array::from_fn(|k| {
                let line = |row: &[[u16; N]]| 3 * u32::from(row[a][k]) + u32::from(row[b][k]);
                ((3 * line(near) + line(far) + 8) >> 4) as u16
            });
        }
    });
    out
}

/// A mean of whole numbers, rounded. By a product: a division each would cost more than all the rest, and the sums
/// are exact in f32 as long as a box has no more than 255 pixels.
#[inline(always)]
fn mean<const N: usize>(sum: &[u32; N], inverse: f32) -> [u16; N] {
    std::array::from_fn(|k| (sum[k] as f32 * inverse + 0.5) as u16)
}

fn across<const N: usize>(px: &[[u16; N]], out: &mut [[u16; N]], w: usize, r: usize) {
    out.par_chunks_mut(w)
        .zip(px.par_chunks(w))
        .for_each(|(out, row)| {
            let mut sum = [0u32; N];
            for p in &row[..r.min(w)] {
                for k in 0..N {
                    sum[k] += u32::from(p[k]);
                }
            }
            let full = 1.0 / (2 * r + 1) as f32;
            for x in 0..w {
                if x + r < w {
                    for k in 0..N {
                        sum[k] += u32::from(row[x + r][k]);
                    }
                }
                if x > r {
                    for k in 0..N {
                        sum[k] -= u32::from(row[x - r - 1][k]);
                    }
                }
                let n = (x + r).min(w - 1) - x.saturating_sub(r) + 1;
                let inverse = if n == 2 * r + 1 { full } else { 1.0 / n as f32 };
                out[x] = mean(&sum, inverse);
            }
        });
}

fn down<const N: usize>(px: &[[u16; N]], out: &mut [[u16; N]], w: usize, h: usize, r: usize) {
    let row = |y: usize| &px[y * w..(y + 1) * w];
    out.par_chunks_mut(w * TALL).enumerate().for_each(|(band, part)| {
        let top = band * TALL;
        let mut sum = vec![[0u32; N]; w];
        let add = |y: usize, sum: &mut [[u32; N]]| {
            for (s, p) in sum.iter_mut().zip(row(y)) {
                for k in 0..N {
                    s[k] += u32::from(p[k]);
                }
            }
        };
        for y in top.saturating_sub(r)..(top + r).min(h) {
            add(y, &mut sum);
        }
        for (n, out) in part.chunks_mut(w).enumerate() {
            let y = top + n;
            if y + r < h {
                add(y + r, &mut sum);
            }
            if n > 0 && y > r {
                for (s, p) in sum.iter_mut().zip(row(y - r - 1)) {
                    for k in 0..N {
                        s[k] -= u32::from(p[k]);
                    }
                }
            }
            let inverse = 1.0 / ((y + r).min(h - 1) - y.saturating_sub(r) + 1) as f32;
            for (o, s) in out.iter_mut().zip(&sum) {
                *o = mean(s, inverse);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_stays_flat_and_a_point_spreads_evenly() {
        assert!(soften(&[[200u8]; 35], 7, 5, 2).iter().all(|p| p[0] == 200));
        let mut point = vec![[0u8]; 21 * 21];
        point[10 * 21 + 10] = [255];
        let soft = soften(&point, 21, 21, 1);
        assert_eq!(soft[10 * 21 + 9], soft[10 * 21 + 11]);
        assert_eq!(soft[9 * 21 + 10], soft[10 * 21 + 9]);
        assert!(soft[10 * 21 + 10] > soft[10 * 21 + 11]);
    }

    /// As the definition has it, in whole numbers.
    fn by_hand(px: &[[u8; 1]], w: usize, h: usize, r: usize) -> Vec<f64> {
        let mut now: Vec<f64> = px.iter().map(|p| f64::from(p[0])).collect();
        for _ in 0..3 {
            now = (0..w * h)
                .map(|i| {
                    let (x, y) = (i % w, i / w);
                    let (xs, ys) = (
                        x.saturating_sub(r)..(x + r + 1).min(w),
                        y.saturating_sub(r)..(y + r + 1).min(h),
                    );
                    let n = (xs.len() * ys.len()) as f64;
                    ys.flat_map(|j| xs.clone().map(move |i| j * w + i))
                        .map(|i| now[i])
                        .sum::<f64>()
                        / n
                })
                .collect();
        }
        now
    }

    #[test]
    fn blurs_are_what_they_say_narrow_and_wide() {
        // Taller than a band of columns' sums, so that bands meet.
        let (w, h) = (45usize, 300usize);
        let px: Vec<[u8; 1]> = (0..w * h)
            .map(|i| [((i % w / 9 + i / w / 31) % 2 * 180 + i * 7919 % 60) as u8])
            .collect();
        // Wide ones, made at half the size, are a little wider yet; here, at hard edges, that shows most.
        for (r, off) in [(1, 0.51), (3, 0.51), (7, 0.51), (8, 7.0), (17, 7.0)] {
            let (soft, exact) = (soften(&px, w, h, r), by_hand(&px, w, h, r));
            let worst = soft
                .iter()
                .zip(&exact)
                .map(|(a, b)| (f64::from(a[0]) - b).abs())
                .fold(0.0, f64::max);
            assert!(worst < off, "radius {r}: {worst}");
        }
    }
}
