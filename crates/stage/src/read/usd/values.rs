//! Values of a stage, over its time, as numbers of ours.

use glam::{DMat4, DQuat, DVec3};
use openusd::sdf::Value;
use openusd::usd::{Prim, Stage};

use super::{is_property, said};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::scene::Scene;
use crate::track::{Interpolation, Keyed, Track};

/// The stage's measures.
#[derive(Clone, Copy)]
pub(super) struct Measures {
    start: f64,
    per_second: f64,
    /// Metres of one unit of length.
    pub unit_m: f64,
    /// Whether z is up, and not y.
    pub z_up: bool,
    /// Whether Blender wrote the stage.
    pub by_blender: bool,
}

impl Measures {
    pub fn of(stage: &Stage, context: &mut Context<'_>) -> Self {
        let mut per_second = stage.time_codes_per_second();
        if !(per_second.is_finite() && per_second > 0.0) {
            context.warn("timeCodesPerSecond", "it is not above zero; 24 is taken instead");
            per_second = 24.0;
        }
        let start = stage.start_time_code();
        let number = |key: &str| stage.stage_metadata(key).ok().flatten().and_then(|v| number(&v));
        let mut unit_m = number("metersPerUnit").unwrap_or(0.01);
        if !(unit_m.is_finite() && unit_m > 0.0) {
            context.warn("metersPerUnit", "it is not above zero; 0.01 is taken instead");
            unit_m = 0.01;
        }
        let up = stage
            .stage_metadata("upAxis")
            .ok()
            .flatten()
            .and_then(|v| text(&v));
        let writer = stage.stage_metadata("documentation").ok().flatten();
        let by_blender = writer
            .and_then(|v| text(&v))
            .is_some_and(|w| w.starts_with("Blender v"));
        Self {
            by_blender,
            start: if start.is_finite() { start } else { 0.0 },
            per_second,
            unit_m,
            z_up: up.as_deref() == Some("Z"),
        }
    }

    /// Seconds from the stage's start.
    pub fn seconds(&self, time_code: f64) -> f64 {
        (time_code - self.start) / self.per_second
    }

    /// Millimetres of what USD calls the tenth of a unit, in which cameras are measured.
    pub fn tenth_mm(&self) -> f64 {
        self.unit_m * 100.0
    }
}

/// What an attribute is: over time, or always.
#[derive(Default)]
pub(super) struct Sampled {
    /// Rising times in seconds, with values; empty where it has none.
    pub keys: Vec<(f64, Value)>,
    /// Without a time.
    pub always: Option<Value>,
}

impl Sampled {
    pub fn of(
        prim: &Prim,
        name: &str,
        measures: &Measures,
        context: &Context<'_>,
    ) -> Result<Self, ReadError> {
        if !is_property(name) {
            return Ok(Self::default());
        }
        let attribute = prim.attribute(name);
        let broken = |error| context.damaged(format!("{}.{name}: {}", prim.path(), said(&error)));
        let samples = attribute.time_samples().map_err(broken)?.unwrap_or_default();
        let mut keys: Vec<(f64, Value)> = samples
            .into_iter()
            .filter(|(_, v)| !matches!(v, Value::ValueBlock | Value::None))
            .map(|(t, v)| (measures.seconds(t), v))
            .collect();
        if keys.iter().any(|(t, _)| !t.is_finite()) {
            return Err(context.not_finite(prim.path().as_str(), format!("a time of {name}")));
        }
        keys.sort_by(|a, b| a.0.total_cmp(&b.0));
        keys.dedup_by(|a, b| a.0 <= b.0);
        let always = if keys.is_empty() {
            let value: Option<Value> = attribute.get().map_err(broken)?;
            value.filter(|v| !matches!(v, Value::ValueBlock | Value::None))
        } else {
            None
        };
        Ok(Self { keys, always })
    }

    /// The value at the start, for what is not followed over time.
    pub fn first(self) -> Option<Value> {
        match self.keys.into_iter().next() {
            Some((_, value)) => Some(value),
            None => self.always,
        }
    }

    /// Whether it changes.
    pub fn moves(&self) -> bool {
        self.keys.len() > 1
    }

    /// A track of it; none where there is no value, or none of the kind.
    pub fn track<T: Keyed>(
        &self,
        interpolation: Interpolation,
        context: &Context<'_>,
        scene: &mut Scene,
        take: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<Track<T>>, ReadError> {
        if self.keys.is_empty() {
            return Ok(self.always.as_ref().and_then(take).map(Track::constant));
        }
        let mut times = Vec::with_capacity(self.keys.len());
        let mut values = Vec::with_capacity(self.keys.len());
        for (time, value) in &self.keys {
            if let Some(value) = take(value) {
                times.push(*time);
                values.push(value);
            }
        }
        if times.is_empty() {
            return Ok(None);
        }
        if times.len() > 1 {
            scene.duration_s = scene.duration_s.max(times[times.len() - 1]);
        }
        let track = Track::keys(times, values, interpolation);
        track
            .map(Some)
            .map_err(|error| context.damaged(error.to_string()))
    }
}

/// The value of an attribute that is not followed over time.
pub(super) fn fixed(
    prim: &Prim,
    name: &str,
    measures: &Measures,
    context: &Context<'_>,
) -> Result<Option<Value>, ReadError> {
    Ok(Sampled::of(prim, name, measures, context)?.first())
}

/// How a list of values lies on a mesh.
pub(super) fn interpolation(prim: &Prim, name: &str) -> Option<String> {
    if !is_property(name) {
        return None;
    }
    let found: Option<Value> = prim.attribute(name).get_metadata("interpolation").ok().flatten();
    found.and_then(|v| text(&v))
}

/// A token or a string.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Token(t) => Some(t.as_str().to_owned()),
        Value::String(s) => Some(s.clone()),
        _ => None,
    }
}

/// Tokens.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::TokenVec(list) => Some(list.iter().map(|t| t.as_str().to_owned()).collect()),
        Value::StringVec(list) => Some(list.clone()),
        _ => None,
    }
}

/// A number.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(v) => Some((*v).into()),
        Value::Double(v) => Some(*v),
        Value::Half(v) => Some(v.to_f64()),
        Value::Int(v) => Some((*v).into()),
        Value::Uint(v) => Some((*v).into()),
        Value::Int64(v) => Some(*v as f64),
        Value::Bool(v) => Some(f64::from(u8::from(*v))),
        _ => None,
    }
}

/// A yes or a no.
pub(super) fn yes(value: &Value) -> Option<bool> {
    number(value).map(|v| v != 0.0)
}

/// Two numbers.
pub(super) fn pair(value: &Value) -> Option<[f64; 2]> {
    match value {
        Value::Vec2f(v) => Some([v.x.into(), v.y.into()]),
        Value::Vec2d(v) => Some([v.x, v.y]),
        Value::Vec2h(v) => Some([v.x.to_f64(), v.y.to_f64()]),
        _ => None,
    }
}

/// Three numbers.
pub(super) fn triple(value: &Value) -> Option<DVec3> {
    match value {
        Value::Vec3f(v) => Some(DVec3::new(v.x.into(), v.y.into(), v.z.into())),
        Value::Vec3d(v) => Some(DVec3::new(v.x, v.y, v.z)),
        Value::Vec3h(v) => Some(DVec3::new(v.x.to_f64(), v.y.to_f64(), v.z.to_f64())),
        _ => None,
    }
}

/// A rotation, not yet of length one.
pub(super) fn quaternion(value: &Value) -> Option<DQuat> {
    match value {
        Value::Quatf(q) => Some(DQuat::from_xyzw(q.x.into(), q.y.into(), q.z.into(), q.w.into())),
        Value::Quatd(q) => Some(DQuat::from_xyzw(q.x, q.y, q.z, q.w)),
        Value::Quath(q) => Some(DQuat::from_xyzw(
            q.x.to_f64(),
            q.y.to_f64(),
            q.z.to_f64(),
            q.w.to_f64(),
        )),
        _ => None,
    }
}

/// Rotations.
pub(super) fn quaternions(value: &Value) -> Option<Vec<DQuat>> {
    match value {
        Value::QuatfVec(list) => list.iter().map(|q| quaternion(&Value::Quatf(*q))).collect(),
        Value::QuatdVec(list) => list.iter().map(|q| quaternion(&Value::Quatd(*q))).collect(),
        Value::QuathVec(list) => list.iter().map(|q| quaternion(&Value::Quath(*q))).collect(),
        _ => None,
    }
}

/// A matrix: USD's rows are the columns here, since it multiplies from the other side.
pub(super) fn matrix(value: &Value) -> Option<DMat4> {
    match value {
        Value::Matrix4d(m) => Some(DMat4::from_cols_array(&m.0)),
        _ => None,
    }
}

/// Matrices.
pub(super) fn matrices(value: &Value) -> Option<Vec<DMat4>> {
    match value {
        Value::Matrix4dVec(list) => Some(list.iter().map(|m| DMat4::from_cols_array(&m.0)).collect()),
        _ => None,
    }
}

/// Whole numbers.
pub(super) fn integers(value: &Value) -> Option<Vec<i64>> {
    match value {
        Value::IntVec(list) => Some(list.iter().map(|v| i64::from(*v)).collect()),
        Value::UintVec(list) => Some(list.iter().map(|v| i64::from(*v)).collect()),
        Value::Int64Vec(list) => Some(list.clone()),
        _ => None,
    }
}

/// Numbers.
pub(super) fn numbers(value: &Value) -> Option<Vec<f32>> {
    match value {
        Value::FloatVec(list) => Some(list.clone()),
        Value::DoubleVec(list) => Some(list.iter().map(|v| *v as f32).collect()),
        Value::HalfVec(list) => Some(list.iter().map(|v| v.to_f32()).collect()),
        Value::Float(v) => Some(vec![*v]),
        Value::Double(v) => Some(vec![*v as f32]),
        _ => None,
    }
}

/// Pairs of numbers.
pub(super) fn pairs(value: &Value) -> Option<Vec<[f32; 2]>> {
    match value {
        Value::Vec2fVec(list) => Some(list.iter().map(|v| [v.x, v.y]).collect()),
        Value::Vec2dVec(list) => Some(list.iter().map(|v| [v.x as f32, v.y as f32]).collect()),
        Value::Vec2hVec(list) => Some(list.iter().map(|v| [v.x.to_f32(), v.y.to_f32()]).collect()),
        _ => None,
    }
}

/// Three numbers each.
pub(super) fn triples(value: &Value) -> Option<Vec<[f32; 3]>> {
    match value {
        Value::Vec3fVec(list) => Some(list.iter().map(|v| [v.x, v.y, v.z]).collect()),
        Value::Vec3dVec(list) => Some(
            list.iter()
                .map(|v| [v.x as f32, v.y as f32, v.z as f32])
                .collect(),
        ),
        Value::Vec3hVec(list) => Some(
            list.iter()
                .map(|v| [v.x.to_f32(), v.y.to_f32(), v.z.to_f32()])
                .collect(),
        ),
        Value::Vec3f(v) => Some(vec![[v.x, v.y, v.z]]),
        Value::Vec3d(v) => Some(vec![[v.x as f32, v.y as f32, v.z as f32]]),
        _ => None,
    }
}
