//! Matter: the photographs as the synthesis sees them, stacked one under another on every level.
//!
//! Colours are 8-bit display values (they only steer the search; frames are sampled from the linear
//! originals). Level 0 is the scaled photograph itself; every next level is half as large, by boxes.

use super::feature::{Feature, Plane, Weights};
use super::hash::Dice;
use super::spans::BAND;
use rayon::prelude::*;

/// A place in the stack of one level: y in the upper, x in the lower 16 bits.
pub type Spot = u32;

/// No place at all.
pub const NOWHERE: Spot = u32::MAX;

/// Packs a place.
#[inline(always)]
pub fn spot(x: usize, y: usize) -> Spot {
    ((y as u32) << 16) | x as u32
}

/// x of a place.
#[inline(always)]
pub fn spot_x(s: Spot) -> usize {
    (s & 0xffff) as usize
}

/// y of a place.
#[inline(always)]
pub fn spot_y(s: Spot) -> usize {
    (s >> 16) as usize
}

/// Display colour with an unused fourth byte, so that it is read in one go.
pub type Colour = [u8; 4];
/// Up to five 8-bit guide values of a pixel.
pub type Guide = [u8; 5];

/// One photograph going in.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Colours, row by row.
    pub colour: Vec<Colour>,
    /// Guides, row by row; all zero where there are none.
    pub guide: Vec<Guide>,
    /// Pixels that may not be used (flat black borders, say); empty for none.
    pub barred: Vec<bool>,
}

/// Where a photograph lies in a level's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// First row in the stack.
    pub top: usize,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
}

/// Whether patches may be centred in a block: most blocks say it for all their pixels, and there are few enough to
/// stay in the processor's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Closed,
    Open,
    Mixed,
}

/// Side of a block, as a power of two.
const BLOCK: usize = 3;

/// One level of the stack.
#[derive(Clone, Debug)]
pub struct Level {
    /// Width of the stack.
    pub width: usize,
    /// Height of the stack.
    pub height: usize,
    /// Where each photograph lies.
    pub places: Vec<Place>,
    /// Source number + 1 where a patch may be centred, else 0.
    pub owner: Vec<u8>,
    /// Colours.
    pub colour: Vec<Colour>,
    /// Guides.
    pub guide: Vec<Guide>,
    /// How many pixels may be a patch's centre.
    pub area: usize,
    /// Side of an occupancy bin as a power of two.
    pub bin_shift: usize,
    /// What each occupancy bin costs besides its use (see [`super::wished`]); empty for nothing.
    pub bias: Vec<u32>,
    /// Of blocks of 8x8 pixels: whether patches may be centred in none, all or some.
    blocks: Vec<Block>,
    first_row: Vec<u8>,
}

/// All levels, the finest first.
#[derive(Clone, Debug)]
pub struct Matter {
    /// Levels, level 0 at full size.
    pub levels: Vec<Level>,
}

/// The largest side of a stack: places are 16 bits.
pub const MAX_SIDE: usize = 65_000;
/// The most photographs in one stack.
pub const MAX_SOURCES: usize = 250;

impl Matter {
    /// Stacks the sheets. `None` if there are none, or too many, or they are too large together, or
    /// any is smaller than 8x8.
    pub fn new(sheets: Vec<Sheet>, levels: usize) -> Option<Matter> {
        let rows: usize = sheets.iter().map(|s| s.height).sum();
        if sheets.is_empty()
            || sheets.len() > MAX_SOURCES
            || rows > MAX_SIDE
            || sheets
                .iter()
                .any(|s| s.width.min(s.height) < 8 || s.width > MAX_SIDE)
        {
            return None;
        }
        // Photographs that are barred as wholes are there to be compared with, not to be used, if there are others.
        let mut shut: Vec<bool> = sheets
            .iter()
            .map(|s| !s.barred.is_empty() && s.barred.iter().all(|b| *b))
            .collect();
        if shut.iter().all(|s| *s) {
            shut.fill(false);
        }
        let mut current = sheets;
        let mut out = Vec::with_capacity(levels);
        for number in 0..levels.max(1) {
            out.push(Level::stack(&current, number, &shut));
            current = current.iter().map(halve).collect();
        }
        Some(Matter { levels: out })
    }

    /// Feature planes of all levels with these weights.
    pub fn planes(&self, weights: &Weights) -> Vec<Plane> {
        self.levels.iter().map(|l| l.plane(weights)).collect()
    }
}

impl Level {
    fn stack(sheets: &[Sheet], number: usize, shut: &[bool]) -> Level {
        let width = sheets.iter().map(|s| s.width).max().unwrap_or(1);
        let height = sheets.iter().map(|s| s.height).sum();
        let mut level = Level {
            width,
            height,
            places: Vec::new(),
            owner: vec![0; width * height],
            colour: vec![[0; 4]; width * height],
            guide: vec![[0; 5]; width * height],
            area: 0,
            bin_shift: 2usize.saturating_sub(number / 2),
            bias: Vec::new(),
            blocks: Vec::new(),
            first_row: Vec::with_capacity(height),
        };
        let mut top = 0;
        for (k, s) in sheets.iter().enumerate() {
            // A patch of 5x5 must stay inside; tiny coarse levels make do with less.
            let margin = 2.min((s.width.min(s.height) - 1) / 2);
            level.first_row.resize(top + s.height, k as u8);
            let part = top * width..(top + s.height) * width;
            let open: usize = level.colour[part.clone()]
                .par_chunks_mut(width)
                .zip(level.guide[part.clone()].par_chunks_mut(width))
                .zip(level.owner[part.clone()].par_chunks_mut(width))
                .enumerate()
                .map(|(y, ((colour, guide), owner))| {
                    let from = y * s.width;
                    colour[..s.width].copy_from_slice(&s.colour[from..from + s.width]);
                    guide[..s.width].copy_from_slice(&s.guide[from..from + s.width]);
                    if y < margin || y + margin >= s.height {
                        return 0;
                    }
                    let mut open = 0;
                    for (x, o) in owner.iter_mut().enumerate().take(s.width - margin).skip(margin) {
                        if s.barred.is_empty() || !s.barred[from + x] {
                            *o = k as u8 + 1;
                            open += 1;
                        }
                    }
                    open
                })
                .sum();
            level.area += open;
            if open == 0 && !shut[k] {
                // Everything barred: better all of it than nothing.
                for y in margin..s.height - margin {
                    let to = (top + y) * width;
                    level.owner[to + margin..to + s.width - margin].fill(k as u8 + 1);
                    level.area += s.width - 2 * margin;
                }
            }
            level.places.push(Place {
                top,
                width: s.width,
                height: s.height,
            });
            top += s.height;
        }
        let across = level.blocks_across();
        level.blocks = (0..across * ((height >> BLOCK) + 1))
            .into_par_iter()
            .map(|i| {
                let (x, y) = ((i % across) << BLOCK, (i / across) << BLOCK);
                let (mut open, mut closed) = (false, false);
                for j in y..y + (1 << BLOCK) {
                    for i in x..x + (1 << BLOCK) {
                        let may = i < width && j < height && level.owner[j * width + i] != 0;
                        open |= may;
                        closed |= !may;
                    }
                }
                match (open, closed) {
                    (true, false) => Block::Open,
                    (true, true) => Block::Mixed,
                    _ => Block::Closed,
                }
            })
            .collect();
        level
    }

    fn blocks_across(&self) -> usize {
        (self.width >> BLOCK) + 1
    }

    /// Which source a row of the stack belongs to.
    #[inline(always)]
    pub fn source_of_row(&self, y: usize) -> usize {
        usize::from(self.first_row[y.min(self.height - 1)])
    }

    /// Whether a patch may be centred there.
    #[inline(always)]
    pub fn open(&self, s: Spot) -> bool {
        let (x, y) = (spot_x(s), spot_y(s));
        if x >= self.width || y >= self.height {
            return false;
        }
        match self.blocks[(y >> BLOCK) * self.blocks_across() + (x >> BLOCK)] {
            Block::Open => true,
            Block::Closed => false,
            Block::Mixed => self.owner[y * self.width + x] != 0,
        }
    }

    /// A random open place.
    pub fn random(&self, dice: &mut Dice) -> Spot {
        let mut last = NOWHERE;
        for _ in 0..64 {
            let p = self.places[dice.below(self.places.len() as u32) as usize];
            let s = spot(
                dice.below(p.width as u32) as usize,
                p.top + dice.below(p.height as u32) as usize,
            );
            if self.open(s) {
                return s;
            }
            last = s;
        }
        // Nearly everything is barred: clamp into the photograph.
        let k = self.source_of_row(spot_y(last));
        self.clamp(k, spot_x(last) as i64, spot_y(last) as i64)
    }

    /// The place nearest to (x, y) in the stack inside the margin of source `k`.
    #[inline(always)]
    pub fn clamp(&self, k: usize, x: i64, y: i64) -> Spot {
        let p = self.places[k];
        let margin = 2.min((p.width.min(p.height) - 1) / 2) as i64;
        let (w, h, top) = (p.width as i64, p.height as i64, p.top as i64);
        let x = x.clamp(margin, w - 1 - margin);
        let y = y.clamp(top + margin, top + h - 1 - margin);
        spot(x as usize, y as usize)
    }

    /// The plane of features of this level.
    pub fn plane(&self, weights: &Weights) -> Plane {
        let mut plane = Plane::new(self.width, self.height);
        plane.fill_rows(|y, row| {
            let from = y * self.width;
            for (x, f) in row.iter_mut().enumerate() {
                *f = feature(self.colour[from + x], self.guide[from + x], weights);
            }
        });
        plane
    }
}

/// The weighted 7-bit feature of a colour and its guides.
#[inline(always)]
pub fn feature(c: Colour, g: Guide, weights: &Weights) -> Feature {
    let raw = [c[0], c[1], c[2], g[0], g[1], g[2], g[3], g[4]];
    std::array::from_fn(|k| weights.apply(k, raw[k]))
}

/// Half the size, each pixel the rounded mean of four (edges repeat).
pub fn halve_bytes<const N: usize>(px: &[[u8; N]], w: usize, h: usize) -> (Vec<[u8; N]>, usize, usize) {
    let (nw, nh) = (w.div_ceil(2), h.div_ceil(2));
    let mut out = vec![[0; N]; nw * nh];
    out.par_chunks_mut(nw * BAND)
        .enumerate()
        .for_each(|(band, part)| {
            for (r, row) in part.chunks_mut(nw).enumerate() {
                for (x, o) in row.iter_mut().enumerate() {
                    *o = quarter(px, w, h, x, band * BAND + r);
                }
            }
        });
    (out, nw, nh)
}

/// The rounded mean of the four pixels that become (x, y) when a picture is halved.
#[inline(always)]
pub fn quarter<const N: usize>(px: &[[u8; N]], w: usize, h: usize, x: usize, y: usize) -> [u8; N] {
    let (r0, r1) = (2 * y * w, (2 * y + 1).min(h - 1) * w);
    let (x0, x1) = (2 * x, (2 * x + 1).min(w - 1));
    let (a, b, c, d) = (px[r0 + x0], px[r0 + x1], px[r1 + x0], px[r1 + x1]);
    std::array::from_fn(|k| {
        ((u16::from(a[k]) + u16::from(b[k]) + u16::from(c[k]) + u16::from(d[k]) + 2) >> 2) as u8
    })
}

fn halve(s: &Sheet) -> Sheet {
    if s.width.min(s.height) < 12 {
        return s.clone();
    }
    let (colour, width, height) = halve_bytes(&s.colour, s.width, s.height);
    let (guide, _, _) = halve_bytes(&s.guide, s.width, s.height);
    let barred = if s.barred.is_empty() {
        Vec::new()
    } else {
        // Barred where most of it was: coarse patches may look over the edge.
        let ones: Vec<[u8; 1]> = s.barred.iter().map(|b| [if *b { 255 } else { 0 }]).collect();
        halve_bytes(&ones, s.width, s.height)
            .0
            .iter()
            .map(|v| v[0] > 128)
            .collect()
    };
    Sheet {
        width,
        height,
        colour,
        guide,
        barred,
    }
}
