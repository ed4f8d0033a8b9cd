//! Measures on coordinate maps: how much is copied in one piece, how much is used, what jumps.

use crate::making::Over;
use crate::map::{CoordinateMap, Origin, UNIT};

/// Whether two neighbours belong to one piece: the same source and offsets within half a pixel.
#[inline(always)]
fn one_piece(a: Origin, b: Origin, dx: i32, dy: i32) -> bool {
    a.source == b.source
        && (b.x - a.x - dx * UNIT).abs() <= UNIT / 2
        && (b.y - a.y - dy * UNIT).abs() <= UNIT / 2
}

/// What a map's pieces say about copying.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Copying {
    /// Area-weighted mean size in pixels of the pieces (connected pixels whose sources continue each other).
    pub chunk_pixels: f64,
    /// Mean length in pixels of unbroken runs along rows.
    pub run_pixels: f64,
    /// Different source pixels used, against as many as could be (the frame's pixels or the sources').
    pub coverage: f64,
    /// How often the most used source pixel is used.
    pub reuse: u32,
}

/// Area-weighted mean size in pixels of the pieces of a frame of width `w`.
pub fn chunk_pixels(origins: &[Origin], w: usize) -> f64 {
    let n = origins.len();
    if n == 0 || w == 0 {
        return 0.0;
    }
    let mut parent: Vec<u32> = (0..n as u32).collect();
    fn root(parent: &mut [u32], mut i: u32) -> u32 {
        while parent[i as usize] != i {
            parent[i as usize] = parent[parent[i as usize] as usize];
            i = parent[i as usize];
        }
        i
    }
    for i in 0..n {
        let mut join = |j: usize, dx: i32, dy: i32| {
            if one_piece(origins[i], origins[j], dx, dy) {
                let (a, b) = (root(&mut parent, i as u32), root(&mut parent, j as u32));
                parent[a.max(b) as usize] = a.min(b);
            }
        };
        if i % w + 1 < w {
            join(i + 1, 1, 0);
        }
        if i + w < n {
            join(i + w, 0, 1);
        }
    }
    let mut size = vec![0u64; n];
    for i in 0..n as u32 {
        size[root(&mut parent, i) as usize] += 1;
    }
    size.iter().map(|s| s * s).sum::<u64>() as f64 / n as f64
}

/// All copying measures of a map whose sources have `source_pixels` pixels together.
pub fn copying(map: &CoordinateMap, source_pixels: u64) -> Copying {
    let (w, all) = (map.width() as usize, map.origins());
    let mut runs = 0usize;
    for (i, o) in all.iter().enumerate() {
        if i % w == 0 || !one_piece(all[i - 1], *o, 1, 0) {
            runs += 1;
        }
    }
    let mut used: Vec<(u16, i32, i32)> = all
        .iter()
        .map(|o| {
            let (x, y) = o.nearest();
            (o.source, y, x)
        })
        .collect();
    used.sort_unstable();
    let (mut different, mut most, mut run) = (0u64, 0u32, 0u32);
    for (i, u) in used.iter().enumerate() {
        if i > 0 && used[i - 1] == *u {
            run += 1;
        } else {
            different += 1;
            run = 1;
        }
        most = most.max(run);
    }
    Copying {
        chunk_pixels: chunk_pixels(all, w),
        run_pixels: all.len() as f64 / runs as f64,
        coverage: different as f64 / source_pixels.min(all.len() as u64).max(1) as f64,
        reuse: most,
    }
}

/// Share of pixels whose source jumps by more than 2 pixels against `carried`, the frame before carried
/// along the flow.
pub fn pop(carried: &[Origin], now: &[Origin]) -> f64 {
    let jumps = carried
        .iter()
        .zip(now)
        .filter(|(a, b)| {
            a.source != b.source
                || i64::from(a.x).abs_diff(i64::from(b.x)) > 2 * UNIT as u64
                || i64::from(a.y).abs_diff(i64::from(b.y)) > 2 * UNIT as u64
        })
        .count();
    jumps as f64 / now.len().max(1) as f64
}

/// How hard the change of matter is seen: the mean, over all pixels, of the squared share of the pixel's light that
/// comes from elsewhere than in `before`, the frame before carried along the flow. A pixel that changes at once counts
/// 1, one that crosses over evenly in five frames 0.04 in each of them. Either frame may have a second layer.
pub fn jolt(before: (&[Origin], Option<&Over>), now: (&[Origin], Option<&Over>)) -> f64 {
    let layers = |(map, over): (&[Origin], Option<&Over>), i: usize| -> [(Origin, i64); 2] {
        let (second, share) = over.map_or((Origin::default(), 0), |o| (o.map[i], i64::from(o.weight[i])));
        [(map[i], 255 - share), (second, share)]
    };
    let near = |a: Origin, b: Origin| {
        a.source == b.source
            && i64::from(a.x).abs_diff(i64::from(b.x)) <= 2 * UNIT as u64
            && i64::from(a.y).abs_diff(i64::from(b.y)) <= 2 * UNIT as u64
    };
    // Whole numbers: squares of 255ths.
    let mut sum = 0u64;
    for i in 0..now.0.len().min(before.0.len()) {
        let mut had = layers(before, i);
        let mut anew = 0i64;
        for (o, mut share) in layers(now, i) {
            for (p, left) in &mut had {
                if near(o, *p) {
                    let same = share.min(*left);
                    share -= same;
                    *left -= same;
                }
            }
            anew += share;
        }
        sum += (anew * anew) as u64;
    }
    sum as f64 / (255.0 * 255.0 * now.0.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_copy_is_one_piece_and_noise_is_none() {
        let whole: Vec<Origin> = (0..100).map(|i| Origin::whole(0, i % 10, i / 10)).collect();
        assert_eq!(chunk_pixels(&whole, 10), 100.0);
        let map = CoordinateMap::new(10, 10, whole.clone()).unwrap();
        let c = copying(&map, 1000);
        assert_eq!((c.run_pixels, c.coverage, c.reuse), (10.0, 1.0, 1));
        let broken: Vec<Origin> = (0..100)
            .map(|i| Origin::whole(0, (i * 37) % 91, (i * 53) % 87))
            .collect();
        assert!(chunk_pixels(&broken, 10) < 3.0);
        assert_eq!(pop(&whole, &whole), 0.0);
        assert!(pop(&whole, &broken) > 0.9);
        assert_eq!(jolt((&whole, None), (&whole, None)), 0.0);
        assert!(jolt((&whole, None), (&broken, None)) > 0.9);
        // Half way across at once is a quarter as hard.
        let half = Over {
            map: broken.clone(),
            weight: vec![128; 100],
        };
        let soft = jolt((&whole, None), (&whole, Some(&half)));
        assert!((0.2..0.26).contains(&soft), "{soft}");
        // The same two layers the other way round are the same picture.
        let turned = Over {
            map: whole.clone(),
            weight: vec![127; 100],
        };
        assert_eq!(jolt((&whole, Some(&half)), (&broken, Some(&turned))), 0.0);
    }

    #[test]
    fn a_slow_stretch_stays_one_piece() {
        let slow: Vec<Origin> = (0..100)
            .map(|i| Origin {
                source: 0,
                x: (i % 10) * 300,
                y: (i / 10) * 256,
            })
            .collect();
        assert_eq!(chunk_pixels(&slow, 10), 100.0);
    }
}
