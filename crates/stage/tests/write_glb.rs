//! A .glb as written, read again by the `gltf` crate, which checks what the specification asks for.
#![allow(clippy::expect_used)] // the lint does not see that helpers of tests are tests

use glam::{DMat4, DQuat, DVec3};
use gltf::animation::util::ReadOutputs;
use heirloom_film::{Picture, Size, parse};
use heirloom_picture::Image;
use heirloom_stage::blocking::{Blocked, Context, build};
use heirloom_stage::pose::{Pose, View};
use heirloom_stage::scene::{
    Camera, Light, LightKind, Material, Mesh, Node, Placement, Primitive, Scene, Texture, TextureUse, Wrap,
};
use heirloom_stage::track::{Interpolation, Track};
use heirloom_stage::write_glb::{Written, glb};

const SIZE: Size = Size {
    width: 640,
    height: 360,
};

fn blocked(moves: &str) -> Blocked {
    let text = format!(
        "[film]\ntitle = \"x\"\nsize = [640, 360]\n[[scene]]\nname = \"a\"\n[[scene.shot]]\nname = \"010\"\nframes = \
         48\nkind = \"guided\"\n[scene.shot.blocking]\nsun = {{ from = [40, 30] }}\ncamera = {{ at = [1, 1.5, 5], look_at = \
         \"mother\" }}\nmoves = [{moves}]\nthing = [{{ name = \"sea\", shape = \"water\", size = [20, 20] }}, {{ name = \
         \"mother\", shape = \"figure\", marks = [{{ frame = 6, at = [0, 0, 0] }}, {{ frame = 30, at = [1, 0, 1], turn = [0, \
         300, 0] }}] }}, {{ name = \"child\", shape = \"capsule\", with = \"mother\", at = [0, 1, 0.2] }}, {{ name = \
         \"photo\", shape = \"billboard\", picture = \"a.png\" }}]\n"
    );
    let film = parse("film.toml", &text)
        .map_err(|p| p.to_string())
        .expect("checks")
        .film;
    let shot = &film.scenes[0].shots[0];
    let words = shot.blocking.as_ref().expect("a blocking");
    let pictures = |_: &Picture| Ok(Image::filled(4, 2, [0.5, 0.25, 0.125, 1.0]));
    build(words, Context::of(&film, shot, None, &pictures)).expect("builds")
}

fn read(written: &Written) -> (gltf::Document, Vec<u8>) {
    let file = gltf::Gltf::from_slice(&written.bytes).expect("valid glTF");
    (file.document, file.blob.expect("a binary part"))
}

/// World from node at a time, from the file alone: linear and cubic keys as the specification has them.
fn world(document: &gltf::Document, blob: &[u8], name: &str, time_s: f32) -> DMat4 {
    let parent = |child: usize| {
        document
            .nodes()
            .find(|node| node.children().any(|c| c.index() == child))
    };
    let mut node = document.nodes().find(|node| node.name() == Some(name));
    let mut matrix = DMat4::IDENTITY;
    while let Some(here) = node {
        let (mut t, mut r, s) = here.transform().decomposed();
        for channel in document.animations().flat_map(|a| a.channels()) {
            if channel.target().node().index() != here.index() {
                continue;
            }
            let reader = channel.reader(|_| Some(blob));
            let times: Vec<f32> = reader.read_inputs().expect("times").collect();
            let cubic = channel.sampler().interpolation() == gltf::animation::Interpolation::CubicSpline;
            let after = times.partition_point(|t| *t <= time_s).clamp(1, times.len() - 1);
            let span = times[after] - times[after - 1];
            let u = ((time_s - times[after - 1]) / span).clamp(0.0, 1.0);
            match reader.read_outputs().expect("values") {
                ReadOutputs::Translations(values) => {
                    let values: Vec<[f32; 3]> = values.collect();
                    t = if cubic {
                        let (u2, u3) = (u * u, u * u * u);
                        let (a, b) = (3 * (after - 1), 3 * after);
                        [0, 1, 2].map(|c| {
                            (2.0 * u3 - 3.0 * u2 + 1.0) * values[a + 1][c]
                                + span * (u3 - 2.0 * u2 + u) * values[a + 2][c]
                                + (3.0 * u2 - 2.0 * u3) * values[b + 1][c]
                                + span * (u3 - u2) * values[b][c]
                        })
                    } else {
                        [0, 1, 2].map(|c| values[after - 1][c] * (1.0 - u) + values[after][c] * u)
                    };
                }
                ReadOutputs::Rotations(values) => {
                    let values: Vec<[f32; 4]> = values.into_f32().collect();
                    let q = |v: [f32; 4]| DQuat::from_array(v.map(f64::from));
                    let (a, b) = (q(values[after - 1]), q(values[after]));
                    r = a.slerp(b, f64::from(u)).to_array().map(|v| v as f32);
                }
                _ => {}
            }
        }
        let own = DMat4::from_scale_rotation_translation(
            DVec3::from_array(s.map(f64::from)),
            DQuat::from_array(r.map(f64::from)).normalize(),
            DVec3::from_array(t.map(f64::from)),
        );
        matrix = own * matrix;
        node = parent(here.index());
    }
    matrix
}

#[test]
fn everything_is_where_the_scene_has_it() {
    let blocked = blocked("{ kind = \"crane\", up = 2 }, { kind = \"handheld\", seed = 2 }");
    let written = glb(&blocked.scene, SIZE).expect("written");
    assert_eq!(written.warnings, []);
    let (document, blob) = read(&written);
    for frame in [0.0, 6.0, 10.5, 17.0, 30.0, 47.0] {
        let time_s: f64 = frame / 24.0;
        let pose = Pose::of(&blocked.scene, time_s);
        for (node, matrix) in blocked.scene.nodes.iter().zip(&pose.world) {
            let there = world(&document, &blob, &node.name, time_s as f32);
            let off = (there - *matrix)
                .to_cols_array()
                .iter()
                .fold(0.0_f64, |m, v| m.max(v.abs()));
            assert!(off < 2e-5, "{} at frame {frame} is off by {off}", node.name);
        }
    }
}

#[test]
fn the_camera_sees_the_same_angle() {
    let blocked = blocked("");
    let (document, _) = read(&glb(&blocked.scene, SIZE).expect("written"));
    let camera = document.cameras().next().expect("a camera");
    let gltf::camera::Projection::Perspective(lens) = camera.projection() else {
        unreachable!("a lens")
    };
    let pose = Pose::of(&blocked.scene, 0.0);
    let view = View::of(&blocked.scene, &pose, blocked.camera_node, SIZE).expect("a view");
    // A point at the upper edge of the picture lies at half the angle.
    let up = f64::from(lens.yfov() / 2.0).tan();
    let point = view
        .world_from_camera
        .transform_point3(DVec3::new(0.0, up * 3.0, -3.0));
    let (pixel, _) = view.project(point).expect("before the camera");
    assert!(pixel.y.abs() < 1e-3, "{pixel}");
    assert!((lens.aspect_ratio().expect("a shape") - 640.0 / 360.0).abs() < 1e-6);
}

/// The JSON of a .glb, for what the `gltf` crate does not know.
fn json(written: &Written) -> serde_json::Value {
    let length = u32::from_le_bytes(written.bytes[12..16].try_into().expect("four bytes")) as usize;
    serde_json::from_slice(&written.bytes[20..20 + length]).expect("JSON")
}

#[test]
fn an_animated_lens_is_not_lost() {
    let blocked = blocked("{ kind = \"zoom\", to_mm = 70, frames = [0, 48], ease = \"linear\" }");
    let json = json(&glb(&blocked.scene, SIZE).expect("written"));
    assert!(
        json["extensionsUsed"]
            .as_array()
            .expect("used")
            .contains(&"KHR_animation_pointer".into())
    );
    let channels = json["animations"][0]["channels"].as_array().expect("channels");
    let pointer = channels
        .iter()
        .filter_map(|c| c.pointer("/target/extensions/KHR_animation_pointer/pointer"))
        .next();
    assert_eq!(pointer, Some(&"/cameras/0/perspective/yfov".into()));
    let extras = &json["cameras"][0]["extras"];
    assert_eq!(extras["film_back_mm"], serde_json::json!([36.0, 24.0]));
    let lens = extras["focal_mm"]["values"].as_array().expect("a lens a frame");
    assert_eq!((lens[0].as_f64(), lens.len()), (Some(35.0), 49));
    assert!((lens[48].as_f64().expect("a number") - 70.0).abs() < 1e-9);
}

/// A triangle with every part a primitive can have.
fn triangle() -> Primitive {
    Primitive {
        positions: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        normals: vec![[0.0, 0.0, 2.0]; 3],
        uvs: vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
        colors: vec![[0.2, 0.4, 0.6, 0.5]; 3],
        triangles: vec![[0, 1, 2]],
        material: Some(0),
        ..Primitive::default()
    }
}

#[test]
fn colours_pictures_and_lights_go_over() {
    let grey = Image::filled(2, 2, [0.5, 0.5, 0.5, 1.0]);
    let scene = Scene {
        nodes: vec![
            Node {
                mesh: Some(0),
                ..Node::named("paper")
            },
            Node {
                light: Some(0),
                ..Node::named("lamp")
            },
            Node {
                light: Some(1),
                ..Node::named("sky")
            },
        ],
        meshes: vec![Mesh {
            name: "paper".into(),
            primitives: vec![triangle(), Primitive::default()],
        }],
        materials: vec![Material {
            base_texture: Some(TextureUse {
                texture: 0,
                transform: [[0.0, 2.0, 0.25], [-3.0, 0.0, 0.5]],
            }),
            emission: [4.0, 4.0, 4.0],
            lit: false,
            ..Material::default()
        }],
        textures: vec![Texture {
            name: "grey".into(),
            image: grey,
            wrap: [Wrap::Clamp, Wrap::Mirror],
        }],
        lights: vec![
            Light {
                name: "lamp".into(),
                kind: LightKind::Spot {
                    inner_deg: 20.0,
                    outer_deg: 40.0,
                    radius_m: 0.0,
                },
                color: [1.0; 3],
                intensity: Track::constant(2.0),
            },
            Light {
                name: "sky".into(),
                kind: LightKind::Dome(Box::new([[0.0; 3]; 9])),
                color: [1.0; 3],
                intensity: Track::constant(1.0),
            },
        ],
        ..Scene::default()
    };
    let written = glb(&scene, SIZE).expect("written");
    assert_eq!(written.warnings.len(), 1, "{:?}", written.warnings);
    assert!(written.warnings[0].what.contains("from all sides"));
    let (document, blob) = read(&written);
    let primitive = document
        .meshes()
        .next()
        .expect("a mesh")
        .primitives()
        .next()
        .expect("a triangle");
    let reader = primitive.reader(|_| Some(blob.as_slice()));
    assert_eq!(
        reader.read_normals().expect("normals").next(),
        Some([0.0, 0.0, 1.0])
    );
    let corners: Vec<u32> = reader.read_indices().expect("corners").into_u32().collect();
    assert_eq!(corners, [0, 1, 2]);
    // Grey is grey in any space; the picture is what a display shows.
    let material = primitive.material();
    assert!(material.unlit());
    let base = material.pbr_metallic_roughness();
    assert!(
        base.base_color_factor()[..3]
            .iter()
            .all(|v| (v - 0.5).abs() < 1e-5)
    );
    let shift = base
        .base_color_texture()
        .expect("a picture")
        .texture_transform()
        .expect("a transform");
    // u' = 2v + 0.25, v' = −3u + 0.5, in the extension's own terms: turned by a quarter and scaled.
    assert_eq!((shift.offset(), shift.scale()), ([0.25, 0.5], [3.0, 2.0]));
    assert!((shift.rotation() - std::f32::consts::FRAC_PI_2).abs() < 1e-6);
    assert_eq!(material.emissive_strength(), Some(4.0));
    let lamp = document.lights().expect("lights").next().expect("a lamp");
    assert!((lamp.intensity() - 2.0 * 683.0).abs() < 1e-2);
    let view = document.images().next().expect("a picture");
    let gltf::image::Source::View { view, .. } = view.source() else {
        unreachable!("a picture within the file")
    };
    let bytes = &blob[view.offset()..view.offset() + view.length()];
    let photo = heirloom_picture::photo::decode(bytes, "grey").expect("a PNG");
    assert!((photo.image.at(0, 0)[1] - 0.5).abs() < 0.005);
}

#[test]
fn matrices_become_parts_and_shear_is_said() {
    let mirrored = DMat4::from_scale_rotation_translation(
        DVec3::new(-1.0, 2.0, 3.0),
        DQuat::from_xyzw(0.5, 0.5, 0.5, 0.5),
        DVec3::new(1.0, 2.0, 3.0),
    );
    let mut sheared = DMat4::IDENTITY;
    sheared.y_axis.x = 0.5;
    let moving = Track::keys(
        vec![0.0, 1.0],
        vec![mirrored, DMat4::from_translation(DVec3::X) * mirrored],
        Interpolation::Linear,
    );
    let node = |name: &str, track| Node {
        placement: Placement::Matrix(track),
        ..Node::named(name)
    };
    let scene = Scene {
        nodes: vec![
            node("still", Track::constant(mirrored)),
            node("moving", moving.expect("a track")),
            node("sheared", Track::constant(sheared)),
        ],
        ..Scene::default()
    };
    let written = glb(&scene, SIZE).expect("written");
    assert_eq!(written.warnings.len(), 1);
    assert_eq!(written.warnings[0].subject, "sheared");
    let (document, blob) = read(&written);
    for (name, x) in [("still", 0.0), ("moving", 0.5)] {
        let there = world(&document, &blob, name, 0.5);
        let wanted = DMat4::from_translation(DVec3::X * x) * mirrored;
        let off = (there - wanted)
            .to_cols_array()
            .iter()
            .fold(0.0_f64, |m, v| m.max(v.abs()));
        assert!(off < 1e-5, "{name}: {off}");
    }
}

#[test]
fn vertices_that_move_become_morph_targets() {
    let rest = triangle().positions;
    let lifted = |by: f32| rest.iter().map(|p| [p[0], p[1] + by, p[2]]).collect::<Vec<_>>();
    let keys = |count: usize| {
        let times = (0..count).map(|i| i as f64 / 24.0).collect();
        let values = (0..count).map(|i| lifted(i as f32)).collect();
        Track::keys(times, values, Interpolation::Linear).expect("a track")
    };
    let scene = |count| Scene {
        nodes: vec![Node {
            mesh: Some(0),
            ..Node::named("flag")
        }],
        meshes: vec![Mesh {
            name: "flag".into(),
            primitives: vec![Primitive {
                material: None,
                moving: Some(keys(count)),
                ..triangle()
            }],
        }],
        ..Scene::default()
    };
    let written = glb(&scene(3), SIZE).expect("written");
    let (document, blob) = read(&written);
    let primitive = document
        .meshes()
        .next()
        .expect("a mesh")
        .primitives()
        .next()
        .expect("a triangle");
    let reader = primitive.reader(|_| Some(blob.as_slice()));
    let last = reader.read_morph_targets().last().expect("targets");
    let moved: Vec<[f32; 3]> = last.0.expect("places").collect();
    assert_eq!(moved[0], [0.0, 2.0, 0.0]);
    assert_eq!(reader.read_morph_targets().count(), 3);
    let channel = document
        .animations()
        .next()
        .expect("an animation")
        .channels()
        .next()
        .expect("a channel");
    let reader = channel.reader(|_| Some(blob.as_slice()));
    let ReadOutputs::MorphTargetWeights(weights) = reader.read_outputs().expect("weights") else {
        unreachable!("weights")
    };
    let weights: Vec<f32> = weights.into_f32().collect();
    assert_eq!(weights, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    // Of very many keys some are written, and that is said.
    let long = glb(&scene(500), SIZE).expect("written");
    assert_eq!(long.warnings.len(), 1);
    read(&long);
}

#[test]
fn a_scene_that_does_not_hold_together_is_refused() {
    let mut scene = Scene {
        nodes: vec![Node {
            mesh: Some(3),
            ..Node::named("a")
        }],
        ..Scene::default()
    };
    let error = glb(&scene, SIZE).expect_err("no such mesh").to_string();
    assert!(error.contains("the mesh of node a"), "{error}");
    scene.nodes[0].mesh = None;
    scene.nodes[0].parent = Some(0);
    assert!(glb(&scene, SIZE).is_err());
    scene.nodes[0].parent = None;
    scene.nodes[0].camera = Some(0);
    scene.cameras.push(Camera {
        focal_mm: None,
        shift_mm: [1.0, 0.0],
        ..Camera::with_lens("flat", 35.0)
    });
    let written = glb(&scene, SIZE).expect("an orthographic camera");
    assert!(written.warnings[0].what.contains("lens shift"));
    let file = gltf::Gltf::from_slice(&written.bytes).expect("valid glTF");
    assert!(matches!(
        file.cameras().next().expect("a camera").projection(),
        gltf::camera::Projection::Orthographic(_)
    ));
}
