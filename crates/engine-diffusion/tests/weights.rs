//! Files as strangers may have written them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::goldens;
use heirloom_engine_diffusion::weights::{
    Dtype, HeaderError, MOST_HEADER_BYTES, Weights, WeightsError, read_header,
};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

/// A file of this header and so many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend((0..data).map(|i| i as u8));
    bytes
}

fn read(header: &str, data: usize) -> Result<heirloom_engine_diffusion::weights::Header, HeaderError> {
    let bytes = file(header, data);
    read_header(&bytes, bytes.len() as u64)
}

fn said(header: &str, data: usize) -> String {
    let error = read(header, data).unwrap_err().to_string();
    assert!(
        error.contains("again") || error.contains("safetensors"),
        "no mend: {error}"
    );
    error
}

#[test]
fn a_whole_header_is_read() {
    let header = read(
        r#"{"__metadata__":{"format":"pt","odd":3,"more":[{"a":[1.5,null,true]}]},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[3,11]},
            "a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"none":{"dtype":"F16","shape":[0,5],"data_offsets":[3,3]},
            "one":{"dtype":"BF16","shape":[],"data_offsets":[11,13]}}   "#,
        13,
    )
    .unwrap();
    assert_eq!(header.tensors.len(), 4);
    assert_eq!(header.tensors["b"].dtype, Dtype::F32);
    assert_eq!((header.tensors["b"].begin, header.tensors["b"].end), (3, 11));
    assert_eq!(
        header.metadata.iter().collect::<Vec<_>>(),
        [(&"format".to_owned(), &"pt".to_owned())]
    );
    assert_eq!(read("{}", 0).unwrap().tensors.len(), 0);
}

#[test]
fn lies_are_found() {
    let one = |entry: &str, data: usize| said(&format!("{{\"w\":{entry}}}"), data);
    assert!(one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#, 4).contains("need 8"));
    assert!(one(r#"{"dtype":"F32","shape":[2],"data_offsets":[8,0]}"#, 8).contains("from 8 to 0"));
    assert!(one(r#"{"dtype":"F31","shape":[2],"data_offsets":[0,8]}"#, 8).contains("F31"));
    assert!(one(r#"{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}"#, 8).contains("header is not"));
    let huge = u64::MAX;
    assert!(
        one(
            &format!(r#"{{"dtype":"F32","shape":[{huge},{huge}],"data_offsets":[0,8]}}"#),
            8
        )
        .contains("larger")
    );
    assert!(
        one(
            &format!(r#"{{"dtype":"U8","shape":[{huge}],"data_offsets":[1,0]}}"#),
            8
        )
        .contains("need")
    );
    assert!(
        one(
            r#"{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}"#,
            1
        )
        .contains("more than 8 axes")
    );
    assert!(one(r#"{"dtype":"U8","shape":[9],"data_offsets":[0,9]}"#, 4).contains("cut short"));
    assert!(
        one(r#"{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#, 9).contains("5 bytes at the file's end")
    );
    assert!(one(r#"{"dtype":"U8","shape":[4],"data_offsets":[2,6]}"#, 6).contains("before the tensor \"w\""));
    assert!(one(r#"{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}"#, 4).contains("unknown field"));
    let two = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}}"#;
    assert!(said(two, 7).contains("inside the tensor before it"));
    let twice = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    assert!(said(twice, 1).contains("twice"));
    // The same name, spelt with an escape.
    assert!(said(&twice.replacen("\"a\"", "\"\\u0061\"", 1), 1).contains("twice"));
    assert!(said(&twice.replace("\"a\"", "\"__metadata__\""), 1).contains("header"));
    assert!(said(&format!("{{\"{}\":1}}", "n".repeat(600)), 0).contains("600 bytes long"));
    assert!(said("[]", 0).contains("does not begin with {"));
    assert!(said("{", 0).contains("EOF"));
    assert!(said("{} x", 0).contains("trailing"));
    // Deep nesting does not overflow the stack.
    assert!(said(&format!("{{\"__metadata__\":{{\"a\":{}", "[".repeat(100_000)), 0).contains("header"));
}

#[test]
fn lying_lengths_cost_nothing() {
    let whole = file("{}", 0);
    for claimed in [
        3,
        10,
        MOST_HEADER_BYTES,
        MOST_HEADER_BYTES + 1,
        u64::MAX,
        u64::MAX - 7,
    ] {
        let mut bytes = whole.clone();
        bytes[..8].copy_from_slice(&claimed.to_le_bytes());
        let error = read_header(&bytes, bytes.len() as u64).unwrap_err();
        assert!(matches!(error, HeaderError::Length { .. }), "{claimed}: {error}");
    }
    // Even where the file is as long as it says, and only its start was handed over.
    let mut bytes = whole.clone();
    bytes[..8].copy_from_slice(&1000_u64.to_le_bytes());
    assert!(matches!(
        read_header(&bytes, 5000),
        Err(HeaderError::Length { .. })
    ));
    assert_eq!(read_header(b"1234567", 7), Err(HeaderError::Short { bytes: 7 }));
    assert_eq!(read_header(b"PK\x03\x04 and more", 13), Err(HeaderError::Pickle));
    assert_eq!(
        read_header(b"\x80\x02}q\x00(X\x01\x00", 9),
        Err(HeaderError::Pickle)
    );
    // 0x80 is also how a header of 128 bytes begins.
    let header = format!("{{}}{}", " ".repeat(126 + 0x300 - 0x80));
    assert!(read(&header, 0).is_ok());
    let header = format!("{{}}{}", " ".repeat(0x0280 - 2));
    assert_eq!(header.len(), 0x0280);
    assert!(read(&header, 0).is_ok());
}

/// Cut anywhere, a true file is an error and never a panic or a smaller model.
#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = fs::read(goldens("umt5.safetensors")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    for length in (0..bytes.len()).step_by(211).chain(bytes.len() - 3..bytes.len()) {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = Weights::open(&path).unwrap_err();
        assert!(matches!(error, WeightsError::Header { .. }), "{length}: {error}");
        assert!(error.to_string().contains("cut.safetensors"));
    }
    fs::write(&path, &bytes).unwrap();
    assert!(Weights::open(&path).is_ok());
}

#[test]
fn numbers_are_read_exactly_from_wherever_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let header = r#"{"odd":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"h":{"dtype":"F16","shape":[3],"data_offsets":[1,7]},
        "b":{"dtype":"BF16","shape":[3],"data_offsets":[7,13]},"f":{"dtype":"F32","shape":[2],"data_offsets":[13,21]},
        "i":{"dtype":"I64","shape":[1],"data_offsets":[21,29]}}"#;
    let mut bytes = file(header, 0);
    bytes.push(9);
    for n in [1.5_f32, -65504.0, 6e-8] {
        bytes.extend(half::f16::from_f32(n).to_le_bytes());
    }
    for n in [1.5_f32, -3e38, 1e-40] {
        bytes.extend(half::bf16::from_f32(n).to_le_bytes());
    }
    for n in [f32::MIN_POSITIVE, -0.1] {
        bytes.extend(n.to_le_bytes());
    }
    bytes.extend(7_i64.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let weights = Weights::open(&path).unwrap();
    let h = weights.get("h").unwrap().to_f32().unwrap();
    assert_eq!(h, [1.5, -65504.0, half::f16::from_f32(6e-8).to_f32()]);
    let b = weights.get("b").unwrap();
    assert_eq!(b.to_f32().unwrap()[0], 1.5);
    assert_eq!(
        weights.get("f").unwrap().to_f32().unwrap(),
        [f32::MIN_POSITIVE, -0.1]
    );
    let mut some = [7.0; 3];
    b.read_f32(2, &mut some).unwrap();
    assert_eq!(some, [half::bf16::from_f32(1e-40).to_f32(), 7.0, 7.0]);
    b.read_f32(usize::MAX, &mut some).unwrap();
    assert!(
        weights
            .get("i")
            .unwrap()
            .to_f32()
            .unwrap_err()
            .to_string()
            .contains("I64")
    );
    assert_eq!(weights.first_bad_number(), None);
    assert_eq!(weights.bytes(), 29);
    for (at, bad, name, place) in [
        (
            bytes.len() - 29 + 5,
            half::f16::NAN.to_le_bytes().to_vec(),
            "h",
            2,
        ),
        (
            bytes.len() - 29 + 7,
            half::bf16::NEG_INFINITY.to_le_bytes().to_vec(),
            "b",
            0,
        ),
        (bytes.len() - 12, f32::NAN.to_le_bytes().to_vec(), "f", 1),
    ] {
        let mut damaged = bytes.clone();
        damaged[at..at + bad.len()].copy_from_slice(&bad);
        let path = folder.path().join(format!("{name}.safetensors"));
        fs::write(&path, damaged).unwrap();
        let found = Weights::open(&path).unwrap().first_bad_number().unwrap();
        assert_eq!((found.tensor.as_str(), found.place), (name, place));
        assert!(found.to_string().contains("damaged"));
    }
}

/// A sharded copy of the tiny transformer.
fn shards() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(goldens("t2v/transformer")).unwrap().flatten() {
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

const INDEX: &str = "diffusion_pytorch_model.safetensors.index.json";
const SECOND: &str = "diffusion_pytorch_model-00002-of-00002.safetensors";

fn edited(from: &str, to: &str) -> String {
    let folder = shards();
    let path = folder.path().join(INDEX);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    Weights::open_part(folder.path(), "diffusion_pytorch_model")
        .unwrap_err()
        .to_string()
}

#[test]
fn shards_and_their_index_must_agree() {
    let folder = shards();
    let open = || Weights::open_part(folder.path(), "diffusion_pytorch_model");
    assert_eq!(open().unwrap().files().len(), 2);
    fs::remove_file(folder.path().join(SECOND)).unwrap();
    let error = open().unwrap_err();
    let WeightsError::MissingShards { names, of: 2, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(names, &[SECOND]);
    assert!(error.to_string().contains("Copy or download"));
    assert!(edited(SECOND, "../../etc/passwd").contains("no plain name"));
    assert!(edited(SECOND, "/etc/x.safetensors").contains("no plain name"));
    assert!(edited(SECOND, "c:x.safetensors").contains("no plain name"));
    let renamed = edited("\"blocks.0.attn1.to_q.weight\"", "\"blocks.0.attn1.to_x.weight\"");
    assert!(
        renamed.contains("does not name \"blocks.0.attn1.to_q.weight\""),
        "{renamed}"
    );
    let moved = edited("00001-of-00002.safetensors", "00002-of-00002.safetensors");
    assert!(moved.contains("and it is in"), "{moved}");
    assert!(
        edited(
            "\"weight_map\": {",
            "\"weight_map\": {\"ghost\": \"diffusion_pytorch_model-00001-of-00002.safetensors\","
        )
        .contains("ghost")
    );
    assert!(edited("\"weight_map\"", "\"weight_mop\"").contains("weight_map"));
}

#[test]
fn pickles_are_refused_by_name_and_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        Weights::open_part(folder.path(), "model")
            .unwrap_err()
            .to_string()
    };
    assert!(open().contains("no safetensors file"));
    fs::write(folder.path().join("pytorch_model.bin"), b"PK\x03\x04").unwrap();
    assert!(open().contains("can run code"));
    fs::write(folder.path().join("model.safetensors"), b"PK\x03\x04 and so on").unwrap();
    assert!(open().contains("PyTorch"));
    assert!(
        Weights::open(Path::new("Wan2.1_VAE.pth"))
            .unwrap_err()
            .to_string()
            .contains("never")
    );
    fs::write(folder.path().join("model.safetensors"), b"").unwrap();
    assert!(open().contains("too short"));
    assert!(matches!(
        Weights::open(folder.path()),
        Err(WeightsError::Io { .. })
    ));
}

proptest! {
    /// Whatever stands there, reading ends in a header that covers the file, or in an error.
    #[test]
    fn any_bytes_are_a_header_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_header(&bytes, bytes.len() as u64);
    }

    /// One byte changed in a true header: an error, or a header that still covers the file exactly.
    #[test]
    fn a_changed_header_is_never_trusted_too_far(place in 8_usize..1400, byte in any::<u8>()) {
        let mut bytes = fs::read(goldens("umt5.safetensors")).unwrap();
        bytes[place] = byte;
        if let Ok(header) = read_header(&bytes, bytes.len() as u64) {
            let covered: u64 = header.tensors.values().map(|e| e.end - e.begin).sum();
            prop_assert_eq!(header.data_begin + covered, bytes.len() as u64);
        }
    }
}
