//! The picture in memory: linear light, premultiplied RGBA, its colour space in the type.

use std::marker::PhantomData;

use rayon::prelude::*;

use crate::color::{self, Chromaticities};

mod sealed {
    pub trait Sealed {}
}

/// A linear-light RGB space that an [`Image`] can be in.
pub trait Space: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The space's name, for messages and file headers.
    const NAME: &'static str;
    /// Its primaries and white.
    const CHROMATICITIES: Chromaticities;
}

/// ACEScg: AP1 primaries, the ACES white (about D60), linear. What the house works in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcesCg;

/// The primaries of BT.709 and sRGB with white D65, linear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearRec709;

impl sealed::Sealed for AcesCg {}
impl sealed::Sealed for LinearRec709 {}

impl Space for AcesCg {
    const NAME: &'static str = "ACEScg";
    const CHROMATICITIES: Chromaticities = Chromaticities::AP1;
}

impl Space for LinearRec709 {
    const NAME: &'static str = "linear BT.709";
    const CHROMATICITIES: Chromaticities = Chromaticities::REC709;
}

/// A picture: `width` x `height` pixels of linear, premultiplied RGBA, rows from the top left.
///
/// 1.0 is display white (a photograph's 255); values above it and below zero are kept. Pixel
/// (0, 0) has its centre at +0.5 of the picture plane; routines that take coordinates say which
/// origin they count from.
#[derive(Clone, Debug, PartialEq)]
pub struct Image<S = AcesCg> {
    width: u32,
    height: u32,
    pixels: Vec<[f32; 4]>,
    space: PhantomData<S>,
}

impl<S: Space> Image<S> {
    /// A picture of `width` x `height` fully transparent black pixels.
    pub fn new(width: u32, height: u32) -> Self {
        Self::filled(width, height, [0.0; 4])
    }

    /// A picture of one colour (linear, premultiplied RGBA).
    pub fn filled(width: u32, height: u32, pixel: [f32; 4]) -> Self {
        let pixels = vec![pixel; width as usize * height as usize];
        Self {
            width,
            height,
            pixels,
            space: PhantomData,
        }
    }

    /// A picture made of rows of pixels from the top left; `None` where their number is not
    /// `width` x `height`.
    pub fn from_pixels(width: u32, height: u32, pixels: Vec<[f32; 4]>) -> Option<Self> {
        let whole = (width as usize).checked_mul(height as usize)? == pixels.len();
        whole.then_some(Self {
            width,
            height,
            pixels,
            space: PhantomData,
        })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All pixels, row by row from the top left.
    pub fn pixels(&self) -> &[[f32; 4]] {
        &self.pixels
    }

    /// All pixels, to change in place.
    pub fn pixels_mut(&mut self) -> &mut [[f32; 4]] {
        &mut self.pixels
    }

    /// The pixels, without the picture around them.
    pub fn into_pixels(self) -> Vec<[f32; 4]> {
        self.pixels
    }

    /// The pixel in column `x` of row `y`, counted from zero. As with a slice, a place outside the
    /// picture is a mistake of the caller and stops the program.
    pub fn at(&self, x: u32, y: u32) -> [f32; 4] {
        assert!(
            x < self.width,
            "column {x} of a picture {} pixels wide",
            self.width
        );
        self.pixels[y as usize * self.width as usize + x as usize]
    }

    /// One row of pixels, counted from zero at the top.
    pub fn row(&self, y: u32) -> &[[f32; 4]] {
        let start = y as usize * self.width as usize;
        &self.pixels[start..start + self.width as usize]
    }

    /// The same picture in another linear space, white going to white (Bradford).
    ///
    /// Works in f64 between the f32 pixels, so that going there and back gives the value that was
    /// there to within a unit in the last place or two.
    pub fn to_space<T: Space>(&self) -> Image<T> {
        let matrix = color::between(&S::CHROMATICITIES, &T::CHROMATICITIES);
        let mut pixels = self.pixels.clone();
        pixels.par_chunks_mut(color::CHUNK).for_each(|chunk| {
            for pixel in chunk {
                let rgb = matrix.apply([pixel[0].into(), pixel[1].into(), pixel[2].into()]);
                *pixel = [rgb[0] as f32, rgb[1] as f32, rgb[2] as f32, pixel[3]];
            }
        });
        Image {
            width: self.width,
            height: self.height,
            pixels,
            space: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_must_fill_the_picture() {
        assert!(Image::<AcesCg>::from_pixels(2, 2, vec![[0.0; 4]; 3]).is_none());
        let image = Image::<AcesCg>::from_pixels(2, 1, vec![[0.0; 4], [1.0; 4]]).unwrap();
        assert_eq!((image.width(), image.height()), (2, 1));
        assert_eq!(image.at(1, 0), [1.0; 4]);
        assert_eq!(image.row(0), image.pixels());
    }

    #[test]
    fn white_stays_white_between_spaces() {
        let white = Image::<LinearRec709>::filled(3, 2, [1.0; 4]);
        for pixel in white.to_space::<AcesCg>().pixels() {
            for v in pixel {
                assert!((v - 1.0).abs() < 1e-6, "{v}");
            }
        }
    }

    #[test]
    fn there_and_back_is_the_same_picture() {
        let pixels = (0..64)
            .map(|i| [i as f32 / 63.0, 1.0 - i as f32 / 63.0, 0.25, 1.0])
            .collect();
        let image = Image::<LinearRec709>::from_pixels(8, 8, pixels).unwrap();
        let back = image.to_space::<AcesCg>().to_space::<LinearRec709>();
        for (a, b) in image.pixels().iter().zip(back.pixels()) {
            for c in 0..4 {
                assert!((a[c] - b[c]).abs() <= 3e-7, "{a:?} came back as {b:?}");
            }
        }
    }
}
