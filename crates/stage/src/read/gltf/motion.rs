//! Animation: keys become tracks (glTF 2.0, section 3.11 and appendix C).

use std::collections::HashSet;

use glam::{DMat4, DQuat, DVec3};
use gltf::json::animation::{Animation, Interpolation as Json, Property, Sampler};
use gltf::json::validation::Checked;

use super::nodes::{Places, focal_mm, quaternion};
use super::pointer::{Pointer, Property as Pointed};
use super::{Source, at};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::names::tidy;
use crate::scene::{LUMENS_PER_WATT, Placement, Scene};
use crate::track::{Interpolation, Keyed, Track};

pub(super) fn read(
    source: &Source<'_>,
    places: &Places,
    pointers: &[Pointer],
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    let mut moved: HashSet<(usize, u8)> = HashSet::new();
    for number in chosen(source, context)? {
        let animation = &source.root.animations[number];
        let name = animation
            .name
            .as_deref()
            .map_or_else(|| format!("animation {number}"), tidy);
        for channel in &animation.channels {
            let sampler = at(&animation.samplers, channel.sampler, "animation sampler", context)?;
            let target = channel.target.node.value();
            if target >= places.of.len() {
                return Err(context.damaged(format!("`{name}` moves node {target}, which is not there")));
            }
            // Nodes of other scenes.
            let Some(place) = places.of[target] else { continue };
            let Checked::Valid(path) = channel.target.path else {
                context.warn(
                    &name,
                    "it moves a property that glTF 2.0 does not know; that is left out",
                );
                continue;
            };
            if !moved.insert((place, path as u8)) {
                let node = scene.nodes[place].name.clone();
                context.warn(
                    node,
                    format!(
                        "`{name}` moves it too; the first animation is played (name one to play that alone)"
                    ),
                );
                continue;
            }
            channel_of(&name, sampler, path, place, source, scene, context)?;
        }
        for pointer in pointers.iter().filter(|p| p.animation == number) {
            pointed(&name, animation, pointer, source, places, scene, context)?;
        }
    }
    Ok(())
}

/// The animations that are played.
fn chosen(source: &Source<'_>, context: &Context<'_>) -> Result<Vec<usize>, ReadError> {
    let animations = &source.root.animations;
    let Some(wanted) = &context.options.animation else {
        return Ok((0..animations.len()).collect());
    };
    let found = animations
        .iter()
        .position(|a| a.name.as_deref() == Some(wanted.as_str()));
    found.map(|i| vec![i]).ok_or_else(|| {
        let known: Vec<String> = animations
            .iter()
            .filter_map(|a| a.name.as_deref())
            .take(20)
            .map(|n| format!("`{}`", tidy(n)))
            .collect();
        ReadError::NoAnimation {
            name: context.name.clone(),
            wanted: wanted.clone(),
            known: if known.is_empty() {
                "none with a name".into()
            } else {
                known.join(", ")
            },
        }
    })
}

fn channel_of(
    name: &str,
    sampler: &Sampler,
    path: Property,
    place: usize,
    source: &Source<'_>,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    let label = format!("{name}: {}", scene.nodes[place].name);
    if path == Property::MorphTargetWeights {
        let Some(width) = scene.nodes[place].morph_weights.as_ref().map(|w| w.at(0.0).len()) else {
            context.warn(&label, "it moves morph targets, and its mesh has none");
            return Ok(());
        };
        let keys = Keys::read(&label, sampler, width, source, context)?;
        let track = keys.track(&label, scene, context, |v| v.to_vec(), |v| v.to_vec())?;
        scene.nodes[place].morph_weights = Some(track);
        return Ok(());
    }
    parts(&label, place, scene, context);
    let width = if path == Property::Rotation { 4 } else { 3 };
    let keys = Keys::read(&label, sampler, width, source, context)?;
    let vector = |v: &[f64]| DVec3::new(v[0], v[1], v[2]);
    match path {
        Property::Rotation => {
            let track = keys.track(
                &label,
                scene,
                context,
                |v| quaternion([v[0], v[1], v[2], v[3]]),
                |v| DQuat::from_xyzw(v[0], v[1], v[2], v[3]),
            )?;
            if let Placement::Parts { rotation, .. } = &mut scene.nodes[place].placement {
                *rotation = track;
            }
        }
        _ => {
            let track = keys.track(&label, scene, context, vector, vector)?;
            if let Placement::Parts {
                translation, scale, ..
            } = &mut scene.nodes[place].placement
            {
                *if path == Property::Scale {
                    scale
                } else {
                    translation
                } = track;
            }
        }
    }
    Ok(())
}

/// Sees that a node's placement has parts to move: the format wants it, and not every exporter heeds it.
fn parts(label: &str, place: usize, scene: &mut Scene, context: &mut Context<'_>) {
    if let Placement::Matrix(matrix) = &scene.nodes[place].placement {
        let matrix: DMat4 = matrix.at(0.0);
        let (scale, rotation, translation) = matrix.to_scale_rotation_translation();
        let whole = scale.is_finite() && rotation.is_finite() && scale.min_element() > 0.0;
        scene.nodes[place].placement = if whole {
            Placement::fixed(translation, rotation, scale)
        } else {
            Placement::default()
        };
        context.warn(
            label,
            "the node has a matrix and is moved; its matrix is taken apart",
        );
    }
}

fn pointed(
    name: &str,
    animation: &Animation,
    pointer: &Pointer,
    source: &Source<'_>,
    places: &Places,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    let index = gltf::json::Index::new(u32::try_from(pointer.sampler).unwrap_or(u32::MAX));
    let sampler = at(&animation.samplers, index, "animation sampler", context)?;
    let keys = Keys::read(name, sampler, 1, source, context)?;
    match pointer.to {
        Pointed::AngleOfView(camera) if camera < scene.cameras.len() => {
            // Tangents go through the derivative of the focal length by the angle.
            let mut keys = keys;
            keys.each_with_slope(|angle, slope| {
                let half = libm::sin(angle / 2.0);
                (
                    focal_mm(angle),
                    slope * -super::nodes::BACK_HEIGHT_MM / (4.0 * half * half),
                )
            });
            if keys.values.iter().any(|&f| !(f.is_finite() && f > 0.0)) {
                return Err(context.not_finite(
                    &scene.cameras[camera].name,
                    "an angle of view (or one that sees nothing)",
                ));
            }
            let track = keys.track(name, scene, context, |v| v[0], |v| v[0])?;
            if let Some(focal) = &mut scene.cameras[camera].focal_mm {
                *focal = track;
            }
        }
        Pointed::LightIntensity(light) if light < scene.lights.len() => {
            scene.lights[light].intensity = keys.track(
                name,
                scene,
                context,
                |v| v[0].max(0.0) / LUMENS_PER_WATT,
                |v| v[0] / LUMENS_PER_WATT,
            )?;
        }
        Pointed::Visibility(node) => {
            let Some(place) = places.of.get(node).copied().flatten() else {
                return Ok(());
            };
            let mut keys = keys;
            keys.interpolation = Interpolation::Step;
            scene.nodes[place].visible =
                keys.track(name, scene, context, |v| v[0] >= 0.5, |v| v[0] >= 0.5)?;
        }
        _ => context.warn(
            name,
            "it moves a camera or a light that is not there; that is left out",
        ),
    }
    Ok(())
}

/// Keys as the file has them.
struct Keys {
    times_s: Vec<f64>,
    interpolation: Interpolation,
    /// Numbers of a value.
    width: usize,
    /// Of each key the value; of a cubic one the in-tangent, the value, the out-tangent.
    values: Vec<f64>,
}

impl Keys {
    fn read(
        label: &str,
        sampler: &Sampler,
        width: usize,
        source: &Source<'_>,
        context: &mut Context<'_>,
    ) -> Result<Self, ReadError> {
        let interpolation = match &sampler.interpolation {
            Checked::Valid(Json::Step) => Interpolation::Step,
            Checked::Valid(Json::Linear) => Interpolation::Linear,
            Checked::Valid(Json::CubicSpline) => Interpolation::Cubic,
            Checked::Invalid => {
                context.warn(
                    label,
                    "its interpolation is unknown; it goes straight from key to key",
                );
                Interpolation::Linear
            }
        };
        let count = source.data.count(sampler.input, context)?;
        let outputs = source.data.count(sampler.output, context)?;
        context.key_values(count.saturating_mul(width as u64 * 3))?;
        let input = source.data.scalars(sampler.input, context)?;
        let values: Vec<f32> = match width {
            3 if outputs == count.saturating_mul(stride(interpolation)) => source
                .data
                .vectors::<3>(sampler.output, context)?
                .into_flattened(),
            4 if outputs == count.saturating_mul(stride(interpolation)) => source
                .data
                .vectors::<4>(sampler.output, context)?
                .into_flattened(),
            _ if outputs == count.saturating_mul(stride(interpolation) * width as u64) => {
                source.data.scalars(sampler.output, context)?
            }
            _ => Vec::new(),
        };
        let expected = input.len().saturating_mul(width * stride(interpolation) as usize);
        if values.len() != expected || input.is_empty() {
            return Err(context.damaged(format!(
                "`{label}` has {outputs} values for {count} keys ({width} numbers each)"
            )));
        }
        if input.iter().chain(&values).any(|v| !v.is_finite()) {
            return Err(context.not_finite(label, "a key"));
        }
        Ok(Self {
            times_s: input.into_iter().map(f64::from).collect(),
            interpolation,
            width,
            values: values.into_iter().map(f64::from).collect(),
        })
    }

    /// Turns every value, and every tangent with the value it belongs to. Of single numbers only.
    fn each_with_slope(&mut self, turn: impl Fn(f64, f64) -> (f64, f64)) {
        if self.interpolation == Interpolation::Cubic {
            for key in self.values.chunks_exact_mut(3) {
                let value = key[1];
                key[0] = turn(value, key[0]).1;
                key[2] = turn(value, key[2]).1;
                key[1] = turn(value, 0.0).0;
            }
        } else {
            for value in &mut self.values {
                *value = turn(*value, 0.0).0;
            }
        }
    }

    /// The track; the scene lasts at least as long.
    fn track<T: Keyed>(
        mut self,
        label: &str,
        scene: &mut Scene,
        context: &mut Context<'_>,
        value: impl Fn(&[f64]) -> T,
        tangent: impl Fn(&[f64]) -> T,
    ) -> Result<Track<T>, ReadError> {
        let step = self.width * stride(self.interpolation) as usize;
        // Keys that do not come after the one before cannot be placed; the first of them stays.
        let mut kept_times: Vec<f64> = Vec::with_capacity(self.times_s.len());
        let mut kept: Vec<f64> = Vec::with_capacity(self.values.len());
        for (time, key) in self.times_s.iter().zip(self.values.chunks_exact(step)) {
            if kept_times.last().is_none_or(|last| time > last) {
                kept_times.push(*time);
                kept.extend_from_slice(key);
            }
        }
        let dropped = self.times_s.len() - kept_times.len();
        if dropped > 0 {
            context.warn(
                label,
                format!("{dropped} keys do not come after the one before and are left out"),
            );
        }
        self.times_s = kept_times;
        self.values = kept;
        let end = self.times_s.last().copied().unwrap_or(0.0);
        let width = self.width;
        let track = if self.interpolation == Interpolation::Cubic {
            let keys: Vec<&[f64]> = self.values.chunks_exact(step).collect();
            let values = keys.iter().map(|k| value(&k[width..2 * width])).collect();
            let tangents = keys
                .iter()
                .map(|k| [tangent(&k[..width]), tangent(&k[2 * width..])])
                .collect();
            Track::cubic(self.times_s, values, tangents)
        } else {
            let values = self.values.chunks_exact(step).map(value).collect();
            Track::keys(self.times_s, values, self.interpolation)
        };
        scene.duration_s = scene.duration_s.max(end);
        track.map_err(|error| context.damaged(format!("`{label}`: {error}")))
    }
}

fn stride(interpolation: Interpolation) -> u64 {
    if interpolation == Interpolation::Cubic {
        3
    } else {
        1
    }
}
