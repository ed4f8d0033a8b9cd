//! Many takes of a shot measured, made few, compared by eye, chosen, and cut into the film.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use support::Film;

const SCENE: &str = r#"
[cull]
keep = 2
alike = 0.0
[cull.limits]
"frozen.repeated_percent" = { at_most = 100.0 }
[cull.weights]
"sharpness.blur_px" = 1.0
[[scene]]
name = "sea"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 5
kind = "living"
sources = ["archive:sea"]
seed = 5
"#;

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The shot's takes by their seeds, which are 5 and the following.
fn takes(film: &Film) -> Vec<String> {
    let all = json(&film.run(&["takes", "sea/010", "--json"]).well().out);
    let mut all: Vec<(u64, String)> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|take| {
            (
                take["seed"].as_u64().unwrap(),
                take["take"].as_str().unwrap().into(),
            )
        })
        .collect();
    all.sort();
    all.into_iter().map(|(_, take)| take).collect()
}

#[test]
fn takes_are_measured_once_culled_in_one_act_and_taken_back() {
    let film = Film::with(SCENE);
    film.run(&["cull", "sea/010"])
        .ended(1, &["has no takes yet", "--count"]);
    film.run(&["takes", "sea/010", "--count", "5"]).well();

    // Measuring is part of culling; nothing is written before it is asked for.
    let told = film.run(&["cull", "sea/010", "--all"]).well();
    assert!(
        told.out.contains("5 takes: 2 kept") && told.err.contains("--write"),
        "{}{}",
        told.out,
        told.err
    );
    assert_eq!(film.acts("culled"), 0);
    let measured = film.run(&["measure", "sea/010", "--json"]).well().out;
    let list = json(&measured[measured.find('[').unwrap()..]);
    for take in list.as_array().unwrap() {
        assert_eq!(take["measures"]["measures.revision"], 2.0, "{take}");
        assert!(
            take["measures"]["sharpness.blur_px"].as_f64().unwrap() > 0.0,
            "{take}"
        );
    }

    let plan = json(
        &film
            .run(&["cull", "sea/010", "--keep", "1", "--write", "--json"])
            .well()
            .out,
    );
    assert_eq!(plan["takes"].as_object().unwrap().len(), 5);
    assert_eq!(film.acts("culled"), 1);
    film.run(&["choose", "--undo", "--shot", "sea/010"]).well();
    assert_eq!(film.acts("undone"), 1);
}

#[test]
fn takes_are_looked_at_on_a_sheet_and_beside_each_other() {
    let film = Film::with(SCENE);
    film.run(&["takes", "sea/010", "--count", "3"]).well();
    let sheet = film.path("sheet.png");
    film.run(&["takes", "sea/010", "--sheet", sheet.to_str().unwrap()])
        .well();
    let bytes = std::fs::read(&sheet).unwrap();
    let picture = heirloom_picture::preview::decode(&bytes, "sheet.png", 4096).unwrap();
    assert!(picture.width() > 3 * 256 && picture.height() > 60);
    film.run(&["takes", "sea/010", "--sheet", "x.png", "--sort", "beauty"])
        .ended(
            1,
            &["no take of sea/010 has the measure beauty", "heirloom measure"],
        );

    // A take is nearest to itself; what is not measured is told of and comes last.
    let takes = takes(&film);
    film.run(&["takes", "sea/010", "--near", &takes[1]])
        .ended(1, &["is not measured yet", "heirloom measure"]);
    film.run(&["measure", "sea/010"]).well();
    let near = json(
        &film
            .run(&["takes", "sea/010", "--json", "--near", &takes[1]])
            .well()
            .out,
    );
    assert_eq!(
        (&near[0]["take"], &near[0]["near"]),
        (&takes[1].clone().into(), &0.0.into())
    );
    assert!(near[1]["near"].as_f64().unwrap() <= near[2]["near"].as_f64().unwrap());
    film.run(&["takes", "sea/010", "--near", "nothing.png"])
        .ended(1, &["nothing.png is no picture's file"]);
    let ffmpeg = heirloom_picture::ffmpeg::Ffmpeg::find().unwrap();
    for (flicker, wide) in [(None, 2), (Some("2"), 1)] {
        let clip = film.path("both.mp4");
        let mut words = vec!["compare", &takes[0], &takes[1], "--to", clip.to_str().unwrap()];
        words.extend(flicker.iter().flat_map(|frames| ["--flicker", frames]));
        film.run(&words).well();
        let info = ffmpeg.probe(&clip).unwrap();
        let one = json(&film.run(&["takes", "sea/010", "--json"]).well().out)[0]["size"].clone();
        let width = one[0].as_u64().or_else(|| one["width"].as_u64()).unwrap();
        assert_eq!(u64::from(info.width), wide * width);
    }
}

#[test]
fn the_cut_takes_the_select() {
    let film = Film::with(SCENE);
    film.run(&["takes", "sea/010", "--count", "3"]).well();
    let takes = takes(&film);
    film.run(&["choose", &takes[2]]).well();
    let made = film.run(&["make"]).well();
    assert!(
        made.err.contains("0 shots drawn, 0 were there already, 1 chosen"),
        "{}",
        made.err
    );
    let cut_takes = |film: &Film| {
        let log = film.run(&["log", "--verb", "cut", "--json"]).well().out;
        log.lines().last().unwrap().to_owned()
    };
    assert!(cut_takes(&film).contains(&takes[2]));

    // The select is taken back: film.toml alone says what is cut in.
    film.run(&["choose", "--undo", "--shot", "sea/010"]).well();
    film.run(&["make"]).well();
    assert!(cut_takes(&film).contains(&takes[0]) && !cut_takes(&film).contains(&takes[2]));

    // A select of another length is told of and not stretched.
    film.run(&["choose", &takes[2]]).well();
    film.toml(&SCENE.replace("frames = 5", "frames = 4"));
    let made = film.run(&["make"]).well();
    assert!(
        made.err.contains("has 5 frames") && made.err.contains("asks for 4 frames"),
        "{}",
        made.err
    );
}

/// A blocked shot: the camera goes to the left past three things, so that they go to the right.
const GUIDED: &str = r#"
[[scene]]
name = "yard"
[[scene.shot]]
id = "sh-33333333"
name = "010"
frames = 8
kind = "guided"
sources = ["archive:sea", "archive:moon"]
[scene.shot.blocking]
camera = { at = [0, 1.5, 5], look_at = [0, 1, 0], lens_mm = 35 }
moves = [{ kind = "truck", left = 1.0, frames = [0, 7] }]
[[scene.shot.blocking.thing]]
name = "one"
shape = "figure"
at = [-1, 0, 0]
[[scene.shot.blocking.thing]]
name = "two"
shape = "figure"
at = [1, 0, 0]
[[scene.shot.blocking.thing]]
name = "ground"
shape = "ground"
size = [40, 40]
"#;

#[test]
fn takes_are_held_against_the_stage() {
    let film = Film::with(GUIDED);
    film.run(&["takes", "yard/010", "--count", "2"]).well();
    let ran = film.run(&["measure", "yard/010", "--json"]).well();
    let told = format!("{}{}", ran.out, ran.err);
    assert!(told.contains("2 of 2 takes"), "{told}");
    // What is asked for as JSON is JSON and nothing else.
    let list = json(&ran.out);
    let number = |take: &serde_json::Value, name: &str| take["measures"][name].as_f64();
    for take in list.as_array().unwrap() {
        assert!(number(take, "motion.as_asked").unwrap() > 0.3, "{take}");
        let distance = number(take, "layout.distance").unwrap();
        assert!((0.0..=1.0).contains(&distance), "{take}");
        assert!(number(take, "stage.outlines_placed").is_none(), "{take}");
        assert!(number(take, "style.palette").is_none(), "{take}");
    }
}
