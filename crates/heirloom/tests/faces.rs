//! A charter that forbids faces, on the command line: what is looked for, what is said where nobody can look, and that a hit
//! goes to a person.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use support::Film;

fn film(charter: &str) -> Film {
    let film = Film::with(&format!(
        r#"
[charter]
{charter}
[cull]
keep = 2
alike = 0.0
[[scene]]
name = "sea"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 4
kind = "living"
sources = ["archive:sea"]
seed = 5
"#
    ));
    film.run(&["takes", "sea/010", "--count", "3"]).well();
    film
}

#[test]
fn where_nobody_can_look_that_is_said_and_the_cull_goes_on() {
    let none = film("faces = \"never\"");
    let told = none.run(&["cull", "sea/010"]).well();
    assert!(
        told.err.contains("nothing looks for them") && told.err.contains("face_detector"),
        "{}",
        told.err
    );
    assert!(told.out.contains("3 takes: 2 kept"), "{}", told.out);

    let gone = film("faces = \"never\"\nface_detector = \"faces.onnx\"");
    let told = gone.run(&["cull", "sea/010"]).well();
    assert!(
        told.err.contains("could not be read") && told.err.contains("faces.onnx"),
        "{}",
        told.err
    );

    // A file that is no network, or a program that can not run it.
    std::fs::write(gone.path("faces.onnx"), "no network").unwrap();
    let told = gone.run(&["cull", "sea/010"]).well();
    let words = if cfg!(feature = "faces") {
        "faces.onnx can not be read as a network"
    } else {
        "--features faces"
    };
    assert!(told.err.contains(words), "{}", told.err);
    assert!(told.out.contains("3 takes: 2 kept"), "{}", told.out);
}

#[cfg(feature = "faces")]
#[test]
fn a_face_goes_to_a_person_and_what_they_say_stands() {
    let red = |film: &Film| {
        let codes = (0..300 * 200)
            .map(|i: u32| [255 - (i * 7 % 5) as u8, (i % 3) as u8, 0])
            .collect::<Vec<_>>();
        heirloom_picture::png::write8(&film.path("pictures/red.png"), &codes, 300, 200).unwrap();
        film.run(&[
            "archive", "add", "pictures", "--owner", "A. Owner", "--rights", "own work",
        ])
        .well();
    };
    let film = Film::with(
        r#"
[charter]
faces = "never"
face_detector = "anchors.onnx"
[cull]
keep = 2
alike = 0.0
[[scene]]
name = "sea"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 4
kind = "living"
sources = ["archive:red"]
seed = 5
"#,
    );
    red(&film);
    let network =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../dailies/tests/faces/anchors.onnx");
    std::fs::copy(network, film.path("anchors.onnx")).unwrap();
    film.run(&["takes", "sea/010", "--count", "3"]).well();
    let told = film.run(&["cull", "sea/010", "--write"]);
    // Nothing is left that a cull could judge.
    told.ended(1, &["3 for a person to judge", "charter forbids faces"]);
    let told = film.run(&["cull", "sea/010"]).well();
    assert!(
        told.out.contains("for a person to judge:") && told.err.contains("heirloom look sea/010"),
        "{}{}",
        told.out,
        told.err
    );
    let plan: serde_json::Value =
        serde_json::from_str(&film.run(&["cull", "sea/010", "--json"]).well().out).unwrap();
    let takes: Vec<String> = plan["takes"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(takes.len(), 3);
    // Who has looked has the last word.
    film.run(&["choose", &takes[0]]).well();
    let told = film.run(&["cull", "sea/010", "--all"]).well();
    assert!(
        told.out
            .contains("1 judged by hand and left alone, 2 for a person to judge"),
        "{}",
        told.out
    );
    // With leave for faces they are takes as any other.
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    std::fs::write(film.path("film.toml"), toml.replace("\"never\"", "\"allowed\"")).unwrap();
    let told = film.run(&["cull", "sea/010"]).well();
    assert!(told.out.contains("2 kept"), "{}", told.out);
}
