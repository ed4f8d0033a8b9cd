//! What each part of the guided method is worth: the same shot without it, with its numbers and a picture.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use heirloom_dailies::Planned;
use heirloom_dailies::guides::Handed;
use heirloom_engine::{Engine, JobState, Order, Param, Request, manifest_of, settings};
use heirloom_engine_exemplar::guided::Without;
use heirloom_engine_exemplar::take::ExemplarTake;
use heirloom_film::Size;
use heirloom_vault::Vault;

use crate::said;
use crate::shot::{Judged, mean, score, strip};

/// The shot that is made without each part.
pub const SHOT: &str = "ocean";
/// Frames of it, and their size.
const FRAMES: u32 = 37;
const SIZE: Size = Size {
    width: 480,
    height: 270,
};

/// Makes the shot whole and without each part, and prints what it scores.
pub fn measure(
    planned: &Planned,
    request: &Request,
    vault: &Arc<Vault>,
    work: &Path,
    strips: &Path,
) -> anyhow::Result<()> {
    let mut parts: Vec<(String, Vec<(&str, Param)>)> = vec![("nothing".into(), Vec::new())];
    for name in Without::NAMES {
        parts.push((
            name.to_owned(),
            vec![(settings::WITHOUT, Param::Text(name.to_owned()))],
        ));
    }
    parts.push(("light".into(), vec![(settings::LIGHT, Param::Number(0.0))]));
    parts.push(("finish".into(), vec![(settings::FINISH, Param::Number(0.0))]));
    for (name, params) in parts {
        let mut request = request.clone();
        request.frames = FRAMES;
        request.size = SIZE;
        for (key, value) in params {
            request.params.insert(key.into(), value);
        }
        let inputs = Arc::new(Handed {
            vault: vault.clone(),
            guides: planned.guides.clone(),
        });
        let order = Order::new(request.clone(), 0, work, inputs)?;
        let draw = order.draw;
        let engine = heirloom_engine_exemplar::engine::engine();
        let job = engine.submit(order).map_err(said)?;
        let drafts = loop {
            match engine.poll(&job).map_err(said)? {
                JobState::Done(drafts) => break drafts,
                JobState::Failed(failure) => return Err(said(failure)),
                state if state.is_final() => anyhow::bail!("the draw ended as {state:?}"),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let draft = drafts.first().context("no draft")?;
        let (manifest, files) = manifest_of(&request, draw, draft)?;
        for (_, path) in &files {
            vault.put_file(path)?;
        }
        let take = ExemplarTake::open(&manifest, vault.clone()).map_err(said)?;
        let judged = Judged {
            name: SHOT,
            request: &request,
            take: &take,
            guides: planned.guides.as_deref(),
        };
        let scores = score(&judged, 7)?;
        let label = format!("{SHOT} without {name}");
        let figure = |what: &str, value: f64, unit: &str, better: &str| {
            println!("figure\t{label}, {what}\t{value:.3}\t{unit}\t{better}\t-\t480x270, {FRAMES} frames");
        };
        figure("warp SSIM", mean(&scores.warp), "", "higher");
        figure("pop", mean(&scores.pops), "of pixels", "lower");
        figure("patch distance", mean(&scores.patch), "codes", "lower");
        figure("sharpness", (mean(&scores.sharp) - 1.0).abs(), "from 1", "lower");
        figure(
            "palette distance of things",
            mean(&scores.palette),
            "codes",
            "lower",
        );
        strip(&take, &strips.join(format!("without-{name}.png")))?;
    }
    Ok(())
}
