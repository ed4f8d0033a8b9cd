//! Copies of a photograph as people make them: smaller, compressed again, cropped, lighter or darker.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each user takes its own part, and may end at the first thing wrong"
)]

use heirloom_picture::preview::{self, Preview};

/// sRGB codes, row by row.
#[derive(Clone, Debug)]
pub struct Codes {
    pub codes: Vec<[u8; 3]>,
    pub width: u32,
    pub height: u32,
}

impl Codes {
    pub fn read(path: &std::path::Path, side: u32) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let preview = preview::decode(&bytes, &path.to_string_lossy(), side).ok()?;
        Some(Self::of(&preview))
    }

    pub fn of(preview: &Preview) -> Self {
        Self {
            codes: preview.codes().to_vec(),
            width: preview.width(),
            height: preview.height(),
        }
    }

    pub fn preview(&self) -> Preview {
        Preview::from_codes(self.codes.clone(), self.width, self.height).unwrap()
    }

    /// As it comes in from a JPEG file of this quality, at most `side` pixels long.
    pub fn through_jpeg(&self, quality: u8, side: u32) -> Preview {
        let mut bytes = Vec::new();
        let flat: Vec<u8> = self.codes.iter().flatten().copied().collect();
        jpeg_encoder::Encoder::new(&mut bytes, quality)
            .encode(
                &flat,
                self.width as u16,
                self.height as u16,
                jpeg_encoder::ColorType::Rgb,
            )
            .unwrap();
        preview::decode(&bytes, "copy.jpg", side).unwrap()
    }

    pub fn at(&self, x: i64, y: i64) -> [u8; 3] {
        let (x, y) = (
            x.clamp(0, i64::from(self.width) - 1),
            y.clamp(0, i64::from(self.height) - 1),
        );
        self.codes[y as usize * self.width as usize + x as usize]
    }

    fn made(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Self {
        let codes = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| pixel(x, y))
            .collect();
        Self { codes, width, height }
    }

    pub fn part(&self, x: u32, y: u32, width: u32, height: u32) -> Self {
        Self::made(width, height, |i, j| self.at(i64::from(x + i), i64::from(y + j)))
    }

    /// Shares of the width and height are cut away at the left, top, right and bottom.
    pub fn cropped(&self, left: f32, top: f32, right: f32, bottom: f32) -> Self {
        let (w, h) = (self.width as f32, self.height as f32);
        let (x, y) = ((left * w) as u32, (top * h) as u32);
        let (right, bottom) = ((right * w) as u32, (bottom * h) as u32);
        self.part(x, y, self.width - x - right, self.height - y - bottom)
    }

    /// Means over areas; each pixel of the copy takes whole pixels.
    pub fn resized(&self, scale: f32) -> Self {
        let size = |v: u32| ((v as f32 * scale + 0.5) as u32).max(1);
        let (width, height) = (size(self.width), size(self.height));
        let span = |i: u32, out: u32, own: u32| {
            let from = u64::from(i) * u64::from(own) / u64::from(out);
            let to = (u64::from(i + 1) * u64::from(own)).div_ceil(u64::from(out));
            (from as i64, (to as i64).max(from as i64 + 1))
        };
        Self::made(width, height, |x, y| {
            let ((x0, x1), (y0, y1)) = (span(x, width, self.width), span(y, height, self.height));
            let mut sum = [0_u32; 3];
            for j in y0..y1 {
                for i in x0..x1 {
                    for (s, v) in sum.iter_mut().zip(self.at(i, j)) {
                        *s += u32::from(v);
                    }
                }
            }
            let n = ((x1 - x0) * (y1 - y0)) as u32;
            sum.map(|s| ((s + n / 2) / n) as u8)
        })
    }

    /// So many stops more light, clipped at white.
    pub fn exposed(&self, stops: f32) -> Self {
        let table: Vec<u8> = (0..256)
            .map(|v| {
                let v = v as f32 / 255.0;
                let linear = if v <= 0.04045 {
                    v / 12.92
                } else {
                    ((v + 0.055) / 1.055).powf(2.4)
                };
                let l = (linear * stops.exp2()).min(1.0);
                let v = if l <= 0.003_130_8 {
                    12.92 * l
                } else {
                    1.055 * l.powf(1.0 / 2.4) - 0.055
                };
                (v * 255.0 + 0.5) as u8
            })
            .collect();
        self.mapped(|c| c.map(|v| table[v as usize]))
    }

    pub fn mapped(&self, f: impl Fn([u8; 3]) -> [u8; 3]) -> Self {
        Self {
            codes: self.codes.iter().map(|c| f(*c)).collect(),
            ..*self
        }
    }

    /// Turned about its middle; what comes from beyond the border is the border's.
    pub fn turned(&self, degrees: f32) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (cx, cy) = (self.width as f32 / 2.0, self.height as f32 / 2.0);
        Self::made(self.width, self.height, |x, y| {
            let (dx, dy) = (x as f32 + 0.5 - cx, y as f32 + 0.5 - cy);
            let (sx, sy) = (cx + dx * cos - dy * sin - 0.5, cy + dx * sin + dy * cos - 0.5);
            let (left, top) = (sx.floor(), sy.floor());
            let (fx, fy) = (sx - left, sy - top);
            let corner = |i: i64, j: i64| self.at(left as i64 + i, top as i64 + j);
            let (a, b, c, d) = (corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1));
            std::array::from_fn(|k| {
                let v = |p: [u8; 3]| f32::from(p[k]);
                let (upper, lower) = (v(a) + (v(b) - v(a)) * fx, v(c) + (v(d) - v(c)) * fx);
                (upper + (lower - upper) * fy + 0.5) as u8
            })
        })
    }

    /// A white border, this share of the longer side wide.
    pub fn bordered(&self, share: f32) -> Self {
        let wide = (self.width.max(self.height) as f32 * share) as u32;
        Self::made(self.width + 2 * wide, self.height + 2 * wide, |x, y| {
            let (x, y) = (i64::from(x) - i64::from(wide), i64::from(y) - i64::from(wide));
            let inside = (0..i64::from(self.width)).contains(&x) && (0..i64::from(self.height)).contains(&y);
            if inside { self.at(x, y) } else { [255; 3] }
        })
    }

    /// Bars as of white lettering over the lower sixth.
    pub fn lettered(&self) -> Self {
        let unit = (self.height / 60).max(2);
        Self::made(self.width, self.height, |x, y| {
            let below = y > self.height * 5 / 6 && y < self.height * 23 / 24;
            let stroke = (x / unit).is_multiple_of(3) && !(x / unit / 3).is_multiple_of(5);
            if below && stroke && x > self.width / 10 && x < self.width * 9 / 10 {
                [255; 3]
            } else {
                self.at(i64::from(x), i64::from(y))
            }
        })
    }

    /// Means over (2 r + 1) squared pixels, three times: nearly a Gaussian of radius sqrt(r (r + 1)).
    pub fn blurred(&self, r: i64) -> Self {
        let mut out = self.clone();
        for _ in 0..3 {
            for along_x in [true, false] {
                let from = out.clone();
                out = Self::made(out.width, out.height, |x, y| {
                    let mut sum = [0_u32; 3];
                    for d in -r..=r {
                        let (i, j) = if along_x { (d, 0) } else { (0, d) };
                        let c = from.at(i64::from(x) + i, i64::from(y) + j);
                        for (s, v) in sum.iter_mut().zip(c) {
                            *s += u32::from(v);
                        }
                    }
                    let n = (2 * r + 1) as u32;
                    sum.map(|s| ((s + n / 2) / n) as u8)
                });
            }
        }
        out
    }

    /// Grain of this standard deviation, alike in all channels.
    pub fn noisy(&self, deviation: f32) -> Self {
        let mut state = 7_u64;
        let mut share = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 + 0.5) / (1_u64 << 24) as f32
        };
        let mut out = self.clone();
        for c in &mut out.codes {
            // The sum of twelve even shares has deviation 1.
            let n = ((0..12).map(|_| share()).sum::<f32>() - 6.0) * deviation;
            *c = c.map(|v| (f32::from(v) + n).round().clamp(0.0, 255.0) as u8);
        }
        out
    }
}
