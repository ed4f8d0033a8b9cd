//! The size at which everything is compared, and guides and pictures brought to it.

use heirloom_engine::guides::{GuideFrame, Pass};
use heirloom_film::Size;
use heirloom_picture::{Image, resample};

/// The working size. Guides that are larger than need be are thinned, so that judging takes about the same time for
/// any size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Working {
    pub width: usize,
    pub height: usize,
    guides: [usize; 2],
}

impl Working {
    /// At most `longest_px` on the longer side, in the guides' proportions.
    pub fn new(size: Size, longest_px: u32) -> Self {
        let (width, height) = (u64::from(size.width), u64::from(size.height));
        let (longest, limit) = (width.max(height), u64::from(longest_px.max(16)));
        let fit = |side: u64| {
            let scaled = (2 * side * limit + longest) / (2 * longest.max(1));
            if longest <= limit { side } else { scaled.max(1) }
        };
        Self {
            width: fit(width) as usize,
            height: fit(height) as usize,
            guides: [width as usize, height as usize],
        }
    }

    pub fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// Pixels of the guides for one working pixel.
    pub fn guides_px(&self) -> f64 {
        let [width, height] = self.guides;
        // Both are the same but for rounding.
        0.5 * (width as f64 / self.width as f64 + height as f64 / self.height as f64)
    }

    /// The length of the diagonal in working pixels.
    pub fn diagonal(&self) -> f32 {
        let square = self.width * self.width + self.height * self.height;
        (square as f32).sqrt()
    }

    pub fn picture(&self, image: &Image) -> Image {
        let same = (image.width() as usize, image.height() as usize) == (self.width, self.height);
        if same {
            image.clone()
        } else {
            resample::scale_to(image, self.width as u32, self.height as u32)
        }
    }

    /// A data pass, thinned: the value under each working pixel's centre. Ids and motions must not be mixed.
    fn thin<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let [width, height] = self.guides;
        if (width, height) == (self.width, self.height) {
            return values.to_vec();
        }
        let mut thinned = Vec::with_capacity(self.pixels());
        for y in 0..self.height {
            let row = (2 * y + 1) * height / (2 * self.height) * width;
            thinned.extend((0..self.width).map(|x| values[row + (2 * x + 1) * width / (2 * self.width)]));
        }
        thinned
    }

    /// Motion to the next frame under each working pixel's centre: between the four pixels around it where they show
    /// one object, else as [`Self::thin`] has it.
    fn thin_motion(&self, guide: &GuideFrame) -> Option<Vec<[f32; 2]>> {
        let values = &guide.motion_next_px.as_ref()?.values;
        let mut thinned = self.thin(values);
        let [width, height] = self.guides;
        let Some(ids) = guide.object_id.as_ref().filter(|_| thinned.len() != values.len()) else {
            return Some(thinned);
        };
        let taps = |i: usize, to: usize, from: usize| {
            let at = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
            let low = at as usize;
            (low, (low + 1).min(from - 1), at - low as f32)
        };
        for (i, out) in thinned.iter_mut().enumerate() {
            let (left, right, fx) = taps(i % self.width, self.width, width);
            let (top, bottom, fy) = taps(i / self.width, self.height, height);
            let corners = [
                top * width + left,
                top * width + right,
                bottom * width + left,
                bottom * width + right,
            ];
            if corners.iter().all(|c| ids.values[*c] == ids.values[corners[0]]) {
                let [a, b, c, d] = corners.map(|c| values[c]);
                *out = [0, 1].map(|k| {
                    let (above, below) = (a[k] + (b[k] - a[k]) * fx, c[k] + (d[k] - c[k]) * fx);
                    above + (below - above) * fy
                });
            }
        }
        Some(thinned)
    }

    pub fn ids(&self, guide: &GuideFrame) -> Option<Vec<u32>> {
        guide.object_id.as_ref().map(|p| self.thin(&p.values))
    }

    /// Unit normals: in world space where there are such, else in the camera's.
    pub fn normals(&self, guide: &GuideFrame) -> Option<Vec<[f32; 3]>> {
        let pass = guide.world_normal.as_ref().or(guide.camera_normal.as_ref());
        pass.map(|p| self.thin(&p.values))
    }

    /// Exact motion to the next frame in working pixels; NaN where it says nothing about a picture: hidden or out of
    /// the picture in the next frame, no surface, or no number.
    pub fn motion(&self, guide: &GuideFrame) -> Option<Vec<[f32; 2]>> {
        let motion = self.thin_motion(guide)?;
        let thin = |pass: &Option<Pass<f32>>| pass.as_ref().map(|p| self.thin(&p.values));
        let (hidden, depth) = (thin(&guide.occlusion), thin(&guide.depth_m));
        let ids = self.ids(guide);
        let scale = [
            self.width as f32 / self.guides[0] as f32,
            self.height as f32 / self.guides[1] as f32,
        ];
        let open = |i: usize, to: [f32; 2]| {
            let (x, y) = ((i % self.width) as f32 + to[0], (i / self.width) as f32 + to[1]);
            let inside =
                x >= -0.5 && y >= -0.5 && x < self.width as f32 - 0.5 && y < self.height as f32 - 0.5;
            let seen = hidden.as_ref().is_none_or(|h| h[i] < 0.5);
            let surface =
                depth.as_ref().is_none_or(|d| d[i].is_finite()) && ids.as_ref().is_none_or(|ids| ids[i] != 0);
            // NaN and infinite motions are never inside.
            inside && seen && surface
        };
        let scaled = motion.iter().map(|m| [m[0] * scale[0], m[1] * scale[1]]);
        Some(
            scaled
                .enumerate()
                .map(|(i, m)| if open(i, m) { m } else { [f32::NAN; 2] })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heirloom_engine::guides::Certainty;

    #[test]
    fn thinned_motion_is_that_of_the_place_and_of_one_object() {
        // Motion that grows to the right, and another object beyond column 60.
        let (size, column) = (
            Size {
                width: 96,
                height: 54,
            },
            |i: usize| i % 96,
        );
        let pass = |value: fn(usize) -> [f32; 2]| Pass {
            values: (0..96 * 54).map(|i| value(i % 96)).collect(),
            certainty: Certainty::Exact,
        };
        let guide = GuideFrame {
            motion_next_px: Some(pass(|x| {
                [if x < 60 { 0.1 * (x as f32 + 0.5) } else { -6.0 }, 0.0]
            })),
            object_id: Some(Pass {
                values: (0..96 * 54).map(|i| if column(i) < 60 { 1 } else { 2 }).collect(),
                certainty: Certainty::Exact,
            }),
            ..GuideFrame::default()
        };
        let working = Working::new(size, 64);
        assert_eq!((working.width, working.height), (64, 36));
        let motion = working.motion(&guide).unwrap();
        for x in 1..39 {
            // A working pixel is 1.5 of the guides': place and motion are both measured in it.
            let expected = 0.1 * (x as f32 + 0.5);
            assert!((motion[64 * 10 + x][0] - expected).abs() < 1e-4, "{x}");
        }
        assert!((41..60).all(|x| motion[64 * 10 + x][0] == -4.0));
    }
}
