//! Bytes from anywhere as a .flo file: no panic, no absurd memory, and a field that can be looked up anywhere.
#![no_main]

use heirloom_picture::flow::flo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(flow) = flo::decode(bytes, "fuzz") {
        let (width, height) = (flow.width() as f32, flow.height() as f32);
        assert_eq!(flow.motion().len() * 8 + 12, bytes.len());
        for [x, y] in [
            [0.0, 0.0],
            [width / 2.0, height / 3.0],
            [-7.5, height],
            [f32::INFINITY, f32::NAN],
        ] {
            if let Some(motion) = flow.sample(x, y) {
                assert!(motion.iter().all(|v| v.is_finite()));
            }
        }
        let back = heirloom_picture::flow::consistent(&flow, &flow).expect("one size");
        assert_eq!(back.len(), flow.motion().len());
    }
});
