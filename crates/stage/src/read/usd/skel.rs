//! Skeletons and blend shapes (UsdSkel).

use std::collections::HashMap;

use glam::{DMat4, DVec3};
use openusd::sdf::Value;
use openusd::usd::{Prim, Stage};

use super::mesh::Part;
use super::place::unit;
use super::values::{self, Measures, Sampled};
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::names::Names;
use crate::scene::{Morph, Node, Placement, Scene, Skin};
use crate::track::{Interpolation, Keyed, Track};

/// A skeleton whose joints are nodes of the scene.
struct Skeleton {
    joints: Vec<String>,
    nodes: Vec<usize>,
    /// The joints at rest, in the skeleton's space.
    binds: Vec<DMat4>,
    animation: Option<String>,
}

/// A mesh that a skeleton or its animation moves, once that is known.
struct Waiting {
    node: usize,
    mesh: usize,
    skeleton: Option<String>,
    animation: Option<String>,
    joints: Option<Vec<String>>,
    bind: DMat4,
    influenced: bool,
    shapes: Vec<String>,
}

/// All skeletons of a stage, and what waits for them.
#[derive(Default)]
pub(super) struct Skels {
    known: HashMap<String, Skeleton>,
    waiting: Vec<Waiting>,
}

/// The first target of a relationship, of a prim or of one above it.
fn inherited(prim: &Prim, name: &str, context: &Context<'_>) -> Result<Option<String>, ReadError> {
    for path in prim.path().ancestors_below_root() {
        let above = prim.stage().prim(path);
        let targets = super::targets(&above, name, context)?;
        if let Some(first) = targets.into_iter().next() {
            return Ok(Some(first.as_str().to_owned()));
        }
    }
    Ok(None)
}

impl Skels {
    /// A Skeleton prim: its joints become nodes under `node`.
    pub fn skeleton(
        &mut self,
        prim: &Prim,
        node: usize,
        names: &mut Names,
        measures: &Measures,
        scene: &mut Scene,
        context: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let path = prim.path().as_str().to_owned();
        let read = |name: &str, context: &Context<'_>| values::fixed(prim, name, measures, context);
        let joints = read("joints", context)?
            .as_ref()
            .and_then(values::texts)
            .unwrap_or_default();
        let count = joints.len();
        context.nodes(count as u64)?;
        let binds = read("bindTransforms", context)?
            .as_ref()
            .and_then(values::matrices);
        let rests = read("restTransforms", context)?
            .as_ref()
            .and_then(values::matrices);
        let binds = binds.filter(|b| b.len() == count);
        let rests = rests.filter(|r| r.len() == count);
        if count > 0 && (binds.is_none() || rests.is_none()) {
            context.warn(
                &path,
                "it has fewer rest or bind matrices than joints; those are taken as none",
            );
        }
        let binds = binds.unwrap_or_else(|| vec![DMat4::IDENTITY; count]);
        let rests = rests.unwrap_or_else(|| vec![DMat4::IDENTITY; count]);
        if binds.iter().chain(&rests).any(|m| !m.is_finite()) {
            return Err(context.not_finite(&path, "a joint's matrix"));
        }
        let animation = inherited(prim, "skel:animationSource", context)?;
        let mut placements: Vec<Placement> = rests
            .iter()
            .map(|m| Placement::Matrix(Track::constant(*m)))
            .collect();
        if let Some(animation) = &animation {
            animate(
                prim.stage(),
                animation,
                &joints,
                &rests,
                &mut placements,
                measures,
                scene,
                context,
            )?;
        }
        let mut nodes: Vec<usize> = Vec::with_capacity(count);
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (joint, placement) in joints.iter().zip(placements) {
            let (above, name) = joint.rsplit_once('/').unwrap_or(("", joint));
            let parent = places.get(above).copied();
            if parent.is_none() && !above.is_empty() {
                context.warn(
                    &path,
                    format!("the joint `{joint}` stands before the one above it; it hangs on the skeleton"),
                );
            }
            let mut made = Node::named(names.unique(Some(name), "joint"));
            made.parent = Some(parent.unwrap_or(node));
            made.placement = placement;
            made.object = false;
            places.insert(joint, scene.nodes.len());
            nodes.push(scene.nodes.len());
            scene.nodes.push(made);
        }
        let skeleton = Skeleton {
            joints,
            nodes,
            binds,
            animation,
        };
        self.known.insert(path, skeleton);
        Ok(())
    }

    /// What of a mesh a skeleton moves: influences and shapes go into its parts now, the rest when all is read.
    pub fn mesh(
        &mut self,
        prim: &Prim,
        node: usize,
        mesh: usize,
        parts: &mut [Part],
        measures: &Measures,
        context: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let path = prim.path().as_str().to_owned();
        let shapes = shapes(prim, &path, parts, measures, context)?;
        let indices = values::fixed(prim, "primvars:skel:jointIndices", measures, context)?;
        let weights = values::fixed(prim, "primvars:skel:jointWeights", measures, context)?;
        let indices = indices.as_ref().and_then(values::integers);
        let weights = weights.as_ref().and_then(values::numbers);
        let influenced = match (indices, weights) {
            (Some(indices), Some(weights)) => influences(prim, &path, &indices, &weights, parts, context)?,
            _ => false,
        };
        if !influenced && shapes.is_empty() {
            return Ok(());
        }
        let joints = values::fixed(prim, "skel:joints", measures, context)?;
        let bind = values::fixed(prim, "primvars:skel:geomBindTransform", measures, context)?;
        let bind = bind.as_ref().and_then(values::matrix).unwrap_or(DMat4::IDENTITY);
        if !bind.is_finite() {
            return Err(context.not_finite(&path, "its bind matrix"));
        }
        self.waiting.push(Waiting {
            node,
            mesh,
            skeleton: inherited(prim, "skel:skeleton", context)?,
            animation: inherited(prim, "skel:animationSource", context)?,
            joints: joints.as_ref().and_then(values::texts),
            bind,
            influenced,
            shapes,
        });
        Ok(())
    }

    /// Binds what waits, once every skeleton is read.
    pub fn bind(
        self,
        stage: &Stage,
        measures: &Measures,
        scene: &mut Scene,
        context: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        for waiting in self.waiting {
            let name = scene.nodes[waiting.node].name.clone();
            let skeleton = waiting.skeleton.as_ref().and_then(|path| self.known.get(path));
            if waiting.influenced {
                match skeleton {
                    Some(skeleton) => bind_one(&name, &waiting, skeleton, scene, context)?,
                    None => context.warn(&name, "its skeleton is not in the scene; it is shown at rest"),
                }
            }
            if !waiting.shapes.is_empty() {
                let animation = skeleton.and_then(|s| s.animation.clone()).or(waiting.animation);
                let mut weights = None;
                if let Some(path) = animation {
                    weights = shape_weights(
                        &stage.prim(path.as_str()),
                        &waiting.shapes,
                        measures,
                        scene,
                        context,
                    )?;
                }
                let still = || Track::constant(vec![0.0; waiting.shapes.len()]);
                scene.nodes[waiting.node].morph_weights = Some(weights.unwrap_or_else(still));
            }
        }
        Ok(())
    }
}

fn bind_one(
    name: &str,
    waiting: &Waiting,
    skeleton: &Skeleton,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    let order: Option<Vec<usize>> = match &waiting.joints {
        Some(own) => own
            .iter()
            .map(|j| skeleton.joints.iter().position(|k| k == j))
            .collect(),
        None => Some((0..skeleton.joints.len()).collect()),
    };
    let Some(order) = order else {
        context.warn(
            name,
            "it is moved by joints that its skeleton does not have; it is shown at rest",
        );
        return Ok(());
    };
    let primitives = &scene.meshes[waiting.mesh].primitives;
    let wrong = primitives
        .iter()
        .flat_map(|p| p.joints.iter().flatten())
        .find(|&&j| usize::from(j) >= order.len());
    if let Some(wrong) = wrong {
        return Err(context.damaged(format!(
            "`{name}` is moved by joint {wrong}, and its skeleton has {}",
            order.len()
        )));
    }
    let mut inverse_binds = Vec::with_capacity(order.len());
    for &joint in &order {
        let inverse = skeleton.binds[joint].inverse();
        if !inverse.is_finite() {
            context.warn(name, "a joint is flattened to nothing at rest; it moves nothing");
        }
        inverse_binds.push(if inverse.is_finite() {
            inverse
        } else {
            DMat4::IDENTITY
        });
    }
    scene.skins.push(Skin {
        joints: order.iter().map(|&j| skeleton.nodes[j]).collect(),
        inverse_binds,
        geometry_bind: Some(waiting.bind),
    });
    scene.nodes[waiting.node].skin = Some(scene.skins.len() - 1);
    Ok(())
}

/// Joints over time.
fn animate(
    stage: &Stage,
    animation: &str,
    joints: &[String],
    rests: &[DMat4],
    placements: &mut [Placement],
    measures: &Measures,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    let prim = stage.prim(animation);
    let moved = values::fixed(&prim, "joints", measures, context)?;
    let moved = moved.as_ref().and_then(values::texts).unwrap_or_default();
    if moved.is_empty() {
        return Ok(());
    }
    let translations = series(&prim, "translations", moved.len(), measures, context, |v| {
        let list = values::triples(v)?;
        Some(
            list.into_iter()
                .map(|t| DVec3::from_array(t.map(f64::from)))
                .collect(),
        )
    })?;
    let rotations = series(&prim, "rotations", moved.len(), measures, context, |v| {
        Some(values::quaternions(v)?.into_iter().map(unit).collect())
    })?;
    let scales = series(&prim, "scales", moved.len(), measures, context, |v| {
        let list = values::triples(v)?;
        Some(
            list.into_iter()
                .map(|t| DVec3::from_array(t.map(f64::from)))
                .collect(),
        )
    })?;
    for (number, joint) in joints.iter().enumerate() {
        let Some(own) = moved.iter().position(|m| m == joint) else {
            continue;
        };
        let (scale, rotation, translation) = rests[number].to_scale_rotation_translation();
        placements[number] = Placement::Parts {
            translation: track(&translations, own, translation, scene, context)?,
            rotation: track(&rotations, own, unit(rotation), scene, context)?,
            scale: track(&scales, own, scale, scene, context)?,
        };
        if !(0..2).all(|_| placements[number].at(0.0).is_finite()) {
            return Err(context.not_finite(animation, "a joint's placement"));
        }
    }
    Ok(())
}

/// Values of all joints at times; without a time where they hold throughout.
type Series<T> = Vec<(f64, Vec<T>)>;

fn series<T>(
    prim: &Prim,
    name: &str,
    count: usize,
    measures: &Measures,
    context: &mut Context<'_>,
    take: impl Fn(&Value) -> Option<Vec<T>>,
) -> Result<Series<T>, ReadError> {
    let sampled = Sampled::of(prim, name, measures, context)?;
    let mut keys = sampled.keys;
    if let Some(value) = sampled.always {
        keys.push((0.0, value));
    }
    let mut out = Vec::with_capacity(keys.len());
    for (time, value) in &keys {
        let Some(list) = take(value).filter(|list| list.len() == count) else {
            context.warn(
                prim.path().as_str(),
                format!("its {name} are not as many as its joints; they are left out"),
            );
            return Ok(Vec::new());
        };
        context.key_values(list.len() as u64 * 4)?;
        out.push((*time, list));
    }
    Ok(out)
}

fn track<T: Keyed>(
    series: &Series<T>,
    joint: usize,
    rest: T,
    scene: &mut Scene,
    context: &Context<'_>,
) -> Result<Track<T>, ReadError> {
    if series.is_empty() {
        return Ok(Track::constant(rest));
    }
    let (times, values): (Vec<f64>, Vec<T>) =
        series.iter().map(|(t, list)| (*t, list[joint].clone())).unzip();
    if times.len() > 1 {
        scene.duration_s = scene.duration_s.max(times[times.len() - 1]);
    }
    Track::keys(times, values, Interpolation::Linear).map_err(|e| context.damaged(e.to_string()))
}

/// Joints and weights of a mesh's points: of all the four strongest, brought to a sum of one.
fn influences(
    prim: &Prim,
    path: &str,
    indices: &[i64],
    weights: &[f32],
    parts: &mut [Part],
    context: &mut Context<'_>,
) -> Result<bool, ReadError> {
    let name = "primvars:skel:jointIndices";
    let size: Option<Value> = prim.attribute(name).get_metadata("elementSize").ok().flatten();
    let size = size
        .as_ref()
        .and_then(values::number)
        .map_or(1, |v| v as usize)
        .clamp(1, 1024);
    // A whole mesh on the same joints says so once.
    let rigid = values::interpolation(prim, name).as_deref() == Some("constant");
    if indices.len() != weights.len() || indices.len() < size {
        context.warn(
            path,
            "its joints and weights are not as many; it is shown at rest",
        );
        return Ok(false);
    }
    let mut dropped = 0.0_f32;
    for part in parts.iter_mut() {
        let p = &mut part.primitive;
        for &point in &part.sources {
            let start = if rigid { 0 } else { point.saturating_mul(size) };
            let range = start..start.saturating_add(size);
            let (Some(own), Some(strengths)) = (indices.get(range.clone()), weights.get(range)) else {
                context.warn(
                    path,
                    "it has joints and weights for fewer points than it has; it is shown at rest",
                );
                for part in parts.iter_mut() {
                    part.primitive.joints.clear();
                    part.primitive.weights.clear();
                }
                return Ok(false);
            };
            let mut all: Vec<(u16, f32)> = Vec::with_capacity(size);
            for (&joint, &weight) in own.iter().zip(strengths) {
                let joint = u16::try_from(joint)
                    .map_err(|_| context.damaged(format!("{path} is moved by joint {joint}")))?;
                if weight.is_finite() && weight > 0.0 {
                    all.push((joint, weight));
                }
            }
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            dropped = dropped.max(all.iter().skip(4).map(|a| a.1).sum());
            all.truncate(4);
            let sum: f32 = all.iter().map(|a| a.1).sum();
            let (mut joints, mut strengths) = ([0_u16; 4], [0.0_f32; 4]);
            for (i, (joint, weight)) in all.iter().enumerate() {
                joints[i] = *joint;
                strengths[i] = weight / sum;
            }
            if all.is_empty() {
                strengths[0] = 1.0;
            }
            p.joints.push(joints);
            p.weights.push(strengths);
        }
    }
    if dropped > 0.01 {
        context.warn(
            path,
            format!("of its joints only the four strongest move each point (at most {dropped:.2} of a weight is left out)"),
        );
    }
    Ok(true)
}

/// Blend shapes: deltas go into the parts; gives their names in order.
fn shapes(
    prim: &Prim,
    path: &str,
    parts: &mut [Part],
    measures: &Measures,
    context: &mut Context<'_>,
) -> Result<Vec<String>, ReadError> {
    let names = values::fixed(prim, "skel:blendShapes", measures, context)?;
    let names = names.as_ref().and_then(values::texts).unwrap_or_default();
    if names.is_empty() {
        return Ok(names);
    }
    let targets = super::targets(prim, "skel:blendShapeTargets", context)?;
    if targets.len() != names.len() {
        context.warn(path, "it names other blend shapes than it has; they are left out");
        return Ok(Vec::new());
    }
    for target in targets {
        let shape = prim.stage().prim(target);
        let read = |name: &str, context: &Context<'_>| values::fixed(&shape, name, measures, context);
        let offsets = read("offsets", context)?
            .as_ref()
            .and_then(values::triples)
            .unwrap_or_default();
        let normals = read("normalOffsets", context)?
            .as_ref()
            .and_then(values::triples)
            .unwrap_or_default();
        let places = read("pointIndices", context)?.as_ref().and_then(values::integers);
        if offsets.iter().flatten().any(|v| !v.is_finite()) {
            return Err(context.not_finite(path, "a blend shape's offset"));
        }
        let between = shape.property_names().unwrap_or_default();
        if between.iter().any(|n| n.as_str().starts_with("inbetweens:")) {
            context.warn(
                path,
                "the steps between rest and a blend shape are not carried; it goes straight",
            );
        }
        // From points to their offsets.
        let places: Option<HashMap<usize, usize>> = places.map(|places| {
            let places = places.iter().enumerate();
            places
                .filter_map(|(i, p)| Some((usize::try_from(*p).ok()?, i)))
                .collect()
        });
        let of = |list: &[[f32; 3]], point: usize| {
            let i = match &places {
                Some(places) => places.get(&point).copied(),
                None => Some(point),
            };
            i.and_then(|i| list.get(i)).copied().unwrap_or([0.0; 3])
        };
        for part in parts.iter_mut() {
            context.vertices(part.sources.len() as u64)?;
            let positions = part.sources.iter().map(|&p| of(&offsets, p)).collect();
            let mut morph = Morph {
                positions,
                normals: Vec::new(),
            };
            if !normals.is_empty() && !part.primitive.normals.is_empty() {
                morph.normals = part
                    .sources
                    .iter()
                    .map(|&p| of(&normals, p).map(|v| if v.is_finite() { v } else { 0.0 }))
                    .collect();
            }
            part.primitive.morphs.push(morph);
        }
    }
    Ok(names)
}

/// The weights of shapes over time, in the mesh's own order.
fn shape_weights(
    animation: &Prim,
    shapes: &[String],
    measures: &Measures,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<Option<Track<Vec<f64>>>, ReadError> {
    let names = values::fixed(animation, "blendShapes", measures, context)?;
    let names = names.as_ref().and_then(values::texts).unwrap_or_default();
    let places: Vec<Option<usize>> = shapes.iter().map(|s| names.iter().position(|n| n == s)).collect();
    let sampled = Sampled::of(animation, "blendShapeWeights", measures, context)?;
    context.key_values((sampled.keys.len() as u64).saturating_mul(shapes.len() as u64))?;
    sampled.track(Interpolation::Linear, context, scene, |value| {
        let list = values::numbers(value)?;
        let of = |place: &Option<usize>| {
            let weight = place.and_then(|p| list.get(p)).copied().unwrap_or(0.0);
            if weight.is_finite() {
                f64::from(weight)
            } else {
                0.0
            }
        };
        Some(places.iter().map(of).collect())
    })
}
