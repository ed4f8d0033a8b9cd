//! Small display pictures of photographs, made fast: what thumbnails, proxies, judging and search look at.
//!
//! A preview is 8-bit sRGB, upright, and at most so many pixels on its longer side. It is for looking and measuring: the
//! pixels that takes rest on come from [`crate::photo`], to the bit on every machine; these may differ in a code between
//! machines.

use crate::measure::View;
use crate::photo::{self, PhotoError};
use crate::{color, resample};

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

/// Decodes a photograph whole, at most `side` pixels on its longer side.
///
/// # Errors
/// As [`photo::read`]: also where damage lies in pixels that the preview would not need.
pub fn decode(bytes: &[u8], name: &str, side: u32) -> Result<Preview, PhotoError> {
    let photo = photo::decode(bytes, name)?;
    let (width, height) = fitted(photo.image.width(), photo.image.height(), side);
    let small = resample::scale_to(&photo.image, width, height);
    Ok(Preview {
        codes: color::to_display8(&small),
        width,
        height,
    })
}
