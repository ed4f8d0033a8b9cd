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
        let method = summary["method"].as_str().unwrap_or("?");
        let pictures = &summary["pictures"];
        // What an artist can work with: the sun in the right place of the sky, and the shade within a stop.
        let goal = match method {
            "photograph" => "25",
            "shading with normals" => "5",
            _ => "3",
        };
        for (what, key, unit, goal) in [
            ("median angle", "angle_deg_median", "degrees", goal),
            ("worst angle", "angle_deg_worst", "degrees", "-"),
            ("median error of key to fill", "ratio_stops_median", "stops", "1"),
            ("worst error of key to fill", "ratio_stops_worst", "stops", "-"),
        ] {
            let value = summary[key].as_f64().unwrap_or(f64::NAN);
            println!("figure\tlight, {method}, {what}\t{value}\t{unit}\tlower\t{goal}\t{pictures} pictures");
        }
    }
    Ok(())
}
