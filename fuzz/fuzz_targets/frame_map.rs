//! Frame maps: whatever the bytes, reading gives a map that holds together or an error, and never panics.
#![no_main]

use heirloom_finish::{FrameMap, FrameMapError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let map = match FrameMap::parse(bytes) {
        Ok(map) => map,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(FrameMap::parse(&map.to_bytes()).unwrap(), map);
    for n in [0, map.frames() / 2, map.frames() - 1] {
        let seen = map.seen(n).unwrap();
        let den = seen[0].weight.den;
        assert_eq!(seen.iter().map(|s| u64::from(s.weight.num)).sum::<u64>(), u64::from(den));
        assert!(seen.iter().all(|s| s.weight.den == den && s.frame < s.part.frames()));
    }
    assert!(matches!(map.seen(map.frames()), Err(FrameMapError::PastEnd { .. })));
});
