//! What `film.toml` says of blocking and of storyboards, its defaults, and how its mistakes are shown.
#![allow(clippy::expect_used)] // the lint does not see that helpers of tests are tests

use heirloom_film::{
    Blocking, Ease, FigurePose, FilmBack, Kind, Move, MoveKind, Picture, Push, Relief, Shape, Shot, Spot,
    parse,
};

const EVERY_KEY: &str = r##"[film]
title = "First light"
scratch_sound = "scratch.wav"

[[scene]]
name = "shore"

[[scene.shot]]
name = "010"
frames = 96
kind = "guided"
prompt = "she carries the child down to the water"
sources = ["archive:moon"]
seed = 3

[scene.shot.blocking]
scene = "stage/room.glb"
camera_name = "Camera"
start = 12
light_from = "archive:ward"
sun = { from = [45, 30], color = "#ffe6cc", strength = 1.5 }
camera = { at = [0, 1.6, 6], look_at = "child", hold = false, pan = 1, tilt = -2, roll = 3, lens_mm = 50, film_back = "super-35", focus = "child" }
moves = [
  { kind = "static", frames = [0, 4] },
  { kind = "dolly", in = 2, frames = [0, 48], ease = "in" },
  { kind = "truck", left = 1.5 },
  { kind = "pedestal", down = 0.5, ease = "linear" },
  { kind = "crane", up = 2, boom = 4, frames = [0, 96] },
  { kind = "orbit", degrees = -90, round = [0, 1, 0] },
  { kind = "push-in", by = 1 },
  { kind = "push-in", to = 0.5, ease = "out" },
  { kind = "pan", left = 10 },
  { kind = "tilt", up = 5 },
  { kind = "roll", right = 2 },
  { kind = "zoom", to_mm = 85 },
  { kind = "spiral-descent", turns = 2, drop = 6, radius = [4, 1], round = "child" },
  { kind = "handheld", amount = 0.5, seed = 9 },
]

[[scene.shot.blocking.thing]]
name = "ground"
shape = "ground"
size = [30, 20]

[[scene.shot.blocking.thing]]
name = "sea"
shape = "water"
size = [200, 300]
waves = { height = 0.8, length = 9, toward = 45, seed = 4 }

[[scene.shot.blocking.thing]]
name = "sky"
shape = "sky"
radius = 900
color = [0.2, 0.3, 0.5]
horizon = "#d0d8e0"

[[scene.shot.blocking.thing]]
name = "mother"
shape = "figure"
height = 1.68
pose = "cradling"
marks = [
  { frame = 0, at = [0, 0, 0] },
  { frame = 24 },
  { frame = 72, at = [1, 0, 1], turn = [0, 90, 0], ease = "in" },
]

[[scene.shot.blocking.thing]]
name = "child"
shape = "capsule"
with = "mother"
at = [0, 1.1, 0.25]
size = [0.2, 0.6, 0.2]
turn = [0, 30, 90]
color = [0.8, 0.6, 0.5]

[[scene.shot.blocking.thing]]
name = "moon"
shape = "sphere"
size = [2, 2, 2]
at = [0, 20, -60]

[[scene.shot.blocking.thing]]
name = "table"
shape = "box"

[[scene.shot.blocking.thing]]
name = "dunes"
shape = "terrain"
relief = 4
grain = 25
seed = 2

[[scene.shot.blocking.thing]]
name = "window"
shape = "billboard"
picture = "archive:moon/tycho"
size = [4, 3]
depth = 0.3
depth_picture = "stage/depth.png"

[[scene.shot.board]]
picture = "boards/010-a.png"
frames = 48
move = { from = [0, 0, 1, 1], to = [0.25, 0, 0.5, 0.5], ease = "linear" }
caption = "she turns"

[[scene.shot.board]]
picture = "boards/010-b.png"
frames = 48
"##;

fn shot(text: &str) -> Shot {
    let film = parse("film.toml", text)
        .map_err(|problems| problems.to_string())
        .expect("checks")
        .film;
    film.scenes[0].shots[0].clone()
}

/// A shot with this blocking, each line as it stands there.
fn blocked(lines: &str) -> String {
    format!(
        "[film]\ntitle = \"x\"\n[[scene]]\nname = \"a\"\n[[scene.shot]]\nname = \"1\"\nframes = 48\nkind = \"guided\"\n\
         [scene.shot.blocking]\n{lines}"
    )
}

fn blocking(lines: &str) -> Blocking {
    shot(&blocked(lines)).blocking.expect("a blocking")
}

#[test]
fn every_key_is_read() {
    let film = parse("film.toml", EVERY_KEY)
        .map_err(|p| p.to_string())
        .expect("checks")
        .film;
    assert_eq!(film.scratch_sound.as_deref(), Some("scratch.wav".as_ref()));
    let shot = &film.scenes[0].shots[0];
    assert_eq!(
        (&shot.kind, shot.seed, shot.sources.len()),
        (
            &Kind::Guided {
                matter: Default::default(),
                light: 0.5
            },
            3,
            1
        )
    );
    let blocking = shot.blocking.as_ref().expect("a blocking");
    assert_eq!(blocking.scene.as_deref(), Some("stage/room.glb".as_ref()));
    assert_eq!(
        (blocking.camera_name.as_deref(), blocking.start_frame),
        (Some("Camera"), 12)
    );
    let sun = blocking.sun.expect("a sun");
    assert_eq!(
        (sun.azimuth_deg, sun.elevation_deg, sun.strength),
        (45.0, 30.0, 1.5)
    );
    assert_eq!(sun.color, [1.0, 230.0 / 255.0, 204.0 / 255.0]);
    let camera = blocking.camera.as_ref().expect("a camera");
    assert_eq!(camera.at_m, [0.0, 1.6, 6.0]);
    assert_eq!(camera.look_at, Some(Spot::Thing("child".into())));
    assert_eq!(
        (camera.hold, camera.pan_deg, camera.tilt_deg, camera.roll_deg),
        (false, 1.0, -2.0, 3.0)
    );
    assert_eq!((camera.lens_mm, camera.back.size_mm), (50.0, [24.89, 18.66]));
    insta::assert_debug_snapshot!("moves_as_read", blocking.moves);
    let words: Vec<_> = blocking.things.iter().map(|thing| thing.shape.word()).collect();
    assert_eq!(
        words,
        [
            "ground",
            "water",
            "sky",
            "figure",
            "capsule",
            "sphere",
            "box",
            "terrain",
            "billboard"
        ]
    );
    insta::assert_debug_snapshot!("things_as_read", blocking.things);
    let pictures: Vec<_> = blocking.pictures().map(ToString::to_string).collect();
    assert_eq!(
        pictures,
        ["archive:ward", "archive:moon/tycho", "stage/depth.png"]
    );
    let (first, second) = (&shot.boards[0], &shot.boards[1]);
    assert_eq!(first.to, [0.25, 0.0, 0.5, 0.5]);
    assert_eq!(
        (first.frames, first.caption.as_str(), first.ease),
        (48, "she turns", Ease::Linear)
    );
    assert_eq!(second.picture, Picture::File("boards/010-b.png".into()));
    assert_eq!(
        (second.from, second.to),
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0])
    );
}

#[test]
fn defaults_are_those_of_the_reference() {
    let made = blocking(
        "camera = { at = [0, 1, 4] }\nmoves = [{ kind = \"handheld\" }]\nthing = [{ name = \"a\", shape = \"figure\" }]\n",
    );
    let camera = made.camera.expect("a camera");
    assert_eq!(
        (camera.lens_mm, camera.back, camera.hold),
        (35.0, FilmBack::FULL_FRAME, true)
    );
    assert_eq!(
        made.moves,
        [Move {
            kind: MoveKind::Handheld { amount: 1.0, seed: 0 },
            first_frame: 0,
            last_frame: 47,
            ease: Ease::InOut
        }]
    );
    assert_eq!(
        made.things[0].shape,
        Shape::Figure {
            height_m: 1.7,
            pose: FigurePose::Standing
        }
    );
    let film = parse("film.toml", &blocked("scene = \"a.glb\"\n"))
        .map_err(|p| p.to_string())
        .expect("checks");
    assert_eq!(film.film.scenes[0].shots[0].boards, []);
}

#[test]
fn a_shot_of_any_kind_may_be_blocked() {
    for kind in ["living", "still", "plate"] {
        let text = blocked("scene = \"a.glb\"\n")
            .replace("\"guided\"", &format!("\"{kind}\"\nsources = [\"archive:a\"]"));
        assert!(shot(&text).blocking.is_some(), "{kind}");
    }
}

#[test]
fn opposite_words_are_one_number() {
    let made = blocking(
        "thing = [{ name = \"a\", shape = \"box\" }]\ncamera = { at = [0, 1, 4], look_at = \"a\" }\nmoves = [{ kind = \"dolly\", out = 2 }, { kind = \"push-in\", to = 1 }]\n",
    );
    assert_eq!(made.moves[0].kind, MoveKind::Dolly { in_m: -2.0 });
    assert_eq!(made.moves[1].kind, MoveKind::PushIn { way: Push::To(1.0) });
    let flat = blocking(
        "thing = [{ name = \"a\", shape = \"billboard\", picture = \"a.jpg\", size = 3, depth = 1 }]\n",
    );
    assert_eq!(
        flat.things[0].shape,
        Shape::Billboard {
            width_m: 3.0,
            height_m: None,
            picture: Picture::File("a.jpg".into()),
            depth: Relief::Bright(1.0)
        }
    );
}

/// What is shown for the film with a piece of it exchanged.
fn shown(old: &str, new: &str) -> String {
    assert!(EVERY_KEY.contains(old), "{old}");
    parse("film.toml", &EVERY_KEY.replacen(old, new, 1))
        .expect_err(new)
        .render(false)
}

macro_rules! snapshots {
    ($($name:ident: $old:literal => $new:literal;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(shown($old, $new));
        }
    )*};
}

snapshots! {
    unknown_blocking_key: "light_from = " => "hdri = ";
    unknown_move: "kind = \"dolly\"" => "kind = \"doly\"";
    move_by_habit: "kind = \"truck\"" => "kind = \"track\"";
    key_of_another_move: "kind = \"static\"" => "kind = \"static\", in = 2";
    move_without_distance: "kind = \"dolly\", in = 2" => "kind = \"dolly\"";
    opposite_ways: "left = 1.5" => "left = 1.5, right = 2";
    frames_that_fall: "frames = [0, 48]" => "frames = [48, 0]";
    frames_beyond_the_shot: "frames = [0, 48]" => "frames = [0, 97]";
    unknown_ease: "ease = \"in\"" => "ease = \"ease-in\"";
    short_boom: "boom = 4" => "boom = 0.5";
    push_both_ways: "to = 0.5" => "to = 0.5, by = 2";
    push_at_nothing: "look_at = \"child\", hold = false, " => "";
    unknown_film_back: "super-35" => "super35mm";
    lens_out_of_range: "lens_mm = 50" => "lens_mm = 0";
    lens_by_habit: "lens_mm = 50" => "lens = 50";
    unknown_shape: "shape = \"sphere\"" => "shape = \"shpere\"";
    shape_by_habit: "shape = \"figure\"" => "shape = \"person\"";
    key_of_another_shape: "radius = 900" => "pose = \"sitting\"";
    duplicate_thing: "name = \"moon\"" => "name = \"sea\"";
    thing_without_name: "name = \"moon\"\n" => "";
    with_nobody: "with = \"mother\"" => "with = \"mothr\"";
    with_itself: "with = \"mother\"" => "with = \"child\"";
    marks_that_fall: "frame = 72" => "frame = 24";
    mark_beyond_the_shot: "frame = 72" => "frame = 720";
    size_of_two: "size = [2, 2, 2]" => "size = [2, 2]";
    place_that_is_no_number: "at = [0, 20, -60]" => "at = [0, nan, -60]";
    bad_color: "\"#d0d8e0\"" => "\"sky blue\"";
    sun_too_high: "[45, 30]" => "[45, 100]";
    depth_without_measure: "depth = 0.3\n" => "";
    picture_elsewhere: "\"stage/depth.png\"" => "\"/etc/depth.png\"";
    scene_elsewhere: "\"stage/room.glb\"" => "\"../room.glb\"";
    camera_name_without_scene: "scene = \"stage/room.glb\"\n" => "";
    board_part_outside: "[0.25, 0, 0.5, 0.5]" => "[0.75, 0, 0.5, 0.5]";
    boards_too_long: "\"boards/010-a.png\"\nframes = 48" => "\"boards/010-a.png\"\nframes = 60";
    guided_with_motion: "seed = 3" => "motion = { flow = \"curl\" }";
    scratch_elsewhere: "\"scratch.wav\"" => "\"../scratch.wav\"";
}

#[test]
fn a_guided_shot_needs_a_blocking() {
    let text = "[film]\ntitle = \"x\"\n[[scene]]\nname = \"a\"\n[[scene.shot]]\nname = \"1\"\nframes = 48\nkind = \"guided\"\n";
    insta::assert_snapshot!(parse("film.toml", text).expect_err("no blocking").render(false));
}

#[test]
fn a_name_that_nothing_has_is_found() {
    let text = blocked(
        "camera = { at = [0, 1, 4], look_at = \"chidl\" }\nthing = [{ name = \"child\", shape = \"box\" }]\n",
    );
    insta::assert_snapshot!(
        parse("film.toml", &text)
            .expect_err("no such thing")
            .render(false)
    );
    // With a scene file it may be in there.
    assert!(
        parse(
            "film.toml",
            &text.replace("camera =", "scene = \"a.glb\"\ncamera =")
        )
        .is_ok()
    );
}

#[test]
fn nothing_to_see_is_a_mistake() {
    insta::assert_snapshot!(
        parse("film.toml", &blocked("camera = { at = [0, 1, 4] }\n"))
            .expect_err("empty")
            .render(false)
    );
}

#[test]
fn ids_go_below_the_shot_and_not_into_its_blocking() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("film.toml");
    std::fs::write(&path, EVERY_KEY).expect("written");
    let mut count = 0;
    let written = heirloom_film::write_missing_ids(&path, &mut |prefix| {
        count += 1;
        heirloom_film::Id::parse(&format!("{prefix}-{count}")).expect("an id")
    });
    assert_eq!(written.expect("ids"), 2);
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.contains("[[scene.shot]]\nid = \"sh-2\"\n"));
    assert_eq!(text.matches("id = \"").count(), 2);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_slip_makes_the_reader_panic(at in 0..EVERY_KEY.len(), length in 0..40_usize, with in "[\\[\\]{}=\"'.,#a0\n\\\\ -]{0,4}") {
        let mut text = EVERY_KEY.to_string();
        text.replace_range(at..(at + length).min(EVERY_KEY.len()), &with);
        if let Err(problems) = parse("film.toml", &text) {
            proptest::prop_assert!(problems.0.iter().all(|problem| problem.line >= 1 && !problem.mend.is_empty()));
            proptest::prop_assert!(!problems.render(true).is_empty());
        }
    }
}
