//! Whether a photograph is any good: blur, exposure, noise, size.
//!
//! All but the size is measured on the proxy, so that a large photograph and a small copy of it are judged alike: blur
//! or grain that scaling down took away does not count against a picture. The picture is cut into tiles of 32 x 32
//! pixels, and blur and noise are taken from the tiles that show them best.

use heirloom_picture::measure::View;
use serde::{Deserialize, Serialize};

/// How good a picture is technically.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Pixels of the original, in millions.
    pub megapixels: f32,
    /// The radius (standard deviation, in proxy pixels) of the blur of its sharpest edges: about 0.6 where it is as
    /// sharp as pixels can be. 0 where nothing stands out from the noise, so that blur cannot be told.
    ///
    /// A step blurred by a Gaussian of radius s has mean squares of its gradient and its Laplacian that stand as
    /// 2 s² : 1, whatever its contrast. Both are taken tile by tile, without what noise adds, and the sharpest twentieth of
    /// the tiles with edges counts: where only the face is in focus, the picture is not blurred.
    #[serde(default)]
    pub blur: f32,
    /// The standard deviation of the noise, in 8-bit codes of the proxy.
    ///
    /// J. Immerkær, "Fast Noise Variance Estimation" (1996), in the flattest tenth of the tiles that are neither black
    /// nor white.
    #[serde(default)]
    pub noise: f32,
    /// The share of pixels that are black, where shadows are lost: luma up to 2.
    #[serde(default)]
    pub black: f32,
    /// The share of pixels where highlights are lost: two channels or all at 253 or above. One alone is a strong colour.
    #[serde(default)]
    pub white: f32,
    /// Mean luma, 0 to 1.
    #[serde(default)]
    pub mean: f32,
    /// The luma, 0 to 1, that one pixel in two hundred is below.
    #[serde(default)]
    pub darkest: f32,
    /// The luma, 0 to 1, that one pixel in two hundred is above.
    #[serde(default)]
    pub lightest: f32,
}

/// What is wrong with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Not even its sharpest parts are sharp.
    Blurred,
    /// Underexposed: nothing in it is even half light.
    Dark,
    /// Overexposed: a large part of it is plain white.
    Bright,
    /// Grain that is seen at first glance.
    Noisy,
    /// Too few pixels for a frame of film.
    Small,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Blurred => "blurred",
            Self::Dark => "dark",
            Self::Bright => "bright",
            Self::Noisy => "noisy",
            Self::Small => "small",
        })
    }
}

/// From this radius on a whole frame looks soft. Sharp photographs have 0.2 to 0.45. Texture shows half the radius that an
/// edge does, so a picture all of texture is then blurred by 2.4 pixels.
const BLURRED: f32 = 1.2;
/// A picture whose lightest half per cent stays below this was exposed two stops short or more. A night sky has stars
/// that reach white, and is dark on purpose.
const DARK: f32 = 0.40;
/// More lost highlights than this are seldom meant; a lamp or the sun is less.
const BRIGHT: f32 = 0.15;
/// Grain of this size (codes) is seen at once on a proxy; the good tiles of a clean photograph have below 3.
const NOISY: f32 = 9.0;
/// Below this many megapixels a picture has less than half the pixels of a 640 x 360 frame.
const SMALL: f32 = 0.1;

impl Judgement {
    /// What is wrong with the picture, in a fixed order.
    pub fn faults(&self) -> Vec<Fault> {
        let found = [
            (Fault::Blurred, self.blur > BLURRED),
            (Fault::Dark, self.lightest < DARK),
            (Fault::Bright, self.white > BRIGHT),
            (Fault::Noisy, self.noise > NOISY),
            (Fault::Small, self.megapixels < SMALL),
        ];
        found
            .into_iter()
            .filter_map(|(fault, is)| is.then_some(fault))
            .collect()
    }

    /// One number, 0 to 1, by which the best of a group is chosen.
    ///
    /// The product of what blur, lost highlights and shadows, noise and size leave of it. A picture twice as large wins
    /// over one a little sharper at the size of a proxy.
    pub fn quality(&self) -> f32 {
        let blur = 1.0 / (1.0 + (self.blur / BLURRED) * (self.blur / BLURRED));
        let lost = (1.0 - self.white).max(0.0) * (1.0 - 0.5 * self.black).max(0.0);
        let range = 0.5 + 0.5 * (self.lightest / 0.8).min(1.0);
        let noise = 1.0 / (1.0 + (self.noise / NOISY) * (self.noise / NOISY));
        let size = self.megapixels / (self.megapixels + 1.0);
        (blur * lost * range * noise * size).clamp(0.0, 1.0)
    }
}

impl Judgement {
    /// One number by which the best of several copies of one photograph is chosen, from a file of so many bytes (0 where
    /// that is not known).
    ///
    /// As [`Judgement::quality`], but noise does not count: one photograph has the same in all its copies, and where there is less
    /// of it compression or a filter took it away, with what was finest. What compression took away is told by the bits
    /// left for a pixel.
    pub fn worth(&self, bytes: u64) -> f32 {
        let clean = Self {
            noise: 0.0,
            ..self.clone()
        };
        let bits = 8.0 * bytes as f32 / (self.megapixels * 1e6).max(1.0);
        let kept = if bytes == 0 { 1.0 } else { bits / (bits + 1.0) };
        clean.quality() * kept
    }
}

/// Pixels on a tile's side.
const TILE: usize = 32;

/// What the pixels of a tile add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Tile {
    luma: u32,
    /// Squares of the central differences, twice the gradient.
    gradient: i64,
    /// Squares of the Laplacian over four neighbours.
    laplacian: i64,
    /// Sizes of Immerkær's operator.
    grain: i32,
    pixels: u32,
}

impl Tile {
    fn mean(&self) -> f32 {
        self.luma as f32 / self.pixels.max(1) as f32
    }

    /// sqrt(pi / 2) / 6 of the mean size of the operator.
    fn noise(&self) -> f32 {
        0.208_885_68 * self.grain as f32 / self.pixels.max(1) as f32
    }
}

/// Judges a picture by its proxy; `width` and `height` are the original's.
pub fn judge(proxy: &View<'_>, width: u32, height: u32) -> Judgement {
    let (columns, rows) = (proxy.width() as usize, proxy.height() as usize);
    let (luma, histogram, white) = exposed(proxy.codes());
    let count = luma.len() as f32;
    let share = |range: &[u32]| range.iter().sum::<u32>() as f32 / count;
    let total: u64 = luma.iter().map(|v| *v as u64).sum();
    let tiles = tiles(&luma, columns, rows);
    let noise = noise(&tiles, 1.0);
    Judgement {
        megapixels: width as f32 * height as f32 / 1e6,
        blur: blur(&luma, columns, rows, &tiles),
        noise,
        black: share(&histogram[..3]),
        white: white as f32 / count,
        mean: total as f32 / count / 255.0,
        darkest: quantile(&histogram, luma.len() / 200),
        lightest: quantile(&histogram, luma.len() - 1 - luma.len() / 200),
    }
}

/// Luma of each pixel, how many pixels have each luma, and how many are white.
///
/// One pass; four pixels side by side are counted apart, so that those of one luma do not wait for each other.
fn exposed(codes: &[[u8; 3]]) -> (Vec<i32>, [u32; 256], u32) {
    let mut luma = vec![0_i32; codes.len()];
    let mut apart = [[0_u32; 256]; 4];
    let mut white = 0;
    let mut count = |bins: &mut [u32; 256], code: &[u8; 3], luma: &mut i32| {
        let v = (u32::from(code[0]) * 77 + u32::from(code[1]) * 150 + u32::from(code[2]) * 29 + 128) >> 8;
        bins[usize::from(v as u8)] += 1;
        white += code.iter().map(|v| u32::from(*v >= 253)).sum::<u32>() / 2;
        *luma = v as i32;
    };
    let (fours, rest) = codes.as_chunks::<4>();
    let (lumas, lumas_left) = luma.as_chunks_mut::<4>();
    for (four, luma) in fours.iter().zip(lumas) {
        for ((bins, code), luma) in apart.iter_mut().zip(four).zip(luma) {
            count(bins, code, luma);
        }
    }
    for (code, luma) in rest.iter().zip(lumas_left) {
        count(&mut apart[0], code, luma);
    }
    let histogram = std::array::from_fn(|bin| apart.iter().map(|bins| bins[bin]).sum());
    (luma, histogram, white)
}

/// The luma, 0 to 1, of the pixel of this rank.
fn quantile(histogram: &[u32; 256], rank: usize) -> f32 {
    let mut below = 0_usize;
    for (code, n) in histogram.iter().enumerate() {
        below += *n as usize;
        if below > rank {
            return code as f32 / 255.0;
        }
    }
    1.0
}

fn tiles(luma: &[i32], columns: usize, rows: usize) -> Vec<Tile> {
    if columns < 3 || rows < 3 {
        return Vec::new();
    }
    let across = columns.div_ceil(TILE);
    let mut tiles = vec![Tile::default(); across * rows.div_ceil(TILE)];
    for y in 1..rows - 1 {
        let row = |y: usize| &luma[y * columns..(y + 1) * columns];
        let (up, here, down) = (row(y - 1), row(y), row(y + 1));
        for (n, tile) in tiles[y / TILE * across..][..across].iter_mut().enumerate() {
            let (from, to) = ((n * TILE).max(1), ((n + 1) * TILE).min(columns - 1));
            if from >= to {
                continue;
            }
            let (up, here, down) = (&up[from - 1..=to], &here[from - 1..=to], &down[from - 1..=to]);
            let row = run(up, here, down);
            tile.luma += row.luma as u32;
            tile.gradient += i64::from(row.gradient);
            tile.laplacian += i64::from(row.laplacian);
            tile.grain += row.grain;
            tile.pixels += (to - from) as u32;
        }
    }
    // Narrow tiles at the border say little.
    tiles.retain(|t| t.pixels as usize >= TILE * TILE / 4);
    tiles
}

/// What a tile's row adds up to: at most 32 pixels, of codes up to 2040 (three times halved), so that none of the sums
/// leaves 32 bits.
#[derive(Default)]
struct Run {
    luma: i32,
    gradient: i32,
    laplacian: i32,
    grain: i32,
}

/// Sums over the inner pixels of three rows of one length. Plain indices into slices that are known to be long enough: this is
/// where judging spends its time, and it becomes SIMD.
fn run(up: &[i32], here: &[i32], down: &[i32]) -> Run {
    let mut sums = Run::default();
    let count = up.len().min(here.len()).min(down.len());
    let (up, here, down) = (&up[..count], &here[..count], &down[..count]);
    for x in 1..count.saturating_sub(1) {
        let (gx, gy) = (here[x + 1] - here[x - 1], down[x] - up[x]);
        let cross = up[x] + down[x] + here[x - 1] + here[x + 1];
        let corners = up[x - 1] + up[x + 1] + down[x - 1] + down[x + 1];
        let l = cross - 4 * here[x];
        sums.luma += here[x];
        sums.gradient += gx * gx + gy * gy;
        sums.laplacian += l * l;
        sums.grain += (corners - 2 * cross + 4 * here[x]).abs();
    }
    sums
}

/// The noise in codes `finer` times as fine as 8 bits.
fn noise(tiles: &[Tile], finer: f32) -> f32 {
    let mut all: Vec<f32> = tiles
        .iter()
        .filter(|t| (12.0..=243.0).contains(&(t.mean() / finer)))
        .map(Tile::noise)
        .collect();
    all.sort_by(f32::total_cmp);
    all.get(all.len() / 10).copied().unwrap_or(0.0)
}

/// Beyond this radius codes rounded to whole numbers drown what the Laplacian of a soft edge is: it is measured on the
/// picture at half the size then, where the same edge is twice as steep.
const SOFT: f32 = 0.7;
/// Pixels on the shorter side below which a picture is not halved again.
const SMALLEST: usize = 3 * TILE;

/// The blur's radius, in pixels of the whole.
fn blur(luma: &[i32], columns: usize, rows: usize, tiles_of_it: &[Tile]) -> f32 {
    let mut found = radius(tiles_of_it, noise(tiles_of_it, 1.0), 1.0);
    let (mut luma, mut columns, mut rows) = (luma.to_vec(), columns, rows);
    let mut scale = 1.0;
    while found > SOFT && columns.min(rows) >= 2 * SMALLEST && scale < 8.0 {
        (luma, columns, rows) = halved(&luma, columns, rows);
        scale *= 2.0;
        let smaller = tiles(&luma, columns, rows);
        // Codes of half the size of those before: what averaging knows of them is kept.
        let here = radius(&smaller, noise(&smaller, scale), scale);
        if here == 0.0 {
            break;
        }
        found = here;
    }
    found * scale
}

/// Means of two by two, in codes half as large.
fn halved(luma: &[i32], columns: usize, rows: usize) -> (Vec<i32>, usize, usize) {
    let (across, down) = (columns / 2, rows / 2);
    let mut out = Vec::with_capacity(across * down);
    for pair in luma.chunks_exact(2 * columns).take(down) {
        let (upper, lower) = pair.split_at(columns);
        for (u, l) in upper.chunks_exact(2).zip(lower.chunks_exact(2)) {
            out.push((u[0] + u[1] + l[0] + l[1] + 1) >> 1);
        }
    }
    (out, across, down)
}

/// The radius in pixels of a picture whose codes are `finer` times as fine as 8 bits.
fn radius(tiles: &[Tile], noise: f32, finer: f32) -> f32 {
    // Codes are rounded to whole numbers, an error of a twelfth, which the flattest tiles may not show.
    let variance = (noise * noise).max(1.0 / 12.0);
    let mut all: Vec<f32> = tiles
        .iter()
        .filter_map(|t| {
            let n = t.pixels as f32;
            // Noise adds 2 to each of the two squared differences, and 20 to the Laplacian's.
            let gradient = (t.gradient as f32 / n - 4.0 * variance) / 4.0;
            let laplacian = t.laplacian as f32 / n - 20.0 * variance;
            // An edge: more than a soft slope of one code a pixel, and more than the noise.
            (gradient > 2.0 * finer * finer && gradient > 2.0 * variance)
                .then(|| libm::sqrtf(gradient / (2.0 * laplacian.max(gradient * 0.005))))
        })
        .collect();
    all.sort_by(f32::total_cmp);
    all.get(all.len() / 20).copied().unwrap_or(0.0)
}
