//! Any bytes say something or nothing of a picture, in bounded words: no crash, no hang.
#![no_main]

use std::sync::Once;

use heirloom_picture::metadata;
use libfuzzer_sys::fuzz_target;

static HOOK: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    // A photograph's decoder may be asked for its head; its own panics are turned into errors there.
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))));
    let (said, _) = metadata::read(bytes);
    assert!(said.keywords.len() <= 200);
    for text in said.keywords.iter().chain(&said.caption).chain(&said.title) {
        assert!(!text.is_empty() && text.chars().count() <= 2000);
        assert!(!text.contains(char::is_control));
    }
});
