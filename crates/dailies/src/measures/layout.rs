//! Layout: where which colours are, against a picture of how it should be.
//!
//! Means of 32 x 18 cells in OKLab (Ottosson 2020), as [`heirloom_engine::distance`] compares takes: with d² the mean
//! square of the difference and v, m each picture's variance and mean colour the distance is
//! sqrt(d² / (2 (v + v') + |m - m'|²)): 0 for equal layouts, about 0.7 for two that have nothing to do with each other.
//! What a change of light over the whole picture does to it is taken off first, and told apart, in stops.
//!
//! *Blind to:* things smaller than a cell; what a thing is. A picture in other colours than the take's (clay, a pencil
//! drawing) lies far from every take: then compare takes of the shot with each other. A take that moves otherwise than
//! its pictures of the layout do grows distant as it goes.

use heirloom_engine::{Failure, Guides};
use heirloom_film::Size;
use heirloom_picture::measure::View;
use heirloom_picture::oklab;
use heirloom_picture::preview::Preview;
use serde::{Deserialize, Serialize};

use super::numbers::{largest, mean, median};
use super::planes::Small;
use super::seen::Seen;

/// Cells across and down.
const ACROSS: usize = 32;
const DOWN: usize = 18;

/// A picture of how frames should be laid out: its cells, in linear light.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    cells: Vec<[f32; 3]>,
}

impl Plan {
    /// Of a picture: a keyframe, a board, a frame of a chosen take.
    pub fn of(view: &View<'_>) -> Self {
        Self::of_small(&Small::of(view))
    }

    fn of_small(small: &Small) -> Self {
        let [r, g, b] = small.rgb.each_ref().map(|plane| small.cells(plane, ACROSS, DOWN));
        let cells = r.iter().zip(&g).zip(&b);
        Self {
            cells: cells.map(|((r, g), b)| [*r, *g, *b]).collect(),
        }
    }

    /// Cells in OKLab.
    fn colours(&self, gain: f64) -> Vec<[f64; 3]> {
        let colour = |c: &[f32; 3]| oklab::from_linear(c.map(|v| gain * f64::from(v)));
        self.cells.iter().map(colour).collect()
    }

    /// Distance (0 to 1) of the layouts, and by how many stops the other is lighter.
    fn distance(&self, other: &Self) -> (f64, f64) {
        let light =
            |c: &[f32; 3]| 0.2126 * f64::from(c[0]) + 0.7152 * f64::from(c[1]) + 0.0722 * f64::from(c[2]);
        let pairs = self.cells.iter().zip(&other.cells);
        let lit = 0.002..0.9;
        let ratios: Vec<f64> = pairs
            .map(|(a, b)| (light(a), light(b)))
            .filter(|(a, b)| lit.contains(a) && lit.contains(b))
            .map(|(a, b)| libm::log2(b / a))
            .collect();
        let stops = median(&ratios).unwrap_or(0.0);
        let (a, b) = (self.colours(libm::exp2(stops)), other.colours(1.0));
        (composition(&a, &b), stops)
    }
}

/// Difference that nobody sees, in OKLab: what keeps two flat pictures together.
const UNSEEN: f64 = 0.01;

fn composition(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    let n = a.len().max(1) as f64;
    let squared = |p: &[f64; 3], q: &[f64; 3]| (0..3).map(|k| (p[k] - q[k]) * (p[k] - q[k])).sum::<f64>();
    let about = |cells: &[[f64; 3]]| {
        let m: [f64; 3] = std::array::from_fn(|k| cells.iter().map(|c| c[k]).sum::<f64>() / n);
        (m, cells.iter().map(|c| squared(c, &m)).sum::<f64>() / n)
    };
    let ((ma, va), (mb, vb)) = (about(a), about(b));
    let apart = a.iter().zip(b).map(|(p, q)| squared(p, q)).sum::<f64>() / n;
    let whole = 2.0 * (va + vb) + squared(&ma, &mb) + UNSEEN * UNSEEN;
    libm::sqrt(apart / whole).min(1.0)
}

/// How a shot's frames should be laid out: pictures by frame, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plans {
    plans: Vec<(u32, Plan)>,
    /// Each speaks for its one frame alone.
    exact: bool,
}

impl Plans {
    /// Pictures, each with the number of the frame (from 0) that it is of. Frames between two are held to the nearer.
    pub fn new(mut plans: Vec<(u32, Plan)>) -> Self {
        plans.sort_by_key(|p| p.0);
        Self { plans, exact: false }
    }

    /// Pictures that certain frames must be, each with its frame's number: frames between them are held to none.
    pub fn exactly(plans: Vec<(u32, Plan)>) -> Self {
        Self {
            exact: true,
            ..Self::new(plans)
        }
    }

    /// The stage's colour pass, every `step`-th frame. `None` where it has none.
    ///
    /// # Errors
    /// A frame of the guides can not be made.
    pub fn of_guides(guides: &dyn Guides, size: Size, step: u32) -> Result<Option<Self>, Failure> {
        let mut plans = Vec::new();
        let mut n = 0;
        while n < guides.frames() {
            let frame = guides.frame(n, size)?;
            if let Some((colour, _)) = &frame.color {
                let small = Preview::of_image(colour, 480);
                plans.extend(small.view().map(|view| (n, Plan::of(&view))));
            }
            n = n.saturating_add(step.max(1));
        }
        Ok((!plans.is_empty()).then(|| Self::new(plans)))
    }

    fn nearest(&self, n: u32) -> Option<&(u32, Plan)> {
        self.plans.iter().min_by_key(|p| p.0.abs_diff(n))
    }
}

/// How a take is laid out, against its pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Distance, 0 to 1; mean over frames.
    pub distance: Option<f64>,
    /// That of the farthest frame.
    pub farthest: Option<f64>,
    /// By how many stops the take is lighter than its pictures, place by place: middle over places, mean over frames.
    pub lighter_stops: Option<f64>,
}

pub(super) struct LaidOut<'a> {
    plans: &'a Plans,
    /// Where there is one picture of a whole take, only frames this near to it count.
    near: u32,
    distances: Vec<f64>,
    stops: Vec<f64>,
}

impl<'a> LaidOut<'a> {
    /// Frames up to `near` from a picture are held to it.
    pub fn new(plans: &'a Plans, near: u32) -> Self {
        Self {
            plans,
            near: if plans.exact { 0 } else { near },
            distances: Vec::new(),
            stops: Vec::new(),
        }
    }

    pub fn frame(&mut self, seen: &Seen<'_>) {
        let Some((n, plan)) = self.plans.nearest(seen.n) else {
            return;
        };
        if n.abs_diff(seen.n) <= self.near {
            let (distance, stops) = plan.distance(&Plan::of_small(seen.small));
            self.distances.push(distance);
            self.stops.push(stops);
        }
    }

    pub fn finish(self) -> Layout {
        Layout {
            distance: mean(&self.distances),
            farthest: largest(&self.distances),
            lighter_stops: mean(&self.stops),
        }
    }
}
