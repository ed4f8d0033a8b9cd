//! The charter's limits of shares, and takes that are nearly copies of one photograph.

use heirloom_engine::places::{Copying, PlaceMap, copying};
use heirloom_engine::{Failure, Inputs, Request, TakeFrames, Task, settings};
use heirloom_film::{Bounds, Copies, ShareLimits, Size, SourceCall};
use heirloom_picture::{photo, resample};
use heirloom_vault::ObjectId;
use serde::{Deserialize, Serialize};

use crate::attribution::ShareTable;
use crate::credits::percent;

/// A share outside its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// The source; none where it is an owner's.
    pub source: Option<ObjectId>,
    /// What is wrong, and the mend.
    pub words: String,
}

/// Shares this near to a limit are within it: millionths are what limits are written in.
const SLACK: f64 = 1e-6;

/// Where shares of a whole film lie outside the charter's limits. `table` must have a line for every source that
/// the film calls, with 0 for what is not seen; `means` finds what a call means.
pub fn film_breaches(
    limits: &ShareLimits,
    table: &ShareTable,
    means: &dyn Fn(&SourceCall) -> Option<ObjectId>,
) -> Vec<Breach> {
    let named: Vec<(Option<ObjectId>, &SourceCall, Bounds)> = limits
        .sources
        .iter()
        .map(|(call, bounds)| (means(call), call, *bounds))
        .collect();
    let mut breaches = Vec::new();
    for row in &table.sources {
        let own = named
            .iter()
            .find(|(object, ..)| *object == Some(row.source))
            .map(|(.., b)| *b);
        let (bounds, key) = bounds_of(own, limits.every_source, &row.name);
        if let Some(words) = outside(row.share, bounds, &row.name, "the film", &key) {
            breaches.push(Breach {
                source: Some(row.source),
                words,
            });
        }
    }
    for (object, call, bounds) in &named {
        let there = object.is_some_and(|o| table.sources.iter().any(|row| row.source == o));
        if !there && bounds.min.is_some_and(|min| min.millionths > 0) {
            let words = outside(
                0.0,
                *bounds,
                &call.to_string(),
                "the film",
                "its limits in [charter.shares.sources]",
            );
            breaches.extend(words.map(|words| Breach {
                source: *object,
                words,
            }));
        }
    }
    for (owner, bounds) in &limits.owners {
        let share = table
            .owners
            .iter()
            .find(|o| o.owner == *owner)
            .map_or(0.0, |o| o.share);
        let key = format!("the limits of \"{owner}\" in [charter.shares.owners]");
        breaches.extend(
            outside(share, *bounds, &format!("what {owner} owns"), "the film", &key)
                .map(|words| Breach { source: None, words }),
        );
    }
    breaches
}

/// Where shares of a take lie outside the limits. A take of one source can not but be all of it, so only what stands
/// beside others is judged; the film's share is what counts in the end.
pub fn take_breaches(
    limits: &ShareLimits,
    table: &ShareTable,
    means: &dyn Fn(&SourceCall) -> Option<ObjectId>,
) -> Vec<Breach> {
    if table.sources.len() < 2 {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    for row in &table.sources {
        let own = limits
            .sources
            .iter()
            .find(|(call, _)| means(call) == Some(row.source))
            .map(|(_, b)| *b);
        let (bounds, key) = bounds_of(own, limits.every_source, &row.name);
        breaches.extend(
            outside(row.share, bounds, &row.name, "the take", &key).map(|words| Breach {
                source: Some(row.source),
                words,
            }),
        );
    }
    breaches
}

/// The limits of a source, its own before those of every source, and where they stand.
fn bounds_of(own: Option<Bounds>, every: Bounds, name: &str) -> (Bounds, String) {
    let bounds = Bounds {
        min: own.and_then(|b| b.min).or(every.min),
        max: own.and_then(|b| b.max).or(every.max),
    };
    let key = match own {
        Some(_) => format!("the limits of \"{name}\" in [charter.shares.sources]"),
        None => "the limits in [charter.shares]".to_owned(),
    };
    (bounds, key)
}

fn outside(share: f64, bounds: Bounds, who: &str, of: &str, key: &str) -> Option<String> {
    if let Some(max) = bounds.max
        && share > max.share() + SLACK
    {
        return Some(format!(
            "{who} is {} of {of}, and the charter allows at most {}; use more of other sources (other shots, longer \
             ones), or change {key}",
            percent(share),
            percent(max.share())
        ));
    }
    if let Some(min) = bounds.min
        && share + SLACK < min.share()
    {
        return Some(format!(
            "{who} is {} of {of}, and the charter asks for at least {}; use more of it (a shot of its own, fewer other \
             sources), take it out, or change {key}",
            percent(share),
            percent(min.share())
        ));
    }
    None
}

/// What is found when a take is asked whether it is nearly a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CopyFinding {
    /// It copies by intent, and why.
    Meant {
        /// For people.
        why: String,
    },
    /// Its engine can not say where pixels come from, or nothing was left to judge.
    NotKnown,
    /// The frame that is nearest to a copy.
    Judged {
        /// Which frame, from 0.
        frame: u32,
        /// Its numbers.
        copying: Copying,
    },
}

/// Whether the whole of a take copies by intent: a becoming begins and ends with its photographs, and a clip that is
/// gone on with, slowed down or remade is that clip.
fn meant(request: &Request) -> Option<&'static str> {
    match request.task {
        Task::Becoming => Some("a becoming begins and ends with its two photographs"),
        Task::Extend | Task::Between | Task::Slow => Some("it shows its clip or its pictures as they are"),
        Task::Style => Some("it follows its clip picture by picture"),
        _ => None,
    }
}

/// Asks a take whether it is nearly a copy of one photograph: its first, middle and last frames. What a mask keeps
/// of a filled plate is left out, for it is kept by intent.
///
/// # Errors
/// As [`TakeFrames::frame`], or the mask can not be read.
pub fn copy_finding(
    take: &dyn TakeFrames,
    request: &Request,
    inputs: &dyn Inputs,
) -> Result<CopyFinding, Failure> {
    if let Some(why) = meant(request) {
        return Ok(CopyFinding::Meant { why: why.into() });
    }
    let kept = kept(request, take.size(), inputs)?;
    let last = take.frames().saturating_sub(1);
    let mut frames = vec![0, last / 2, last];
    frames.dedup();
    let mut worst: Option<(u32, Copying)> = None;
    for n in frames {
        let Some(map) = PlaceMap::read(take, n)? else {
            return Ok(CopyFinding::NotKnown);
        };
        let found = copying(&map, &|i| kept.get(i).copied().unwrap_or(false));
        worst = match (worst, found) {
            (Some((_, before)), Some(now)) if now.nearness() > before.nearness() => Some((n, now)),
            (None, Some(now)) => Some((n, now)),
            (before, _) => before,
        };
    }
    Ok(
        worst.map_or(CopyFinding::NotKnown, |(frame, copying)| CopyFinding::Judged {
            frame,
            copying,
        }),
    )
}

/// The pixels that a fill keeps: the mask's dark half. Empty where there is no mask.
fn kept(request: &Request, size: Size, inputs: &dyn Inputs) -> Result<Vec<bool>, Failure> {
    let Some(mask) = request
        .pictures
        .get(settings::MASK)
        .filter(|_| request.task == Task::Fill)
    else {
        return Ok(Vec::new());
    };
    let picture = photo::decode(&inputs.read(mask)?, &format!("mask {}", mask.short()))
        .map_err(|e| Failure::lasting("input", e.to_string()))?;
    let fitted = resample::cover(&picture.image, size.width, size.height);
    // Half of display white, in light.
    Ok(fitted.pixels().iter().map(|p| p[1] < 0.214).collect())
}

/// What is to be said of a take of `shot` that is nearly a copy: the numbers, and the mend. `None` where it is none.
pub fn copy_words(
    shot: &str,
    finding: &CopyFinding,
    copies: &Copies,
    name: &dyn Fn(&ObjectId) -> String,
) -> Option<String> {
    let CopyFinding::Judged { frame, copying } = finding else {
        return None;
    };
    if copying.nearness() <= copies.over.share() {
        return None;
    }
    let piece = copying.largest_of_frame.max(copying.largest_of_photograph);
    let (of, why) = if piece > copies.over.share() {
        (
            copying.source,
            format!(
                "its largest piece is {} of the frame and {} of the photograph",
                percent(copying.largest_of_frame),
                percent(copying.largest_of_photograph)
            ),
        )
    } else {
        (
            copying.in_place_of,
            format!(
                "{} of the frame lies where one window of the photograph has it (the largest piece is {} of the frame)",
                percent(copying.in_place),
                percent(copying.largest_of_frame)
            ),
        )
    };
    Some(format!(
        "shot {shot} is nearly a copy of {} (frame {frame}): {why}; try another seed or add sources, or set `copies` \
         and `copy_over` in [charter]",
        name(&of)
    ))
}
