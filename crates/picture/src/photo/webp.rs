//! WebP, lossy (VP8) and lossless, with or without alpha; of an animation the first frame.
//!
//! The decoder computes in whole numbers and has no parts of its own for this or that processor.

use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use image_webp::{DecodingError, WebPDecoder};

use super::profile::Colour;
use super::{Format, Head, Limits, PhotoError, Raster, Samples, exif};

/// Blocks of a file that are looked at, so that a made-up file cannot keep the reader busy.
const MOST_BLOCKS: usize = 10_000;

/// What stands in the file beside its pixels.
#[derive(Default)]
struct Blocks<'a> {
    icc: Option<&'a [u8]>,
    exif: Option<&'a [u8]>,
    /// The largest size that one of its lossy pictures declares: the decoder takes memory for it unasked.
    lossy: (u32, u32),
}

impl<'a> Blocks<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let mut found = Self::default();
        found.walk(bytes.get(12..).unwrap_or_default(), true);
        found
    }

    fn walk(&mut self, mut rest: &'a [u8], outer: bool) {
        for _ in 0..MOST_BLOCKS {
            let Some((kind, after)) = rest.split_first_chunk::<4>() else {
                return;
            };
            let Some((length, after)) = after.split_first_chunk::<4>() else {
                return;
            };
            let length = u32::from_le_bytes(*length) as usize;
            let body = after.get(..length).unwrap_or(after);
            match kind {
                b"ICCP" => self.icc = self.icc.or(Some(body)),
                b"EXIF" => self.exif = self.exif.or(Some(body)),
                b"VP8 " => {
                    if let Some(&[w0, w1, h0, h1]) = body.get(6..10) {
                        let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
                        self.lossy.0 = self.lossy.0.max(side(w0, w1));
                        self.lossy.1 = self.lossy.1.max(side(h0, h1));
                    }
                }
                b"ANMF" if outer => self.walk(body.get(16..).unwrap_or_default(), false),
                _ => {}
            }
            let Some(after) = length.checked_add(length % 2).and_then(|n| after.get(n..)) else {
                return;
            };
            rest = after;
        }
    }
}

type Reader<'a> = WebPDecoder<Cursor<&'a [u8]>>;

pub(super) fn head(bytes: &[u8], name: &str, limits: &Limits) -> Result<Head, PhotoError> {
    Ok(open(bytes, name, limits)?.0)
}

fn open<'a>(bytes: &'a [u8], name: &str, limits: &Limits) -> Result<(Head, Reader<'a>), PhotoError> {
    let declared = bytes.get(4..).and_then(|rest| rest.first_chunk::<4>());
    let declared = declared.map_or(u64::MAX, |size| u64::from(u32::from_le_bytes(*size)));
    // A last block of an odd length may lack its filling byte.
    if declared.saturating_add(7) > bytes.len() as u64 {
        return Err(PhotoError::CutShort { name: name.into() });
    }
    let mut decoder = guarded(name, || WebPDecoder::new(Cursor::new(bytes)))?;
    decoder.set_memory_limit(bytes.len());
    let (width, height) = decoder.dimensions();
    limits.check(name, width, height, 4)?;
    let blocks = Blocks::of(bytes);
    if blocks.lossy.0 > width || blocks.lossy.1 > height {
        return Err(PhotoError::damaged(
            name,
            "the picture in it is larger than it declares",
        ));
    }
    let mut warnings = Vec::new();
    if decoder.is_animated() {
        let frames = decoder.num_frames();
        warnings.push(format!(
            "it is an animation of {frames} frames; the first is read"
        ));
    }
    let exif = blocks.exif.map(|block| {
        let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        exif::read(block, &mut warnings)
    });
    let colour = match blocks.icc {
        Some(icc) => Colour::from_icc(icc, false, &mut warnings),
        None => Colour::srgb(None),
    };
    let head = Head {
        format: Format::WebP,
        width,
        height,
        bit_depth: 8,
        exif: exif.unwrap_or_default(),
        colour,
        warnings,
    };
    Ok((head, decoder))
}

pub(super) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Raster, PhotoError> {
    let (head, mut decoder) = open(bytes, name, limits)?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut samples = vec![0; head.width as usize * head.height as usize * channels];
    guarded(name, || decoder.read_image(&mut samples))?;
    Ok(Raster {
        head,
        channels,
        samples: Samples::Eight(samples),
    })
}

/// Runs the decoder; a mistake of its own on a file that no program wrote is damage, not a crash.
fn guarded<T>(name: &str, run: impl FnOnce() -> Result<T, DecodingError>) -> Result<T, PhotoError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(DecodingError::IoError(e))) if e.kind() == ErrorKind::UnexpectedEof => {
            Err(PhotoError::CutShort { name: name.into() })
        }
        Ok(Err(error)) => Err(PhotoError::damaged(name, error)),
        Err(_) => Err(PhotoError::damaged(name, "the decoder gave up on it")),
    }
}
