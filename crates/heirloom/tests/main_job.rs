//! The main job: from a folder of photographs to a film that can say what each pixel was made from.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use support::{Film, SCENES, photograph};

#[test]
fn from_photographs_to_a_film_and_back() {
    let film = Film::with(SCENES);
    let checked = film.run(&["check"]).well();
    assert!(checked.out.contains("3 shots, 24 frames"), "{}", checked.out);
    film.run(&["make", "--plain"]).well();
    assert_eq!(film.acts("drawn"), 3);
    assert_eq!(film.acts("exported"), 1);
    let (mp4, mov) = (film.hash("out/film.mp4"), film.hash("out/film.mov"));

    // Ids were written, once; nothing else of film.toml changed.
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    assert_eq!(toml.matches("id = ").count(), 4, "{toml}");
    let without: String = toml
        .lines()
        .filter(|l| !l.starts_with("id = "))
        .map(|l| format!("{l}\n"))
        .collect();
    assert!(without.ends_with(SCENES), "{without}");

    // Made again, nothing is drawn or exported.
    film.run(&["make", "--plain"]).well();
    assert_eq!((film.acts("drawn"), film.acts("exported")), (3, 1));
    assert_eq!(std::fs::read_to_string(film.path("film.toml")).unwrap(), toml);

    // Frames 0..4 are the title, 4..8 the living shot alone, 8..12 the dissolve.
    let title = film.run(&["trace", "out/film.mp4", "--frame", "1"]).well().out;
    assert!(title.contains("drawn"), "{title}");
    let living = film
        .run(&["trace", "out/film.mp4", "--frame", "5", "--at", "40,30"])
        .well()
        .out;
    assert!(
        living.contains("sea")
            && living.contains("A. Owner")
            && living.contains("own work")
            && living.contains("a slow tide"),
        "{living}"
    );
    let json = film
        .run(&["trace", "out/film.mov", "--frame", "9", "--at", "40,30", "--json"])
        .well()
        .out;
    let trace: serde_json::Value = serde_json::from_str(&json).unwrap();
    let text = trace.to_string();
    assert!(
        text.contains("sea") && (text.contains("moon") || text.contains("skin")),
        "{json}"
    );
    film.run(&["trace", "out/film.mp4", "--frame", "24"])
        .ended(1, &["24"]);
    film.run(&["trace", "out/film.mp4", "--frame", "5", "--at", "96,0"])
        .ended(1, &["96"]);

    // A seed changed: that shot alone is drawn again, and the film is another.
    std::fs::write(film.path("film.toml"), toml.replace("seed = 7", "seed = 8")).unwrap();
    film.run(&["make", "--plain"]).well();
    assert_eq!((film.acts("drawn"), film.acts("exported")), (4, 2));
    assert_ne!(film.hash("out/film.mp4"), mp4);

    // Changed back, nothing is drawn: the take is still there, and the film is the first one, byte for byte.
    std::fs::write(film.path("film.toml"), &toml).unwrap();
    film.run(&["make", "--plain"]).well();
    assert_eq!(film.acts("drawn"), 4);
    assert_eq!((film.hash("out/film.mp4"), film.hash("out/film.mov")), (mp4, mov));

    film.run(&["vault", "verify"]).well();
    film.run(&["vault", "size"]).well();
    film.run(&["vault", "tidy"]).well();
    film.run(&["vault", "verify"]).well();
}

#[test]
fn check_writes_nothing() {
    let film = Film::with(SCENES);
    let before = film.files();
    film.run(&["check"]).well();
    assert_eq!(film.files(), before);
}

#[test]
fn a_new_film_is_sound_and_says_what_comes_next() {
    let film = Film::empty();
    let said = film.run(&["new", "first-light"]).well();
    assert!(said.out.contains("archive add"), "{}", said.out);
    film.run(&["--film", "first-light", "check"]).well();
    film.run(&["new", "first-light"]).ended(1, &["is a film already"]);
    film.run(&["--film", "first-light", "make"])
        .ended(1, &["no shots yet"]);
}

#[test]
fn frames_are_written_on_request_and_hold_the_sources_values() {
    let film = Film::with(SCENES);
    film.run(&["make", "--plain", "--no-cut"]).well();
    film.run(&[
        "frames", "one/010", "--format", "exr", "--range", "0..3", "--to", "exr",
    ])
    .well();
    film.run(&[
        "frames", "one/010", "--format", "png", "--range", "2..3", "--to", "png",
    ])
    .well();
    let count = |folder: &str, ext: &str| {
        let files = std::fs::read_dir(film.path(folder)).unwrap().flatten();
        files
            .filter(|e| e.path().extension().is_some_and(|x| x == ext))
            .count()
    };
    assert_eq!((count("exr", "exr"), count("png", "png")), (3, 1));
    film.run(&["frames", "one/999"]).ended(1, &["one/010"]);
}

#[test]
fn archive_lists_and_shows() {
    let film = Film::with(SCENES);
    let list = film.run(&["archive", "list"]).well().out;
    assert!(
        list.contains("sea") && list.contains("moon") && list.contains("skin"),
        "{list}"
    );
    let shown = film.run(&["archive", "show", "archive:moon"]).well().out;
    assert!(
        shown.contains("A. Owner") && shown.contains("150") && shown.contains("110"),
        "{shown}"
    );
    // Two photographs of one name: an error where it is called, naming both.
    std::fs::create_dir_all(film.path("more")).unwrap();
    photograph(&film.path("more/moon.png"), 9, 150, 110);
    film.run(&["archive", "add", "more", "--owner", "B", "--rights", "own work"])
        .well();
    film.run(&["archive", "show", "moon"])
        .ended(1, &["pictures/moon", "more/moon"]);
    film.run(&["archive", "show", "more/moon"]).well();
    film.run(&["check"])
        .ended(1, &["pictures/moon", "more/moon", "one 020"]);
}
