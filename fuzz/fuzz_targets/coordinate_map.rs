//! Bytes from anywhere as a coordinate map or a finish offset: no panic, no absurd memory, and what is read
//! is written again as something that reads the same.
#![no_main]

use heirloom_engine_exemplar::codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(map) = codec::decode_map(bytes) {
        let again = codec::encode_map(&map).expect("a map packs");
        assert_eq!(codec::decode_map(&again).expect("and unpacks"), map);
    }
    if let Ok(offset) = codec::decode_offset(bytes) {
        let again = codec::encode_offset(&offset).expect("an offset packs");
        assert_eq!(codec::decode_offset(&again).expect("and unpacks"), offset);
    }
});
