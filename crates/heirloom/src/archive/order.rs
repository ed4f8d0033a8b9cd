//! `heirloom archive duplicates` and `heirloom archive faults`.

use std::collections::BTreeMap;

use heirloom_archive::groups::{self, Kind};
use heirloom_archive::judge::Judgement;
use heirloom_archive::{Archive, Index};
use serde_json::json;

use super::sheet;
use crate::args::Ordered;
use crate::reports;
use crate::show::Show;

/// Groups of sources that belong together.
pub fn duplicates(archive: &Archive<'_>, options: &Ordered, show: &Show) -> anyhow::Result<()> {
    let index = Index::open(archive.vault())?;
    let sources = archive.sources()?;
    let seen = index.all_seen()?.into_iter().collect();
    let found = groups::of_sources(archive.vault(), &sources, &seen);
    let word = |kind: Kind| match kind {
        Kind::Same => "one file",
        Kind::Copies => "copies",
        Kind::Burst => "burst",
    };
    if let Some(path) = &options.sheet {
        let shown = found.groups.iter().enumerate().flat_map(|(n, group)| {
            group.members.iter().map(move |member| sheet::Shown {
                object: member.object,
                title: format!("{} {}  {}", word(group.kind), n + 1, member.name),
                lines: vec![member.reason.clone()],
            })
        });
        sheet::write(path, shown.collect(), &index, show)?;
    }
    if options.json {
        let groups: Vec<_> = found
            .groups
            .iter()
            .map(|group| {
                let members: Vec<_> = group
                    .members
                    .iter()
                    .map(|m| json!({"name": m.name, "object": m.object, "quality": m.quality, "reason": m.reason}))
                    .collect();
                json!({"kind": group.kind, "members": members})
            })
            .collect();
        show.say(&serde_json::to_string_pretty(&groups)?);
        return Ok(());
    }
    for group in &found.groups {
        show.say(word(group.kind));
        for member in &group.members {
            show.say(&format!("  archive:{:<40} {}", member.name, member.reason));
        }
    }
    show.note(&format!(
        "{} among {}; nothing is deleted: search with --best to leave out what stands behind a better one",
        reports::count(found.groups.len(), "group"),
        reports::count(sources.len(), "source"),
    ));
    tell_unseen(
        sources.iter().filter(|s| !seen.contains_key(&s.object)).count(),
        show,
    );
    Ok(())
}

/// Sources that something is wrong with.
pub fn faults(archive: &Archive<'_>, options: &Ordered, show: &Show) -> anyhow::Result<()> {
    let index = Index::open(archive.vault())?;
    let sources = archive.sources()?;
    let seen: BTreeMap<_, _> = index.all_seen()?.into_iter().collect();
    let found: Vec<(&heirloom_archive::Source, &Judgement)> = sources
        .iter()
        .filter_map(|source| Some((source, &seen.get(&source.object)?.judgement)))
        .filter(|(_, judged)| !judged.faults().is_empty())
        .collect();
    let words = |judged: &Judgement| -> String {
        let faults = judged.faults();
        faults
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let numbers = |judged: &Judgement| {
        format!(
            "blur {:.1} px, noise {:.1} codes, {:.0} % white, lightest {:.2}, {:.1} megapixels",
            judged.blur,
            judged.noise,
            100.0 * judged.white,
            judged.lightest,
            judged.megapixels
        )
    };
    if let Some(path) = &options.sheet {
        let shown = found.iter().map(|(source, judged)| sheet::Shown {
            object: source.object,
            title: source.name(),
            lines: vec![words(judged), numbers(judged)],
        });
        sheet::write(path, shown.collect(), &index, show)?;
    }
    if options.json {
        let all: Vec<_> = found
            .iter()
            .map(|(source, judged)| {
                json!({"name": source.name(), "object": source.object, "faults": judged.faults(), "judgement": judged,
                       "quality": judged.quality()})
            })
            .collect();
        show.say(&serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    for (source, judged) in &found {
        show.say(&format!("archive:{:<40} {}", source.name(), words(judged)));
        show.say(&format!("  {}", numbers(judged)));
    }
    show.note(&format!(
        "{} of {} with something wrong; they may be meant so, and stay",
        found.len(),
        reports::count(sources.len(), "source")
    ));
    tell_unseen(
        sources.iter().filter(|s| !seen.contains_key(&s.object)).count(),
        show,
    );
    Ok(())
}

fn tell_unseen(count: usize, show: &Show) {
    if count > 0 {
        show.note(&format!(
            "{} not looked at yet: heirloom archive look",
            reports::count(count, "source")
        ));
    }
}
