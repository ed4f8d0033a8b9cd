//! TIFF: 8 or 16 bits of grey or RGB, with or without alpha, in strips or tiles, plain, LZW, deflate or PackBits.
//!
//! After TIFF 6.0. All of these codings are lossless, so that the numbers are the file's own. What a camera's raw file
//! holds beside its sensor's numbers is a thumbnail: such a file is refused, never read as that.

mod directory;

use std::borrow::Cow;
use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tiff::decoder::{ChunkType, Decoder, Limits as DecoderLimits};
use tiff::{TiffError, TiffResult};

use super::profile::Colour;
use super::{Format, Head, Limits, PhotoError, Raster, Samples, exif};
use directory::Directory;

const ANEW: &str = "open it in a picture editor and save it as a TIFF of 8 or 16 bits, RGB or grey";

/// What the fourth sample of RGB, or the second of grey, stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    None,
    /// Nothing that is said; passed over.
    Unknown,
    /// Alpha that colours are multiplied by already.
    Associated,
    Unassociated,
}

/// How the samples lie.
#[derive(Clone, Copy)]
struct Layout {
    /// 1 or 3, and one more where there is an extra sample.
    channels: usize,
    extra: Extra,
    /// Bytes of a sample.
    bytes: usize,
    planar: bool,
}

/// What kind of raw file a TIFF is, where it is one.
pub(crate) fn raw(bytes: &[u8]) -> Option<&'static str> {
    Directory::first(bytes)?.raw()
}

pub(super) fn head(bytes: &[u8], name: &str, limits: &Limits) -> Result<Head, PhotoError> {
    Ok(look(bytes, name, limits)?.0)
}

fn look<'a>(
    bytes: &'a [u8],
    name: &str,
    limits: &Limits,
) -> Result<(Head, Layout, Directory<'a>), PhotoError> {
    let refuse = |what: String, mend| {
        Err(PhotoError::Unsupported {
            name: name.into(),
            what,
            mend,
        })
    };
    if bytes.get(2..4).is_some_and(|magic| magic.contains(&43)) {
        return refuse(
            "a BigTIFF (made for files over 4 GiB)".into(),
            "save it as an ordinary TIFF",
        );
    }
    let directory = Directory::first(bytes).ok_or_else(|| PhotoError::CutShort { name: name.into() })?;
    if let Some(kind) = directory.raw() {
        return refuse(
            format!("a camera's raw file ({kind})"),
            "develop it in a raw converter (darktable, RawTherapee, Lightroom) and export it as 16-bit TIFF",
        );
    }
    if directory.is_beside() {
        return refuse("a TIFF that begins with a thumbnail or a mask".into(), ANEW);
    }
    let layout = match layout(&directory) {
        Ok(layout) => layout,
        Err((what, mend)) => return refuse(what, mend),
    };
    let size = |tag| {
        directory
            .number(tag)
            .ok_or_else(|| PhotoError::damaged(name, "it does not say how large it is"))
    };
    let (width, height) = (size(directory::WIDTH)?, size(directory::HEIGHT)?);
    limits.check(name, width, height, (layout.channels * layout.bytes) as u64)?;

    let mut warnings = Vec::new();
    let pages = directory.pages();
    if pages > 1 {
        warnings.push(format!("it has {pages} pages; the first is read"));
    }
    if layout.extra == Extra::Unknown {
        warnings.push(
            "it has a channel beside its colours that is not said to be transparency; it is passed over"
                .into(),
        );
    }
    let exif = exif::read(bytes, &mut warnings);
    let grey = layout.channels < 3;
    let colour = match directory.bytes(directory::ICC) {
        Some(icc) => Colour::from_icc(icc, grey, &mut warnings),
        None => {
            if directory.has(directory::ICC) {
                warnings.push("its colour profile is cut off; it is taken as sRGB".into());
            }
            Colour::srgb(None)
        }
    };
    let head = Head {
        format: Format::Tiff,
        width,
        height,
        bit_depth: 8 * layout.bytes as u8,
        exif,
        colour,
        warnings,
    };
    Ok((head, layout, directory))
}

/// How a picture's samples lie; or what it is and the mend, where it is of a kind that is not read.
fn layout(directory: &Directory<'_>) -> Result<Layout, (String, &'static str)> {
    let one = |tag, default| directory.number(tag).unwrap_or(default);
    let samples = one(directory::SAMPLES, 1);
    let colours = match (one(directory::INTERPRETATION, u32::MAX), samples) {
        (1, _) | (0, 1) => 1,
        (2, _) => 3,
        (0, _) => return Err(("a TIFF of inverted grey with another channel".into(), ANEW)),
        (3, _) => {
            let mend = "set its mode to RGB in a picture editor and save it again";
            return Err(("a TIFF with a palette".into(), mend));
        }
        (5, _) => {
            let mend = "convert it to RGB in a picture editor, with its own profile, and save it again";
            return Err(("a CMYK TIFF (made for print)".into(), mend));
        }
        (6, _) => return Err(("a TIFF in YCbCr".into(), ANEW)),
        (8..=10, _) => return Err(("a TIFF in Lab".into(), ANEW)),
        (u32::MAX, _) => return Err(("a TIFF that does not say what its numbers mean".into(), ANEW)),
        (n, _) => return Err((format!("a TIFF of colours of kind {n}"), ANEW)),
    };
    let coding = match one(directory::COMPRESSION, 1) {
        1 | 5 | 8 | 32_773 | 32_946 => None,
        2..=4 => Some("coded as a fax".to_owned()),
        6 | 7 | 34_892 => Some("with JPEG inside".to_owned()),
        50_000 => Some("packed with Zstandard".to_owned()),
        n => Some(format!("coded in way {n}")),
    };
    if let Some(coding) = coding {
        let mend = "save it as TIFF without compression, or with LZW or ZIP";
        return Err((format!("a TIFF {coding}"), mend));
    }
    match one(directory::SAMPLE_FORMAT, 1) {
        1 | 4 => {}
        3 => {
            let mend = "save it as OpenEXR, which keeps its light, or as 16-bit TIFF";
            return Err(("a TIFF of floating-point numbers".into(), mend));
        }
        _ => return Err(("a TIFF of signed or complex numbers".into(), ANEW)),
    }
    let depths = directory.numbers(directory::BITS);
    let bits = depths.first().copied().unwrap_or(1);
    if !matches!(bits, 8 | 16) || depths.iter().any(|depth| *depth != bits) {
        return Err((format!("a TIFF of {bits} bits a channel"), ANEW));
    }
    let extra = match samples.checked_sub(colours) {
        Some(0) => Extra::None,
        Some(1) => match directory.number(directory::EXTRA_SAMPLES) {
            Some(1) => Extra::Associated,
            Some(2) => Extra::Unassociated,
            _ => Extra::Unknown,
        },
        _ => return Err((format!("a TIFF of {samples} channels"), ANEW)),
    };
    Ok(Layout {
        channels: samples as usize,
        extra,
        bytes: bits as usize / 8,
        planar: one(directory::PLANAR, 1) == 2,
    })
}

pub(super) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Raster, PhotoError> {
    let (head, layout, directory) = look(bytes, name, limits)?;
    // The decoder drops a channel of unknown meaning, and loses count where neighbours are predicted. It is
    // told that the channel is alpha; here it is dropped afterwards.
    let place = (layout.extra == Extra::Unknown)
        .then(|| directory.place_of_short(directory::EXTRA_SAMPLES))
        .flatten();
    let mut told = Cow::Borrowed(bytes);
    if let Some(place) = place {
        let alpha = if bytes.starts_with(b"II") { [2, 0] } else { [0, 2] };
        if let Some(short) = told.to_mut().get_mut(place..place + 2) {
            short.copy_from_slice(&alpha);
        }
    }
    let raw = guarded(name, || read(&told, &head, layout, limits))?;
    let (channels, samples) = if layout.bytes == 2 {
        let pairs = raw.chunks_exact(2);
        let samples = pairs.map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect();
        let (channels, samples) = sorted(samples, layout, u16::MAX, u32::from, |v| v as u16);
        (channels, Samples::Sixteen(samples))
    } else {
        let (channels, samples) = sorted(raw, layout, u8::MAX, u32::from, |v| v as u8);
        (channels, Samples::Eight(samples))
    };
    Ok(Raster {
        head,
        channels,
        samples,
    })
}

/// All samples, each in the machine's own byte order, one pixel after another.
fn read(bytes: &[u8], head: &Head, layout: Layout, limits: &Limits) -> TiffResult<Option<Vec<u8>>> {
    let mut bound = DecoderLimits::default();
    bound.decoding_buffer_size = usize::try_from(limits.decoded_bytes).unwrap_or(usize::MAX);
    bound.intermediate_buffer_size = bytes.len();
    let mut decoder = Decoder::new(Cursor::new(bytes))?.with_limits(bound);
    if decoder.dimensions()? != (head.width, head.height) {
        return Ok(None);
    }
    let (width, height) = (head.width as usize, head.height as usize);
    let (planes, in_chunk) = if layout.planar {
        (layout.channels, 1)
    } else {
        (1, layout.channels)
    };
    let pixel = layout.channels * layout.bytes;
    let part = in_chunk * layout.bytes;
    let (wide, high) = decoder.chunk_dimensions();
    let (wide, high) = (wide as usize, high as usize);
    let (across, down) = (width.div_ceil(wide), height.div_ceil(high));
    let direct = !layout.planar && decoder.get_chunk_type() == ChunkType::Strip;
    let mut out = vec![0; width * height * pixel];
    let mut chunk = Vec::new();
    for index in 0..planes * across * down {
        let (plane, place) = (index / (across * down), index % (across * down));
        let (x, y) = (place % across * wide, place / across * high);
        let number = u32::try_from(index)?;
        let (chunk_wide, chunk_high) = decoder.chunk_data_dimensions(number);
        let (chunk_wide, chunk_high) = (chunk_wide as usize, chunk_high as usize);
        let length = decoder.image_chunk_buffer_layout(number)?.len;
        if chunk_wide
            .checked_mul(chunk_high)
            .and_then(|n| n.checked_mul(part))
            != Some(length)
            || length as u64 > limits.decoded_bytes
        {
            return Ok(None);
        }
        if direct {
            let from = y * width * pixel;
            let Some(strip) = out.get_mut(from..from + length) else {
                return Ok(None);
            };
            decoder.read_chunk_bytes(number, strip)?;
            continue;
        }
        chunk.clear();
        chunk.resize(length, 0);
        decoder.read_chunk_bytes(number, &mut chunk)?;
        let seen = chunk_wide.min(width - x);
        for (row, line) in chunk.chunks_exact(chunk_wide * part).take(height - y).enumerate() {
            let from = ((y + row) * width + x) * pixel + plane * part;
            for (column, sample) in line.chunks_exact(part).take(seen).enumerate() {
                let at = from + column * pixel;
                out[at..at + part].copy_from_slice(sample);
            }
        }
    }
    Ok(Some(out))
}

/// Channels and samples as a [`Raster`] has them: what is no alpha dropped, colours no longer multiplied by it.
fn sorted<T: Copy>(
    mut samples: Vec<T>,
    layout: Layout,
    white: T,
    wide: impl Fn(T) -> u32,
    narrow: impl Fn(u32) -> T,
) -> (usize, Vec<T>) {
    let channels = layout.channels;
    match layout.extra {
        Extra::None | Extra::Unassociated => (channels, samples),
        Extra::Unknown => {
            let kept = channels - 1;
            let colours = samples.chunks_exact(channels).flat_map(|pixel| &pixel[..kept]);
            (kept, colours.copied().collect())
        }
        Extra::Associated => {
            let white = wide(white);
            for pixel in samples.chunks_exact_mut(channels) {
                let alpha = wide(pixel[channels - 1]);
                for v in &mut pixel[..channels - 1] {
                    // At most 65535 * 65535 + 32767, which 32 bits hold.
                    let whole = (wide(*v) * white + alpha / 2).checked_div(alpha).unwrap_or(0);
                    *v = narrow(whole.min(white));
                }
            }
            (channels, samples)
        }
    }
}

/// Runs the decoder; a mistake of its own on a file that no program wrote is damage, not a crash.
fn guarded<T>(name: &str, run: impl FnOnce() -> TiffResult<Option<T>>) -> Result<T, PhotoError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(Some(value))) => Ok(value),
        Ok(Ok(None)) => Err(PhotoError::damaged(
            name,
            "its tags do not agree on how its pixels lie",
        )),
        Ok(Err(TiffError::IoError(e))) if e.kind() == ErrorKind::UnexpectedEof => {
            Err(PhotoError::CutShort { name: name.into() })
        }
        Ok(Err(TiffError::LimitsExceeded)) => Err(PhotoError::damaged(
            name,
            "it wants more memory than its size allows",
        )),
        Ok(Err(error)) => Err(PhotoError::damaged(name, error)),
        Err(_) => Err(PhotoError::damaged(name, "the decoder gave up on it")),
    }
}
