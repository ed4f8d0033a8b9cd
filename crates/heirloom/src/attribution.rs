//! `heirloom attribution`: whose a take or the film is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use heirloom_dailies::takes as dailies;
use heirloom_engine::Engines;
use heirloom_engine::places::PlaceMap;
use heirloom_finish::attribution::MapPicture;
use heirloom_finish::credits::SourceInfo;
use heirloom_finish::limits::{CopyFinding, copy_finding};
use heirloom_finish::{ShareTable, credits::percent};
use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_picture::{photo, png};
use heirloom_vault::{ObjectId, Vault};

use crate::args::Attribution as Options;
use crate::show::Show;
use crate::{cut, make, open, selects, takes};

/// A table of shares, and for a take a picture of where everything comes from.
pub fn run(folder: &Path, engines: &Engines, options: &Options, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    match &options.shot {
        Some(wanted) => take(folder, &vault, engines, options, wanted, show),
        None => film(folder, vault, engines, options, show),
    }
}

fn film(
    folder: &Path,
    vault: Arc<Vault>,
    engines: &Engines,
    options: &Options,
    show: &Show,
) -> anyhow::Result<()> {
    let mut film = open::film(folder, show)?;
    film.size = options.size.unwrap_or(film.size);
    // The credits would ask for the same shares once more, and are not shown here.
    film.credits_frames = 0;
    let plan = make::planned(folder, &film, &vault, engines, make::Planning::default(), show)?;
    if !plan.objections.is_empty() {
        return Err(make::objections(&plan, show));
    }
    let found = selects::takes_of(&plan, &film, (&vault, engines), show)?;
    let known = cut::sources(&vault)?;
    let ready = cut::Ready {
        folder,
        film: &film,
        plan: &plan,
        takes: &found,
        vault,
        engines,
        sound: None,
    };
    let cut = cut::cut(&ready, &Ffmpeg::find()?)?;
    let table = ShareTable::of_film(&cut, &|id| known.get(id).cloned())?;
    show.say(&if options.json {
        serde_json::to_string_pretty(&table)?
    } else {
        table.to_string().trim_end().to_owned()
    });
    Ok(())
}

fn take(
    folder: &Path,
    vault: &Arc<Vault>,
    engines: &Engines,
    options: &Options,
    wanted: &str,
    show: &Show,
) -> anyhow::Result<()> {
    let mut plan = || takes::plan(folder, options.size, vault, engines, show);
    let (label, take) = takes::take(folder, vault, &mut plan, wanted)?;
    let opened = engines
        .get(Some(&take.manifest.engine))?
        .open(&take.manifest, vault.clone())?;
    let n = options.frame.unwrap_or(opened.frames() / 2);
    anyhow::ensure!(
        n < opened.frames(),
        "there is no frame {n}: the take has {} (from 0)",
        opened.frames()
    );
    let known: HashMap<ObjectId, SourceInfo> = cut::sources(vault)?;
    let lookup = |id: &ObjectId| known.get(id).cloned();
    let of = format!("{label}, take {}", takes::short(&take.id));
    let table = ShareTable::of_take(&of, &*opened, &lookup)?;
    let request = dailies::request(vault, &take.manifest)?;
    let finding = copy_finding(&*opened, &request, &**vault)?;
    let Some(places) = PlaceMap::read(&*opened, n)? else {
        anyhow::bail!(
            "the engine `{}` can not say where the pixels of its takes come from",
            take.manifest.engine
        );
    };
    let path = options.to.clone().unwrap_or_else(|| {
        let name = format!(
            "{}-{n}.png",
            label.replacen(' ', "-", 1).replace(['/', '\\'], "-")
        );
        open::out(folder).join("attribution").join(name)
    });
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        open::make_folder(parent)?;
    }
    let frame = opened.frame(n)?;
    let picture = MapPicture {
        title: format!(
            "{}, frame {n} of {}",
            label.replacen(' ', " / ", 1),
            opened.frames()
        ),
        note: format!(
            "take {}, made by the {} engine from nothing but the photographs below",
            takes::short(&take.id),
            take.manifest.engine
        ),
        frame: &frame,
        places: &places,
        shares: &table,
        shares_of: "shares of the whole take".into(),
    }
    .draw(&|id| {
        let bytes = vault.read(id).ok()?;
        photo::decode(&bytes, "source").ok().map(|photo| photo.image)
    });
    png::write8(&path, &picture.codes, picture.width, picture.height)?;
    if options.json {
        let json =
            serde_json::json!({ "take": take.id, "table": table, "copying": finding, "picture": path });
        show.say(&serde_json::to_string_pretty(&json)?);
        return Ok(());
    }
    show.say(table.to_string().trim_end());
    show.say(&copying(&finding));
    show.say(&format!("{}: what comes from where in frame {n}", path.display()));
    Ok(())
}

/// How near a take is to a copy, in words.
fn copying(finding: &CopyFinding) -> String {
    match finding {
        CopyFinding::Meant { why } => format!("copies by intent: {why}"),
        CopyFinding::NotKnown => "whether it copies can not be told".into(),
        CopyFinding::Judged { frame, copying } => format!(
            "pieces: the largest is {} of the frame and {} of its photograph; {} of the frame is in place (frame \
             {frame}); nearness to a copy {:.2}",
            percent(copying.largest_of_frame),
            percent(copying.largest_of_photograph),
            percent(copying.in_place),
            copying.nearness()
        ),
    }
}
