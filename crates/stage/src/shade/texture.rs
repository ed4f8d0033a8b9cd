//! Pictures on surfaces: bilinear from a pyramid of halvings, the level by how large a pixel is on the picture.

use heirloom_picture::Image;

use crate::scene::{Texture, TextureUse, Wrap};

/// A texture and its halvings, each the mean of four (or fewer, at odd edges) of the one before.
#[derive(Debug)]
pub(crate) struct Pyramid {
    levels: Vec<Image>,
    wrap: [Wrap; 2],
}

impl Pyramid {
    pub fn new(texture: &Texture) -> Self {
        let mut levels = vec![texture.image.clone()];
        while let Some(last) = levels.last()
            && last.width().max(last.height()) > 1
        {
            let next = halve(last);
            levels.push(next);
        }
        Self {
            levels,
            wrap: texture.wrap,
        }
    }

    /// Pixels each way of the whole picture.
    pub fn size(&self) -> [f32; 2] {
        [self.levels[0].width() as f32, self.levels[0].height() as f32]
    }

    /// The colour (premultiplied) at a place, for a footprint of so many of the picture's own pixels squared.
    pub fn at(&self, uv: [f32; 2], area: f32) -> [f32; 4] {
        if self.levels[0].pixels().is_empty() || !(uv[0].is_finite() && uv[1].is_finite()) {
            return [0.0; 4];
        }
        // Between two levels, from the side of a square pixel: the exponent of 2 by halving, no logarithm.
        let mut side = if area > 1.0 { area.sqrt() } else { 1.0 };
        let mut level = 0;
        while side >= 2.0 && level + 1 < self.levels.len() {
            side /= 2.0;
            level += 1;
        }
        let near = self.bilinear(level, uv);
        let t = side - 1.0;
        if t <= 0.0 || level + 1 >= self.levels.len() {
            return near;
        }
        let far = self.bilinear(level + 1, uv);
        let t = t.min(1.0);
        [0, 1, 2, 3].map(|c| near[c] + (far[c] - near[c]) * t)
    }

    fn bilinear(&self, level: usize, uv: [f32; 2]) -> [f32; 4] {
        let image = &self.levels[level];
        let size = [image.width(), image.height()];
        let mut from = [0i64; 2];
        let mut share = [0f32; 2];
        for i in 0..2 {
            let place = f64::from(uv[i]) * f64::from(size[i]) - 0.5;
            let floor = libm::floor(place.clamp(-1e12, 1e12));
            from[i] = floor as i64;
            share[i] = (place.clamp(-1e12, 1e12) - floor) as f32;
        }
        let pixel = |dx: i64, dy: i64| {
            let x = wrapped(from[0] + dx, size[0], self.wrap[0]);
            let y = wrapped(from[1] + dy, size[1], self.wrap[1]);
            image.pixels()[y * size[0] as usize + x]
        };
        let (a, b, c, d) = (pixel(0, 0), pixel(1, 0), pixel(0, 1), pixel(1, 1));
        [0, 1, 2, 3].map(|i| {
            let top = a[i] + (b[i] - a[i]) * share[0];
            let low = c[i] + (d[i] - c[i]) * share[0];
            top + (low - top) * share[1]
        })
    }
}

/// Texture coordinates through a use's matrix.
pub(crate) fn transformed(texture: &TextureUse, uv: [f32; 2]) -> [f32; 2] {
    texture.transform.map(|r| r[0] * uv[0] + r[1] * uv[1] + r[2])
}

fn wrapped(at: i64, size: u32, wrap: Wrap) -> usize {
    let size = i64::from(size.max(1));
    let at = match wrap {
        Wrap::Clamp => at.clamp(0, size - 1),
        Wrap::Repeat => at.rem_euclid(size),
        Wrap::Mirror => {
            let at = at.rem_euclid(2 * size);
            if at < size { at } else { 2 * size - 1 - at }
        }
    };
    at as usize
}

fn halve(image: &Image) -> Image {
    let (width, height) = (image.width().div_ceil(2), image.height().div_ceil(2));
    let mut half = Image::new(width, height);
    for y in 0..height {
        for x in 0..width {
            let mut sum = [0.0f32; 4];
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let px = (2 * x + dx).min(image.width() - 1);
                let py = (2 * y + dy).min(image.height() - 1);
                let pixel = image.at(px, py);
                for c in 0..4 {
                    sum[c] += pixel[c] / 4.0;
                }
            }
            half.pixels_mut()[y as usize * width as usize + x as usize] = sum;
        }
    }
    half
}
