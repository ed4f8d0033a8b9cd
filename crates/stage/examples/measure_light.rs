//! Recovers light from a folder of pictures with known light and prints the errors as JSON lines, with a summary of
//! each method at the end.
//!
//! `cargo run --release -p heirloom-stage --example measure_light -- FOLDER [--summary]`

#![allow(clippy::print_stdout, reason = "printing the table is what this program does")]

#[path = "../tests/light/truth.rs"]
mod truth;

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut folder = None;
    let mut brief = false;
    for arg in std::env::args().skip(1) {
        if arg == "--summary" {
            brief = true;
        } else {
            folder = Some(PathBuf::from(arg));
        }
    }
    let folder =
        folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/light/pictures"));
    let found = truth::measure_all(&folder)?;
    if !brief {
        for f in &found {
            println!("{}", serde_json::to_string(&f.json())?);
        }
    }
    for summary in truth::summaries(&found) {
        println!("{}", serde_json::to_string(&summary)?);
    }
    Ok(())
}
