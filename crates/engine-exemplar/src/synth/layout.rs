//! Where things go in a new variation: a coarse sketch drawn from a window of the photographs.

use super::flow::value_noise;
use super::hash::{Dice, mix};
use super::matter::{Colour, Guide, Sheet};
use super::wished::{Misses, Wished};
use rayon::prelude::*;

/// A window of one photograph, in its pixels, perhaps mirrored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// Left and right exchanged.
    pub mirrored: bool,
}

/// Flat borders: pixels nearly equal to the nearest edge of the picture in an unbroken run. Such borders
/// (scans, fundus cameras, cut-out skies) are no matter. Empty if there are none worth mention.
pub fn flat_border(colour: &[Colour], w: usize, h: usize) -> Vec<bool> {
    // Only very dark or very light borders count, and only from the edges inwards.
    let dark = |c: Colour| c[0].max(c[1]).max(c[2]) < 12;
    let light = |c: Colour| c[0].min(c[1]).min(c[2]) > 247;
    let mut barred = vec![false; w * h];
    let mut todo: Vec<usize> = Vec::new();
    for kind in [true, false] {
        let fits = |i: usize| if kind { dark(colour[i]) } else { light(colour[i]) };
        let visit = |i: usize, barred: &mut Vec<bool>, todo: &mut Vec<usize>| {
            if !barred[i] && fits(i) {
                barred[i] = true;
                todo.push(i);
            }
        };
        for x in 0..w {
            visit(x, &mut barred, &mut todo);
            visit((h - 1) * w + x, &mut barred, &mut todo);
        }
        for y in 0..h {
            visit(y * w, &mut barred, &mut todo);
            visit(y * w + w - 1, &mut barred, &mut todo);
        }
        while let Some(i) = todo.pop() {
            let (x, y) = (i % w, i / w);
            if x > 0 {
                visit(i - 1, &mut barred, &mut todo);
            }
            if x + 1 < w {
                visit(i + 1, &mut barred, &mut todo);
            }
            if y > 0 {
                visit(i - w, &mut barred, &mut todo);
            }
            if y + 1 < h {
                visit(i + w, &mut barred, &mut todo);
            }
        }
    }
    let count = barred.iter().filter(|b| **b).count();
    // Under a hundredth it is no border; over nine tenths the picture itself is like that.
    if count * 100 < w * h || count * 10 > w * h * 9 {
        return Vec::new();
    }
    // Some pixels more, where the border fades into the picture and the sampling kernel reaches.
    let grown = |b: &[bool]| -> Vec<bool> {
        (0..w * h)
            .map(|i| {
                let (x, y) = (i % w, i / w);
                b[i] || (x > 0 && b[i - 1])
                    || (x + 1 < w && b[i + 1])
                    || (y > 0 && b[i - w])
                    || (y + 1 < h && b[i + w])
            })
            .collect()
    };
    (0..4).fold(barred, |b, _| grown(&b))
}

/// Continues the picture into its barred border, smoothly, so that neither blurs nor coarse patches see
/// a black edge.
pub fn fill_border(colour: &mut [Colour], barred: &[bool], w: usize, h: usize) {
    if barred.is_empty() {
        return;
    }
    // Means of what is known on coarser and coarser grids, then back down where nothing is known.
    let mut levels: Vec<(Vec<[u32; 4]>, usize, usize)> = vec![(
        (0..w * h)
            .map(|i| {
                if barred[i] {
                    [0; 4]
                } else {
                    [
                        u32::from(colour[i][0]),
                        u32::from(colour[i][1]),
                        u32::from(colour[i][2]),
                        1,
                    ]
                }
            })
            .collect(),
        w,
        h,
    )];
    while let Some((px, w, h)) = levels.last()
        && (*w > 1 || *h > 1)
    {
        let (nw, nh) = (w.div_ceil(2), h.div_ceil(2));
        let mut next = vec![[0u32; 4]; nw * nh];
        for y in 0..*h {
            for x in 0..*w {
                let (p, o) = (px[y * w + x], &mut next[y / 2 * nw + x / 2]);
                for k in 0..4 {
                    o[k] += p[k];
                }
            }
        }
        for o in &mut next {
            let n = o[3];
            let mean = |v: u32| (v + n / 2).checked_div(n).unwrap_or(0);
            *o = [mean(o[0]), mean(o[1]), mean(o[2]), n.min(1)];
        }
        levels.push((next, nw, nh));
    }
    for l in (0..levels.len() - 1).rev() {
        let (fine, coarse) = levels.split_at_mut(l + 1);
        let ((px, w, _), (up, uw, uh)) = (&mut fine[l], &coarse[0]);
        let bytes: Vec<[u8; 4]> = up.iter().map(|p| p.map(|v| v as u8)).collect();
        for (i, p) in px.iter_mut().enumerate() {
            if p[3] == 0 {
                let c = bilinear(
                    &bytes,
                    *uw,
                    *uh,
                    (i % *w) as f32 * 0.5 - 0.25,
                    (i / *w) as f32 * 0.5 - 0.25,
                );
                *p = [u32::from(c[0]), u32::from(c[1]), u32::from(c[2]), 1];
            }
        }
    }
    for (i, c) in colour.iter_mut().enumerate() {
        if barred[i] {
            let p = levels[0].0[i];
            *c = [p[0] as u8, p[1] as u8, p[2] as u8, c[3]];
        }
    }
}

/// The part of the picture inside its flat border: (x, y, width, height).
pub fn content(barred: &[bool], w: usize, h: usize) -> (usize, usize, usize, usize) {
    if barred.is_empty() {
        return (0, 0, w, h);
    }
    // A row or column counts when a quarter of the fullest one is there: corners of round pictures go.
    let rows: Vec<usize> = (0..h)
        .map(|y| (0..w).filter(|x| !barred[y * w + x]).count())
        .collect();
    let cols: Vec<usize> = (0..w)
        .map(|x| (0..h).filter(|y| !barred[y * w + x]).count())
        .collect();
    let span = |v: &[usize]| -> (usize, usize) {
        let least = v.iter().copied().max().unwrap_or(0) / 3;
        let first = v.iter().position(|n| *n > least).unwrap_or(0);
        let last = v.iter().rposition(|n| *n > least).unwrap_or(v.len() - 1);
        (first, last + 1)
    };
    let ((y0, y1), (x0, x1)) = (span(&rows), span(&cols));
    (x0, y0, x1 - x0, y1 - y0)
}

/// Chooses the window for a frame of `aspect` (width / height): inside the content, stretched by no more
/// than about a third, moved, enlarged and perhaps mirrored by the seed. From nearly all of the photograph down to
/// three fifths of it: less would ask for shapes much larger than its matter has them.
pub fn window(sheet: &Sheet, aspect: f32, seed: u64) -> Window {
    let (x, y, w, h) = content(&sheet.barred, sheet.width, sheet.height);
    let (x, y, w, h) = (x as f32, y as f32, w as f32, h as f32);
    let mut dice = Dice::new(mix(seed ^ 0x1a_70_07), 1);
    let stretch = 1.35;
    let near = 0.60 + 0.38 * dice.unit();
    let (width, height) = if w / h < aspect {
        (w * near, (w / aspect * stretch).min(h) * near)
    } else {
        ((h * aspect * stretch).min(w) * near, h * near)
    };
    let (dx, dy) = (dice.unit(), dice.unit());
    Window {
        x: x + (w - width) * dx,
        y: y + (h - height) * dy,
        width,
        height,
        mirrored: dice.unit() < 0.5,
    }
}

/// Windows that are tried where colours are wished for.
const TRIED: u64 = 48;

/// The window of a sheet whose colours come nearest to what is wished. Small windows are tried too, so that a
/// part of the photograph may be the whole of the frame; only a clearly better one goes before a larger.
fn window_near(sheet: &Sheet, aspect: f32, seed: u64, misses: &Misses) -> Window {
    let mut best: Option<(u64, Window)> = None;
    for k in 0..TRIED {
        let mut w = window(sheet, aspect, seed.wrapping_add(k.wrapping_mul(0x517e)));
        // A third of them as usual, then smaller and smaller ones.
        let by = 1.0 - 0.55 * k.saturating_sub(TRIED / 3) as f32 / (TRIED - TRIED / 3) as f32;
        if by < 1.0 {
            let mut dice = Dice::new(mix(seed ^ 0x0005_eac4), k);
            w.x += w.width * (1.0 - by) * dice.unit();
            w.y += w.height * (1.0 - by) * dice.unit();
            w.width *= by;
            w.height *= by;
        }
        // The mean over a grid of places, in whole numbers.
        let (mut sum, n) = (0u64, 24u64);
        for i in 0..n * n {
            let at = |j: u64| (j as f32 + 0.5) / n as f32;
            let (x, y) = (w.x + w.width * at(i % n), w.y + w.height * at(i / n));
            sum += u64::from(misses.at(bilinear(&sheet.colour, sheet.width, sheet.height, x, y)));
        }
        let dear = sum * 16 / (n * n) + k.saturating_sub(TRIED / 3) * 4;
        if best.is_none_or(|(b, _)| dear < b) {
            best = Some((dear, w));
        }
    }
    best.map_or_else(|| window(sheet, aspect, seed), |b| b.1)
}

/// Where each pixel of a new variation looks for its layout: a source and a place in it.
#[derive(Clone, Debug)]
pub struct Layout {
    windows: Vec<Window>,
    /// Up to where each window's share of the frame reaches, in the noise that says which is where.
    shares: Vec<f32>,
    width: f32,
    height: f32,
    seed: u64,
    /// How far the window is bent, in shares of its height.
    bend: f32,
    /// Number of the source that belongs at each pixel; empty where chance says.
    labels: Vec<u8>,
    /// All shares are alike.
    even: bool,
}

impl Layout {
    /// The layout of a frame of `width` x `height` pixels: every source has area by its weight, and the window
    /// that suits the wished colours.
    pub fn new(sheets: &[Sheet], width: usize, height: usize, seed: u64, wished: &Wished) -> Layout {
        let aspect = width as f32 / height as f32;
        let misses = Misses::of(&wished.palette);
        let windows = sheets
            .iter()
            .enumerate()
            .map(|(k, s)| {
                let seed = seed.wrapping_add(k as u64 * 977);
                match &misses {
                    Some(misses) => window_near(s, aspect, seed, misses),
                    None => window(s, aspect, seed),
                }
            })
            .collect();
        let all: f32 = (0..sheets.len()).map(|k| wished.weight(k)).sum();
        let mut reach = 0.0;
        let shares = (0..sheets.len())
            .map(|k| {
                reach += wished.weight(k);
                reach / all
            })
            .collect();
        let own = mix(seed ^ 0xbe4d);
        let mut layout = Layout {
            windows,
            shares,
            width: width as f32,
            height: height as f32,
            seed: own,
            // Some seeds hold to the photograph's shapes, others bend them until they are their own.
            bend: 0.10 + 0.10 * Dice::new(own, 2).unit(),
            labels: Vec::new(),
            even: (0..sheets.len()).all(|k| wished.weight(k) == wished.weight(0)),
        };
        if !layout.even {
            // Shares of area, not of the noise's range: what it reaches on a grid, in order.
            let (down, across) = (40, (40.0 * aspect) as usize + 1);
            let mut grid: Vec<f32> = (0..down * across)
                .map(|i| layout.noise((i % across) as f32 / 40.0, (i / across) as f32 / 40.0))
                .collect();
            grid.sort_by(f32::total_cmp);
            for share in &mut layout.shares {
                *share = grid
                    .get((*share * grid.len() as f32) as usize)
                    .copied()
                    .unwrap_or(1.0);
            }
        }
        layout
    }

    /// What says which source is where, 0..1, at (u, v) in heights of the frame.
    fn noise(&self, u: f32, v: f32) -> f32 {
        let n = 0.65 * value_noise(u * 2.5, v * 2.5, self.seed ^ 1)
            + 0.35 * value_noise(u * 7.0, v * 7.0, self.seed ^ 2);
        // Noise gathers about its mean: spread it.
        ((n - 0.5) * 1.9 + 0.5).clamp(0.0, 0.999)
    }

    /// Puts each source where `labels` (of the frame's size, numbers of sources) says; empty leaves it to chance.
    pub fn labelled(mut self, labels: &[u8]) -> Layout {
        self.labels = labels.to_vec();
        self
    }

    /// Source, x and y for frame place (x, y), pixel centres at whole numbers.
    pub fn at(&self, x: f32, y: f32) -> (usize, f32, f32) {
        let (u, v) = ((x + 0.5) / self.height, (y + 0.5) / self.height);
        let k = if self.windows.len() == 1 {
            0
        } else if !self.labels.is_empty() {
            // The pixel it lies in, inside the frame.
            let (px, py) = (x.clamp(0.0, self.width - 1.0), y.clamp(0.0, self.height - 1.0));
            let i = (py + 0.5) as usize * self.width as usize + (px + 0.5) as usize;
            usize::from(self.labels[i]).min(self.windows.len() - 1)
        } else {
            let n = self.noise(u, v);
            let even = (n * self.windows.len() as f32) as usize;
            if self.even {
                even
            } else {
                let k = self.shares.iter().position(|reach| n < *reach);
                k.unwrap_or(self.windows.len() - 1)
            }
        };
        let w = &self.windows[k];
        let bend = |salt: u64| {
            value_noise(u * 2.2, v * 2.2, self.seed ^ salt)
                + 0.4 * value_noise(u * 5.1, v * 5.1, self.seed ^ salt ^ 8)
                - 0.7
        };
        let mut fx = (x + 0.5) / self.width;
        let fy = (y + 0.5) / self.height;
        if w.mirrored {
            fx = 1.0 - fx;
        }
        // No bend at the frame's edges, so that the window stays inside.
        let hem = (fx * (1.0 - fx) * 6.0).min(1.0) * (fy * (1.0 - fy) * 6.0).min(1.0);
        let reach = self.bend * w.height * hem;
        let sx = w.x + fx * w.width - 0.5 + bend(3) * reach;
        let sy = w.y + fy * w.height - 0.5 + bend(4) * reach;
        (k, sx, sy)
    }

    /// Colours and guides of the whole frame, as the layout asks for them.
    pub fn draw(&self, sheets: &[Sheet]) -> (Vec<Colour>, Vec<Guide>) {
        let (w, h) = (self.width as usize, self.height as usize);
        let mut out: Vec<(Colour, Guide)> = vec![([0; 4], [0; 5]); w * h];
        out.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
            for (x, o) in row.iter_mut().enumerate() {
                let (k, sx, sy) = self.at(x as f32, y as f32);
                let s = &sheets[k];
                *o = (
                    bilinear(&s.colour, s.width, s.height, sx, sy),
                    bilinear(&s.guide, s.width, s.height, sx, sy),
                );
            }
        });
        out.into_iter().unzip()
    }
}

/// Bytes between pixels; places outside are those on the edge.
pub fn bilinear<const N: usize>(px: &[[u8; N]], w: usize, h: usize, x: f32, y: f32) -> [u8; N] {
    let x = x.clamp(0.0, (w - 1) as f32);
    let y = y.clamp(0.0, (h - 1) as f32);
    let (ix, iy) = (x as usize, y as usize);
    let fx = ((x - ix as f32) * 256.0) as u32;
    let fy = ((y - iy as f32) * 256.0) as u32;
    let (jx, jy) = ((ix + 1).min(w - 1), (iy + 1).min(h - 1));
    let (a, b, c, d) = (px[iy * w + ix], px[iy * w + jx], px[jy * w + ix], px[jy * w + jx]);
    std::array::from_fn(|k| {
        let top = u32::from(a[k]) * (256 - fx) + u32::from(b[k]) * fx;
        let bottom = u32::from(c[k]) * (256 - fx) + u32::from(d[k]) * fx;
        ((top * (256 - fy) + bottom * fy + 32768) >> 16) as u8
    })
}

/// Adds noise of `noise` display steps to a coarse sketch, mostly alike in all colours.
pub fn roughen(colour: &mut [Colour], noise: f32, seed: u64) {
    let dice = |salt: u64, i: usize| {
        // About normal: four uniform numbers.
        let mut d = Dice::new(mix(seed ^ salt), i as u64);
        (d.unit() + d.unit() + d.unit() + d.unit() - 2.0) * 1.732
    };
    for (i, c) in colour.iter_mut().enumerate() {
        let all = dice(0x11, i) * noise;
        for (z, v) in c.iter_mut().take(3).enumerate() {
            let rough = f32::from(*v) + all + dice(0x21 + z as u64, i) * noise * 0.3 + 0.5;
            *v = rough.clamp(0.0, 255.0) as u8;
        }
    }
}
