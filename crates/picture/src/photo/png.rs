//! PNG: 1 to 16 bits, grey, RGB, palette, with or without alpha, interlaced or not.

use std::borrow::Cow;
use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use png::{BitDepth, ColorType, Decoder, DecodingError, Info, Reader, Transformations};

use super::profile::Colour;
use super::{Format, Head, Limits, PhotoError, Raster, Samples, exif};
use crate::color::Chromaticities;

pub(super) fn head(bytes: &[u8], name: &str, limits: &Limits) -> Result<Head, PhotoError> {
    let reader = open(bytes, name, limits)?;
    let mut head = describe(reader.info());
    if reader.info().exif_metadata.is_none()
        && let Some(block) = exif_behind(bytes)
    {
        head.exif = exif::read(
            block.strip_prefix(b"Exif\0\0").unwrap_or(block),
            &mut head.warnings,
        );
    }
    Ok(head)
}

/// The EXIF block that stands behind the pixels, if one does: chunks are walked, nothing is unpacked.
fn exif_behind(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let (block, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        match kind {
            b"eXIf" => return Some(block),
            b"IEND" => return None,
            _ => rest = after.get(4..)?,
        }
    }
}

fn open<'a>(bytes: &'a [u8], name: &str, limits: &Limits) -> Result<Reader<Cursor<&'a [u8]>>, PhotoError> {
    let failed = |e| failure(e, name);
    let bound = usize::try_from(limits.decoded_bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: bound });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    let header = decoder.read_header_info().map_err(failed)?;
    // A palette or a grey may come with transparency, which is not known yet: counted as if it did.
    let channels = if header.color_type == ColorType::Indexed {
        4
    } else {
        header.color_type.samples() as u64
    };
    let bytes_per_sample = if header.bit_depth == BitDepth::Sixteen {
        2
    } else {
        1
    };
    limits.check(name, header.width, header.height, channels * bytes_per_sample)?;
    let reader = guarded(name, || decoder.read_info())?;
    // The decoder takes colours three bytes at a time and does not see a palette cut off within one.
    if reader
        .info()
        .palette
        .as_ref()
        .is_some_and(|palette| palette.len() % 3 != 0)
    {
        return Err(PhotoError::damaged(
            name,
            "its palette is cut off within a colour",
        ));
    }
    Ok(reader)
}

/// Runs the decoder; a mistake of its own on a file that no program wrote is damage, not a crash.
fn guarded<T>(name: &str, run: impl FnOnce() -> Result<T, DecodingError>) -> Result<T, PhotoError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|e| failure(e, name)),
        Err(_) => Err(PhotoError::damaged(name, "the decoder gave up on it")),
    }
}

pub(super) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Raster, PhotoError> {
    let mut reader = open(bytes, name, limits)?;
    let size = reader
        .output_buffer_size()
        .filter(|size| *size as u64 <= limits.decoded_bytes)
        .ok_or_else(|| PhotoError::damaged(name, "its rows are longer than memory"))?;
    let mut buffer = vec![0; size];
    let frame = guarded(name, || reader.next_frame(&mut buffer))?;
    buffer.truncate(frame.buffer_size());
    // EXIF may stand behind the pixels. A missing end mark there harms nobody.
    let ended = guarded(name, || reader.finish());
    let mut head = describe(reader.info());
    if ended.is_err() {
        head.warnings
            .push("its end mark is missing or broken; its pixels are whole".into());
    }
    let channels = frame.color_type.samples();
    if frame.width != head.width || frame.height != head.height {
        return Err(PhotoError::damaged(name, "its first frame does not fill it"));
    }
    let samples = match frame.bit_depth {
        BitDepth::Sixteen => {
            let pairs = buffer.chunks_exact(2);
            Samples::Sixteen(pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect())
        }
        _ => Samples::Eight(buffer),
    };
    Ok(Raster {
        head,
        channels,
        samples,
    })
}

fn describe(info: &Info<'_>) -> Head {
    let mut warnings = Vec::new();
    let exif = match &info.exif_metadata {
        Some(block) => exif::read(block.strip_prefix(b"Exif\0\0").unwrap_or(block), &mut warnings),
        None => exif::Facts::default(),
    };
    Head {
        format: Format::Png,
        width: info.width,
        height: info.height,
        bit_depth: info.bit_depth as u8,
        exif,
        colour: colour(info, &mut warnings),
        warnings,
    }
}

/// The order of the PNG specification: cICP, then iCCP, then sRGB, then gAMA with cHRM.
fn colour(info: &Info<'_>, warnings: &mut Vec<String>) -> Colour {
    if let Some(cicp) = &info.coding_independent_code_points {
        match Colour::from_code_points(cicp.color_primaries, cicp.transfer_function) {
            Some(colour) => return colour,
            None => warnings.push(format!(
                "its colour code points ({}, {}) are not of a kind that is read; they are passed over",
                cicp.color_primaries, cicp.transfer_function
            )),
        }
    }
    let grey = matches!(info.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha);
    if let Some(icc) = info.icc_profile.as_ref().map(Cow::as_ref) {
        return Colour::from_icc(icc, grey, warnings);
    }
    if info.srgb.is_some() {
        return Colour::srgb(Some("sRGB".into()));
    }
    let primaries = info.chrm_chunk.map(|c| {
        let xy = |(x, y): (png::ScaledFloat, png::ScaledFloat)| {
            [f64::from(x.into_scaled()) / 1e5, f64::from(y.into_scaled()) / 1e5]
        };
        Chromaticities {
            red: xy(c.red),
            green: xy(c.green),
            blue: xy(c.blue),
            white: xy(c.white),
        }
    });
    let gamma = info.gama_chunk.map(|g| f64::from(g.into_scaled()) / 1e5);
    Colour::from_gamma(gamma, primaries, warnings)
}

fn failure(error: DecodingError, name: &str) -> PhotoError {
    match error {
        DecodingError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            PhotoError::CutShort { name: name.into() }
        }
        DecodingError::LimitsExceeded => {
            PhotoError::damaged(name, "it wants more memory than its size allows")
        }
        other => PhotoError::damaged(name, other),
    }
}
