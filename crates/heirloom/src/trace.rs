//! `heirloom trace`.

use std::path::Path;

use heirloom_engine::Engines;
use heirloom_finish::{Tracer, find_master};

use crate::args::Trace as Options;
use crate::show::Show;
use crate::{cut, open};

/// Where a frame or a pixel of a master comes from.
pub fn run(folder: &Path, engines: &Engines, options: &Options, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    // A master is named from where the user stands, or from the film's folder.
    let given = &options.master;
    let path = if given.exists() {
        given.clone()
    } else {
        folder.join(given)
    };
    let found = find_master(&vault, &path)?;
    let known = cut::sources(&vault)?;
    let tracer = Tracer {
        vault: &vault,
        open: &|manifest| engines.get(Some(&manifest.engine))?.open(manifest, vault.clone()),
        sources: &|id| known.get(id).cloned(),
    };
    let trace = tracer.trace(&found.frame_map, options.frame, options.at)?;
    show.say(&if options.json {
        serde_json::to_string_pretty(&trace)?
    } else {
        trace.to_string()
    });
    Ok(())
}
