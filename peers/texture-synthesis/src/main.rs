//! Makes a new picture in the manner of a photograph with the `texture-synthesis` crate, and says how long it took.
//!
//! `peer-texture-synthesis PHOTO WIDTH HEIGHT THREADS OUT.png [PHOTO_GUIDE TARGET_GUIDE]` prints one line of JSON:
//! `{"seconds": 9.4, "peak_mib": 123.0}`. Seconds are of the synthesis, without reading and writing files.

use std::error::Error;
use std::time::Instant;
use texture_synthesis::{Dims, Example, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [photo, width, height, threads, out, guides @ ..] = args.as_slice() else {
        return Err("arguments: PHOTO WIDTH HEIGHT THREADS OUT.png [PHOTO_GUIDE TARGET_GUIDE]".into());
    };
    // Everything but size and threads as its authors set it.
    let mut builder = Session::builder();
    builder = match guides {
        [own, target] => builder
            .add_example(Example::builder(photo).with_guide(own))
            .load_target_guide(target),
        _ => builder.add_example(photo),
    };
    let session = builder
        .output_size(Dims::new(width.parse()?, height.parse()?))
        .max_thread_count(threads.parse()?)
        .seed(7)
        .build()?;
    let start = Instant::now();
    let picture = session.run(None);
    let seconds = start.elapsed().as_secs_f64();
    picture.save(out)?;
    println!("{{\"seconds\": {seconds:.3}, \"peak_mib\": {:.1}}}", peak_mib());
    Ok(())
}

/// The most memory this process has held, in MiB; 0 where the system does not tell.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse().ok())
        .unwrap_or(0.0);
    kib / 1024.0
}
