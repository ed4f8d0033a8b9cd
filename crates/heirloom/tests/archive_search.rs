//! `heirloom archive search|duplicates|faults|look|vectors`, as a user would.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use heirloom_picture::preview::{self, Preview};
use support::Film;

/// A film with three photographs, and a larger one with two copies.
fn film() -> Film {
    let film = Film::with("");
    let folder = film.path("copies");
    std::fs::create_dir_all(&folder).unwrap();
    support::photograph(&folder.join("pier.png"), 7, 900, 600);
    let pier = preview::decode(&std::fs::read(folder.join("pier.png")).unwrap(), "pier.png", 4096).unwrap();
    let write = |name: &str, picture: &Preview, quality| {
        std::fs::write(folder.join(name), picture.to_jpeg(quality).unwrap()).unwrap();
    };
    write("pier-small.jpg", &pier.scaled(600), 85);
    write("pier-mail.jpg", &pier, 60);
    std::fs::write(folder.join("pier-mail.txt"), "The pier in the harbour, by mail").unwrap();
    film.run(&[
        "archive", "add", "copies", "--owner", "Jean Doe", "--rights", "own work",
    ])
    .well();
    film
}

#[test]
fn sources_are_found_grouped_and_put_on_a_sheet() {
    let film = film();
    let found = film.run(&["archive", "search", "harb* -dog"]).well().out;
    assert!(
        found.contains("archive:copies/pier-mail") && found.contains("The pier in the [harbour]"),
        "{found}"
    );
    let found = film.run(&["archive", "search", "nosuchword"]).well().out;
    assert!(found.contains("Nothing was found"), "{found}");

    // By a picture outside: itself first, then its copies; and as JSON.
    let json = film
        .run(&[
            "archive",
            "search",
            "like:copies/pier.png",
            "--json",
            "--limit",
            "3",
        ])
        .well()
        .out;
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names: Vec<&str> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| h["name"].as_str().unwrap())
        .collect();
    assert_eq!(names[0], "copies/pier");
    assert!(
        names.contains(&"copies/pier-mail") && names.contains(&"copies/pier-small"),
        "{names:?}"
    );
    assert_eq!(found["total"], 6);

    // Only the best of the copies is left.
    let best = film.run(&["archive", "search", "pier", "--best"]).well().out;
    assert!(
        best.contains("copies/pier") && !best.contains("pier-small") && !best.contains("pier-mail"),
        "{best}"
    );
    film.run(&["archive", "search", "pier", "--sheet", "sheet.png"])
        .well();
    let sheet = heirloom_picture::photo::read(&film.path("sheet.png")).unwrap();
    assert_eq!(sheet.info.width, 14 + 3 * (256 + 14));

    let groups = film.run(&["archive", "duplicates"]).well().out;
    let lines: Vec<&str> = groups.lines().map(str::trim).collect();
    assert!(
        lines[0] == "copies" && lines[1].starts_with("archive:copies/pier "),
        "{groups}"
    );
    assert!(
        groups.contains("pier-small") && groups.contains("pier-mail"),
        "{groups}"
    );
    let faults = film.run(&["archive", "faults", "--json"]).well().out;
    assert!(
        serde_json::from_str::<serde_json::Value>(&faults)
            .unwrap()
            .is_array()
    );

    film.run(&["archive", "search", "persn:jean"])
        .ended(1, &["did you mean person:?"]);
}

#[test]
fn a_style_is_made_from_what_a_search_finds() {
    let film = film();
    let made = film
        .run(&[
            "style",
            "make",
            "moons",
            "--from",
            "folder:copies -file:small -file:mail",
        ])
        .well()
        .out;
    assert!(
        made.contains("sources    1") && made.contains("from       folder:copies -file:small -file:mail"),
        "{made}"
    );
    let made = film
        .run(&["style", "make", "blue", "--from", "colour:blue", "--first", "2"])
        .well()
        .out;
    assert!(made.contains("sources    2"), "{made}");
    film.run(&["style", "make", "none", "--from", "nosuchthing"])
        .ended(1, &["a search for it finds none"]);
}

#[test]
fn what_was_seen_is_made_again_and_vectors_come_in() {
    let film = film();
    std::fs::remove_dir_all(film.path("vault/archive")).unwrap();
    let none = film.run(&["archive", "search", "colour:red"]).well();
    assert!(
        none.err.contains("6 more fit but were not looked at"),
        "{}",
        none.err
    );
    let looked = film.run(&["archive", "look"]).well().out;
    assert!(looked.contains("looked at 6 sources"), "{looked}");
    assert!(
        film.run(&["archive", "search", "colour:red"])
            .well()
            .out
            .contains("% about red")
    );

    std::fs::write(film.path("broken.safetensors"), b"nothing").unwrap();
    film.run(&["archive", "vectors", "clip", "broken.safetensors"])
        .ended(1, &["no safetensors file", "broken.safetensors"]);
    // One vector: eight bytes of length, the header, the numbers.
    let header = br#"{"pictures/moon":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header);
    file.extend([1.0_f32, 0.5].iter().flat_map(|v| v.to_le_bytes()));
    std::fs::write(film.path("clip.safetensors"), &file).unwrap();
    let taken = film
        .run(&["archive", "vectors", "clip", "clip.safetensors"])
        .well()
        .out;
    assert!(taken.contains("vectors of 1 source by clip"), "{taken}");
    let found = film
        .run(&["archive", "search", "like:archive:moon", "--model", "clip"])
        .well();
    assert!(found.out.contains("archive:pictures/moon"), "{}", found.out);
}
