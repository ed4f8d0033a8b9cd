//! Tries a network that finds faces on pictures: what it finds, how sure it is, and how long it takes.
//!
//! ```text
//! cargo run --release -p heirloom-dailies --features faces --example find_faces -- NETWORK.onnx PICTURE…
//! ```
//!
//! Pictures are looked at as takes are measured: at most 480 pixels on their longer side.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::time::Instant;

use heirloom_dailies::faces::open;
use heirloom_dailies::measures::MeasureOptions;
use heirloom_picture::preview;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let network = words.next().ok_or("name a network in ONNX, then pictures")?;
    let finder = open(&std::fs::read(&network)?, &network)?;
    for name in words {
        let picture = preview::decode(&std::fs::read(&name)?, &name, MeasureOptions::default().side_px)?;
        let view = picture.view().ok_or("a picture without pixels")?;
        // Once for the size of the picture, once for the time.
        finder.find(&view)?;
        let start = Instant::now();
        let faces = finder.find(&view)?;
        println!(
            "{name}: {} of {}x{} in {:.0} ms",
            faces.len(),
            view.width(),
            view.height(),
            start.elapsed().as_secs_f64() * 1e3
        );
        for face in faces {
            println!("  {:.2} sure, {:.2?}", face.score, face.region);
        }
    }
    Ok(())
}
