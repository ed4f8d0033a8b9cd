//! `heirloom style drift`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use heirloom_archive::{Archive, PROXY_SIDE};
use heirloom_film::{Size, SourceCall};
use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_picture::photo;
use heirloom_picture::preview::{self, Preview};
use heirloom_style::drift::{ClipDrift, Drift, Features, Reference, drift_of_frames};
use heirloom_style::style::Styles;

use crate::args::Drift as Options;
use crate::show::Show;
use crate::{Ended, INTERRUPTED, open};

/// How far pictures and clips are from a style.
pub fn run(folder: &Path, options: &Options, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let styles = Styles::new(&vault);
    let held = styles.get(&options.name)?;
    let reference = styles.reference(&held.style)?.with_context(|| {
        format!("{held} has no measure of drift: it was made from fewer than three photographs, or by an older Heirloom; make it again from more")
    })?;
    let mut all = Vec::new();
    for input in &options.inputs {
        let bytes = if input.starts_with("archive:") {
            let source = Archive::new(&vault).resolve(&SourceCall::parse(input)?)?;
            if source.frames.is_some() {
                let clip = of_clip(
                    &reference,
                    &vault.path(&source.object),
                    options.every,
                    (show, stop),
                )?;
                all.push(tell_clip(input, &clip, options, show));
                continue;
            }
            vault.read(&source.object)?
        } else {
            let path = Path::new(input);
            let start = begin(path).with_context(|| format!("{input} could not be read"))?;
            if photo::format_by_content(&start).is_none() {
                let clip = of_clip(&reference, path, options.every, (show, stop))?;
                all.push(tell_clip(input, &clip, options, show));
                continue;
            }
            std::fs::read(path).with_context(|| format!("{input} could not be read"))?
        };
        let small = preview::decode(&bytes, input, PROXY_SIDE)?;
        let view = small.view().context("it has no pixels")?;
        let drift = reference.drift(&Features::of(&view));
        if !options.json {
            show.say(&format!("{input:<40} {}", parts(&drift)));
        }
        all.push(serde_json::json!({ "picture": input, "drift": drift }));
    }
    if options.json {
        let out = serde_json::json!({ "style": held.to_string(), "drifts": all });
        show.say(&serde_json::to_string_pretty(&out)?);
    }
    Ok(())
}

fn begin(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let file = std::fs::File::open(path)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, 64), &mut start)?;
    Ok(start)
}

fn parts(drift: &Drift) -> String {
    format!(
        "drift {:.2}   palette {:.2}, contrast {:.2}, texture {:.2}, grain {:.2}, sharpness {:.2}",
        drift.total, drift.palette, drift.contrast, drift.texture, drift.grain, drift.sharpness
    )
}

fn tell_clip(input: &str, clip: &ClipDrift, options: &Options, show: &Show) -> serde_json::Value {
    let every = options.every as usize;
    if !options.json {
        if let Some(worst) = clip.frames.get(clip.worst) {
            show.say(&format!(
                "{input:<40} drift {:.2} in the mean of {} frames, {:+.3} a second; worst is frame {}:",
                clip.mean,
                clip.frames.len(),
                clip.trend_per_second,
                clip.worst * every
            ));
            show.say(&format!("{:<40} {}", "", parts(worst)));
        }
        for step in &clip.steps {
            show.say(&format!(
                "{:<40} a step of {:+.2} at frame {}",
                "",
                step.rise,
                step.frame * every
            ));
        }
    }
    serde_json::json!({ "clip": input, "every": every, "drift": clip })
}

/// The drift of every frame, or of every so many; frames are counted as they are looked at.
fn of_clip(
    reference: &Reference,
    path: &Path,
    every: u32,
    (show, stop): (&Show, &Arc<AtomicBool>),
) -> anyhow::Result<ClipDrift> {
    let ffmpeg = Ffmpeg::find()?;
    let clip = ffmpeg.probe(path)?;
    let size = Size::new(clip.width, clip.height)?;
    let bar = show.bar("drift", clip.frames, "frames");
    let mut frames = ffmpeg.frames(path, 0, clip.frames, size)?;
    let mut wrong = None;
    let mut done = 0;
    let looked = std::iter::from_fn(|| {
        while !stop.load(Ordering::Relaxed) {
            let wanted = done % u64::from(every.max(1)) == 0;
            done += 1;
            bar.at(done, clip.frames);
            let frame = if wanted {
                frames
                    .next()
                    .map(|frame| frame.map(|image| Some(Preview::of_image(&image, PROXY_SIDE))))
            } else {
                frames.skip_one().map(|skipped| skipped.map(|()| None))
            };
            match frame? {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {}
                Err(error) => {
                    wrong = Some(error);
                    return None;
                }
            }
        }
        None
    });
    // As if the frames looked at followed one another: the trend is over so many times the time.
    let drift = drift_of_frames(reference, looked, clip.rate).map(|mut drift| {
        drift.trend_per_second /= f64::from(every.max(1));
        drift
    });
    if stop.load(Ordering::Relaxed) {
        show.note("Stopped; nothing is written by this command.");
        return Err(Ended::Said(INTERRUPTED).into());
    }
    match (wrong, drift) {
        (Some(error), _) => Err(error.into()),
        (None, Some(drift)) => Ok(drift),
        (None, None) => anyhow::bail!("{} has no frames", path.display()),
    }
}
