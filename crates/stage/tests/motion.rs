//! Motion and what is hidden, held against projections and rays.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SMALL, add, ball, camera, cube, ground, keyed, render, set, shot};
use glam::{DMat4, DQuat, DVec2, DVec3};
use heirloom_film::{Rate, Size};
use heirloom_stage::passes::{Passes, Wanted};
use heirloom_stage::pose::{Pose, View, frame_time_s};
use heirloom_stage::scene::{Placement, Primitive, Scene};
use heirloom_stage::track::{Interpolation, Track};

const FRAMES: u32 = 100;

/// Bilinear at a place, where all four pixels show the object.
fn sample(values: &[[f32; 2]], ids: &[u32], id: u32, size: Size, at: DVec2) -> Option<DVec2> {
    let corner = at - 0.5;
    let (x, y) = (corner.x.floor(), corner.y.floor());
    if x < 0.0 || y < 0.0 || x + 1.0 >= f64::from(size.width) || y + 1.0 >= f64::from(size.height) {
        return None;
    }
    let (fx, fy) = (corner.x - x, corner.y - y);
    let mut sum = DVec2::ZERO;
    for (dx, dy, w) in [
        (0, 0, (1.0 - fx) * (1.0 - fy)),
        (1, 0, fx * (1.0 - fy)),
        (0, 1, (1.0 - fx) * fy),
        (1, 1, fx * fy),
    ] {
        let i = (y as usize + dy) * size.width as usize + x as usize + dx;
        if ids[i] != id {
            return None;
        }
        sum += DVec2::new(values[i][0].into(), values[i][1].into()) * w;
    }
    Some(sum)
}

/// Follows points of a thing that moves and turns, under a camera that moves and zooms; how many could be followed, and
/// how far the worst strayed.
fn follow(thing: Primitive) -> (usize, f64) {
    let size = Size {
        width: 320,
        height: 180,
    };
    let mut scene = Scene::default();
    add(&mut scene, "ground", ground(50.0), Placement::default());
    let moving = add(
        &mut scene,
        "thing",
        thing,
        keyed(
            (0..6)
                .map(|t| DVec3::new(0.3 * f64::from(t) - 0.7, 1.5, -6.0 + 0.2 * f64::from(t)))
                .collect(),
            (0..6)
                .map(|t| {
                    DQuat::from_rotation_z(0.4 * f64::from(t)) * DQuat::from_rotation_x(0.05 * f64::from(t))
                })
                .collect(),
            1.2,
        ),
    );
    let zoom = Track::keys(vec![0.0, 6.0], vec![28.0, 44.0], Interpolation::Linear).unwrap();
    let camera = camera(
        &mut scene,
        zoom,
        keyed(
            (0..6)
                .map(|t| {
                    DVec3::new(
                        0.1 * f64::from(t),
                        1.6 + 0.05 * f64::from(t),
                        2.0 - 0.1 * f64::from(t),
                    )
                })
                .collect(),
            (0..6)
                .map(|t| DQuat::from_rotation_y(-0.01 * f64::from(t)))
                .collect(),
            1.0,
        ),
    );
    let shot = shot(camera, size, FRAMES + 1);
    let wanted = Wanted {
        passes: Passes::NEXT | Passes::OBJECTS | Passes::POSITION | Passes::NORMALS,
        ..Wanted::all(0..FRAMES)
    };
    let guides = render(&scene, shot.clone(), &wanted);
    let id = *guides.names.iter().find(|(_, name)| *name == "thing").unwrap().0;
    let at_frame = |frame: u32| {
        let pose = Pose::of(&scene, frame_time_s(shot.start_s, frame.into(), shot.rate));
        let view = View::of(&scene, &pose, camera, size).unwrap();
        (pose.world[moving], view)
    };
    let first = &guides.frames[0];
    let ids = &first.object_id.as_ref().unwrap().values;
    let positions = &first.position_m.as_ref().unwrap().values;
    let (world, _) = at_frame(0);
    let mut followed = 0;
    let mut worst = 0.0f64;
    for i in (0..ids.len()).step_by(97).filter(|i| ids[*i] == id) {
        let start = DVec2::new((i % 320) as f64 + 0.5, (i / 320) as f64 + 0.5);
        let point = DVec3::from_array(positions[i].map(f64::from));
        let local = world.inverse().transform_point3(point);
        let mut place = start;
        let mut off = 0.0f64;
        let whole = (0..FRAMES).all(|frame| {
            let f = &guides.frames[frame as usize];
            let motion = &f.motion_next_px.as_ref().unwrap().values;
            let ids = &f.object_id.as_ref().unwrap().values;
            let Some(step) = sample(motion, ids, id, size, place) else {
                return false;
            };
            // Towards the outline motion bends within a pixel, and between pixels nobody can know how.
            let nearest = place.y as usize * size.width as usize + place.x as usize;
            if f.camera_normal.as_ref().unwrap().values[nearest][2] < 0.5 {
                return false;
            }
            place += step;
            let (world, view) = at_frame(frame + 1);
            let (exact, _) = view.project(world.transform_point3(local)).unwrap();
            off = off.max(exact.distance(place));
            true
        });
        // Points that turn away or come near the outline are lost, not wrong.
        if whole {
            followed += 1;
            worst = worst.max(off);
        }
    }
    (followed, worst)
}

#[test]
fn a_point_followed_for_100_frames_stays_on_its_place() {
    let (followed, worst) = follow(ball(24, 0.0));
    assert!(followed >= 20, "only {followed} points could be followed");
    assert!(worst < 0.01, "a point strayed {worst} px");
    // On flat sides nothing bends between pixels: what is left is the passes' own error.
    let (followed, worst) = follow(cube());
    assert!(followed >= 20, "only {followed} points could be followed");
    assert!(worst < 0.001, "a point strayed {worst} px");
}

#[test]
fn motion_there_is_motion_back() {
    let (scene, camera) = set();
    let guides = render(&scene, shot(camera, SMALL, 3), &Wanted::all(0..2));
    let next = &guides.frames[0].motion_next_px.as_ref().unwrap().values;
    let hidden = &guides.frames[0].occlusion.as_ref().unwrap().values;
    let ids = [0, 1].map(|f| &guides.frames[f].object_id.as_ref().unwrap().values);
    let back = &guides.frames[1].motion_previous_px.as_ref().unwrap().values;
    let mut checked = 0;
    for i in 0..next.len() {
        let at = DVec2::new((i % 160) as f64 + 0.5, (i / 160) as f64 + 0.5);
        let there = at + DVec2::new(next[i][0].into(), next[i][1].into());
        // The ball is left out: its bumps hide one another, so neighbours in the picture are none on it.
        if hidden[i] != 0.0 || ids[0][i] == 0 || guides.names[&ids[0][i]] == "ball" {
            continue;
        }
        if let Some(step) = sample(back, ids[1], ids[0][i], SMALL, there) {
            assert!(
                (there + step).distance(at) < 0.05,
                "pixel {i}: {:?}",
                there + step - at
            );
            checked += 1;
        }
    }
    assert!(checked > 5000, "{checked}");
}

#[test]
fn what_stands_still_does_not_move() {
    let mut scene = Scene::default();
    add(
        &mut scene,
        "ball",
        ball(8, 0.2),
        Placement::fixed(DVec3::new(0.0, 0.0, -4.0), DQuat::IDENTITY, DVec3::ONE),
    );
    let camera = camera(&mut scene, Track::constant(30.0), Placement::default());
    let guides = render(&scene, shot(camera, SMALL, 2), &Wanted::all(0..1));
    let f = &guides.frames[0];
    for p in [&f.motion_next_px, &f.motion_previous_px] {
        assert!(p.as_ref().unwrap().values.iter().all(|m| *m == [0.0; 2]));
    }
    for p in [&f.occlusion, &f.occlusion_previous] {
        assert!(p.as_ref().unwrap().values.iter().all(|o| *o == 0.0));
    }
}

/// Triangles of a scene in the world at a time, with their nodes.
fn soup(scene: &Scene, pose: &Pose) -> Vec<[DVec3; 3]> {
    let mut all = Vec::new();
    for (n, node) in scene.nodes.iter().enumerate() {
        for p in node.mesh.iter().flat_map(|m| &scene.meshes[*m].primitives) {
            let at = |i: u32| {
                pose.world[n].transform_point3(DVec3::from_array(p.positions[i as usize].map(f64::from)))
            };
            all.extend(p.triangles.iter().map(|t| t.map(at)));
        }
    }
    all
}

/// How far along the way from `eye` to `point` (1 is the point) the first triangle is.
fn first_hit(soup: &[[DVec3; 3]], eye: DVec3, point: DVec3) -> f64 {
    let way = point - eye;
    let mut nearest = f64::INFINITY;
    for [a, b, c] in soup {
        let (e1, e2) = (*b - *a, *c - *a);
        let p = way.cross(e2);
        let det = e1.dot(p);
        if det == 0.0 {
            continue;
        }
        let s = eye - *a;
        let u = s.dot(p) / det;
        let q = s.cross(e1);
        let v = way.dot(q) / det;
        let t = e2.dot(q) / det;
        if u >= 0.0 && v >= 0.0 && u + v <= 1.0 && t > 1e-6 {
            nearest = nearest.min(t);
        }
    }
    nearest
}

#[test]
fn what_is_hidden_agrees_with_rays() {
    let (mut scene, camera_node) = set();
    add(
        &mut scene,
        "post",
        cube(),
        keyed(
            vec![DVec3::new(-0.4, 1.5, -2.0), DVec3::new(3.0, 1.5, -2.0)],
            vec![DQuat::IDENTITY],
            0.35,
        ),
    );
    let nodes = ["ground", "ball", "cube", "post"];
    let shot = heirloom_stage::passes::Shot {
        rate: Rate::parse("8").unwrap(),
        ..shot(camera_node, SMALL, 3)
    };
    let guides = render(&scene, shot.clone(), &Wanted::all(1..2));
    let f = &guides.frames[0];
    let ids = &f.object_id.as_ref().unwrap().values;
    let positions = &f.position_m.as_ref().unwrap().values;
    let pose = |frame: f64| Pose::of(&scene, frame_time_s(shot.start_s, frame, shot.rate));
    let now = pose(1.0);
    for (other, pass) in [(2.0, &f.occlusion), (0.0, &f.occlusion_previous)] {
        let pass = &pass.as_ref().unwrap().values;
        let then = pose(other);
        let view = View::of(&scene, &then, camera_node, SMALL).unwrap();
        let eye = view.world_from_camera.w_axis.truncate();
        let soup = soup(&scene, &then);
        let moves: Vec<DMat4> = nodes
            .iter()
            .map(|n| {
                let n = scene.nodes.iter().position(|node| node.name == *n).unwrap();
                then.world[n] * now.world[n].inverse()
            })
            .collect();
        let (mut hidden, mut differ, mut checked) = (0, 0, 0);
        for i in (0..ids.len()).filter(|i| ids[*i] != 0) {
            let name = &guides.names[&ids[i]];
            let node = nodes.iter().position(|n| n == name).unwrap();
            let point = moves[node].transform_point3(DVec3::from_array(positions[i].map(f64::from)));
            let inside = view.project(point).is_some_and(|(p, _)| {
                p.x >= 0.0 && p.y >= 0.0 && p.x < f64::from(SMALL.width) && p.y < f64::from(SMALL.height)
            });
            let exact = !inside || first_hit(&soup, eye, point) < 1.0 - 1e-3;
            checked += 1;
            hidden += usize::from(exact);
            differ += usize::from(exact != (pass[i] == 1.0));
        }
        assert!(hidden > 300, "the set hides only {hidden} of {checked}");
        assert!(
            differ * 200 < checked,
            "{differ} of {checked} differ, {hidden} are hidden"
        );
        assert!(differ * 10 < hidden, "{differ} differ, {hidden} are hidden");
    }
}
