//! Any bytes are a photograph or an error with a mend, in little memory: no crash, no bomb.
#![no_main]

use std::sync::Once;

use heirloom_picture::photo::{self, Limits};
use libfuzzer_sys::fuzz_target;

static HOOK: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    // The fuzzer ends the run at any panic, and Heirloom turns those of the JPEG decoder into errors. One
    // that gets out ends the run all the same.
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))));
    let limits = Limits { side: 4096, pixels: 1 << 18, decoded_bytes: 1 << 21 };
    let looked = photo::inspect(bytes, "fuzz");
    match photo::decode_within(bytes, "fuzz", &limits) {
        Ok(photo) => {
            assert_eq!(photo.image.width(), photo.info.width);
            assert_eq!(photo.image.height(), photo.info.height);
            assert!(photo.image.pixels().len() as u64 <= limits.pixels);
            assert!((1..=8).contains(&photo.info.orientation));
            assert!(looked.is_ok(), "what can be decoded can be looked at");
        }
        Err(error) => assert!(error.to_string().contains("fuzz"), "every error names its file"),
    }
});
