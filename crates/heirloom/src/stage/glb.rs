//! `heirloom stage glb`.

use std::path::Path;

use heirloom_engine::gate::Action;

use super::{Room, Setup};
use crate::open;
use crate::show::Show;

/// Write a shot's blocking as .glb.
pub fn run(folder: &Path, shot: &str, to: Option<&Path>, show: &Show) -> anyhow::Result<()> {
    let room = Room::open(folder, show)?;
    let (scene, shot) = room.find(shot)?;
    let staged = room.staged(scene, shot, Action::Export, show)?;
    let setup = Setup::of_shot(&room.film, scene, shot, staged);
    let to = match to {
        Some(to) => to.to_owned(),
        None => open::out(folder)
            .join("stage")
            .join(format!("{}.glb", setup.name)),
    };
    let written = heirloom_stage::write_glb::glb(&setup.scene, setup.size)?;
    for warning in &written.warnings {
        show.note(&format!(
            "warning: {}: {}: {}",
            setup.name, warning.subject, warning.what
        ));
    }
    open::write_whole(&to, &written.bytes)?;
    show.say(&format!("{}: the blocking of {}", to.display(), setup.name));
    Ok(())
}
