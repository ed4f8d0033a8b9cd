//! A region followed through a take: a similarity (shift, size, turn) from frame to frame, fitted to the patches within
//! it as the camera's is to all ([`crate::measures::moves`]).

use super::portrait::Place;
use crate::measures::moves::{self, Move, Point};
use crate::measures::track::{Trail, field_within};

/// Fewest patches that say how a region moves.
const FEWEST: usize = 3;
/// Fewest that say how it grows and turns.
const FOR_SIZE: usize = 8;
/// Of the texture within a region, what must go along with it.
const ALONG: f64 = 0.3;
/// How far a patch that goes along may be off the fit, in pixels of the small plane.
const OFF_PX: f64 = 1.0;
/// Texture, summed over patches, below which there is nothing to hold on to.
const LEAST_TEXTURE: f64 = 0.5;
/// The most that a region grows or turns from one frame to the next.
const MOST: f64 = 0.2;
/// A region smaller than this, from its middle to a side in pixels of the small plane, is gone.
const SMALLEST_PX: f64 = 2.0;
/// The share of it that must be in the picture for it to be judged, and below which it has left.
const SEEN: f64 = 0.75;
const LEFT: f64 = 0.5;

/// Where a region is at a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Held {
    /// There, in pixels of the small plane.
    At(Place),
    /// Not known, or mostly out of the picture.
    Lost,
}

/// Follows a region.
#[derive(Debug)]
pub(super) struct Follower {
    /// `None` once it is gone for good.
    place: Option<Place>,
    /// What it did last, in pixels of the small plane.
    last: [f64; 2],
    /// Frames since it was held.
    missing: usize,
    /// After so many it is gone.
    patience: usize,
}

impl Follower {
    /// From where it is at its first frame. It is given up after `patience` frames in a row in which nothing holds it.
    pub fn new(place: Place, patience: usize) -> Self {
        Self {
            place: Some(place),
            last: [0.0; 2],
            missing: 0,
            patience,
        }
    }

    /// Where it is one frame later.
    pub fn step(&mut self, from: &Trail, to: &Trail) -> Held {
        let Some(mut place) = self.place else {
            return Held::Lost;
        };
        match motion(&place, from, to, self.last) {
            Some((moved, unit)) => {
                self.missing = 0;
                self.last = [moved.right * unit, moved.down * unit];
                let [x, y] = place.right;
                place.right = [
                    x + moved.grow * x - moved.turn * y,
                    y + moved.grow * y + moved.turn * x,
                ];
            }
            // Whatever hides it, or has taken its place, it is looked for where it would have gone.
            None => self.missing += 1,
        }
        for (middle, by) in place.middle.iter_mut().zip(self.last) {
            *middle += by;
        }
        let (width, height) = to.size();
        let inside = inside(&place, width as f64, height as f64);
        let [x, y] = place.right;
        let least = libm::sqrt(x * x + y * y) * place.tall.min(1.0);
        if inside < LEFT || least < SMALLEST_PX || self.missing > self.patience {
            self.place = None;
            return Held::Lost;
        }
        self.place = Some(place);
        if self.missing > 0 || inside < SEEN {
            Held::Lost
        } else {
            Held::At(place)
        }
    }
}

/// What the region does, its shift in units of so many pixels. `None` where too little within it goes along.
fn motion(place: &Place, from: &Trail, to: &Trail, last: [f64; 2]) -> Option<(Move, f64)> {
    let corners = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]].map(|corner| place.at(corner));
    let side = |k: usize, pick: fn(f64, f64) -> f64| {
        corners.iter().map(|c| c[k]).reduce(pick).unwrap_or_default() as f32
    };
    let (first, end) = (
        [side(0, f64::min), side(1, f64::min)],
        [side(0, f64::max), side(1, f64::max)],
    );
    let field = field_within(from, to, first, end, last.map(|v| v as f32));
    let down = place.down();
    let unit = libm::sqrt(
        place.right[0] * place.right[0]
            + place.right[1] * place.right[1]
            + down[0] * down[0]
            + down[1] * down[1],
    )
    .max(1e-6);
    let mut texture = 0.0;
    let mut points: Vec<Point> = Vec::new();
    for v in &field.vectors {
        // Places of patches count from the middle of the first pixel, a region's from its corner.
        let at = [f64::from(v.x) + 0.5, f64::from(v.y) + 0.5];
        if place.within(at).iter().any(|v| v.abs() > 1.0) {
            continue;
        }
        let hold = moves::hold(v);
        texture += hold;
        if v.sound && hold > 0.0 {
            points.push((
                [0, 1].map(|k| (at[k] - place.middle[k]) / unit),
                v.motion.map(|m| f64::from(m) / unit),
                hold,
            ));
        }
    }
    if texture < LEAST_TEXTURE {
        return None;
    }
    let mut found = moves::robust(&points, unit);
    if points.len() < FOR_SIZE {
        (found.grow, found.turn) = (0.0, 0.0);
    }
    found.grow = found.grow.clamp(-MOST, MOST);
    found.turn = found.turn.clamp(-MOST, MOST);
    let (mut along, mut count) = (0.0, 0);
    for (at, motion, hold) in &points {
        let asked = found.at(at[0], at[1]);
        let off = [0, 1].map(|k| (asked[k] - motion[k]) * unit);
        if off[0] * off[0] + off[1] * off[1] < OFF_PX * OFF_PX {
            along += hold;
            count += 1;
        }
    }
    (count >= FEWEST && along > ALONG * texture).then_some((found, unit))
}

/// The share of a region that is in a picture.
fn inside(place: &Place, width: f64, height: f64) -> f64 {
    const STEPS: usize = 12;
    let along = |i: usize| (2 * i + 1) as f64 / STEPS as f64 - 1.0;
    let there = (0..STEPS * STEPS).filter(|i| {
        let [x, y] = place.at([along(i % STEPS), along(i / STEPS)]);
        (0.0..width).contains(&x) && (0.0..height).contains(&y)
    });
    there.count() as f64 / (STEPS * STEPS) as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::measures::likeness::worlds::{Path, Scene};
    use crate::measures::planes::Small;

    #[test]
    fn a_region_is_followed_as_it_moves_grows_and_turns() {
        let path = Path {
            from: [150.0, 120.0],
            step: [3.0, 1.0],
            grow: 0.01,
            turn: 0.01,
        };
        for seed in 1..=4 {
            let scene = Scene::new(seed, path);
            let mut trails = (0..20).map(|n| Small::of(&scene.frame(n, None).view().unwrap()));
            let first = trails.next().unwrap();
            let by = 480.0 / first.width as f64;
            let mut from = Trail::of(&first);
            let mut follower = Follower::new(scene.place(0).times(1.0 / by), 10);
            for (n, small) in trails.enumerate() {
                let to = Trail::of(&small);
                let held = follower.step(&from, &to);
                from = to;
                let (Held::At(found), asked) = (held, scene.place(n as u32 + 1)) else {
                    panic!("{seed}: lost at {n}");
                };
                let found = found.times(by);
                // A twelfth of its width off is about what its portraits allow for.
                for corner in [[-1.0, -1.0], [1.0, 1.0]] {
                    let (a, b) = (found.at(corner), asked.at(corner));
                    let off = libm::hypot(a[0] - b[0], a[1] - b[1]);
                    let most = libm::hypot(asked.right[0], asked.right[1]) / 6.0;
                    assert!(off < most, "{seed}: {off} at {n}: {found:?} {asked:?}");
                }
            }
        }
    }
}
