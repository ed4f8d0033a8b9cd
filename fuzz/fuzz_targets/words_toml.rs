//! words.toml and prompts: whatever their text, reading gives words or errors that can be shown, never panics, and a
//! prompt read by them gives words that stand in it.
#![no_main]

use heirloom_dailies::words::{Words, resolve};
use heirloom_film::{Kind, Motion, Shot};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static BUILT_IN: LazyLock<Words> = LazyLock::new(Words::built_in);

fuzz_target!(|text: &str| {
    let words = match BUILT_IN.clone().extended("words.toml", text) {
        Ok(words) => words,
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert!(!problem.message.is_empty() && !problem.mend.is_empty());
            }
            assert!(!problems.render(true).is_empty());
            BUILT_IN.clone()
        }
    };
    let mut shot = Shot::new("1", 24, Kind::Living { motion: Motion::default() });
    shot.prompt = text.chars().take(400).collect();
    let reading = words.read(&shot.prompt, &shot.mood);
    for spoken in &reading.spoken {
        assert!(shot.prompt.contains(&spoken.written));
    }
    let resolved = resolve(&words, &reading, &shot);
    let motion = resolved.motion.expect("a living shot moves");
    assert!((0.0..=4.0).contains(&motion.speed) && (0.0..=1.0).contains(&motion.steady));
    assert!((-1.0..=1.0).contains(&resolved.accelerate) && (0.0..=1.0).contains(&resolved.finish));
    assert_eq!(resolved.told.len(), reading.spoken.len());
});
