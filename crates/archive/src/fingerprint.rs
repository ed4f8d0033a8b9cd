//! What near copies of a picture have in common.
//!
//! A fingerprint has three parts, in at most 1.4 KB:
//! - 64 bits of the signs of the lowest frequencies of the whole (C. Zauner, "Implementation and Benchmarking of
//!   Perceptual Image Hash Functions", 2010), which find copies that were not cut;
//! - the picture at 16 x 16 pixels, by which a match is checked;
//! - up to 32 blobs of the picture, each with its place, its size and 256 comparisons of light around it, by which parts
//!   of a picture find the whole. Blobs are the extremes of differences of Gaussians (D. Lowe, "Distinctive Image
//!   Features from Scale-Invariant Keypoints", 2004); the comparisons follow BRIEF (M. Calonder and others, 2010), at the
//!   blob's own scale. They do not turn with the picture: photographs lie upright.
//!
//! Only which of two places is lighter is asked, so that exposure and colour change little.

mod blobs;
mod near;
mod pyramid;

pub(crate) use near::compare;
pub use near::{Match, near};

use heirloom_picture::measure::View;

/// A picture's fingerprint: near copies have near fingerprints. Compare two with [`near`].
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fingerprint(pub Vec<u8>);

/// Pixels on the side of the small picture in a fingerprint.
pub(crate) const SMALL: usize = 16;
/// Blobs in a fingerprint, at most.
pub(crate) const BLOBS: usize = 32;
/// The layout of the bytes; raised when it changes.
const LAYOUT: u8 = 1;
const BLOB_BYTES: usize = 4 + 32;
const HEAD: usize = 3 + 8 + SMALL * SMALL;

/// A blob: places and sizes in pixels of the thumbnail.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blob {
    pub x: f32,
    pub y: f32,
    /// The radius (standard deviation) of the blob.
    pub radius: f32,
    /// Lighter than what is around it.
    pub light: bool,
    pub bits: [u64; 4],
}

/// A fingerprint, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub width: f32,
    pub height: f32,
    pub whole: u64,
    pub small: Vec<f32>,
    pub blobs: Vec<Blob>,
}

/// The fingerprint of a thumbnail of at most 256 pixels on its longer side.
pub fn fingerprint(thumbnail: &View<'_>) -> Fingerprint {
    let (width, height) = (thumbnail.width() as usize, thumbnail.height() as usize);
    let luma: Vec<f32> = thumbnail
        .codes()
        .iter()
        .map(|c| f32::from(c[0]) * 0.299 + f32::from(c[1]) * 0.587 + f32::from(c[2]) * 0.114)
        .collect();
    let plane = pyramid::Plane {
        width,
        height,
        values: luma,
    };
    let small = plane.shrunk(SMALL, SMALL);
    let blobs = blobs::blobs(&plane);

    let mut bytes = Vec::with_capacity(HEAD + blobs.len() * BLOB_BYTES);
    bytes.push(LAYOUT);
    bytes.push((width - 1).min(255) as u8);
    bytes.push((height - 1).min(255) as u8);
    bytes.extend(whole(&plane).to_le_bytes());
    bytes.extend(stretched(&small));
    for blob in &blobs {
        bytes.push(blob.x.clamp(0.0, 255.0) as u8);
        bytes.push(blob.y.clamp(0.0, 255.0) as u8);
        // Sixteenths of a pixel are kept apart from whole pixels, so that places fit three bytes.
        let part = |v: f32| ((v - libm::floorf(v)) * 16.0).clamp(0.0, 15.0) as u8;
        bytes.push(part(blob.x) << 4 | part(blob.y));
        bytes.push((blob.radius * 4.0).clamp(1.0, 127.0) as u8 | u8::from(blob.light) << 7);
        for word in blob.bits {
            bytes.extend(word.to_le_bytes());
        }
    }
    Fingerprint(bytes)
}

impl Fingerprint {
    /// `None` where there is none, or it was made by another version.
    pub(crate) fn parts(&self) -> Option<Parts> {
        let (head, blobs) = self.0.split_at_checked(HEAD)?;
        if head[0] != LAYOUT {
            return None;
        }
        let word = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
        };
        Some(Parts {
            width: f32::from(head[1]) + 1.0,
            height: f32::from(head[2]) + 1.0,
            whole: word(&head[3..11]),
            small: head[11..].iter().map(|v| f32::from(*v)).collect(),
            blobs: blobs
                .chunks_exact(BLOB_BYTES)
                .take(BLOBS)
                .map(|b| Blob {
                    x: f32::from(b[0]) + f32::from(b[2] >> 4) / 16.0,
                    y: f32::from(b[1]) + f32::from(b[2] & 15) / 16.0,
                    radius: f32::from(b[3] & 127) / 4.0,
                    light: b[3] >> 7 == 1,
                    bits: [
                        word(&b[4..12]),
                        word(&b[12..20]),
                        word(&b[20..28]),
                        word(&b[28..36]),
                    ],
                })
                .collect(),
        })
    }
}

/// Stretched to 0 to 255, so that what little a dark picture has is kept.
fn stretched(small: &[f32]) -> impl Iterator<Item = u8> {
    let low = small.iter().copied().fold(f32::MAX, f32::min);
    let high = small.iter().copied().fold(f32::MIN, f32::max);
    let scale = 255.0 / (high - low).max(1e-3);
    small.iter().map(move |v| ((v - low) * scale + 0.5) as u8)
}

/// The signs of the 8 x 8 lowest frequencies but the mean, against their median.
fn whole(plane: &pyramid::Plane) -> u64 {
    const SIDE: usize = 32;
    let grey = plane.shrunk(SIDE, SIDE);
    let wave: Vec<f32> = (0..8 * SIDE)
        .map(|i| {
            let (k, x) = ((i / SIDE + 1) as f32, (i % SIDE) as f32);
            libm::cosf(std::f32::consts::PI * k * (x + 0.5) / SIDE as f32)
        })
        .collect();
    let mut rows = vec![0.0_f32; SIDE * 8];
    for (y, row) in grey.chunks_exact(SIDE).enumerate() {
        for (k, wave) in wave.chunks_exact(SIDE).enumerate() {
            rows[k * SIDE + y] = row.iter().zip(wave).map(|(a, b)| a * b).sum();
        }
    }
    let mut found = [0.0_f32; 64];
    for (kx, column) in rows.chunks_exact(SIDE).enumerate() {
        for (ky, wave) in wave.chunks_exact(SIDE).enumerate() {
            found[ky * 8 + kx] = column.iter().zip(wave).map(|(a, b)| a * b).sum();
        }
    }
    let mut sorted = found;
    sorted.sort_by(f32::total_cmp);
    let middle = (sorted[31] + sorted[32]) / 2.0;
    found
        .iter()
        .enumerate()
        .fold(0, |bits, (n, v)| bits | u64::from(*v > middle) << n)
}
