//! Composition by hand: a drawing whose colours say where things go, a map of which source goes where, and what
//! stands still.
//!
//! A drawing is rarely in the photographs' colours: felt pens are pure, paper is white. So it is read as an order of
//! light and as hues. Its lights are brought to the photographs' by rank (histogram matching, as Heeger and Bergen,
//! "Pyramid-based texture analysis/synthesis", 1995, section 2, do between pictures), half of the way, and half by
//! their range. Where the drawing is flat, its ties are broken by the photographs' own layout, so that a flat patch of
//! paper asks for the lights that a natural patch has. Then each light and hue is exchanged for what the photographs
//! have nearest to it, so nothing is asked for that they could not give.

use super::blur::soften;
use super::guide::{self, Gain, luminance};
use super::matter::{Colour, Guide, Sheet};
use rayon::prelude::*;

/// What a shot is composed by; all pictures have the frame's size, row by row.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A drawing in display colours, if there is one.
    pub drawing: Vec<Colour>,
    /// Number of the source that belongs at each pixel, if labels say so.
    pub labels: Vec<u8>,
    /// How strongly drawing or labels are followed, 0..1.
    pub strength: f32,
    /// How far each pixel stands still, 255 being quite; empty where all flows.
    pub still: Vec<u8>,
    /// Whether points of light are taken out and stand still.
    pub stars: bool,
}

/// What the guide channel of [`Wanted::labels`] holds for source `k` of `n`.
pub fn label(k: usize, n: usize) -> u8 {
    (k * 255 / (n - 1).max(1)) as u8
}

/// Most colours that stand for the photographs.
const PALETTE: usize = 2_048;

/// The photographs' blurred colours, sparsely, in the order of their light.
struct Palette {
    colours: Vec<[u8; 3]>,
    /// Mean distance of a colour from the grey of its light.
    chroma: i32,
}

/// Two differences that stand for hue and purity: red less light, blue less light.
#[inline(always)]
fn hue(c: [u8; 3]) -> [i32; 2] {
    let y = i32::from(luminance([c[0], c[1], c[2], 0]));
    [i32::from(c[0]) - y, i32::from(c[2]) - y]
}

#[inline(always)]
fn light(c: [u8; 3]) -> i32 {
    i32::from(luminance([c[0], c[1], c[2], 0]))
}

fn mean_chroma(colours: impl Iterator<Item = [u8; 3]>) -> i32 {
    let (mut sum, mut n) = (0i64, 0i64);
    for c in colours {
        let [a, b] = hue(c);
        sum += i64::from(a.abs() + b.abs());
        n += 1;
    }
    (sum / n.max(1)) as i32
}

impl Palette {
    /// Of sheets whose guides are filled in.
    fn of(sheets: &[Sheet]) -> Palette {
        let open: usize = sheets
            .iter()
            .map(|s| s.width * s.height - s.barred.iter().filter(|b| **b).count())
            .sum();
        let every = (open / PALETTE).max(1);
        let mut colours = Vec::with_capacity(PALETTE + 1);
        let mut n = 0;
        for s in sheets {
            for (i, g) in s.guide.iter().enumerate() {
                if s.barred.get(i).copied().unwrap_or(false) {
                    continue;
                }
                if n % every == 0 {
                    colours.push([g[0], g[1], g[2]]);
                }
                n += 1;
            }
        }
        colours.sort_unstable_by_key(|c| (light(*c), *c));
        let chroma = mean_chroma(colours.iter().copied());
        Palette { colours, chroma }
    }

    /// The light at a rank, 0..=65535.
    fn at_rank(&self, rank: u32) -> i32 {
        let last = self.colours.len().saturating_sub(1);
        self.colours
            .get((rank as usize * last + 32_767) / 65_535)
            .map_or(128, |c| light(*c))
    }

    /// The mean of the few colours nearest to a light and a hue.
    fn nearest(&self, y: i32, want: [i32; 2]) -> [u8; 3] {
        const FEW: usize = 6;
        let mut best = [(i32::MAX, [0u8; 3]); FEW];
        for c in &self.colours {
            let dy = light(*c) - y;
            let h = hue(*c);
            let (da, db) = (h[0] - want[0], h[1] - want[1]);
            // The light counts most: composition is read by it.
            let cost = 3 * dy * dy + da * da + db * db;
            if cost < best[FEW - 1].0 {
                best[FEW - 1] = (cost, *c);
                best.sort_unstable();
            }
        }
        let used = best.iter().filter(|b| b.0 < i32::MAX).count().max(1) as u32;
        std::array::from_fn(|k| {
            let sum: u32 = best
                .iter()
                .filter(|b| b.0 < i32::MAX)
                .map(|b| u32::from(b.1[k]))
                .sum();
            ((sum + used / 2) / used) as u8
        })
    }
}

/// The drawing in the photographs' colours. `own` is what their own layout shows in the frame: it breaks ties.
/// `radius` is the blur of layouts.
pub fn in_their_colours(
    drawing: &[Colour],
    own: &[Colour],
    sheets: &[Sheet],
    w: usize,
    h: usize,
    radius: usize,
) -> Vec<Colour> {
    let palette = Palette::of(sheets);
    let soft = soften(drawing, w, h, (radius / 2).max(1));
    // Rank of each pixel's light: first the drawing's, then, within one light of it, the photographs' own.
    let own_soft = soften(own, w, h, (radius / 2).max(1));
    let keys: Vec<u16> = soft
        .par_iter()
        .zip(&own_soft)
        .map(|(d, o)| (u16::from(luminance(*d)) << 8) | u16::from(luminance(*o)))
        .collect();
    let ranks = rank(&keys);
    let (low, high) = span(&soft);
    let (dark, bright) = (palette.at_rank(1_311), palette.at_rank(64_224));
    // Pens are purer than photographs: no hue is asked for that is stronger than theirs.
    let purity = mean_chroma(soft.iter().map(|c| [c[0], c[1], c[2]]));
    let shrink = if purity > palette.chroma {
        palette.chroma * 256 / purity.max(1)
    } else {
        256
    };
    let wanted: Vec<(i32, [i32; 2])> = soft
        .par_iter()
        .zip(&ranks)
        .map(|(d, rank)| {
            let by_rank = palette.at_rank(*rank);
            let y = if high - low < 12 {
                by_rank
            } else {
                let v = (i32::from(luminance(*d)) - low).clamp(0, high - low);
                (by_rank + dark + (bright - dark) * v / (high - low)) / 2
            };
            let h = hue([d[0], d[1], d[2]]);
            (y, [h[0] * shrink / 256, h[1] * shrink / 256])
        })
        .collect();
    // Many pixels ask for the same: each kind is looked up once.
    let kind = |(y, h): (i32, [i32; 2])| (y / 3, h[0] / 6, h[1] / 6);
    let mut kinds: Vec<(i32, i32, i32)> = wanted.par_iter().map(|v| kind(*v)).collect();
    kinds.par_sort_unstable();
    kinds.dedup();
    let colours: Vec<[u8; 3]> = kinds
        .par_iter()
        .map(|(y, a, b)| palette.nearest(y * 3 + 1, [a * 6, b * 6]))
        .collect();
    let found: Vec<Colour> = wanted
        .par_iter()
        .map(|v| {
            let c = kinds.binary_search(&kind(*v)).map_or([128; 3], |i| colours[i]);
            [c[0], c[1], c[2], 0]
        })
        .collect();
    // Neighbouring kinds may have unlike colours: no steps.
    soften(&found, w, h, 1)
}

/// Rank of every key, 0..=65535, equal ones at their middle.
fn rank(keys: &[u16]) -> Vec<u32> {
    let mut count = vec![0u32; 65_536];
    for k in keys {
        count[usize::from(*k)] += 1;
    }
    let mut below = 0u64;
    for c in &mut count {
        let n = u64::from(*c);
        *c = ((below + n / 2) * 65_535 / keys.len().max(1) as u64) as u32;
        below += n;
    }
    keys.iter().map(|k| count[usize::from(*k)]).collect()
}

/// The lights that a fiftieth of the pixels are below and above.
fn span(colour: &[Colour]) -> (i32, i32) {
    let mut count = [0usize; 256];
    for c in colour {
        count[usize::from(luminance(*c))] += 1;
    }
    let few = colour.len() / 50;
    let from = |all: &mut dyn Iterator<Item = usize>| -> i32 {
        let mut seen = 0;
        for v in all {
            seen += count[v];
            if seen > few {
                return v as i32;
            }
        }
        0
    };
    (from(&mut (0..256)), from(&mut (0..256).rev()))
}

/// What the frame asks for when it follows a drawing: the colours to begin with, and guides. `own` is what the
/// photographs' own layout asks for (see [`super::layout::Layout::draw`]).
pub fn by_drawing(
    wanted: &Wanted,
    own: (Vec<Colour>, Vec<Guide>),
    sheets: &[Sheet],
    w: usize,
    h: usize,
    radius: usize,
    gain: Gain,
) -> (Vec<Colour>, Vec<Guide>) {
    let theirs = in_their_colours(&wanted.drawing, &own.0, sheets, w, h, radius);
    let broad = soften(&own.0, w, h, radius);
    // Their own fine grain on the drawing's broad colours: flat patches are no matter for photographs.
    let sketch: Vec<Colour> = theirs
        .par_iter()
        .zip(own.0.par_iter().zip(&broad))
        .map(|(d, (o, b))| {
            let mut c: Colour = [0; 4];
            for k in 0..3 {
                let grain = (i32::from(o[k]) - i32::from(b[k])) * 2 / 3;
                c[k] = (i32::from(d[k]) + grain).clamp(0, 255) as u8;
            }
            c
        })
        .collect();
    let drawn = guide::of_photograph(&sketch, w, h, radius, gain);
    let share = (wanted.strength.clamp(0.0, 1.0) * 256.0) as u32;
    let mix = |a: u8, b: u8| ((u32::from(a) * (256 - share) + u32::from(b) * share + 128) >> 8) as u8;
    let colour = own
        .0
        .iter()
        .zip(&sketch)
        .map(|(o, d)| [mix(o[0], d[0]), mix(o[1], d[1]), mix(o[2], d[2]), 0])
        .collect();
    let guides = own
        .1
        .iter()
        .zip(&drawn)
        .map(|(o, d)| std::array::from_fn(|k| if k == 4 { o[4] } else { mix(o[k], d[k]) }))
        .collect();
    (colour, guides)
}

/// A mask of what stands still, with a hem over which the flow dies away, so that matter is bent and not sheared: what
/// was white stays white, and a hard edge fades over about a twelfth of the height.
pub fn with_hem(mask: &[u8], w: usize, h: usize) -> Vec<u8> {
    let ones: Vec<[u8; 1]> = mask.iter().map(|v| [*v]).collect();
    // Grown first, then blurred: the hem lies outside of what is white.
    let radius = (h / 36).max(1);
    let grown = grow(&ones, w, h, radius);
    let soft = soften(&grown, w, h, radius.div_ceil(2).max(1));
    mask.iter().zip(&soft).map(|(m, s)| (*m).max(s[0])).collect()
}

/// The largest value within a square of radius `r`.
pub fn grow(px: &[[u8; 1]], w: usize, h: usize, r: usize) -> Vec<[u8; 1]> {
    let mut across = vec![[0u8; 1]; px.len()];
    across
        .par_chunks_mut(w)
        .zip(px.par_chunks(w))
        .for_each(|(out, row)| {
            for x in 0..w {
                let near = &row[x.saturating_sub(r)..(x + r + 1).min(w)];
                out[x] = near.iter().copied().max().unwrap_or([0]);
            }
        });
    let mut out = vec![[0u8; 1]; px.len()];
    out.par_chunks_mut(w).enumerate().for_each(|(y, row)| {
        for j in y.saturating_sub(r)..(y + r + 1).min(h) {
            for (o, a) in row.iter_mut().zip(&across[j * w..(j + 1) * w]) {
                *o = (*o).max(*a);
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(colour: impl Fn(usize) -> [u8; 3], w: usize, h: usize) -> Sheet {
        let colour: Vec<Colour> = (0..w * h)
            .map(|i| {
                let c = colour(i);
                [c[0], c[1], c[2], 0]
            })
            .collect();
        let guide = colour.iter().map(|c| [c[0], c[1], c[2], 128, 0]).collect();
        Sheet {
            width: w,
            height: h,
            colour,
            guide,
            barred: Vec::new(),
        }
    }

    #[test]
    fn a_felt_pen_asks_only_for_what_the_photograph_has() {
        // A dim photograph, blue to orange; a drawing in pure colours on white paper.
        let (w, h) = (64usize, 36usize);
        let s = sheet(
            |i| {
                let t = (i % 64) as u8;
                [20 + t * 2, 30 + t, 90 - t]
            },
            64,
            36,
        );
        let drawing: Vec<Colour> = (0..w * h)
            .map(|i| {
                if i % w < 20 {
                    [0, 0, 255, 0]
                } else {
                    [255, 255, 255, 0]
                }
            })
            .collect();
        let own = vec![[60, 60, 60, 0]; w * h];
        let found = in_their_colours(&drawing, &own, &[s], w, h, 2);
        let (left, right) = (found[18 * w + 6], found[18 * w + 50]);
        assert!(left[2] > left[0] && right[0] > right[2], "{left:?} {right:?}");
        for c in &found {
            // On the photograph's own line of colours, within what the mean of a few neighbours blurs.
            let t = (i32::from(c[0]) - 20) / 2;
            assert!((i32::from(c[2]) - (90 - t)).abs() <= 4, "{c:?}");
        }
    }

    #[test]
    fn a_hem_lies_outside_of_what_is_white() {
        let (w, h) = (80usize, 72usize);
        let mask: Vec<u8> = (0..w * h).map(|i| if i % w < 30 { 255 } else { 0 }).collect();
        let soft = with_hem(&mask, w, h);
        let row = &soft[30 * w..31 * w];
        assert!(row[..30].iter().all(|v| *v == 255));
        assert!(row.windows(2).all(|p| p[0] >= p[1]));
        assert!(row[32] > 0 && row[40] == 0);
        assert!(row.windows(2).all(|p| p[0] - p[1] < 120));
    }
}
