//! Whether a picture's edges lie where objects end: precision, recall and F of outlines, beside what chance would give.
//!
//! After Martin, Fowlkes, Malik, "Learning to detect natural image boundaries using local brightness, color, and
//! texture cues", IEEE TPAMI 2004, section 4: an edge and an outline match within 0.75 % of the diagonal. Where their
//! matching pairs pixels one to one, here each pixel only needs one of the other kind nearby.
//!
//! A take rightly has edges that no outline asks for. So precision looks only at edges within a band along outlines,
//! and every figure stands beside the same figure for the outlines pushed aside, eight ways: what a picture full of
//! grain gets for nothing.

use std::collections::BTreeMap;

use super::edges::{Edge, MARGIN};
use super::working::Working;

/// How many edges a picture may show, in multiples of the outlines' length, the strongest first. One of them is chosen
/// for a whole take, the best, as the threshold is in Martin et al.; so contrast and colours do not matter.
pub(super) const BUDGETS: [f32; 8] = [0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
/// Tolerances from an outline to the end of its band.
const BAND: f32 = 3.0;
/// Tolerances by which outlines are pushed aside, in x and in y. Slanting, so that neither horizon nor wall comes to
/// lie on itself.
const ASIDE: [f32; 2] = [5.0, 9.0];

/// One pixel where an object ends, with the objects that meet there (0 where fewer do).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OutlinePixel {
    pub x: u16,
    pub y: u16,
    pub objects: [u32; 3],
}

/// The pixels that differ from the one to the right or below.
pub(super) fn outlines(ids: &[u32], working: &Working) -> Vec<OutlinePixel> {
    let (width, height) = (working.width, working.height);
    let mut found = Vec::new();
    for y in MARGIN..height.saturating_sub(MARGIN) {
        for x in MARGIN..width.saturating_sub(MARGIN) {
            let i = y * width + x;
            let (own, right, below) = (ids[i], ids[i + 1], ids[i + width]);
            if own != right || own != below {
                let mut objects = [own, right, below];
                if right == own {
                    objects[1] = 0;
                }
                if below == own || below == right {
                    objects[2] = 0;
                }
                found.push(OutlinePixel {
                    x: x as u16,
                    y: y as u16,
                    objects,
                });
            }
        }
    }
    found
}

/// Counts of matches.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    /// Edge pixels within the band, and those of them within tolerance.
    pub edges: u64,
    pub edges_matched: u64,
    /// Outline pixels, and those with an edge within tolerance.
    pub outline: u64,
    pub outline_matched: u64,
}

impl Tally {
    pub fn join(&mut self, other: &Self) {
        self.edges += other.edges;
        self.edges_matched += other.edges_matched;
        self.outline += other.outline;
        self.outline_matched += other.outline_matched;
    }

    pub fn precision(&self) -> f64 {
        self.edges_matched as f64 / self.edges.max(1) as f64
    }

    pub fn recall(&self) -> f64 {
        self.outline_matched as f64 / self.outline.max(1) as f64
    }

    /// The harmonic mean of both.
    pub fn f(&self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 }
    }
}

/// One budget's counts for outlines in their place, and pushed aside.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pair {
    pub own: Tally,
    pub aside: Tally,
}

impl Pair {
    pub fn join(&mut self, other: &Self) {
        self.own.join(&other.own);
        self.aside.join(&other.aside);
    }

    /// Where F lies between chance (0) and all (1).
    pub fn placed(&self) -> f64 {
        above_chance(self.own.f(), self.aside.f())
    }

    /// The same of recall alone.
    pub fn shown(&self) -> f64 {
        above_chance(self.own.recall(), self.aside.recall())
    }
}

fn above_chance(own: f64, chance: f64) -> f64 {
    if chance < 1.0 {
        (own - chance) / (1.0 - chance)
    } else {
        0.0
    }
}

/// What one frame gives.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameTally {
    /// One for each of [`BUDGETS`].
    pub all: [Pair; BUDGETS.len()],
    /// The same by object; of these, recall alone is meant.
    pub objects: BTreeMap<u32, [Pair; BUDGETS.len()]>,
}

/// Count matches of a frame's edges (strongest first) with its outlines.
pub(super) fn tally(
    edges: &[Edge],
    outline: &[OutlinePixel],
    working: &Working,
    tolerance_px: f32,
) -> FrameTally {
    let mut frame = FrameTally::default();
    if outline.is_empty() {
        return frame;
    }
    let limits = BUDGETS.map(|b| ((b * outline.len() as f32).ceil() as usize).max(1));
    let edges = &edges[..edges.len().min(limits[BUDGETS.len() - 1])];
    // The least budget at which a pixel has an edge nearby, and how near each pixel is to an outline.
    let mut budget_at = vec![NONE; working.pixels()];
    let tolerance = Disc::new(tolerance_px);
    for (rank, edge) in edges.iter().enumerate() {
        let budget = limits.iter().position(|limit| rank < *limit).unwrap_or(0) as u8;
        tolerance.paint(working, edge.x, edge.y, |i| {
            budget_at[i] = budget_at[i].min(budget)
        });
    }
    let mut nearness = vec![0u8; working.pixels()];
    let band = Disc::new(BAND * tolerance_px);
    for p in outline {
        band.paint(working, p.x, p.y, |i| nearness[i] = nearness[i].max(1));
    }
    for p in outline {
        tolerance.paint(working, p.x, p.y, |i| nearness[i] = 2);
    }
    let mut places = vec![([0, 0], false)];
    for step in ASIDE.map(|a| (a * tolerance_px).round() as i32) {
        places.extend([[1, 1], [1, -1], [-1, 1], [-1, -1]].map(|[x, y]| ([x * step, y * step], true)));
    }
    for (shift, aside) in places {
        frame.count(
            edges, &limits, outline, &budget_at, &nearness, working, shift, aside,
        );
    }
    frame.sum_budgets();
    frame
}

const NONE: u8 = BUDGETS.len() as u8;

impl FrameTally {
    fn count(
        &mut self,
        edges: &[Edge],
        limits: &[usize; BUDGETS.len()],
        outline: &[OutlinePixel],
        budget_at: &[u8],
        nearness: &[u8],
        working: &Working,
        shift: [i32; 2],
        aside: bool,
    ) {
        let half = |pair: &'_ mut Pair, change: &dyn Fn(&mut Tally)| {
            change(if aside { &mut pair.aside } else { &mut pair.own });
        };
        for p in outline {
            let Some(i) = place(working, p.x, p.y, shift) else {
                continue;
            };
            let budget = budget_at[i];
            let add = |pairs: &mut [Pair; BUDGETS.len()]| {
                half(&mut pairs[0], &|t| t.outline += 1);
                if budget < NONE {
                    half(&mut pairs[usize::from(budget)], &|t| t.outline_matched += 1);
                }
            };
            add(&mut self.all);
            for id in p.objects.into_iter().filter(|id| *id != 0) {
                add(self.objects.entry(id).or_default());
            }
        }
        let mut budget = 0;
        for (rank, edge) in edges.iter().enumerate() {
            while rank >= limits[budget] {
                budget += 1;
            }
            let Some(i) = place(working, edge.x, edge.y, shift.map(|s| -s)) else {
                continue;
            };
            half(&mut self.all[budget], &|t| {
                t.edges += u64::from(nearness[i] > 0);
                t.edges_matched += u64::from(nearness[i] > 1);
            });
        }
    }

    /// So far each count stands at the least budget that has it; every larger one has it too.
    fn sum_budgets(&mut self) {
        for pairs in self.objects.values_mut().chain([&mut self.all]) {
            for i in 1..pairs.len() {
                let before = pairs[i - 1];
                pairs[i].join(&before);
            }
        }
    }
}

fn place(working: &Working, x: u16, y: u16, shift: [i32; 2]) -> Option<usize> {
    let (x, y) = (i32::from(x) + shift[0], i32::from(y) + shift[1]);
    let margin = MARGIN as i32;
    let inside = |v: i32, side: usize| v >= margin && v < side as i32 - margin;
    (inside(x, working.width) && inside(y, working.height)).then(|| y as usize * working.width + x as usize)
}

/// Rows of a disc around its middle.
struct Disc {
    /// Half the row's length, for rows 0, 1, 2 … off the middle.
    halves: Vec<i32>,
}

impl Disc {
    fn new(radius: f32) -> Self {
        let radius = radius.max(1.0);
        let rows = 0..=radius as i32;
        let half = |y: i32| (radius * radius - (y * y) as f32).max(0.0).sqrt() as i32;
        Self {
            halves: rows.map(half).collect(),
        }
    }

    fn paint(&self, working: &Working, x: u16, y: u16, mut change: impl FnMut(usize)) {
        let reach = self.halves.len() as i32 - 1;
        let (x, y) = (i32::from(x), i32::from(y));
        for row in (y - reach).max(0)..=(y + reach).min(working.height as i32 - 1) {
            let half = self.halves[(row - y).unsigned_abs() as usize];
            for column in (x - half).max(0)..=(x + half).min(working.width as i32 - 1) {
                change(row as usize * working.width + column as usize);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heirloom_film::Size;

    fn working() -> Working {
        Working::new(
            Size {
                width: 160,
                height: 120,
            },
            640,
        )
    }

    fn square(left: usize, top: usize, side: usize) -> Vec<u32> {
        let inside = |i: usize| {
            let (x, y) = (i % 160, i / 160);
            (left..left + side).contains(&x) && (top..top + side).contains(&y)
        };
        (0..160 * 120).map(|i| if inside(i) { 7 } else { 1 }).collect()
    }

    fn edges_of(ids: &[u32]) -> Vec<Edge> {
        let outline = outlines(ids, &working());
        let edge = |(i, p): (usize, &OutlinePixel)| Edge {
            x: p.x,
            y: p.y,
            strength: 1.0 / (1.0 + i as f32),
        };
        outline.iter().enumerate().map(edge).collect()
    }

    #[test]
    fn edges_on_the_outline_score_one() {
        let ids = square(50, 40, 40);
        let outline = outlines(&ids, &working());
        assert_eq!(outline.len(), 159);
        let frame = tally(&edges_of(&ids), &outline, &working(), 2.0);
        let whole = frame.all[2];
        assert_eq!((whole.own.precision(), whole.own.recall()), (1.0, 1.0));
        assert!(whole.placed() > 0.99 && whole.aside.f() < 0.35);
        assert_eq!(frame.objects[&7][2].own.recall(), 1.0);
        // With half the edges, half the outline.
        assert!((frame.all[0].own.recall() - 0.5).abs() < 0.05);
    }

    #[test]
    fn edges_elsewhere_and_everywhere_score_nothing() {
        let outline = outlines(&square(50, 40, 40), &working());
        let elsewhere = tally(&edges_of(&square(70, 60, 40)), &outline, &working(), 2.0);
        assert!(elsewhere.all[2].placed() < 0.1, "{:?}", elsewhere.all[2]);
        let everywhere: Vec<Edge> = (0..160 * 120)
            .map(|i| i * 7919 % (160 * 120))
            .filter(|i| i % 2 == 0)
            .map(|i| Edge {
                x: (i % 160) as u16,
                y: (i / 160) as u16,
                strength: 1.0,
            })
            .collect();
        let grain = tally(&everywhere, &outline, &working(), 2.0);
        assert!(
            grain.all.iter().all(|pair| pair.placed() < 0.15),
            "{:?}",
            grain.all
        );
        let none = tally(&[], &outline, &working(), 2.0);
        assert_eq!(none.all[7].own.f(), 0.0);
        assert_eq!(tally(&everywhere, &[], &working(), 2.0).all[7], Pair::default());
    }
}
