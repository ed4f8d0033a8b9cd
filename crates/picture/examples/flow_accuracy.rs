//! How exact the motion is that [`heirloom_picture::flow`] finds, on pairs whose motion is known.
//!
//! ```text
//! cargo run --release -p heirloom-picture --example flow_accuracy -- FOLDER [--threads N] [--repeat N]
//! ```
//!
//! FOLDER holds `NNN_a.png`, `NNN_b.png` (8-bit sRGB), `NNN_flow.flo` and optionally `NNN_occ.png` (white:
//! hidden in the second picture, judged apart). One JSON line a pair, then one of means; the form is that of
//! `peers/opencv-dis/opencv_dis.py`. Times are of the flow alone, without reading files or turning colour to
//! grey, the median of the repeats after one that does not count. `--write OUT` writes what was found.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use heirloom_picture::flow::{self, Flow, FlowOptions, Plane, flo};
use heirloom_picture::photo;
use serde_json::{Map, Value, json};

const METHOD: &str = "heirloom-flow";

struct Arguments {
    folder: PathBuf,
    threads: usize,
    repeat: usize,
    write: Option<PathBuf>,
    options: FlowOptions,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut read = Arguments {
        folder: PathBuf::new(),
        threads: 0,
        repeat: 5,
        write: None,
        options: FlowOptions::default(),
    };
    let mut rest = std::env::args().skip(1);
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{word} wants a value after it"));
        match word.as_str() {
            "--threads" => read.threads = value()?.parse()?,
            "--repeat" => read.repeat = value()?.parse::<usize>()?.max(1),
            "--write" => read.write = Some(value()?.into()),
            "--finest-halving" => read.options.finest_halving = value()?.parse()?,
            "--patch-spacing" => read.options.patch_spacing_px = value()?.parse()?,
            "--warps" => read.options.warps = value()?.parse()?,
            "--sweeps" => read.options.sweeps = value()?.parse()?,
            "--smoothness" => read.options.smoothness = value()?.parse()?,
            _ => read.folder = word.into(),
        }
    }
    if read.folder.as_os_str().is_empty() {
        return Err("name the folder of pairs".into());
    }
    Ok(read)
}

/// The figures of one set of pixels.
fn judge(found: &Flow, truth: &Flow, counts: impl Fn(usize) -> bool) -> [(&'static str, Value); 4] {
    let mut errors = Vec::new();
    for (i, (found, truth)) in found.motion().iter().zip(truth.motion()).enumerate() {
        if Flow::is_known(*truth) && counts(i) {
            let (x, y) = (f64::from(found[0] - truth[0]), f64::from(found[1] - truth[1]));
            errors.push((x * x + y * y).sqrt());
        }
    }
    let of_all = |sum: f64| {
        if errors.is_empty() {
            Value::Null
        } else {
            json!(sum / errors.len() as f64)
        }
    };
    let over = |px: f64| of_all(errors.iter().filter(|e| **e > px).count() as f64 * 100.0);
    [
        ("pixels", json!(errors.len())),
        ("endpoint_error_px", of_all(errors.iter().sum())),
        ("over_1px_percent", over(1.0)),
        ("over_3px_percent", over(3.0)),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads)
        .build_global()?;
    let mut names: Vec<String> = std::fs::read_dir(&arguments.folder)?
        .filter_map(|entry| {
            Some(
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_suffix("_a.png")?
                    .to_owned(),
            )
        })
        .collect();
    names.sort();
    let mut rows = Vec::new();
    for name in &names {
        let near = |end: &str| arguments.folder.join(format!("{name}{end}"));
        let row = pair(&arguments, name, near)?;
        println!("{}", Value::Object(row.clone()));
        rows.push(row);
    }
    let Some(first) = rows.first() else {
        return Err(format!(
            "no pairs NNN_a.png, NNN_b.png, NNN_flow.flo in {}",
            arguments.folder.display()
        )
        .into());
    };
    let mut mean = Map::new();
    mean.insert("method".into(), json!(METHOD));
    mean.insert("pair".into(), json!("mean"));
    mean.insert("pairs".into(), json!(rows.len()));
    for key in first
        .keys()
        .filter(|k| k.ends_with("_px") || k.ends_with("_percent") || *k == "seconds")
    {
        let values: Vec<f64> = rows.iter().filter_map(|row| row.get(key)?.as_f64()).collect();
        let value = if values.is_empty() {
            Value::Null
        } else {
            json!(values.iter().sum::<f64>() / values.len() as f64)
        };
        mean.insert(key.clone(), value);
    }
    println!("{}", Value::Object(mean));
    Ok(())
}

fn pair(
    arguments: &Arguments,
    name: &str,
    near: impl Fn(&str) -> PathBuf,
) -> Result<Map<String, Value>, Box<dyn Error>> {
    let plane = |path: &Path| photo::read(path).map(|photo| Plane::of_image(&photo.image));
    let (a, b) = (plane(&near("_a.png"))?, plane(&near("_b.png"))?);
    let truth = flo::read(&near("_flow.flo"))?;
    if (truth.width(), truth.height()) != (a.width(), a.height()) {
        return Err(format!("{name}_flow.flo and {name}_a.png have not one size").into());
    }
    let mut seconds = Vec::new();
    let mut found = flow::flow_of_planes(&a, &b, &arguments.options)?;
    for _ in 0..arguments.repeat {
        let start = Instant::now();
        found = flow::flow_of_planes(&a, &b, &arguments.options)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);

    let occluded = near("_occ.png");
    let hidden: Vec<bool> = if occluded.exists() {
        let mask = photo::read(&occluded)?.image;
        mask.pixels().iter().map(|p| p[1] >= 0.2).collect()
    } else {
        vec![false; found.motion().len()]
    };
    if hidden.len() != found.motion().len() {
        return Err(format!("{name}_occ.png and {name}_a.png have not one size").into());
    }
    if let Some(folder) = &arguments.write {
        flo::write(&folder.join(format!("{name}_found.flo")), &found)?;
    }
    let mut row = Map::new();
    row.insert("method".into(), json!(METHOD));
    row.insert("pair".into(), json!(name));
    row.insert("width".into(), json!(a.width()));
    row.insert("height".into(), json!(a.height()));
    for (key, value) in judge(&found, &truth, |i| !hidden[i]) {
        row.insert(key.into(), value);
    }
    for (key, value) in judge(&found, &truth, |i| hidden[i]) {
        row.insert(format!("hidden_{key}"), value);
    }
    row.insert("seconds".into(), json!(seconds[seconds.len() / 2]));
    Ok(row)
}
