//! Photographs decoded small. JPEGs: the whole file is read, but its blocks are made no larger than they will be seen.
//!
//! libjpeg-turbo decodes every code of the file and leaves out only the fine waves of each block (scaled inverse DCT,
//! as in the IJG's library), so that damage is found as in a full decoding, at a fraction of its cost.

use fast_image_resize::images::{Image as Pixels, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use turbojpeg::{Decompressor, PixelFormat, ScalingFactor};

use super::{Coded, Head, Limits, PhotoError, Raster, Samples, exif, jpeg};
use crate::preview::fitted;
use crate::{color, resample};

/// Scans of a progressive JPEG beyond which it is no photograph: each costs a pass over all of its blocks.
const MOST_SCANS: u32 = 500;

/// sRGB codes, row by row, and their width and height.
pub(crate) type Codes = (Vec<[u8; 3]>, u32, u32);

/// A JPEG upright in sRGB, at most `side` pixels on its longer side. `None` where libjpeg-turbo has a doubt that the
/// full decoding has to settle.
///
/// `room` is where blocks are decoded into; what it held is lost. Used again and again, it saves asking the system for megabytes
/// for each file.
pub(crate) fn jpeg(
    bytes: &[u8],
    name: &str,
    side: u32,
    room: &mut Vec<[u8; 3]>,
) -> Result<Option<Codes>, PhotoError> {
    let head = jpeg::head(bytes, name, &Limits::default())?;
    let (codes, width, height) = match scaled_blocks(bytes, side, room) {
        Ok(codes) => codes,
        Err(error) => return doubt(name, &error.to_string()).map(|()| None),
    };
    let (to_width, to_height) = fitted(head.width, head.height, side);
    let codes = resized(codes, (width, height), (to_width, to_height));
    Ok(Some(upright(head, codes, to_width, to_height)))
}

/// What is no JPEG, upright in sRGB, at most `side` pixels on its longer side: 8-bit codes without transparency are scaled
/// as they are, others in light. `None` for OpenEXR and Radiance HDR.
pub(crate) fn whole(bytes: &[u8], name: &str, side: u32) -> Result<Option<Codes>, PhotoError> {
    let Coded::Raster(raster) = super::raster(bytes, name, &Limits::default())? else {
        return Ok(None);
    };
    let from = (raster.head.width, raster.head.height);
    let (to_width, to_height) = fitted(from.0, from.1, side);
    let codes: Vec<[u8; 3]> = match (&raster.samples, raster.channels) {
        (Samples::Eight(grey), 1) => grey.iter().map(|v| [*v; 3]).collect(),
        (Samples::Eight(codes), 3) => codes.as_chunks::<3>().0.to_vec(),
        _ => {
            let image = raster.develop();
            let (width, height) = fitted(image.width(), image.height(), side);
            let small = resample::scale_to(&image, width, height);
            return Ok(Some((color::to_display8(&small), width, height)));
        }
    };
    let codes = resized(&codes, from, (to_width, to_height));
    Ok(Some(upright(raster.head, codes, to_width, to_height)))
}

/// What libjpeg-turbo says of a file that it did not like: damage, or nothing that is sure.
fn doubt(name: &str, words: &str) -> Result<(), PhotoError> {
    if words.contains("Premature end of JPEG file") {
        return Err(PhotoError::CutShort { name: name.into() });
    }
    let stray = words.contains("extraneous bytes");
    if (words.contains("Corrupt JPEG data") && !stray) || words.contains("scans") {
        return Err(PhotoError::damaged(name, words));
    }
    Ok(())
}

fn scaled_blocks<'a>(
    bytes: &[u8],
    side: u32,
    room: &'a mut Vec<[u8; 3]>,
) -> turbojpeg::Result<(&'a [[u8; 3]], u32, u32)> {
    let mut decoder = Decompressor::new()?;
    decoder.set_scan_limit(MOST_SCANS)?;
    let header = decoder.read_header(bytes)?;
    let enough = |factor: &ScalingFactor| factor.scale(header.width.max(header.height)) >= side as usize;
    let factor = [
        ScalingFactor::ONE_EIGHTH,
        ScalingFactor::ONE_QUARTER,
        ScalingFactor::ONE_HALF,
    ]
    .into_iter()
    .find(enough)
    .unwrap_or(ScalingFactor::ONE);
    decoder.set_scaling_factor(factor)?;
    let scaled = header.scaled(factor);
    let count = scaled.width * scaled.height;
    if room.len() < count {
        room.resize(count, [0; 3]);
    }
    let codes = room.get_mut(..count).unwrap_or_default();
    decoder.decompress(
        bytes,
        turbojpeg::Image {
            pixels: codes.as_flattened_mut(),
            width: scaled.width,
            pitch: 3 * scaled.width,
            height: scaled.height,
            format: PixelFormat::RGB,
        },
    )?;
    Ok((codes, scaled.width as u32, scaled.height as u32))
}

/// Scales codes as they are by Catmull and Rom's cubic, widened to the step.
///
/// From 3000 pixels to 256 it lets through less of what is too fine to be seen than Lanczos's kernel of three lobes (and less
/// than half of what a box does), and overshoots at edges half as far as Lanczos's, for a little less sharpness.
pub(crate) fn resized(codes: &[[u8; 3]], from: (u32, u32), to: (u32, u32)) -> Vec<[u8; 3]> {
    if from == to {
        return codes.to_vec();
    }
    let mut small = vec![[0u8; 3]; to.0 as usize * to.1 as usize];
    let done = ImageRef::new(from.0, from.1, codes.as_flattened(), PixelType::U8x3)
        .ok()
        .zip(Pixels::from_slice_u8(to.0, to.1, small.as_flattened_mut(), PixelType::U8x3).ok())
        .and_then(|(from, mut to)| {
            let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
            Resizer::new().resize(&from, &mut to, &options).ok()
        });
    debug_assert!(done.is_some(), "buffers are as large as their sizes say");
    small
}

/// Turns codes as they lie in the file upright, and to sRGB where they mean other colours.
fn upright(head: Head, codes: Vec<[u8; 3]>, width: u32, height: u32) -> Codes {
    let orientation = head.exif.orientation;
    let (to_width, to_height) = if orientation >= 5 {
        (height, width)
    } else {
        (width, height)
    };
    if !head.colour.is_srgb() {
        let raster = Raster {
            head: Head {
                width,
                height,
                ..head
            },
            channels: 3,
            samples: Samples::Eight(codes.into_flattened()),
        };
        return (color::to_display8(&raster.develop()), to_width, to_height);
    }
    if orientation == 1 {
        return (codes, width, height);
    }
    let (w, h) = (width as usize, height as usize);
    (
        turned(
            orientation,
            &codes,
            (w, h),
            (to_width as usize, to_height as usize),
        ),
        to_width,
        to_height,
    )
}

/// Pixels on the side of the squares that a picture is turned by: rows of both pictures stay in the processor's cache.
const SQUARE: usize = 32;

fn turned(
    orientation: u8,
    codes: &[[u8; 3]],
    (w, h): (usize, usize),
    (to_w, to_h): (usize, usize),
) -> Vec<[u8; 3]> {
    let mut turned = vec![[0u8; 3]; codes.len()];
    // Along a row of the turned picture, places of the other lie evenly.
    let place = |x: usize, y: usize| {
        let (sx, sy) = exif::source_place(orientation, x, y, w, h);
        sy * w + sx
    };
    for top in (0..to_h).step_by(SQUARE) {
        for left in (0..to_w).step_by(SQUARE) {
            let right = (left + SQUARE).min(to_w);
            for y in top..(top + SQUARE).min(to_h) {
                let first = place(left, y);
                let step = if right - left > 1 {
                    place(left + 1, y) as isize - first as isize
                } else {
                    0
                };
                let mut from = first as isize;
                for to in &mut turned[y * to_w + left..y * to_w + right] {
                    *to = codes.get(from as usize).copied().unwrap_or_default();
                    from += step;
                }
            }
        }
    }
    turned
}
