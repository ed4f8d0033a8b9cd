//! `heirloom frames`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_engine::Engines;
use heirloom_finish::{FinishError, FrameFormat, export_frames};
use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_vault::ObjectId;

use crate::args::{Format, Frames};
use crate::show::Show;
use crate::{Ended, INTERRUPTED, cut, make, open, selects};

/// Write frames of a shot, or of the whole cut, as pictures.
pub fn run(
    folder: &Path,
    engines: &Engines,
    options: &Frames,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let mut film = open::film(folder, show)?;
    if let Some(size) = options.size {
        film.size = size;
    }
    let mut plan = make::planned(folder, &film, &vault, engines, make::Planning::default(), show)?;
    if !plan.objections.is_empty() {
        return Err(make::objections(&plan, show));
    }
    let mut name = "cut".to_owned();
    if let Some(wanted) = &options.shot {
        let labels: Vec<String> = plan
            .shots
            .iter()
            .map(|s| format!("{}/{}", s.scene, s.shot.name))
            .collect();
        let is_it = |label: &String, id: Option<&heirloom_film::Id>| {
            label == wanted || id.is_some_and(|id| id.as_str() == wanted)
        };
        let found = labels
            .iter()
            .zip(&plan.shots)
            .position(|(l, s)| is_it(l, s.shot.id.as_ref()));
        let Some(index) = found else {
            anyhow::bail!("there is no shot `{wanted}`; the film has {}", labels.join(", "));
        };
        plan.shots = vec![plan.shots.swap_remove(index)];
        plan.shots[0].shot.dissolve = 0;
        (film.title_frames, film.credits_frames) = (0, 0);
        name = labels[index].replace('/', "-");
    }
    let found = selects::takes_of(&plan, &film, (&vault, engines), show)?;
    let ffmpeg = Ffmpeg::find()?;
    let ready = cut::Ready {
        folder,
        film: &film,
        plan: &plan,
        takes: &found,
        vault: vault.clone(),
        engines,
        sound: None,
    };
    cut::leave_to_export(&ready, show)?;
    let cut = cut::cut(&ready, &ffmpeg)?;
    let total = heirloom_finish::FrameMap::of(&cut)?.frames();
    let range = options.range.clone().unwrap_or(0..total);
    let to = options
        .to
        .clone()
        .unwrap_or_else(|| open::out(folder).join("frames").join(&name));
    let format = match options.format {
        Format::Png => FrameFormat::Png16,
        Format::Exr => FrameFormat::ExrHalf,
    };
    let bar = show.bar(
        &format!("frames of {name}"),
        range.end.saturating_sub(range.start),
        "frames",
    );
    let known = cut::sources(&vault)?;
    let look_up = |id: &ObjectId| known.get(id).cloned();
    let done = export_frames(
        &cut,
        Some(&ffmpeg),
        range,
        format,
        (!options.no_attribution).then_some(&look_up),
        &to,
        &mut |d, t| bar.at(d, t),
        stop,
    );
    drop(bar);
    match done {
        Err(FinishError::Cancelled) => {
            show.note("Stopped; run it again to go on.");
            Err(Ended::Said(INTERRUPTED).into())
        }
        done => {
            let done = done?;
            show.say(&format!(
                "{}: {} frames written, {} there already",
                to.display(),
                done.written,
                done.kept
            ));
            Ok(())
        }
    }
}
