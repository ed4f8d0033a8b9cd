//! `heirloom look`: a shot's takes on a local page.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_dailies::subject;
use heirloom_engine::Engines;
use heirloom_studio::{Listen, Look, serve};
use heirloom_vault::Actor;

use crate::args::Look as Options;
use crate::show::Show;
use crate::{open, takes};

/// Serve the page until Ctrl-C.
pub fn run(
    folder: &Path,
    engines: Engines,
    options: &Options,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let film = open::film(folder, show)?;
    let (scene, shot) = takes::among(&film, &options.shot)?;
    let look = Look {
        folder: folder.to_owned(),
        vault,
        engines,
        by: Actor::person_here(),
        shot: subject(scene, shot),
        label: format!("{} {}", scene.name, shot.name),
        rate: film.rate,
    };
    let mut listen = Listen {
        port: options.port,
        ..Listen::default()
    };
    if let Some(address) = options.listen {
        listen.address = address;
    }
    if !listen.address.is_loopback() {
        show.note(
            "warning: other machines can reach this page, and what goes over the wire is not encrypted; who has the address below may \
             look and judge",
        );
    }
    let say = |served: &heirloom_studio::Served| {
        show.say(&format!("Open {} (Ctrl-C ends it).", served.url));
    };
    Ok(serve(look, &listen, say, stop)?)
}
