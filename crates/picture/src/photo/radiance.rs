//! Radiance HDR (`.hdr`, `.pic`): red, green and blue with one exponent, as environment maps come.
//!
//! The format is Greg Ward's, as described in "Real Pixels" (Graphics Gems II, 1991) and in the Radiance reference: a
//! text header, a line that says the order of rows and columns, and scanlines of four bytes a pixel, either plain, or
//! run-length packed a byte plane at a time.

use super::{Format, Limits, Photo, PhotoError, PhotoInfo, tame};
use crate::color::{self, Chromaticities};
use crate::image::{AcesCg, Image};
use rayon::prelude::*;

/// A pixel while it is read: four bytes, and then four floats.
const BYTES_PER_PIXEL: u64 = 20;
/// A header longer than this is none.
const LONGEST_HEADER: usize = 1 << 16;

/// What a file says before its pixels.
struct Header<'a> {
    width: u32,
    height: u32,
    /// Rows from the bottom, columns from the right.
    turned: (bool, bool),
    primaries: Option<Chromaticities>,
    /// What values were multiplied by.
    exposure: f64,
    warnings: Vec<String>,
    pixels: &'a [u8],
}

pub(super) fn inspect(bytes: &[u8], name: &str, limits: &Limits) -> Result<PhotoInfo, PhotoError> {
    Ok(header(bytes, name, limits)?.info())
}

pub(super) fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Photo, PhotoError> {
    let header = header(bytes, name, limits)?;
    let (width, height) = (header.width as usize, header.height as usize);
    // The least that a packed row can be: a file that promises more than it could hold is cut short.
    if header.pixels.len() < height {
        return Err(PhotoError::CutShort { name: name.into() });
    }
    let mut codes = vec![[0u8; 4]; width * height];
    let mut rest = header.pixels;
    for row in codes.chunks_exact_mut(width) {
        rest = scanline(rest, row, name)?;
    }
    let from = header.primaries.unwrap_or(Chromaticities::REC709);
    let matrix = color::between(&from, &Chromaticities::AP1);
    let (upside, mirrored) = header.turned;
    let mut image = Image::<AcesCg>::new(header.width, header.height);
    let rows = image.pixels_mut().par_chunks_exact_mut(width).enumerate();
    rows.for_each(|(y, row)| {
        let y = if upside { height - 1 - y } else { y };
        for (x, pixel) in row.iter_mut().enumerate() {
            let x = if mirrored { width - 1 - x } else { x };
            let [r, g, b, e] = codes[y * width + x];
            // Half a step up, as Radiance reads it; nothing at all where the exponent is nought.
            let scale = match e {
                0 => 0.0,
                e => libm::ldexp(1.0, i32::from(e) - 136) / header.exposure,
            };
            let light = |v: u8| if e == 0 { 0.0 } else { (f64::from(v) + 0.5) * scale };
            let rgb = matrix.apply([light(r), light(g), light(b)]);
            *pixel = [rgb[0] as f32, rgb[1] as f32, rgb[2] as f32, 1.0];
        }
    });
    let mut info = header.info();
    info.warnings.extend(tame(&mut image));
    Ok(Photo { image, info })
}

impl Header<'_> {
    fn info(&self) -> PhotoInfo {
        PhotoInfo {
            format: Format::Hdr,
            width: self.width,
            height: self.height,
            orientation: 1,
            taken: None,
            profile: self.primaries.as_ref().map(|_| "its own primaries".into()),
            bit_depth: 32,
            warnings: self.warnings.clone(),
        }
    }
}

fn header<'a>(bytes: &'a [u8], name: &str, limits: &Limits) -> Result<Header<'a>, PhotoError> {
    let damaged = |why: &str| PhotoError::damaged(name, why);
    let mut header = Header {
        width: 0,
        height: 0,
        turned: (false, false),
        primaries: None,
        exposure: 1.0,
        warnings: Vec::new(),
        pixels: &[],
    };
    let mut rest = bytes;
    let mut said = false;
    loop {
        let window = &rest[..rest.len().min(LONGEST_HEADER)];
        let Some(end) = window.iter().position(|b| *b == b'\n') else {
            return Err(match rest.len() < LONGEST_HEADER {
                true => PhotoError::CutShort { name: name.into() },
                false => damaged("its header has no end"),
            });
        };
        let line = String::from_utf8_lossy(&rest[..end]);
        let line = line.trim_end_matches('\r');
        rest = &rest[end + 1..];
        if bytes.len() - rest.len() > LONGEST_HEADER {
            return Err(damaged("its header has no end"));
        }
        if said {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [rows, height, columns, width] = words.as_slice() else {
                return Err(damaged("the line that says its size is none"));
            };
            header.turned = match (*rows, *columns) {
                ("-Y", "+X") => (false, false),
                ("+Y", "+X") => (true, false),
                ("-Y", "-X") => (false, true),
                ("+Y", "-X") => (true, true),
                _ => {
                    return Err(PhotoError::Unsupported {
                        name: name.into(),
                        what: "a Radiance picture that lies on its side".into(),
                        mend: "turn it upright in a picture editor and save it anew",
                    });
                }
            };
            let side = |word: &str| {
                word.parse()
                    .map_err(|_| damaged("the line that says its size is none"))
            };
            (header.width, header.height) = (side(width)?, side(height)?);
            limits.check(name, header.width, header.height, BYTES_PER_PIXEL)?;
            header.pixels = rest;
            return Ok(header);
        }
        if line.is_empty() {
            said = true;
        } else if let Some(format) = line.strip_prefix("FORMAT=") {
            if format.trim() != "32-bit_rle_rgbe" {
                return Err(PhotoError::Unsupported {
                    name: name.into(),
                    what: format!("a Radiance picture in the form {:?}", format.trim()),
                    mend: "save it as 32-bit_rle_rgbe, or as OpenEXR",
                });
            }
        } else if let Some(value) = line.strip_prefix("EXPOSURE=") {
            match value.trim().parse::<f64>() {
                Ok(v) if v.is_finite() && v > 1e-12 && v < 1e12 => header.exposure *= v,
                _ => header
                    .warnings
                    .push("its exposure is no number; it is passed over".into()),
            }
            header.exposure = header.exposure.clamp(1e-12, 1e12);
        } else if let Some(value) = line.strip_prefix("PRIMARIES=") {
            let numbers: Vec<f64> = value.split_whitespace().filter_map(|v| v.parse().ok()).collect();
            match numbers.as_slice() {
                [rx, ry, gx, gy, bx, by, wx, wy] => {
                    header.primaries = Some(Chromaticities {
                        red: [*rx, *ry],
                        green: [*gx, *gy],
                        blue: [*bx, *by],
                        white: [*wx, *wy],
                    });
                }
                _ => header
                    .warnings
                    .push("its primaries are no eight numbers; BT.709 is taken".into()),
            }
        }
    }
}

/// One row of pixels, and what follows it.
fn scanline<'a>(bytes: &'a [u8], row: &mut [[u8; 4]], name: &str) -> Result<&'a [u8], PhotoError> {
    let cut_short = || PhotoError::CutShort { name: name.into() };
    let (start, mut rest) = bytes.split_first_chunk::<4>().ok_or_else(cut_short)?;
    let packed = start[0] == 2 && start[1] == 2 && start[2] < 128;
    if !packed {
        return plain(bytes, row, name);
    }
    if usize::from(u16::from_be_bytes([start[2], start[3]])) != row.len() {
        return Err(PhotoError::damaged(
            name,
            "a row of it has another length than the picture",
        ));
    }
    for plane in 0..4 {
        let mut x = 0;
        while x < row.len() {
            let (count, after) = rest.split_first().ok_or_else(cut_short)?;
            let (n, run) = match *count {
                0 => return Err(PhotoError::damaged(name, "a run in it has no length")),
                count if count > 128 => (usize::from(count - 128), true),
                count => (usize::from(count), false),
            };
            let part = row.get_mut(x..x + n);
            let part = part.ok_or_else(|| PhotoError::damaged(name, "a run in it goes past its row"))?;
            let (values, after) = after
                .split_at_checked(if run { 1 } else { n })
                .ok_or_else(cut_short)?;
            for (i, pixel) in part.iter_mut().enumerate() {
                pixel[plane] = values[if run { 0 } else { i }];
            }
            rest = after;
            x += n;
        }
    }
    Ok(rest)
}

/// A row that is not packed by planes; the oldest files repeat a pixel by (1, 1, 1, count).
fn plain<'a>(bytes: &'a [u8], row: &mut [[u8; 4]], name: &str) -> Result<&'a [u8], PhotoError> {
    let (mut rest, mut x, mut shift) = (bytes, 0, 0u32);
    while x < row.len() {
        let (pixel, after) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| PhotoError::CutShort { name: name.into() })?;
        rest = after;
        if pixel[..3] == [1, 1, 1] {
            let n = usize::from(pixel[3]) << shift;
            let before = x.checked_sub(1).and_then(|x| row.get(x)).copied();
            let (Some(before), Some(part)) = (before, row.get_mut(x..x + n)) else {
                return Err(PhotoError::damaged(name, "a run in it goes past its row"));
            };
            part.fill(before);
            x += n;
            shift = (shift + 8).min(24);
        } else {
            row[x] = *pixel;
            x += 1;
            shift = 0;
        }
    }
    Ok(rest)
}
