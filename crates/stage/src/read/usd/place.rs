//! Where a prim stands: its xformOps, over time (UsdGeomXformable).

use glam::{DMat4, DQuat, DVec3};
use openusd::usd::Prim;

use super::values::{Measures, Sampled, matrix, number, quaternion, texts, triple};
use super::{said, values};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::scene::{Placement, Scene};
use crate::track::{Interpolation, Track};

/// The largest turn between two keys of a rotation, in degrees: USD turns each angle evenly, a track the shortest way.
const STEP_DEG: f64 = 5.0;

/// Keys that one stretch between two of the file's own is cut into at most.
const PIECES: usize = 1024;

/// A prim's placement, and whether its parents' do not count.
pub(super) struct Place {
    pub placement: Placement,
    pub alone: bool,
}

/// What turns a stage's space into ours: metres, y up.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    rotation: DQuat,
    scale: f64,
}

impl Frame {
    pub fn of(measures: &Measures) -> Self {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        Self {
            // A quarter turn about x, backwards: z goes up to y.
            rotation: if measures.z_up {
                DQuat::from_xyzw(-half, 0.0, 0.0, half)
            } else {
                DQuat::IDENTITY
            },
            scale: measures.unit_m,
        }
    }

    fn is_ours(&self) -> bool {
        self.rotation == DQuat::IDENTITY && self.scale == 1.0
    }

    fn matrix(&self) -> DMat4 {
        DMat4::from_scale_rotation_translation(DVec3::splat(self.scale), self.rotation, DVec3::ZERO)
    }

    /// The placement of a prim at the top of the stage.
    pub fn apply(&self, placement: Placement) -> Placement {
        if self.is_ours() {
            return placement;
        }
        match placement {
            Placement::Parts {
                translation,
                rotation,
                scale,
            } => Placement::Parts {
                translation: map(&translation, |v| self.rotation * (*v * self.scale)),
                rotation: map(&rotation, |q| (self.rotation * *q).normalize()),
                scale: map(&scale, |v| *v * self.scale),
            },
            Placement::Matrix(track) => {
                let frame = self.matrix();
                Placement::Matrix(map(&track, |m| frame * *m))
            }
        }
    }
}

/// A track of step or straight keys with every value turned into another.
fn map<T: crate::track::Keyed, U: crate::track::Keyed>(track: &Track<T>, turn: impl Fn(&T) -> U) -> Track<U> {
    let values: Vec<U> = track.values().iter().map(&turn).collect();
    Track::keys(track.times_s().to_vec(), values, track.interpolation())
        .unwrap_or_else(|_| Track::constant(turn(&track.values()[0])))
}

/// One operation.
struct Op {
    kind: Kind,
    inverse: bool,
}

enum Kind {
    Translate(Track<DVec3>),
    Scale(Track<DVec3>),
    /// Degrees about the axes, and the order in which they are turned.
    Rotate(Track<DVec3>, [usize; 3]),
    Orient(Track<DQuat>),
    Matrix(Track<DMat4>),
}

pub(super) fn read(
    prim: &Prim,
    measures: &Measures,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<Place, ReadError> {
    let order = values::fixed(prim, "xformOpOrder", measures, context)?;
    let order = order.as_ref().and_then(texts).unwrap_or_default();
    let path = prim.path().as_str().to_owned();
    if order.len() > 64 {
        return Err(context.damaged(format!("{path} has {} operations that place it", order.len())));
    }
    let mut alone = false;
    let mut ops = Vec::with_capacity(order.len());
    for name in &order {
        if name == "!resetXformStack!" {
            alone = true;
            ops.clear();
            continue;
        }
        match op(prim, name, measures, scene, context)? {
            Some(op) => ops.push(op),
            None => context.warn(
                &path,
                format!("the operation `{name}` that places it is not carried or has no value"),
            ),
        }
    }
    let placement = match parts(&ops) {
        Some(placement) => placement,
        None => Placement::Matrix(evaluated(&ops, context, &path)?),
    };
    let finite = match &placement {
        Placement::Parts {
            translation,
            rotation,
            scale,
        } => {
            translation.values().iter().all(|v| v.is_finite())
                && rotation.values().iter().all(|v| v.is_finite())
                && scale.values().iter().all(|v| v.is_finite())
        }
        Placement::Matrix(track) => track.values().iter().all(|v| v.is_finite()),
    };
    if !finite {
        return Err(context.not_finite(&path, "the placement"));
    }
    Ok(Place { placement, alone })
}

fn op(
    prim: &Prim,
    name: &str,
    measures: &Measures,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<Option<Op>, ReadError> {
    let (inverse, name) = match name.strip_prefix("!invert!") {
        Some(name) => (true, name),
        None => (false, name),
    };
    let Some(kind) = name.strip_prefix("xformOp:") else {
        return Ok(None);
    };
    let kind = kind.split(':').next().unwrap_or_default().to_owned();
    let sampled = Sampled::of(prim, name, measures, context)?;
    context.key_values(sampled.keys.len() as u64 * 16)?;
    let straight = Interpolation::Linear;
    let single = |axis: DVec3| move |v: &openusd::sdf::Value| number(v).map(|a| axis * a);
    let kind = match kind.as_str() {
        "translate" => sampled
            .track(straight, context, scene, triple)?
            .map(Kind::Translate),
        "translateX" => sampled
            .track(straight, context, scene, single(DVec3::X))?
            .map(Kind::Translate),
        "translateY" => sampled
            .track(straight, context, scene, single(DVec3::Y))?
            .map(Kind::Translate),
        "translateZ" => sampled
            .track(straight, context, scene, single(DVec3::Z))?
            .map(Kind::Translate),
        "scale" => sampled.track(straight, context, scene, triple)?.map(Kind::Scale),
        "orient" => sampled
            .track(straight, context, scene, |v| quaternion(v).map(unit))?
            .map(Kind::Orient),
        "transform" => sampled.track(straight, context, scene, matrix)?.map(Kind::Matrix),
        other => match turns(other) {
            Some((axes, Some(axis))) => sampled
                .track(straight, context, scene, single(axis))?
                .map(|t| Kind::Rotate(t, axes)),
            Some((axes, None)) => sampled
                .track(straight, context, scene, triple)?
                .map(|t| Kind::Rotate(t, axes)),
            None => None,
        },
    };
    Ok(kind.map(|kind| Op { kind, inverse }))
}

/// The order of a rotation's axes, and its axis where it has one only.
fn turns(kind: &str) -> Option<([usize; 3], Option<DVec3>)> {
    Some(match kind {
        "rotateX" => ([0, 1, 2], Some(DVec3::X)),
        "rotateY" => ([0, 1, 2], Some(DVec3::Y)),
        "rotateZ" => ([0, 1, 2], Some(DVec3::Z)),
        "rotateXYZ" => ([0, 1, 2], None),
        "rotateXZY" => ([0, 2, 1], None),
        "rotateYXZ" => ([1, 0, 2], None),
        "rotateYZX" => ([1, 2, 0], None),
        "rotateZXY" => ([2, 0, 1], None),
        "rotateZYX" => ([2, 1, 0], None),
        _ => return None,
    })
}

/// A rotation of length one; what is no number stays so and is found later.
pub(super) fn unit(q: DQuat) -> DQuat {
    let length = q.length();
    if length.is_nan() || length > 1e-12 {
        q * (1.0 / length)
    } else {
        DQuat::IDENTITY
    }
}

/// About the axes in this order, the first one first.
fn rotation(degrees: DVec3, order: [usize; 3]) -> DQuat {
    let mut whole = DQuat::IDENTITY;
    for axis in order {
        let half = degrees[axis].to_radians() / 2.0;
        let (sin, cos) = (libm::sin(half), libm::cos(half));
        let mut parts = [0.0, 0.0, 0.0, cos];
        parts[axis] = sin;
        whole = DQuat::from_array(parts) * whole;
    }
    unit(whole)
}

/// Moved, turned and scaled in this order, each once at most: as parts, which keep their own keys.
fn parts(ops: &[Op]) -> Option<Placement> {
    let mut translation = Track::constant(DVec3::ZERO);
    let mut turned = Track::constant(DQuat::IDENTITY);
    let mut scale = Track::constant(DVec3::ONE);
    let mut stage = 0;
    for op in ops {
        let next = match &op.kind {
            _ if op.inverse => return None,
            Kind::Translate(track) => {
                translation = track.clone();
                1
            }
            Kind::Rotate(track, order) => {
                turned = quaternions(track, *order);
                2
            }
            Kind::Orient(track) => {
                turned = track.clone();
                2
            }
            Kind::Scale(track) => {
                scale = track.clone();
                3
            }
            Kind::Matrix(_) => return None,
        };
        if next <= stage {
            return None;
        }
        stage = next;
    }
    Some(Placement::Parts {
        translation,
        rotation: turned,
        scale,
    })
}

/// Angles over time as rotations, with as many keys more as they need.
fn quaternions(track: &Track<DVec3>, order: [usize; 3]) -> Track<DQuat> {
    let times = filled(track.times_s(), |a, b| {
        let turn = (track.at(b) - track.at(a)).abs().max_element();
        pieces(turn / STEP_DEG)
    });
    let values = times.iter().map(|t| rotation(track.at(*t), order)).collect();
    Track::keys(times, values, Interpolation::Linear)
        .unwrap_or_else(|_| Track::constant(rotation(track.values()[0], order)))
}

fn pieces(wanted: f64) -> usize {
    if wanted.is_finite() {
        (wanted.ceil() as usize).clamp(1, PIECES)
    } else {
        1
    }
}

/// Times with more between them: as many as `pieces` says of each stretch.
fn filled(times: &[f64], pieces: impl Fn(f64, f64) -> usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(times.len());
    for pair in times.windows(2) {
        let count = pieces(pair[0], pair[1]);
        for i in 0..count {
            let time = pair[0] + (pair[1] - pair[0]) * (i as f64 / count as f64);
            if out.last().is_none_or(|last| time > *last) {
                out.push(time);
            }
        }
    }
    if let Some(&last) = times.last()
        && out.last().is_none_or(|t| last > *t)
    {
        out.push(last);
    }
    out
}

impl Op {
    fn times(&self) -> &[f64] {
        match &self.kind {
            Kind::Translate(t) | Kind::Scale(t) | Kind::Rotate(t, _) => t.times_s(),
            Kind::Orient(t) => t.times_s(),
            Kind::Matrix(t) => t.times_s(),
        }
    }

    fn moves(&self) -> bool {
        self.times().len() > 1
    }

    fn at(&self, time_s: f64) -> DMat4 {
        let matrix = match &self.kind {
            Kind::Translate(t) => DMat4::from_translation(t.at(time_s)),
            Kind::Scale(t) => DMat4::from_scale(t.at(time_s)),
            Kind::Rotate(t, order) => DMat4::from_quat(rotation(t.at(time_s), *order)),
            Kind::Orient(t) => DMat4::from_quat(t.at(time_s)),
            Kind::Matrix(t) => t.at(time_s),
        };
        if self.inverse { matrix.inverse() } else { matrix }
    }
}

/// Any other run of operations: one matrix, at all their times and enough between.
fn evaluated(ops: &[Op], context: &mut Context<'_>, path: &str) -> Result<Track<DMat4>, ReadError> {
    let whole = |time: f64| ops.iter().fold(DMat4::IDENTITY, |m, op| m * op.at(time));
    let mut times: Vec<f64> = ops
        .iter()
        .filter(|op| op.moves())
        .flat_map(|op| op.times())
        .copied()
        .collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    if times.len() < 2 {
        return Ok(Track::constant(whole(times.first().copied().unwrap_or(0.0))));
    }
    let moving = ops.iter().filter(|op| op.moves()).count();
    let times = filled(&times, |a, b| {
        let turn = ops
            .iter()
            .map(|op| match &op.kind {
                Kind::Rotate(t, _) => (t.at(b) - t.at(a)).abs().max_element(),
                Kind::Orient(t) => 2.0 * libm::acos(t.at(a).dot(t.at(b)).abs().min(1.0)).to_degrees(),
                _ => 0.0,
            })
            .fold(0.0, f64::max);
        pieces(turn).max(if moving > 1 { 4 } else { 1 })
    });
    context.key_values(times.len() as u64 * 16)?;
    let values = times.iter().map(|t| whole(*t)).collect();
    Track::keys(times, values, Interpolation::Linear)
        .map_err(|e| context.damaged(format!("{path}: {}", said(&e))))
}
