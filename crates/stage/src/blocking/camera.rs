//! The camera's way through a shot: moves in words of the set become a place, a turn and a lens at every frame.
//!
//! A move is laid when it sets out, as a track is laid on the floor: its direction and its middle are those of its
//! first frame, so what walks on later does not drag the camera along. All moves are functions of the frame alone and
//! are put on one after the other, so they may overlap, and the way is the same at whatever rate it is sampled.

use glam::{DQuat, DVec3};
use heirloom_film::{Move, MoveKind, Push, Rate};

use super::BlockingError;
use super::angle::{level, looking, turn};
use super::noise::wander;

/// Where a camera is at one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stand {
    pub at: DVec3,
    pub rotation: DQuat,
    pub lens_mm: f64,
}

/// What the camera stands on before any move.
pub(super) trait Base {
    /// Where it stands at a frame, and how it is turned where it holds nothing.
    fn stand(&self, frame: f64) -> Stand;
    /// The place that it holds in frame, if it does.
    fn held(&self, frame: f64) -> Option<DVec3>;
    /// What it looks at, held or not.
    fn aimed(&self, frame: f64) -> Option<DVec3>;
    /// Degrees to the left, up and to its right side that it is turned beside what it holds.
    fn beside(&self) -> [f64; 3];
    /// A spot of the set at a frame.
    fn spot(&self, spot: &heirloom_film::Spot, frame: f64) -> Option<DVec3>;
}

/// A move with all that was laid at its first frame.
#[derive(Debug, Clone, Copy)]
enum Laid {
    Nothing,
    /// Straight, by this much.
    Straight(DVec3),
    /// On an arm: up by so much, swinging out along the first.
    Arm {
        ahead: DVec3,
        up_m: f64,
        boom_m: f64,
    },
    /// Round a middle.
    Round {
        middle: DVec3,
        right_deg: f64,
        drop_m: f64,
        radius_m: Option<[f64; 2]>,
    },
    Pan(f64),
    Tilt(f64),
    Roll(f64),
    Zoom(f64),
    Handheld {
        amount: f64,
        seed: u64,
    },
}

/// The moves of a shot, laid.
pub(super) struct Way<'a> {
    base: &'a dyn Base,
    moves: &'a [Move],
    laid: Vec<Laid>,
    rate: Rate,
    frames: u32,
}

/// The state that moves add to.
struct State {
    at: DVec3,
    /// Degrees round the vertical by orbits; turns a camera that holds nothing.
    swing_deg: f64,
    /// Degrees left, up, right side.
    angles: [f64; 3],
    lens_mm: f64,
    shake_m: DVec3,
    shake_deg: [f64; 3],
}

/// Metres and degrees of a shoulder at amount 1.
const SHAKE_M: f64 = 0.03;
const SHAKE_DEG: [f64; 3] = [1.2, 1.2, 0.6];
/// Frames that a handheld stretch takes to begin or end within a shot, in seconds.
const SHAKE_FADE_S: f64 = 0.4;

impl<'a> Way<'a> {
    /// Lays the moves.
    pub fn new(
        base: &'a dyn Base,
        moves: &'a [Move],
        rate: Rate,
        frames: u32,
    ) -> Result<Self, BlockingError> {
        let mut way = Self {
            base,
            moves,
            laid: Vec::with_capacity(moves.len()),
            rate,
            frames,
        };
        for one in moves {
            let laid = way.lay(one)?;
            way.laid.push(laid);
        }
        Ok(way)
    }

    /// Where the camera is at a frame.
    pub fn at(&self, frame: f64) -> Stand {
        let state = self.state(frame);
        let still = self.rotation(&state, frame);
        let rotation = still
            * turn(DVec3::Y, state.shake_deg[0])
            * turn(DVec3::X, state.shake_deg[1])
            * turn(DVec3::Z, -state.shake_deg[2]);
        Stand {
            at: state.at + still * state.shake_m,
            rotation: rotation.normalize(),
            lens_mm: state.lens_mm,
        }
    }

    /// The turn without the shake.
    fn rotation(&self, state: &State, frame: f64) -> DQuat {
        let [left, up, right_side] = state.angles;
        let aim = self
            .base
            .held(frame)
            .and_then(|held| looking(held - state.at, 0.0))
            .unwrap_or_else(|| turn(DVec3::Y, state.swing_deg) * self.base.stand(frame).rotation);
        turn(DVec3::Y, left) * aim * turn(DVec3::X, up) * turn(DVec3::Z, -right_side)
    }

    fn state(&self, frame: f64) -> State {
        let stand = self.base.stand(frame);
        let mut state = State {
            at: stand.at,
            swing_deg: 0.0,
            angles: self.base.beside(),
            lens_mm: stand.lens_mm,
            shake_m: DVec3::ZERO,
            shake_deg: [0.0; 3],
        };
        for (laid, one) in self.laid.iter().zip(self.moves) {
            self.put_on(&mut state, laid, one, frame);
        }
        state
    }

    fn put_on(&self, state: &mut State, laid: &Laid, one: &Move, frame: f64) {
        let done = progress(one, frame);
        match *laid {
            Laid::Nothing => {}
            Laid::Straight(by) => state.at += by * done,
            Laid::Arm { ahead, up_m, boom_m } => {
                // From half the way below the pivot's height to half the way above it, so that the camera ends above
                // where it began.
                let half = up_m / 2.0;
                let height = half * (2.0 * done - 1.0);
                let reach = |height: f64| libm::sqrt((boom_m * boom_m - height * height).max(0.0));
                state.at += DVec3::Y * (up_m * done) + ahead * (reach(height) - reach(half));
            }
            Laid::Round {
                middle,
                right_deg,
                drop_m,
                radius_m,
            } => {
                let swing = right_deg * done;
                let off = state.at - middle;
                let mut flat = DVec3::new(off.x, 0.0, off.z);
                if let Some([from, to]) = radius_m {
                    let outward = flat.try_normalize().unwrap_or(DVec3::Z);
                    flat = outward * (from + (to - from) * done);
                }
                let flat = turn(DVec3::Y, swing) * flat;
                state.at = DVec3::new(middle.x + flat.x, state.at.y - drop_m * done, middle.z + flat.z);
                state.swing_deg += swing;
            }
            Laid::Pan(right) => state.angles[0] -= right * done,
            Laid::Tilt(up) => state.angles[1] += up * done,
            Laid::Roll(right) => state.angles[2] += right * done,
            Laid::Zoom(to_mm) => {
                state.lens_mm *= libm::pow(to_mm / state.lens_mm, done);
            }
            Laid::Handheld { amount, seed } => self.shake(state, one, amount, seed, frame),
        }
    }

    /// A shoulder sways slowly and trembles a little: two bands of smooth noise, of about one and three turns a second.
    fn shake(&self, state: &mut State, one: &Move, amount: f64, seed: u64, frame: f64) {
        let seconds = |frames: f64| frames * f64::from(self.rate.den()) / f64::from(self.rate.num());
        let (first, last) = (f64::from(one.first_frame), f64::from(one.last_frame));
        // It fades in and out where it does not begin or end with the shot.
        let fade = |into: f64, whole: bool| {
            let t = if whole {
                1.0
            } else {
                (seconds(into) / SHAKE_FADE_S).clamp(0.0, 1.0)
            };
            t * t * (3.0 - 2.0 * t)
        };
        let strength = amount
            * fade(frame - first, one.first_frame == 0)
            * fade(last - frame, last + 1.0 >= f64::from(self.frames));
        if strength <= 0.0 {
            return;
        }
        let t = seconds(frame);
        let both =
            |channel: i64| 0.8 * wander(seed, channel, t * 1.6) + 0.2 * wander(seed, channel + 16, t * 5.0);
        let sway = DVec3::new(both(0), both(1), both(2));
        state.shake_m += sway * SHAKE_M * strength;
        for (axis, most) in SHAKE_DEG.iter().enumerate() {
            state.shake_deg[axis] += both(3 + axis as i64) * most * strength;
        }
    }

    /// A move as it is laid at its first frame, on what the moves before it make of the camera.
    fn lay(&self, one: &Move) -> Result<Laid, BlockingError> {
        let frame = f64::from(one.first_frame);
        let state = self.state(frame);
        let (ahead, right) = level(self.rotation(&state, frame));
        let word = one.kind.word();
        let spot = |round: &Option<heirloom_film::Spot>| {
            let found = match round {
                Some(spot) => self.base.spot(spot, frame),
                None => self.base.aimed(frame),
            };
            found.ok_or(BlockingError::Aimless(word))
        };
        Ok(match &one.kind {
            MoveKind::Static => Laid::Nothing,
            MoveKind::Dolly { in_m } => Laid::Straight(ahead * *in_m),
            MoveKind::Truck { right_m } => Laid::Straight(right * *right_m),
            MoveKind::Pedestal { up_m } | MoveKind::Crane { up_m, boom_m: None } => {
                Laid::Straight(DVec3::Y * *up_m)
            }
            MoveKind::Crane {
                up_m,
                boom_m: Some(boom_m),
            } => Laid::Arm {
                ahead,
                up_m: *up_m,
                boom_m: *boom_m,
            },
            MoveKind::Orbit { right_deg, round } => Laid::Round {
                middle: spot(round)?,
                right_deg: *right_deg,
                drop_m: 0.0,
                radius_m: None,
            },
            MoveKind::SpiralDescent {
                round,
                turns,
                drop_m,
                radius_m,
            } => Laid::Round {
                middle: spot(round)?,
                right_deg: turns * 360.0,
                drop_m: *drop_m,
                radius_m: *radius_m,
            },
            MoveKind::PushIn { way } => {
                let target = self.base.aimed(frame).ok_or(BlockingError::Aimless(word))?;
                let way_there = target - state.at;
                let distance_m = way_there.length();
                let by = match way {
                    Push::By(by) => *by,
                    Push::To(to) => distance_m - to,
                };
                if by >= distance_m {
                    return Err(BlockingError::PushThrough {
                        by_m: by,
                        distance_m,
                        frame: one.first_frame,
                    });
                }
                Laid::Straight(way_there.normalize_or_zero() * by)
            }
            MoveKind::Pan { right_deg } => Laid::Pan(*right_deg),
            MoveKind::Tilt { up_deg } => Laid::Tilt(*up_deg),
            MoveKind::Roll { right_deg } => Laid::Roll(*right_deg),
            MoveKind::Zoom { to_mm } => Laid::Zoom(*to_mm),
            MoveKind::Handheld { amount, seed } => Laid::Handheld {
                amount: *amount,
                seed: *seed,
            },
        })
    }
}

/// How much of a move is done at a frame, eased.
fn progress(one: &Move, frame: f64) -> f64 {
    let (first, last) = (f64::from(one.first_frame), f64::from(one.last_frame));
    if last <= first {
        return if frame >= first { 1.0 } else { 0.0 };
    }
    one.ease.at((frame - first) / (last - first))
}
