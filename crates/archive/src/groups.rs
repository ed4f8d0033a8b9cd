//! Which pictures belong together: the same file, copies of one photograph, frames of one burst.
//!
//! Nothing is taken away here: a group says which of its members is the best and why the others stand beside it. Every
//! member was compared with the best one itself, so that a group never grows by chains of likeness.

mod candidates;

use std::collections::{BTreeMap, BTreeSet};

use heirloom_vault::{ObjectId, Vault};
use rayon::prelude::*;

use crate::fingerprint::{Fingerprint, Match, Parts, compare};
use crate::judge::Judgement;
use crate::{Seen, Source};

/// Frames of a burst are at most so many seconds apart.
const BURST_S: i64 = 5;
/// Pictures of one burst look so much alike as wholes (see [`Match::whole`]), or have some blobs in one place.
const ALIKE: f32 = 0.75;

/// One picture by one name.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The picture.
    pub object: ObjectId,
    /// What near copies are found by.
    pub fingerprint: &'a Fingerprint,
    /// By which the best is chosen.
    pub judgement: &'a Judgement,
    /// The file's length: of copies the least compressed is the best. 0 where it is not known.
    pub bytes: u64,
    /// When it was taken, by the camera's clock: `2019-07-04T12:30:05`.
    pub taken: Option<&'a str>,
    /// What it is called.
    pub name: &'a str,
}

/// Why pictures stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One file under several names.
    Same,
    /// Copies of one photograph: other sizes, compressions, crops, exposures.
    Copies,
    /// Photographs of one scene taken within a few seconds.
    Burst,
}

/// A picture of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The picture.
    pub object: ObjectId,
    /// What it is called, the first in order.
    pub name: String,
    /// [`Judgement::quality`].
    pub quality: f32,
    /// Why it is in the group, in a few words.
    pub reason: String,
    /// How it matches the group's best; of the best itself and of one file under several names: nothing.
    pub matched: Option<Match>,
}

/// Pictures that belong together: at least two.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Why.
    pub kind: Kind,
    /// The best first, then by name.
    pub members: Vec<Member>,
}

/// All groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Groups {
    /// By kind, then by the best's name.
    pub groups: Vec<Group>,
    /// How many pairs of pictures were compared.
    pub compared: usize,
}

impl Groups {
    /// The pictures that stand behind a better one of their group: what is left out where bursts and copies are collapsed to
    /// the best.
    pub fn behind(&self) -> BTreeSet<ObjectId> {
        let all = self.groups.iter();
        let behind = all.flat_map(|group| {
            let best = group.members.first().map(|best| best.object);
            group
                .members
                .iter()
                .map(|m| m.object)
                .filter(move |object| Some(*object) != best)
        });
        behind.collect()
    }
}

/// Groups the sources of an archive that were looked at; others are in no group.
pub fn of_sources(vault: &Vault, sources: &[Source], seen: &BTreeMap<ObjectId, Seen>) -> Groups {
    let named: Vec<(&Source, &Seen, String)> = sources
        .iter()
        .filter_map(|source| Some((source, seen.get(&source.object)?, source.name())))
        .collect();
    let entries: Vec<Entry<'_>> = named
        .iter()
        .map(|(source, seen, name)| Entry {
            object: source.object,
            fingerprint: &seen.fingerprint,
            judgement: &seen.judgement,
            bytes: std::fs::metadata(vault.path(&source.object)).map_or(0, |file| file.len()),
            taken: source.taken.as_deref().or(source.metadata.taken.as_deref()),
            name,
        })
        .collect();
    group(&entries)
}

/// A picture, once.
struct Picture<'a> {
    entry: Entry<'a>,
    names: Vec<&'a str>,
    parts: Option<Parts>,
    second: Option<i64>,
    quality: f32,
    /// By which the best of several copies is chosen.
    worth: f32,
}

/// Groups pictures. The order of `entries` changes nothing.
///
/// Only pictures that share some blobs, look alike as wholes or were taken together are compared, so that the time
/// grows little faster than their number.
pub fn group(entries: &[Entry<'_>]) -> Groups {
    let mut by_object: BTreeMap<ObjectId, Vec<&Entry<'_>>> = BTreeMap::new();
    for entry in entries {
        by_object.entry(entry.object).or_default().push(entry);
    }
    let mut pictures: Vec<Picture<'_>> = by_object.into_values().filter_map(picture).collect();
    pictures.sort_by(|a, b| a.names.cmp(&b.names).then(a.entry.object.cmp(&b.entry.object)));

    let parts: Vec<Option<&Parts>> = pictures.iter().map(|p| p.parts.as_ref()).collect();
    let mut pairs = candidates::alike(&parts);
    pairs.extend(taken_together(&pictures));
    pairs.sort_unstable();
    pairs.dedup();
    let matches: Vec<(u32, u32, Match)> = pairs
        .par_iter()
        .filter_map(|(a, b)| {
            let (first, second) = (parts[*a as usize]?, parts[*b as usize]?);
            Some((*a, *b, compare(first, second)))
        })
        .collect();

    let mut groups: Vec<Group> = pictures.iter().filter_map(same).collect();
    let (mut copies, mut bursts) = (Links::new(pictures.len()), Links::new(pictures.len()));
    for (a, b, found) in matches {
        let apart = seconds_apart(&pictures[a as usize], &pictures[b as usize]);
        match apart {
            Some(1..=BURST_S) if is_burst(&found) => bursts.join(a, b, found),
            _ if found.is_copy() => copies.join(a, b, found),
            Some(0) if is_burst(&found) => bursts.join(a, b, found),
            _ => {}
        }
    }
    let best_first = |of: fn(&Picture<'_>) -> f32| {
        let mut order: Vec<usize> = (0..pictures.len()).collect();
        order.sort_by(|a, b| of(&pictures[*b]).total_cmp(&of(&pictures[*a])).then(a.cmp(b)));
        order
    };
    groups.extend(stars(Kind::Copies, &pictures, &best_first(|p| p.worth), &copies));
    groups.extend(stars(Kind::Burst, &pictures, &best_first(|p| p.quality), &bursts));
    groups.sort_by(|a, b| {
        let key = |g: &Group| g.members.first().map(|m| (g.kind, m.name.clone(), m.object));
        key(a).cmp(&key(b))
    });
    Groups {
        groups,
        compared: pairs.len(),
    }
}

fn picture<'a>(entries: Vec<&Entry<'a>>) -> Option<Picture<'a>> {
    let mut names: Vec<&str> = entries.iter().map(|e| e.name).collect();
    names.sort_unstable();
    names.dedup();
    let entry = **entries.iter().min_by_key(|e| e.name)?;
    Some(Picture {
        entry,
        names,
        parts: entry.fingerprint.parts(),
        second: entry.taken.and_then(second),
        quality: entry.judgement.quality(),
        worth: entry.judgement.worth(entry.bytes),
    })
}

/// The second of the camera's clock.
fn second(taken: &str) -> Option<i64> {
    let at: jiff::civil::DateTime = taken.parse().ok()?;
    let zoned = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}

fn seconds_apart(a: &Picture<'_>, b: &Picture<'_>) -> Option<i64> {
    Some((a.second? - b.second?).abs())
}

fn is_burst(found: &Match) -> bool {
    found.is_copy() || found.whole >= ALIKE || found.blobs >= 6
}

/// Pairs that were taken within a burst's time.
fn taken_together(pictures: &[Picture<'_>]) -> Vec<(u32, u32)> {
    // Many files of one second carry no camera's time, but a default.
    const MOST: usize = 64;
    let mut timed: Vec<(i64, u32)> = pictures
        .iter()
        .enumerate()
        .filter_map(|(n, p)| Some((p.second?, n as u32)))
        .collect();
    timed.sort_unstable();
    let mut pairs = Vec::new();
    for (n, (at, a)) in timed.iter().enumerate() {
        let next = timed[n + 1..].iter().take(MOST);
        pairs.extend(
            next.take_while(|(other, _)| other - at <= BURST_S)
                .map(|(_, b)| (*a.min(b), *a.max(b))),
        );
    }
    pairs
}

fn same(picture: &Picture<'_>) -> Option<Group> {
    let members = picture.names.iter().enumerate().map(|(n, name)| Member {
        object: picture.entry.object,
        name: (*name).to_owned(),
        quality: picture.quality,
        reason: if n == 0 { "the first name" } else { "the same file" }.to_owned(),
        matched: None,
    });
    (picture.names.len() > 1).then(|| Group {
        kind: Kind::Same,
        members: members.collect(),
    })
}

/// For every picture, those that match it.
struct Links(Vec<Vec<(u32, Match)>>);

impl Links {
    fn new(len: usize) -> Self {
        Self(vec![Vec::new(); len])
    }

    fn join(&mut self, a: u32, b: u32, found: Match) {
        let turned = Match {
            scale: 1.0 / found.scale.max(1e-6),
            ..found
        };
        self.0[a as usize].push((b, found));
        self.0[b as usize].push((a, turned));
    }
}

/// The best picture with all that match it and stand in no group yet, then the next best.
fn stars(kind: Kind, pictures: &[Picture<'_>], order: &[usize], links: &Links) -> Vec<Group> {
    let mut taken = vec![false; pictures.len()];
    let mut groups = Vec::new();
    for best in order {
        if taken[*best] {
            continue;
        }
        let mut others: Vec<(u32, Match)> = links.0[*best]
            .iter()
            .filter(|(n, _)| !taken[*n as usize])
            .copied()
            .collect();
        if others.is_empty() {
            continue;
        }
        others.sort_by_key(|(n, _)| *n);
        taken[*best] = true;
        let first = &pictures[*best];
        let mut members = vec![member(first, why_best(first), None)];
        for (n, found) in others {
            taken[n as usize] = true;
            let other = &pictures[n as usize];
            members.push(member(other, why(kind, first, other, &found), Some(found)));
        }
        groups.push(Group { kind, members });
    }
    groups
}

fn member(picture: &Picture<'_>, reason: String, matched: Option<Match>) -> Member {
    Member {
        object: picture.entry.object,
        name: picture.entry.name.to_owned(),
        quality: picture.quality,
        reason,
        matched,
    }
}

fn why_best(picture: &Picture<'_>) -> String {
    let judgement = picture.entry.judgement;
    format!(
        "the best: quality {:.2}, {:.1} megapixels",
        picture.quality, judgement.megapixels
    )
}

fn why(kind: Kind, best: &Picture<'_>, other: &Picture<'_>, found: &Match) -> String {
    match kind {
        Kind::Burst => match seconds_apart(best, other) {
            Some(0) | None => "taken in the same second".to_owned(),
            Some(1) => "taken 1 second apart".to_owned(),
            Some(n) => format!("taken {n} seconds apart"),
        },
        _ if found.shared < 0.95 => format!("a crop: {:.0} % is shared", found.shared * 100.0),
        _ => format!("a copy: alike to {:.0} %", found.light.max(0.0) * 100.0),
    }
}
