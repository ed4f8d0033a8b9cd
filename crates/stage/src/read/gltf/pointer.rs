//! KHR_animation_pointer: animation of what is not a node's placement.

use serde_json::Value;

use crate::read::budget::Context;
use crate::read::names::tidy;

/// A channel that points at a property by its place in the JSON.
pub(super) struct Pointer {
    /// Which animation.
    pub animation: usize,
    /// Which of its samplers.
    pub sampler: usize,
    /// What it moves.
    pub to: Property,
}

/// What of that is carried.
pub(super) enum Property {
    /// A camera's whole vertical angle of view in radians.
    AngleOfView(usize),
    /// A light's strength.
    LightIntensity(usize),
    /// Whether a node is seen.
    Visibility(usize),
}

/// Takes the channels that point out of the animations, where the `gltf` crate would stumble over them, and those
/// without a target. Pointers to placements become plain channels.
pub(super) fn take(root: &mut Value, context: &mut Context<'_>) -> Vec<Pointer> {
    let mut pointers = Vec::new();
    let Some(animations) = root.get_mut("animations").and_then(Value::as_array_mut) else {
        return pointers;
    };
    for (animation, json) in animations.iter_mut().enumerate() {
        let Some(channels) = json.get_mut("channels").and_then(Value::as_array_mut) else {
            continue;
        };
        channels.retain_mut(|channel| {
            let Some(sampler) = channel.get("sampler").and_then(Value::as_u64) else {
                return true;
            };
            let Some(target) = channel.get_mut("target") else {
                return true;
            };
            let to = target
                .pointer("/extensions/KHR_animation_pointer/pointer")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let Some(to) = to else {
                // A channel without a node moves nothing (section 3.11).
                return target.get("node").is_some();
            };
            if let Some((node, path)) = placement(&to) {
                *target = serde_json::json!({ "node": node, "path": path });
                return true;
            }
            match property(&to) {
                Some(to) => pointers.push(Pointer {
                    animation,
                    sampler: usize::try_from(sampler).unwrap_or(usize::MAX),
                    to,
                }),
                None => context.warn(
                    tidy(&to),
                    "its animation is not carried; it stays as it is at rest",
                ),
            }
            false
        });
    }
    pointers
}

fn placement(to: &str) -> Option<(u32, &str)> {
    let (node, path) = to.strip_prefix("/nodes/")?.split_once('/')?;
    let known = ["translation", "rotation", "scale", "weights"].contains(&path);
    known.then_some((node.parse().ok()?, path))
}

fn property(to: &str) -> Option<Property> {
    let number = |head: &str, tail: &str| to.strip_prefix(head)?.strip_suffix(tail)?.parse().ok();
    number("/cameras/", "/perspective/yfov")
        .map(Property::AngleOfView)
        .or_else(|| {
            number("/extensions/KHR_lights_punctual/lights/", "/intensity").map(Property::LightIntensity)
        })
        .or_else(|| number("/nodes/", "/extensions/KHR_node_visibility/visible").map(Property::Visibility))
}
