//! Which sources words speak for: by their names, folders, captions and colours.

use std::collections::BTreeSet;
use std::fmt;

use heirloom_archive::{Media, Source};
use heirloom_engine::gate::{Action, Gate, SourceUse, Verdict};
use heirloom_engine::palette::Palette;
use heirloom_vault::VaultError;

use super::colors::Measured;
use super::reading::Reading;
use super::tell::Told;
use super::vocabulary::Words;

/// What a match in a name, a folder, a caption counts, and what the nearest colours count at most.
const NAME: f64 = 4.0;
const FOLDER: f64 = 1.0;
const CAPTION: f64 = 2.0;
const COLORS: f64 = 2.0;
/// Photographs whose nearness to the wished colours differs by less are alike in it.
const ALIKE: f64 = 0.03;
/// What a source of several counts at least, and one that words speak against.
const LEAST: f64 = 0.25;
const AGAINST: f64 = 0.05;
/// Most photographs that words choose for a shot, and what each must have of the best one's points.
const FEW: usize = 3;
const NEAR_BEST: f64 = 0.5;

/// Where a source has what a word speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// In its file's name.
    Name,
    /// In its folder's name.
    Folder,
    /// In its caption.
    Caption,
    /// In its colours.
    Colors,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Name => "its name",
            Part::Folder => "its folder",
            Part::Caption => "its caption",
            Part::Colors => "its colours",
        })
    }
}

/// Why a source was taken: which words it has, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Each word as it is written, and where the source has it.
    pub by: Vec<(String, Part)>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, (word, part)) in self.by.iter().enumerate() {
            let comma = if k == 0 { "" } else { ", " };
            write!(f, "{comma}\"{word}\" in {part}")?;
        }
        Ok(())
    }
}

/// Words chose no photograph; the message says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoChoice(pub String);

/// What a source has to be compared by.
struct Keys {
    name: BTreeSet<String>,
    folder: BTreeSet<String>,
    caption: BTreeSet<String>,
}

impl Keys {
    fn of(words: &Words, source: &Source) -> Keys {
        let set = |text: &str| words.keys(text).into_iter().collect();
        Keys {
            name: set(&source.stem),
            folder: set(&source.folder.replace('/', " ")),
            caption: set(&source.caption),
        }
    }

    /// Where it has a key, at best.
    fn part(&self, key: &str) -> Option<(Part, f64)> {
        [
            (&self.name, Part::Name, NAME),
            (&self.caption, Part::Caption, CAPTION),
            (&self.folder, Part::Folder, FOLDER),
        ]
        .into_iter()
        .find(|(keys, ..)| keys.contains(key))
        .map(|(_, part, points)| (part, points))
    }
}

/// What words make of one source.
#[derive(Debug, Clone, Default)]
struct Score {
    points: f64,
    /// Which words of the reading it has, and where; `None` for the wished colours.
    by: Vec<(Option<usize>, Part)>,
    /// Words speak against it.
    against: bool,
}

fn scores(
    words: &Words,
    reading: &Reading,
    palette: &Palette,
    sources: &[Source],
    measured: &dyn Measured,
) -> Vec<Score> {
    let keys: Vec<Keys> = sources.iter().map(|s| Keys::of(words, s)).collect();
    let mut scores = vec![Score::default(); sources.len()];
    for (at, spoken) in reading.spoken.iter().enumerate() {
        let earlier = reading.spoken[..at].iter().any(|other| other.key == spoken.key);
        if earlier {
            continue;
        }
        let parts: Vec<Option<(Part, f64)>> = keys.iter().map(|k| k.part(&spoken.key)).collect();
        // A word that many sources have tells little.
        let rare = 1.0 / (parts.iter().flatten().count().max(1) as f64).sqrt();
        for (score, part) in scores.iter_mut().zip(parts) {
            let Some((part, points)) = part else { continue };
            if spoken.turned_off_by.is_some() {
                score.against = true;
                score.points -= points;
            } else {
                score.points += points * rare * spoken.strength;
            }
            score.by.push((Some(at), part));
        }
    }
    if !palette.is_empty() && sources.len() > 1 {
        let near: Vec<Option<f64>> = sources
            .iter()
            .map(|s| match s.media {
                Media::Photograph => measured.colors(&s.object).map(|c| 1.0 - c.miss(palette)),
                Media::Clip => None,
            })
            .collect();
        let least = near.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let most = near.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        if most - least >= ALIKE {
            for (score, near) in scores.iter_mut().zip(near) {
                let Some(near) = near.filter(|near| *near > least) else {
                    continue;
                };
                score.points += COLORS * (near - least) / (most - least);
                score.by.push((None, Part::Colors));
            }
        }
    }
    scores
}

/// How a source is called in words for people: shortly where that means one.
fn called(source: &Source, all: &[Source]) -> String {
    let alone = all
        .iter()
        .all(|other| other.object == source.object || other.stem != source.stem);
    if alone {
        format!("archive:{}", source.stem)
    } else {
        format!("archive:{}", source.name())
    }
}

/// The photographs that words chose.
pub(crate) struct Chosen {
    /// In the order of how well they fit.
    pub sources: Vec<Source>,
    /// How each is called.
    pub names: Vec<String>,
}

/// Chooses the few photographs of the archive that the words fit best and the gate allows, `most` at most.
pub(crate) fn choose(
    words: &Words,
    reading: &Reading,
    palette: &Palette,
    archive: &[Source],
    measured: &dyn Measured,
    gate: &dyn Gate,
    most: usize,
) -> Result<Result<Chosen, NoChoice>, VaultError> {
    // A picture with several names is one picture; its first name stands for it.
    let mut seen = BTreeSet::new();
    let photographs: Vec<Source> = archive
        .iter()
        .filter(|s| s.media == Media::Photograph && seen.insert(s.object))
        .cloned()
        .collect();
    if photographs.is_empty() {
        return Ok(Err(NoChoice(
            "the shot names no `sources`, and the archive holds no photographs yet to choose among: `heirloom archive \
             add FOLDER`"
                .into(),
        )));
    }
    let scores = scores(words, reading, palette, &photographs, measured);
    let mut fits: Vec<(f64, &Source)> = scores
        .iter()
        .zip(&photographs)
        .filter(|(score, _)| score.points > 1e-9 && !score.against)
        .map(|(score, source)| (score.points, source))
        .collect();
    fits.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.name().cmp(&b.1.name())));
    let mut refused = None;
    let mut allowed: Vec<(f64, &Source)> = Vec::new();
    for (points, source) in fits {
        let best = allowed.first().map_or(points, |(best, _)| *best);
        if points < best * NEAR_BEST {
            break;
        }
        let name = called(source, archive);
        let asked = SourceUse {
            object: source.object,
            name: name.trim_start_matches("archive:").to_owned(),
        };
        match gate.judge(Action::Spend, &[asked])? {
            Verdict::Allowed => allowed.push((points, source)),
            Verdict::Refused(grounds) => {
                refused = refused.or_else(|| grounds.first().map(ToString::to_string));
            }
        }
    }
    let most = most.clamp(1, FEW);
    let tied = match (allowed.get(most - 1), allowed.get(most)) {
        (Some((last, _)), Some((next, _))) => last - next < 1e-9,
        _ => false,
    };
    if tied {
        // Of those that are alike none goes before another: only what is better than all of them is taken.
        let level = allowed.get(most).map_or(0.0, |(points, _)| *points);
        let alike: Vec<String> = allowed
            .iter()
            .filter(|(points, _)| (points - level).abs() < 1e-9)
            .map(|(_, source)| called(source, archive))
            .collect();
        allowed.retain(|(points, _)| points - level >= 1e-9);
        if allowed.is_empty() {
            return Ok(Err(NoChoice(format!(
                "the words fit {} photographs alike ({}): name those you mean with `sources`, or add a word that \
                 tells them apart",
                alike.len(),
                listed(&alike),
            ))));
        }
    }
    allowed.truncate(most);
    if allowed.is_empty() {
        let names: Vec<String> = photographs.iter().map(|s| called(s, archive)).collect();
        let name = names.first().map_or("archive:...", String::as_str);
        return Ok(Err(NoChoice(match refused {
            Some(clause) => format!(
                "the shot names no `sources`, and what its words fit is refused: {clause}; declare its rights, or name \
                 another with `sources = [\"...\"]`"
            ),
            None => format!(
                "the shot names no `sources`, and no photograph has a word of its prompt in its name or caption: name one, \
                 `sources = [\"{name}\"]`, or use a word of theirs ({})",
                listed(&names)
            ),
        })));
    }
    Ok(Ok(Chosen {
        names: allowed.iter().map(|(_, s)| called(s, archive)).collect(),
        sources: allowed.into_iter().map(|(_, s)| s.clone()).collect(),
    }))
}

/// The first few of many names.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=5 => shown,
        n => format!("{shown} and {} more", n - 5),
    }
}

/// How much each of a shot's sources counts by the words, from 0 to 1: the setting's text, or none where all count
/// alike. `names` are what they are called; `chosen` says that words chose them. Tells each word what it did.
pub(crate) fn weigh(
    words: &Words,
    reading: &Reading,
    palette: &Palette,
    sources: &[Source],
    names: &[String],
    chosen: bool,
    measured: &dyn Measured,
    told: &mut [Told],
) -> Option<String> {
    let scores = scores(words, reading, palette, sources, measured);
    let best = scores.iter().map(|s| s.points).fold(0.0, f64::max);
    let weights: Vec<f64> = scores
        .iter()
        .map(|score| match score {
            score if score.against => AGAINST,
            score if best > 0.0 => LEAST + (1.0 - LEAST) * (score.points.max(0.0) / best),
            _ => 1.0,
        })
        .map(|weight| (weight * 100.0).round() / 100.0)
        .collect();
    let even = weights.windows(2).all(|w| w[0] == w[1]);
    let name = |k: usize| names.get(k).map_or("", String::as_str);
    for (at, told) in told.iter_mut().enumerate() {
        let wishes = reading.spoken.get(at).and_then(|s| s.word).map(|w| words.word(w));
        let colored = wishes.is_some_and(|w| !w.wishes.is_empty());
        let parts: Vec<(usize, Part)> = scores
            .iter()
            .enumerate()
            .flat_map(|(k, score)| score.by.iter().map(move |(by, part)| (k, *by, *part)))
            .filter(|(_, by, _)| *by == Some(at) || (by.is_none() && colored))
            .map(|(k, _, part)| (k, part))
            .collect();
        if parts.is_empty() {
            continue;
        }
        if chosen {
            let each: Vec<String> = parts
                .iter()
                .map(|(k, part)| match even {
                    true => format!("{} ({part})", name(*k)),
                    false => format!("{} ({part}, weight {})", name(*k), weights[*k]),
                })
                .collect();
            told.did(format!("chose {}", each.join(", ")));
        } else if even && sources.len() > 1 {
            told.nothing("the sources have it alike");
        } else if sources.len() > 1 {
            let mut each: Vec<String> = Vec::new();
            for (k, part) in &parts {
                each.push(format!("{} {} ({part})", name(*k), weights[*k]));
            }
            let others: Vec<String> = (0..sources.len())
                .filter(|k| parts.iter().all(|(p, _)| p != k))
                .map(|k| format!("{} {}", name(k), weights[k]))
                .collect();
            let against = if others.is_empty() {
                String::new()
            } else {
                format!(" against {}", others.join(", "))
            };
            told.did(format!("weighs {}{against}", each.join(", ")));
        }
    }
    if even {
        return None;
    }
    let text: Vec<String> = weights.iter().map(ToString::to_string).collect();
    Some(text.join(","))
}

impl Words {
    /// The source that a thing's name speaks of, and why; none where no name, caption or folder has a word of it.
    /// Of equals the first. For the things of a blocking: "moon", "la mer".
    pub fn source_for(&self, name: &str, sources: &[Source]) -> Option<(usize, Reason)> {
        let reading = self.read(name, "");
        let mut best: Option<(f64, usize, Reason)> = None;
        for (k, source) in sources.iter().enumerate() {
            let keys = Keys::of(self, source);
            let mut points = 0.0;
            let mut by = Vec::new();
            for spoken in reading.spoken.iter().filter(|s| s.turned_off_by.is_none()) {
                if let Some((part, p)) = keys.part(&spoken.key) {
                    points += p;
                    by.push((spoken.written.clone(), part));
                }
            }
            if points > best.as_ref().map_or(0.0, |(most, ..)| *most) {
                best = Some((points, k, Reason { by }));
            }
        }
        best.map(|(_, k, reason)| (k, reason))
    }
}

/// [`Words::source_for`] with the built-in words.
pub fn source_for(name: &str, sources: &[Source]) -> Option<(usize, Reason)> {
    Words::built_in().source_for(name, sources)
}
