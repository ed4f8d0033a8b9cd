//! The page in a real browser: `web/look/look.test.mjs` looks, plays and judges by keys; the ledger is read here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use heirloom_dailies::choices::ShotChoices;
use heirloom_vault::Verb;

use support::{Film, SHOT, Viewer};

#[test]
#[ignore = "needs Chromium and Node: run `cargo xtask browser`, which installs both"]
fn the_page_plays_and_judges_by_keys() {
    let film = Film::new((320, 180), 16);
    for seed in 1..=4 {
        let take = film.draw(seed, "a slow tide under a low sun");
        let value = f64::from(seed);
        film.measure(
            take,
            &[
                ("sharpness.blur_px", 1.9 - value * 0.17),
                ("exposure.level_stops", -0.4 + value * 0.06),
                ("flicker.frame_percent", 0.21 + (value - 2.0).abs() * 0.3),
                ("coherence.warp_error_ratio", 0.11 + value * 0.01),
                ("motion.speed_percent_s", 3.2 * value),
            ],
        );
    }
    let viewer = Viewer::of(film.look());
    // Screenshots stay where they are asked for, to be looked at.
    let kept = std::env::var_os("HEIRLOOM_SCREENSHOTS").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| film.folder.path().join("screenshots"));
    std::fs::create_dir_all(&folder).unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/look");
    let ran = Command::new("node")
        .arg("look.test.mjs")
        .arg(&viewer.served.url)
        .arg(&folder)
        .current_dir(scripts)
        .output()
        .expect("node is missing; run `cargo xtask browser`");
    let (said, words) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{said}{words}");
    let told: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let choices = ShotChoices::read(film.vault.ledger(), SHOT).unwrap();
    assert_eq!(
        Some(choices.select().unwrap().to_string().as_str()),
        told["chosen"].as_str()
    );
    assert!(film.acts(Verb::Undone).len() > 3 && film.acts(Verb::Rejected).len() == 1);
    assert!(film.acts(Verb::Chosen).iter().all(|act| act.by.name == "Ada"));
}
