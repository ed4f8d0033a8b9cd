//! The same shots through the `texture-synthesis` crate, where it can do them at all: a still out of photographs, and for a
//! guided shot two frames in a row, each by itself, with the clay's and the photograph's blurred light as guides.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use heirloom_engine::{Guides, Inputs, Task};
use heirloom_engine_exemplar::pictures::read_photograph;
use heirloom_picture::measure::{View, patch_distance, sharpness};
use heirloom_picture::{Image, color, photo, png, resample};
use heirloom_vault::Vault;

use crate::said;
use crate::shot::{Judged, SEED, judge, mean};

/// Height of the peer's frames: at 540 rows it takes minutes for each.
const HEIGHT: u32 = 270;

/// Makes and judges what the peer can make of a shot.
pub fn measure(shot: &Judged<'_>, peer: &Path, work: &Path, vault: &Vault) -> anyhow::Result<()> {
    let guided = match shot.request.task {
        Task::Living | Task::Still => None,
        // One photograph for the whole frame: it knows no things.
        Task::Guided if shot.request.sources.len() == 1 => shot.guides,
        _ => {
            println!("  texture-synthesis can not make this shot");
            return Ok(());
        }
    };
    std::fs::create_dir_all(work)?;
    let source = shot.request.sources.first().context("no source")?;
    let inputs: &dyn Inputs = vault;
    let photograph = read_photograph(inputs, source).map_err(said)?;
    let width = shot.request.size.width * HEIGHT / shot.request.size.height;
    let height = (f64::from(HEIGHT) * 1.3) as u32;
    let across = photograph.width() * height / photograph.height();
    let matter = resample::scale_to(&photograph, across, height);
    let photo_path = work.join("photograph.png");
    write(&photo_path, &matter)?;
    let mut frames = Vec::new();
    let frame_numbers = if guided.is_some() { vec![23, 24] } else { vec![0] };
    for n in frame_numbers {
        let out = work.join(format!("{}-{n}.png", shot.name));
        let mut command = Command::new(peer);
        command
            .arg(&photo_path)
            .args([width.to_string(), HEIGHT.to_string(), "2".into()])
            .arg(&out);
        if let Some(guides) = guided {
            let size = heirloom_film::Size {
                width,
                height: HEIGHT,
            };
            let (clay, _) = guides
                .frame(n, size)
                .map_err(said)?
                .color
                .context("the guides have no colour pass")?;
            let (from, to) = (work.join("guide-photograph.png"), work.join("guide-clay.png"));
            write(&from, &blurred(&matter))?;
            write(&to, &clay)?;
            command.arg(&from).arg(&to);
        }
        let said = command.output().context("the peer did not start")?;
        anyhow::ensure!(
            said.status.success(),
            "the peer failed: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        frames.push(photo::decode(&std::fs::read(&out)?, "the peer's frame")?.image);
    }
    let codes = color::to_display8(&matter);
    let view = View::new(&codes, matter.width(), matter.height()).context("an empty photograph")?;
    let expected = sharpness(&view);
    let (mut sharp, mut patch) = (Vec::new(), Vec::new());
    for frame in &frames {
        let (s, p) = judge(frame, |v| {
            (sharpness(v) / expected, patch_distance(v, &[view], SEED))
        })?;
        sharp.push(s);
        patch.push(p);
    }
    let name = shot.name;
    println!(
        "figure\t{name}, sharpness of texture-synthesis\t{:.3}\tfrom 1\tlower\t-\tratio {:.3}, at {HEIGHT} rows",
        (mean(&sharp) - 1.0).abs(),
        mean(&sharp)
    );
    println!(
        "figure\t{name}, patch distance of texture-synthesis\t{:.3}\tcodes\tlower\t-\tat {HEIGHT} rows",
        mean(&patch)
    );
    if let (Some(guides), [before, now]) = (guided, frames.as_slice()) {
        let small = heirloom_engine::Request {
            size: heirloom_film::Size {
                width,
                height: HEIGHT,
            },
            ..shot.request.clone()
        };
        let judged = Judged {
            request: &small,
            guides: Some(guides),
            ..*shot
        };
        if let Some(way) = crate::motion::known(&judged, 24)? {
            println!(
                "figure\t{name}, warp SSIM of texture-synthesis\t{:.3}\t\thigher\t-\tit makes each frame by itself",
                crate::shot::warp(before, now, &way)?
            );
        }
    }
    Ok(())
}

fn write(path: &Path, image: &Image) -> anyhow::Result<()> {
    png::write8(path, &color::to_display8(image), image.width(), image.height())?;
    Ok(())
}

/// A picture softened as the engine's layouts are: down to a thirtieth and back.
fn blurred(image: &Image) -> Image {
    let small = resample::scale_to(image, (image.width() / 30).max(2), (image.height() / 30).max(2));
    resample::scale_to(&small, image.width(), image.height())
}
