//! `heirloom takes SHOT --count N`: many takes of one shot, by processes that may die.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // the lint does not see that helpers of tests are tests

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use support::Film;

const SCENE: &str = r#"
[[scene]]
name = "sea"
[[scene.shot]]
name = "010"
frames = 2
kind = "still"
sources = ["archive:sea", "archive:moon"]
prompt = "a {calm|stormy} sea"
seed = 5
"#;

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The takes' objects, by seed.
fn takes(film: &Film) -> BTreeSet<(u64, String)> {
    let all = json(&film.run(&["takes", "sea/010", "--json"]).well().out);
    let all = all.as_array().unwrap().iter();
    all.map(|take| {
        (
            take["seed"].as_u64().unwrap(),
            take["take"].as_str().unwrap().to_owned(),
        )
    })
    .collect()
}

#[test]
fn variations_are_told_drawn_once_and_added_to() {
    let film = Film::with(SCENE);
    let told = film
        .run(&["takes", "sea/010", "--count", "4", "--dry-run"])
        .well()
        .out;
    assert!(told.contains("4 takes, 0 there already, 4 to draw"), "{told}");
    assert_eq!(film.acts("requested"), 0);
    film.run(&["takes", "sea/010", "--count", "4"]).well();
    let first = takes(&film);
    assert_eq!(
        first.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(),
        [5, 6, 7, 8]
    );

    // Six are four and two more; nothing is drawn a second time.
    let told = film
        .run(&["takes", "sea/010", "--count", "6", "--json", "--dry-run"])
        .well()
        .out;
    assert_eq!(json(&told)["to_draw"], 2);
    let parent = first.iter().next().unwrap().1.clone();
    let grown = [
        "takes",
        "sea/010",
        "--count",
        "6",
        "--parent",
        &parent[..16],
        "--note",
        "nearer to dusk",
    ];
    film.run(&grown).well();
    let all = takes(&film);
    assert!(all.len() == 6 && first.is_subset(&all));
    assert_eq!((film.acts("requested"), film.acts("drawn")), (6, 6));
    let log = film.run(&["log", "--verb", "requested", "--json"]).well().out;
    let acts: Vec<serde_json::Value> = log.lines().map(json).collect();
    assert!(
        acts.iter()
            .all(|act| act["facts"]["pattern"] == "a {calm|stormy} sea")
    );
    let prompts: BTreeSet<&str> = acts
        .iter()
        .filter_map(|act| act["facts"]["prompt"].as_str())
        .collect();
    assert_eq!(prompts, ["a calm sea", "a stormy sea"].into());
    assert_eq!(
        acts.iter()
            .filter(|act| act["facts"]["note"] == "nearer to dusk")
            .count(),
        2
    );

    // What `make` draws is the first variation, which is there.
    film.run(&["make", "--no-cut"]).well();
    assert_eq!(film.acts("drawn"), 6);
    film.run(&["takes", "sea/010", "--count", "2", "--prompt", "a {calm sea"])
        .ended(1, &["close it with a }"]);
    film.run(&["takes", "sea/011", "--count", "2"])
        .ended(1, &["no shot `sea/011`"]);
    film.run(&["takes", "sea/010", "--count", "2", "--finish", "0.8..0.2"])
        .ended(2, &["the lower first"]);
}

#[test]
fn the_queue_is_watched_held_and_cancelled() {
    let film = Film::with(SCENE);
    film.run(&["watch", "--once"])
        .ended(1, &["nothing was drawn in this film yet"]);
    film.run(&["takes", "sea/010", "--count", "2"]).well();
    film.run(&["queue", "pause"]).well();
    let told = film.run(&["watch", "--once"]).well().out;
    assert!(
        told.contains("0 wait, 0 under way, 2 done, 0 failed; paused"),
        "{told}"
    );
    // While it is held nothing is begun.
    let mut child = film
        .command(&["takes", "sea/010", "--count", "4"])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(film.acts("drawn"), 2);
    let counts = json(&film.run(&["watch", "--json"]).well().out);
    assert_eq!(
        (counts["queued"].as_u64(), counts["paused"].as_bool()),
        (Some(2), Some(true))
    );
    let cancelled = film.run(&["queue", "cancel", "sea 010"]).well().out;
    assert!(cancelled.contains("2 cancelled"), "{cancelled}");
    assert!(!child.wait().unwrap().success());
    film.run(&["queue", "resume"]).well();
    film.run(&["takes", "sea/010", "--count", "4"]).well();
    assert_eq!(film.acts("drawn"), 4);
}

/// Processes of this user that draw for this film, but the first.
#[cfg(target_os = "linux")]
fn hands(film: &Film) -> Vec<i32> {
    let here = std::fs::canonicalize(film.path(".")).unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_hand = line.split(|b| *b == 0).any(|word| word == b"--hand");
        if is_hand && std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == here) {
            found.push(pid);
        }
    }
    found
}

/// Fills the film's disk while takes are drawn on it: the drawing ends by itself, saying so; then there is room again.
#[cfg(target_os = "linux")]
fn fill_while_it_draws(film: &Film, lead: std::process::Child) {
    let filler = film.full();
    let ended = lead.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{words}");
    assert!(words.contains("disk is full"), "{words}");
    assert!(!words.contains("panicked"), "{words}");
    // Those that drew beside it meet the same disk, and end too.
    for _ in 0..100 {
        if hands(film).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(hands(film).is_empty(), "processes draw on");
    std::fs::remove_file(filler).unwrap();
}

/// Draws so many takes with four processes of which one is killed about every second, and once with the disk full where
/// the film has one of its own; returns how many were killed.
#[cfg(target_os = "linux")]
fn draw_and_kill(film: &Film, count: u32, mut fills: bool) -> u32 {
    let third = count as usize / 3;
    let count = count.to_string();
    let words = [
        "takes",
        "sea/010",
        "--count",
        &count,
        "--workers",
        "4",
        "--threads",
        "1",
        "--plain",
    ];
    let (mut killed, mut turn) = (0, 0_usize);
    // The first process is killed too, now and then: run again, it goes on.
    for round in 0..9 {
        let mut lead = film
            .command(&words)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        for second in 0.. {
            if fills && film.acts("drawn") >= third {
                fills = false;
                fill_while_it_draws(film, lead);
                break;
            }
            for _ in 0..8 {
                std::thread::sleep(Duration::from_millis(100));
                if let Some(status) = lead.try_wait().unwrap() {
                    assert!(status.success(), "round {round}");
                    assert!(!fills, "it was done before the disk was filled");
                    return killed;
                }
            }
            let all = hands(film);
            let end = |pid: i32| {
                let _ = std::process::Command::new("kill")
                    .args(["-9", &pid.to_string()])
                    .status();
            };
            if second % 5 == 4 && round < 6 {
                all.into_iter().for_each(end);
                lead.kill().unwrap();
                lead.wait().unwrap();
                killed += 1;
                break;
            }
            if !all.is_empty() {
                turn += 7;
                end(all[turn % all.len()]);
                killed += 1;
            }
        }
    }
    panic!("it did not come to an end");
}

#[cfg(target_os = "linux")]
fn nothing_lost_nothing_twice(count: u32, fills: bool) {
    // A take of this film is some tens of kilobytes.
    let own = fills.then(|| Film::on_a_disk(256, SCENE)).flatten();
    if fills && own.is_none() {
        eprintln!("no right to mount a small disk here: it is not filled");
    }
    let fills = own.is_some();
    let (film, calm) = (own.unwrap_or_else(|| Film::with(SCENE)), Film::with(SCENE));
    let killed = draw_and_kill(&film, count, fills);
    calm.run(&["takes", "sea/010", "--count", &count.to_string()])
        .well();
    let all = takes(&film);
    assert_eq!(all.len(), count as usize, "{killed} were killed");
    assert_eq!(all, takes(&calm), "takes are the same to the byte");
    assert_eq!(
        (film.acts("requested"), film.acts("drawn")),
        (count as usize, count as usize)
    );
    // Nothing is left lying about, in the work folder or the vault.
    for folder in ["work/draws", "vault/writing"] {
        let left: Vec<_> = std::fs::read_dir(film.path(folder))
            .unwrap()
            .flatten()
            .map(|e| e.file_name())
            .collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
    film.run(&["vault", "verify"]).well();
    let told = film
        .run(&[
            "takes",
            "sea/010",
            "--count",
            &count.to_string(),
            "--json",
            "--dry-run",
        ])
        .well()
        .out;
    assert_eq!(json(&told)["to_draw"], 0);
}

#[cfg(target_os = "linux")]
#[test]
fn takes_survive_workers_that_are_killed() {
    nothing_lost_nothing_twice(24, false);
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "300 takes, twice: minutes"]
fn three_hundred_takes_survive_workers_that_are_killed() {
    nothing_lost_nothing_twice(300, true);
}

#[test]
fn takes_are_chosen_turned_down_and_counted() {
    let film = Film::with(SCENE);
    film.run(&["takes", "sea/010", "--count", "3"]).well();
    let all: Vec<String> = takes(&film)
        .into_iter()
        .map(|(_, take)| take[..12].to_owned())
        .collect();
    let say = |words: &[&str]| film.run(words).well().out;
    assert!(say(&["choose", &all[0]]).contains("sea 010: chosen"));
    assert!(say(&["choose", &all[1]]).contains("chosen"));
    assert!(say(&["choose", &all[0], "--star", "4"]).contains("replaced, 4 stars"));
    say(&["choose", &all[2], "--reject", "the horizon tilts"]);
    film.run(&["choose", &all[2], "--reject", " "])
        .ended(1, &["say why"]);
    film.run(&["choose", &all[2], "--star", "6"])
        .ended(1, &["from 0 to 5"]);
    film.run(&["choose"]).ended(1, &["name a take"]);
    film.run(&["choose", "ffffffffffff"])
        .ended(1, &["no take ffffffffffff"]);
    // Taking back, and taking that back.
    say(&["choose", "--undo"]);
    say(&["choose", "--undo", "--shot", "sea/010"]);
    say(&["choose", "--redo"]);
    let report = json(&say(&["report", "--json"]));
    let line = &report["shots"][0];
    assert_eq!(
        (line["takes"].as_u64(), line["chosen"].as_u64()),
        (Some(3), Some(1))
    );
    assert_eq!(
        (line["frames_made"].as_u64(), line["frames_used"].as_u64()),
        (Some(6), Some(2))
    );
    assert!(say(&["report"]).contains("sea 010"));
    let acts = film.run(&["log", "--verb", "chosen", "--json"]).well().out;
    let act = json(acts.lines().next().unwrap());
    assert!(act["facts"]["ties"]["prompt"].as_str().unwrap().ends_with("sea"));
}
