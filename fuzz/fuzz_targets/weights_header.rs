//! Any bytes are a safetensors header that covers its file exactly, or an error with its mend.
#![no_main]

use heirloom_engine_diffusion::weights::{HeaderError, MOST_AXES, read_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = bytes.len() as u64;
    match read_header(bytes, whole) {
        Ok(header) => {
            let mut spans: Vec<(u64, u64)> = header.tensors.values().map(|e| (e.begin, e.end)).collect();
            spans.sort_unstable();
            let mut at = 0;
            for (begin, end) in spans {
                assert!(begin == at && end >= begin, "a gap or an overlap");
                at = end;
            }
            assert_eq!(header.data_begin + at, whole);
            for (name, entry) in &header.tensors {
                assert!(!name.is_empty() && entry.shape.len() <= MOST_AXES);
                let numbers: u64 = entry.shape.iter().product();
                assert_eq!(numbers * entry.dtype.bytes(), entry.end - entry.begin);
            }
            // One byte less is a file cut short, unless nothing but the header was there.
            if at > 0 {
                assert!(matches!(read_header(bytes, whole - 1), Err(HeaderError::Truncated { .. })));
            }
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains("again") || said.contains("safetensors files"), "no mend: {said}");
        }
    }
});
