//! film.toml: whatever its text, reading gives a film or errors that can be shown, and never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match heirloom_film::parse("film.toml", text) {
        Ok(loaded) => assert_eq!(loaded.text, text),
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert!(!problem.message.is_empty() && !problem.mend.is_empty());
            }
            assert!(!problems.render(true).is_empty());
        }
    }
});
