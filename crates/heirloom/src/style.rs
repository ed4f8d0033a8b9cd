//! `heirloom style` and `heirloom grade`.

mod check;
mod keep;
mod samples;
mod sheet;
mod train;
mod watch;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use heirloom_archive::{Archive, Source, resolve_among};
use heirloom_film::SourceCall;
use heirloom_picture::ffmpeg::{Ffmpeg, Master};
use heirloom_picture::{photo, preview};
use heirloom_style::grade::{ClipGrade, Grade as Fitted, Samples, SkinSafe, grade_clip, grade_still};
use heirloom_style::lut::Lut3;
use heirloom_style::make::MakeOptions;
use heirloom_style::style::{Held, Styles};
use heirloom_vault::{Actor, Vault};

use crate::archive::query;
use crate::args::{Grade, GradeFormat, Style as Command};
use crate::show::{Show, VaultBar};
use crate::{drift, open, reports};

/// Pixels on the longer side that pictures a grade is fitted against are looked at.
const AGAINST_SIDE: u32 = 256;

/// Make, blend, list, show, export.
pub fn run(folder: &Path, command: &Command, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let styles = Styles::new(&vault);
    match command {
        Command::Make {
            name,
            from,
            first,
            against,
            lightness,
            exemplars,
        } => {
            let sources = chosen(&vault, from, *first)?;
            let mut options = MakeOptions::new(open::today());
            options.fit.lightness = *lightness;
            options.exemplars = usize::from(*exemplars);
            options.against = samples(against)?;
            let words = from.join(", ");
            let made = styles.make(name, &words, &sources, &options, &VaultBar::new(show, stop))?;
            for (name, clause) in &made.forbidden {
                show.note(&format!("left out: archive:{name}: {clause}"));
            }
            for (name, why) in &made.unreadable {
                show.note(&format!("left out: archive:{name}: {why}"));
            }
            tell(&made.held, &names(&vault)?, show);
        }
        Command::Blend { name, one, other, at } => {
            let (one, other) = (styles.get(one)?, styles.get(other)?);
            let held = styles.blend(name, &one, &other, *at, Actor::person_here())?;
            tell(&held, &names(&vault)?, show);
        }
        Command::Arc { name, through } => {
            let scenes: Vec<String> = open::film(folder, show)?
                .scenes
                .into_iter()
                .map(|s| s.name)
                .collect();
            anyhow::ensure!(
                !scenes.is_empty(),
                "the film has no scene yet: an arc is a variant for every scene of film.toml"
            );
            let keys = through
                .iter()
                .map(|call| styles.get(call))
                .collect::<Result<Vec<_>, _>>()?;
            for (n, scene) in scenes.iter().enumerate() {
                let (one, other, at) = between(n, scenes.len(), keys.len());
                let (Some(one), Some(other)) = (keys.get(one), keys.get(other)) else {
                    continue;
                };
                // What a style's name cannot hold becomes a hyphen.
                let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
                let scene: String = scene.chars().map(|c| if kept(c) { c } else { '-' }).collect();
                let variant = format!("{name}/{scene}");
                let held = styles.blend(&variant, one, other, at, Actor::person_here())?;
                show.say(&format!("{:<24} {one} to {other}, at {at:.2}", held.to_string()));
            }
        }
        Command::List { json } => {
            let all = styles.all()?;
            if *json {
                let all: Vec<_> = all.iter().map(|held| &held.style).collect();
                show.say(&serde_json::to_string_pretty(&all)?);
                return Ok(());
            }
            if all.is_empty() {
                show.say("There is no style yet: heirloom style make NAME --from SOURCE --from FOLDER/");
            }
            for held in &all {
                let sources = reports::count(held.style.sources.len(), "source");
                show.say(&format!(
                    "{:<24} {sources}, from {}",
                    held.to_string(),
                    held.style.from
                ));
            }
        }
        Command::Drift(options) => drift::run(folder, options, show, stop)?,
        Command::Check(options) => check::run(folder, options, show, stop)?,
        Command::Train(options) => train::run(folder, options, show, stop)?,
        Command::Keep(options) => keep::run(folder, options, show)?,
        Command::Show { name, json } => {
            let held = styles.get(name)?;
            if *json {
                show.say(&serde_json::to_string_pretty(&held.style)?);
            } else {
                tell(&held, &names(&vault)?, show);
                for lora in vault.ledger().loras()? {
                    if Some(lora.object) == held.style.lora {
                        let of = lora.facts;
                        show.say(&format!(
                            "{:<10} {}, for {}, called for by \"{}\"; step {}",
                            "", of.name, of.model, of.trigger, of.step
                        ));
                    }
                }
            }
        }
        Command::Export { name, to } => {
            let held = styles.get(name)?;
            let path = to.clone().unwrap_or_else(|| {
                let file = held.to_string().replace('/', "-");
                open::out(folder).join("styles").join(format!("{file}.cube"))
            });
            open::write_whole(&path, &vault.read(&held.style.grade)?)?;
            show.say(&format!("wrote {}", path.display()));
        }
    }
    Ok(())
}

/// Between which two of so many keys the `n`th of so many scenes lies, and how far from the first: the scenes divide the
/// way through all keys evenly.
fn between(n: usize, scenes: usize, keys: usize) -> (usize, usize, f64) {
    let last = keys.saturating_sub(1);
    let place = last as f64 * n as f64 / scenes.saturating_sub(1).max(1) as f64;
    let one = (place as usize).min(last.saturating_sub(1));
    (one, (one + 1).min(last), place - one as f64)
}

/// The sources that these calls mean: names of sources, a folder of the archive with a slash at its end, or queries.
fn chosen(vault: &Vault, from: &[String], first: usize) -> anyhow::Result<Vec<Source>> {
    let archive = Archive::new(vault);
    let all = archive.sources()?;
    let mut out = Vec::new();
    for call in from {
        let folder = call.trim_start_matches("archive:").strip_suffix('/');
        if let Some(folder) = folder.filter(|folder| !folder.contains([':', ' '])) {
            let below = format!("{folder}/");
            let before = out.len();
            out.extend(
                all.iter()
                    .filter(|s| s.folder == folder || s.folder.starts_with(&below))
                    .cloned(),
            );
            anyhow::ensure!(
                out.len() > before,
                "there is no folder {folder} in the archive: `heirloom archive list` shows all names"
            );
            continue;
        }
        let named = SourceCall::parse(call).or_else(|_| SourceCall::parse(&format!("archive:{call}")));
        match named
            .map_err(anyhow::Error::from)
            .and_then(|call| Ok(resolve_among(&all, &call)?))
        {
            Ok(source) => out.push(source),
            // What is called as a source, and as nothing else, is not looked for.
            Err(error) if call.starts_with("archive:") => return Err(error),
            Err(_) => out.extend(searched(&archive, &all, call, first)?),
        }
    }
    Ok(out)
}

/// The sources that a query finds; of one that ranks by look the first.
fn searched(archive: &Archive<'_>, all: &[Source], text: &str, first: usize) -> anyhow::Result<Vec<Source>> {
    let query = query(text)?;
    let limit = if query.ranks_by_look() { first } else { usize::MAX };
    let found = archive.search(&query, limit, 0)?;
    anyhow::ensure!(
        !found.hits.is_empty(),
        "no source is called {text}, and a search for it finds none: `heirloom archive list` shows all names"
    );
    let objects: std::collections::BTreeSet<_> = found.hits.iter().map(|hit| hit.object).collect();
    Ok(all
        .iter()
        .filter(|source| objects.contains(&source.object))
        .cloned()
        .collect())
}

/// The colours of pictures on disk; none where there are none.
fn samples(paths: &[PathBuf]) -> anyhow::Result<Option<Samples>> {
    let mut all = Vec::new();
    for path in paths {
        let bytes = std::fs::read(path).with_context(|| format!("{} could not be read", path.display()))?;
        let small = preview::decode(&bytes, &path.display().to_string(), AGAINST_SIDE)?;
        all.extend(small.view().map(|view| Samples::of(&view)));
    }
    Ok((!all.is_empty()).then(|| Samples::merged(&all)))
}

/// Names of sources by object, for people.
fn names(vault: &Vault) -> anyhow::Result<std::collections::BTreeMap<heirloom_vault::ObjectId, String>> {
    let sources = Archive::new(vault).sources()?;
    Ok(sources.into_iter().map(|s| (s.object, s.name())).collect())
}

fn tell(held: &Held, names: &std::collections::BTreeMap<heirloom_vault::ObjectId, String>, show: &Show) {
    let style = &held.style;
    let row = |what: &str, value: String| show.say(&format!("{what:<10} {value}"));
    row("style", held.to_string());
    row("object", held.id.to_string());
    row("from", style.from.clone());
    row("sources", style.sources.len().to_string());
    row("grade", style.grade.to_string());
    for (n, exemplar) in style.exemplars.iter().enumerate() {
        let name = names
            .get(exemplar)
            .map_or_else(|| exemplar.short(), |name| format!("archive:{name}"));
        row(if n == 0 { "exemplars" } else { "" }, name);
    }
    if let Some(blend) = &style.blend {
        row(
            "blend",
            format!("{} to {} at {}", blend.one.short(), blend.other.short(), blend.at),
        );
    }
    if let Some(lora) = &style.lora {
        row("lora", lora.to_string());
    }
}

/// Apply a style's grade to stills and clips.
pub fn grade(folder: &Path, options: &Grade, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let is_cube = options
        .style
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("cube"));
    let fitted = if is_cube {
        Fitted::from_lut(Lut3::read_cube(&options.style)?)
    } else {
        let vault = open::vault(folder)?;
        let styles = Styles::new(&vault);
        styles.grade(&styles.get(&options.style.to_string_lossy())?.style)?
    };
    let mut skin = SkinSafe::default();
    if let Some(hues) = options.skin_hues {
        skin.hue_deg = hues;
    }
    let how = ClipGrade {
        grade: &fitted,
        strength: options.strength,
        skin: (options.skin_safe || options.skin_hues.is_some()).then_some(&skin),
    };
    let into = options
        .to
        .clone()
        .unwrap_or_else(|| open::out(folder).join("graded"));
    open::make_folder(&into)?;
    let mut ffmpeg = None;
    let mut written: std::collections::BTreeSet<PathBuf> = std::collections::BTreeSet::new();
    for input in &options.inputs {
        let still = is_still(input)?;
        let ending = match (still, options.format) {
            (true, GradeFormat::Png) => "png",
            (true, GradeFormat::Exr) => "exr",
            (false, _) => Master::ProResHq.extension(),
        };
        let stem = input.file_stem().unwrap_or_default();
        let output = into.join(stem).with_extension(ending);
        let itself = std::fs::canonicalize(&output).ok() == std::fs::canonicalize(input).ok();
        anyhow::ensure!(
            !itself || !output.exists(),
            "{} would be written over itself: name another folder with --to",
            input.display()
        );
        anyhow::ensure!(
            written.insert(output.clone()),
            "two pictures would both be written to {}: grade them into folders of their own with --to",
            output.display()
        );
        if still {
            grade_still(input, &output, &how)?;
        } else {
            let ffmpeg = match &mut ffmpeg {
                Some(found) => found,
                none => none.insert(Ffmpeg::find()?),
            };
            let bar = show.bar(&stem.to_string_lossy(), 0, "frames");
            grade_clip(ffmpeg, input, &output, Master::ProResHq, &how, |done, of| {
                bar.at(done, of);
                if stop.load(Ordering::Relaxed) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        }
        show.say(&format!("wrote {}", output.display()));
        if stop.load(Ordering::Relaxed) {
            anyhow::bail!("stopped; what is named above is written");
        }
    }
    Ok(())
}

/// Whether a file is a photograph by its content; all else is handed to ffmpeg.
fn is_still(path: &Path) -> anyhow::Result<bool> {
    let mut start = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| std::io::Read::read_to_end(&mut std::io::Read::take(file, 64), &mut start));
    read.with_context(|| format!("{} could not be read", path.display()))?;
    Ok(photo::format_by_content(&start).is_some())
}
