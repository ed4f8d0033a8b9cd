//! The .flo file of the Middlebury benchmark (Baker and others, "A Database and Evaluation Methodology for
//! Optical Flow", IJCV 2011): `PIEH`, width and height as 32-bit integers, then for each pixel the motion
//! right and down as 32-bit floats, rows from the top left, all little-endian. A size above 1e9 means
//! "unknown".

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Flow, MAX_SIDE_PX};
use crate::write::{self, WriteError};

const MARK: [u8; 4] = *b"PIEH";
const HEADER: usize = 12;
/// The most pixels a file may have: 512 MiB of motion, as a picture of 8192x8192 has.
const MAX_PIXELS: u64 = 1 << 26;

/// Why a .flo file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FloError {
    /// The file is missing or may not be read.
    #[error("{} could not be read ({source}); see that it is there and may be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not begin as a .flo file does.
    #[error(
        "{name} is no .flo file: it does not begin with PIEH; export it as Middlebury .flo, little-endian"
    )]
    Mark {
        /// What was read.
        name: String,
    },
    /// A size that no picture has, or too large a one.
    #[error(
        "{name} says it is {width}x{height}; sides must be 1 to {MAX_SIDE_PX} and all pixels together at most \
         {MAX_PIXELS}: export it again, smaller or whole"
    )]
    Size {
        /// What was read.
        name: String,
        /// The width it states.
        width: i32,
        /// The height it states.
        height: i32,
    },
    /// Fewer or more bytes than the size calls for.
    #[error(
        "{name} has {found} bytes where its size calls for {expected}: it is damaged; copy or export it again"
    )]
    Length {
        /// What was read.
        name: String,
        /// Bytes there are; for a file longer than it should be, at least this many.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
}

/// Reads a .flo file.
///
/// # Errors
/// Where it cannot be read, is no .flo file, or its length does not fit its size. No more memory is taken
/// than the file is long.
pub fn read(path: &Path) -> Result<Flow, FloError> {
    let failed = |source| FloError::Io {
        path: path.into(),
        source,
    };
    let mut bytes = Vec::new();
    // One byte more than the largest, so that what is too long shows.
    let most = HEADER as u64 + 8 * MAX_PIXELS + 1;
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(failed)?;
    decode(&bytes, &path.display().to_string())
}

/// Reads the bytes of a .flo file; `name` stands in errors.
///
/// # Errors
/// As [`read`].
pub fn decode(bytes: &[u8], name: &str) -> Result<Flow, FloError> {
    let name = || name.to_owned();
    let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
        if bytes.starts_with(&MARK) {
            return Err(FloError::Length {
                name: name(),
                found: bytes.len() as u64,
                expected: HEADER as u64 + 8,
            });
        }
        return Err(FloError::Mark { name: name() });
    };
    let [a, b, c, d, w0, w1, w2, w3, h0, h1, h2, h3] = *header;
    if [a, b, c, d] != MARK {
        return Err(FloError::Mark { name: name() });
    }
    let (width, height) = (
        i32::from_le_bytes([w0, w1, w2, w3]),
        i32::from_le_bytes([h0, h1, h2, h3]),
    );
    let side = |v: i32| u32::try_from(v).ok().filter(|v| (1..=MAX_SIDE_PX).contains(v));
    let size = side(width)
        .zip(side(height))
        .filter(|(w, h)| u64::from(*w) * u64::from(*h) <= MAX_PIXELS);
    let Some((w, h)) = size else {
        return Err(FloError::Size {
            name: name(),
            width,
            height,
        });
    };
    let damaged = || FloError::Length {
        name: name(),
        found: bytes.len() as u64,
        expected: HEADER as u64 + 8 * u64::from(w) * u64::from(h),
    };
    let (pixels, rest) = body.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(damaged());
    }
    let motion = pixels
        .iter()
        .map(|&[a, b, c, d, e, f, g, h]| [f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h])])
        .collect();
    Flow::from_motion(w, h, motion).ok_or_else(damaged)
}

/// Writes a .flo file, whole or not at all. Motions are kept to the bit, the unknown ones too.
///
/// # Errors
/// Where the field is empty or larger than [`read`] takes, or the file cannot be written.
pub fn write(path: &Path, flow: &Flow) -> Result<(), WriteError> {
    let side = |v: u32| (1..=MAX_SIDE_PX).contains(&v);
    if !side(flow.width) || !side(flow.height) || flow.motion.len() as u64 > MAX_PIXELS {
        return Err(WriteError::shape(
            path,
            format!("a .flo file cannot hold {}x{} pixels", flow.width, flow.height),
        ));
    }
    write::whole(path, |out| {
        let failed = |e| WriteError::io(path, e);
        out.write_all(&MARK).map_err(failed)?;
        for side in [flow.width, flow.height] {
            out.write_all(&side.to_le_bytes()).map_err(failed)?;
        }
        for value in flow.motion.as_flattened() {
            out.write_all(&value.to_le_bytes()).map_err(failed)?;
        }
        Ok(())
    })
}
