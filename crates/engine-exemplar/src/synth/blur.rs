//! Blurs in whole numbers: the same on every machine.

use rayon::prelude::*;

/// Three box blurs of radius `r` (close to a Gaussian of deviation r+0.5), edges repeated by shrinking
/// the box.
pub fn soften<const N: usize>(px: &[[u8; N]], w: usize, h: usize, r: usize) -> Vec<[u8; N]> {
    if r == 0 || px.is_empty() {
        return px.to_vec();
    }
    // 8 more bits between the passes.
    let wide: Vec<[u16; N]> = px.iter().map(|p| p.map(|v| u16::from(v) << 8)).collect();
    soften_wide(&wide, w, h, r)
        .iter()
        .map(|p| p.map(|v| ((u32::from(v) + 128) >> 8).min(255) as u8))
        .collect()
}

/// As [`soften`], of 16-bit values.
pub fn soften_wide<const N: usize>(px: &[[u16; N]], w: usize, h: usize, r: usize) -> Vec<[u16; N]> {
    let mut now = px.to_vec();
    if r == 0 || px.is_empty() {
        return now;
    }
    for _ in 0..3 {
        now = across(&now, w, r);
        now = transpose(&across(&transpose(&now, w, h), h, r), h, w);
    }
    now
}

fn across<const N: usize>(px: &[[u16; N]], w: usize, r: usize) -> Vec<[u16; N]> {
    let mut out = vec![[0; N]; px.len()];
    out.par_chunks_mut(w)
        .zip(px.par_chunks(w))
        .for_each(|(out, row)| {
            let mut sum = [0u32; N];
            for p in &row[..r.min(w)] {
                for k in 0..N {
                    sum[k] += u32::from(p[k]);
                }
            }
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
                let n = ((x + r).min(w - 1) - x.saturating_sub(r) + 1) as u32;
                out[x] = std::array::from_fn(|k| ((sum[k] + n / 2) / n) as u16);
            }
        });
    out
}

fn transpose<const N: usize>(px: &[[u16; N]], w: usize, h: usize) -> Vec<[u16; N]> {
    let mut out = vec![[0; N]; px.len()];
    out.par_chunks_mut(h).enumerate().for_each(|(x, col)| {
        for (y, o) in col.iter_mut().enumerate() {
            *o = px[y * w + x];
        }
    });
    out
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
}
