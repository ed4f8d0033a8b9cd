//! What the camera does, and whether that is what was asked for.
//!
//! To the motions of all patches a similarity is fitted (shift, zoom, roll about the middle) by least squares, each
//! patch by how well its texture holds it, outliers weighted down in four rounds (Geman and McClure's weights). What
//! was asked for comes from the stage's motion pass, or as moves in words of the picture ([`Expected`]); motions of
//! patches and expected ones at their places are compared: their correlation about zero is 1 for the same move, -1 for
//! its mirror image or the move played backwards, and the gain says how much of it is made.
//!
//! *Blind to:* depth (a truck and a pan look alike to the fit, not to the stage's motion pass). Takes without texture.
//! Where hardly anything is expected to move, nothing is said.

use heirloom_engine::{Failure, Guides};
use heirloom_film::Size;
use serde::{Deserialize, Serialize};

use super::numbers::{mean, rms};
use super::seen::Seen;
use super::track::{Field, Vector};

/// A move of the whole picture from one frame to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// What is in the middle goes right, in widths of the picture. A camera that pans right makes it go left.
    pub right: f64,
    /// What is in the middle goes down, in widths of the picture.
    pub down: f64,
    /// What is seen grows by this part: above zero is nearing.
    pub grow: f64,
    /// It turns clockwise, in radians.
    pub turn: f64,
}

impl Move {
    /// Where the place (`x`, `y`), in widths from the middle of the picture, goes, in widths.
    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [
            self.right + self.grow * x - self.turn * y,
            self.down + self.grow * y + self.turn * x,
        ]
    }
}

/// A patch's place, in widths from the middle of the picture.
fn place(field: &Field, v: &Vector) -> [f64; 2] {
    let width = field.width.max(1) as f64;
    let from_middle = |v: f32, side: usize| (f64::from(v) + 0.5 - side as f64 / 2.0) / width;
    [from_middle(v.x, field.width), from_middle(v.y, field.height)]
}

/// Texture (codes² a pixel²) that holds a patch half as well as any can be.
const HOLDS: f64 = 8.0;

/// How well a patch is held, from 0 to 1.
pub(super) fn hold(v: &Vector) -> f64 {
    let texture = f64::from(v.texture);
    texture / (texture + HOLDS)
}

/// The move that the field makes.
pub(super) fn fit(field: &Field) -> Move {
    let width = field.width.max(1) as f64;
    let points: Vec<Point> = field
        .vectors
        .iter()
        .filter(|v| v.sound && v.texture > 0.0)
        .map(|v| (place(field, v), v.motion.map(|m| f64::from(m) / width), hold(v)))
        .collect();
    robust(&points, width)
}

/// A patch's place from the middle of what moves, where it goes, and how well it is held. Lengths in `unit_px` pixels of
/// the small plane.
pub(super) type Point = ([f64; 2], [f64; 2], f64);

/// The similarity about the middle that the points make, outliers weighted down. Stands still without points.
pub(super) fn robust(points: &[Point], unit_px: f64) -> Move {
    if points.is_empty() {
        return Move::default();
    }
    let mut found = middle(points);
    // From coarse to fine, in pixels of the small plane.
    for scale_px in [4.0, 2.0, 1.0, 0.5] {
        let scale = scale_px / unit_px;
        let weigh = |(at, motion, hold): &Point| {
            let m = found.at(at[0], at[1]);
            let off = (m[0] - motion[0]) * (m[0] - motion[0]) + (m[1] - motion[1]) * (m[1] - motion[1]);
            let share = scale * scale / (scale * scale + off);
            hold * share * share
        };
        let weights: Vec<f64> = points.iter().map(weigh).collect();
        found = least_squares(points, &weights).unwrap_or(found);
    }
    found
}

/// The middle of the motions, each side by itself, by weight.
fn middle(points: &[Point]) -> Move {
    let side = |k: usize| {
        let mut pairs: Vec<(f64, f64)> = points.iter().map(|(_, m, hold)| (m[k], *hold)).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let half: f64 = 0.5 * pairs.iter().map(|p| p.1).sum::<f64>();
        let mut sum = 0.0;
        pairs
            .iter()
            .find(|p| {
                sum += p.1;
                sum >= half
            })
            .map_or(0.0, |p| p.0)
    };
    Move {
        right: side(0),
        down: side(1),
        ..Move::default()
    }
}

/// Weighted least squares of a similarity: about the weighted mean place its four numbers fall apart.
fn least_squares(points: &[Point], weights: &[f64]) -> Option<Move> {
    let total: f64 = weights.iter().sum();
    if total <= 1e-9 {
        return None;
    }
    let mut means = [0.0; 4];
    for ((at, motion, _), w) in points.iter().zip(weights) {
        for (mean, v) in means.iter_mut().zip([at[0], at[1], motion[0], motion[1]]) {
            *mean += w * v / total;
        }
    }
    let [mx, my, mu, mv] = means;
    let (mut size, mut grow, mut turn) = (0.0, 0.0, 0.0);
    for ((at, motion, _), w) in points.iter().zip(weights) {
        let (x, y, u, v) = (at[0] - mx, at[1] - my, motion[0] - mu, motion[1] - mv);
        size += w * (x * x + y * y);
        grow += w * (x * u + y * v);
        turn += w * (x * v - y * u);
    }
    // Held at rest a little, so that a few patches in one corner do not make a zoom.
    let size = size + 0.01 * total * 0.01;
    let (grow, turn) = (grow / size, turn / size);
    Some(Move {
        right: mu - grow * mx + turn * my,
        down: mv - grow * my - turn * mx,
        grow,
        turn,
    })
}

/// Places across and down at which motion is expected.
const GRID: (usize, usize) = (20, 12);

/// The motion that was asked for, frame by frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    frames: Vec<OneFrame>,
}

#[derive(Clone, Debug, PartialEq)]
enum OneFrame {
    Whole(Move),
    /// Widths right and down at the middles of [`GRID`] cells; none where nothing is known.
    Cells(Vec<Option<[f32; 2]>>),
}

impl Expected {
    /// The same moves for the whole picture: one for every frame of the take but the last, to the frame after it.
    pub fn of_moves(moves: &[Move]) -> Self {
        Self {
            frames: moves.iter().map(|m| OneFrame::Whole(*m)).collect(),
        }
    }

    /// The motion pass of the stage. Frame n of the guides is held to frame n of the take.
    ///
    /// # Errors
    /// A frame of the guides can not be made.
    pub fn of_guides(guides: &dyn Guides, size: Size) -> Result<Self, Failure> {
        let mut frames = Vec::new();
        for n in 0..guides.frames() {
            let frame = guides.frame(n, size)?;
            let (width, height) = (size.width as usize, size.height as usize);
            let cell = |i: usize| {
                let pass = frame.motion_next_px.as_ref()?;
                let (column, row) = (i % GRID.0, i / GRID.0);
                let x = (2 * column + 1) * width / (2 * GRID.0);
                let y = (2 * row + 1) * height / (2 * GRID.1);
                let motion = pass.values.get(y * width + x)?;
                let known = motion.iter().all(|v| v.is_finite() && v.abs() < 1e6);
                known.then(|| motion.map(|v| v / width.max(1) as f32))
            };
            frames.push(OneFrame::Cells((0..GRID.0 * GRID.1).map(cell).collect()));
        }
        Ok(Self { frames })
    }

    /// Where a place in widths from the middle goes in `step` frames from frame `n` on, in widths; `tall` is the height
    /// in widths.
    fn at(&self, n: u32, step: u32, [x, y]: [f64; 2], tall: f64) -> Option<[f64; 2]> {
        let mut sum = [0.0, 0.0];
        for frame in self.frames.get(n as usize..)?.iter().take(step as usize) {
            let motion = match frame {
                OneFrame::Whole(m) => m.at(x, y),
                OneFrame::Cells(cells) => {
                    let side = |v: f64, cells: usize| ((v * cells as f64).max(0.0) as usize).min(cells - 1);
                    let (column, row) = (side(x + 0.5, GRID.0), side(y / tall + 0.5, GRID.1));
                    cells.get(row * GRID.0 + column).copied()??.map(f64::from)
                }
            };
            sum = [sum[0] + motion[0], sum[1] + motion[1]];
        }
        Some(sum)
    }
}

/// What the camera does in a take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moving {
    /// What is seen goes right, in percent of the width a second; mean over the take.
    pub right_percent_s: Option<f64>,
    /// What is seen goes down, in percent of the width a second.
    pub down_percent_s: Option<f64>,
    /// What is seen grows, in percent a second.
    pub grow_percent_s: Option<f64>,
    /// It turns clockwise, in degrees a second.
    pub turn_deg_s: Option<f64>,
    /// Mean length of the motion of what has texture, in percent of the width a second.
    pub speed_percent_s: Option<f64>,
    /// How unsteady the camera is: root mean square of the change of its shift from pair to pair, in percent of the
    /// width.
    pub shake_percent: Option<f64>,
    /// Correlation with the motion asked for: 1 the same, 0 nothing in common, -1 mirrored or backwards. None where none
    /// was asked for, or hardly any.
    pub as_asked: Option<f64>,
    /// How much of the motion asked for is made (least squares): 1 all, -1 the other way.
    pub gain: Option<f64>,
}

pub(super) struct Moves<'a> {
    expected: Option<&'a Expected>,
    step: u32,
    moves: Vec<Move>,
    speeds: Vec<f64>,
    /// Sums of taken times expected, of taken² and of expected².
    sums: [f64; 3],
    weights: f64,
}

/// Mean expected motion below which nothing is compared: a fiftieth of a pixel of the small plane, in widths.
const LEAST: f64 = 0.02 / 160.0;

impl<'a> Moves<'a> {
    pub fn new(expected: Option<&'a Expected>, step: u32) -> Self {
        Self {
            expected,
            step,
            moves: Vec::new(),
            speeds: Vec::new(),
            sums: [0.0; 3],
            weights: 0.0,
        }
    }

    pub fn frame(&mut self, seen: &Seen<'_>) {
        let Some(way) = seen.way else { return };
        self.moves.push(way.camera);
        self.speeds.push(speed(&way.field));
        let Some(expected) = self.expected else { return };
        let before = seen.n.saturating_sub(self.step);
        let field = &way.field;
        let (width, tall) = (
            field.width.max(1) as f64,
            field.height as f64 / field.width.max(1) as f64,
        );
        for v in field.vectors.iter().filter(|v| v.sound) {
            let Some(asked) = expected.at(before, self.step, place(field, v), tall) else {
                continue;
            };
            let w = hold(v);
            let made = v.motion.map(|m| f64::from(m) / width);
            for (sum, product) in self.sums.iter_mut().zip([
                made[0] * asked[0] + made[1] * asked[1],
                made[0] * made[0] + made[1] * made[1],
                asked[0] * asked[0] + asked[1] * asked[1],
            ]) {
                *sum += w * product;
            }
            self.weights += w;
        }
    }

    pub fn finish(self, pairs_per_second: f64) -> Moving {
        let each = |part: fn(&Move) -> f64| -> Vec<f64> { self.moves.iter().map(part).collect() };
        let percent_s = |part| mean(&each(part)).map(|v| 100.0 * pairs_per_second * v);
        let shakes: Vec<f64> = self
            .moves
            .windows(2)
            .map(|m| {
                let (x, y) = (m[1].right - m[0].right, m[1].down - m[0].down);
                100.0 * libm::sqrt(x * x + y * y)
            })
            .collect();
        let [both, made, asked] = self.sums;
        let told = self.weights > 0.0 && asked > LEAST * LEAST * self.weights;
        Moving {
            right_percent_s: percent_s(|m| m.right),
            down_percent_s: percent_s(|m| m.down),
            grow_percent_s: percent_s(|m| m.grow),
            turn_deg_s: mean(&each(|m| m.turn)).map(|v| (pairs_per_second * v).to_degrees()),
            speed_percent_s: mean(&self.speeds).map(|v| 100.0 * pairs_per_second * v),
            shake_percent: rms(&shakes),
            as_asked: told.then(|| both / libm::sqrt(made * asked + 1e-30)),
            gain: told.then(|| both / asked),
        }
    }
}

/// Mean length of the motion of what has texture, in widths.
pub(super) fn speed(field: &Field) -> f64 {
    let width = field.width.max(1) as f64;
    let (mut sum, mut weights) = (0.0, 0.0);
    for v in field.vectors.iter().filter(|v| v.sound) {
        let [x, y] = v.motion.map(f64::from);
        sum += hold(v) * libm::sqrt(x * x + y * y);
        weights += hold(v);
    }
    if weights > 0.0 { sum / weights / width } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(m: Move, outliers: usize) -> Field {
        let mut field = Field {
            vectors: Vec::new(),
            width: 160,
            height: 90,
        };
        for i in 0..200 {
            let mut v = Vector {
                x: (i % 20) as f32 * 8.0 + 3.5,
                y: (i / 20) as f32 * 8.0 + 3.5,
                texture: 30.0,
                sound: true,
                ..Vector::default()
            };
            let [x, y] = place(&field, &v);
            v.motion = m.at(x, y).map(|w| (w * 160.0) as f32);
            if i % 200 < outliers {
                v.motion = [7.0, -5.0];
            }
            field.vectors.push(v);
        }
        field
    }

    #[test]
    fn a_move_is_fitted_beside_what_moves_otherwise() {
        let asked = Move {
            right: 0.01,
            down: -0.004,
            grow: 0.02,
            turn: -0.01,
        };
        let found = fit(&field(asked, 50));
        for (a, b) in [
            (asked.right, found.right),
            (asked.down, found.down),
            (asked.grow, found.grow),
            (asked.turn, found.turn),
        ] {
            assert!((a - b).abs() < 1e-3, "{asked:?} {found:?}");
        }
        assert_eq!(fit(&Field::default()), Move::default());
    }
}
