//! Depth, normals, positions and ids against what geometry says.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SMALL, add, ball, camera, cube, ground, render, set, shot};
use glam::{DQuat, DVec2, DVec3};
use heirloom_film::Size;
use heirloom_stage::passes::{Passes, Wanted};
use heirloom_stage::pose::{Pose, View};
use heirloom_stage::scene::{Node, Placement, Primitive, Scene};
use heirloom_stage::track::Track;
use proptest::prelude::*;

fn fixed(x: f64, y: f64, z: f64) -> Placement {
    Placement::fixed(DVec3::new(x, y, z), DQuat::IDENTITY, DVec3::ONE)
}

#[test]
fn a_plane_is_where_it_is() {
    let mut scene = Scene::default();
    // It reaches behind the camera and far off the picture, so it is clipped.
    add(&mut scene, "ground", ground(5000.0), Placement::default());
    let tilt = DQuat::from_rotation_x(-0.3) * DQuat::from_rotation_z(0.2);
    let camera = camera(
        &mut scene,
        Track::constant(24.0),
        Placement::fixed(DVec3::new(3.0, 1.7, 2.0), tilt, DVec3::ONE),
    );
    let guides = render(&scene, shot(camera, SMALL, 1), &Wanted::all(0..1));
    let f = &guides.frames[0];
    let view = View::of(&scene, &Pose::of(&scene, 0.25), camera, SMALL).unwrap();
    let eye = view.world_from_camera.w_axis.truncate();
    let depths = &f.depth_m.as_ref().unwrap().values;
    let positions = &f.position_m.as_ref().unwrap().values;
    let mut seen = 0;
    for (i, depth) in depths.iter().enumerate() {
        let pixel = DVec2::new((i % 160) as f64 + 0.5, (i / 160) as f64 + 0.5);
        let (_, way) = view.ray(pixel);
        let way = view.world_from_camera.transform_vector3(way);
        let exact = -eye.y / way.y;
        let hit = eye + way * exact;
        if exact > 0.0 && hit.x.abs() < 4990.0 && hit.z.abs() < 4990.0 {
            let depth = f64::from(*depth);
            assert!(
                (depth / exact - 1.0).abs() < 1e-6,
                "pixel {i}: {depth} for {exact}"
            );
            let off = hit.distance(DVec3::from_array(positions[i].map(f64::from)));
            assert!(off < 1e-6 * exact.max(1.0), "pixel {i}: {off} m off");
            assert_eq!(f.world_normal.as_ref().unwrap().values[i], [0.0, 1.0, 0.0]);
            seen += 1;
        } else if exact < 0.0 {
            assert_eq!(*depth, f32::INFINITY);
            assert_eq!(f.object_id.as_ref().unwrap().values[i], 0);
        }
    }
    assert!(seen > 4000, "{seen}");
}

#[test]
fn a_ball_is_round() {
    let mut scene = Scene::default();
    let center = DVec3::new(0.5, 0.2, -5.0);
    let rings = 64;
    add(
        &mut scene,
        "ball",
        ball(rings, 0.0),
        fixed(center.x, center.y, center.z),
    );
    let camera = camera(&mut scene, Track::constant(50.0), Placement::default());
    let guides = render(&scene, shot(camera, SMALL, 1), &Wanted::all(0..1));
    let f = &guides.frames[0];
    let view = View::of(&scene, &Pose::of(&scene, 0.25), camera, SMALL).unwrap();
    // How far a facet's middle lies below the ball.
    let sag = 1.0 - libm::cos(std::f64::consts::PI / rings as f64);
    let ids = &f.object_id.as_ref().unwrap().values;
    let (mut seen, mut wrong) = (0, 0);
    for (i, id) in ids.iter().enumerate() {
        let pixel = DVec2::new((i % 160) as f64 + 0.5, (i / 160) as f64 + 0.5);
        let (_, way) = view.ray(pixel);
        let (a, b, c) = (
            way.length_squared(),
            way.dot(center),
            center.length_squared() - 1.0,
        );
        let square = b * b - a * c;
        if (*id != 0) != (square > 0.0) {
            wrong += 1;
            continue;
        }
        if *id == 0 {
            continue;
        }
        seen += 1;
        let point = DVec3::from_array(f.position_m.as_ref().unwrap().values[i].map(f64::from));
        let radius = point.distance(center);
        assert!(radius < 1.0 + 1e-6 && radius > 1.0 - 2.0 * sag - 1e-6, "{radius}");
        let depth = f64::from(f.depth_m.as_ref().unwrap().values[i]);
        assert!((depth + point.z).abs() < 1e-5);
        let (p, _) = view.project(point).unwrap();
        assert!(p.distance(pixel) < 1e-3, "{p} for {pixel}");
        let normal = DVec3::from_array(f.world_normal.as_ref().unwrap().values[i].map(f64::from));
        assert!((normal.length() - 1.0).abs() < 1e-6);
        assert!(normal.dot((point - center).normalize()) > 0.9995);
        assert_eq!(
            f.world_normal.as_ref().unwrap().values[i],
            f.camera_normal.as_ref().unwrap().values[i]
        );
    }
    assert!(seen > 500 && wrong < 20, "{seen} seen, {wrong} at the outline");
}

#[test]
fn a_closed_mesh_has_no_holes() {
    for (rings, turn) in [(5, 0.1), (16, 0.7), (90, 1.3)] {
        let mut scene = Scene::default();
        let turn = DQuat::from_rotation_y(turn) * DQuat::from_rotation_x(turn * 0.7);
        add(
            &mut scene,
            "shell",
            ball(rings, 0.15),
            Placement::fixed(DVec3::ZERO, turn, DVec3::splat(3.0)),
        );
        let camera = camera(&mut scene, Track::constant(14.0), fixed(0.3, 0.2, 0.4));
        let size = Size {
            width: 333,
            height: 211,
        };
        let guides = render(&scene, shot(camera, size, 1), &Wanted::all(0..1));
        let f = &guides.frames[0];
        let holes = f
            .object_id
            .as_ref()
            .unwrap()
            .values
            .iter()
            .filter(|id| **id == 0)
            .count();
        assert_eq!(holes, 0, "{rings} rings");
        assert!(
            f.depth_m
                .as_ref()
                .unwrap()
                .values
                .iter()
                .all(|d| *d > 0.5 && *d < 4.0)
        );
    }
}

#[test]
fn objects_are_named_and_parts_belong_to_them() {
    let mut scene = Scene::default();
    add(&mut scene, "table", cube(), fixed(-1.5, 0.0, -6.0));
    let mut leg = Node::named("leg");
    leg.mesh = Some(0);
    leg.parent = Some(0);
    leg.object = false;
    leg.placement = fixed(0.0, -2.5, 0.0);
    scene.nodes.push(leg);
    add(&mut scene, "table", cube(), fixed(2.0, 0.0, -7.0));
    let camera = camera(&mut scene, Track::constant(24.0), Placement::default());
    let guides = render(&scene, shot(camera, SMALL, 1), &Wanted::all(0..1));
    let names: Vec<_> = guides.names.iter().map(|(id, n)| (*id, n.as_str())).collect();
    assert_eq!(names, [(1, "table"), (2, "table 2")]);
    let ids = &guides.frames[0].object_id.as_ref().unwrap().values;
    assert!((0..=2).all(|id| ids.contains(&id)));
    // The leg is below the table and has its number.
    let column: Vec<u32> = (0..90).map(|y| ids[y * 160 + 55]).collect();
    let runs = column
        .chunk_by(|a, b| a == b)
        .map(|run| run[0])
        .collect::<Vec<_>>();
    assert_eq!(runs.iter().filter(|id| **id == 1).count(), 2, "{runs:?}");
}

#[test]
fn one_sided_backs_are_not_seen_and_mirrors_turn_round() {
    for mirrored in [false, true] {
        for back in [false, true] {
            let (mut scene, _) = (Scene::default(), ());
            let material = heirloom_stage::scene::Material {
                double_sided: false,
                ..Default::default()
            };
            scene.materials.push(material);
            let mut card = Primitive {
                positions: vec![[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0]],
                triangles: vec![[0, 1, 2]],
                material: Some(0),
                ..Primitive::default()
            };
            card.normals = vec![[0.0, 0.0, 1.0]; 3];
            let turn = DQuat::from_rotation_y(if back { std::f64::consts::PI } else { 0.0 });
            let scale = DVec3::new(if mirrored { -1.0 } else { 1.0 }, 1.0, 1.0);
            add(
                &mut scene,
                "card",
                card,
                Placement::fixed(DVec3::new(0.0, 0.0, -4.0), turn, scale),
            );
            let camera = camera(&mut scene, Track::constant(30.0), Placement::default());
            let guides = render(&scene, shot(camera, SMALL, 1), &Wanted::all(0..1));
            let f = &guides.frames[0];
            let seen = f
                .object_id
                .as_ref()
                .unwrap()
                .values
                .iter()
                .position(|id| *id != 0);
            assert_eq!(seen.is_some(), !back, "mirrored {mirrored}, back {back}");
            if let Some(i) = seen {
                let n = f.world_normal.as_ref().unwrap().values[i];
                assert!(n[2] > 0.99, "{n:?}");
            }
        }
    }
}

fn any_coordinate() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -3.0f32..3.0,
        1 => -1e6f32..1e6,
        1 => prop_oneof![
            Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(f32::MAX), Just(f32::MIN_POSITIVE), Just(0.0),
        ],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        max_global_rejects: 1_000_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn bad_geometry_draws_nothing_wrong(
        positions in prop::collection::vec([any_coordinate(), any_coordinate(), any_coordinate()], 3..24),
        picks in prop::collection::vec([0u32..30, 0u32..30, 0u32..30], 1..24),
        scale in prop_oneof![Just(1.0), Just(0.0), Just(1e30), Just(f64::NAN), Just(-2.0)],
        smooth in any::<bool>(),
    ) {
        let mut scene = Scene::default();
        let normals = if smooth { positions.clone() } else { vec![] };
        let p = Primitive { positions, normals, triangles: picks, ..Primitive::default() };
        let placement = Placement::fixed(DVec3::new(0.0, 0.0, -2.0), DQuat::IDENTITY, DVec3::splat(scale));
        add(&mut scene, "mess", p, placement);
        let camera = camera(&mut scene, Track::constant(20.0), Placement::default());
        let size = Size { width: 48, height: 40 };
        let guides = render(&scene, shot(camera, size, 1), &Wanted::all(0..1));
        let f = &guides.frames[0];
        let ids = &f.object_id.as_ref().unwrap().values;
        for (id, depth) in ids.iter().zip(&f.depth_m.as_ref().unwrap().values) {
            prop_assert_eq!(*id == 0, depth.is_infinite());
            prop_assert!(*depth > 0.0);
        }
        let finite = |v: &[f32]| v.iter().all(|v| v.is_finite());
        prop_assert!(finite(f.color.as_ref().unwrap().0.pixels().as_flattened()));
        for p in [&f.world_normal, &f.camera_normal, &f.position_m] {
            prop_assert!(finite(p.as_ref().unwrap().values.as_flattened()));
        }
        for p in [&f.motion_next_px, &f.motion_previous_px] {
            prop_assert!(finite(p.as_ref().unwrap().values.as_flattened()));
        }
    }

    /// Two triangles that share an edge: each pixel of both together is in exactly one.
    #[test]
    fn a_shared_edge_belongs_to_one(
        corners in prop::array::uniform4([-1.2f32..1.2, -1.2f32..1.2]),
        z in prop::array::uniform4(-4.0f32..-1.0),
    ) {
        let at = |i: usize| [corners[i][0] * -z[i], corners[i][1] * -z[i], z[i]];
        // Corners 2 and 3 on either side of the edge from 0 to 1.
        let side = |i: usize| {
            let [a, b, c] = [corners[0], corners[1], corners[i]];
            (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        };
        prop_assume!(side(2) * side(3) < -1e-4);
        let covered = |triangles: Vec<[u32; 3]>| {
            let mut scene = Scene::default();
            let p = Primitive { positions: (0..4).map(at).collect(), triangles, ..Primitive::default() };
            add(&mut scene, "quad", p, Placement::default());
            let camera = camera(&mut scene, Track::constant(18.0), Placement::default());
            let size = Size { width: 64, height: 48 };
            let wanted = Wanted { passes: Passes::OBJECTS, ..Wanted::all(0..1) };
            let guides = render(&scene, shot(camera, size, 1), &wanted);
            guides.frames[0].object_id.as_ref().unwrap().values.clone()
        };
        let (one, other) = (covered(vec![[0, 1, 2]]), covered(vec![[1, 0, 3]]));
        let both = covered(vec![[0, 1, 2], [1, 0, 3]]);
        for i in 0..both.len() {
            prop_assert_eq!(one[i] + other[i], both[i], "pixel {}", i);
        }
    }
}

/// Found by the property above: a corner so far off that cutting the triangle loses all its digits.
#[test]
fn a_corner_at_the_end_of_f32_is_no_depth_behind_the_camera() {
    let mut scene = Scene::default();
    let p = Primitive {
        positions: vec![
            [f32::MAX, f32::MAX, 0.0],
            [0.0, 0.0, -0.883_201_54],
            [0.0, -2.845_980_2, 0.0],
        ],
        triangles: vec![[0, 1, 2]],
        ..Primitive::default()
    };
    let placement = Placement::fixed(DVec3::new(0.0, 0.0, -2.0), DQuat::IDENTITY, DVec3::splat(-2.0));
    add(&mut scene, "far", p, placement);
    let camera = camera(&mut scene, Track::constant(20.0), Placement::default());
    let size = Size {
        width: 48,
        height: 40,
    };
    let guides = render(&scene, shot(camera, size, 1), &Wanted::all(0..1));
    let depths = &guides.frames[0].depth_m.as_ref().unwrap().values;
    assert!(depths.iter().all(|d| *d > 0.0));
}

#[test]
fn all_of_a_set_is_finite() {
    let (scene, camera) = set();
    let guides = render(&scene, shot(camera, SMALL, 2), &Wanted::all(0..2));
    assert_eq!(guides.frames.len(), 2);
    assert_eq!(guides.names.len(), 3);
    for f in &guides.frames {
        let color = f.color.as_ref().unwrap().0.pixels();
        assert!(
            color
                .iter()
                .all(|p| p.iter().all(|v| v.is_finite()) && p[3] == 1.0)
        );
    }
}
