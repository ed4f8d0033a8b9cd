//! rights.toml: whatever its text, reading gives rights or errors that can be shown, and never panics.
#![no_main]

use heirloom_archive::rights_toml;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match rights_toml::parse("rights.toml", text, None) {
        Ok((rights, _warnings)) => {
            // A file's own words go before the folder's, and what both leave open stays open.
            for (name, own) in &rights.files {
                let all = rights.of(name);
                assert_eq!(all.owner, own.owner.clone().or_else(|| rights.all.owner.clone()));
                assert_eq!(all.clone().or(&rights.all), all);
            }
            for owner in rights.files.values().chain([&rights.all]).filter_map(|s| s.owner.as_ref()) {
                assert!(!owner.trim().is_empty());
            }
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert!(!problem.message.is_empty() && !problem.mend.is_empty());
            }
            assert!(!problems.render(true).is_empty());
        }
    }
});
