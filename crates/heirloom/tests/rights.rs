//! `heirloom rights`: granting, changing, taking back, and what that touches.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use support::Film;

const SHOTS: &str = r#"
[[scene]]
name = "one"
[[scene.shot]]
name = "010"
frames = 2
kind = "still"
sources = ["archive:sea"]
[[scene.shot]]
name = "020"
frames = 2
kind = "still"
sources = ["archive:moon"]
"#;

#[test]
fn taking_leave_back_says_all_that_it_touches_and_stops_the_next_make() {
    let film = Film::with(SHOTS);
    film.run(&["make"]).well();
    // To ask is not to do.
    let asked = film.run(&["rights", "revoke", "sea", "--dry-run"]).well().out;
    film.run(&["make"]).well();
    let said = film
        .run(&["rights", "revoke", "sea", "--why", "it is my mother's"])
        .well()
        .out;
    for words in [
        "archive:pictures/sea",
        "1 request (one 010)",
        "1 take",
        "1 cut",
        "2 masters (film.mov, film.mp4)",
    ] {
        assert!(said.contains(words), "nothing of {words:?} in:\n{said}");
        assert!(
            asked.contains(words.trim_start_matches("archive:")),
            "nothing of {words:?} in:\n{asked}"
        );
    }
    assert!(!said.contains("020"), "{said}");
    film.run(&["make"])
        .ended(3, &["archive:sea", "it is my mother's"]);
    // A change lifts nothing; a grant does.
    film.run(&["rights", "change", "sea", "--terms", "lent"]).well();
    film.run(&["make"]).ended(3, &["it is my mother's"]);
    let granted = film
        .run(&[
            "rights",
            "grant",
            "sea",
            "--owner",
            "Jean",
            "--terms",
            "lent again",
        ])
        .well();
    assert!(granted.out.contains("Jean, lent again"), "{}", granted.out);
    film.run(&["make"]).well();
}

#[test]
fn whoever_is_shown_has_a_say() {
    let film = Film::with(SHOTS);
    film.run(&["rights", "change", "sea", "--shows", "Jean Doe"])
        .well();
    film.run(&["make", "--no-cut"])
        .ended(3, &["Jean Doe", "has not consented"]);
    film.run(&["rights", "grant", "--person", "Jean Doe"])
        .ended(1, &["say how Jean Doe consented"]);
    film.run(&[
        "rights",
        "grant",
        "--person",
        "Jean Doe",
        "--terms",
        "in writing",
        "--given-by",
        "her mother",
    ])
    .well();
    film.run(&["make", "--no-cut"]).well();
    let shown = film.run(&["rights", "show", "sea"]).well().out;
    assert!(
        shown.contains("Jean Doe: in writing (look, generate, publish), given by her mother"),
        "{shown}"
    );
    assert!(shown.contains("train      no: outside scope"), "{shown}");
    let said = film.run(&["rights", "revoke", "--person", "Jean Doe"]).well().out;
    assert!(
        said.contains("archive:pictures/sea") && said.contains("1 take"),
        "{said}"
    );
    film.run(&["make", "--no-cut"]).ended(3, &["consent was revoked"]);
}

#[test]
fn what_cannot_be_meant_is_said_with_its_mend() {
    let film = Film::with(SHOTS);
    film.run(&["rights", "show"])
        .ended(1, &["name sources, --folder FOLDER, or --person NAME"]);
    film.run(&["rights", "revoke", "sae"])
        .ended(1, &["archive:pictures/sea"]);
    film.run(&["rights", "revoke", "--folder", "nowhere"])
        .ended(1, &["heirloom archive list"]);
    film.run(&["rights", "change", "--person", "Nobody", "--terms", "x"])
        .ended(1, &["has not consented to anything yet"]);
    film.run(&["rights", "grant", "sea", "--given-by", "her mother"])
        .ended(1, &["--person"]);
    film.run(&["rights", "grant", "sea", "--scope", "sell"])
        .ended(2, &["look, generate, publish or train"]);
}
