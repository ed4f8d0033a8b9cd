//! Everything that moves, as one animation.

use glam::{DQuat, DVec3};
use heirloom_film::Size;
use serde_json::{Value, json};

use super::pack::Pack;
use super::{LUMENS_PER_WATT, angle_of_view, mesh, parts, upright};
use crate::scene::{LightKind, Node, Placement, Scene, Warning};
use crate::track::{Interpolation, Keyed, Track};

/// Channels and samplers while they are put together.
#[derive(Default)]
struct Motion {
    channels: Vec<Value>,
    samplers: Vec<Value>,
}

/// A track made ready: times that rise in 32 bits from 0 on, and for each the values to write (three where cubic:
/// in-tangent, value, out-tangent).
struct Ready<T> {
    times: Vec<f32>,
    values: Vec<T>,
    interpolation: &'static str,
}

fn ready<T: Keyed>(track: &Track<T>) -> Ready<T> {
    let cubic = track.interpolation() == Interpolation::Cubic;
    // The file's time begins at 0. What lies before is the value it has then.
    let early = track.times_s().first().is_some_and(|t| *t < 0.0);
    let plain = early && cubic;
    let mut times: Vec<f32> = Vec::new();
    let mut values = Vec::new();
    if early {
        times.push(0.0);
        values.push(track.at(0.0));
    }
    for (i, time) in track.times_s().iter().enumerate() {
        let seconds = *time as f32;
        if seconds < 0.0 || times.last().is_some_and(|last| *last >= seconds) {
            continue;
        }
        times.push(seconds);
        match track.tangents().get(i).filter(|_| !plain) {
            Some([arriving, out]) => {
                values.extend([arriving.clone(), track.values()[i].clone(), out.clone()]);
            }
            None => values.push(track.values()[i].clone()),
        }
    }
    let interpolation = match track.interpolation() {
        Interpolation::Step => "STEP",
        Interpolation::Cubic if !plain => "CUBICSPLINE",
        _ => "LINEAR",
    };
    Ready {
        times,
        values,
        interpolation,
    }
}

impl Motion {
    fn sampler(&mut self, times: usize, values: usize, interpolation: &str) -> usize {
        self.samplers
            .push(json!({ "input": times, "output": values, "interpolation": interpolation }));
        self.samplers.len() - 1
    }

    fn channel(&mut self, node: usize, path: &str, sampler: usize) {
        self.channels
            .push(json!({ "sampler": sampler, "target": { "node": node, "path": path } }));
    }

    fn pointer(&mut self, pack: &mut Pack, pointer: String, sampler: usize) {
        pack.uses("KHR_animation_pointer");
        self.channels.push(json!({
            "sampler": sampler,
            "target": { "path": "pointer", "extensions": { "KHR_animation_pointer": { "pointer": pointer } } },
        }));
    }

    /// A track of vectors on a node.
    fn vectors(&mut self, pack: &mut Pack, node: usize, path: &str, track: &Track<DVec3>) {
        if track.is_constant() {
            return;
        }
        let ready = ready(track);
        let values: Vec<[f32; 3]> = ready
            .values
            .iter()
            .map(|v| v.to_array().map(|v| v as f32))
            .collect();
        let sampler = (pack.times(&ready.times), pack.keys(&values));
        let sampler = self.sampler(sampler.0, sampler.1, ready.interpolation);
        self.channel(node, path, sampler);
    }

    fn turns(&mut self, pack: &mut Pack, node: usize, track: &Track<DQuat>) {
        if track.is_constant() {
            return;
        }
        let ready = ready(track);
        let cubic = ready.interpolation == "CUBICSPLINE";
        let values: Vec<[f32; 4]> = ready
            .values
            .iter()
            .enumerate()
            .map(|(i, q)| {
                // Tangents are no turns, and have any length.
                let value = if cubic && i % 3 != 1 { *q } else { upright(*q) };
                value.to_array().map(|v| v as f32)
            })
            .collect();
        let sampler = (pack.times(&ready.times), pack.keys(&values));
        let sampler = self.sampler(sampler.0, sampler.1, ready.interpolation);
        self.channel(node, "rotation", sampler);
    }

    /// Numbers at keys, through a function that need not be straight: cubic keys keep their times and go straight.
    fn numbers(&mut self, pack: &mut Pack, pointer: String, track: &Track<f64>, to: impl Fn(f64) -> f64) {
        let times: Vec<f64> = track.times_s().to_vec();
        let interpolation = match track.interpolation() {
            Interpolation::Step => Interpolation::Step,
            _ => Interpolation::Linear,
        };
        let values = times.iter().map(|t| to(track.at(*t))).collect();
        let Ok(straight) = Track::keys(times, values, interpolation) else {
            return;
        };
        let ready = ready(&straight);
        let values: Vec<[f32; 1]> = ready.values.iter().map(|v| [*v as f32]).collect();
        let sampler = (pack.times(&ready.times), pack.keys(&values));
        let sampler = self.sampler(sampler.0, sampler.1, ready.interpolation);
        self.pointer(pack, pointer, sampler);
    }
}

/// All that moves; none where nothing does.
pub(super) fn animation(
    scene: &Scene,
    size: Size,
    light_of: &[Option<usize>],
    pack: &mut Pack,
    warnings: &mut Vec<Warning>,
) -> Option<Value> {
    let mut motion = Motion::default();
    for (index, node) in scene.nodes.iter().enumerate() {
        placement(&mut motion, pack, index, node, warnings);
        weights(&mut motion, pack, scene, index, node);
        if !node.visible.is_constant() {
            let ready = ready(&node.visible);
            let sampler = (pack.times(&ready.times), pack.flags(&ready.values));
            let sampler = motion.sampler(sampler.0, sampler.1, "STEP");
            let pointer = format!("/nodes/{index}/extensions/KHR_node_visibility/visible");
            motion.pointer(pack, pointer, sampler);
        }
    }
    for (index, camera) in scene.cameras.iter().enumerate() {
        if let Some(focal_mm) = camera.focal_mm.as_ref().filter(|f| !f.is_constant()) {
            let pointer = format!("/cameras/{index}/perspective/yfov");
            motion.numbers(pack, pointer, focal_mm, |mm| angle_of_view(camera, mm, size));
        }
    }
    for (light, written) in scene.lights.iter().zip(light_of) {
        if let (Some(written), false) = (written, light.intensity.is_constant()) {
            let area = match &light.kind {
                LightKind::Area { size_m, round } => {
                    size_m[0] * size_m[1] * if *round { std::f64::consts::FRAC_PI_4 } else { 1.0 }
                }
                _ => 1.0,
            };
            let pointer = format!("/extensions/KHR_lights_punctual/lights/{written}/intensity");
            motion.numbers(pack, pointer, &light.intensity, |v| {
                v.max(0.0) * area * LUMENS_PER_WATT
            });
        }
    }
    if motion.channels.is_empty() {
        return None;
    }
    let name = if scene.name.is_empty() {
        "shot"
    } else {
        &scene.name
    };
    Some(json!({ "name": name, "channels": motion.channels, "samplers": motion.samplers }))
}

fn placement(motion: &mut Motion, pack: &mut Pack, index: usize, node: &Node, warnings: &mut Vec<Warning>) {
    match &node.placement {
        Placement::Parts {
            translation,
            rotation,
            scale,
        } => {
            motion.vectors(pack, index, "translation", translation);
            motion.turns(pack, index, rotation);
            motion.vectors(pack, index, "scale", scale);
        }
        Placement::Matrix(track) => {
            let all: Vec<_> = track.values().iter().map(parts).collect();
            if all.iter().any(|(_, off)| *off > 1e-4) {
                warnings.push(Warning {
                    subject: node.name.clone(),
                    what: "it is sheared, which glTF has no parts for; it is written without the shear"
                        .into(),
                });
            }
            if track.is_constant() {
                return;
            }
            let interpolation = match track.interpolation() {
                Interpolation::Step => Interpolation::Step,
                _ => Interpolation::Linear,
            };
            let times = track.times_s().to_vec();
            let of = |pick: fn(&super::Parts) -> DVec3| {
                let values: Vec<DVec3> = all.iter().map(|(parts, _)| pick(parts)).collect();
                Track::keys(times.clone(), values, interpolation)
            };
            if let Ok(track) = of(|parts| parts.translation) {
                motion.vectors(pack, index, "translation", &track);
            }
            if let Ok(track) = of(|parts| parts.scale) {
                motion.vectors(pack, index, "scale", &track);
            }
            let mut turns: Vec<DQuat> = Vec::new();
            for (parts, _) in &all {
                let near = turns
                    .last()
                    .is_none_or(|before| before.dot(parts.rotation) >= 0.0);
                turns.push(if near { parts.rotation } else { -parts.rotation });
            }
            if let Ok(track) = Track::keys(times.clone(), turns, interpolation) {
                motion.turns(pack, index, &track);
            }
        }
    }
}

/// The weights of a node's morph targets at a time: its own, then those of vertices that move by themselves.
fn weights_at(node: &Node, own: usize, moving: &[f64], time_s: f64) -> Vec<f32> {
    let mut weights = node
        .morph_weights
        .as_ref()
        .map(|track| track.at(time_s))
        .unwrap_or_default();
    weights.resize(own, 0.0);
    // Between two keys the two share the weight; beyond the ends, the end has it all.
    let after = moving.partition_point(|t| *t <= time_s);
    for i in 0..moving.len() {
        let weight = match (after, i) {
            (0, 0) => 1.0,
            (0, _) => 0.0,
            (after, i) if i + 1 == after => match moving.get(after) {
                Some(next) => (next - time_s) / (next - moving[i]),
                None => 1.0,
            },
            (after, i) if i == after => (time_s - moving[i - 1]) / (moving[i] - moving[i - 1]),
            _ => 0.0,
        };
        weights.push(weight);
    }
    weights
        .into_iter()
        .map(|w| if w.is_finite() { w as f32 } else { 0.0 })
        .collect()
}

/// The weights that a node begins with; none where its mesh has no targets.
pub(super) fn rest_weights(scene: &Scene, node: &Node) -> Option<Vec<f32>> {
    let shown = scene.meshes.get(node.mesh?)?;
    let (own, moving) = (mesh::targets(shown), mesh::moving_times(shown));
    (own + moving.len() > 0).then(|| weights_at(node, own, &moving, 0.0))
}

fn weights(motion: &mut Motion, pack: &mut Pack, scene: &Scene, index: usize, node: &Node) {
    let Some(shown) = node
        .mesh
        .map(|mesh| &scene.meshes[mesh])
        .filter(|m| !mesh::empty(m))
    else {
        return;
    };
    let (own, moving) = (mesh::targets(shown), mesh::moving_times(shown));
    if own + moving.len() == 0 {
        return;
    }
    let plain = node.morph_weights.as_ref().filter(|track| !track.is_constant());
    if moving.is_empty() {
        let Some(track) = plain else { return };
        let ready = ready(track);
        let values: Vec<[f32; 1]> = ready
            .values
            .iter()
            .flat_map(|weights| (0..own).map(|i| [weights.get(i).copied().unwrap_or(0.0) as f32]))
            .collect();
        let sampler = (pack.times(&ready.times), pack.keys(&values));
        let sampler = motion.sampler(sampler.0, sampler.1, ready.interpolation);
        motion.channel(index, "weights", sampler);
        return;
    }
    let mut times: Vec<f64> = moving.clone();
    if let Some(track) = plain {
        times.extend(track.times_s());
    }
    times.retain(|t| *t >= 0.0);
    times.sort_by(f64::total_cmp);
    let mut seconds: Vec<f32> = Vec::new();
    let mut values: Vec<[f32; 1]> = Vec::new();
    for time in times {
        if seconds.last().is_some_and(|last| *last >= time as f32) {
            continue;
        }
        seconds.push(time as f32);
        values.extend(weights_at(node, own, &moving, time).into_iter().map(|w| [w]));
    }
    if seconds.is_empty() {
        return;
    }
    let sampler = (pack.times(&seconds), pack.keys(&values));
    let sampler = motion.sampler(sampler.0, sampler.1, "LINEAR");
    motion.channel(index, "weights", sampler);
}
