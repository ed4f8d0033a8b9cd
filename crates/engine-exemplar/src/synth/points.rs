//! Points of light: stars and glints, found in the photographs, taken out of the matter, and put back as points.
//!
//! A star that is searched for as matter is stretched by the flow, cut by seams and left as dust. So each is taken out
//! of what is searched, and its own small square of pixels is laid over the frame as a whole, by how much it outshines
//! what is about it: never stretched, so it stays round.

use super::layout::{Layout, fill_border};
use super::matter::Sheet;
use super::turning::rise;
use super::{guide::luminance, hash::mix};
use crate::making::Over;
use crate::map::{Origin, UNIT};
use rayon::prelude::*;

/// Least light over the surroundings, in display steps.
const LEAST: i32 = 30;
/// Most of a photograph that may be points, in 1/100.
const MOST: usize = 30;

/// A point of light in a photograph.
#[derive(Clone, Debug)]
pub struct Star {
    /// Number of the photograph.
    pub source: usize,
    /// Its middle, in whole pixels.
    pub x: usize,
    /// Its middle, in whole pixels.
    pub y: usize,
    /// Its square reaches so far on every side.
    pub radius: usize,
    /// How much of it is laid over what is below, row by row of its square.
    weight: Vec<u8>,
}

/// The widest that a point may reach from its middle, for a frame of this height.
pub fn widest(height: usize) -> usize {
    (height / 45).clamp(3, 40)
}

/// Finds the points of a photograph, brightest first, and takes them out: their places are barred and filled from
/// around.
pub fn take_out(sheet: &mut Sheet, source: usize, widest: usize) -> Vec<Star> {
    let (w, h) = (sheet.width, sheet.height);
    if w < 4 * widest + 8 || h < 4 * widest + 8 {
        return Vec::new();
    }
    let light: Vec<u8> = sheet.colour.iter().map(|c| luminance(*c)).collect();
    let mut found: Vec<(i32, usize, Star)> = (widest + 2..h - widest - 2)
        .into_par_iter()
        .flat_map_iter(|y| {
            let (light, barred) = (&light, &sheet.barred);
            (widest + 2..w - widest - 2)
                .filter(move |x| !barred.get(y * w + x).copied().unwrap_or(false))
                .filter_map(move |x| star(light, w, x, y, source, widest))
        })
        .collect();
    // Brightest first; where two are one, the brighter has it.
    found.sort_unstable_by_key(|(contrast, at, _)| (-contrast, *at));
    let (mut taken, mut claimed) = (vec![false; w * h], vec![false; w * h]);
    let mut area = 0;
    let mut stars: Vec<Star> = Vec::new();
    for (_, at, star) in found {
        if claimed[at] {
            continue;
        }
        // Its heart is its own; its hem may lie over another's.
        for i in disc(&star, star.radius / 2 + 1, w, h) {
            claimed[i] = true;
        }
        let disc = disc(&star, star.radius + 2, w, h);
        let fresh = disc.iter().filter(|i| !taken[**i]).count();
        if (area + fresh) * 100 > w * h * MOST {
            break;
        }
        area += fresh;
        for i in disc {
            taken[i] = true;
        }
        stars.push(star);
    }
    if stars.is_empty() {
        return stars;
    }
    fill_border(&mut sheet.colour, &taken, w, h);
    // Filled places without any grain would be seen on coarse levels.
    for (i, c) in sheet.colour.iter_mut().enumerate().filter(|(i, _)| taken[*i]) {
        let grain = (mix(i as u64 ^ 0x57a2) % 7) as i32 - 3;
        for v in c.iter_mut().take(3) {
            *v = (i32::from(*v) + grain).clamp(0, 255) as u8;
        }
    }
    if sheet.barred.is_empty() {
        sheet.barred = taken;
    } else {
        for (b, t) in sheet.barred.iter_mut().zip(taken) {
            *b |= t;
        }
    }
    stars
}

fn disc(star: &Star, reach: usize, w: usize, h: usize) -> Vec<usize> {
    let mut out = Vec::new();
    let r = reach as i64;
    for dy in -r..=r {
        for dx in -r..=r {
            let (x, y) = (star.x as i64 + dx, star.y as i64 + dy);
            if dx * dx + dy * dy <= r * r + r && x >= 0 && y >= 0 && x < w as i64 && y < h as i64 {
                out.push(y as usize * w + x as usize);
            }
        }
    }
    out
}

/// The point whose brightest pixel is (x, y), if there is one: its contrast, its middle's index, and itself.
fn star(
    light: &[u8],
    w: usize,
    x: usize,
    y: usize,
    source: usize,
    widest: usize,
) -> Option<(i32, usize, Star)> {
    let at = |x: i64, y: i64| i32::from(light[y as usize * w + x as usize]);
    let (cx, cy) = (x as i64, y as i64);
    let peak = at(cx, cy);
    if peak < LEAST {
        return None;
    }
    // The first among the brightest of its 5x5.
    for dy in -2..=2i64 {
        for dx in -2..=2i64 {
            let v = at(cx + dx, cy + dy);
            if v > peak || (v == peak && (dy, dx) < (0, 0)) {
                return None;
            }
        }
    }
    // What is about it: the middle value of a ring.
    let r = widest as i64;
    let mut ring: Vec<i32> = RING
        .iter()
        .map(|(rx, ry)| at(cx + rx * r / 16, cy + ry * r / 16))
        .collect();
    ring.sort_unstable();
    let ground = ring[ring.len() / 2];
    let spread = ring[ring.len() * 7 / 8] - ring[ring.len() / 8];
    let contrast = peak - ground;
    if contrast < LEAST || contrast < spread * 2 {
        return None;
    }
    // All that is joined to it and brighter than half way.
    let half = ground + contrast / 2;
    let side = 2 * widest + 1;
    let mut seen = vec![false; side * side];
    let mut todo = vec![(0i64, 0i64)];
    seen[widest * side + widest] = true;
    let (mut left, mut right, mut up, mut down) = (0i64, 0i64, 0i64, 0i64);
    let (mut sum, mut sx, mut sy, mut area) = (0i64, 0i64, 0i64, 0i64);
    while let Some((dx, dy)) = todo.pop() {
        let v = i64::from(at(cx + dx, cy + dy) - ground);
        sum += v;
        sx += v * dx;
        sy += v * dy;
        area += 1;
        (left, right) = (left.min(dx), right.max(dx));
        (up, down) = (up.min(dy), down.max(dy));
        for (ox, oy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            let (nx, ny) = (dx + ox, dy + oy);
            if at(cx + nx, cy + ny) < half {
                continue;
            }
            if nx.abs() >= r || ny.abs() >= r {
                return None;
            }
            let k = (ny + r) as usize * side + (nx + r) as usize;
            if !seen[k] {
                seen[k] = true;
                todo.push((nx, ny));
            }
        }
    }
    let (bw, bh) = (right - left + 1, down - up + 1);
    // Round: not a thread, and its box well filled.
    if bw.max(bh) > 2 * bw.min(bh) + 1 || area * 5 < bw * bh * 2 {
        return None;
    }
    let round = |s: i64| (2 * s + sum).div_euclid(2 * sum);
    let (mx, my) = (cx + round(sx), cy + round(sy));
    // How far it reaches: until the mean of a ring has fallen to a seventh.
    let core = bw.max(bh) / 2;
    let most = (2 * core + 3).min(r);
    let mut radius = core + 1;
    while radius < most {
        let total: i32 = RING
            .iter()
            .map(|(rx, ry)| at(mx + rx * radius / 16, my + ry * radius / 16))
            .sum();
        if (total / RING.len() as i32 - ground) * 7 < contrast {
            break;
        }
        radius += 1;
    }
    let (rf, full) = (radius as f32 + 0.5, contrast as f32 * 0.35);
    let mut weight = Vec::with_capacity(((2 * radius + 1) * (2 * radius + 1)) as usize);
    for dy in -radius..=radius {
        for dx in -radius..=radius {
            let (px, py) = (mx + dx, my + dy);
            let far = ((dx * dx + dy * dy) as f32).sqrt() / rf;
            let over = (at(px, py) - ground) as f32 / full;
            // By its own light, so that no square of its night comes along, and nothing at the rim.
            weight.push(rise(over.min((1.0 - far) * 3.0)));
        }
    }
    let star = Star {
        source,
        x: mx as usize,
        y: my as usize,
        radius: radius as usize,
        weight,
    };
    Some((contrast, my as usize * w + mx as usize, star))
}

/// Sixteen places on a circle of radius 16.
const RING: [(i64, i64); 16] = [
    (16, 0),
    (15, 6),
    (11, 11),
    (6, 15),
    (0, 16),
    (-6, 15),
    (-11, 11),
    (-15, 6),
    (-16, 0),
    (-15, -6),
    (-11, -11),
    (-6, -15),
    (0, -16),
    (6, -15),
    (11, -11),
    (15, -6),
];

/// Where the composition puts each point, in whole pixels of the frame; `None` where it does not show it.
pub fn places(
    stars: &[Star],
    sheets: &[Sheet],
    layout: &Layout,
    w: usize,
    h: usize,
) -> Vec<Option<(usize, usize)>> {
    // The number of the point near each pixel of each photograph.
    let stamps: Vec<Vec<u32>> = sheets
        .iter()
        .enumerate()
        .map(|(k, s)| {
            let mut stamp = vec![0u32; s.width * s.height];
            for (n, star) in stars.iter().enumerate().filter(|(_, star)| star.source == k) {
                for y in star.y.saturating_sub(1)..(star.y + 2).min(s.height) {
                    for x in star.x.saturating_sub(1)..(star.x + 2).min(s.width) {
                        stamp[y * s.width + x] = n as u32 + 1;
                    }
                }
            }
            stamp
        })
        .collect();
    let near: Vec<(u32, u32, usize)> = (0..h)
        .into_par_iter()
        .flat_map_iter(|y| {
            let (stamps, layout) = (&stamps, &layout);
            (0..w).filter_map(move |x| {
                let (k, sx, sy) = layout.at(x as f32, y as f32);
                let s = &sheets[k];
                let ix = libm::floorf(sx + 0.5).clamp(0.0, (s.width - 1) as f32) as usize;
                let iy = libm::floorf(sy + 0.5).clamp(0.0, (s.height - 1) as f32) as usize;
                let n = stamps[k][iy * s.width + ix].checked_sub(1)?;
                let star = &stars[n as usize];
                let (dx, dy) = (sx - star.x as f32, sy - star.y as f32);
                Some((n, ((dx * dx + dy * dy) * 4096.0) as u32, y * w + x))
            })
        })
        .collect();
    let mut best: Vec<Option<(u32, usize)>> = vec![None; stars.len()];
    for (n, far, i) in near {
        let b = &mut best[n as usize];
        if b.is_none_or(|b| (far, i) < b) {
            *b = Some((far, i));
        }
    }
    best.into_iter().map(|b| b.map(|(_, i)| (i % w, i / w))).collect()
}

/// The points in their places, as a second layer over a frame.
pub fn over(stars: &[Star], places: &[Option<(usize, usize)>], w: usize, h: usize) -> Over {
    let mut out = Over {
        map: vec![Origin::default(); w * h],
        weight: vec![0; w * h],
    };
    for (star, place) in stars.iter().zip(places) {
        let Some((px, py)) = place else { continue };
        let r = star.radius as i64;
        for dy in -r..=r {
            for dx in -r..=r {
                let (x, y) = (*px as i64 + dx, *py as i64 + dy);
                if x < 0 || y < 0 || x >= w as i64 || y >= h as i64 {
                    continue;
                }
                let share = star.weight[((dy + r) * (2 * r + 1) + dx + r) as usize];
                let i = y as usize * w + x as usize;
                if share > out.weight[i] {
                    out.weight[i] = share;
                    out.map[i] = Origin {
                        source: star.source as u16,
                        x: (star.x as i32 + dx as i32) * UNIT,
                        y: (star.y as i32 + dy as i32) * UNIT,
                    };
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night(stars: &[(i64, i64, f32)]) -> Sheet {
        let (w, h) = (120usize, 90usize);
        let colour = (0..w * h)
            .map(|i| {
                let (x, y) = ((i % w) as i64, (i / w) as i64);
                let mut v = 20.0 + 10.0 * ((x + y) as f32 / 210.0);
                for (sx, sy, size) in stars {
                    let d = ((x - sx) * (x - sx) + (y - sy) * (y - sy)) as f32;
                    v += 200.0 * libm::expf(-d / (2.0 * size * size));
                }
                let v = v.min(255.0) as u8;
                [v, v, v, 0]
            })
            .collect();
        Sheet {
            width: w,
            height: h,
            colour,
            guide: vec![[0; 5]; w * h],
            barred: Vec::new(),
        }
    }

    #[test]
    fn stars_are_found_where_they_are_and_taken_out() {
        let all = [(30, 20, 1.2), (80, 40, 2.0), (50, 70, 0.8)];
        let mut sheet = night(&all);
        let stars = take_out(&mut sheet, 3, 8);
        let mut places: Vec<(usize, usize)> = stars.iter().map(|s| (s.x, s.y)).collect();
        places.sort_unstable();
        assert_eq!(places, [(30, 20), (50, 70), (80, 40)]);
        assert!(stars.iter().all(|s| s.source == 3));
        // Nothing bright is left, and nothing of them may be used.
        assert!(sheet.colour.iter().all(|c| c[0] < 40), "the night is dark");
        assert!(sheet.barred[20 * 120 + 30] && !sheet.barred[20 * 120 + 60]);
    }

    #[test]
    fn a_thread_and_a_large_disc_are_no_points() {
        let mut sheet = night(&[(60, 45, 14.0)]);
        for x in 10..40 {
            sheet.colour[12 * 120 + x] = [220, 220, 220, 0];
        }
        assert!(take_out(&mut sheet, 0, 8).is_empty());
        assert!(sheet.barred.is_empty());
    }
}
