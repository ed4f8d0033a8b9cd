//! Words of the set on the stage: every move does what its words say, marks are kept, and the same words are the same
//! scene.
#![allow(clippy::expect_used)] // the lint does not see that helpers of tests are tests

use glam::{DQuat, DVec3};
use heirloom_film::{Blocking, Film, Picture, Shot, Size, parse};
use heirloom_picture::Image;
use heirloom_stage::blocking::{Blocked, BlockingError, Context, build, describe};
use heirloom_stage::pose::{Pose, View, frame_time_s};
use heirloom_stage::scene::{Camera, Node, Placement, Scene};
use heirloom_stage::track::{Interpolation, Track};
use proptest::prelude::*;

const FRAMES: u32 = 48;

fn film(blocking: &str) -> Film {
    let text = format!(
        "[film]\ntitle = \"x\"\nsize = [640, 360]\n[[scene]]\nname = \"a\"\n[[scene.shot]]\nname = \"010\"\nframes = \
         {FRAMES}\nkind = \"guided\"\n[scene.shot.blocking]\n{blocking}"
    );
    parse("film.toml", &text)
        .map_err(|p| p.to_string())
        .expect("checks")
        .film
}

fn parts(film: &Film) -> (&Shot, &Blocking) {
    let shot = &film.scenes[0].shots[0];
    (shot, shot.blocking.as_ref().expect("a blocking"))
}

/// A picture that is dark on the left and white on the right, whatever it is called.
fn ramp(_: &Picture) -> Result<Image, String> {
    let pixels = (0..8 * 4).map(|i| {
        let v = (i % 8) as f32 / 7.0;
        [v, v, v, 1.0]
    });
    Image::from_pixels(8, 4, pixels.collect()).ok_or_else(|| "no picture".into())
}

fn built(blocking: &str) -> (Film, Blocked) {
    let film = film(blocking);
    let (shot, words) = parts(&film);
    let blocked = build(words, Context::of(&film, shot, None, &ramp))
        .map_err(|e| e.to_string())
        .expect("builds");
    (film, blocked)
}

fn failing(blocking: &str, file: Option<Scene>) -> BlockingError {
    let film = film(blocking);
    let (shot, words) = parts(&film);
    build(words, Context::of(&film, shot, file, &ramp)).expect_err(blocking)
}

const SET: &str = "thing = [{ name = \"child\", shape = \"box\", at = [0, 0.5, 0] }]\n";

/// A camera at (0, 1, 6) that looks at the middle of the child, (0, 1, 0), with these moves.
fn moved(moves: &str) -> Blocked {
    built(&format!(
        "camera = {{ at = [0, 1, 6], look_at = \"child\" }}\nmoves = [{moves}]\n{SET}"
    ))
    .1
}

/// The same camera without anything to hold.
fn free(moves: &str) -> Blocked {
    built(&format!(
        "camera = {{ at = [0, 1, 6] }}\nmoves = [{moves}]\n{SET}"
    ))
    .1
}

fn pose(blocked: &Blocked, frame: f64) -> Pose {
    let rate = heirloom_film::Rate::CINEMA;
    Pose::of(&blocked.scene, frame_time_s(blocked.start_s, frame, rate))
}

fn view(blocked: &Blocked, frame: f64) -> View {
    let size = Size {
        width: 640,
        height: 360,
    };
    View::of(&blocked.scene, &pose(blocked, frame), blocked.camera_node, size).expect("a view")
}

/// Where the camera is, where it looks, and its lens.
fn camera(blocked: &Blocked, frame: f64) -> (DVec3, DVec3, f64) {
    let view = view(blocked, frame);
    let matrix = view.world_from_camera;
    (matrix.w_axis.truncate(), -matrix.z_axis.truncate(), view.focal_mm)
}

fn near(a: DVec3, b: DVec3) {
    assert!((a - b).length() < 1e-9, "{a} is not {b}");
}

#[test]
fn a_camera_without_words_stands_and_looks_ahead() {
    let (_, blocked) = built(SET);
    let (at, ahead, lens_mm) = camera(&blocked, 10.0);
    near(at, DVec3::new(0.0, 1.6, 5.0));
    near(ahead, DVec3::NEG_Z);
    assert_eq!(lens_mm, 35.0);
    assert!(blocked.scene.nodes[blocked.camera_node].placement.is_constant());
}

#[test]
fn each_move_goes_as_far_as_its_words_say() {
    for (words, to) in [
        ("kind = \"dolly\", in = 2", [0.0, 1.0, 4.0]),
        ("kind = \"dolly\", out = 1", [0.0, 1.0, 7.0]),
        ("kind = \"truck\", right = 2", [2.0, 1.0, 6.0]),
        ("kind = \"truck\", left = 2", [-2.0, 1.0, 6.0]),
        ("kind = \"pedestal\", up = 1", [0.0, 2.0, 6.0]),
        ("kind = \"crane\", up = 3", [0.0, 4.0, 6.0]),
        ("kind = \"crane\", down = 0.5, boom = 3", [0.0, 0.5, 6.0]),
        ("kind = \"orbit\", degrees = 90", [6.0, 1.0, 0.0]),
        (
            "kind = \"orbit\", degrees = -90, round = [0, 1, 3]",
            [-3.0, 1.0, 3.0],
        ),
        ("kind = \"push-in\", by = 2", [0.0, 1.0, 4.0]),
        ("kind = \"push-in\", to = 1.5", [0.0, 1.0, 1.5]),
        (
            "kind = \"spiral-descent\", turns = 1.5, drop = 2",
            [0.0, -1.0, -6.0],
        ),
        (
            "kind = \"spiral-descent\", turns = 1, drop = 0, radius = [6, 2]",
            [0.0, 1.0, 2.0],
        ),
        ("kind = \"static\"", [0.0, 1.0, 6.0]),
        ("kind = \"pan\", left = 20", [0.0, 1.0, 6.0]),
    ] {
        for ease in ["linear", "in", "out", "in-out"] {
            let blocked = moved(&format!("{{ {words}, ease = \"{ease}\", frames = [12, 36] }}"));
            for frame in [0.0, 12.0] {
                near(camera(&blocked, frame).0, DVec3::new(0.0, 1.0, 6.0));
            }
            for frame in [36.0, 48.0] {
                near(camera(&blocked, frame).0, DVec3::from_array(to));
            }
        }
    }
}

#[test]
fn eases_are_the_curves_they_are_said_to_be() {
    for (ease, part) in [
        ("linear", 0.25),
        ("in", 0.0625),
        ("out", 0.4375),
        ("in-out", 0.15625),
    ] {
        let blocked = moved(&format!(
            "{{ kind = \"dolly\", in = 4, frames = [0, 48], ease = \"{ease}\" }}"
        ));
        near(camera(&blocked, 12.0).0, DVec3::new(0.0, 1.0, 6.0 - 4.0 * part));
        // Things at their marks go the same way, though they have a key a mark only.
        let (_, blocked) = built(&format!(
            "thing = [{{ name = \"a\", shape = \"box\", marks = [{{ frame = 0, at = [0, 0, 0] }}, {{ frame = 48, at = [4, \
             0, 0], ease = \"{ease}\" }}] }}]\n"
        ));
        for frame in [7.0, 12.0, 30.5] {
            let at = pose(&blocked, frame).world[0].w_axis.truncate();
            let t: f64 = frame / 48.0;
            let eased = match ease {
                "linear" => t,
                "in" => t * t,
                "out" => 2.0 * t - t * t,
                _ => 3.0 * t * t - 2.0 * t * t * t,
            };
            near(at, DVec3::new(4.0 * eased, 0.0, 0.0));
        }
    }
}

#[test]
fn what_is_looked_at_is_held_whatever_moves() {
    let walk = "thing = [{ name = \"child\", shape = \"figure\", height = 1.2, marks = [{ frame = 0, at = [-1, 0, 0] }, { \
                frame = 40, at = [2, 0, -1], turn = [0, 400, 0] }] }]\n";
    let moves = "{ kind = \"crane\", up = 3, boom = 4 }, { kind = \"orbit\", degrees = 120, frames = [10, 40] }, { kind = \
                 \"truck\", left = 1 }, { kind = \"push-in\", by = 1, frames = [20, 30] }";
    let (_, blocked) = built(&format!(
        "camera = {{ at = [0, 1, 6], look_at = \"child\" }}\nmoves = [{moves}]\n{walk}"
    ));
    for frame in 0..=FRAMES {
        let frame = f64::from(frame);
        let chest = pose(&blocked, frame).world[0].transform_point3(DVec3::new(0.0, 0.75 * 1.2, 0.0));
        let (pixel, _) = view(&blocked, frame).project(chest).expect("before the camera");
        assert!(
            (pixel.x - 320.0).abs() < 1e-6 && (pixel.y - 180.0).abs() < 1e-6,
            "frame {frame}: {pixel}"
        );
    }
    // Where it is not held, it is in the middle at frame 0 and the camera does not follow.
    let (_, loose) = built(&format!(
        "camera = {{ at = [0, 1, 6], look_at = \"child\", hold = false }}\n{walk}"
    ));
    let (first, last) = (camera(&loose, 0.0), camera(&loose, 48.0));
    assert_eq!(first, last);
    assert!(loose.scene.nodes[loose.camera_node].placement.is_constant());
}

#[test]
fn a_track_stays_where_it_was_laid() {
    // The child walks away once the dolly has stopped; the camera only turns.
    let (_, blocked) = built(
        "camera = { at = [0, 1, 6], look_at = \"child\" }\nmoves = [{ kind = \"dolly\", in = 2, frames = [0, 20] }]\nthing = \
         [{ name = \"child\", shape = \"box\", marks = [{ frame = 20, at = [0, 0.5, 0] }, { frame = 48, at = [5, 0.5, 0] }] }]\n",
    );
    for frame in [20.0, 30.0, 48.0] {
        near(camera(&blocked, frame).0, DVec3::new(0.0, 1.0, 4.0));
    }
    assert!(camera(&blocked, 48.0).1.x > 0.5);
}

#[test]
fn turns_go_the_way_their_words_say() {
    let ahead = |moves: &str| camera(&free(moves), 48.0).1;
    assert!(ahead("{ kind = \"pan\", right = 30 }").x > 0.4);
    assert!(ahead("{ kind = \"pan\", left = 30 }").x < -0.4);
    assert!(ahead("{ kind = \"tilt\", up = 30 }").y > 0.4);
    // A camera that leans to its right has its own up on the right.
    let leaning = view(&free("{ kind = \"roll\", right = 20 }"), 48.0)
        .world_from_camera
        .y_axis;
    assert!(leaning.x > 0.3, "{leaning}");
    // Round a spot, a camera that holds nothing turns with its way.
    let round = free("{ kind = \"orbit\", degrees = 90, round = [0, 1, 0] }");
    near(camera(&round, 48.0).0, DVec3::new(6.0, 1.0, 0.0));
    near(camera(&round, 48.0).1, DVec3::NEG_X);
    // What is held stays held beside a pan, off by its angle.
    let (_, beside, _) = camera(&moved("{ kind = \"pan\", right = 30 }"), 48.0);
    near(beside, DVec3::new(0.5, 0.0, -0.75_f64.sqrt()));
}

#[test]
fn a_boom_swings_out_on_its_way() {
    let blocked = moved("{ kind = \"crane\", up = 2, boom = 2, frames = [0, 48], ease = \"linear\" }");
    let (middle, ..) = camera(&blocked, 24.0);
    near(middle, DVec3::new(0.0, 2.0, 6.0 - (2.0 - 3.0_f64.sqrt())));
}

#[test]
fn a_zoom_grows_evenly() {
    let blocked = moved("{ kind = \"zoom\", to_mm = 140, frames = [0, 48], ease = \"linear\" }");
    for (frame, mm) in [(0.0, 35.0), (24.0, 70.0), (48.0, 140.0)] {
        assert!((camera(&blocked, frame).2 - mm).abs() < 1e-9);
    }
}

#[test]
fn a_shoulder_is_seeded_bounded_and_smooth() {
    let of = |amount: f64, seed: u32| {
        moved(&format!(
            "{{ kind = \"handheld\", amount = {amount}, seed = {seed} }}"
        ))
    };
    let way = |blocked: &Blocked| -> Vec<DVec3> {
        (0..=FRAMES)
            .map(|frame| camera(blocked, f64::from(frame)).0)
            .collect()
    };
    let (a, b, again) = (way(&of(1.0, 1)), way(&of(1.0, 2)), way(&of(1.0, 1)));
    assert_eq!(a, again);
    assert_ne!(a, b);
    let still = DVec3::new(0.0, 1.0, 6.0);
    let far = |way: &[DVec3]| way.iter().map(|at| (*at - still).length()).fold(0.0, f64::max);
    assert!(far(&a) > 0.005 && far(&a) <= 0.03 * 3.0_f64.sqrt(), "{}", far(&a));
    assert!((far(&way(&of(2.0, 1))) - 2.0 * far(&a)).abs() < 1e-9);
    // Smooth: no step is a large part of the whole sway, and the step itself changes little.
    let steps: Vec<DVec3> = a.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(steps.iter().all(|step| step.length() < 0.012));
    assert!(steps.windows(2).all(|w| (w[1] - w[0]).length() < 0.006));
}

#[test]
fn things_go_along_with_each_other() {
    let (_, blocked) = built(
        "thing = [{ name = \"mother\", shape = \"figure\", marks = [{ frame = 0, at = [0, 0, 0] }, { frame = 24, at = [3, 0, \
         0], turn = [0, 90, 0] }] }, { name = \"child\", shape = \"capsule\", with = \"mother\", at = [0, 1, 0.25] }]\n",
    );
    near(
        pose(&blocked, 0.0).world[1].w_axis.truncate(),
        DVec3::new(0.0, 1.0, 0.25),
    );
    near(
        pose(&blocked, 24.0).world[1].w_axis.truncate(),
        DVec3::new(3.25, 1.0, 0.0),
    );
}

#[test]
fn turns_may_go_round_more_than_once() {
    let (_, blocked) = built(
        "thing = [{ name = \"top\", shape = \"box\", marks = [{ frame = 0, turn = [0, 0, 0] }, { frame = 48, turn = [0, 720, \
         0], ease = \"linear\" }] }]\n",
    );
    for (frame, deg) in [(12.0, 180.0_f64), (18.0, 270.0), (24.0, 360.0)] {
        let x = pose(&blocked, frame).world[0].x_axis.truncate();
        near(
            x,
            DVec3::new(deg.to_radians().cos(), 0.0, -deg.to_radians().sin()),
        );
    }
}

#[test]
fn the_sun_shines_from_where_it_is_said_to_stand() {
    let (_, blocked) = built(&format!("sun = {{ from = [90, 30] }}\n{SET}"));
    let node = blocked
        .scene
        .nodes
        .iter()
        .position(|n| n.light.is_some())
        .expect("a sun");
    let shines = -pose(&blocked, 0.0).world[node].z_axis.truncate();
    near(shines, -DVec3::new(0.75_f64.sqrt(), 0.5, 0.0));
}

#[test]
fn things_stand_on_their_undersides() {
    for (shape, top) in [
        ("shape = \"sphere\", size = [1, 2, 3]", 2.0),
        ("shape = \"box\", size = [1, 2, 3]", 2.0),
        ("shape = \"capsule\", size = [0.5, 2, 0.3]", 2.0),
        ("shape = \"figure\", height = 2", 2.0),
        ("shape = \"figure\", height = 2, pose = \"walking\"", 2.0),
        ("shape = \"billboard\", picture = \"a.png\", size = [3, 2]", 2.0),
    ] {
        let (_, blocked) = built(&format!("thing = [{{ name = \"a\", {shape} }}]\n"));
        let places = &blocked.scene.meshes[0].primitives[0].positions;
        let low = places.iter().map(|p| p[1]).fold(f32::INFINITY, f32::min);
        let high = places.iter().map(|p| p[1]).fold(f32::NEG_INFINITY, f32::max);
        assert!(low.abs() < 0.02, "{shape} begins at {low}");
        assert!((f64::from(high) - top).abs() < 0.02, "{shape} ends at {high}");
    }
}

#[test]
fn surfaces_face_outward() {
    for shape in [
        "shape = \"sphere\"",
        "shape = \"box\"",
        "shape = \"capsule\"",
        "shape = \"figure\", pose = \"cradling\"",
        "shape = \"figure\", pose = \"lying\"",
        "shape = \"ground\"",
        "shape = \"water\"",
        "shape = \"sky\"",
        "shape = \"terrain\"",
        "shape = \"billboard\", picture = \"a.png\", depth = 0.5",
    ] {
        let (_, blocked) = built(&format!("thing = [{{ name = \"a\", {shape} }}]\n"));
        let p = &blocked.scene.meshes[0].primitives[0];
        let at = |i: u32| DVec3::from_array(p.positions[i as usize].map(f64::from));
        let mut agree = 0;
        let mut sound = 0;
        for [a, b, c] in &p.triangles {
            let face = (at(*b) - at(*a)).cross(at(*c) - at(*a));
            if face.length() < 1e-12 {
                continue;
            }
            sound += 1;
            let normal: DVec3 = [a, b, c]
                .iter()
                .map(|i| DVec3::from_array(p.normals[**i as usize].map(f64::from)))
                .sum();
            agree += usize::from(face.dot(normal) > 0.0);
        }
        assert!(agree == sound && sound > 0, "{shape}: {agree} of {sound}");
    }
}

#[test]
fn a_photograph_stands_out_where_it_is_bright() {
    let (_, blocked) = built(
        "thing = [{ name = \"a\", shape = \"billboard\", picture = \"a.png\", size = 2, depth = 0.5 }]\n",
    );
    let p = &blocked.scene.meshes[0].primitives[0];
    let ends = |u: f32| {
        let at = p.uvs.iter().position(|uv| uv[0] == u).expect("an edge");
        p.positions[at]
    };
    assert!(
        ends(0.0)[2] < 0.05 && ends(1.0)[2] > 0.45,
        "{:?} {:?}",
        ends(0.0),
        ends(1.0)
    );
    // Twice as wide as high, as the picture is.
    assert!((p.positions.iter().map(|p| p[1]).fold(0.0, f32::max) - 1.0).abs() < 1e-6);
    // White of a picture of its own stands out too.
    let (_, blocked) = built(
        "thing = [{ name = \"a\", shape = \"billboard\", picture = \"a.png\", depth = -1, depth_picture = \"archive:d\" }]\n",
    );
    let deep = blocked.scene.meshes[0].primitives[0]
        .positions
        .iter()
        .map(|p| p[2])
        .fold(0.0, f32::min);
    assert!(deep < -0.9);
}

#[test]
fn waves_run_and_keep_their_height() {
    let (_, blocked) = built(
        "thing = [{ name = \"sea\", shape = \"water\", size = [60, 60], waves = { height = 1, length = 10, seed = 5 } }]\n",
    );
    let node = &blocked.scene.nodes[0];
    let p = &blocked.scene.meshes[0].primitives[0];
    let weights = node.morph_weights.as_ref().expect("weights");
    let surface = |time_s: f64| -> Vec<f64> {
        let weights = weights.at(time_s);
        assert_eq!(weights.len(), p.morphs.len());
        (0..p.positions.len())
            .map(|i| {
                let moved: f64 = p
                    .morphs
                    .iter()
                    .zip(&weights)
                    .map(|(m, w)| f64::from(m.positions[i][1]) * w)
                    .sum();
                f64::from(p.positions[i][1]) + moved
            })
            .collect()
    };
    let (now, later) = (surface(0.0), surface(1.0));
    let range = |s: &[f64]| {
        s.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v)) - s.iter().fold(f64::INFINITY, |m, v| m.min(*v))
    };
    for s in [&now, &later] {
        assert!((0.6..1.8).contains(&range(s)), "{}", range(s));
    }
    let moved = now
        .iter()
        .zip(&later)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    assert!(moved > 0.3, "{moved}");
}

/// A file with a camera that goes from (0, 2, 9) to (0, 2, 3) between 1 s and 3 s, and a box called "room".
fn file_scene() -> Scene {
    let translation = Track::keys(
        vec![1.0, 3.0],
        vec![DVec3::new(0.0, 2.0, 9.0), DVec3::new(0.0, 2.0, 3.0)],
        Interpolation::Linear,
    )
    .expect("a track");
    let camera = Node {
        camera: Some(0),
        placement: Placement::Parts {
            translation,
            rotation: Track::constant(DQuat::IDENTITY),
            scale: Track::constant(DVec3::ONE),
        },
        ..Node::named("Camera")
    };
    Scene {
        nodes: vec![Node::named("room"), camera],
        cameras: vec![Camera::with_lens("Camera", 24.0)],
        duration_s: 3.0,
        ..Scene::default()
    }
}

#[test]
fn a_files_camera_is_the_shots_own_until_it_is_moved() {
    let of = |words: &str| {
        let film = film(words);
        let (shot, blocking) = parts(&film);
        build(blocking, Context::of(&film, shot, Some(file_scene()), &ramp)).expect("builds")
    };
    let plain = of("scene = \"a.glb\"\nstart = 24\n");
    assert_eq!((plain.camera_node, plain.start_s), (1, 1.0));
    near(camera(&plain, 24.0).0, DVec3::new(0.0, 2.0, 6.0));
    // Moves go on from where the file has it.
    let moved =
        of("scene = \"a.glb\"\nstart = 24\nmoves = [{ kind = \"truck\", right = 1, frames = [0, 24] }]\n");
    assert_ne!(moved.camera_node, 1);
    near(camera(&moved, 24.0).0, DVec3::new(1.0, 2.0, 6.0));
    assert_eq!(camera(&moved, 0.0).2, 24.0);
    // Things are added, and a camera of one's own may look at what is in the file.
    let added = of(
        "scene = \"a.glb\"\ncamera = { at = [0, 0, 4], look_at = \"room\" }\nthing = [{ name = \"child\", shape = \"figure\" }]\n",
    );
    let names: Vec<_> = added.scene.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["room", "Camera", "child", "camera"]);
    near(camera(&added, 0.0).1, DVec3::NEG_Z);
}

#[test]
fn what_cannot_be_built_says_the_mend() {
    let said = |words: &str, file: Option<Scene>| failing(words, file).to_string();
    assert!(said("scene = \"a.glb\"\n", None).contains("a.glb was not read"));
    assert!(said("scene = \"a.glb\"\n", Some(Scene::default())).contains("add `camera ="));
    assert!(
        said("scene = \"a.glb\"\ncamera_name = \"B\"\n", Some(file_scene())).contains("it has \"Camera\"")
    );
    let lost = said(
        "scene = \"a.glb\"\ncamera = { at = [0, 0, 4], look_at = \"rom\" }\n",
        Some(file_scene()),
    );
    assert!(lost.contains("write \"room\""), "{lost}");
    let taken = said(
        "scene = \"a.glb\"\nthing = [{ name = \"room\", shape = \"box\" }]\n",
        Some(file_scene()),
    );
    assert!(taken.contains("another name"), "{taken}");
    let through = said(
        &format!(
            "camera = {{ at = [0, 1, 6], look_at = \"child\" }}\nmoves = [{{ kind = \"push-in\", by = 8 }}]\n{SET}"
        ),
        None,
    );
    assert!(through.contains("only 6.00 m away"), "{through}");
    let film = film("thing = [{ name = \"a\", shape = \"billboard\", picture = \"archive:b\" }]\n");
    let (shot, words) = parts(&film);
    let lost = |_: &Picture| Err("it is not in the archive; add it".to_string());
    let error = build(words, Context::of(&film, shot, None, &lost)).expect_err("no picture");
    assert!(error.to_string().contains("\"a\"") && error.to_string().contains("add it"));
}

#[test]
fn a_shot_is_told_as_it_stands() {
    let (film, blocked) = built(
        "sun = { from = [45, 30] }\ncamera = { at = [0, 1.55, 4], look_at = \"mother\", lens_mm = 50, focus = \"mother\" }\nmoves \
         = [{ kind = \"crane\", up = 2, frames = [0, 24] }, { kind = \"handheld\", amount = 0.5 }]\n[[scene.shot.blocking.thing]]\n\
         name = \"ground\"\nshape = \"ground\"\n[[scene.shot.blocking.thing]]\nname = \"mother\"\nshape = \
         \"figure\"\nmarks = [{ frame = 0, at = [0, 0, 0] }, { frame = 24, at = [0, 0, -3], turn = [0, 90, 0], ease = \"out\" \
         }]\n[[scene.shot.blocking.thing]]\nname = \"table\"\nshape = \"box\"\nat = [1.6, 0, 0]\n[[scene.shot.blocking.thing]]\n\
         name = \"behind\"\nshape = \"box\"\nat = [0, 0, 20]\n",
    );
    let (shot, words) = parts(&film);
    insta::assert_snapshot!(describe(&film, shot, words, &blocked));
}

/// Words of blocking that check, with whatever numbers.
fn any_blocking() -> impl Strategy<Value = String> {
    let number = -30.0..30.0_f64;
    let place =
        [number.clone(), number.clone(), number].prop_map(|[x, y, z]| format!("[{x:.3}, {y:.3}, {z:.3}]"));
    let ease = prop::sample::select(vec!["linear", "in", "out", "in-out"]);
    let shape = prop::sample::select(vec![
        "shape = \"sphere\", size = [0.1, 3, 1]",
        "shape = \"box\"",
        "shape = \"capsule\", size = [2, 1, 0.1]",
        "shape = \"figure\", pose = \"sitting\"",
        "shape = \"figure\", pose = \"lying\", height = 0.3",
        "shape = \"ground\", size = [0.5, 5000]",
        "shape = \"water\", size = [30, 2], waves = { height = 0 }",
        "shape = \"water\", size = [3000, 200], waves = { height = 9, length = 0.5 }",
        "shape = \"sky\"",
        "shape = \"terrain\", relief = 0",
        "shape = \"billboard\", picture = \"a.png\", depth = 1",
    ]);
    let thing = (shape, place.clone(), place.clone(), 0..40_u32, ease.clone()).prop_map(|(shape, at, turn, frame, ease)| {
        format!("{shape}, at = {at}, turn = {turn}, marks = [{{ frame = {frame}, turn = {at}, at = {turn}, ease = \"{ease}\" }}]")
    });
    let kind = prop::sample::select(vec![
        "kind = \"static\"",
        "kind = \"dolly\", in = 3",
        "kind = \"truck\", left = 2",
        "kind = \"crane\", up = 3, boom = 1.5",
        "kind = \"orbit\", degrees = 500",
        "kind = \"push-in\", by = -2",
        "kind = \"pan\", right = 400",
        "kind = \"tilt\", down = 90",
        "kind = \"roll\", left = 10",
        "kind = \"zoom\", to_mm = 1",
        "kind = \"spiral-descent\", turns = 3, drop = 9, radius = [0, 4]",
        "kind = \"handheld\", amount = 10, seed = 5",
    ]);
    let one = (kind, 0..24_u32, 1..24_u32, ease).prop_map(|(kind, first, length, ease)| {
        format!(
            "{{ {kind}, frames = [{first}, {}], ease = \"{ease}\" }}",
            first + length
        )
    });
    let target = prop_oneof![place.clone(), Just("\"t0\"".to_string())];
    (
        place,
        target,
        any::<bool>(),
        prop::collection::vec(one, 0..5),
        prop::collection::vec(thing, 1..5),
    )
        .prop_map(|(at, target, hold, moves, things)| {
            let things: Vec<_> = things
                .iter()
                .enumerate()
                .map(|(i, thing)| format!("{{ name = \"t{i}\", {thing} }}"))
                .collect();
            format!(
                "sun = {{ from = [10, 20] }}\ncamera = {{ at = {at}, look_at = {target}, hold = {hold} }}\nmoves = [{}]\nthing = [{}]\n",
                moves.join(", "),
                things.join(", ")
            )
        })
}

/// Whatever a renderer relies on.
fn whole(scene: &Scene) -> Result<(), TestCaseError> {
    for (index, node) in scene.nodes.iter().enumerate() {
        prop_assert!(node.parent.is_none_or(|parent| parent < index));
        prop_assert!(node.mesh.is_none_or(|mesh| mesh < scene.meshes.len()));
        prop_assert!(node.camera.is_none_or(|camera| camera < scene.cameras.len()));
        prop_assert!(node.light.is_none_or(|light| light < scene.lights.len()));
    }
    for p in scene.meshes.iter().flat_map(|mesh| &mesh.primitives) {
        let n = p.positions.len();
        prop_assert!(p.triangles.iter().flatten().all(|i| (*i as usize) < n));
        prop_assert!(p.positions.iter().flatten().all(|v| v.is_finite()));
        prop_assert!(p.normals.len() == n);
        for normal in &p.normals {
            let length: f32 = normal.iter().map(|v| v * v).sum();
            prop_assert!((length - 1.0).abs() < 1e-4, "{}", length);
        }
        prop_assert!(p.colors.is_empty() || p.colors.len() == n);
        prop_assert!(p.uvs.is_empty() || p.uvs.len() == n);
        prop_assert!(p.material.is_none_or(|m| m < scene.materials.len()));
        for morph in &p.morphs {
            prop_assert!(
                morph.positions.len() == n && morph.positions.iter().flatten().all(|v| v.is_finite())
            );
        }
    }
    let used = scene.materials.iter().filter_map(|m| m.base_texture);
    for texture in used {
        prop_assert!(texture.texture < scene.textures.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_checks_builds_whole(words in any_blocking()) {
        let film = film(&words);
        let (shot, blocking) = parts(&film);
        let blocked = match build(blocking, Context::of(&film, shot, None, &ramp)) {
            Ok(blocked) => blocked,
            Err(error) => return Err(TestCaseError::fail(format!("{error}: {words}"))),
        };
        whole(&blocked.scene)?;
        for frame in 0..=FRAMES {
            let pose = pose(&blocked, f64::from(frame));
            prop_assert!(pose.world.iter().all(|matrix| matrix.is_finite()));
            prop_assert!(View::of(&blocked.scene, &pose, blocked.camera_node, film.size).is_ok());
        }
        prop_assert!(!describe(&film, shot, blocking, &blocked).contains("NaN"));
    }
}

/// The bytes of a whole set, as they are on every machine.
const GOLDEN: u64 = 10_816_149_413_320_217_727;

#[test]
fn the_same_words_are_the_same_bytes() {
    let words = "camera = { at = [3, 1, 6], look_at = \"b\" }\nmoves = [{ kind = \"spiral-descent\", turns = 1.25, drop = 2 }, { \
                 kind = \"handheld\", seed = 4 }, { kind = \"zoom\", to_mm = 90 }]\nthing = [{ name = \"a\", shape = \"terrain\", \
                 seed = 3 }, { name = \"b\", shape = \"figure\", turn = [0, 33, 0] }, { name = \"c\", shape = \"water\" }]\n";
    let bytes = |blocked: &Blocked| {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bits: u64| {
            for byte in bits.to_le_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for p in blocked.scene.meshes.iter().flat_map(|mesh| &mesh.primitives) {
            p.positions
                .iter()
                .chain(&p.normals)
                .flatten()
                .for_each(|v| add(v.to_bits().into()));
        }
        for frame in 0..=FRAMES {
            let matrix = pose(blocked, f64::from(frame)).world[blocked.camera_node];
            matrix.to_cols_array().iter().for_each(|v| add(v.to_bits()));
        }
        hash
    };
    let (_, first) = built(words);
    let (_, second) = built(words);
    assert_eq!(bytes(&first), bytes(&second));
    assert_eq!(bytes(&first), GOLDEN, "the bytes of the set");
}

/// A picture of all sides: dim blue everywhere, and a warm lamp in the upper right of what the world's −z looks at.
fn all_round(_: &Picture) -> Result<Image, String> {
    let (width, height) = (128u32, 64u32);
    let lamp = DVec3::new(0.6, 0.5, -0.6).normalize();
    let pixels = (0..width * height).map(|i| {
        let azimuth = ((f64::from(i % width) + 0.5) / f64::from(width) - 0.5) * std::f64::consts::TAU;
        let polar = (f64::from(i / width) + 0.5) / f64::from(height) * std::f64::consts::PI;
        let way = DVec3::new(
            polar.sin() * azimuth.sin(),
            polar.cos(),
            -polar.sin() * azimuth.cos(),
        );
        if way.dot(lamp) > 0.985 {
            [60.0, 45.0, 30.0, 1.0]
        } else {
            [0.1, 0.12, 0.2, 1.0]
        }
    });
    Image::from_pixels(width, height, pixels.collect()).ok_or_else(|| "no picture".into())
}

#[test]
fn a_place_lights_the_set_and_goes_on_in_the_guides() {
    let film = film(
        "light_from = \"ward.exr\"\ncamera = { at = [0, 1, 6] }\nthing = [{ name = \"ball\", shape = \"sphere\" }]\n",
    );
    let (shot, words) = parts(&film);
    let blocked = build(words, Context::of(&film, shot, None, &all_round))
        .map_err(|e| e.to_string())
        .expect("builds");
    let lamp = DVec3::new(0.6, 0.5, -0.6).normalize();
    let found = blocked.light.as_ref().expect("a light");
    assert!(
        found.direction.angle_between(lamp).to_degrees() < 3.0,
        "{:?}",
        found.direction
    );
    let names: Vec<&str> = blocked.scene.nodes.iter().map(|n| n.name.as_str()).collect();
    assert!(
        names.contains(&"place fill") && names.contains(&"place key"),
        "{names:?}"
    );

    let view = heirloom_stage::passes::Shot {
        camera: blocked.camera_node,
        start_s: blocked.start_s,
        rate: film.rate,
        frames: 1,
        size: Size {
            width: 64,
            height: 36,
        },
    };
    let renderer = heirloom_stage::passes::Renderer::new(&blocked.scene, view).expect("a shot");
    let wanted = heirloom_stage::passes::Wanted::all(0..1);
    let guides = renderer
        .guides(&wanted, &std::sync::atomic::AtomicBool::new(false))
        .expect("guides");
    let light = guides.light_of(0).expect("the light goes on");
    let direction = DVec3::from_array(light.direction.map(f64::from));
    assert!(direction.angle_between(lamp).to_degrees() < 3.0, "{direction:?}");
    assert!(
        light.color[0] > light.color[2],
        "the key is warm: {:?}",
        light.color
    );
    assert!(light.key_to_fill > 2.0, "{}", light.key_to_fill);
    // The side of the ball that faces the lamp is the brighter one.
    let color = &guides.frames[0].color.as_ref().expect("colour").0;
    let normals = &guides.frames[0].world_normal.as_ref().expect("normals").values;
    let facing = |i: usize| DVec3::from_array(normals[i].map(f64::from)).dot(lamp);
    let ball: Vec<usize> = (0..normals.len()).filter(|i| normals[*i] != [0.0; 3]).collect();
    let most = ball
        .iter()
        .max_by(|a, b| facing(**a).total_cmp(&facing(**b)))
        .expect("the ball is seen");
    let least = ball
        .iter()
        .min_by(|a, b| facing(**a).total_cmp(&facing(**b)))
        .expect("the ball is seen");
    assert!(color.pixels()[*most][0] > 2.0 * color.pixels()[*least][0]);
}
