//! A scene as a binary glTF 2.0 file, so that Blender or any other 3D package can go on with it.
//!
//! Nodes, animation, meshes, morph targets, skins, materials, pictures, cameras and lights go over; colours go back to
//! linear Rec. 709, which glTF has. A camera's angle of view is the one it has in a frame of the given size. What glTF
//! says otherwise is written in both ways: an animated lens by KHR_animation_pointer, and once more in millimetres among
//! the camera's `extras`, with its film back. What glTF cannot say is named in a warning.
//!
//! ```
//! use heirloom_film::Size;
//! use heirloom_stage::scene::{Node, Scene};
//! use heirloom_stage::write_glb::glb;
//!
//! let scene = Scene { nodes: vec![Node::named("nobody")], ..Scene::default() };
//! let written = glb(&scene, Size::HD)?;
//! assert_eq!(&written.bytes[..4], b"glTF");
//! assert!(written.warnings.is_empty());
//! # Ok::<(), heirloom_stage::write_glb::GlbError>(())
//! ```

mod look;
mod mesh;
mod motion;
mod pack;

use glam::{DMat4, DQuat, DVec3};
use heirloom_film::Size;
use serde_json::{Map, Value, json};

use crate::scene::{Camera, Fit, LUMENS_PER_WATT, Light, LightKind, Node, Placement, Scene, Warning};
use look::{rec709, unit};
use pack::Pack;

/// A scene as a file.
#[derive(Debug, Clone)]
pub struct Written {
    /// The whole .glb.
    pub bytes: Vec<u8>,
    /// What of the scene the file does not say, or says otherwise.
    pub warnings: Vec<Warning>,
}

/// Why a scene could not be written.
#[derive(Debug, thiserror::Error)]
pub enum GlbError {
    /// The format counts bytes with 32 bits.
    #[error(
        "the scene takes {0} bytes, more than the 4 GiB that a .glb can hold; leave things out or cut the shot shorter"
    )]
    TooLarge(u64),
    /// An index points outside the scene, or a child stands before its parent.
    #[error("the scene does not hold together: {0}; read or build it again")]
    Broken(String),
    /// A picture could not be packed.
    #[error("the picture {name} could not be written: {why}; take it off its material")]
    Picture {
        /// Its name.
        name: String,
        /// What went wrong.
        why: String,
    },
}

/// The scene as a .glb whose cameras see what they see in frames of this size.
///
/// # Errors
/// [`GlbError`]: too much for one file, a scene that does not hold together, a picture that cannot be packed.
pub fn glb(scene: &Scene, size: Size) -> Result<Written, GlbError> {
    check(scene)?;
    let mut pack = Pack::default();
    let mut warnings = Vec::new();
    let images = look::images(scene, &mut pack)?;
    let (materials, textures, samplers) = look::materials(scene, &mut pack);
    let meshes = mesh::meshes(scene, &mut pack, &mut warnings);
    let skins = skins(scene, &mut pack);
    let cameras: Vec<Value> = scene
        .cameras
        .iter()
        .map(|one| camera(one, size, &mut warnings))
        .collect();
    let mut lights = Vec::new();
    let light_of: Vec<Option<usize>> = scene
        .lights
        .iter()
        .map(|one| {
            let json = light(one, &mut warnings)?;
            lights.push(json);
            Some(lights.len() - 1)
        })
        .collect();
    if !lights.is_empty() {
        pack.uses("KHR_lights_punctual");
    }
    let mut nodes: Vec<Map<String, Value>> = Vec::with_capacity(scene.nodes.len());
    for one in &scene.nodes {
        nodes.push(node(scene, one, &light_of, &mut pack));
    }
    let mut roots = Vec::new();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); scene.nodes.len()];
    for (index, one) in scene.nodes.iter().enumerate() {
        match one.parent {
            Some(parent) => children[parent].push(index),
            None => roots.push(index),
        }
    }
    for (node, children) in nodes.iter_mut().zip(children) {
        if !children.is_empty() {
            node.insert("children".into(), json!(children));
        }
    }
    let animation = motion::animation(scene, size, &light_of, &mut pack, &mut warnings);

    let mut root = Map::new();
    root.insert(
        "asset".into(),
        json!({ "version": "2.0", "generator": "Heirloom" }),
    );
    root.insert("scene".into(), json!(0));
    let mut whole = Map::new();
    if !scene.name.is_empty() {
        whole.insert("name".into(), json!(scene.name));
    }
    if !roots.is_empty() {
        whole.insert("nodes".into(), json!(roots));
    }
    root.insert("scenes".into(), json!([whole]));
    let mut list = |key: &str, values: Vec<Value>| {
        if !values.is_empty() {
            root.insert(key.into(), Value::Array(values));
        }
    };
    list("nodes", nodes.into_iter().map(Value::Object).collect());
    list("meshes", meshes);
    list("skins", skins);
    list("cameras", cameras);
    list("materials", materials);
    list("textures", textures);
    list("samplers", samplers);
    list("images", images);
    list("animations", animation.into_iter().collect());
    if !lights.is_empty() {
        root.insert(
            "extensions".into(),
            json!({ "KHR_lights_punctual": { "lights": lights } }),
        );
    }
    warnings.sort();
    warnings.dedup();
    Ok(Written {
        bytes: pack.finish(root)?,
        warnings,
    })
}

/// Whatever the writer relies on.
fn check(scene: &Scene) -> Result<(), GlbError> {
    let broken =
        |node: &Node, what: &str| GlbError::Broken(format!("the {what} of node {} is not there", node.name));
    for (index, node) in scene.nodes.iter().enumerate() {
        let inside = |at: Option<usize>, length: usize| at.is_none_or(|at| at < length);
        let parts = [
            (inside(node.parent, index), "parent"),
            (inside(node.mesh, scene.meshes.len()), "mesh"),
            (inside(node.skin, scene.skins.len()), "skin"),
            (inside(node.camera, scene.cameras.len()), "camera"),
            (inside(node.light, scene.lights.len()), "light"),
        ];
        if let Some((_, what)) = parts.iter().find(|(whole, _)| !whole) {
            return Err(broken(node, what));
        }
    }
    for mesh in &scene.meshes {
        for p in &mesh.primitives {
            let vertices = p.positions.len();
            if p.triangles.iter().flatten().any(|i| *i as usize >= vertices) {
                return Err(GlbError::Broken(format!(
                    "mesh {} has triangles without corners",
                    mesh.name
                )));
            }
        }
    }
    let joints = scene.skins.iter().flat_map(|skin| &skin.joints);
    if joints.into_iter().any(|joint| *joint >= scene.nodes.len()) {
        return Err(GlbError::Broken("a skin has joints that are no nodes".into()));
    }
    Ok(())
}

fn node(scene: &Scene, node: &Node, light_of: &[Option<usize>], pack: &mut Pack) -> Map<String, Value> {
    let mut json = Map::new();
    json.insert("name".into(), json!(node.name));
    let placement = rest(&node.placement);
    if placement.translation != DVec3::ZERO {
        json.insert(
            "translation".into(),
            json!(floats(placement.translation.to_array())),
        );
    }
    if placement.rotation != DQuat::IDENTITY {
        json.insert("rotation".into(), json!(floats(placement.rotation.to_array())));
    }
    if placement.scale != DVec3::ONE {
        json.insert("scale".into(), json!(floats(placement.scale.to_array())));
    }
    if let Some(mesh) = node.mesh.filter(|mesh| !mesh::empty(&scene.meshes[*mesh])) {
        json.insert("mesh".into(), json!(mesh::index(scene, mesh)));
        if let Some(skin) = node.skin {
            json.insert("skin".into(), json!(skin));
        }
        if let Some(weights) = motion::rest_weights(scene, node) {
            json.insert("weights".into(), json!(weights));
        }
    }
    if let Some(camera) = node.camera {
        json.insert("camera".into(), json!(camera));
    }
    let mut extensions = Map::new();
    if let Some(light) = node.light.and_then(|light| light_of[light]) {
        extensions.insert("KHR_lights_punctual".into(), json!({ "light": light }));
    }
    if !node.visible.at(0.0) || !node.visible.is_constant() {
        pack.uses("KHR_node_visibility");
        extensions.insert(
            "KHR_node_visibility".into(),
            json!({ "visible": node.visible.at(0.0) }),
        );
    }
    if !extensions.is_empty() {
        json.insert("extensions".into(), Value::Object(extensions));
    }
    json
}

/// A placement in parts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Parts {
    translation: DVec3,
    rotation: DQuat,
    scale: DVec3,
}

/// Where a node stands at time 0.
fn rest(placement: &Placement) -> Parts {
    match placement {
        Placement::Parts {
            translation,
            rotation,
            scale,
        } => Parts {
            translation: sound(translation.at(0.0)),
            rotation: upright(rotation.at(0.0)),
            scale: sound(scale.at(0.0)),
        },
        Placement::Matrix(track) => parts(&track.at(0.0)).0,
    }
}

/// A matrix in parts, and how far what they make is from it, as a part of its size.
fn parts(matrix: &DMat4) -> (Parts, f64) {
    if !matrix.is_finite() {
        let none = Parts {
            translation: DVec3::ZERO,
            rotation: DQuat::IDENTITY,
            scale: DVec3::ONE,
        };
        return (none, 1.0);
    }
    let (x, y, z) = (
        matrix.x_axis.truncate(),
        matrix.y_axis.truncate(),
        matrix.z_axis.truncate(),
    );
    // A mirrored matrix gets its sign in x.
    let mirrored = x.dot(y.cross(z)) < 0.0;
    let scale = DVec3::new(
        x.length() * if mirrored { -1.0 } else { 1.0 },
        y.length(),
        z.length(),
    );
    let across = (x / scale.x).try_normalize().unwrap_or(DVec3::X);
    let up = y - across * y.dot(across);
    let up = up
        .try_normalize()
        .unwrap_or_else(|| across.any_orthonormal_vector());
    let rotation = DQuat::from_mat3(&glam::DMat3::from_cols(across, up, across.cross(up)));
    let parts = Parts {
        translation: matrix.w_axis.truncate(),
        rotation: upright(rotation),
        scale,
    };
    let made = DMat4::from_scale_rotation_translation(parts.scale, parts.rotation, parts.translation);
    let size = matrix
        .to_cols_array()
        .iter()
        .fold(1e-12_f64, |m, v| m.max(v.abs()));
    let off = (made - *matrix)
        .to_cols_array()
        .iter()
        .fold(0.0_f64, |m, v| m.max(v.abs()));
    (parts, off / size)
}

fn sound(v: DVec3) -> DVec3 {
    if v.is_finite() { v } else { DVec3::ZERO }
}

fn upright(q: DQuat) -> DQuat {
    let length = q.length();
    if length.is_finite() && length > 1e-9 {
        q / length
    } else {
        DQuat::IDENTITY
    }
}

/// Numbers as the file has them, in 32 bits.
fn floats<const N: usize>(values: [f64; N]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

fn skins(scene: &Scene, pack: &mut Pack) -> Vec<Value> {
    scene
        .skins
        .iter()
        .map(|skin| {
            let bind = skin.geometry_bind.unwrap_or(DMat4::IDENTITY);
            let matrices: Vec<[f32; 16]> = (0..skin.joints.len())
                .map(|joint| {
                    let inverse = skin.inverse_binds.get(joint).copied().unwrap_or(DMat4::IDENTITY);
                    let mut columns = (inverse * bind).to_cols_array().map(|v| v as f32);
                    // The file's rule: the last row is exactly that of a place in space.
                    for (i, v) in [(3, 0.0), (7, 0.0), (11, 0.0), (15, 1.0)] {
                        columns[i] = v;
                    }
                    columns
                })
                .collect();
            let accessor = pack.matrices(&matrices);
            json!({ "joints": skin.joints, "inverseBindMatrices": accessor })
        })
        .collect()
}

/// The whole vertical angle of view in radians, in a frame of this size.
fn angle_of_view(camera: &Camera, focal_mm: f64, size: Size) -> f64 {
    let shape = f64::from(size.height) / f64::from(size.width);
    let half_mm = match camera.fit {
        Fit::Width => camera.back_mm[0] * shape / 2.0,
        Fit::Height => camera.back_mm[1] / 2.0,
    };
    // Within what the file allows: above nothing, below half a turn.
    (2.0 * libm::atan2(half_mm, focal_mm)).clamp(1e-5, std::f64::consts::PI - 1e-5)
}

fn camera(camera: &Camera, size: Size, warnings: &mut Vec<Warning>) -> Value {
    let shape = f64::from(size.width) / f64::from(size.height);
    let near = camera.clip_m[0].max(1e-4);
    let far = camera.clip_m[1].max(near * 2.0);
    if camera.shift_mm != [0.0, 0.0] {
        warnings.push(Warning {
            subject: camera.name.clone(),
            what: "glTF has no lens shift; it stands in millimetres in the camera's extras, and the picture is centred"
                .into(),
        });
    }
    let mut extras = json!({ "film_back_mm": camera.back_mm, "shift_mm": camera.shift_mm });
    let Some(focal_mm) = &camera.focal_mm else {
        let (width, height) = match camera.fit {
            Fit::Width => (camera.back_mm[0], camera.back_mm[0] / shape),
            Fit::Height => (camera.back_mm[1] * shape, camera.back_mm[1]),
        };
        return json!({
            "name": camera.name,
            "type": "orthographic",
            "orthographic": {
                "xmag": (width / 2000.0).max(1e-6), "ymag": (height / 2000.0).max(1e-6), "znear": near, "zfar": far,
            },
            "extras": extras,
        });
    };
    extras["focal_mm"] = match focal_mm.is_constant() {
        true => json!(focal_mm.at(0.0)),
        false => json!({ "times_s": focal_mm.times_s(), "values": focal_mm.values() }),
    };
    json!({
        "name": camera.name,
        "type": "perspective",
        "perspective": {
            "aspectRatio": shape,
            "yfov": angle_of_view(camera, focal_mm.at(0.0), size),
            "znear": near,
            "zfar": far,
        },
        "extras": extras,
    })
}

fn light(light: &Light, warnings: &mut Vec<Warning>) -> Option<Value> {
    let mut intensity = light.intensity.at(0.0).max(0.0);
    let mut json = json!({ "name": light.name, "color": rec709(light.color).map(unit) });
    json["type"] = match &light.kind {
        LightKind::Sun { .. } => json!("directional"),
        LightKind::Point { .. } => json!("point"),
        LightKind::Spot {
            inner_deg, outer_deg, ..
        } => {
            let outer = outer_deg.to_radians().clamp(1e-3, std::f64::consts::FRAC_PI_2);
            let inner = inner_deg.to_radians().clamp(0.0, outer - 1e-4);
            json["spot"] = json!({ "innerConeAngle": inner, "outerConeAngle": outer });
            json!("spot")
        }
        LightKind::Area { size_m, round } => {
            let area = size_m[0] * size_m[1] * if *round { std::f64::consts::FRAC_PI_4 } else { 1.0 };
            intensity *= area;
            json["extras"] = json!({ "size_m": size_m, "round": round });
            warnings.push(Warning {
                subject: light.name.clone(),
                what: "glTF has no area light; it is written as a point of the same strength".into(),
            });
            json!("point")
        }
        LightKind::Dome(_) => {
            warnings.push(Warning {
                subject: light.name.clone(),
                what: "glTF has no light from all sides; give the scene an environment in your 3D package"
                    .into(),
            });
            return None;
        }
    };
    let intensity = intensity * LUMENS_PER_WATT;
    json["intensity"] = json!(if intensity.is_finite() { intensity } else { 0.0 });
    Some(json)
}
