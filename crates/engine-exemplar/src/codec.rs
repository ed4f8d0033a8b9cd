//! Coordinate maps and finish offsets as bytes: compact, lossless, checksummed, and safe to read from anywhere.
//!
//! A file is a header (magic, version, kind, width, height), the length of its body and the BLAKE3 checksum of what it
//! unpacks to, and the body: byte planes of prediction residuals, packed by zstd. A map predicts each pixel from its left and upper neighbours in the
//! same piece of a photograph, where the next origin lies exactly one pixel further; so a piece that was laid down
//! whole costs almost nothing.

use crate::map::{CoordinateMap, Origin, UNIT};
use rayon::prelude::*;

const MAGIC: &[u8; 4] = b"HLXM";
/// 1 had sources of one byte; it is still read.
const VERSION: u8 = 2;
const HEADER: usize = 4 + 2 + 4 + 4 + 4 + 32;
/// Most pixels in a frame that is read: 8192 x 8192, as in `film`.
pub const MAX_PIXELS: u64 = 8192 * 8192;
/// Steps of an offset in one unit of the finish's encoded light.
pub const STEP: f32 = 512.0;
/// Higher packs a little smaller and takes much longer.
const EFFORT: i32 = 3;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Map = 1,
    Offset = 2,
    Weight = 3,
}

/// Bytes that are no map or offset of this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not such a file at all, or cut short.
    #[error("these bytes are no {0} of a weightless take; run `heirloom vault verify`")]
    Foreign(&'static str),
    /// Made by a newer program.
    #[error(
        "this part of a take was made by a newer Heirloom (form {found}; this one reads {VERSION}); use that one"
    )]
    Newer {
        /// Its form.
        found: u8,
    },
    /// Damaged.
    #[error("this part of a take is damaged ({0}); run `heirloom vault verify`")]
    Damaged(&'static str),
    /// It could not be packed.
    #[error("a part of a take could not be packed: {0}; is there memory left?")]
    Pack(String),
}

/// The offset that the finish adds to a frame: per pixel red, green and blue, in 1/[`STEP`]ths of the finish's
/// encoded light.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offset {
    width: u32,
    height: u32,
    steps: Vec<[i16; 3]>,
}

impl Offset {
    /// An offset from its steps; `None` unless there are width x height of them.
    pub fn new(width: u32, height: u32, steps: Vec<[i16; 3]>) -> Option<Offset> {
        let n = (width as usize).checked_mul(height as usize)?;
        (steps.len() == n && n > 0).then_some(Offset { width, height, steps })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// As much of it as a second layer of these weights (0 to 255) leaves of the first.
    #[must_use]
    pub fn under(mut self, over: &[u8]) -> Offset {
        for (steps, w) in self.steps.iter_mut().zip(over) {
            let left = 255 - i32::from(*w);
            *steps = steps.map(|v| ((i32::from(v) * left + 127 * i32::from(v).signum()) / 255) as i16);
        }
        self
    }

    /// Steps, row by row from the top left.
    pub fn steps(&self) -> &[[i16; 3]] {
        &self.steps
    }
}

/// A map as bytes; the same map has the same bytes.
///
/// # Errors
/// There is no memory for packing.
pub fn encode_map(map: &CoordinateMap) -> Result<Vec<u8>, CodecError> {
    let (w, n) = (map.width() as usize, map.origins().len());
    let origins = map.origins();
    // The low bytes of sources (as difference to the prediction's), four byte planes each of x and y, then the high
    // bytes of sources.
    let mut planes = vec![0_u8; n * 10];
    bands(&mut planes, n, w)
        .into_par_iter()
        .for_each(|(first, mut part)| {
            for k in 0..part[0].len() {
                let origin = origins[first + k];
                let guess = predict(origins, first + k, w);
                let source = origin.source.wrapping_sub(guess.source).to_le_bytes();
                part[0][k] = source[0];
                part[9][k] = source[1];
                let x = zigzag(origin.x.wrapping_sub(guess.x)).to_le_bytes();
                let y = zigzag(origin.y.wrapping_sub(guess.y)).to_le_bytes();
                for b in 0..4 {
                    part[1 + b][k] = x[b];
                    part[5 + b][k] = y[b];
                }
            }
        });
    pack(Kind::Map, map.width(), map.height(), &planes)
}

/// Planes of `n` bytes each, cut into bands of rows of `w`: where a band begins, and its part of every plane.
fn bands(planes: &mut [u8], n: usize, w: usize) -> Vec<(usize, Vec<&mut [u8]>)> {
    const ROWS: usize = 64;
    let mut out: Vec<(usize, Vec<&mut [u8]>)> = Vec::new();
    for plane in planes.chunks_mut(n) {
        for (band, part) in plane.chunks_mut(w * ROWS).enumerate() {
            match out.get_mut(band) {
                Some((_, parts)) => parts.push(part),
                None => out.push((band * w * ROWS, vec![part])),
            }
        }
    }
    out
}

/// A map from its bytes.
///
/// # Errors
/// The bytes are foreign, damaged or newer.
pub fn decode_map(bytes: &[u8]) -> Result<CoordinateMap, CodecError> {
    let (width, height, planes) = unpack(Kind::Map, bytes)?;
    let (w, n) = (width as usize, width as usize * height as usize);
    let mut origins: Vec<Origin> = Vec::with_capacity(n);
    for i in 0..n {
        let guess = predict(&origins, i, w);
        origins.push(Origin {
            source: match planes.get(9 * n + i) {
                Some(high) => u16::from_le_bytes([planes[i], *high]).wrapping_add(guess.source),
                // The first form: differences of one byte, which wrap as bytes.
                None => u16::from(planes[i].wrapping_add(guess.source as u8)),
            },
            x: guess.x.wrapping_add(unzigzag(get(&planes, n, 1, i))),
            y: guess.y.wrapping_add(unzigzag(get(&planes, n, 5, i))),
        });
    }
    CoordinateMap::new(width, height, origins).ok_or(CodecError::Damaged("its size"))
}

/// An offset as bytes; the same offset has the same bytes.
///
/// # Errors
/// There is no memory for packing.
pub fn encode_offset(offset: &Offset) -> Result<Vec<u8>, CodecError> {
    let (w, n) = (offset.width as usize, offset.steps.len());
    let mut planes = vec![0_u8; n * 6];
    bands(&mut planes, n, w)
        .into_par_iter()
        .for_each(|(first, mut part)| {
            for k in 0..part[0].len() {
                let guess = middle(&offset.steps, first + k, w);
                for c in 0..3 {
                    let d = zigzag16(offset.steps[first + k][c].wrapping_sub(guess[c])).to_le_bytes();
                    part[c][k] = d[0];
                    part[3 + c][k] = d[1];
                }
            }
        });
    pack(Kind::Offset, offset.width, offset.height, &planes)
}

/// An offset from its bytes.
///
/// # Errors
/// The bytes are foreign, damaged or newer.
pub fn decode_offset(bytes: &[u8]) -> Result<Offset, CodecError> {
    let (width, height, planes) = unpack(Kind::Offset, bytes)?;
    let (w, n) = (width as usize, planes.len() / 6);
    let mut steps: Vec<[i16; 3]> = Vec::with_capacity(n);
    for i in 0..n {
        let guess = middle(&steps, i, w);
        steps.push(std::array::from_fn(|c| {
            let d = u16::from(planes[c * n + i]) | (u16::from(planes[(3 + c) * n + i]) << 8);
            guess[c].wrapping_add(unzigzag16(d))
        }));
    }
    Offset::new(width, height, steps).ok_or(CodecError::Damaged("its size"))
}

/// The weights of a frame's second layer as bytes: 0 is none of it, 255 all.
///
/// # Errors
/// There is no memory for packing.
pub fn encode_weight(width: u32, height: u32, weight: &[u8]) -> Result<Vec<u8>, CodecError> {
    pack(Kind::Weight, width, height, weight)
}

/// Width, height and the weights of a second layer from their bytes.
///
/// # Errors
/// The bytes are foreign, damaged or newer.
pub fn decode_weight(bytes: &[u8]) -> Result<(u32, u32, Vec<u8>), CodecError> {
    unpack(Kind::Weight, bytes)
}

/// Whether bytes are a whole, undamaged map, offset or weight.
pub fn intact(bytes: &[u8]) -> bool {
    [Kind::Map, Kind::Offset, Kind::Weight]
        .into_iter()
        .any(|kind| unpack(kind, bytes).is_ok())
}

/// Where pixel `i` would come from if its piece goes on. Where the piece to the left and the one above do not
/// belong together, the left one's is tried; the residual tells.
fn predict(before: &[Origin], i: usize, w: usize) -> Origin {
    let (x, y) = (i % w, i / w);
    let on_from = |o: Origin, dx: i32, dy: i32| Origin {
        source: o.source,
        x: o.x.wrapping_add(dx * UNIT),
        y: o.y.wrapping_add(dy * UNIT),
    };
    if x == 0 && y == 0 {
        return Origin::default();
    }
    if x == 0 {
        return on_from(before[i - w], 0, 1);
    }
    let l = before[i - 1];
    if y == 0 {
        return on_from(l, 1, 0);
    }
    let (u, d) = (before[i - w], before[i - w - 1]);
    let near = |a: Origin, b: Origin| {
        a.source == b.source
            && a.x.wrapping_sub(b.x).unsigned_abs() < 3 * UNIT.unsigned_abs()
            && a.y.wrapping_sub(b.y).unsigned_abs() < 3 * UNIT.unsigned_abs()
    };
    if near(l, d) && near(u, d) {
        // Inside one smoothly warped piece: its local slopes go on.
        Origin {
            source: l.source,
            x: l.x.wrapping_add(u.x.wrapping_sub(d.x)),
            y: l.y.wrapping_add(u.y.wrapping_sub(d.y)),
        }
    } else if near(u, d) {
        // The left neighbour's piece ends here or above: the seam runs down, so go on from the left still.
        on_from(l, 1, 0)
    } else if near(l, d) {
        on_from(u, 0, 1)
    } else {
        on_from(l, 1, 0)
    }
}

/// The middle one of left, upper and their slope's continuation: flat and smooth fields cost little.
fn middle(before: &[[i16; 3]], i: usize, w: usize) -> [i16; 3] {
    match (i.is_multiple_of(w), i >= w) {
        (false, true) => std::array::from_fn(|c| {
            let (l, u, d) = (before[i - 1][c], before[i - w][c], before[i - w - 1][c]);
            let on = i32::from(l) + i32::from(u) - i32::from(d);
            on.clamp(i32::from(l.min(u)), i32::from(l.max(u))) as i16
        }),
        (false, false) => before[i - 1],
        (true, true) => before[i - w],
        (true, false) => [0; 3],
    }
}

fn zigzag(v: i32) -> u32 {
    ((v << 1) ^ (v >> 31)).cast_unsigned()
}

fn unzigzag(v: u32) -> i32 {
    (v >> 1).cast_signed() ^ -(v & 1).cast_signed()
}

fn zigzag16(v: i16) -> u16 {
    ((v << 1) ^ (v >> 15)).cast_unsigned()
}

fn unzigzag16(v: u16) -> i16 {
    (v >> 1).cast_signed() ^ -((v & 1).cast_signed())
}

fn get(planes: &[u8], n: usize, first: usize, i: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|k| planes[(first + k) * n + i]))
}

fn pack(kind: Kind, width: u32, height: u32, planes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let body = zstd::bulk::compress(planes, EFFORT).map_err(|e| CodecError::Pack(e.to_string()))?;
    let length = u32::try_from(body.len()).map_err(|_| CodecError::Pack("it is over 4 GiB".into()))?;
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend(MAGIC);
    bytes.extend([VERSION, kind as u8]);
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(blake3::hash(planes).as_bytes());
    bytes.extend(body);
    Ok(bytes)
}

fn unpack(kind: Kind, bytes: &[u8]) -> Result<(u32, u32, Vec<u8>), CodecError> {
    let what = match kind {
        Kind::Map => "coordinate map",
        Kind::Offset => "finish offset",
        Kind::Weight => "layer's weights",
    };
    let (header, body) = bytes.split_at_checked(HEADER).ok_or(CodecError::Foreign(what))?;
    if &header[..4] != MAGIC {
        return Err(CodecError::Foreign(what));
    }
    if header[4] > VERSION {
        return Err(CodecError::Newer { found: header[4] });
    }
    if header[5] != kind as u8 {
        return Err(CodecError::Foreign(what));
    }
    let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|k| header[at + k]));
    let (width, height, length) = (number(6), number(10), number(14));
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MAX_PIXELS {
        return Err(CodecError::Damaged("its size"));
    }
    if body.len() as u64 != u64::from(length) {
        return Err(CodecError::Damaged("its length"));
    }
    // The frame's size bounds what is unpacked, whatever the body claims.
    let planes_per_pixel = match (kind, header[4]) {
        (Kind::Map, 1) => 9,
        (Kind::Map, _) => 10,
        (Kind::Offset, _) => 6,
        (Kind::Weight, _) => 1,
    };
    let expected = pixels as usize * planes_per_pixel;
    let claimed = zstd::zstd_safe::get_frame_content_size(body).ok().flatten();
    if claimed != Some(expected as u64) {
        return Err(CodecError::Damaged("its body's length"));
    }
    let planes = zstd::bulk::decompress(body, expected).map_err(|_| CodecError::Damaged("its packing"))?;
    if planes.len() != expected || blake3::hash(&planes).as_bytes() != &header[18..50] {
        return Err(CodecError::Damaged("its checksum"));
    }
    Ok((width, height, planes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_map() -> impl Strategy<Value = CoordinateMap> {
        (1_u32..24, 1_u32..24).prop_flat_map(|(w, h)| {
            proptest::collection::vec((any::<u16>(), any::<i32>(), any::<i32>()), (w * h) as usize).prop_map(
                move |all| {
                    let origins = all
                        .into_iter()
                        .map(|(source, x, y)| Origin { source, x, y })
                        .collect();
                    CoordinateMap::new(w, h, origins).unwrap()
                },
            )
        })
    }

    proptest! {
        #[test]
        fn every_map_comes_back(map in any_map()) {
            let bytes = encode_map(&map).unwrap();
            prop_assert_eq!(decode_map(&bytes).unwrap(), map);
        }

        #[test]
        fn every_offset_comes_back(w in 1_u32..20, steps in proptest::collection::vec(any::<[i16; 3]>(), 1..400)) {
            let h = steps.len() as u32 / w;
            prop_assume!(h > 0);
            let offset = Offset::new(w, h, steps[..(w * h) as usize].to_vec()).unwrap();
            prop_assert_eq!(decode_offset(&encode_offset(&offset).unwrap()).unwrap(), offset);
        }

        #[test]
        fn every_weight_comes_back(w in 1_u32..20, all in proptest::collection::vec(any::<u8>(), 1..400)) {
            let h = all.len() as u32 / w;
            prop_assume!(h > 0);
            let all = &all[..(w * h) as usize];
            prop_assert_eq!(decode_weight(&encode_weight(w, h, all).unwrap()).unwrap(), (w, h, all.to_vec()));
        }

        #[test]
        fn a_changed_byte_is_seen(map in any_map(), at in any::<proptest::sample::Index>(), change in 1_u8..) {
            let mut bytes = encode_map(&map).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            // A few bytes of a zstd body carry nothing; then the map is still the same.
            if let Ok(read) = decode_map(&bytes) {
                prop_assert_eq!(read, map);
            }
        }

        #[test]
        fn strange_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode_map(&bytes).is_err());
            prop_assert!(decode_offset(&bytes).is_err());
            prop_assert!(decode_weight(&bytes).is_err());
        }
    }

    fn put(planes: &mut [u8], n: usize, first: usize, i: usize, value: u32) {
        for (k, byte) in value.to_le_bytes().into_iter().enumerate() {
            planes[(first + k) * n + i] = byte;
        }
    }

    #[test]
    fn a_map_of_the_first_form_is_still_read() {
        // Takes of the first release lie in people's vaults.
        let origins = vec![
            Origin {
                source: 3,
                x: 700,
                y: -40,
            },
            Origin {
                source: 1,
                x: 9,
                y: 8,
            },
        ];
        let map = CoordinateMap::new(2, 1, origins.clone()).unwrap();
        let mut planes = vec![0; 18];
        for i in 0..2 {
            let guess = predict(&origins, i, 2);
            planes[i] = (origins[i].source as u8).wrapping_sub(guess.source as u8);
            put(&mut planes, 2, 1, i, zigzag(origins[i].x - guess.x));
            put(&mut planes, 2, 5, i, zigzag(origins[i].y - guess.y));
        }
        let mut bytes = pack(Kind::Map, 2, 1, &planes).unwrap();
        bytes[4] = 1;
        assert_eq!(decode_map(&bytes).unwrap(), map);
    }

    #[test]
    fn whole_pieces_cost_almost_nothing() {
        let (w, h) = (320_u32, 180_u32);
        let origins = (0..w * h)
            .map(|i| {
                let (x, y) = ((i % w) as i32, (i / w) as i32);
                if x < 150 {
                    Origin::whole(0, x + 31, y + 7)
                } else {
                    Origin::whole(1, x - 80, y + 300)
                }
            })
            .collect();
        let map = CoordinateMap::new(w, h, origins).unwrap();
        let bytes = encode_map(&map).unwrap();
        assert!(bytes.len() < 2500, "{} bytes", bytes.len());
        assert!(matches!(decode_offset(&bytes), Err(CodecError::Foreign(_))));
    }

    #[test]
    fn a_body_that_would_unpack_to_more_than_the_frame_is_refused() {
        let map = CoordinateMap::new(4, 4, vec![Origin::default(); 16]).unwrap();
        let mut bytes = encode_map(&map).unwrap();
        let bomb = zstd::bulk::compress(&vec![0; 50_000_000], 19).unwrap();
        bytes.truncate(HEADER);
        bytes[14..18].copy_from_slice(&(bomb.len() as u32).to_le_bytes());
        bytes.extend(bomb);
        assert_eq!(decode_map(&bytes), Err(CodecError::Damaged("its body's length")));
    }
}
