//! Bytes from anywhere as the gains of a frame's regions: no panic, and what is read is written again as the same.
#![no_main]

use heirloom_picture::care::Gains;
use heirloom_picture::{AcesCg, Image};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(gains) = Gains::decode(bytes) {
        assert_eq!(gains.encode(), bytes);
        let lit = gains.apply(&Image::<AcesCg>::filled(7, 5, [0.2, 0.2, 0.2, 1.0]));
        assert!(lit.pixels().iter().flatten().all(|v| v.is_finite()));
    }
});
