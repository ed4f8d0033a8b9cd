//! The sources of one take: their sizes, and what of them the search sees.

use crate::synth::layout;
use crate::synth::matter::{MAX_SIDE, Sheet};
use crate::take::SourceFacts;
use heirloom_picture::resample::{self, Window};
use heirloom_picture::{Image, color};
use heirloom_vault::ObjectId;

/// Usual height of a frame against a source's shorter side.
const USUAL: f64 = 1.3;
/// Sources are not enlarged more than this unless the shot asks for it.
const MOST_ENLARGED: f64 = 1.6;

/// The size that a source of `original` pixels is scaled to for a frame of `height` pixels.
pub fn scaled_size(original: (u32, u32), height: u32, scale: f64) -> (u32, u32) {
    let short = f64::from(original.0.min(original.1).max(1));
    let usual = (USUAL * f64::from(height) / short).min(MOST_ENLARGED);
    let by = (usual * scale).max(16.0 / short);
    let side = |v: u32| ((f64::from(v) * by + 0.5) as u32).clamp(16, 20_000);
    (side(original.0), side(original.1))
}

/// The facts of a photograph scaled to `size`, all of it used.
pub fn whole(object: ObjectId, original: (u32, u32), size: (u32, u32)) -> SourceFacts {
    SourceFacts {
        object,
        original,
        scaled: size,
        crop: (0, 0, size.0, size.1),
        frame: None,
    }
}

/// The facts of a photograph scaled so that it just covers a frame, its middle used (begun at a whole pixel of a grid
/// `by` times smaller).
pub fn covering(object: ObjectId, original: (u32, u32), width: u32, height: u32, by: u32) -> SourceFacts {
    let (w, h) = covering_size(original, width, height);
    let middle = |side: u32, used: u32| (side - used) / 2 / by * by;
    SourceFacts {
        object,
        original,
        scaled: (w, h),
        crop: (middle(w, width), middle(h, height), width, height),
        frame: None,
    }
}

/// The used part of a scaled picture, `by` times smaller (sides rounded up; the edge goes on). At 1 its very pixels.
pub fn used(image: &Image, crop: (u32, u32, u32, u32), by: u32) -> Image {
    let (x, y, w, h) = crop;
    if by > 1 {
        let (across, down) = (w.div_ceil(by), h.div_ceil(by));
        let seen = Window {
            left: x.into(),
            top: y.into(),
            width: (across * by).into(),
            height: (down * by).into(),
        };
        return resample::window(image, seen, across, down);
    }
    let w = w.min(image.width().saturating_sub(x));
    let h = h.min(image.height().saturating_sub(y));
    let mut part = Image::new(w, h);
    for (row, to) in (y..y + h).zip(part.pixels_mut().chunks_exact_mut(w.max(1) as usize)) {
        to.copy_from_slice(&image.row(row)[x as usize..(x + w) as usize]);
    }
    part
}

/// A picture as the search sees it. With `border`, flat borders are barred and continued.
pub fn sheet(image: &Image, border: bool) -> Sheet {
    let (w, h) = (image.width() as usize, image.height() as usize);
    let codes = color::to_display8(image);
    let mut colour: Vec<_> = codes.iter().map(|c| [c[0], c[1], c[2], 0]).collect();
    let barred = if border {
        layout::flat_border(&colour, w, h)
    } else {
        Vec::new()
    };
    layout::fill_border(&mut colour, &barred, w, h);
    Sheet {
        width: w,
        height: h,
        colour,
        guide: vec![[0; 5]; w * h],
        barred,
    }
}

/// The smallest size of the same shape that covers a frame.
pub fn covering_size(original: (u32, u32), width: u32, height: u32) -> (u32, u32) {
    let (ow, oh) = (u64::from(original.0.max(1)), u64::from(original.1.max(1)));
    let (fw, fh) = (u64::from(width), u64::from(height));
    if ow * fh >= oh * fw {
        // Wider than the frame: heights agree.
        (((ow * fh + oh / 2) / oh).max(fw) as u32, height)
    } else {
        (width, ((oh * fw + ow / 2) / ow).max(fh) as u32)
    }
}

/// Sizes for all sources of a take together, multiples of `by`: smaller ones if they would not fit in one stack on a
/// grid `by` times smaller.
pub fn sizes(originals: &[(u32, u32)], height: u32, scale: f64, by: u32) -> Vec<(u32, u32)> {
    let whole = |side: u32| (side + by / 2).max(16 * by) / by * by;
    let all = |scale: f64| -> Vec<(u32, u32)> {
        let sizes = originals.iter().map(|o| scaled_size(*o, height, scale));
        sizes.map(|(w, h)| (whole(w), whole(h))).collect()
    };
    let mut scale = scale;
    for _ in 0..40 {
        let sizes = all(scale);
        let rows: usize = sizes.iter().map(|s| (s.1 / by) as usize).sum();
        let widest = sizes.iter().map(|s| (s.0 / by) as usize).max().unwrap_or(0);
        // The stack is as wide as the widest: keep it within memory as well.
        if rows <= MAX_SIDE && rows * widest <= 400_000_000 {
            return sizes;
        }
        scale *= 0.85;
    }
    let sizes = originals.iter().map(|o| scaled_size(*o, 16, 0.1));
    sizes.map(|(w, h)| (whole(w), whole(h))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_scaled_to_the_frame_and_not_blown_up() {
        assert_eq!(scaled_size((1024, 1024), 540, 1.0), (702, 702));
        assert_eq!(scaled_size((200, 100), 540, 1.0), (320, 160));
        assert_eq!(covering_size((1000, 872), 960, 540), (960, 837));
        assert_eq!(covering_size((4096, 2048), 960, 540), (1080, 540));
        let many = vec![(3000, 3000); 40];
        let rows: u32 = sizes(&many, 2160, 1.0, 1).iter().map(|s| s.1).sum();
        assert!(rows as usize <= MAX_SIDE);
        // At film size it is the grid's stack that counts, and a source is as large as the whole frame asks for.
        assert_eq!(sizes(&many[..1], 2160, 1.0, 1), [(2808, 2808)]);
        assert_eq!(sizes(&many[..1], 2160, 1.0, 2), [(2808, 2808)]);
        assert_eq!(sizes(&[(1001, 777)], 2160, 1.0, 2), [(1602, 1244)]);
        let rows: u32 = sizes(&many, 4320, 1.0, 4).iter().map(|s| s.1 / 4).sum();
        assert!(rows as usize <= MAX_SIDE && rows > 40 * 1000);
    }
}
