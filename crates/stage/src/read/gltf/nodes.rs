//! The tree of nodes, with cameras, lights and skeletons.

use glam::{DMat4, DQuat, DVec3};
use gltf::json::accessor::Type;
use gltf::json::camera::Type as CameraType;
use gltf::json::extensions::scene::khr_lights_punctual::{Light as JsonLight, Type as LightType};
use gltf::json::scene::Node as Json;
use gltf::json::validation::Checked;

use super::Source;
use crate::read::ReadError;
use crate::read::budget::Context;
use crate::read::names::{Names, tidy};
use crate::read::surface;
use crate::scene::{Camera, Fit, LUMENS_PER_WATT, Light, LightKind, Node, Placement, Scene, Skin};
use crate::track::Track;

/// Height of the film back that a glTF camera is given: it states an angle only, and a picture 24 mm high is what
/// photographers count focal lengths for.
pub(super) const BACK_HEIGHT_MM: f64 = 24.0;

/// Where a file's nodes stand in the scene; none for those of other scenes.
pub(super) struct Places {
    pub of: Vec<Option<usize>>,
}

pub(super) fn read(
    source: &Source<'_>,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<Places, ReadError> {
    let root = source.root;
    context.nodes(root.nodes.len() as u64)?;
    cameras(source, scene, context)?;
    lights(source, scene, context)?;
    let parents = parents(&root.nodes, context)?;
    let roots: Vec<usize> = match root
        .scene
        .or_else(|| (!root.scenes.is_empty()).then(|| gltf::json::Index::new(0)))
    {
        Some(index) => super::at(&root.scenes, index, "scene", context)?
            .nodes
            .iter()
            .map(|n| n.value())
            .collect(),
        None => (0..root.nodes.len()).filter(|&n| parents[n].is_none()).collect(),
    };
    let mut places = Places {
        of: vec![None; root.nodes.len()],
    };
    let mut names = Names::default();
    let mut waiting: Vec<(usize, Option<usize>)> = roots.iter().rev().map(|&n| (n, None)).collect();
    while let Some((number, parent)) = waiting.pop() {
        let Some(json) = root.nodes.get(number) else {
            return Err(context.damaged(format!(
                "the scene speaks of node {number}, and has {}",
                root.nodes.len()
            )));
        };
        if parent.is_none() && parents[number].is_some() {
            return Err(tree(
                number,
                json,
                "is at the top of the scene and under another node",
                context,
            ));
        }
        if places.of[number].is_some() {
            return Err(tree(number, json, "is at the top of the scene twice", context));
        }
        let node = node(number, json, parent, &mut names, source, scene, context)?;
        let own = scene.nodes.len();
        scene.nodes.push(node);
        places.of[number] = Some(own);
        let children = json.children.iter().flatten().rev();
        waiting.extend(children.map(|c| (c.value(), Some(own))));
    }
    let elsewhere = places
        .of
        .iter()
        .zip(&root.nodes)
        .filter(|(p, n)| p.is_none() && n.mesh.is_some())
        .count();
    if elsewhere > 0 {
        context.warn(
            "scenes",
            format!("{elsewhere} nodes with meshes belong to other scenes of the file and are left out"),
        );
    }
    skins(source, &places, scene, context)?;
    Ok(places)
}

fn tree(number: usize, json: &Json, what: &'static str, context: &Context<'_>) -> ReadError {
    ReadError::Tree {
        name: context.name.clone(),
        node: json
            .name
            .as_deref()
            .map_or_else(|| format!("node {number}"), tidy),
        what,
    }
}

/// Each node's parent; an error where there are two, or they go round in a circle.
fn parents(nodes: &[Json], context: &Context<'_>) -> Result<Vec<Option<usize>>, ReadError> {
    let mut parents: Vec<Option<usize>> = vec![None; nodes.len()];
    for (number, json) in nodes.iter().enumerate() {
        for child in json.children.iter().flatten().map(|c| c.value()) {
            let Some(slot) = parents.get_mut(child) else {
                return Err(context.damaged(format!(
                    "node {number} has node {child} under it, and there are {}",
                    nodes.len()
                )));
            };
            if child == number {
                return Err(tree(child, &nodes[child], "is under itself", context));
            }
            if slot.is_some() {
                return Err(tree(child, &nodes[child], "is under two nodes", context));
            }
            *slot = Some(number);
        }
    }
    // Every node has one parent at most, so that walking up either ends or goes round.
    let mut sound = vec![false; nodes.len()];
    for start in 0..nodes.len() {
        let (mut at, mut steps) = (Some(start), 0);
        while let Some(node) = at.filter(|&n| !sound[n]) {
            steps += 1;
            if steps > nodes.len() {
                return Err(tree(
                    node,
                    &nodes[node],
                    "is under itself, by way of others",
                    context,
                ));
            }
            at = parents[node];
        }
        let mut at = Some(start);
        while let Some(node) = at.filter(|&n| !sound[n]) {
            sound[node] = true;
            at = parents[node];
        }
    }
    Ok(parents)
}

fn node(
    number: usize,
    json: &Json,
    parent: Option<usize>,
    names: &mut Names,
    source: &Source<'_>,
    scene: &Scene,
    context: &mut Context<'_>,
) -> Result<Node, ReadError> {
    let root = source.root;
    let mut node = Node::named(names.unique(json.name.as_deref(), &format!("node {number}")));
    node.parent = parent;
    node.placement = placement(json);
    if !node.placement.at(0.0).is_finite() {
        return Err(context.not_finite(&node.name, "the placement"));
    }
    let inside = |index: usize, count: usize, what: &str| {
        if index < count {
            return Ok(index);
        }
        Err(context.damaged(format!("node {number} has {what} {index}, and there are {count}")))
    };
    if let Some(mesh) = json.mesh {
        let index = inside(mesh.value(), scene.meshes.len(), "mesh")?;
        node.mesh = Some(index);
        let targets = scene.meshes[index]
            .primitives
            .iter()
            .map(|p| p.morphs.len())
            .max()
            .unwrap_or(0);
        if targets > 0 {
            let given = json.weights.as_ref().or(root.meshes[index].weights.as_ref());
            let weights = (0..targets)
                .map(|t| {
                    given
                        .and_then(|w| w.get(t))
                        .map_or(0.0, |&w| f64::from(surface::sound(w, 0.0)))
                })
                .collect();
            node.morph_weights = Some(Track::constant(weights));
        }
        if let Some(skin) = json.skin {
            node.skin = Some(inside(skin.value(), root.skins.len(), "skin")?);
        }
    }
    if let Some(camera) = json.camera {
        node.camera = Some(inside(camera.value(), scene.cameras.len(), "camera")?);
    }
    let extended = json.extensions.as_ref();
    if let Some(light) = extended.and_then(|e| e.khr_lights_punctual.as_ref()) {
        node.light = Some(inside(light.light.value(), scene.lights.len(), "light")?);
    }
    if let Some(raw) = &source.raw {
        let pointer = format!("/nodes/{number}/extensions/KHR_node_visibility/visible");
        let visible = raw.pointer(&pointer).and_then(|v| v.as_bool()).unwrap_or(true);
        node.visible = Track::constant(visible);
    }
    node.object = node.mesh.is_some();
    Ok(node)
}

fn placement(json: &Json) -> Placement {
    match json.matrix {
        Some(m) => Placement::Matrix(Track::constant(DMat4::from_cols_array(&m.map(f64::from)))),
        None => {
            let translation = json.translation.unwrap_or([0.0; 3]).map(f64::from);
            let rotation = json
                .rotation
                .as_ref()
                .map_or([0.0, 0.0, 0.0, 1.0], |r| r.0)
                .map(f64::from);
            let scale = json.scale.unwrap_or([1.0; 3]).map(f64::from);
            Placement::fixed(DVec3::from(translation), quaternion(rotation), DVec3::from(scale))
        }
    }
}

/// A rotation of length one; none at all where it has no length. What is no number stays so and is found later.
pub(super) fn quaternion(parts: [f64; 4]) -> DQuat {
    let q = DQuat::from_array(parts);
    let length = q.length();
    if length.is_nan() || length > 1e-12 {
        q * (1.0 / length)
    } else {
        DQuat::IDENTITY
    }
}

/// Focal length behind a back 24 mm high for a whole vertical angle of view in radians.
pub(super) fn focal_mm(yfov: f64) -> f64 {
    BACK_HEIGHT_MM / (2.0 * libm::tan(yfov / 2.0))
}

fn cameras(source: &Source<'_>, scene: &mut Scene, context: &mut Context<'_>) -> Result<(), ReadError> {
    let mut names = Names::default();
    for json in &source.root.cameras {
        let name = names.unique(json.name.as_deref(), "camera");
        let camera = match (&json.type_, &json.perspective, &json.orthographic) {
            (Checked::Valid(CameraType::Perspective), Some(p), _) => {
                // Not every exporter writes the shape: then the back is that of a still camera.
                let aspect = p.aspect_ratio.map_or(1.5, f64::from);
                Camera {
                    name,
                    focal_mm: Some(Track::constant(focal_mm(p.yfov.into()))),
                    back_mm: [BACK_HEIGHT_MM * aspect, BACK_HEIGHT_MM],
                    fit: Fit::Height,
                    shift_mm: [0.0; 2],
                    clip_m: [p.znear.into(), p.zfar.map_or(f64::INFINITY, f64::from)],
                }
            }
            (Checked::Valid(CameraType::Orthographic), _, Some(o)) => Camera {
                name,
                focal_mm: None,
                back_mm: [f64::from(o.xmag).abs() * 2000.0, f64::from(o.ymag).abs() * 2000.0],
                fit: Fit::Height,
                shift_mm: [0.0; 2],
                clip_m: [o.znear.into(), o.zfar.into()],
            },
            _ => {
                return Err(context.damaged(format!(
                    "the camera `{name}` is neither perspective nor orthographic"
                )));
            }
        };
        let lens = camera.focal_mm.as_ref().map_or(1.0, |f| f.at(0.0));
        let sound =
            lens.is_finite() && lens > 0.0 && camera.back_mm.iter().all(|v| v.is_finite() && *v > 0.0);
        if !sound || camera.clip_m.iter().any(|v| v.is_nan()) {
            return Err(context.not_finite(&camera.name, "the lens (or one that sees nothing)"));
        }
        scene.cameras.push(camera);
    }
    Ok(())
}

fn lights(source: &Source<'_>, scene: &mut Scene, context: &mut Context<'_>) -> Result<(), ReadError> {
    let extended = source.root.extensions.as_ref();
    let Some(lights) = extended.and_then(|e| e.khr_lights_punctual.as_ref()) else {
        return Ok(());
    };
    let mut names = Names::default();
    for json in &lights.lights {
        let name = names.unique(json.name.as_deref(), "light");
        let kind = light_kind(&name, json, context)?;
        if json.range.is_some() {
            context.warn(
                &name,
                "the distance at which its light is cut off is not carried; it shines on",
            );
        }
        scene.lights.push(Light {
            name,
            kind,
            color: surface::rgb(json.color.map(|v| surface::sound(v, 1.0))),
            intensity: Track::constant(
                f64::from(surface::sound(json.intensity, 1.0).max(0.0)) / LUMENS_PER_WATT,
            ),
        });
    }
    Ok(())
}

fn light_kind(name: &str, json: &JsonLight, context: &Context<'_>) -> Result<LightKind, ReadError> {
    let Checked::Valid(kind) = &json.type_ else {
        return Err(context.damaged(format!(
            "the light `{name}` is neither directional, point nor spot"
        )));
    };
    let degrees = |v: f32, instead: f32| {
        f64::from(surface::sound(v, instead))
            .to_degrees()
            .clamp(0.0, 90.0)
    };
    Ok(match kind {
        // The format says no size: the sun's own, as nearly every one of them stands for it.
        LightType::Directional => LightKind::Sun { angle_deg: 0.53 },
        LightType::Point => LightKind::Point { radius_m: 0.0 },
        LightType::Spot => {
            let (inner, outer) = json.spot.as_ref().map_or((0.0, 45.0), |s| {
                (
                    degrees(s.inner_cone_angle, 0.0),
                    degrees(s.outer_cone_angle, 0.785),
                )
            });
            LightKind::Spot {
                inner_deg: inner.min(outer),
                outer_deg: outer,
                radius_m: 0.0,
            }
        }
    })
}

fn skins(
    source: &Source<'_>,
    places: &Places,
    scene: &mut Scene,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    for (number, json) in source.root.skins.iter().enumerate() {
        let count = json.joints.len();
        let mut joints = Vec::with_capacity(count);
        for joint in &json.joints {
            let place = places.of.get(joint.value()).copied().flatten().ok_or_else(|| {
                context.damaged(format!(
                    "skin {number} has node {} as a joint, which is not in the scene",
                    joint.value()
                ))
            })?;
            joints.push(place);
        }
        let inverse_binds = match json.inverse_bind_matrices {
            Some(index) => {
                let found = source.data.count(index, context)?;
                if found < count as u64 || found > count as u64 + 65_536 {
                    return Err(
                        context.damaged(format!("skin {number} has {found} matrices for {count} joints"))
                    );
                }
                let mut read = source
                    .data
                    .read(index, &[Type::Mat4], context, |layout, _, bytes| {
                        DMat4::from_cols_array(&std::array::from_fn(|i| layout.float(bytes, i).into()))
                    })?;
                read.truncate(count);
                read
            }
            None => vec![DMat4::IDENTITY; count],
        };
        if inverse_binds.iter().any(|m| !m.is_finite()) {
            return Err(context.not_finite(&format!("skin {number}"), "a bind matrix"));
        }
        scene.skins.push(Skin {
            joints,
            inverse_binds,
            geometry_bind: None,
        });
    }
    for node in &scene.nodes {
        let (Some(skin), Some(mesh)) = (node.skin, node.mesh) else {
            continue;
        };
        let count = scene.skins[skin].joints.len();
        let joints = scene.meshes[mesh].primitives.iter().flat_map(|p| &p.joints);
        if let Some(wrong) = joints.flatten().find(|&&j| usize::from(j) >= count) {
            return Err(context.damaged(format!(
                "the mesh of `{}` is moved by joint {wrong}, and its skin has {count}",
                node.name
            )));
        }
    }
    Ok(())
}
