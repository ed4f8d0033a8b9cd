//! Photographs as what is fine is learnt from them: each at the size that a frame shows it in, and how that looks at the frame's
//! size before; the difference is what enlarging loses.

use std::sync::Arc;

use heirloom_engine::{Failure, Inputs, TakeFrames};
use heirloom_film::Size;
use heirloom_picture::{Image, color, resample};
use heirloom_vault::ObjectId;
use rayon::prelude::*;

use crate::atlas;
use crate::pictures::read_photograph;
use crate::poisson;
use crate::take::SourceFacts;

/// Photographs are not enlarged more than this to be seen in the size that the frame shows them in; beyond it they are taken
/// at their own size, whose matter is finer than the frame's and as sharp as the photograph is.
const MOST_ENLARGED: f64 = 1.4;
/// Photographs of one take at the most, those with the largest shares first.
const MOST: usize = 8;
/// Pixels of all of them at the most.
const MOST_PIXELS: u64 = 48_000_000;
/// Steps of what is fine to one of encoded light.
const STEPS: f32 = 16_384.0;
/// Pixels of edge that stand on around a [`Small`].
pub const EDGE: usize = 2;

/// A picture at the size of the take, as patches of it are compared: luma, and two differences of colour, with an edge of
/// [`EDGE`] pixels that stand on.
pub struct Small {
    /// Pixels across, without the edge.
    pub width: usize,
    /// Rows, without the edge.
    pub height: usize,
    luma: Vec<u8>,
    colour: Vec<[u8; 2]>,
}

impl Small {
    /// Of a picture in linear light.
    pub fn of(image: &Image) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let codes = color::to_display8(image);
        let stride = width + 2 * EDGE;
        let mut luma = vec![0; stride * (height + 2 * EDGE)];
        let mut colour = vec![[0; 2]; luma.len()];
        luma.par_chunks_mut(stride)
            .zip(colour.par_chunks_mut(stride))
            .enumerate()
            .for_each(|(y, (luma, colour))| {
                let row = y.saturating_sub(EDGE).min(height.saturating_sub(1)) * width;
                for (x, (luma, colour)) in luma.iter_mut().zip(colour).enumerate() {
                    let at = row + x.saturating_sub(EDGE).min(width.saturating_sub(1));
                    let [r, g, b] = codes[at].map(i32::from);
                    let light = (77 * r + 150 * g + 29 * b) >> 8;
                    *luma = light as u8;
                    *colour = [((r - light) / 2 + 128) as u8, ((b - light) / 2 + 128) as u8];
                }
            });
        Self {
            width,
            height,
            luma,
            colour,
        }
    }

    fn stride(&self) -> usize {
        self.width + 2 * EDGE
    }

    /// How unlike the 5x5 patches around two pixels are: squares of differences of luma, three quarters of what is common to all
    /// of them left out, and of the colours of their middles.
    #[inline]
    pub fn unlike(&self, (x, y): (usize, usize), other: &Self, (u, v): (usize, usize)) -> u32 {
        let side = 2 * EDGE + 1;
        let (mut sum, mut square) = (0i32, 0i32);
        for row in 0..side {
            let a = &self.luma[(y + row) * self.stride() + x..][..side];
            let b = &other.luma[(v + row) * other.stride() + u..][..side];
            for (a, b) in a.iter().zip(b) {
                let d = i32::from(*a) - i32::from(*b);
                sum += d;
                square += d * d;
            }
        }
        let a = self.colour[(y + EDGE) * self.stride() + x + EDGE];
        let b = other.colour[(v + EDGE) * other.stride() + u + EDGE];
        let colours: i32 = (0..2).map(|k| (i32::from(a[k]) - i32::from(b[k])).pow(2)).sum();
        // At most 25 * 255^2, and its sum's square over 25 is no more.
        let common = (i64::from(sum) * i64::from(sum) * 3 / 100) as i32;
        (square - common + 6 * colours) as u32
    }

    /// The variance of luma in the 5x5 patch around a pixel.
    pub fn variance(&self, (x, y): (usize, usize)) -> f32 {
        let side = 2 * EDGE + 1;
        let (mut sum, mut square) = (0i32, 0i32);
        for row in 0..side {
            for v in &self.luma[(y + row) * self.stride() + x..][..side] {
                sum += i32::from(*v);
                square += i32::from(*v) * i32::from(*v);
            }
        }
        (square as f32 - (sum as f32) * (sum as f32) / 25.0) / 25.0
    }
}

/// A photograph that what is fine is learnt from.
pub struct Exemplar {
    /// It at the size of the take.
    pub small: Small,
    /// Pixels across and rows of it at its large size.
    pub large: (usize, usize),
    /// What enlarging loses: large minus enlarged, of light encoded by a root, in [`STEPS`].
    fine: Vec<[i16; 3]>,
}

impl Exemplar {
    fn of(photograph: &Image, large: (u32, u32), by: (f64, f64)) -> Self {
        let image = resample::lanczos(photograph, large.0, large.1);
        let side = |v: u32, by: f64| (libm::round(f64::from(v) / by) as u32).max(1);
        let small = resample::scale_to(&image, side(large.0, by.0), side(large.1, by.1));
        let enlarged = resample::lanczos(&small, large.0, large.1);
        let fine = image
            .pixels()
            .par_iter()
            .zip(enlarged.pixels())
            .map(|(a, b)| {
                std::array::from_fn(|k| {
                    let lost = poisson::encode(a[k].max(0.0)) - poisson::encode(b[k].max(0.0));
                    libm::roundf((lost * STEPS).clamp(-32_000.0, 32_000.0)) as i16
                })
            })
            .collect();
        Self {
            small: Small::of(&small),
            large: (large.0 as usize, large.1 as usize),
            fine,
        }
    }

    /// Large pixels to one small one, across and down.
    pub fn ratio(&self) -> (f32, f32) {
        (
            self.large.0 as f32 / self.small.width as f32,
            self.large.1 as f32 / self.small.height as f32,
        )
    }

    /// What is fine at a place of the large picture, in pixels from the centre of its first, by the Catmull-Rom cubic; its edge
    /// stands on.
    pub fn fine(&self, x: f32, y: f32) -> [f32; 3] {
        let (width, height) = (self.large.0 as i32, self.large.1 as i32);
        let (left, top) = (x.floor(), y.floor());
        let (wx, wy) = (cubic(x - left), cubic(y - top));
        let (left, top) = (left as i32, top as i32);
        let mut sum = [0.0f32; 3];
        for (j, wy) in (-1..).zip(wy) {
            let row = (top + j).clamp(0, height - 1) * width;
            let mut line = [0.0f32; 3];
            for (i, wx) in (-1..).zip(wx) {
                let p = self.fine[(row + (left + i).clamp(0, width - 1)) as usize];
                for k in 0..3 {
                    line[k] += wx * f32::from(p[k]);
                }
            }
            for k in 0..3 {
                sum[k] += wy * line[k];
            }
        }
        sum.map(|v| v / STEPS)
    }
}

fn cubic(t: f32) -> [f32; 4] {
    [
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]
}

/// The photographs of a take.
#[derive(Default)]
pub struct Exemplars {
    /// Each, in the order of [`Exemplars::facts`].
    pub list: Vec<Exemplar>,
    /// What is recorded of each: `scaled` is its large size.
    pub facts: Vec<SourceFacts>,
}

impl Exemplars {
    /// Of the photographs among a take's sources that has `from` pixels and will have `to`; those with the largest shares in it
    /// first, as far as there is room.
    ///
    /// # Errors
    /// A photograph can not be read, or the work is to stop.
    pub fn of<E: From<Failure>>(
        photographs: &[ObjectId],
        take: &dyn TakeFrames,
        inputs: &Arc<dyn Inputs>,
        (from, to): (Size, Size),
        check: &dyn Fn() -> Result<(), E>,
    ) -> Result<Self, E> {
        let shares = take.shares()?;
        let share = |object: &ObjectId| {
            shares
                .iter()
                .find(|s| s.source == *object)
                .map_or(0.0, |s| s.share)
        };
        let mut wanted: Vec<ObjectId> = photographs.to_vec();
        // Stable: equal shares stay in the order of the request.
        wanted.sort_by(|a, b| share(b).total_cmp(&share(a)));
        let shown = shown_sizes(take)?;
        let by = (
            f64::from(to.width) / f64::from(from.width),
            f64::from(to.height) / f64::from(from.height),
        );
        let mut all = Self::default();
        let mut pixels = 0u64;
        for object in wanted.into_iter().take(MOST) {
            check()?;
            let photograph = read_photograph(&**inputs, &object)?;
            let original = (photograph.width(), photograph.height());
            let usual = atlas::scaled_size(original, to.height, 1.0);
            let large = shown
                .iter()
                .find(|(of, _)| *of == object)
                .map_or(usual, |(_, shown)| {
                    let side = |v: u32, by: f64| libm::round(f64::from(v) * by) as u32;
                    (side(shown.0, by.0), side(shown.1, by.1))
                });
            let large = match f64::from(large.0) <= MOST_ENLARGED * f64::from(original.0) {
                true => large,
                false => original,
            };
            pixels += u64::from(large.0) * u64::from(large.1);
            if pixels > MOST_PIXELS && !all.list.is_empty() {
                break;
            }
            // A photograph smaller than a patch at the take's size shows nothing.
            if f64::from(large.0) < 16.0 * by.0 || f64::from(large.1) < 16.0 * by.1 {
                continue;
            }
            all.list.push(Exemplar::of(&photograph, large, by));
            all.facts.push(atlas::whole(object, original, large));
        }
        Ok(all)
    }
}

/// A source, and the pixels across and down that it is shown in.
type Shown = (ObjectId, (u32, u32));

/// The sizes in which a take shows its photographs, where its engine can say: of its first frame.
fn shown_sizes(take: &dyn TakeFrames) -> Result<Vec<Shown>, Failure> {
    let mut shown: Vec<(ObjectId, (u32, u32))> = Vec::new();
    take.each_origin(0, &mut |_, _, origins| {
        for origin in origins {
            if origin.frame.is_none() && shown.iter().all(|(of, _)| *of != origin.source) {
                shown.push((origin.source, origin.scaled_to));
            }
        }
    })?;
    Ok(shown)
}
