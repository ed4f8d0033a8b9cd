//! What all measures are handed of a frame: everything that several of them need is worked out once.

use heirloom_archive::judge::{Judgement, judge};
use heirloom_picture::measure::View;

use super::moves::{self, Move};
use super::planes::Small;
use super::track::{self, Field, Trail};

/// A frame, and the way from the one before it.
pub(super) struct Seen<'a> {
    /// Its number in the take, from 0.
    pub n: u32,
    /// How many came before it.
    pub place: usize,
    pub view: View<'a>,
    pub no_numbers: u64,
    pub judgement: Judgement,
    pub small: &'a Small,
    /// The small planes, ready to be followed.
    pub trail: &'a Trail,
    /// From the frame before; none for the first.
    pub way: Option<&'a Way>,
}

/// From one frame to the next.
pub(super) struct Way {
    /// Mean size of the difference in luma of the small planes, in codes.
    pub difference: f64,
    pub field: Field,
    /// What the whole picture does.
    pub camera: Move,
}

/// Holds what the next frame is compared with.
#[derive(Default)]
pub(super) struct Eye {
    last: Option<(Small, Trail)>,
    /// What the camera did last, in pixels of the small plane.
    guess: [f32; 2],
    place: usize,
}

impl Eye {
    /// Looks at the next frame and shows it to `each`.
    pub fn look(&mut self, n: u32, view: View<'_>, no_numbers: u64, each: &mut dyn FnMut(&Seen<'_>)) {
        let small = Small::of(&view);
        let trail = Trail::of(&small);
        let judgement = judge(&view, view.width(), view.height());
        // A clip whose size changes begins anew.
        let last = self
            .last
            .take()
            .filter(|(before, _)| (before.width, before.height) == (small.width, small.height));
        let way = last.as_ref().map(|(before, before_trail)| {
            let field = track::field(before_trail, &trail, self.guess);
            let camera = moves::fit(&field);
            Way {
                difference: before.difference(&small),
                field,
                camera,
            }
        });
        if let Some(way) = &way {
            let width = way.field.width as f64;
            self.guess = [way.camera.right * width, way.camera.down * width].map(|v| v as f32);
        }
        each(&Seen {
            n,
            place: self.place,
            view,
            no_numbers,
            judgement,
            small: &small,
            trail: &trail,
            way: way.as_ref(),
        });
        drop(way);
        self.place += 1;
        self.last = Some((small, trail));
    }
}
