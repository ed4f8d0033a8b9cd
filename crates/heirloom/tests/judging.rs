//! Around the choice: the page, the money, versions of a prompt, and work that outlasts its terminal.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::Film;

const SCENE: &str = r#"
[budget]
usd = 20
[[scene]]
name = "sea"
[[scene.shot]]
id = "sh-22222222"
name = "010"
frames = 4
kind = "living"
sources = ["archive:sea"]
prompt = "a slow tide"
seed = 5
"#;

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A process that is ended when the test is.
struct Page(Child);

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The head of what the page's server answers.
fn answer(address: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn a_shot_is_looked_at_on_a_page_that_ends_with_the_program() {
    let film = Film::with(SCENE);
    film.run(&["look", "sea/011"]).ended(1, &["no shot `sea/011`"]);
    film.run(&["takes", "sea/010", "--count", "2"]).well();
    let mut page = Page(
        film.command(&["look", "sea/010"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(page.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://127.0.0.1:"))
        .unwrap_or_else(|| panic!("{line}"));
    let (address, path) = url["http://".len()..].split_once('/').unwrap();
    let shown = answer(address, &format!("/{path}"));
    assert!(shown.starts_with("HTTP/1.1 200"), "{shown}");
    assert!(shown.contains("<html"), "{shown}");
    // Who does not have the address sees nothing.
    let shut = answer(address, "/");
    assert!(!shut.starts_with("HTTP/1.1 200"), "{shut}");
    assert!(page.0.try_wait().unwrap().is_none());
    #[cfg(unix)]
    {
        let pid = page.0.id().to_string();
        let told = std::process::Command::new("kill").args(["-INT", &pid]).status();
        assert!(told.unwrap().success());
        let patience = Instant::now();
        while page.0.try_wait().unwrap().is_none() {
            assert!(patience.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn the_money_is_told_and_only_what_is_in_doubt_is_ruled_on() {
    let film = Film::with(SCENE);
    film.run(&["takes", "sea/010", "--count", "2"]).well();
    let told = json(&film.run(&["budget", "--json"]).well().out);
    assert_eq!(told["film"]["draws"], 0, "{told}");
    assert_eq!(told["doubts"], serde_json::json!([]));
    assert!(film.run(&["budget"]).well().out.contains("20"), "{told}");
    film.run(&["budget", "--paid", "4f2a4f2a", "--why", "on the bill"])
        .ended(1, &["4f2a4f2a"]);
    film.run(&["budget", "--paid", "4f2a4f2a"]).ended(2, &["--why"]);
    film.run(&["budget", "--paid", "4f", "--not-paid", "4f", "--why", "x"])
        .ended(2, &["cannot be used with"]);
    assert_eq!(film.acts("accounted"), 0);
    let watched = film.run(&["watch", "--once"]).well().out;
    assert!(watched.contains("spent") && watched.contains("left"), "{watched}");
}

#[test]
fn two_versions_of_a_prompt_stand_beside_each_other() {
    let film = Film::with(SCENE);
    film.run(&["takes", "sea/010", "--versions"])
        .ended(1, &["has no takes yet"]);
    film.run(&["takes", "sea/010", "--count", "2"]).well();
    let later = SCENE.replace("a slow tide", "a slow tide, blurred");
    film.toml(&later);
    film.run(&["takes", "sea/010", "--count", "3", "--seed", "50"])
        .well();
    film.run(&["measure", "sea/010"]).well();
    let all = json(&film.run(&["takes", "sea/010", "--versions", "--json"]).well().out);
    let all = all.as_array().unwrap();
    let of = |n: usize| {
        (
            all[n]["version"].as_u64(),
            all[n]["prompt"].as_str(),
            all[n]["takes"].as_u64(),
            all[n]["measured"].as_u64(),
        )
    };
    assert_eq!(of(0), (Some(1), Some("a slow tide"), Some(2), Some(2)));
    assert_eq!(of(1), (Some(2), Some("a slow tide, blurred"), Some(3), Some(3)));
    for version in all {
        let blur = &version["measures"]["sharpness.blur_px"];
        let [least, mean, most] = ["least", "mean", "most"].map(|key| blur[key].as_f64().unwrap());
        assert!(least <= mean && mean <= most, "{blur}");
    }
    let told = film.run(&["takes", "sea/010", "--versions", "2", "1"]).well().out;
    assert!(
        told.contains("sharpness.blur_px (px)") && told.find("v2") < told.find("v1"),
        "{told}"
    );
    film.run(&["takes", "sea/010", "--versions", "3"])
        .ended(1, &["no takes of version 3", "there are 1, 2"]);
}

/// The photographs that stand for a style take the place of the shot's sources, and the ledger says whose they are.
#[test]
fn takes_are_made_of_styles_in_turn() {
    let film = Film::with(SCENE);
    film.run(&["style", "make", "night", "--from", "pictures/moon"])
        .well();
    film.run(&["style", "make", "skin", "--from", "pictures/skin"])
        .well();
    let words = [
        "takes", "sea/010", "--count", "4", "--style", "night", "--style", "skin",
    ];
    film.run(&words).well();
    let log = film.run(&["log", "--verb", "requested", "--json"]).well().out;
    let acts: Vec<serde_json::Value> = log.lines().map(json).collect();
    let of = |role: &str| -> std::collections::BTreeSet<String> {
        let edges = acts
            .iter()
            .flat_map(|act| act["edges"].as_array().unwrap().clone());
        let of_role = edges.filter(|edge| edge["role"] == role);
        of_role.map(|edge| edge["object"].to_string()).collect()
    };
    assert_eq!((acts.len(), of("style").len(), of("source").len()), (4, 2, 2));
    // Taking the leave back from a style's photograph names the takes made of it.
    let touched = film
        .run(&[
            "rights",
            "revoke",
            "archive:pictures/moon",
            "--dry-run",
            "--why",
            "asked",
        ])
        .well()
        .out;
    assert!(
        touched.contains("night") && touched.contains("2 takes"),
        "{touched}"
    );
    // The same again is there already, by other names of the same styles too.
    let again = [
        "takes",
        "sea/010",
        "--count",
        "4",
        "--style",
        "night@1",
        "--style",
        "skin",
        "--dry-run",
    ];
    let told = film.run(&again).well().out;
    assert!(told.contains("4 takes, 4 there already, 0 to draw"), "{told}");
    film.run(&["takes", "sea/010", "--count", "2", "--style", "day"])
        .ended(1, &["no style day"]);
    film.run(&["takes", "sea/010", "--count", "2", "--from", "archive:moon"])
        .ended(1, &["has no keyframes"]);
    film.run(&["takes", "sea/010", "--count", "2", "--from", "moon"])
        .ended(2, &["archive:moon"]);
}

/// The select, and not what film.toml alone would draw, is what the animatic shows.
#[test]
fn the_animatic_shows_the_select() {
    let film = Film::with(SCENE);
    film.run(&["takes", "sea/010", "--count", "2"]).well();
    let animatic = || {
        film.run(&["stage", "animatic", "--plain"]).well();
        film.hash("out/animatic.mp4")
    };
    let first = animatic();
    let all = json(&film.run(&["takes", "sea/010", "--json"]).well().out);
    let other = all
        .as_array()
        .unwrap()
        .iter()
        .find(|take| take["seed"] == 6)
        .unwrap();
    film.run(&["choose", &other["take"].as_str().unwrap()[..16]])
        .well();
    let second = animatic();
    assert_ne!(first, second, "it is of the other take");
    film.run(&["choose", "--undo"]).well();
    assert_eq!(animatic(), first);
}

#[cfg(unix)]
#[test]
fn drawing_in_the_background_is_watched_from_elsewhere() {
    let film = Film::with(SCENE);
    film.run(&["takes", "sea/010", "--background"])
        .ended(2, &["--count"]);
    let told = film
        .run(&["takes", "sea/010", "--count", "3", "--background"])
        .well();
    assert!(told.out.contains("heirloom watch"), "{}", told.out);
    // The command is over; the work goes on, and is there in the end.
    let patience = Instant::now();
    while film.acts("drawn") < 3 {
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "{}",
            std::fs::read_to_string(film.path("work/takes.log")).unwrap_or_default()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let words = || std::fs::read_to_string(film.path("work/takes.log")).unwrap_or_default();
    while !words().contains("3 of 3 takes are there") {
        assert!(patience.elapsed() < Duration::from_secs(60), "{}", words());
        std::thread::sleep(Duration::from_millis(200));
    }
    let watched = json(&film.run(&["watch", "--json"]).well().out);
    assert_eq!(watched["done"], 3, "{watched}");
}
