//! What Blender exports, against what Blender itself says of it: bones, shape keys, eased keys, lens.
//!
//! `tests/data/moving.*` are as `tools/blender/make_reader_pair.py` made them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end at the first thing wrong"
)]

mod made;

use std::collections::BTreeSet;

use glam::DVec3;
use heirloom_film::Size;
use heirloom_stage::pose::{Pose, View};
use heirloom_stage::posed::{Cast, Posed};
use heirloom_stage::read::{ReadOptions, read};
use heirloom_stage::scene::Scene;
use made::{data, near};
use serde_json::Value;

fn scene(name: &str) -> Scene {
    read(&data(name), &ReadOptions::default()).unwrap()
}

fn told() -> Vec<Value> {
    let text = std::fs::read_to_string(data("moving.json")).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    told["frames"].as_array().unwrap().clone()
}

fn vector(v: &Value) -> DVec3 {
    DVec3::from_array([0, 1, 2].map(|i| v[i].as_f64().unwrap()))
}

/// World positions of an object's vertices at a time.
fn vertices(scene: &Scene, object: &str, time_s: f64) -> Vec<DVec3> {
    let cast = Cast::of(scene).unwrap();
    let posed = Posed::at(scene, &cast, time_s);
    let mut found = Vec::new();
    for (instance, placed) in cast.instances.iter().zip(&posed.placed) {
        if cast.names[&instance.object] == object {
            let world = placed.world_from_local;
            let all = placed.positions.iter();
            found.extend(all.map(|p| world.transform_point3(DVec3::from_array(p.map(f64::from)))));
        }
    }
    assert!(!found.is_empty(), "no object {object} in {:?}", cast.names);
    found
}

/// The largest distance from a point of one set to the nearest of the other, both ways.
fn apart(a: &[DVec3], b: &[DVec3]) -> f64 {
    let one_way = |from: &[DVec3], to: &[DVec3]| {
        let nearest = |p: &DVec3| to.iter().map(|q| p.distance(*q)).fold(f64::INFINITY, f64::min);
        from.iter().map(nearest).fold(0.0, f64::max)
    };
    one_way(a, b).max(one_way(b, a))
}

/// Every mesh at every frame that Blender tells of; the exports hold 32-bit floats, and a key for each frame.
fn as_blender_says(file: &str, tolerance_m: f64) {
    let scene = scene(file);
    for frame in told() {
        let time_s = frame["time_s"].as_f64().unwrap();
        for (object, expected) in frame["meshes"].as_object().unwrap() {
            let expected: Vec<DVec3> = expected.as_array().unwrap().iter().map(vector).collect();
            let found = vertices(&scene, object, time_s);
            let apart = apart(&found, &expected);
            assert!(
                apart < tolerance_m,
                "{file}: {object} at {time_s} s is {apart} m off"
            );
        }
    }
}

#[test]
fn a_glb_moves_as_in_blender() {
    as_blender_says("moving.glb", 2e-5);
}

#[test]
fn a_usdc_moves_as_in_blender() {
    as_blender_says("moving.usdc", 2e-5);
}

#[test]
fn cameras_stand_and_look_as_in_blender() {
    for (file, lens_moves) in [("moving.glb", false), ("moving.usdc", true)] {
        let scene = scene(file);
        let node = scene.camera_node(Some("eye")).expect(file);
        for frame in told() {
            let camera = &frame["camera"];
            let pose = Pose::of(&scene, frame["time_s"].as_f64().unwrap());
            let view = View::of(
                &scene,
                &pose,
                node,
                Size {
                    width: 1500,
                    height: 1000,
                },
            )
            .unwrap();
            let world = view.world_from_camera;
            assert!(
                world.w_axis.truncate().distance(vector(&camera["position"])) < 2e-5,
                "{file}"
            );
            assert!(
                (-world.z_axis.truncate()).distance(vector(&camera["forward"])) < 2e-5,
                "{file}"
            );
            assert!(
                world.y_axis.truncate().distance(vector(&camera["up"])) < 2e-5,
                "{file}"
            );
            // Blender's glTF has the lens of the frame it was exported at only.
            let focal_mm = if lens_moves {
                camera["focal_mm"].as_f64().unwrap()
            } else {
                35.0
            };
            assert!(
                near(view.focal_mm, focal_mm, 2e-3),
                "{file}: {} mm, not {focal_mm}",
                view.focal_mm
            );
        }
    }
}

/// The same place of the picture for the same point, from either file.
#[test]
fn both_files_give_the_same_picture() {
    let (glb, usdc) = (scene("moving.glb"), scene("moving.usdc"));
    let size = Size {
        width: 1500,
        height: 1000,
    };
    let view = |scene: &Scene| {
        let node = scene.camera_node(Some("eye")).unwrap();
        View::of(scene, &Pose::of(scene, 0.0), node, size).unwrap()
    };
    let (a, b) = (view(&glb), view(&usdc));
    for point in vertices(&glb, "bar", 0.0) {
        let ((pa, da), (pb, db)) = (a.project(point).unwrap(), b.project(point).unwrap());
        assert!(pa.distance(pb) < 0.01 && near(da, db, 1e-4), "{pa} and {pb}");
    }
    assert!(near(a.clip_m[0], b.clip_m[0], 1e-6) && near(a.clip_m[1], b.clip_m[1], 1e-3));
    assert!(near(glb.duration_s, 1.0, 1e-6) && near(usdc.duration_s, 1.0, 1e-6));
}

#[test]
fn both_files_name_the_same_objects_with_the_same_colours() {
    let (glb, usdc) = (scene("moving.glb"), scene("moving.usdc"));
    let names =
        |scene: &Scene| -> BTreeSet<String> { Cast::of(scene).unwrap().names.into_values().collect() };
    assert_eq!(names(&glb), names(&usdc));
    assert_eq!(
        names(&glb),
        BTreeSet::from(["bar", "box", "plate"].map(String::from))
    );
    for a in &glb.materials {
        let b = usdc.materials.iter().find(|b| b.name == a.name).expect(&a.name);
        for (x, y) in a.base_color.iter().zip(b.base_color) {
            assert!(
                (x - y).abs() < 1e-5,
                "{}: {:?} and {:?}",
                a.name,
                a.base_color,
                b.base_color
            );
        }
    }
}

/// Blender counts watts in USD and lumens (683 a watt) in glTF: what the lights are to each other is the same.
#[test]
fn both_files_keep_the_balance_of_sun_and_bulb() {
    let ratio = |file: &str| {
        let scene = scene(file);
        let strength = |name: &str| {
            let node = scene
                .nodes
                .iter()
                .find(|n| n.light.is_some() && n.name.contains(name))
                .unwrap();
            scene.lights[node.light.unwrap()].intensity.at(0.0)
        };
        strength("sun") / strength("bulb")
    };
    let (glb, usdc) = (ratio("moving.glb"), ratio("moving.usdc"));
    // 3 W/m² against 100 W over the whole sphere.
    let expected = 3.0 / (100.0 / (4.0 * std::f64::consts::PI));
    assert!(
        near(glb, expected, 1e-4) && near(usdc, expected, 1e-4),
        "{glb}, {usdc}, {expected}"
    );
}
