//! What is fine, from the photographs, over an enlarged frame.
//!
//! For every pixel of the frame at its own size a place in a photograph is found whose surroundings look the same at that size
//! (a field of nearest neighbours, found as in Barnes and others, "PatchMatch", SIGGRAPH 2009, and begun where the frame's
//! engine says that its pixels come from); what enlarging loses there is put over the frame enlarged by Lanczos' kernel, as
//! example-based super-resolution has it (Freeman, Jones, Pasztor, "Example-based super-resolution", IEEE CG&A 2002). It counts
//! by how alike the surroundings are and by their contrasts. At last the frame made small again must be the frame that it was:
//! what differs is put back (Irani, Peleg, "Improving resolution by image registration", CVGIP 1991).
//!
//! From frame to frame places are carried along the motion, between pixels, and given up only for ones that are clearly better:
//! so what is fine sticks to what it is on.

use heirloom_engine::Origin as Place;
use heirloom_picture::flow::{self, CheckedFlow, FlowOptions};
use heirloom_picture::{Image, resample};
use rayon::prelude::*;

use super::exemplars::{Exemplars, Small};
use crate::map::{Origin, UNIT};
use crate::poisson;
use crate::synth::hash::Dice;

/// Rounds of search of a frame that nothing is carried to, and of one that follows another.
const ROUNDS: (u32, u32) = (8, 3);
/// Pixels to the neighbours that are asked, round by round.
const STEPS: [i64; 4] = [1, 5, 2, 1];
/// Random places that are tried in each round.
const TRIES: u32 = 3;
/// How much better, in parts of a hundred, a place must be to take the place of a carried one.
const BETTER: u64 = 75;
/// Mean difference, in codes, up to which surroundings are alike, and from which on they are not at all.
const ALIKE: (f32, f32) = (4.0, 16.0);
/// What nothing was found for.
const NOTHING: u32 = u32::MAX;

/// Places of what is fine for a frame at its own size, row by row: in 1/256 pixels of the large photographs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The place of each pixel.
    pub places: Vec<Origin>,
    /// How much of it each pixel takes, 0 to 255.
    pub amount: Vec<u8>,
}

/// A frame whose places are sought.
pub struct Search<'a> {
    exemplars: &'a Exemplars,
    small: Small,
    seed: u64,
}

/// A place, and what it costs.
#[derive(Clone, Copy)]
struct Match {
    place: Origin,
    cost: u32,
}

impl<'a> Search<'a> {
    /// Of a frame, among photographs (one at the least).
    pub fn new(exemplars: &'a Exemplars, frame: &Image, seed: u64) -> Self {
        Self {
            exemplars,
            small: Small::of(frame),
            seed,
        }
    }

    fn cost(&self, x: usize, y: usize, place: Origin) -> u32 {
        let Some(exemplar) = self.exemplars.list.get(usize::from(place.source)) else {
            return NOTHING;
        };
        let (rx, ry) = exemplar.ratio();
        let at = |v: i32, ratio: f32, side: usize| {
            let small = (v as f32 / UNIT as f32 + 0.5) / ratio - 0.5;
            let small = libm::roundf(small);
            (small >= 0.0 && small < side as f32).then_some(small as usize)
        };
        match (
            at(place.x, rx, exemplar.small.width),
            at(place.y, ry, exemplar.small.height),
        ) {
            (Some(u), Some(v)) => self.small.unlike((x, y), &exemplar.small, (u, v)),
            _ => NOTHING,
        }
    }

    /// The place `right` and `down` pixels of the frame away from another.
    fn beside(&self, place: Origin, right: f32, down: f32) -> Origin {
        let (rx, ry) = self
            .exemplars
            .list
            .get(usize::from(place.source))
            .map_or((1.0, 1.0), super::exemplars::Exemplar::ratio);
        let step = |by: f32, ratio: f32| libm::roundf(by * ratio * UNIT as f32) as i32;
        Origin {
            source: place.source,
            x: place.x.saturating_add(step(right, rx)),
            y: place.y.saturating_add(step(down, ry)),
        }
    }

    /// Any place, or one within `reach` pixels of the frame of another.
    fn any(&self, dice: &mut Dice, around: Option<(Origin, f32)>) -> Origin {
        if let Some((place, reach)) = around {
            let off = |dice: &mut Dice| libm::roundf((2.0 * dice.unit() - 1.0) * reach);
            return self.beside(place, off(dice), off(dice));
        }
        let source = dice.below(self.exemplars.list.len().max(1) as u32) as u16;
        let (w, h) = self
            .exemplars
            .list
            .get(usize::from(source))
            .map_or((1, 1), |e| e.large);
        let (x, y) = (dice.below(w as u32), dice.below(h as u32));
        Origin::whole(source, x as i32, y as i32)
    }

    /// Finds places. `carried` are those of the frame before where they have come to, where that is known; `own` says where a
    /// pixel comes from.
    pub fn find(
        &self,
        carried: Option<&[Option<Origin>]>,
        own: &[Option<Origin>],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Vec<Origin> {
        let (width, height) = (self.small.width, self.small.height);
        let follows = carried.is_some();
        let rounds = if follows { ROUNDS.1 } else { ROUNDS.0 };
        let mut matches: Vec<Match> = vec![
            Match {
                place: Origin::default(),
                cost: NOTHING
            };
            width * height
        ];
        matches.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            for (x, best) in row.iter_mut().enumerate() {
                let i = y * width + x;
                let mut take = |place: Origin, worth: u64| {
                    let cost = self.cost(x, y, place);
                    if u64::from(cost) * 100 < u64::from(best.cost) * worth {
                        *best = Match { place, cost };
                    }
                };
                if let Some(place) = carried.and_then(|c| c.get(i).copied().flatten()) {
                    take(place, 100);
                }
                if let Some(place) = own.get(i).copied().flatten() {
                    take(place, if follows { BETTER } else { 100 });
                }
                let mut dice = Dice::new(self.seed, i as u64);
                for _ in 0..if follows { 1 } else { TRIES } {
                    take(self.any(&mut dice, None), if follows { BETTER } else { 100 });
                }
            }
        });
        for round in 0..rounds {
            if stop() {
                break;
            }
            let before = matches.clone();
            let step = STEPS[round as usize % STEPS.len()];
            let worth = if follows { BETTER } else { 98 };
            matches.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
                for (x, best) in row.iter_mut().enumerate() {
                    let i = y * width + x;
                    let mut take = |place: Origin| {
                        if place == best.place {
                            return;
                        }
                        let cost = self.cost(x, y, place);
                        if u64::from(cost) * 100 < u64::from(best.cost) * worth {
                            *best = Match { place, cost };
                        }
                    };
                    for (dx, dy) in [(-step, 0), (step, 0), (0, -step), (0, step)] {
                        let (nx, ny) = (x as i64 + dx, y as i64 + dy);
                        if (0..width as i64).contains(&nx) && (0..height as i64).contains(&ny) {
                            let beside = before[ny as usize * width + nx as usize];
                            if beside.cost != NOTHING {
                                take(self.beside(beside.place, -dx as f32, -dy as f32));
                            }
                        }
                    }
                    let mut dice = Dice::new(self.seed ^ (u64::from(round + 1) << 48), i as u64);
                    let mut reach = 24.0;
                    let from = before[i].place;
                    for _ in 0..TRIES {
                        take(self.any(&mut dice, Some((from, reach))));
                        reach *= 0.3;
                    }
                    if !follows {
                        take(self.any(&mut dice, None));
                    }
                }
            });
        }
        matches.into_iter().map(|m| m.place).collect()
    }

    /// How much of what is fine at each place its pixel takes: by how alike the surroundings are, and their contrasts.
    pub fn weigh(&self, places: Vec<Origin>, strength: f32) -> Found {
        let width = self.small.width;
        let amount = places
            .par_iter()
            .enumerate()
            .map(|(i, place)| {
                let (x, y) = (i % width, i / width);
                let cost = self.cost(x, y, *place);
                if cost == NOTHING {
                    return 0;
                }
                let off = (cost as f32 / 25.0).sqrt();
                let alike = ((ALIKE.1 - off) / (ALIKE.1 - ALIKE.0)).clamp(0.0, 1.0);
                let own = self.small.variance((x, y));
                let theirs = self.variance_at(*place);
                let contrast = ((own + 6.0) / (theirs + 6.0)).sqrt().clamp(0.4, 1.0);
                libm::roundf(255.0 * strength * alike * contrast) as u8
            })
            .collect();
        Found { places, amount }
    }

    fn variance_at(&self, place: Origin) -> f32 {
        let Some(exemplar) = self.exemplars.list.get(usize::from(place.source)) else {
            return 0.0;
        };
        let (rx, ry) = exemplar.ratio();
        let at = |v: i32, ratio: f32, side: usize| {
            let small = libm::roundf((v as f32 / UNIT as f32 + 0.5) / ratio - 0.5);
            small.clamp(0.0, (side - 1) as f32) as usize
        };
        exemplar.small.variance((
            at(place.x, rx, exemplar.small.width),
            at(place.y, ry, exemplar.small.height),
        ))
    }
}

/// Where the places of the frame before have come to in a frame, where the motion leads back.
pub fn carried(search: &Search<'_>, places: &[Origin], before: &Image, frame: &Image) -> Vec<Option<Origin>> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let Ok(CheckedFlow { forward, valid, .. }) = flow::flow_checked(frame, before, &FlowOptions::quick())
    else {
        return vec![None; width * height];
    };
    let (right, bottom) = ((width - 1) as f32, (height - 1) as f32);
    forward
        .motion()
        .par_iter()
        .zip(&valid)
        .enumerate()
        .map(|(i, (motion, valid))| {
            if !valid {
                return None;
            }
            let (x, y) = ((i % width) as f32 + motion[0], (i / width) as f32 + motion[1]);
            let near = |v: f32, most: f32| libm::roundf(v.clamp(0.0, most));
            let (nx, ny) = (near(x, right), near(y, bottom));
            let place = places.get(ny as usize * width + nx as usize)?;
            Some(search.beside(*place, x - nx, y - ny))
        })
        .collect()
}

/// Where pixels of a frame come from, as places in the large photographs; `place` gives each pixel's origins.
pub fn own_places(exemplars: &Exemplars, origins: &[Option<Place>]) -> Vec<Option<Origin>> {
    origins
        .par_iter()
        .map(|origin| {
            let origin = origin.as_ref().filter(|o| o.frame.is_none())?;
            let source = exemplars.facts.iter().position(|f| f.object == origin.source)?;
            let facts = exemplars.facts.get(source)?;
            let at = |v: f64, from: u32, to: u32| {
                let large = (v + 0.5) * f64::from(to) / f64::from(from.max(1)) - 0.5;
                libm::round(large * f64::from(UNIT)) as i32
            };
            Some(Origin {
                source: source as u16,
                x: at(origin.x, facts.original.0, facts.scaled.0),
                y: at(origin.y, facts.original.1, facts.scaled.1),
            })
        })
        .collect()
}

/// The frame enlarged, with what is fine over it.
pub fn enlarge(frame: &Image, found: &Found, exemplars: &Exemplars, width: u32, height: u32) -> Image {
    let mut large = resample::lanczos(frame, width, height);
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let (sx, sy) = (w as f32 / width as f32, h as f32 / height as f32);
    large
        .pixels_mut()
        .par_chunks_mut(width as usize)
        .enumerate()
        .for_each(|(row, pixels)| {
            let y = (row as f32 + 0.5) * sy - 0.5;
            for (column, pixel) in pixels.iter_mut().enumerate() {
                let x = (column as f32 + 0.5) * sx - 0.5;
                let fine = fine_at(found, exemplars, (w, h), (x, y));
                for k in 0..3 {
                    // Light is never taken away to below nothing.
                    let light = poisson::encode(pixel[k]);
                    pixel[k] = poisson::decode((light + fine[k]).max(light.min(0.0)));
                }
            }
        });
    let small = resample::scale_to(&large, frame.width(), frame.height());
    let mut missing = frame.clone();
    for (a, b) in missing.pixels_mut().iter_mut().zip(small.pixels()) {
        for k in 0..3 {
            a[k] -= b[k];
        }
    }
    let missing = resample::scale_to(&missing, width, height);
    for (a, b) in large.pixels_mut().iter_mut().zip(missing.pixels()) {
        for k in 0..3 {
            a[k] += b[k];
        }
    }
    large
}

/// What is fine between the four pixels around a place of the frame: one place's where they belong together, else a mixture.
fn fine_at(found: &Found, exemplars: &Exemplars, (w, h): (usize, usize), (x, y): (f32, f32)) -> [f32; 3] {
    let (left, top) = (x.floor(), y.floor());
    // Steeper than linear: what is mixed is less sharp.
    let steep = |t: f32| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (steep(x - left), steep(y - top));
    let inside = |v: f32, side: usize| v.clamp(0.0, (side - 1) as f32) as usize;
    let mut taken: [Option<(Origin, f32)>; 4] = [None; 4];
    let mut sum = [0.0f32; 3];
    for (n, (dx, dy, weight)) in [
        (0.0, 0.0, (1.0 - fx) * (1.0 - fy)),
        (1.0, 0.0, fx * (1.0 - fy)),
        (0.0, 1.0, (1.0 - fx) * fy),
        (1.0, 1.0, fx * fy),
    ]
    .into_iter()
    .enumerate()
    {
        let (nx, ny) = (inside(left + dx, w), inside(top + dy, h));
        let i = ny * w + nx;
        let (Some(place), Some(amount)) = (found.places.get(i), found.amount.get(i)) else {
            continue;
        };
        let amount = weight * f32::from(*amount) / 255.0;
        let Some(exemplar) = exemplars.list.get(usize::from(place.source)) else {
            continue;
        };
        if amount <= 0.0 {
            continue;
        }
        let (rx, ry) = exemplar.ratio();
        let at = Origin {
            source: place.source,
            x: place.x + ((x - nx as f32) * rx * UNIT as f32) as i32,
            y: place.y + ((y - ny as f32) * ry * UNIT as f32) as i32,
        };
        let same = taken.iter_mut().flatten().find(|(other, ..)| {
            other.source == at.source
                && (other.x - at.x).abs() <= UNIT / 4
                && (other.y - at.y).abs() <= UNIT / 4
        });
        match same {
            Some((_, sum)) => *sum += amount,
            None => taken[n] = Some((at, amount)),
        }
    }
    for (at, amount) in taken.into_iter().flatten() {
        if let Some(exemplar) = exemplars.list.get(usize::from(at.source)) {
            let fine = exemplar.fine(at.x as f32 / UNIT as f32, at.y as f32 / UNIT as f32);
            for k in 0..3 {
                sum[k] += amount * fine[k];
            }
        }
    }
    sum
}
