//! Small display pictures of photographs, made fast: what thumbnails, proxies, judging and search look at.
//!
//! A preview is 8-bit sRGB, upright, and at most so many pixels on its longer side. It is for looking and measuring: the
//! pixels that takes rest on come from [`crate::photo`], to the bit on every machine; these may differ in a code between
//! machines.

use turbojpeg::{Compressor, PixelFormat, Subsamp};

use crate::image::{AcesCg, Image};
use crate::measure::View;
use crate::photo::{self, Format, PhotoError, PhotoInfo, small};
use crate::{color, resample};

/// A preview could not be coded as JPEG.
#[derive(Debug, thiserror::Error)]
#[error("a small picture could not be coded as JPEG ({words}): see that there is memory left, and try again")]
pub struct JpegError {
    /// The coder's own words.
    words: String,
}

/// A small display picture: sRGB codes, row by row, upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    codes: Vec<[u8; 3]>,
    width: u32,
    height: u32,
}

impl Preview {
    /// From codes; `None` unless there are `width * height` of them, and at least one.
    pub fn from_codes(codes: Vec<[u8; 3]>, width: u32, height: u32) -> Option<Self> {
        View::new(&codes, width, height)?;
        Some(Self { codes, width, height })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The codes, row by row.
    pub fn codes(&self) -> &[[u8; 3]] {
        &self.codes
    }

    /// A linear picture as it is shown, at most `side` pixels on its longer side.
    pub fn of_image(image: &Image<AcesCg>, side: u32) -> Self {
        let (width, height) = fitted(image.width(), image.height(), side.max(1));
        Self {
            codes: color::to_display8(&resample::scale_to(image, width, height)),
            width,
            height,
        }
    }

    /// The same at most `side` pixels on its longer side; itself where it is no larger.
    #[must_use]
    pub fn scaled(&self, side: u32) -> Self {
        let (width, height) = fitted(self.width, self.height, side.max(1));
        Self {
            codes: small::resized(&self.codes, (self.width, self.height), (width, height)),
            width,
            height,
        }
    }

    /// As a JPEG file's bytes, chroma at half resolution; `quality` is libjpeg's, 1 to 100.
    ///
    /// # Errors
    /// [`JpegError`], where memory is short.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, JpegError> {
        let encode = || -> turbojpeg::Result<Vec<u8>> {
            let mut coder = Compressor::new()?;
            coder.set_quality(i32::from(quality.clamp(1, 100)))?;
            coder.set_subsamp(Subsamp::Sub2x2)?;
            coder.compress_to_vec(turbojpeg::Image {
                pixels: self.codes.as_flattened(),
                width: self.width as usize,
                pitch: 3 * self.width as usize,
                height: self.height as usize,
                format: PixelFormat::RGB,
            })
        };
        encode().map_err(|error| JpegError {
            words: error.to_string(),
        })
    }

    /// As measures look at it.
    pub fn view(&self) -> Option<View<'_>> {
        View::new(&self.codes, self.width, self.height)
    }
}

/// The size of a `width` x `height` picture that is at most `side` pixels on its longer side; never larger than it was.
pub fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = width.max(height).max(1);
    if longer <= side {
        return (width.max(1), height.max(1));
    }
    let scaled =
        |v: u32| ((u64::from(v) * u64::from(side) + u64::from(longer) / 2) / u64::from(longer)).max(1) as u32;
    (scaled(width), scaled(height))
}

/// Decodes a photograph whole, at most `side` pixels on its longer side: as [`Decoder::decode`], which is quicker for many.
///
/// # Errors
/// As [`photo::read`]: also where damage lies in pixels that the preview would not need.
pub fn decode(bytes: &[u8], name: &str, side: u32) -> Result<Preview, PhotoError> {
    Decoder::default().decode(bytes, name, side)
}

/// Decodes photographs small, one after another, in the same memory.
#[derive(Debug, Default)]
pub struct Decoder {
    room: Vec<[u8; 3]>,
}

/// Pixels that a decoder keeps room for between two photographs: what a half of 32 million takes, 24 MiB.
const KEPT: usize = 1 << 23;

impl Decoder {
    /// Decodes a photograph whole, at most `side` pixels on its longer side.
    ///
    /// Of a JPEG every code is decoded, but its blocks are made at the smallest of 1/8, 1/4, 1/2 and 1 of their size that
    /// still has `side` pixels on the longer side. Other files of 8 bits without transparency are decoded at full size and
    /// scaled in codes, as JPEGs are; the rest are decoded by [`photo::decode`] and scaled in light.
    ///
    /// # Errors
    /// As [`photo::read`]: also where damage lies in pixels that the preview would not need.
    pub fn decode(&mut self, bytes: &[u8], name: &str, side: u32) -> Result<Preview, PhotoError> {
        let side = side.max(1);
        let is_jpeg = photo::format_by_content(bytes) == Some(Format::Jpeg);
        let small = if is_jpeg {
            let small = small::jpeg(bytes, name, side, &mut self.room);
            if self.room.len() > KEPT {
                self.room = Vec::new();
            }
            small?
        } else {
            small::whole(bytes, name, side)?
        };
        if let Some((codes, width, height)) = small {
            return Ok(Preview { codes, width, height });
        }
        Ok(Preview::of_image(&photo::decode(bytes, name)?.image, side))
    }
}

/// Bytes of memory that [`decode`] takes at most for such a photograph, the file's own bytes aside.
pub fn memory(info: &PhotoInfo, side: u32) -> u64 {
    let pixels = u64::from(info.width) * u64::from(info.height);
    let side = u64::from(side.max(1));
    match info.format {
        // A progressive file's waves, two bytes each, and blocks of at most twice the side in each direction.
        Format::Jpeg => pixels * 6 + (4 * side * side).min(pixels) * 3 + side * side * 6,
        // Samples of at most 8 bytes a pixel, the floats of it and of the small picture.
        _ => pixels * 24 + side * side * 20,
    }
}
