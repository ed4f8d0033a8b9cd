//! Photographs in: JPEG, PNG, TIFF, WebP, OpenEXR and Radiance HDR to linear-light ACEScg, upright, with what the file says of itself.
//!
//! The content of a file decides its format, never its name. Sizes are checked before memory is
//! taken. Orientation (EXIF) is applied; an embedded colour profile is honoured, or named in
//! [`PhotoInfo::warnings`] where it cannot be. Pixels are the same on every machine, with one
//! exception: profiles made of lookup tables go through `moxcms`, whose arithmetic is portable as
//! built here but is not ours to promise.
//!
//! OpenEXR and Radiance HDR hold linear light and come in as they are: what is brighter than display white (1.0)
//! stays so, what is no number becomes black, what is beyond half float's 65 504 becomes that.

mod exif;
mod jpeg;
mod open_exr;
mod png;
mod profile;
mod radiance;
pub(crate) mod small;
pub(crate) mod tiff;
mod webp;

use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::image::{AcesCg, Image};
use profile::Colour;

/// A photograph, upright, in ACEScg.
#[derive(Clone, Debug)]
pub struct Photo {
    /// Its pixels.
    pub image: Image<AcesCg>,
    /// What its file says of it.
    pub info: PhotoInfo,
}

/// What a photograph's file says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhotoInfo {
    /// How the file is coded.
    pub format: Format,
    /// Pixels in a row, after orientation.
    pub width: u32,
    /// Rows, after orientation.
    pub height: u32,
    /// The EXIF orientation that was applied, 1 to 8 (1: it lay upright).
    pub orientation: u8,
    /// When it was taken, as the camera's clock said: `2019-07-04T12:30:05`.
    pub taken: Option<String>,
    /// The colour profile's name, where one is embedded or declared.
    pub profile: Option<String>,
    /// Bits of each channel in the file.
    pub bit_depth: u8,
    /// What was wrong with the file and passed over, each with what was done instead.
    pub warnings: Vec<String>,
}

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// TIFF: 8 or 16 bits, grey or RGB.
    Tiff,
    /// WebP, lossy or lossless.
    WebP,
    /// OpenEXR: linear light, values over display white kept.
    Exr,
    /// Radiance HDR: likewise.
    Hdr,
}

impl Format {
    /// `JPEG`, `PNG`, `TIFF`, `WebP`, `OpenEXR` or `Radiance HDR`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
            Self::Exr => "OpenEXR",
            Self::Hdr => "Radiance HDR",
        }
    }
}

/// How large a photograph may be. Checked from the file's header, before memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels on the longer side.
    pub side: u32,
    /// Pixels in all.
    pub pixels: u64,
    /// Bytes of the decoded samples, before they become floats.
    pub decoded_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            side: 65_535,
            pixels: 400_000_000,
            decoded_bytes: 1 << 30,
        }
    }
}

impl Limits {
    fn check(&self, name: &str, width: u32, height: u32, bytes_per_pixel: u64) -> Result<(), PhotoError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(PhotoError::damaged(
                name,
                format!("it declares {width} x {height} pixels"),
            ));
        }
        let limit = if width.max(height) > self.side {
            format!("{} pixels a side", self.side)
        } else if pixels > self.pixels {
            format!("{} million pixels", self.pixels / 1_000_000)
        } else if pixels * bytes_per_pixel > self.decoded_bytes {
            format!("{} MiB decoded", self.decoded_bytes >> 20)
        } else {
            return Ok(());
        };
        Err(PhotoError::TooLarge {
            name: name.into(),
            width,
            height,
            limit,
        })
    }
}

/// A photograph that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// The file is missing or may not be read.
    #[error("{} could not be read ({source}); see that the file is there and may be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// None of the formats that are read.
    #[error("{name} is not a photograph Heirloom reads (starts with {starts_with}); JPEG, PNG, TIFF, WebP, OpenEXR and Radiance HDR are read{}",
        known.map(|k| format!(", and this is {k}: save it as 16-bit TIFF or PNG, as OpenEXR or as JPEG")).unwrap_or_default())]
    NotAPhotograph {
        /// The file.
        name: String,
        /// Its first bytes, readable.
        starts_with: String,
        /// The format it seems to be in, where that is known.
        known: Option<&'static str>,
    },
    /// Nothing in it.
    #[error("{name} is empty (0 bytes); copy it again from where it came from")]
    Empty {
        /// The file.
        name: String,
    },
    /// Larger than the limits.
    #[error(
        "{name} declares {width} x {height} pixels, more than the limit of {limit}; if it is a real photograph, scale it down first"
    )]
    TooLarge {
        /// The file.
        name: String,
        /// Declared pixels in a row.
        width: u32,
        /// Declared rows.
        height: u32,
        /// The limit that it passes.
        limit: String,
    },
    /// It ends before its picture does.
    #[error("{name} is cut short: it ends before its picture does; copy it again from where it came from")]
    CutShort {
        /// The file.
        name: String,
    },
    /// It breaks its format's rules.
    #[error(
        "{name} is damaged: {why}; copy it again from where it came from, or open it in a picture editor and save it anew"
    )]
    Damaged {
        /// The file.
        name: String,
        /// What was found.
        why: String,
    },
    /// A sound file of a kind that is not read.
    #[error("{name} is {what}, which Heirloom does not read; {mend}")]
    Unsupported {
        /// The file.
        name: String,
        /// What it is.
        what: String,
        /// What to do.
        mend: &'static str,
    },
}

impl PhotoError {
    fn damaged(name: &str, why: impl ToString) -> Self {
        Self::Damaged {
            name: name.into(),
            why: why.to_string(),
        }
    }
}

/// Reads a photograph from a file.
///
/// # Errors
/// See [`PhotoError`]; each says the mend.
pub fn read(path: &Path) -> Result<Photo, PhotoError> {
    let bytes = std::fs::read(path).map_err(|source| PhotoError::Read {
        path: path.into(),
        source,
    })?;
    decode(&bytes, &path.display().to_string())
}

/// Decodes a photograph from a file's bytes; `name` stands for it in errors.
///
/// # Errors
/// As [`read`].
pub fn decode(bytes: &[u8], name: &str) -> Result<Photo, PhotoError> {
    decode_within(bytes, name, &Limits::default())
}

/// As [`decode`], with limits of one's own.
///
/// # Errors
/// As [`read`].
pub fn decode_within(bytes: &[u8], name: &str, limits: &Limits) -> Result<Photo, PhotoError> {
    let raster = match raster(bytes, name, limits)? {
        Coded::Raster(raster) => raster,
        Coded::Exr => return open_exr::decode(bytes, name, limits),
        Coded::Hdr => return radiance::decode(bytes, name, limits),
    };
    let info = raster.head.info();
    let image = raster.develop();
    Ok(Photo { image, info })
}

/// A file's samples, or the format of light that has none.
enum Coded {
    Raster(Box<Raster>),
    Exr,
    Hdr,
}

fn raster(bytes: &[u8], name: &str, limits: &Limits) -> Result<Coded, PhotoError> {
    let raster = match format_of(bytes, name)? {
        Format::Jpeg => jpeg::decode(bytes, name, limits)?,
        Format::Png => png::decode(bytes, name, limits)?,
        Format::Tiff => tiff::decode(bytes, name, limits)?,
        Format::WebP => webp::decode(bytes, name, limits)?,
        Format::Exr => return Ok(Coded::Exr),
        Format::Hdr => return Ok(Coded::Hdr),
    };
    Ok(Coded::Raster(Box::new(raster)))
}

/// Reads what a photograph's file says of it, without decoding its pixels.
///
/// # Errors
/// As [`read`], but for damage in the pixels, which is not looked at.
pub fn inspect(bytes: &[u8], name: &str) -> Result<PhotoInfo, PhotoError> {
    let head = match format_of(bytes, name)? {
        Format::Jpeg => jpeg::head(bytes, name, &Limits::default())?,
        Format::Png => png::head(bytes, name, &Limits::default())?,
        Format::Tiff => tiff::head(bytes, name, &Limits::default())?,
        Format::WebP => webp::head(bytes, name, &Limits::default())?,
        Format::Exr => return open_exr::inspect(bytes, name, &Limits::default()),
        Format::Hdr => return radiance::inspect(bytes, name, &Limits::default()),
    };
    Ok(head.info())
}

/// The format of a photograph by its first bytes (twelve are enough); `None` where it is none that is read.
pub fn format_by_content(bytes: &[u8]) -> Option<Format> {
    let begins = |what: &[u8]| bytes.starts_with(what);
    Some(match () {
        () if begins(b"\xff\xd8\xff") => Format::Jpeg,
        () if begins(b"\x89PNG\r\n\x1a\n") => Format::Png,
        () if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]
            .into_iter()
            .any(|magic| begins(magic)) =>
        {
            Format::Tiff
        }
        () if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => Format::WebP,
        () if begins(b"\x76\x2f\x31\x01") => Format::Exr,
        () if begins(b"#?RADIANCE") || begins(b"#?RGBE") => Format::Hdr,
        () => return None,
    })
}

fn format_of(bytes: &[u8], name: &str) -> Result<Format, PhotoError> {
    if let Some(format) = format_by_content(bytes) {
        return Ok(format);
    }
    if bytes.is_empty() {
        return Err(PhotoError::Empty { name: name.into() });
    }
    Err(PhotoError::NotAPhotograph {
        name: name.into(),
        starts_with: beginning(bytes),
        known: known(bytes),
    })
}

/// Makes a scene-linear picture safe to work with: what is no number is black, and no light is beyond half float.
/// Gives a warning where something had to be changed.
fn tame(image: &mut Image<AcesCg>) -> Option<String> {
    const MOST: f32 = 65_504.0;
    let changed: u64 = image
        .pixels_mut()
        .par_chunks_mut(1 << 14)
        .map(|chunk| {
            let mut changed = 0;
            for pixel in chunk {
                let before = *pixel;
                for v in &mut pixel[..3] {
                    *v = if v.is_nan() { 0.0 } else { v.clamp(-MOST, MOST) };
                }
                pixel[3] = if pixel[3].is_nan() {
                    1.0
                } else {
                    pixel[3].clamp(0.0, 1.0)
                };
                changed += u64::from(before != *pixel);
            }
            changed
        })
        .sum();
    (changed > 0).then(|| {
        format!("{changed} of its pixels hold what is no number or beyond 65504; they are black, or that bright, instead")
    })
}

/// The first bytes of a file as a reader can take them in: as text, or else in hexadecimal.
fn beginning(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(24)])
        .trim_end_matches('\u{fffd}')
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    if !text.is_empty() && text.chars().all(|c| !c.is_control() && c != '\u{fffd}') {
        return format!("{text:?}");
    }
    let hex: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("the bytes {}", hex.join(" "))
}

/// Formats that people keep pictures in and that are not read.
fn known(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, what: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(what));
    Some(match () {
        () if at(0, b"GIF8") => "GIF",
        () if at(4, b"ftyphei") || at(4, b"ftypmif1") || at(4, b"ftyphev") => "HEIC",
        () if at(4, b"ftypavif") => "AVIF",
        // Canon, Olympus (twice), Panasonic, Fujifilm, and Canon's older.
        () if at(4, b"ftypcrx")
            || at(0, b"IIRO")
            || at(0, b"IIRS")
            || at(0, b"IIU\0")
            || at(0, b"FUJIFILMCCD-RAW")
            || at(6, b"HEAPCCDR") =>
        {
            "a camera's raw file"
        }
        () if at(4, b"ftyp") => "a video clip",
        () if at(0, b"\0\0\0\x0cJXL ") || at(0, b"\xff\x0a") => "JPEG XL",
        () if at(0, b"\0\0\0\x0cjP  ") => "JPEG 2000",
        () if at(0, b"BM") => "BMP",
        () if at(0, b"8BPS") => "Photoshop",
        () if at(0, b"%PDF") => "PDF",
        () => return None,
    })
}

/// What is known of a photograph before its pixels are decoded.
struct Head {
    format: Format,
    /// As the pixels lie in the file, before orientation.
    width: u32,
    height: u32,
    bit_depth: u8,
    exif: exif::Facts,
    colour: Colour,
    warnings: Vec<String>,
}

impl Head {
    fn info(&self) -> PhotoInfo {
        let turned = self.exif.orientation >= 5;
        let (width, height) = if turned {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        PhotoInfo {
            format: self.format,
            width,
            height,
            orientation: self.exif.orientation,
            taken: self.exif.taken.clone(),
            profile: self.colour.name.clone(),
            bit_depth: self.bit_depth,
            warnings: self.warnings.clone(),
        }
    }
}

/// Decoded samples as the file has them: `channels` (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA) for
/// every pixel, 8 or 16 bits each.
struct Raster {
    head: Head,
    channels: usize,
    samples: Samples,
}

enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

impl Raster {
    /// To linear light, ACEScg, premultiplied, upright.
    fn develop(self) -> Image<AcesCg> {
        let Self {
            head,
            channels,
            samples,
        } = self;
        match samples {
            Samples::Eight(samples) => {
                let light = head.colour.table(255);
                develop(&head, channels, &samples, usize::from, &light, 255.0)
            }
            Samples::Sixteen(samples) => {
                let light = head.colour.table(65_535);
                develop(&head, channels, &samples, usize::from, &light, 65_535.0)
            }
        }
    }
}

fn develop<T: Copy + Sync>(
    head: &Head,
    channels: usize,
    samples: &[T],
    index: impl Fn(T) -> usize + Sync,
    light: &profile::Light,
    white: f32,
) -> Image<AcesCg> {
    let (width, height) = (head.width as usize, head.height as usize);
    let orientation = head.exif.orientation;
    let (to_width, to_height) = if orientation >= 5 {
        (height, width)
    } else {
        (width, height)
    };
    let mut image = Image::new(to_width as u32, to_height as u32);
    let rows = image.pixels_mut().par_chunks_mut(to_width).enumerate();
    rows.for_each(|(y, row)| {
        let mut line = Vec::with_capacity(row.len());
        for (x, pixel) in row.iter_mut().enumerate() {
            let (sx, sy) = exif::source_place(orientation, x, y, width, height);
            let at = (sy * width + sx) * channels;
            let sample = &samples[at..at + channels];
            line.push(match channels {
                1 | 2 => [index(sample[0]); 3],
                _ => [index(sample[0]), index(sample[1]), index(sample[2])],
            });
            let has_alpha = matches!(channels, 2 | 4);
            pixel[3] = if has_alpha {
                index(sample[channels - 1]) as f32 / white
            } else {
                1.0
            };
        }
        light.develop_row(&line, row);
    });
    image
}
