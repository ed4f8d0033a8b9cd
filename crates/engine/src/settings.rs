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
/// How strongly a style holds, from 0 (the clip as it is) to 1 (all of it remade) (number).
pub const STRENGTH: &str = "strength";
/// First frame of a clip that is used, from 0 (whole number).
pub const START: &str = "start";
/// Frames of a clip for each frame of the shot: 0.25 is four times slower (number).
pub const PACE: &str = "pace";

/// A picture of what is to be kept (black) and filled (white), among a request's pictures.
pub const MASK: &str = "mask";
/// A picture of what must stand still (white), among a request's pictures.
pub const STILL: &str = "still";
/// A drawing whose colours are the composition, among a request's pictures.
pub const LAYOUT: &str = "layout";
/// A picture whose flat colours say which source goes where, among a request's pictures.
pub const LABELS: &str = "labels";

/// The manifest of the take that a take is to be like, among a request's pictures.
pub const LIKE: &str = "like";
/// How far it may move from that take, from 0 (its composition) to 1 (as free as a new seed) (number).
pub const AMOUNT: &str = "amount";
/// Seed of the movement, where it is another than the request's: that of the take it is like (whole number).
pub const FLOW_SEED: &str = "flow_seed";

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
