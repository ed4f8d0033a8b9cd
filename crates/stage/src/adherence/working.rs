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
        let motion = self.thin(&guide.motion_next_px.as_ref()?.values);
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
