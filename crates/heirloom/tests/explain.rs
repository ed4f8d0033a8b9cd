//! `check --explain` and `make --explain`: what every word of a shot did, as the program prints it.

#![allow(clippy::unwrap_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod support;

use support::Film;

const SHOTS: &str = r#"
[[scene]]
name = "one"
[[scene.shot]]
name = "010"
frames = 2
kind = "living"
sources = ["archive:sea", "archive:moon"]
prompt = "la luna cae despacio, sin prisa; calma"
motion = { speed = 0.8 }
[[scene.shot]]
name = "020"
frames = 2
kind = "still"
prompt = "the skin, motionless"
mood = "xyzzy"
[[scene.shot]]
name = "030"
frames = 2
kind = "becoming"
from = "archive:moon"
to = "archive:skin"
"#;

const SAID: &str = r#"shot one 010 (living), words read in Spanish
  luna -> weighs archive:moon 1 (its name) against archive:sea 0.25
  cae -> flow drift; direction 270° on the screen
  calma -> steady 0.8; nothing: motion.speed is written by hand
  despacio -> nothing: motion.speed is written by hand
  prisa -> nothing: not among the words, nor of use to tell the shot's sources apart
shot one 020 (still), words read in English
  skin -> chose archive:skin (its name)
  motionless -> nothing: a still without a `motion` is held; write `motion = {}` or make it living
  xyzzy (mood) -> nothing: not among the words, nor of use to tell the shot's sources apart
shot one 030 (becoming): no words
"#;

#[test]
fn every_word_is_explained() {
    let film = Film::with(SHOTS);
    let plain = film.run(&["check"]).well().out;
    let told = film.run(&["check", "--explain"]).well().out;
    assert_eq!(told, format!("{SAID}{plain}"));
    // Checking wrote nothing, not even what it found out of colours.
    assert!(!film.path("work").exists());
    // A film's own word is heard, and a mistake in words.toml is shown with its line.
    std::fs::write(
        film.path("words.toml"),
        "[word.prisa]\nes = [\"prisa\"]\nsteady = 0.1\nnot = \"calm\"\n",
    )
    .unwrap();
    let told = film.run(&["check", "--explain"]).well().out;
    assert!(told.contains("prisa -> steady 0.8"), "{told}");
    std::fs::write(
        film.path("words.toml"),
        "[word.prisa]\nes = [\"prisa\"]\nstaedy = 0.1\n",
    )
    .unwrap();
    film.run(&["check"])
        .ended(1, &["words.toml:3:1", "write `steady`"]);
}

#[test]
fn making_explains_before_it_draws_and_keeps_what_it_measured() {
    let film = Film::with(
        "[[scene]]\nname = \"one\"\n[[scene.shot]]\nname = \"010\"\nframes = 1\nkind = \"still\"\n\
         sources = [\"archive:sea\", \"archive:moon\"]\nprompt = \"crimson\"\n",
    );
    let ran = film.run(&["make", "--no-cut", "--explain"]).well();
    assert!(
        ran.out
            .contains("crimson -> palette 0.55 0.21 22°, 100 % of its weight"),
        "{}",
        ran.out
    );
    let kept = std::fs::read_dir(film.path("work/colors")).unwrap().count();
    assert_eq!(kept, 2);
    // The same words are the same request: nothing is drawn again.
    film.toml(
        "[[scene]]\nname = \"one\"\n[[scene.shot]]\nname = \"010\"\nframes = 1\nkind = \"still\"\n\
         sources = [\"archive:sea\", \"archive:moon\"]\nprompt = \"carmesí\"\n",
    );
    let ran = film.run(&["make", "--no-cut"]).well();
    assert!(
        ran.err.contains("0 shots drawn, 1 were there already"),
        "{}",
        ran.err
    );
}
