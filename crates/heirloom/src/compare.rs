//! `heirloom compare` and contact sheets of takes: pictures to choose by.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use heirloom_dailies::index::{Index, Row};
use heirloom_dailies::mood::Mood;
use heirloom_dailies::takes as dailies;
use heirloom_engine::{Engines, TakeFrames};
use heirloom_film::Rate;
use heirloom_finish::comparison::{Layout, comparison};
use heirloom_finish::contact_sheet::{Tile, contact_sheet};
use heirloom_picture::ffmpeg::Ffmpeg;
use heirloom_picture::look;
use heirloom_picture::preview::{self, Preview};
use heirloom_vault::{ObjectId, Vault};

use crate::archive::save_sheet as save;
use crate::args::{Compare, Takes};
use crate::show::Show;
use crate::{Ended, INTERRUPTED, cull, open, takes};

/// Pixels on the longer side of a tile, tiles in a row, and tiles on a sheet.
const SIDE: u32 = 256;
const COLUMNS: u32 = 6;
const MOST: usize = 300;

fn frames(
    vault: &Arc<Vault>,
    engines: &Engines,
    take: &ObjectId,
) -> anyhow::Result<(Box<dyn TakeFrames>, Rate)> {
    let manifest = dailies::open(vault, take)?.manifest;
    let engine = engines.get(Some(&manifest.engine))?;
    Ok((engine.open(&manifest, vault.clone())?, manifest.rate))
}

/// Two takes in one clip, side by side or in turns.
pub fn compare(
    folder: &Path,
    engines: &Engines,
    options: &Compare,
    show: &Show,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let mut found = Vec::new();
    for wanted in [&options.one, &options.other] {
        let mut plan = || takes::plan(folder, None, &vault, engines, show);
        found.push(takes::take(folder, &vault, &mut plan, wanted)?.1.id);
    }
    let layout = match options.flicker {
        Some(frames) => Layout::Flicker { frames },
        None => Layout::SideBySide,
    };
    let (one, rate) = frames(&vault, engines, &found[0])?;
    let (other, other_rate) = frames(&vault, engines, &found[1])?;
    anyhow::ensure!(
        rate == other_rate,
        "the takes run at {rate} and {other_rate} frames a second; only takes of one rate are compared"
    );
    let to = options.to.clone().unwrap_or_else(|| {
        let name = format!("{}-{}.mp4", takes::short(&found[0]), takes::short(&found[1]));
        open::out(folder).join("compare").join(name)
    });
    if let Some(parent) = to.parent() {
        open::make_folder(parent)?;
    }
    let ffmpeg = Ffmpeg::find()?;
    let bar = show.bar("comparing", u64::from(one.frames().min(other.frames())), "frames");
    let whole = comparison(&ffmpeg, &to, (&*one, &*other), rate, layout, &mut |done, of| {
        bar.at(done.into(), of.into());
        !stop.load(Ordering::Relaxed)
    })?;
    drop(bar);
    if !whole {
        show.note("Stopped; nothing was written.");
        return Err(Ended::Said(INTERRUPTED).into());
    }
    show.say(&format!("wrote {}", to.display()));
    Ok(())
}

/// How far each measured take is from the mood of these pictures and takes; `None` where none are named.
fn nearness(
    vault: &Vault,
    index: &Index,
    rows: &[Row],
    references: &[String],
) -> anyhow::Result<Option<BTreeMap<ObjectId, f64>>> {
    if references.is_empty() {
        return Ok(None);
    }
    let look_of = |take: &ObjectId| -> anyhow::Result<Option<Vec<f32>>> {
        let measured = index.measured(take)?;
        Ok(measured
            .map(|measured| measured.look)
            .filter(|look| !look.is_empty()))
    };
    let mut cells: Vec<f32> = Vec::new();
    for reference in references {
        let path = Path::new(reference);
        if path.is_file() {
            let picture = preview::decode(&std::fs::read(path)?, reference, SIDE)?;
            if let Some(view) = picture.view() {
                cells.extend(look::look(&view).composition);
            }
            continue;
        }
        let take = dailies::find(vault, reference)?.map_err(|why| {
            anyhow::anyhow!("{reference} is no picture's file, and {why}; name a picture or a take")
        })?;
        let look = look_of(&take)?;
        cells.extend(look.with_context(|| {
            format!(
                "the take {reference} is not measured yet; `heirloom measure SHOT` measures a shot's takes"
            )
        })?);
    }
    let mood = Mood::of_look(&cells).context("the references have no light and colour to go by")?;
    let mut near = BTreeMap::new();
    for row in rows {
        if let Some(other) = look_of(&row.take)?.and_then(|look| Mood::of_look(&look)) {
            near.insert(row.take, mood.distance(&other));
        }
    }
    Ok(Some(near))
}

/// The nearest first, what was not measured last.
fn order(near: &BTreeMap<ObjectId, f64>, a: &Row, b: &Row) -> std::cmp::Ordering {
    match (near.get(&a.take), near.get(&b.take)) {
        (Some(a), Some(b)) => a.total_cmp(b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// A shot's takes as one picture: numbers, marks and measures below each; or in the order of their nearness to a mood.
pub fn sheet(folder: &Path, engines: &Engines, options: &Takes, show: &Show) -> anyhow::Result<()> {
    let Some(shot) = &options.shot else {
        return Ok(());
    };
    let vault = open::vault(folder)?;
    let film = open::film(folder, show)?;
    let index = Index::open(&vault)?;
    let mut rows = cull::rows(&film, &vault, &index, shot)?;
    let near = nearness(&vault, &index, &rows, &options.near)?;
    if let Some(near) = &near {
        rows.sort_by(|a, b| order(near, a, b));
        if options.json {
            let list: Vec<_> = rows
                .iter()
                .map(|row| serde_json::json!({ "take": row.take, "near": near.get(&row.take) }))
                .collect();
            show.say(&serde_json::to_string_pretty(&list)?);
        } else {
            for row in &rows {
                let far = near.get(&row.take);
                let far = far.map_or_else(|| "not measured".to_owned(), |far| format!("{far:.3}"));
                let verdict = row.standing.verdict.word();
                show.say(&format!(
                    "{}  {far:<12}  {verdict}  {}",
                    takes::short(&row.take),
                    row.prompt
                ));
            }
        }
        if near.len() < rows.len() {
            show.note(&format!("`heirloom measure {shot}` measures the rest"));
        }
    }
    let Some(path) = &options.sheet else {
        return Ok(());
    };
    if let Some(name) = &options.sort {
        anyhow::ensure!(
            rows.iter().any(|row| row.measures.contains_key(name)),
            "no take of {shot} has the measure {name}; docs/measures.md lists them, `heirloom measure {shot}` takes them"
        );
        rows.sort_by(|a, b| match (a.measures.get(name), b.measures.get(name)) {
            (Some(a), Some(b)) => a.total_cmp(b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
    }
    if rows.len() > MOST {
        show.note(&format!("the sheet shows the first {MOST} of {}", rows.len()));
        rows.truncate(MOST);
    }
    let bar = show.bar("sheet", rows.len() as u64, "takes");
    let mut tiles = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        let far = near.as_ref().and_then(|near| near.get(&row.take)).copied();
        tiles.push(tile((&vault, engines), n, row, options.sort.as_deref(), far)?);
        bar.at(n as u64 + 1, rows.len() as u64);
    }
    drop(bar);
    let Some(sheet) = contact_sheet(&tiles, COLUMNS, SIDE) else {
        return Ok(());
    };
    save(path, &sheet, show)
}

fn tile(
    (vault, engines): (&Arc<Vault>, &Engines),
    n: usize,
    row: &Row,
    sort: Option<&str>,
    far: Option<f64>,
) -> anyhow::Result<Tile> {
    let (take, _) = frames(vault, engines, &row.take)?;
    let picture = Preview::of_image(&take.frame(take.frames() / 2)?, SIDE);
    let stars = row
        .standing
        .stars
        .map_or_else(String::new, |stars| format!(", {stars} stars"));
    let mut lines = vec![format!("{}{stars}", row.standing.verdict.word())];
    if let Some(seed) = row.seed {
        lines.push(format!("seed {seed}"));
    }
    if let Some(far) = far {
        lines.push(format!("{far:.3} from the mood"));
    }
    // What it is sorted by, and else what is asked of most takes.
    let plain = [
        "sharpness.blur_px",
        "flicker.frame_percent",
        "coherence.warp_error_ratio",
    ];
    let names = sort.map_or_else(|| plain.to_vec(), |name| vec![name]);
    for name in names {
        if let Some(value) = row.measures.get(name) {
            lines.push(format!("{name} {value:.3}"));
        }
    }
    Ok(Tile {
        picture: Some(picture),
        title: format!("{}  {}", n + 1, takes::short(&row.take)),
        lines,
    })
}
