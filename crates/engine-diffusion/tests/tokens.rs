//! Token ids against transformers, and tokenizers that are of no use.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use heirloom_engine_diffusion::tokens::{TokenError, Tokenizer, clean};

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

#[test]
fn ids_are_those_of_the_reference() {
    let golden: serde_json::Value =
        serde_json::from_slice(&std::fs::read(goldens().join("tokens.json")).unwrap()).unwrap();
    let tokenizer = Tokenizer::open(&goldens().join("t2v/tokenizer"), 1 << 20).unwrap();
    let prompts = golden["prompts"].as_array().unwrap();
    assert!(prompts.len() > 3);
    for case in prompts {
        let prompt = case["prompt"].as_str().unwrap();
        assert_eq!(clean(prompt), case["clean"].as_str().unwrap(), "{prompt:?}");
        let ids: Vec<u32> = case["untruncated"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_u64().unwrap() as u32)
            .collect();
        assert_eq!(
            tokenizer.ids(prompt, "prompt", 10_000).unwrap(),
            ids,
            "{prompt:?}"
        );
        if ids.len() > 4 {
            let long = tokenizer.ids(prompt, "prompt", ids.len() - 1).unwrap_err();
            assert!(matches!(long, TokenError::Long { .. }), "{long}");
        }
    }
}

#[test]
fn a_tokenizer_of_another_model_is_told_of() {
    let few = Tokenizer::open(&goldens().join("t2v/tokenizer"), 40).unwrap_err();
    assert!(matches!(few, TokenError::Foreign { .. }), "{few}");
    assert!(few.to_string().contains("of another model"), "{few}");
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "{}", "not json", "[1, 2"] {
        std::fs::write(folder.path().join("tokenizer.json"), text).unwrap();
        let error = Tokenizer::open(folder.path(), 1000).unwrap_err();
        assert!(matches!(error, TokenError::Unreadable { .. }), "{error}");
    }
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let gone = Tokenizer::open(folder.path(), 1000).unwrap_err().to_string();
    assert!(gone.contains("copy or download"), "{gone}");
}
