//! Pixels: linear-light images, colour, photographs and EXR in and out, video through ffmpeg, measures.
//!
//! A picture in memory is an [`Image`]: linear light, f32, premultiplied RGBA, ACEScg unless its type
//! says otherwise. Photographs become one in [`photo`], and leave through [`color`] and [`png`].
//!
//! ```
//! use heirloom_picture::{color, photo, png, resample};
//!
//! // Three pixels of a display picture, written and read again as a photograph.
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("three.png");
//! let codes = [[255, 0, 0], [12, 34, 56], [255, 255, 255]];
//! png::write8(&path, &codes, 3, 1)?;
//!
//! let photo = photo::read(&path)?;
//! assert_eq!((photo.info.width, photo.info.height), (3, 1));
//! assert_eq!(color::to_display8(&photo.image), codes);          // as it came
//! let small = resample::scale_to(&photo.image, 2, 1);
//! assert_eq!(small.width(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - Decoding, colour and resampling give the same bytes on every processor and for any number of
//!   threads: plain arithmetic and `libm`, one fixed order per pixel, decoders without SIMD of their own.
//! - An 8-bit or 16-bit sRGB picture that comes in and goes out again is what it was.
//! - A file is written under a temporary name beside its own and renamed when it is whole.
//! - Sizes are checked before memory is taken; bad input is an error that says the mend.

pub mod care;
pub mod color;
pub mod exr;
pub mod ffmpeg;
pub mod flow;
mod image;
pub mod look;
pub mod measure;
pub mod metadata;
pub mod oklab;
pub mod photo;
pub mod png;
pub mod preview;
pub mod resample;
mod write;

pub use crate::image::{AcesCg, Image, LinearRec709, Space};
pub use crate::write::{WriteError, write_whole};
