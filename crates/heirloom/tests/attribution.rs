//! Variation, attribution and the charter's limits, from the command line.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::path::Path;

use heirloom_picture::photo;
use support::Film;

const SHOTS: &str = r#"
[[scene]]
name = "one"
[[scene.shot]]
name = "010"
frames = 3
kind = "living"
sources = ["archive:sea", "archive:moon"]   # both of them
seed = 7  # lucky
[[scene.shot]]
name = "020"
frames = 6
kind = "still"
sources = ["archive:skin"]
seed = 3
"#;

fn with(film: &str, charter: &str) -> String {
    format!(
        "[film]\ntitle = \"Test\"\nsize = [96, 64]\ntitle_frames = 0\ncredits_frames = 4\n{film}\n{charter}\n{SHOTS}"
    )
}

fn write(film: &Film, head: &str, charter: &str) {
    std::fs::write(film.path("film.toml"), with(head, charter)).unwrap();
}

fn json(film: &Film, words: &[&str]) -> serde_json::Value {
    serde_json::from_str(&film.run(words).well().out).unwrap()
}

#[test]
fn a_take_is_varied_a_little_and_the_film_remembers_it() {
    let film = Film::with("");
    write(&film, "", "");
    film.run(&["make", "--plain", "--shot", "one/010"]).well();
    assert_eq!(film.acts("drawn"), 1, "only the shot that was named is drawn");
    assert!(!film.path("out/film.mp4").exists(), "and the film is not cut");

    // A take lies nowhere but where it is; another amount lies further away than a smaller one.
    let same = json(&film, &["distance", "one/010", "one/010", "--json"]);
    assert_eq!(same["distance"]["whole"], 0.0);
    let takes = json(&film, &["takes", "--json"]);
    let first = takes[0]["take"].as_str().unwrap().to_owned();
    let said = film
        .run(&[
            "make", "--plain", "--shot", "one/010", "--like", "one/010", "--amount", "0.2",
        ])
        .well();
    assert!(said.out.contains("composition"), "{}", said.out);
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    assert!(
        toml.contains(&format!("like = \"{first}\"")) && toml.contains("amount = 0.2"),
        "{toml}"
    );
    assert!(
        toml.contains("seed = 8  # lucky") && toml.contains("# both of them"),
        "{toml}"
    );
    let apart = |amount: &str| {
        let ran = film.run(&[
            "make",
            "--plain",
            "--shot",
            "one/010",
            "--like",
            &first[..12],
            "--amount",
            amount,
            "--seed",
            "8",
        ]);
        ran.well();
        let found = json(&film, &["distance", &first[..12], "one/010", "--json"]);
        let other = json(&film, &["distance", "one/010", &first[..12], "--json"]);
        let whole = found["distance"]["whole"].as_f64().unwrap();
        assert!((whole - other["distance"]["whole"].as_f64().unwrap()).abs() < 1e-12);
        (whole, found["distance"]["composition"].as_f64().unwrap())
    };
    let (none, little, much) = (apart("0"), apart("0.2"), apart("1"));
    // Nothing but the making of later frames differs at 0.
    assert!(
        none.1 < 0.1 && none.0 < little.0 && little.0 < much.0,
        "{none:?} {little:?} {much:?}"
    );

    // The ledger says what the take is like, and so does the list.
    let acts = film.run(&["log", "--verb", "drawn", "--json"]).well().out;
    let like = acts
        .lines()
        .filter(|l| l.contains("\"like\"") && l.contains(&first))
        .count();
    assert_eq!(like, 3, "{acts}");
    let takes = json(&film, &["takes", "one/010", "--json"]);
    assert_eq!(
        (takes.as_array().unwrap().len(), &takes[1]["like"]),
        (4, &serde_json::json!(first))
    );
    // From film.toml alone the same film is made: nothing is drawn again.
    film.run(&["make", "--plain", "--shot", "one/010"]).well();
    assert_eq!(film.acts("drawn"), 4);
}

#[test]
fn what_can_not_be_varied_says_the_mend() {
    let film = Film::with("");
    write(&film, "", "");
    film.run(&["make", "--plain", "--shot", "one/010"]).well();
    film.run(&["make", "--shot", "one/010", "--like", "0123456789ab"])
        .ended(1, &["no take 0123456789ab", "heirloom takes"]);
    film.run(&["make", "--shot", "one/010", "--like", "one/020"])
        .ended(1, &["not drawn yet"]);
    film.run(&["make", "--shot", "one/999"]).ended(1, &["one/010"]);
    film.run(&["make", "--shot", "one/010", "--like", "one/010", "--amount", "2"])
        .ended(2, &["from 0 to 1"]);
    // A take of photographs that the shot does not name.
    film.run(&["make", "--shot", "one/020", "--like", "one/010"])
        .ended(1, &["archive:pictures/sea", "archive:pictures/moon", "`sources`"]);
    // Whatever could not be done, film.toml does not ask for it.
    let toml = std::fs::read_to_string(film.path("film.toml")).unwrap();
    assert!(!toml.contains("like"), "{toml}");
    std::fs::write(
        film.path("film.toml"),
        toml.replace("seed = 3", "seed = 3\namount = 0.4"),
    )
    .unwrap();
    film.run(&["check"]).ended(1, &["`amount`"]);
}

#[test]
fn a_map_picture_and_tables_say_whose_it_is() {
    let film = Film::with("");
    write(&film, "", "");
    film.run(&["make", "--plain", "--no-cut"]).well();
    let said = film.run(&["attribution", "one/010", "--frame", "1"]).well().out;
    for word in [
        "archive:pictures/sea",
        "archive:pictures/moon",
        "A. Owner",
        "own work",
        "by owner",
        "largest",
        ".png",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let picture = photo::read(&film.path("out/attribution/one-010-1.png"))
        .unwrap()
        .image;
    assert!(picture.width() > 1000 && picture.height() > 500);
    // The map beside the frame has colours of its own, which the frame itself does not have.
    let table = json(
        &film,
        &["attribution", "one/010", "--json", "--to", "elsewhere.png"],
    );
    assert!(film.path("elsewhere.png").is_file());
    let shares: f64 = table["table"]["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["share"].as_f64().unwrap())
        .sum();
    assert!((shares - 1.0).abs() < 1e-9);
    assert_eq!(table["copying"]["kind"], "judged");
    film.run(&["attribution", "one/010", "--frame", "3"])
        .ended(1, &["no frame 3"]);

    // The film's shares go by frames: 3 of sea and moon, 6 of skin.
    let whole = json(&film, &["attribution", "--json"]);
    let skin = whole["sources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == "archive:pictures/skin")
        .unwrap()["share"]
        .as_f64()
        .unwrap();
    assert!((skin - 6.0 / 9.0).abs() < 1e-9, "{whole}");
    assert_eq!(whole["owners"].as_array().unwrap().len(), 1);
}

#[test]
fn the_charter_limits_shares_and_refuses_the_master() {
    let film = Film::with("");
    let over = "[charter.shares]\nmax = 0.6\n[charter.shares.sources]\n\"archive:sea\" = { max = 0.9 }\n";
    write(&film, "", over);
    film.run(&["make", "--plain"]).ended(
        3,
        &[
            "archive:pictures/skin is 67 % of the film",
            "at most 60 %",
            "[charter.shares]",
        ],
    );
    assert!(!film.path("out/film.mp4").exists());
    let refused = film.run(&["log", "--verb", "refused"]).well().out;
    assert!(refused.contains("archive:pictures/skin is 67 %"), "{refused}");

    // An owner's limit, a least share of what is not there at all, and one take's warning.
    let owners = "[charter.shares.owners]\n\"A. Owner\" = { max = 0.5 }\n";
    write(&film, "", owners);
    film.run(&["make", "--plain"])
        .ended(3, &["what A. Owner owns is 100 % of the film"]);
    let least = "[charter.shares]\nmin = 0.32\n";
    write(&film, "", least);
    film.run(&["make", "--plain"]).ended(
        3,
        &["archive:pictures/moon", "at least 32 %", "archive:pictures/sea"],
    );
    let take =
        "[charter.shares.sources]\n\"archive:sea\" = { max = 0.05 }\n\"archive:skin\" = { max = 0.7 }\n";
    write(&film, "", take);
    film.run(&["make", "--plain", "--no-cut"]).ended(
        0,
        &["warning: shot one 010: archive:pictures/sea is", "of the take"],
    );

    // Within its limits it is made, and what the limits say is checked as all of film.toml is.
    write(
        &film,
        "credits_by = \"name\"\ncredits_shares = true",
        "[charter.shares]\nmax = 0.7\n",
    );
    film.run(&["make", "--plain"]).well();
    write(&film, "", "[charter.shares]\nmax = 0.2\nmin = 0.4\n");
    film.run(&["check"])
        .ended(1, &["the least share is more than the most"]);
    write(&film, "", "[charter.shares.sources]\nmoon = { max = 0.5 }\n");
    film.run(&["check"]).ended(1, &["archive:moon"]);
}

/// Shots that show photographs nearly as they are: the charter's word on copies.
#[test]
fn near_copies_are_said_and_refused_but_those_by_intent_are_not() {
    let film = Film::with("");
    // Every take is near enough at so low a threshold; becomings copy by intent all the same.
    let shots = "[[scene]]\nname = \"one\"\n[[scene.shot]]\nname = \"b\"\nframes = 4\nkind = \"becoming\"\nfrom = \
                 \"archive:sea\"\nto = \"archive:moon\"\n";
    let head = |charter: &str| {
        format!(
            "[film]\ntitle = \"Test\"\nsize = [96, 64]\ntitle_frames = 0\ncredits_frames = 0\n{charter}\n"
        )
    };
    let refuse = "[charter]\ncopies = \"refuse\"\ncopy_over = 0.01\n";
    std::fs::write(film.path("film.toml"), head(refuse) + shots).unwrap();
    film.run(&["make", "--plain"]).well();
    let said = film.run(&["attribution", "one/b", "--frame", "0"]).well().out;
    assert!(said.contains("copies by intent"), "{said}");

    let still = "[[scene]]\nname = \"one\"\n[[scene.shot]]\nname = \"s\"\nframes = 2\nkind = \"still\"\nsources = \
                 [\"archive:sea\"]\n";
    std::fs::write(film.path("film.toml"), head(refuse) + still).unwrap();
    film.run(&["make", "--plain"]).ended(
        3,
        &[
            "shot one s is nearly a copy of archive:pictures/sea",
            " % of the",
            "`copies`",
        ],
    );
    let warn = "[charter]\ncopies = \"warn\"\ncopy_over = 0.01\n";
    std::fs::write(film.path("film.toml"), head(warn) + still).unwrap();
    film.run(&["make", "--plain"])
        .ended(0, &["warning: shot one s is nearly a copy"]);
    let allow = "[charter]\ncopies = \"allow\"\n";
    std::fs::write(film.path("film.toml"), head(allow) + still).unwrap();
    let made = film.run(&["make", "--plain"]).well();
    assert!(!made.err.contains("copy"), "{}", made.err);
    assert!(Path::new(&film.path("out/film.mp4")).is_file());
}
