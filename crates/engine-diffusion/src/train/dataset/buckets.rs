//! Sizes that pictures are trained at: all of about one area, of many shapes, so that little of a picture is cut off.

use std::collections::BTreeSet;

/// Longest side to the shorter one, at most.
const WIDEST: f64 = 2.5;

/// Sizes of one area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    area: usize,
    /// Pixels, columns and rows, that sides are multiples of.
    step: [usize; 2],
}

/// The size that a picture is trained at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// What part of the picture is seen; the rest is cut off evenly.
    pub kept: f64,
}

impl Buckets {
    /// Sizes of at most `area` pixels, in multiples of `step` (columns, rows).
    pub fn new(area: usize, step: [usize; 2]) -> Self {
        Self {
            area,
            step: step.map(|s| s.max(1)),
        }
    }

    /// All sizes of this area, from upright to wide.
    pub fn sizes(&self) -> Vec<[usize; 2]> {
        sizes(self.area, self.step)
    }

    /// The size for a picture of so many pixels: the one whose shape is nearest (by the logarithm of width to height), of an
    /// area that the picture has, so that nothing is made larger than it is.
    pub fn fit(&self, width: usize, height: usize) -> Fit {
        let (width, height) = (width.max(1), height.max(1));
        let shape = |w: usize, h: usize| libm::log(w as f64 / h as f64);
        let wanted = shape(width, height);
        let off = |s: &[usize; 2]| (shape(s[0], s[1]) - wanted).abs();
        let [w, h] = sizes(self.area.min(width * height), self.step)
            .into_iter()
            // Of two that fit alike, the larger.
            .min_by(|a, b| off(a).total_cmp(&off(b)).then((b[0] * b[1]).cmp(&(a[0] * a[1]))))
            .unwrap_or(self.step);
        let scale = (w as f64 / width as f64).max(h as f64 / height as f64);
        let kept = (w * h) as f64 / (scale * scale * (width * height) as f64);
        Fit {
            width: w,
            height: h,
            kept: kept.min(1.0),
        }
    }
}

fn sizes(area: usize, step: [usize; 2]) -> Vec<[usize; 2]> {
    let [across, down] = step;
    let mut found = BTreeSet::new();
    let longest = (libm::sqrt(area as f64 * WIDEST) as usize).max(across.max(down));
    for w in (across..=longest).step_by(across) {
        let h = area / w / down * down;
        if h > 0 {
            found.insert([w, h]);
        }
    }
    for h in (down..=longest).step_by(down) {
        let w = area / h / across * across;
        if w > 0 {
            found.insert([w, h]);
        }
    }
    let sound = |s: &[usize; 2]| {
        let shape = s[0] as f64 / s[1] as f64;
        (1.0 / WIDEST..=WIDEST).contains(&shape)
    };
    let sound: Vec<[usize; 2]> = found.into_iter().filter(sound).collect();
    if sound.is_empty() { vec![step] } else { sound }
}
