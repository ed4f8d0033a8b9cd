//! Skins, morphs and moving points.
#![allow(clippy::unwrap_used)]

mod common;

use common::{add, ball};
use glam::{DMat4, DQuat, DVec3};
use heirloom_stage::posed::{Cast, Posed};
use heirloom_stage::scene::{Morph, Node, Placement, Primitive, Scene, Skin};
use heirloom_stage::track::{Interpolation, Track};

fn world(posed: &Posed<'_>, instance: usize, vertex: usize) -> DVec3 {
    let placed = &posed.placed[instance];
    let p = DVec3::from_array(placed.positions[vertex].map(f64::from));
    placed.world_from_local.transform_point3(p)
}

#[test]
fn a_skin_bends_and_ignores_its_own_node() {
    let mut scene = Scene::default();
    for (name, y) in [("shoulder", 0.0), ("elbow", 1.0)] {
        let mut joint = Node::named(name);
        joint.parent = (!scene.nodes.is_empty()).then_some(0);
        joint.placement = Placement::fixed(DVec3::new(0.0, y, 0.0), DQuat::IDENTITY, DVec3::ONE);
        scene.nodes.push(joint);
    }
    // Far off, so that f32 alone would not do.
    let far = DVec3::new(20_000.0, 0.0, 0.0);
    scene.nodes[0].placement = Placement::fixed(far, DQuat::IDENTITY, DVec3::ONE);
    scene.nodes[1].placement = Placement::fixed(
        DVec3::Y,
        DQuat::from_rotation_z(std::f64::consts::FRAC_PI_2),
        DVec3::ONE,
    );
    scene.skins.push(Skin {
        joints: vec![0, 1],
        inverse_binds: vec![DMat4::IDENTITY, DMat4::from_translation(DVec3::NEG_Y)],
        geometry_bind: None,
    });
    let arm = Primitive {
        positions: vec![[0.1, 0.5, 0.0], [0.0, 2.0, 0.0], [0.1, 1.0, 0.0]],
        normals: vec![[1.0, 0.0, 0.0]; 3],
        joints: vec![[0, 1, 0, 0]; 3],
        weights: vec![[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]],
        triangles: vec![[0, 1, 2]],
        ..Primitive::default()
    };
    let node = add(
        &mut scene,
        "arm",
        arm,
        Placement::fixed(DVec3::splat(99.0), DQuat::IDENTITY, DVec3::ONE),
    );
    scene.nodes[node].skin = Some(0);
    let cast = Cast::of(&scene).unwrap();
    assert!(cast.instances[0].deforms);
    let posed = Posed::at(&scene, &cast, 0.0);
    let expected = [
        DVec3::new(0.1, 0.5, 0.0),
        DVec3::new(-1.0, 1.0, 0.0),
        DVec3::new(0.05, 1.05, 0.0),
    ];
    for (v, e) in expected.into_iter().enumerate() {
        let off = world(&posed, 0, v).distance(far + e);
        assert!(off < 1e-6, "vertex {v} is {off} m off");
    }
    let n = posed.placed[0].normals[1];
    assert!((n[1] - 1.0).abs() < 1e-6, "{n:?}");
}

#[test]
fn morphs_add_and_points_move() {
    let mut scene = Scene::default();
    let mut p = ball(4, 0.0);
    let count = p.positions.len();
    p.morphs.push(Morph {
        positions: vec![[0.0, 2.0, 0.0]; count],
        normals: Vec::new(),
    });
    let node = add(&mut scene, "face", p.clone(), Placement::default());
    let weights = Track::keys(vec![0.0, 1.0], vec![vec![0.0], vec![1.0]], Interpolation::Linear).unwrap();
    scene.nodes[node].morph_weights = Some(weights);
    let mut cloth = p.clone();
    cloth.morphs.clear();
    let moved: Vec<[f32; 3]> = cloth.positions.iter().map(|v| [v[0] + 4.0, v[1], v[2]]).collect();
    cloth.moving = Some(
        Track::keys(
            vec![0.0, 1.0],
            vec![cloth.positions.clone(), moved],
            Interpolation::Linear,
        )
        .unwrap(),
    );
    add(&mut scene, "cloth", cloth, Placement::default());
    let cast = Cast::of(&scene).unwrap();
    let posed = Posed::at(&scene, &cast, 0.25);
    let rest = DVec3::from_array(p.positions[7].map(f64::from));
    assert!(world(&posed, 0, 7).distance(rest + DVec3::Y * 0.5) < 1e-6);
    assert!(world(&posed, 1, 7).distance(rest + DVec3::X) < 1e-6);
}

#[test]
fn what_does_not_change_shape_is_not_copied() {
    let (scene, _) = common::set();
    let cast = Cast::of(&scene).unwrap();
    let posed = Posed::at(&scene, &cast, 0.5);
    for (i, placed) in posed.placed.iter().enumerate() {
        assert!(std::ptr::eq(
            placed.positions.as_ref(),
            cast.primitive(&scene, i).positions.as_slice()
        ));
    }
    let last = cast.instances.last().unwrap();
    assert_eq!(cast.instance_of(last.first_triangle), cast.instances.len() - 1);
    assert_eq!(cast.instance_of(0), 0);
}
