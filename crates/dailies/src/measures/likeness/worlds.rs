//! Worlds to measure on: smooth coloured patterns that can be seen at any place, size and turn.

use std::sync::LazyLock;

use heirloom_picture::color::srgb_encode;
use heirloom_picture::preview::Preview;

use super::portrait::Place;

/// Codes, with fractions, of light from 0 to 1.
static CODES: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (0..=FINE as usize)
        .map(|i| 255.0 * srgb_encode(i as f64 / FINE))
        .collect()
});
const FINE: f64 = 8192.0;

/// Numbers by lot (SplitMix64).
pub struct Lot(u64);

impl Lot {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }
}

/// Middle, radius, colour.
type Spot = ([f64; 2], f64, [f64; 3]);

/// Cells of so many pixels, so many across and down, from `FIRST` on: a pixel then looks at few spots.
const CELL: f64 = 40.0;
const CELLS: [usize; 2] = [26, 21];
const FIRST: f64 = -280.0;

/// A pattern: a ground, coloured spots, and waves over all of it.
#[derive(Clone, Debug)]
pub struct World {
    ground: [f64; 3],
    /// Those that reach into each cell, in the order in which they lie on each other.
    spots: Vec<Vec<Spot>>,
    /// Waves a pixel each way, phase, height.
    waves: Vec<([f64; 2], f64, f64)>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut lot = Lot::new(seed);
        let colour = |lot: &mut Lot| {
            [
                lot.between(0.03, 0.8),
                lot.between(0.03, 0.8),
                lot.between(0.03, 0.8),
            ]
        };
        let ground = colour(&mut lot);
        let mut spots = vec![Vec::new(); CELLS[0] * CELLS[1]];
        for _ in 0..500 {
            let at = [lot.between(-240.0, 720.0), lot.between(-240.0, 520.0)];
            let spot: Spot = (at, lot.between(8.0, 34.0), colour(&mut lot));
            for (i, cell) in spots.iter_mut().enumerate() {
                let near = [i % CELLS[0], i / CELLS[0]].iter().zip(at).all(|(n, at)| {
                    let middle = FIRST + (*n as f64 + 0.5) * CELL;
                    (at - middle).abs() < 0.5 * CELL + spot.1 + 1.0
                });
                if near {
                    cell.push(spot);
                }
            }
        }
        let waves = (0..2)
            .map(|_| {
                let turn = lot.between(0.0, std::f64::consts::PI);
                let fast = std::f64::consts::TAU / lot.between(9.0, 40.0);
                let way = [fast * libm::cos(turn), fast * libm::sin(turn)];
                (way, lot.between(0.0, 6.0), lot.between(0.03, 0.08))
            })
            .collect();
        Self { ground, spots, waves }
    }

    /// Linear light at a place, in pixels.
    pub fn light(&self, x: f64, y: f64) -> [f64; 3] {
        let mut light = self.ground;
        let cell = |v: f64, cells: usize| (((v - FIRST) / CELL).max(0.0) as usize).min(cells - 1);
        for (at, radius, colour) in &self.spots[cell(y, CELLS[1]) * CELLS[0] + cell(x, CELLS[0])] {
            let (dx, dy) = (x - at[0], y - at[1]);
            let far = libm::sqrt(dx * dx + dy * dy);
            // Edges two pixels wide.
            let there = (0.5 * (radius - far) + 0.5).clamp(0.0, 1.0);
            for (light, colour) in light.iter_mut().zip(colour) {
                *light += there * (colour - *light);
            }
        }
        let wave: f64 = self
            .waves
            .iter()
            .map(|(way, phase, height)| height * libm::sin(way[0] * x + way[1] * y + phase))
            .sum();
        light.map(|v| (v * (1.0 + 2.0 * wave)).clamp(0.0, 1.0))
    }
}

/// How a subject goes over the picture, in pixels, parts and radians a frame.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    pub from: [f64; 2],
    pub step: [f64; 2],
    pub grow: f64,
    pub turn: f64,
}

/// Half the width and height of a scene's subject at first, in pixels.
pub const HALF: [f64; 2] = [64.0, 48.0];
pub const SIZE: [u32; 2] = [480, 270];

/// A subject that goes over a ground which moves a little the other way.
pub struct Scene {
    ground: World,
    subject: World,
    path: Path,
    seed: u64,
}

impl Scene {
    pub fn new(seed: u64, path: Path) -> Self {
        Self {
            ground: World::new(seed + 1000),
            subject: World::new(seed),
            path,
            seed,
        }
    }

    /// Where the subject is at a frame.
    pub fn place(&self, n: u32) -> Place {
        let n = f64::from(n);
        let size = HALF[0] * libm::exp(self.path.grow * n);
        let turn = self.path.turn * n;
        Place {
            middle: [0, 1].map(|k| self.path.from[k] + n * self.path.step[k]),
            right: [size * libm::cos(turn), size * libm::sin(turn)],
            tall: HALF[1] / HALF[0],
        }
    }

    /// The subject's region at first, in fractions.
    pub fn region(&self) -> [f64; 4] {
        let size = SIZE.map(f64::from);
        let [x, y] = self.path.from;
        [
            (x - HALF[0]) / size[0],
            (y - HALF[1]) / size[1],
            2.0 * HALF[0] / size[0],
            2.0 * HALF[1] / size[1],
        ]
    }

    /// A frame, with a code of grain; `instead` has another subject in the same place.
    pub fn frame(&self, n: u32, instead: Option<&World>) -> Preview {
        let mut lot = Lot::new(self.seed * 7919 + u64::from(n));
        let place = self.place(n);
        let subject = instead.unwrap_or(&self.subject);
        let codes = (0..SIZE[0] * SIZE[1]).map(|i| {
            let (x, y) = (f64::from(i % SIZE[0]) + 0.5, f64::from(i / SIZE[0]) + 0.5);
            let [u, v] = place.within([x, y]);
            let light = if u.abs() < 1.0 && v.abs() < 1.0 {
                subject.light(u * HALF[0] + 200.0, v * HALF[1] + 150.0)
            } else {
                self.ground.light(x + 0.7 * f64::from(n), y)
            };
            light.map(|v| {
                let code = CODES[(v * FINE) as usize % CODES.len()];
                (code + lot.between(-1.5, 1.5) + 0.5).clamp(0.0, 255.0) as u8
            })
        });
        Preview::from_codes(codes.collect(), SIZE[0], SIZE[1]).unwrap()
    }
}
