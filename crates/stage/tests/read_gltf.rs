//! glTF 2.0: what a file says, and what comes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end at the first thing wrong"
)]

mod made;

use glam::{DQuat, DVec3};
use heirloom_stage::pose::Pose;
use heirloom_stage::read::{Memory, ReadError, ReadOptions, read_bytes};
use heirloom_stage::scene::{AlphaMode, Fit, LightKind, Scene, Wrap};
use heirloom_stage::summary::summary;
use made::{Maker, base64, near, png, push, read, read_with, warned};
use serde_json::json;

#[test]
fn a_glb_a_data_uri_and_a_buffer_beside_it_are_the_same() {
    let made = Maker::triangle();
    let uri = format!("data:application/octet-stream;base64,{}", base64(&made.buffer));
    let beside = Memory::default().with("parts/a leaf.bin", made.buffer.clone());
    let scenes = [
        made.read().unwrap(),
        read(&made.gltf(&uri), "made.gltf").unwrap(),
        read_with(&made.gltf("parts/a%20leaf.bin"), "made.gltf", &beside).unwrap(),
        read_with(&made.gltf("./other/../parts/a leaf.bin"), "made.gltf", &beside).unwrap(),
    ];
    for scene in &scenes {
        let primitive = &scene.meshes[0].primitives[0];
        assert_eq!(
            primitive.positions,
            [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        );
        assert_eq!(primitive.triangles, [[0, 1, 2]]);
        assert_eq!(scene.nodes[0].name, "leaf");
        assert!(warned(scene, "camera", "no camera"));
    }
}

#[test]
fn strips_fans_and_plain_lists_become_triangles() {
    let triangles = |mode: u32, indices: Option<&[u32]>| {
        let mut made = Maker::empty();
        let corners: Vec<[f32; 3]> = (0..5).map(|i| [i as f32, (i % 2) as f32, 0.0]).collect();
        let positions = made.vectors(&corners);
        let mut primitive = json!({"attributes": {"POSITION": positions}, "mode": mode});
        if let Some(list) = indices {
            let bytes: Vec<u8> = list.iter().map(|i| *i as u8).collect();
            primitive["indices"] = made.accessor(&bytes, 5121, "SCALAR", bytes.len()).into();
        }
        made.json["meshes"] = json!([{"primitives": [primitive]}]);
        made.json["nodes"] = json!([{"mesh": 0}]);
        made.read().unwrap()
    };
    let of = |scene: Scene| scene.meshes[0].primitives[0].triangles.clone();
    assert_eq!(of(triangles(5, None)), [[0, 1, 2], [2, 1, 3], [2, 3, 4]]);
    assert_eq!(of(triangles(6, None)), [[1, 2, 0], [2, 3, 0], [3, 4, 0]]);
    assert_eq!(of(triangles(4, Some(&[4, 3, 2, 1]))), [[4, 3, 2]]);
    assert!(warned(&triangles(4, None), "mesh", "lacks a corner"));
    let lines = triangles(1, None);
    assert!(lines.meshes[0].primitives.is_empty() && warned(&lines, "mesh", "points or lines"));
}

#[test]
fn packed_numbers_become_what_they_stand_for() {
    let mut made = Maker::triangle();
    let whole: Vec<u8> = [0_i16, 0, 0, 0, 300, 0, 0, 0, 0, -20, 7, 0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let positions = made.accessor(&whole, 5122, "VEC3", 3);
    let view = made.json["accessors"][positions]["bufferView"].as_u64().unwrap() as usize;
    made.json["bufferViews"][view]["byteStride"] = 8.into();
    let uvs = made.accessor(&[0, 0, 255, 0, 0, 51, 0, 0], 5121, "VEC2", 3);
    made.json["accessors"][uvs]["normalized"] = true.into();
    let view = made.json["accessors"][uvs]["bufferView"].as_u64().unwrap() as usize;
    made.json["bufferViews"][view]["byteLength"] = 6.into();
    let colors: Vec<u8> = [65_535_u16, 65_535, 65_535, 32_768]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let colors = made.accessor(&colors.repeat(3), 5123, "VEC4", 3);
    made.json["accessors"][colors]["normalized"] = true.into();
    let attributes = &mut made.json["meshes"][0]["primitives"][0]["attributes"];
    *attributes = json!({"POSITION": positions, "TEXCOORD_0": uvs, "COLOR_0": colors});
    made.json["extensionsRequired"] = json!(["KHR_mesh_quantization"]);
    let scene = made.read().unwrap();
    let primitive = &scene.meshes[0].primitives[0];
    assert_eq!(
        primitive.positions,
        [[0.0; 3], [300.0, 0.0, 0.0], [0.0, -20.0, 7.0]]
    );
    assert_eq!(primitive.uvs, [[0.0, 0.0], [1.0, 0.0], [0.0, 0.2]]);
    for (found, expected) in primitive.colors[1].iter().zip([1.0, 1.0, 1.0, 0.5]) {
        assert!(
            (found - expected).abs() < 1e-4,
            "white stays white: {:?}",
            primitive.colors[1]
        );
    }
}

#[test]
fn sparse_elements_replace_others_or_nothing_at_all() {
    let mut made = Maker::triangle();
    let places = made.view(&[2]);
    let values: Vec<u8> = [0.0_f32, 0.0, 5.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let values = made.view(&values);
    let sparse = json!({
        "count": 1,
        "indices": {"bufferView": places, "componentType": 5121},
        "values": {"bufferView": values},
    });
    made.json["accessors"][0]["sparse"] = sparse.clone();
    // A morph target of nothing but what is sparse: zero elsewhere.
    let target = push(
        &mut made.json["accessors"],
        json!({"componentType": 5126, "type": "VEC3", "count": 3, "sparse": sparse}),
    );
    made.json["meshes"][0]["primitives"][0]["targets"] = json!([{"POSITION": target}]);
    made.json["meshes"][0]["weights"] = json!([0.25]);
    let scene = made.read().unwrap();
    let primitive = &scene.meshes[0].primitives[0];
    assert_eq!(primitive.positions, [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 0.0, 5.0]]);
    assert_eq!(
        primitive.morphs[0].positions,
        [[0.0; 3], [0.0; 3], [0.0, 0.0, 5.0]]
    );
    assert_eq!(scene.nodes[0].morph_weights.as_ref().unwrap().at(3.0), [0.25]);
}

#[test]
fn keys_step_go_straight_or_along_curves() {
    let mut made = Maker::triangle();
    let node = |path: &str| json!({"node": 0, "path": path});
    let translations = [0.0, 0.0, 0.0, 2.0, 4.0, 6.0];
    made.channel(&[1.0, 3.0], &translations, "VEC3", "LINEAR", node("translation"));
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let rotations = [0.0, 0.0, 0.0, 1.0, 0.0, half, 0.0, half];
    made.channel(&[0.0, 1.0], &rotations, "VEC4", "STEP", node("rotation"));
    // From 1 with slope 2 to 3 with slope 0, over two seconds.
    let scales: Vec<f32> = [[0.0; 3], [1.0; 3], [2.0; 3], [0.0; 3], [3.0; 3], [0.0; 3]].concat();
    made.channel(&[0.0, 2.0], &scales, "VEC3", "CUBICSPLINE", node("scale"));
    let scene = made.read().unwrap();
    assert!(near(scene.duration_s, 3.0, 1e-9));
    let parts = |time: f64| scene.nodes[0].placement.at(time).to_scale_rotation_translation();
    assert_eq!(parts(0.0).2, DVec3::ZERO);
    assert!(parts(2.0).2.distance(DVec3::new(1.0, 2.0, 3.0)) < 1e-6);
    assert!(parts(9.0).2.distance(DVec3::new(2.0, 4.0, 6.0)) < 1e-6);
    assert!(parts(0.99).1.angle_between(DQuat::IDENTITY) < 1e-6);
    assert!(near(
        parts(1.0).1.angle_between(DQuat::IDENTITY),
        std::f64::consts::FRAC_PI_2,
        1e-6
    ));
    // Hermite at 0.5: half of both ends and an eighth of the slopes by the span.
    let expected = 0.5 * 1.0 + 0.5 * 3.0 + 0.125 * 2.0 * 2.0;
    assert!(near(parts(1.0).0.x, expected, 1e-6), "{}", parts(1.0).0);
}

#[test]
fn one_animation_can_be_named() {
    let mut made = Maker::triangle();
    let target = json!({"node": 0, "path": "translation"});
    made.channel(
        &[0.0, 1.0],
        &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        "VEC3",
        "LINEAR",
        target,
    );
    let mut second = made.json["animations"][0].clone();
    second["name"] = "rest".into();
    second["channels"] = json!([]);
    push(&mut made.json["animations"], second);
    let with = |name: &str| {
        let options = ReadOptions {
            animation: Some(name.into()),
            ..ReadOptions::default()
        };
        read_bytes(made.glb(), "made.glb", None, &Memory::default(), &options)
    };
    assert!(!with("move").unwrap().nodes[0].placement.is_constant());
    assert!(with("rest").unwrap().nodes[0].placement.is_constant());
    let error = with("walk").unwrap_err();
    assert!(
        matches!(error, ReadError::NoAnimation { .. }) && error.to_string().contains("`move`, `rest`"),
        "{error}"
    );
}

#[test]
fn cameras_have_the_lens_that_their_angle_asks_for() {
    let mut made = Maker::triangle();
    // 2·atan(12/50): a 50 mm lens before a back 24 mm high.
    let angle = 2.0 * (12.0_f64 / 50.0).atan();
    made.json["cameras"] = json!([
        {"name": "normal", "type": "perspective", "perspective": {"yfov": angle, "aspectRatio": 1.5, "znear": 0.5}},
        {"name": "plan", "type": "orthographic", "orthographic": {"xmag": 3.0, "ymag": 2.0, "znear": 0.0, "zfar": 9.0}},
    ]);
    made.json["nodes"] = json!([{"mesh": 0, "children": [1, 2]}, {"camera": 0}, {"camera": 1}]);
    let scene = made.read().unwrap();
    let (normal, plan) = (&scene.cameras[0], &scene.cameras[1]);
    assert!(near(normal.focal_mm.as_ref().unwrap().at(0.0), 50.0, 1e-4));
    assert!(near(normal.back_mm[0], 36.0, 1e-6) && near(normal.back_mm[1], 24.0, 1e-6));
    assert_eq!((normal.fit, normal.clip_m), (Fit::Height, [0.5, f64::INFINITY]));
    assert!(plan.focal_mm.is_none());
    assert_eq!((plan.back_mm, plan.clip_m), ([6000.0, 4000.0], [0.0, 9.0]));
    assert!(!warned(&scene, "camera", "no camera"));
    assert_eq!(scene.nodes[2].parent, Some(0));
}

/// Blender leaves the animated lens out of glTF; other exporters write it as KHR_animation_pointer, over which the
/// `gltf` crate's own parser stumbles.
#[test]
fn a_pointer_can_move_the_lens_a_light_and_what_is_seen() {
    let mut made = Maker::triangle();
    let angle = |mm: f32| 2.0 * (12.0 / mm).atan();
    made.json["cameras"] =
        json!([{"type": "perspective", "perspective": {"yfov": angle(35.0), "znear": 0.1}}]);
    made.json["extensions"] =
        json!({"KHR_lights_punctual": {"lights": [{"type": "point", "intensity": 5.0}]}});
    made.json["extensionsUsed"] = json!([
        "KHR_animation_pointer",
        "KHR_lights_punctual",
        "KHR_node_visibility"
    ]);
    made.json["nodes"] = json!([
        {"mesh": 0, "children": [1, 2]},
        {"camera": 0},
        {"extensions": {"KHR_lights_punctual": {"light": 0}, "KHR_node_visibility": {"visible": false}}},
    ]);
    let pointer =
        |to: &str| json!({"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": to}}});
    let lens = [angle(35.0), angle(70.0)];
    made.channel(
        &[0.0, 2.0],
        &lens,
        "SCALAR",
        "LINEAR",
        pointer("/cameras/0/perspective/yfov"),
    );
    let light = "/extensions/KHR_lights_punctual/lights/0/intensity";
    made.channel(&[0.0, 1.0], &[5.0, 9.0], "SCALAR", "LINEAR", pointer(light));
    let seen = "/nodes/0/extensions/KHR_node_visibility/visible";
    made.channel(&[0.0, 1.5], &[1.0, 0.0], "SCALAR", "STEP", pointer(seen));
    made.channel(
        &[0.0, 1.0],
        &[1.0, 0.0],
        "SCALAR",
        "LINEAR",
        pointer("/materials/0/alphaCutoff"),
    );
    let lift = [0.0, 0.0, 0.0, 0.0, 3.0, 0.0];
    made.channel(
        &[0.0, 1.0],
        &lift,
        "VEC3",
        "LINEAR",
        pointer("/nodes/1/translation"),
    );
    let scene = made.read().unwrap();
    let focal = scene.cameras[0].focal_mm.as_ref().unwrap();
    assert!(near(focal.at(0.0), 35.0, 1e-3) && near(focal.at(2.0), 70.0, 1e-3));
    assert!(near(scene.lights[0].intensity.at(0.5), 7.0 / 683.0, 1e-8));
    assert_eq!(
        [1.0, 2.0].map(|t| Pose::of(&scene, t).visible),
        [[true, true, false], [false; 3]]
    );
    assert!(near(scene.nodes[1].placement.at(1.0).w_axis.y, 3.0, 1e-6));
    assert!(warned(&scene, "/materials/0/alphaCutoff", "not carried"));
}

#[test]
fn lights_keep_their_units() {
    let mut made = Maker::triangle();
    made.json["extensionsUsed"] = json!(["KHR_lights_punctual"]);
    made.json["extensions"] = json!({"KHR_lights_punctual": {"lights": [
        {"type": "directional", "intensity": 1000.0, "name": "noon"},
        {"type": "spot", "intensity": 20.0, "color": [1.0, 1.0, 1.0],
         "spot": {"innerConeAngle": 0.25, "outerConeAngle": 0.5}},
        {"type": "point", "range": 10.0, "name": "bulb"},
    ]}});
    let light = |l: usize| json!({"extensions": {"KHR_lights_punctual": {"light": l}}});
    made.json["nodes"] = json!([{"mesh": 0, "children": [1, 2, 3]}, light(0), light(1), light(2)]);
    let scene = made.read().unwrap();
    assert!(matches!(scene.lights[0].kind, LightKind::Sun { .. }));
    assert_eq!(scene.lights[0].intensity.at(0.0), 1000.0 / 683.0);
    match scene.lights[1].kind {
        LightKind::Spot {
            inner_deg, outer_deg, ..
        } => {
            assert!(
                near(inner_deg, 0.25_f64.to_degrees(), 1e-5) && near(outer_deg, 0.5_f64.to_degrees(), 1e-5)
            );
        }
        ref other => panic!("{other:?}"),
    }
    assert!(
        scene.lights[1].color.iter().all(|c| (c - 1.0).abs() < 1e-5),
        "white stays white"
    );
    assert!(warned(&scene, "bulb", "cut off"));
    assert_eq!(summary(&scene).lights[0].unit, "W/m²");
}

#[test]
fn pictures_lie_on_surfaces_as_the_file_says() {
    let mut made = Maker::triangle();
    let uvs = made.floats(&[0.0, 0.0, 1.0, 0.0, 0.0, 1.0], "VEC2");
    made.json["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_1"] = uvs.into();
    made.json["meshes"][0]["primitives"][0]["material"] = 0.into();
    let inside = made.view(&png(2, 1, [255, 255, 255, 255]));
    made.json["images"] = json!([
        {"bufferView": inside, "mimeType": "image/png", "name": "white"},
        {"uri": "red.png"},
        {"uri": "gone.png"},
    ]);
    made.json["samplers"] = json!([{"wrapS": 33071, "wrapT": 33648}]);
    made.json["textures"] = json!([{"source": 0, "sampler": 0}, {"source": 1}, {"source": 2}, {}]);
    let turned = json!({"KHR_texture_transform": {
        "offset": [0.5, 0.25], "scale": [2.0, 3.0], "rotation": std::f32::consts::FRAC_PI_2,
    }});
    let with = |texture: usize| json!({"pbrMetallicRoughness": {"baseColorTexture": {"index": texture}}});
    made.json["materials"] = json!([
        {
            "name": "sign", "doubleSided": true, "alphaMode": "MASK", "alphaCutoff": 0.3,
            "pbrMetallicRoughness": {"baseColorTexture": {"index": 0, "texCoord": 1, "extensions": turned}},
        },
        with(1), with(2), with(3),
        {
            "alphaMode": "BLEND", "emissiveFactor": [0.5, 0.5, 0.5],
            "pbrMetallicRoughness": {"baseColorFactor": [1.0, 1.0, 1.0, 0.5]},
            "extensions": {"KHR_materials_unlit": {}, "KHR_materials_emissive_strength": {"emissiveStrength": 4.0}},
        },
    ]);
    let files = Memory::default().with("red.png", png(1, 1, [255, 0, 0, 128]));
    let scene = read_with(&made.glb(), "made.glb", &files).unwrap();
    let [sign, red, gone, empty, glow] = &scene.materials[..] else {
        panic!("{:?}", scene.materials)
    };
    assert_eq!(
        (sign.alpha, sign.double_sided, sign.lit),
        (AlphaMode::Mask(0.3), true, true)
    );
    let used = sign.base_texture.unwrap();
    assert_eq!(scene.textures[used.texture].wrap, [Wrap::Clamp, Wrap::Mirror]);
    assert_eq!(scene.textures[used.texture].name, "white");
    // A quarter turn counter-clockwise as seen, with v going down: (1, 0) goes up, (0, 1) goes right.
    let turn = |u: f32, v: f32| {
        [0, 1].map(|r| used.transform[r][0] * u + used.transform[r][1] * v + used.transform[r][2])
    };
    for (found, expected) in [(turn(1.0, 0.0), [0.5, -1.75]), (turn(0.0, 1.0), [3.5, 0.25])] {
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5),
            "{found:?}, not {expected:?}"
        );
    }
    assert_eq!(scene.meshes[0].primitives[0].uvs[1], [1.0, 0.0]);
    // A surface that is said to be opaque is, whatever its picture's alpha.
    let red = &scene.textures[red.base_texture.unwrap().texture];
    assert_eq!((red.image.at(0, 0)[3], red.wrap), (1.0, [Wrap::Repeat; 2]));
    assert!(gone.base_texture.is_none() && warned(&scene, "gone.png", "no such file"));
    assert!(empty.base_texture.is_none() && warned(&scene, "texture 3", "not read"));
    assert_eq!((glow.alpha, glow.lit), (AlphaMode::Blend, false));
    assert!((glow.emission[0] - 2.0).abs() < 1e-5 && (glow.base_color[3] - 0.5).abs() < 1e-6);
}

#[test]
fn extensions_are_read_refused_or_named() {
    let with = |list: &str, name: &str| {
        let mut made = Maker::triangle();
        made.json[list] = json!([name]);
        made.read()
    };
    let error = with("extensionsRequired", "KHR_draco_mesh_compression").unwrap_err();
    assert!(matches!(error, ReadError::Unsupported { .. }), "{error}");
    assert!(
        error.to_string().contains("KHR_draco_mesh_compression")
            && error.to_string().contains("without mesh")
    );
    let scene = with("extensionsUsed", "EXT_mesh_gpu_instancing").unwrap();
    assert!(warned(&scene, "EXT_mesh_gpu_instancing", "shown once"));
    assert!(
        with("extensionsRequired", "KHR_texture_transform")
            .unwrap()
            .warnings
            .len()
            == 1,
        "no camera, nothing else"
    );
}

#[test]
fn names_are_made_unique_and_fit_to_print() {
    let mut made = Maker::triangle();
    made.json["scenes"] = json!([{"nodes": [0, 1, 2, 3, 4]}]);
    made.json["nodes"] = json!([{"name": "a"}, {"name": "a"}, {}, {"name": "a 2"}, {"name": "b\u{1b}[2J\n"}]);
    let scene = made.read().unwrap();
    let names: Vec<&str> = scene.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["a", "a 2", "node 2", "a 2 2", "b_[2J_"]);
}

#[test]
fn only_the_default_scene_is_shown() {
    let mut made = Maker::triangle();
    made.json["nodes"] = json!([{"name": "there", "mesh": 0}, {"name": "here", "mesh": 0}]);
    made.json["scenes"] = json!([{"nodes": [0]}, {"nodes": [1]}]);
    made.json["scene"] = 1.into();
    let scene = made.read().unwrap();
    assert_eq!(scene.nodes.len(), 1);
    assert_eq!(scene.nodes[0].name, "here");
    assert!(warned(&scene, "scenes", "1 nodes"));
}

#[test]
fn five_joints_a_vertex_are_the_four_strongest() {
    let mut made = Maker::triangle();
    let joints = made.accessor(&[0, 1, 2, 3].repeat(3), 5121, "VEC4", 3);
    let more = made.accessor(&[4, 0, 0, 0].repeat(3), 5121, "VEC4", 3);
    let weights = made.floats(&[0.1, 0.2, 0.2, 0.2].repeat(3), "VEC4");
    let more_weights = made.floats(&[0.3, 0.0, 0.0, 0.0].repeat(3), "VEC4");
    let attributes = &mut made.json["meshes"][0]["primitives"][0]["attributes"];
    attributes["JOINTS_0"] = joints.into();
    attributes["WEIGHTS_0"] = weights.into();
    attributes["JOINTS_1"] = more.into();
    attributes["WEIGHTS_1"] = more_weights.into();
    made.json["nodes"] = json!([{"mesh": 0, "skin": 0, "children": [1, 2, 3, 4, 5]}, {}, {}, {}, {}, {}]);
    made.json["skins"] = json!([{"joints": [1, 2, 3, 4, 5]}]);
    let scene = made.read().unwrap();
    let primitive = &scene.meshes[0].primitives[0];
    assert_eq!(primitive.joints[0], [4, 1, 2, 3]);
    assert!((primitive.weights[0].iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert!((primitive.weights[0][0] - 0.3 / 0.9).abs() < 1e-6);
    assert!(warned(&scene, "leaf", "four strongest"));
    assert_eq!(scene.skins[0].joints, [1, 2, 3, 4, 5]);
}
