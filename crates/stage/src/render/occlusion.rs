//! Whether the point at a pixel is hidden in another frame.

use glam::DVec2;
use rayon::prelude::*;

use super::band::Seen;
use super::still::{Set, Still};
use super::surface::Facet;
use crate::passes::Window;

/// How much nearer than a point, as a share of its depth, something must be to hide it.
const NEARER: f32 = 1e-3;

/// Up to this share of their depth, four neighbours are one sloping surface.
const SLOPE: f32 = 5e-3;

/// The other frame.
pub(crate) struct Other<'a> {
    pub set: &'a Set<'a>,
    pub still: &'a Still<'a>,
    /// What is seen in it, over the whole picture.
    pub seen: &'a Seen,
}

/// Fills `out` (a window): 1 where a point is hidden in, or out of, the other frame's picture.
///
/// The four pixels about the point's place there are asked. Where the point's depth is among theirs and they are one
/// surface, it is seen. Else a triangle of theirs that is nearer than the point and that
/// the ray through the very place goes through hides it. Where none does, the point is hidden only if all four planes
/// are nearer.
pub(crate) fn fill(
    other: &Other<'_>,
    window: &Window,
    own: &Seen,
    motion_px: &[[f32; 2]],
    there_m: &[f32],
    out: &mut [f32],
) {
    let width = window.size.width as usize;
    out.par_chunks_mut(width).enumerate().for_each(|(row, out)| {
        let line = row * width;
        for (x, out) in out.iter_mut().enumerate() {
            let at = line + x;
            let [mx, my] = motion_px[at];
            let place = DVec2::new(
                f64::from(window.x) + x as f64 + 0.5 + f64::from(mx),
                f64::from(window.y) + row as f64 + 0.5 + f64::from(my),
            );
            let hidden = hidden(other, place, there_m[at], own.triangle[at]);
            *out = if hidden { 1.0 } else { 0.0 };
        }
    });
}

#[inline(always)]
fn hidden(other: &Other<'_>, place: DVec2, depth: f32, own: u32) -> bool {
    let size = other.still.view.size;
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let inside = place.x >= 0.0 && place.y >= 0.0 && place.x < width && place.y < height;
    if depth < 0.0 || !inside {
        return true;
    }
    // Both are at least −0.5, so that adding 1 before cutting off is the floor of the corner's index plus 1.
    let (x1, y1) = ((place.x + 0.5) as usize, (place.y + 0.5) as usize);
    let columns = [x1.saturating_sub(1), x1.min(size.width as usize - 1)];
    let rows = [y1.saturating_sub(1), y1.min(size.height as usize - 1)];
    let least = depth * (1.0 - NEARER);
    let mut four = [0usize; 4];
    let mut nearer = 0u8;
    let (mut low, mut high) = (f32::INFINITY, 0.0f32);
    for (i, cell) in four.iter_mut().enumerate() {
        *cell = rows[i / 2] * size.width as usize + columns[i % 2];
        let there = other.seen.depth_m[*cell];
        low = if there < low { there } else { low };
        high = if there > high { there } else { high };
        let near = there < least && other.seen.triangle[*cell] != own;
        nearer |= u8::from(near) << i;
    }
    // On a slope some neighbours are always nearer.
    let on_slope = least <= high && high - low <= SLOPE * high;
    nearer != 0 && !on_slope && behind(other, place, least, four, nearer, own)
}

/// The same, where some of the four pixels see something nearer.
#[inline(never)]
fn behind(other: &Other<'_>, place: DVec2, least: f32, four: [usize; 4], nearer: u8, own: u32) -> bool {
    // In the very middle of a pixel that shows the point's own triangle there is nothing to ask: a triangle beside it may
    // be nearer and lie across the place, and yet have a hole there.
    let middle = |v: f64| (v - libm::floor(v) - 0.5).abs() < 1.0 / 64.0;
    if middle(place.x) && middle(place.y) {
        let cell = place.y as usize * other.still.view.size.width as usize + place.x as usize;
        if other.seen.triangle[cell] == own {
            return false;
        }
    }
    let (origin, way) = other.still.view.ray(place);
    let mut all = nearer == 0xf;
    for (i, cell) in four.iter().enumerate() {
        let triangle = other.seen.triangle[*cell];
        if nearer >> i & 1 == 0 || four[..i].iter().any(|c| other.seen.triangle[*c] == triangle) {
            continue;
        }
        let facet = Facet::new(other.set, other.still, triangle - 1);
        let (depth, inside) = facet.depth(origin, way);
        let hides = depth < f64::from(least);
        if inside && hides {
            return true;
        }
        all &= hides;
    }
    all
}
