//! `heirloom stage check`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use heirloom_engine::gate::Action;
use heirloom_film::{Rate, Size};
use heirloom_stage::blocking::describe;
use heirloom_stage::posed::Cast;
use heirloom_stage::scene::Scene;
use heirloom_stage::summary::summary;

use super::{Room, Setup, scene_file};
use crate::show::Show;

/// Most objects that are listed; the rest is counted.
const MOST_LISTED: usize = 40;

/// Say what was read of a scene file, of a shot, or of every blocked shot.
pub fn run(folder: &Path, what: Option<&str>, show: &Show) -> anyhow::Result<()> {
    if let Some(path) = what.and_then(scene_file) {
        let setup = Setup::of_file(&path, Rate::CINEMA, Size::HD)?;
        show.say(report(&path.display().to_string(), &setup)?.trim_end());
        return Ok(());
    }
    let room = Room::open(folder, show)?;
    let mut ended = None;
    for (scene, shot) in room.meant(what)? {
        // Every shot is looked at: one that is wrong must not hide the next.
        let staged = match room.staged(scene, shot, Action::Spend, show) {
            Ok(staged) => staged,
            Err(error) => {
                ended.get_or_insert(error);
                continue;
            }
        };
        let words = shot
            .blocking
            .as_ref()
            .map(|blocking| describe(&room.film, shot, blocking, &staged.blocked));
        let setup = Setup::of_shot(&room.film, scene, shot, staged);
        let text = report(&format!("{} {}", scene.name, shot.name), &setup)?;
        show.say(text.trim_end());
        if let Some(words) = words {
            show.say("");
            show.say(words.trim_end());
        }
        show.say("");
    }
    ended.map_or(Ok(()), Err)
}

/// What stands on the stage, in lines.
fn report(title: &str, setup: &Setup) -> anyhow::Result<String> {
    let scene = &setup.scene;
    let cast = Cast::of(scene)?;
    let length = match setup.frames {
        1 => "1 frame, nothing moves".to_owned(),
        frames => format!("{frames} frames, {}", setup.rate.timecode(frames.into())),
    };
    let mut text = format!("{title}: {length} at {} frames a second\n", setup.rate);
    // The summary's first line is the scene's own name, which the title has said.
    for line in summary(scene).to_string().lines().skip(1) {
        let _ = writeln!(text, "{line}");
    }
    if scene.cameras.is_empty() {
        let _ = writeln!(text, "  {:<10} none", "camera");
    }
    objects(&mut text, scene, &cast);
    Ok(text)
}

/// Every object with its triangles, the largest first.
fn objects(text: &mut String, scene: &Scene, cast: &Cast) {
    let mut triangles: BTreeMap<u32, u64> = BTreeMap::new();
    for (at, instance) in cast.instances.iter().enumerate() {
        *triangles.entry(instance.object).or_default() += cast.primitive(scene, at).triangles.len() as u64;
    }
    let mut objects: Vec<(&str, u32, u64)> = cast
        .names
        .iter()
        .map(|(id, name)| (name.as_str(), *id, triangles.get(id).copied().unwrap_or(0)))
        .collect();
    objects.sort_by_key(|(_, id, triangles)| (std::cmp::Reverse(*triangles), *id));
    for (name, id, triangles) in objects.iter().take(MOST_LISTED) {
        let _ = writeln!(text, "  id {id:<7} {name}, {triangles} triangles");
    }
    if let Some(hidden) = objects.len().checked_sub(MOST_LISTED).filter(|n| *n > 0) {
        let _ = writeln!(text, "  and {hidden} smaller objects");
    }
}
