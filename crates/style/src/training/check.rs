//! Whether there is enough to learn from: what is lacking in a set of pictures, and what a good one would add.

use std::collections::BTreeMap;

use heirloom_archive::fingerprint::{Fingerprint, fingerprint, near};
use heirloom_archive::judge::{Fault, judge};
use heirloom_archive::{PROXY_SIDE, Source, THUMBNAIL_SIDE};
use heirloom_picture::look::look;
use heirloom_picture::preview::{self, Preview};
use heirloom_vault::{Progress, Vault, VaultError};
use rayon::prelude::*;
use serde::Serialize;

use super::captions::{Said, caption};
use super::marks::{Mark, stamped, watermark};
use super::sources::Chosen;

/// Pictures below which a style is hardly learnt, and from which on makers of LoRAs are content.
const FEWEST: usize = 10;
const ENOUGH: usize = 25;
/// Part of their colours that half of all pairs share, from which on a set is of one palette.
const ONE_PALETTE: f64 = 0.8;
/// Part of the pictures that may be one thing before it is the set's.
const MOST_OF: f64 = 0.9;
/// Lightness below and above which a picture is dark or bright.
const DARK: f64 = 0.35;
const BRIGHT: f64 = 0.7;
/// Looked at side by side.
const BATCH: usize = 32;
/// Names told of one finding.
const TOLD: usize = 12;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Nothing will come of it.
    Serious,
    /// It will show in the result.
    Doubtful,
    /// What would make it better.
    Advice,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What kind: few, alike, small, faults, watermark, text, faces, captions, rights, variety.
    pub kind: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// In words, with the mend.
    pub words: String,
    /// The sources, by name.
    pub sources: Vec<String>,
}

/// What a set is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// Pictures that may be learnt from.
    pub usable: usize,
    /// Of them, so many are different pictures.
    pub different: usize,
    /// What was found, the most serious first.
    pub findings: Vec<Finding>,
}

/// Counts faces in a picture, or says why it could not.
pub type Faces<'a> = dyn Fn(&Preview) -> Result<usize, String> + Sync + 'a;

/// How pictures are looked at.
#[derive(Clone, Copy)]
pub struct Looks<'a> {
    /// Pixels of a frame that is trained on.
    pub area: usize,
    /// The trigger.
    pub trigger: &'a str,
    /// A detector of faces, where one is plugged in.
    pub faces: Option<&'a Faces<'a>>,
}

/// What is seen in one picture.
#[derive(Clone, Debug)]
pub struct Seen {
    name: String,
    small: Preview,
    fingerprint: Fingerprint,
    palette: Vec<f32>,
    lightness: f64,
    faults: Vec<String>,
    stamp: Option<Mark>,
    faces: Option<Result<usize, String>>,
}

/// Looks a set of pictures through.
///
/// # Errors
/// What the vault says, [`VaultError::Stopped`] among it.
pub fn check(
    vault: &Vault,
    chosen: &Chosen,
    looks: &Looks<'_>,
    progress: &dyn Progress,
) -> Result<Checked, VaultError> {
    let all: Vec<&Source> = chosen.trained.iter().chain(&chosen.held_out).collect();
    let (mut seen, mut findings) = (Vec::new(), Vec::new());
    let mut unreadable = Vec::new();
    progress.begin("looking at sources", Some(all.len() as u64));
    for batch in all.chunks(BATCH) {
        if progress.stopped() {
            return Err(VaultError::Stopped);
        }
        let found: Vec<_> = batch.par_iter().map(|source| see(vault, source, looks)).collect();
        for (source, found) in batch.iter().zip(found) {
            match found {
                Ok(Some(found)) => seen.push(found),
                Ok(None) => {}
                Err(why) => unreadable.push(format!("{}: {why}", source.name())),
            }
        }
        progress.advance(batch.len() as u64);
    }
    progress.end();
    let mut say = |kind, weight, words: String, sources: Vec<String>| {
        findings.push(Finding {
            kind,
            weight,
            words,
            sources,
        });
    };
    if !unreadable.is_empty() {
        say(
            "faults",
            Weight::Doubtful,
            "these can not be read: take them out, or add them anew".into(),
            unreadable,
        );
    }
    let groups = copies(&seen);
    let extra: usize = groups.iter().map(|g| g.len() - 1).sum();
    let different = all.len() - extra;
    rights(chosen, &mut say);
    count(different, &mut say);
    if extra > 0 {
        let told = groups
            .iter()
            .map(|g| {
                g.iter()
                    .map(|n| seen[*n].name.as_str())
                    .collect::<Vec<_>>()
                    .join(" = ")
            })
            .collect();
        say(
            "alike",
            Weight::Doubtful,
            format!("{extra} are near copies of others, and will be learnt by heart: keep the best of each"),
            told,
        );
    }
    // One of each, for what is told of the set as a whole.
    let singles: Vec<&Seen> = seen
        .iter()
        .enumerate()
        .filter(|(n, _)| !groups.iter().any(|g| g.iter().skip(1).any(|k| k == n)))
        .map(|(_, s)| s)
        .collect();
    sizes(&all, looks.area, &mut say);
    quality(&seen, &mut say);
    marks(&seen, &singles, &mut say);
    faces(&seen, &all, looks.faces.is_some(), &mut say);
    captions(&all, looks.trigger, &mut say);
    variety(&singles, &all, &mut say);
    findings.sort_by_key(|finding| finding.weight);
    Ok(Checked {
        usable: all.len(),
        different,
        findings,
    })
}

/// Looks at one source; a clip is not looked at.
fn see(vault: &Vault, source: &Source, looks: &Looks<'_>) -> Result<Option<Seen>, String> {
    if source.frames.is_some() {
        return Ok(None);
    }
    let bytes = vault.read(&source.object).map_err(|e| e.to_string())?;
    let proxy = preview::decode(&bytes, &source.file_name, PROXY_SIDE).map_err(|e| e.to_string())?;
    let small = proxy.scaled(THUMBNAIL_SIDE);
    let (Some(large), Some(view)) = (proxy.view(), small.view()) else {
        return Err("it has no pixels".to_owned());
    };
    let palette = look(&view).palette;
    let codes = view.codes();
    let sum: f64 = codes
        .iter()
        .map(|c| heirloom_picture::oklab::from_display8(*c)[0])
        .sum();
    let judged = judge(&large, source.width, source.height);
    Ok(Some(Seen {
        name: source.name(),
        fingerprint: fingerprint(&view),
        palette,
        lightness: sum / codes.len().max(1) as f64,
        // Sizes are told by what is trained at.
        faults: judged
            .faults()
            .iter()
            .filter(|fault| **fault != Fault::Small)
            .map(ToString::to_string)
            .collect(),
        stamp: stamped(&large),
        faces: looks.faces.map(|faces| faces(&proxy)),
        small,
    }))
}

type Say<'a> = dyn FnMut(&'static str, Weight, String, Vec<String>) + 'a;

fn rights(chosen: &Chosen, say: &mut Say<'_>) {
    if chosen.left_out.is_empty() {
        return;
    }
    let names = chosen
        .left_out
        .iter()
        .map(|left| format!("{}: {}", left.name, left.why))
        .collect();
    let weight = match chosen.trained.is_empty() {
        true => Weight::Serious,
        false => Weight::Doubtful,
    };
    let count = chosen.left_out.len();
    say(
        "rights",
        weight,
        format!("{count} may not be trained on, and are left out"),
        names,
    );
}

fn count(different: usize, say: &mut Say<'_>) {
    let (weight, words) = match different {
        0 => (Weight::Serious, "there is nothing to learn from".to_owned()),
        n if n < FEWEST => (
            Weight::Serious,
            format!(
                "{n} different pictures are too few for a style: {} more make it {FEWEST}, from which on something comes of \
                 it; {ENOUGH} to 60 are a good set",
                FEWEST - n
            ),
        ),
        n if n < ENOUGH => (
            Weight::Advice,
            format!(
                "{n} different pictures are few: {} more would make it a good set",
                ENOUGH - n
            ),
        ),
        _ => return,
    };
    say("few", weight, words, Vec::new());
}

/// Groups of near copies, each with two pictures or more.
fn copies(seen: &[Seen]) -> Vec<Vec<usize>> {
    let mut group: Vec<usize> = (0..seen.len()).collect();
    let pairs: Vec<(usize, usize)> = (0..seen.len())
        .into_par_iter()
        .flat_map_iter(|a| {
            (a + 1..seen.len())
                .filter(move |b| near(&seen[a].fingerprint, &seen[*b].fingerprint).is_copy())
                .map(move |b| (a, b))
        })
        .collect();
    for (a, b) in pairs {
        let (from, to) = (group[a].max(group[b]), group[a].min(group[b]));
        group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (n, g) in group.into_iter().enumerate() {
        groups.entry(g).or_default().push(n);
    }
    groups.into_values().filter(|g| g.len() > 1).collect()
}

fn sizes(all: &[&Source], area: usize, say: &mut Say<'_>) {
    let pixels = |s: &Source| u64::from(s.width) * u64::from(s.height);
    let named = |some: Vec<&&Source>| -> Vec<String> {
        some.iter()
            .map(|s| format!("{} ({}x{})", s.name(), s.width, s.height))
            .collect()
    };
    let area = area as u64;
    let tiny: Vec<_> = all.iter().filter(|s| pixels(s) * 4 < area).collect();
    let small: Vec<_> = all
        .iter()
        .filter(|s| pixels(s) < area && pixels(s) * 4 >= area)
        .collect();
    if !tiny.is_empty() {
        say(
            "small",
            Weight::Doubtful,
            format!(
                "{} have not a quarter of the pixels that are trained at ({area}), and teach softness: scan or export them \
                 larger, or leave them out",
                tiny.len()
            ),
            named(tiny),
        );
    }
    if !small.is_empty() {
        say(
            "small",
            Weight::Advice,
            format!(
                "{} have fewer pixels than are trained at ({area}): they are trained at their own size, never enlarged",
                small.len()
            ),
            named(small),
        );
    }
}

fn quality(seen: &[Seen], say: &mut Say<'_>) {
    let named: Vec<String> = seen
        .iter()
        .filter(|s| !s.faults.is_empty())
        .map(|s| format!("{} ({})", s.name, s.faults.join(", ")))
        .collect();
    if !named.is_empty() {
        say(
            "faults",
            Weight::Doubtful,
            format!(
                "{} have faults that will be learnt as part of the look: leave them out, unless the look is just that",
                named.len()
            ),
            named,
        );
    }
}

fn marks(seen: &[Seen], singles: &[&Seen], say: &mut Say<'_>) {
    let views: Vec<_> = singles.iter().filter_map(|s| s.small.view()).collect();
    if let Some(mark) = watermark(&views) {
        let [left, top, width, height] = mark.region.map(|v| (v * 100.0).round());
        say(
            "watermark",
            Weight::Serious,
            format!(
                "nearly all have the same edges at the same place ({left} % from the left, {top} % from the top, {width} % by \
                 {height} %): a watermark, or a frame, which will be in every picture made: crop it off"
            ),
            Vec::new(),
        );
    }
    let stamped: Vec<String> = seen
        .iter()
        .filter_map(|s| {
            let mark = s.stamp?;
            let [left, top, ..] = mark.region.map(|v| (v * 100.0).round());
            Some(format!(
                "{} (about {} letters at {left} %, {top} %)",
                s.name, mark.count
            ))
        })
        .collect();
    if !stamped.is_empty() {
        say(
            "text",
            Weight::Doubtful,
            format!(
                "{} seem to have letters in them: a date or a caption that is learnt comes back as scribble; crop it off, or \
                 write in the caption that it is there",
                stamped.len()
            ),
            stamped,
        );
    }
}

fn faces(seen: &[Seen], all: &[&Source], plugged: bool, say: &mut Say<'_>) {
    let declared = |name: &str| {
        all.iter()
            .find(|s| s.name() == name)
            .and_then(|s| s.standing.rights.as_ref())
            .is_some_and(|r| !r.people.is_empty())
    };
    if !plugged {
        say(
            "faces",
            Weight::Advice,
            "faces were not looked for, as no detector is plugged in: say who can be recognised with `heirloom rights change \
             SOURCE --shows NAME`"
                .into(),
            Vec::new(),
        );
        return;
    }
    let undeclared: Vec<String> = seen
        .iter()
        .filter_map(|s| match &s.faces {
            Some(Ok(count)) if *count > 0 && !declared(&s.name) => Some(format!("{} ({count})", s.name)),
            _ => None,
        })
        .collect();
    if !undeclared.is_empty() {
        say(
            "faces",
            Weight::Serious,
            format!(
                "{} show faces of nobody who is named, whose consent is not known: name them with `heirloom rights change \
                 SOURCE --shows NAME`, or leave these out",
                undeclared.len()
            ),
            undeclared,
        );
    }
    let failed: Vec<String> = seen
        .iter()
        .filter_map(|s| match &s.faces {
            Some(Err(why)) => Some(format!("{}: {why}", s.name)),
            _ => None,
        })
        .collect();
    if !failed.is_empty() {
        say(
            "faces",
            Weight::Doubtful,
            "in these, faces could not be looked for".into(),
            failed,
        );
    }
}

fn captions(all: &[&Source], trigger: &str, say: &mut Say<'_>) {
    let of = |said: Said| -> Vec<String> {
        all.iter()
            .filter(|s| caption(s, trigger).said == said)
            .map(|s| s.name())
            .collect()
    };
    let (nothing, named) = (of(Said::Nothing), of(Said::Named));
    let mend = "write NAME.txt beside each file with what is to be seen, and add the folder again";
    if !nothing.is_empty() {
        say(
            "captions",
            Weight::Doubtful,
            format!(
                "{} have no caption, and all that is in them goes to the trigger: {mend}",
                nothing.len()
            ),
            nothing,
        );
    }
    if !named.is_empty() {
        say(
            "captions",
            Weight::Advice,
            format!("{} have their file's name for a caption: {mend}", named.len()),
            named,
        );
    }
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in all {
        let words = caption(source, trigger);
        if words.said != Said::Nothing {
            by_text.entry(words.text).or_default().push(source.name());
        }
    }
    for (text, names) in by_text {
        if names.len() > 2 {
            say(
                "captions",
                Weight::Doubtful,
                format!(
                    "{} have the same caption, \"{text}\": say how they differ",
                    names.len()
                ),
                names,
            );
        }
    }
    let called: Vec<String> = all
        .iter()
        .filter(|s| s.caption.to_lowercase().contains(&trigger.to_lowercase()))
        .map(|s| s.name())
        .collect();
    if !called.is_empty() {
        say(
            "captions",
            Weight::Doubtful,
            format!(
                "the trigger \"{trigger}\" stands in captions already: choose a word that nobody uses (`--trigger`)"
            ),
            called,
        );
    }
}

fn variety(singles: &[&Seen], all: &[&Source], say: &mut Say<'_>) {
    if singles.len() < 3 {
        return;
    }
    let mut shared: Vec<f64> = Vec::new();
    for (n, a) in singles.iter().enumerate() {
        for b in &singles[n + 1..] {
            let both: f32 = a.palette.iter().zip(&b.palette).map(|(a, b)| a.min(*b)).sum();
            shared.push(f64::from(both));
        }
    }
    shared.sort_by(f64::total_cmp);
    if shared.get(shared.len() / 2).is_some_and(|s| *s > ONE_PALETTE) {
        say(
            "alike",
            Weight::Doubtful,
            "they are nearly of one palette: the LoRA will learn that palette and that light more than a hand; add pictures of \
             other places and hours"
                .into(),
            Vec::new(),
        );
    }
    let part = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let wide = all.iter().filter(|s| s.width > s.height).count();
    let upright = all.iter().filter(|s| s.width < s.height).count();
    let mut add = Vec::new();
    if part(wide, all.len()) > MOST_OF {
        add.push("upright ones");
    }
    if part(upright, all.len()) > MOST_OF {
        add.push("wide ones");
    }
    let dark = singles.iter().filter(|s| s.lightness < DARK).count();
    let bright = singles.iter().filter(|s| s.lightness > BRIGHT).count();
    if part(dark, singles.len()) > MOST_OF {
        add.push("bright ones");
    }
    if part(bright, singles.len()) > MOST_OF {
        add.push("dark ones");
    }
    if !add.is_empty() {
        say(
            "variety",
            Weight::Advice,
            format!("a good set would add {}", add.join(", and ")),
            Vec::new(),
        );
    }
}

impl Finding {
    /// Its sources as they are told: the first few, and how many more there are.
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = self.sources.iter().take(TOLD).cloned().collect();
        if self.sources.len() > TOLD {
            told.push(format!("and {} more", self.sources.len() - TOLD));
        }
        told
    }
}
