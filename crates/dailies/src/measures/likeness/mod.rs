//! Likeness: how far what a take shows of a subject lies from its pictures, and from itself at first.
//!
//! Where a subject is at one frame is stated ([`Sought`]); from there its region is followed to the take's end, and what
//! is in it is compared with the subject's pictures: colours and shapes, not what it is. What the numbers come from, and
//! their sources, stands in `portrait.rs` and `follow.rs`; no trained weights take part. A reference counts by its own
//! region and by boxes a little aside of it, smaller and larger, the nearest of all being the distance.
//!
//! Frames before the stated one are not looked at: nothing is held in memory for them.
//!
//! *Blind to:* who it is. Two people in the same coat are one to it, and one person in another coat is two. A subject
//! seen from a side that none of its pictures shows, or lit from another side, lies about as far as another subject; a
//! change of the light's colour counts, of its strength not. What passes before a subject may carry the region off, and
//! the distance then says that something else is there. What has no texture, or is smaller than about a tenth of the width,
//! is soon lost. Once it has left the picture it is not found again. So limits are a shot's own: compare its takes.

mod follow;
mod portrait;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod worlds;

use std::collections::BTreeMap;

use heirloom_picture::measure::View;
use serde::{Deserialize, Serialize};

use self::follow::{Follower, Held};
use self::portrait::{Place, Portrait};
use super::numbers::{largest, mean, median};
use super::seen::Seen;
use super::track::Trail;

/// A subject that a take is to show, and how it looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Sought {
    name: String,
    frame: u32,
    region: [f64; 4],
    portraits: Vec<Portrait>,
}

impl Sought {
    /// The subject `name`, which at the take's frame `frame` (from 0) is in `region`: left, top, width and height in
    /// fractions of the frame.
    pub fn new(name: &str, frame: u32, region: [f64; 4]) -> Self {
        Self {
            name: name.into(),
            frame,
            region,
            portraits: Vec::new(),
        }
    }

    /// The same with one more picture of it, which shows it in `region`. Best where that is 100 pixels across or more. Of a
    /// subject without a picture only the change is told.
    #[must_use]
    pub fn with_picture(mut self, view: &View<'_>, region: [f64; 4]) -> Self {
        let place = Place::of(region, [f64::from(view.width()), f64::from(view.height())]);
        self.portraits.extend(Portrait::all_of(view, &place));
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// How like its pictures a take shows its subjects: of every number the worst of all subjects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    /// Distance of a subject from the nearest of its pictures, 0 to 1; mean over the frames in which it is held.
    pub distance: Option<f64>,
    /// That of the farthest frame.
    pub farthest: Option<f64>,
    /// Distance from how it looked at first, 0 to 1: the largest that lasts.
    pub change: Option<f64>,
    /// Percent of the frames from its first on in which it is out of the picture, or nothing holds it.
    pub lost_percent: Option<f64>,
    /// Of each subject by its name.
    pub subjects: BTreeMap<String, OfSubject>,
}

/// How a take shows one subject; the numbers of [`Likeness`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfSubject {
    /// Mean distance from the nearest picture.
    pub distance: Option<f64>,
    /// That of the farthest frame.
    pub farthest: Option<f64>,
    /// Distance from how it looked at first.
    pub change: Option<f64>,
    /// Percent of frames in which it is lost. `None` where the take ends before its first frame.
    pub lost_percent: Option<f64>,
}

/// Follows all subjects of a take.
pub(super) struct Likening<'a> {
    each: Vec<One<'a>>,
    /// The frame before.
    last: Option<Trail>,
    /// Frames in a row that a subject may be lost.
    patience: usize,
}

struct One<'a> {
    sought: &'a Sought,
    follower: Option<Follower>,
    first: Vec<Portrait>,
    distances: Vec<f64>,
    changes: Vec<f64>,
    frames: usize,
    lost: usize,
}

impl<'a> Likening<'a> {
    /// At so many frames a second that are looked at, a subject is given up after half a second.
    pub fn new(sought: &'a [Sought], per_second: f64) -> Self {
        let one = |sought| One {
            sought,
            follower: None,
            first: Vec::new(),
            distances: Vec::new(),
            changes: Vec::new(),
            frames: 0,
            lost: 0,
        };
        Self {
            each: sought.iter().map(one).collect(),
            last: None,
            patience: (0.5 * per_second) as usize,
        }
    }

    pub fn frame(&mut self, seen: &Seen<'_>) {
        for one in &mut self.each {
            one.frame(seen, self.last.as_ref(), self.patience);
        }
        self.last = Some(seen.trail.clone());
    }

    pub fn finish(self) -> Likeness {
        let subjects: BTreeMap<String, OfSubject> = self
            .each
            .into_iter()
            .map(|one| (one.sought.name.clone(), one.finish()))
            .collect();
        let worst = |read: fn(&OfSubject) -> Option<f64>| {
            largest(&subjects.values().filter_map(read).collect::<Vec<f64>>())
        };
        Likeness {
            distance: worst(|s| s.distance),
            farthest: worst(|s| s.farthest),
            change: worst(|s| s.change),
            lost_percent: worst(|s| s.lost_percent),
            subjects,
        }
    }
}

impl One<'_> {
    fn frame(&mut self, seen: &Seen<'_>, last: Option<&Trail>, patience: usize) {
        if seen.n < self.sought.frame {
            return;
        }
        let (width, height) = seen.trail.size();
        let held = match (&mut self.follower, last) {
            (Some(follower), Some(last)) => follower.step(last, seen.trail),
            (Some(_), None) => Held::Lost,
            (None, _) => {
                let place = Place::of(self.sought.region, [width as f64, height as f64]);
                self.follower = Some(Follower::new(place, patience));
                Held::At(place)
            }
        };
        self.frames += 1;
        let Held::At(place) = held else {
            self.lost += 1;
            return;
        };
        // Each pixel of the small plane is a square of so many of the frame's.
        let by = (seen.view.width() as usize / width.max(1)).max(1);
        let place = place.times(by as f64);
        let own = Portrait::of(&seen.view, &place);
        self.distances.extend(own.nearest(&self.sought.portraits));
        if self.first.is_empty() {
            self.first = Portrait::all_of(&seen.view, &place);
        }
        self.changes.extend(own.nearest(&self.first));
    }

    fn finish(self) -> OfSubject {
        OfSubject {
            distance: mean(&self.distances),
            farthest: largest(&self.distances),
            change: lasting(&self.changes),
            lost_percent: (self.frames > 0).then(|| 100.0 * self.lost as f64 / self.frames as f64),
        }
    }
}

/// The largest value that lasts: of the middle values of five in a row.
fn lasting(values: &[f64]) -> Option<f64> {
    let middles = (0..values.len()).filter_map(|at| {
        let (first, end) = (at.saturating_sub(2), (at + 3).min(values.len()));
        median(values.get(first..end)?)
    });
    largest(&middles.collect::<Vec<f64>>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
