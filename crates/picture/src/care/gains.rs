//! By how much the light of each region of a frame is to be multiplied.

use rayon::prelude::*;

use crate::image::{Image, Space};

/// Steps of a stored gain's logarithm: 8192 to a factor of e, so that a step is an eightieth of a percent.
const STEPS: f32 = 8192.0;
/// The first bytes of a stored grid, with its version.
const MAGIC: [u8; 4] = *b"HLg1";
/// Most cells of a side.
const MOST: u16 = 256;

/// A grid of gains over a frame: each cell the natural logarithms by which its red, green and blue light is multiplied,
/// and between the cells' centres linearly between the gains.
#[derive(Clone, Debug, PartialEq)]
pub struct Gains {
    across: u16,
    down: u16,
    /// In steps of [`STEPS`].
    log: Vec<[i16; 3]>,
}

impl Gains {
    /// A grid of `across` x `down` cells, rows from the top left; `None` where their number is another, there are none, or more
    /// than 256 a side. Logarithms are kept to an eightieth of a percent, and up to a factor of about 50.
    pub fn from_log(across: u16, down: u16, log: &[[f32; 3]]) -> Option<Self> {
        let sound = (1..=MOST).contains(&across) && (1..=MOST).contains(&down);
        let step = |v: f32| {
            let v = if v.is_finite() { v } else { 0.0 };
            libm::roundf((v * STEPS).clamp(-32_000.0, 32_000.0)) as i16
        };
        (sound && log.len() == usize::from(across) * usize::from(down)).then(|| Self {
            across,
            down,
            log: log.iter().map(|l| l.map(step)).collect(),
        })
    }

    /// One cell that changes nothing.
    pub fn still() -> Self {
        Self {
            across: 1,
            down: 1,
            log: vec![[0; 3]],
        }
    }

    /// Cells in a row, and rows of them.
    pub fn cells(&self) -> (u16, u16) {
        (self.across, self.down)
    }

    /// The natural logarithms of the gains of red, green and blue, cell by cell from the top left.
    pub fn log(&self) -> impl Iterator<Item = [f32; 3]> + '_ {
        self.log.iter().map(|l| l.map(|v| f32::from(v) / STEPS))
    }

    /// Whether it changes nothing.
    pub fn is_still(&self) -> bool {
        self.log.iter().all(|l| *l == [0; 3])
    }

    /// The picture with its light multiplied; alpha stays.
    #[must_use]
    pub fn apply<S: Space>(&self, image: &Image<S>) -> Image<S> {
        let mut result = image.clone();
        if self.is_still() || result.pixels().is_empty() {
            return result;
        }
        let (across, down) = (usize::from(self.across), usize::from(self.down));
        let gains: Vec<[f32; 3]> = self.log().map(|l| l.map(libm::expf)).collect();
        let (width, height) = (image.width() as usize, image.height() as usize);
        let columns: Vec<(usize, usize, f32)> = (0..width).map(|x| between(x, width, across)).collect();
        result
            .pixels_mut()
            .par_chunks_mut(width)
            .enumerate()
            .for_each(|(y, row)| {
                let (up, low, fy) = between(y, height, down);
                let line: Vec<[f32; 3]> = (0..across)
                    .map(|x| mix(&gains[up * across + x], &gains[low * across + x], fy))
                    .collect();
                for (pixel, (left, right, fx)) in row.iter_mut().zip(&columns) {
                    let gain = mix(&line[*left], &line[*right], *fx);
                    for k in 0..3 {
                        pixel[k] *= gain[k];
                    }
                }
            });
        result
    }

    /// The grid as bytes, for keeping.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.across.to_le_bytes());
        bytes.extend(self.down.to_le_bytes());
        for value in self.log.as_flattened() {
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    /// The grid that [`Gains::encode`] made bytes of; `None` where they are none, or cut short.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let side = |at: usize| Some(u16::from_le_bytes([*rest.get(at)?, *rest.get(at + 1)?]));
        let (across, down) = (side(0)?, side(2)?);
        let cells = usize::from(across) * usize::from(down);
        let values = rest.get(4..)?;
        let sound = (1..=MOST).contains(&across) && (1..=MOST).contains(&down) && values.len() == 6 * cells;
        let value = |b: &[u8], k: usize| i16::from_le_bytes([b[2 * k], b[2 * k + 1]]);
        sound.then(|| Self {
            across,
            down,
            log: values
                .chunks_exact(6)
                .map(|b| [value(b, 0), value(b, 1), value(b, 2)])
                .collect(),
        })
    }
}

/// The two cells whose centres a pixel lies between, and its way from the first to the second.
fn between(at: usize, pixels: usize, cells: usize) -> (usize, usize, f32) {
    let place = ((at as f32 + 0.5) * cells as f32 / pixels as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
    let first = place as usize;
    (first, (first + 1).min(cells - 1), place - first as f32)
}

fn mix(a: &[f32; 3], b: &[f32; 3], t: f32) -> [f32; 3] {
    std::array::from_fn(|k| a[k] + (b[k] - a[k]) * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::AcesCg;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_grid_is_not_read() {
        let grid = Gains::from_log(3, 2, &[[0.1, 0.0, -0.1]; 6]).unwrap();
        let bytes = grid.encode();
        assert_eq!(Gains::decode(&bytes), Some(grid));
        for cut in 0..bytes.len() {
            assert_eq!(Gains::decode(&bytes[..cut]), None);
        }
        assert_eq!(Gains::decode(b"HLg1\0\0\0\0"), None);
        assert!(Gains::from_log(0, 2, &[]).is_none());
    }

    proptest! {
        #[test]
        fn an_even_grid_multiplies_evenly(log in -1.0f32..1.0, w in 1u32..40, h in 1u32..40) {
            let image = Image::<AcesCg>::filled(w, h, [0.2, 0.4, 0.6, 1.0]);
            let gains = Gains::from_log(4, 3, &[[log; 3]; 12]).unwrap();
            let gain = libm::expf(libm::roundf(log * STEPS) / STEPS);
            for p in gains.apply(&image).pixels() {
                prop_assert!((p[0] - 0.2 * gain).abs() < 1e-6 && (p[2] - 0.6 * gain).abs() < 1e-6);
                prop_assert_eq!(p[3], 1.0);
            }
        }
    }
}
