//! Names of the settings that `dailies` writes into every request's `params`, so that all engines read the
//! same words. An engine ignores what it has no use for; `dailies` leaves out what the shot does not have.

/// How matter flows: `curl`, `drift`, `rise`, `breathe`, `spiral` or `hold` (text). Absent: nothing moves.
pub const FLOW: &str = "flow";
/// Pace of the flow, 1 is the engine's usual pace (number, 0 to 4).
pub const SPEED: &str = "speed";
/// Where a drift goes, in degrees, 0 is right and 90 is up (number).
pub const DIRECTION_DEG: &str = "direction_deg";
/// From 0 (lively: matter is renewed readily) to 1 (steady) (number).
pub const STEADY: &str = "steady";
/// The finish, from 0 (off: every pixel is one sample of a source) to 1 (number).
pub const FINISH: &str = "finish";
/// Size of source matter in the frame against the engine's usual choice; 2 is twice as large (number).
pub const SCALE: &str = "scale";
/// Which sources each thing of a guided shot is made of: JSON of things' names and lists of sources' numbers (text).
pub const OBJECTS: &str = "objects";
/// How far things of a guided shot are given the stage's light, from 0 to 1 (number).
pub const LIGHT: &str = "light";
/// Parts of an engine's method to leave out, by the engine's own names, to see what each is worth (text, commas between).
pub const WITHOUT: &str = "without";
/// How strongly a style holds, from 0 (the clip as it is) to 1 (all of it remade) (number).
pub const STRENGTH: &str = "strength";
/// First frame of a clip that is used, from 0, at the request's rate (whole number; a number with a fraction where an engine
/// works at another rate than the film, and the film's frame falls between two of its own).
pub const START: &str = "start";
/// Frames of a clip for each frame of the shot: 0.25 is four times slower (number).
pub const PACE: &str = "pace";
/// Pixels of the frame along the side of one that is searched, where that is not left to the engine: 2 is four times
/// faster and coarser (whole number, 1 to 16).
pub const GRID: &str = "grid";

/// How many of a clip's last frames an extension is made of (whole number).
pub const TAIL: &str = "tail";
/// How the flow's speed changes over the shot, from -1 (fast at first, at rest at last) through 0 (even) to 1
/// (from rest to fast); the way that matter comes is the same (number). A becoming's change keeps to it too.
pub const ACCELERATE: &str = "accelerate";
/// How much each source counts, in the order of the sources, from 0 (not at all) to 1: `1,0.4` (text).
pub const WEIGHTS: &str = "weights";
/// Colours that are wished for (text): wishes parted by `;`, each `L C h w` parted by blanks. L is OKLab's
/// lightness from 0 to 1, C and h OKLCH's chroma (about 0 to 0.3) and hue in degrees, `*` for any; w is how much
/// the wish counts, below zero for a colour to be kept away from: `0.55 0.21 25 1;0.2 * * 0.5`. An engine chooses
/// matter by it and tints nothing.
pub const PALETTE: &str = "palette";
/// A picture of what is to be kept (black) and filled (white), among a request's pictures.
pub const MASK: &str = "mask";
/// A picture of what must stand still (white), among a request's pictures.
pub const STILL: &str = "still";
/// A drawing whose colours are the composition, among a request's pictures.
pub const LAYOUT: &str = "layout";
/// A picture whose flat colours say which source goes where, among a request's pictures.
pub const LABELS: &str = "labels";

/// How strongly a drawing or labels are followed, from 0 (hardly) to 1 (number).
pub const LAYOUT_STRENGTH: &str = "layout_strength";
/// Which colour of the labels means which source: `rrggbb:n`, parted by blanks, `n` counted from 0 in the request's
/// sources (text).
pub const LABEL_SOURCES: &str = "label_sources";
/// Whether points of light stand still, each kept as it is (flag).
pub const STILL_STARS: &str = "still_stars";
/// What a fill adds to the left of its plate, in shares of the plate's width (number).
pub const FRAME_LEFT: &str = "frame_left";
/// To the right; see [`FRAME_LEFT`].
pub const FRAME_RIGHT: &str = "frame_right";
/// Above, in shares of the plate's height; see [`FRAME_LEFT`].
pub const FRAME_UP: &str = "frame_up";
/// Below; see [`FRAME_UP`].
pub const FRAME_DOWN: &str = "frame_down";
/// The manifest of the take that a take is to be like, among a request's pictures.
pub const LIKE: &str = "like";
/// How far it may move from that take, from 0 (its composition) to 1 (as free as a new seed) (number).
pub const AMOUNT: &str = "amount";
/// Seed of the movement, where it is another than the request's: that of the take it is like (whole number).
pub const FLOW_SEED: &str = "flow_seed";
/// The manifest of the take that is cared for, among a request's pictures.
pub const OF_TAKE: &str = "of_take";
/// Which of a request's sources are photographs of what is to be seen, where its others are only what a take is made of: their
/// numbers from 0, commas between (text).
pub const REFERENCES: &str = "references";
/// Which of the stage's passes is followed (text); engines that know it say on their cards what there is.
pub const CONTROL: &str = "control";
/// How much of a take's flicker is taken off, from 0 to 1 (number).
pub const DEFLICKER: &str = "deflicker";
/// How much of a take's noise is taken off, from 0 to 1 (number).
pub const DENOISE: &str = "denoise";
/// How strong the grain of a take without noise is, against its own before: 1 keeps it (number, 0 to 2).
pub const GRAIN: &str = "grain";
/// How many times as wide and high a take that is cared for becomes (number, above 1).
pub const UPSCALE: &str = "upscale";
/// How much of what is fine comes from photographs where a take is made larger, from 0 to 1 (number).
pub const DETAIL: &str = "detail";
/// Which of a request's sources are photographs that what is fine may come from: their numbers from 0, commas between (text).
pub const DETAIL_FROM: &str = "detail_from";

use crate::request::{Param, Request};

impl Request {
    /// A setting as a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.params.get(name) {
            Some(Param::Number(n)) => Some(*n),
            Some(Param::Whole(n)) => Some(*n as f64),
            _ => None,
        }
    }

    /// A setting that is on or off; off where it is not there.
    pub fn flag(&self, name: &str) -> bool {
        self.params.get(name) == Some(&Param::Flag(true))
    }

    /// A setting as a whole number from 0.
    pub fn whole(&self, name: &str) -> Option<u64> {
        match self.params.get(name) {
            Some(Param::Whole(n)) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// A setting as a word.
    pub fn word(&self, name: &str) -> Option<&str> {
        match self.params.get(name) {
            Some(Param::Text(word)) => Some(word),
            _ => None,
        }
    }
}
