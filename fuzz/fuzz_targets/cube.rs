//! Any text is a lookup table or an error with a line and a mend; what is read is written as what reads the same.
#![no_main]

use heirloom_style::lut::Lut3;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Lut3::parse_cube("fuzz.cube", text) {
        Ok(lut) => {
            for rgb in [[0.0, 0.5, 1.0], [-1.0, 2.0, f64::NAN], [0.3, 0.3, 0.3]] {
                assert!(lut.sample(rgb).iter().all(|v| v.is_finite()));
            }
            assert_eq!(Lut3::parse_cube("again.cube", &lut.to_cube()).expect("its own text"), lut);
        }
        Err(error) => assert!(error.to_string().contains("fuzz.cube") && !error.mend.is_empty()),
    }
});
