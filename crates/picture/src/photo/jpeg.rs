//! JPEG, baseline and progressive, grey and YCbCr or RGB.
//!
//! The decoder is built without its x86 and NEON parts (see the root Cargo.toml): its run-time
//! switch `set_use_unsafe(false)` is no help, since it tests each instruction set's own flag first,
//! and those are on by default.

use std::panic::{AssertUnwindSafe, catch_unwind};

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::profile::Colour;
use super::{Format, Head, Limits, PhotoError, Raster, Samples, exif};

/// What the markers before the pixels say, and whether the file comes to its end.
#[derive(Default)]
struct Markers {
    has_profile: bool,
    /// Number of the frame kind (0 baseline, 2 progressive, …), bits, width, height, components.
    frame: Option<(u8, u8, u32, u32, u8)>,
    complete: bool,
}

fn markers(bytes: &[u8]) -> Markers {
    let mut found = Markers::default();
    let mut at = 2;
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
        match marker {
            0xff => {
                at += 1;
                continue;
            }
            0x01 | 0xd0..=0xd8 => {
                at += 2;
                continue;
            }
            0xd9 => break,
            _ => {}
        }
        let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
            break;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = bytes.get(at + 4..at + 2 + length.max(2)).unwrap_or_default();
        match (marker, body) {
            (0xe2, body) if body.starts_with(b"ICC_PROFILE\0") => found.has_profile = true,
            (0xc0..=0xcf, &[bits, h1, h0, w1, w0, components, ..])
                if !matches!(marker, 0xc4 | 0xc8 | 0xcc) =>
            {
                let width = u32::from(u16::from_be_bytes([w1, w0]));
                let height = u32::from(u16::from_be_bytes([h1, h0]));
                found.frame = found
                    .frame
                    .or(Some((marker - 0xc0, bits, width, height, components)));
            }
            (0xda, _) => {
                let pixels = bytes.get(at + 2 + length.max(2)..).unwrap_or_default();
                // From the end, where it is of all files but damaged ones.
                found.complete = pixels.windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
                break;
            }
            _ => {}
        }
        at += 2 + length.max(2);
    }
    found
}

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

pub(super) fn head(bytes: &[u8], name: &str, limits: &Limits) -> Result<Head, PhotoError> {
    Ok(open(bytes, name, limits)?.0)
}

fn open<'a>(bytes: &'a [u8], name: &str, limits: &Limits) -> Result<(Head, Decoder<'a>), PhotoError> {
    let markers = markers(bytes);
    if let Some((kind, bits, width, height, components)) = markers.frame {
        supported(name, kind, bits, components)?;
        // A height of zero is written in a DNL marker behind the first scan: nobody does, but for bombs.
        limits.check(name, width, height, u64::from(components))?;
    }
    // The decoder's own limits are 16384 a side unless raised.
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    guarded(name, || decoder.decode_headers())?;
    let Some(info) = decoder.info() else {
        return Err(PhotoError::damaged(name, "it has no frame header"));
    };
    if !markers.complete {
        return Err(PhotoError::CutShort { name: name.into() });
    }
    limits.check(
        name,
        info.width.into(),
        info.height.into(),
        info.components.into(),
    )?;
    supported(name, 0, 8, info.components)?;
    let mut warnings = Vec::new();
    let exif = decoder
        .exif()
        .map(|block| exif::read(block, &mut warnings))
        .unwrap_or_default();
    let colour = match decoder.icc_profile() {
        Some(icc) => Colour::from_icc(&icc, info.components == 1, &mut warnings),
        None => {
            if markers.has_profile {
                warnings.push("its colour profile is in pieces that do not fit; it is taken as sRGB".into());
            }
            Colour::srgb(None)
        }
    };
    let head = Head {
        format: Format::Jpeg,
        width: info.width.into(),
        height: info.height.into(),
        bit_depth: 8,
        exif,
        colour,
        warnings,
    };
    Ok((head, decoder))
}

fn supported(name: &str, kind: u8, bits: u8, components: u8) -> Result<(), PhotoError> {
    let refuse = |what: String, mend| {
        Err(PhotoError::Unsupported {
            name: name.into(),
            what,
            mend,
        })
    };
    const ANEW: &str = "open it in a picture editor and save it as a plain JPEG or as PNG";
    match (kind, bits, components) {
        (_, _, 4) => refuse(
            "a CMYK JPEG (made for print)".into(),
            "convert it to RGB in a picture editor, with its own profile, and save it as JPEG or PNG",
        ),
        (3 | 7 | 11 | 15, ..) => refuse("a lossless JPEG".into(), ANEW),
        (9.., ..) => refuse("a JPEG with arithmetic coding".into(), ANEW),
        (5..=6, ..) => refuse("a hierarchical JPEG".into(), ANEW),
        (_, bits, _) if bits != 8 => refuse(format!("a JPEG of {bits} bits a channel"), ANEW),
        (_, _, 1 | 3) => Ok(()),
        (_, _, n) => refuse(format!("a JPEG of {n} components"), ANEW),
    }
}

pub(super) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Raster, PhotoError> {
    let (head, mut decoder) = open(bytes, name, limits)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let out = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(out));
    let samples = guarded(name, || decoder.decode())?;
    let channels = if grey { 1 } else { 3 };
    if samples.len() != head.width as usize * head.height as usize * channels {
        return Err(PhotoError::damaged(name, "its pixels do not fill its frame"));
    }
    Ok(Raster {
        head,
        channels,
        samples: Samples::Eight(samples),
    })
}

/// Runs the decoder; a mistake of its own on a file that no camera wrote is damage, not a crash.
fn guarded<T>(name: &str, run: impl FnOnce() -> Result<T, DecodeErrors>) -> Result<T, PhotoError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_))) => {
            Err(PhotoError::CutShort { name: name.into() })
        }
        Ok(Err(error)) => {
            let words = format!("{error:?}");
            Err(PhotoError::damaged(name, words.trim().trim_matches('"')))
        }
        Err(_) => Err(PhotoError::damaged(name, "the decoder gave up on it")),
    }
}
