//! The charter's limits of shares and copies: warnings when takes are made, refusals before a master is written.

use std::collections::HashMap;
use std::path::PathBuf;

use heirloom_archive::{Archive, resolve_among};
use heirloom_dailies::{Planned, Work, takes};
use heirloom_engine::Share;
use heirloom_film::{CopyRule, SourceCall};
use heirloom_finish::credits::{SourceInfo, source_shares};
use heirloom_finish::limits::{Breach, CopyFinding, copy_finding, copy_words, film_breaches, take_breaches};
use heirloom_finish::{Cut, ShareTable};
use heirloom_vault::{Actor, NewAct, ObjectId, Verb};

use crate::cut::{Ready, sources};
use crate::show::Show;
use crate::{Ended, REFUSED, open};

/// Finds what the charter's calls mean.
struct Meaning {
    sources: Vec<heirloom_archive::Source>,
    known: HashMap<ObjectId, SourceInfo>,
}

impl Meaning {
    fn read(ready: &Ready<'_>) -> anyhow::Result<Meaning> {
        Ok(Meaning {
            sources: Archive::new(&ready.vault).sources()?,
            known: sources(&ready.vault)?,
        })
    }

    fn of(&self, call: &SourceCall) -> Option<ObjectId> {
        resolve_among(&self.sources, call)
            .ok()
            .map(|source| source.object)
    }

    fn name(&self, object: &ObjectId) -> String {
        let known = self.known.get(object);
        known.map_or_else(|| object.short(), |info| format!("archive:{}", info.name))
    }
}

/// Warn of takes that are nearly copies or outside the charter's limits. What a master is about to be refused for is
/// not said twice: `cutting` says that one is asked for.
pub fn warn(ready: &Ready<'_>, cutting: bool, show: &Show) -> anyhow::Result<()> {
    let meaning = Meaning::read(ready)?;
    if !cutting || ready.film.charter.copies.rule != CopyRule::Refuse {
        for words in copies(ready, &meaning)? {
            show.note(&format!("warning: {words}"));
        }
    }
    let limits = &ready.film.charter.shares;
    if limits.is_empty() {
        return Ok(());
    }
    for (planned, take) in ready.plan.shots.iter().zip(ready.takes) {
        let (Work::Draw { request, .. }, Some(id)) = (&planned.work, take) else {
            continue;
        };
        let take = takes::open(&ready.vault, id)?;
        let opened = ready
            .engines
            .get(Some(&take.manifest.engine))?
            .open(&take.manifest, ready.vault.clone())?;
        let shares = with_all(opened.shares()?, request.sources.iter());
        let label = planned.label();
        let table = ShareTable::of_shares(&label, opened.frames().into(), &shares, &|id| {
            meaning.known.get(id).cloned()
        });
        for breach in take_breaches(limits, &table, &|call| meaning.of(call)) {
            show.note(&format!("warning: shot {label}: {}", breach.words));
        }
    }
    Ok(())
}

/// Shares, with a line for every source that was named and is not seen.
fn with_all<'s>(mut shares: Vec<Share>, named: impl Iterator<Item = &'s ObjectId>) -> Vec<Share> {
    for source in named {
        if shares.iter().all(|s| s.source != *source) {
            shares.push(Share {
                source: *source,
                share: 0.0,
            });
        }
    }
    shares
}

/// What is to be said of takes that are nearly copies; nothing where the charter allows them.
fn copies(ready: &Ready<'_>, meaning: &Meaning) -> anyhow::Result<Vec<String>> {
    let rule = &ready.film.charter.copies;
    let mut said = Vec::new();
    if rule.rule == CopyRule::Allow {
        return Ok(said);
    }
    for (planned, take) in ready.plan.shots.iter().zip(ready.takes) {
        if let Some(id) = take {
            let finding = finding(ready, planned, id)?;
            said.extend(copy_words(&planned.label(), &finding, rule, &|id| {
                meaning.name(id)
            }));
        }
    }
    Ok(said)
}

/// Whether a take is nearly a copy. What was found stays in the work folder: takes do not change.
fn finding(ready: &Ready<'_>, planned: &Planned, id: &ObjectId) -> anyhow::Result<CopyFinding> {
    let kept: PathBuf = open::work(ready.folder).join("copies").join(format!("{id}.json"));
    if let Ok(bytes) = std::fs::read(&kept)
        && let Ok(finding) = serde_json::from_slice(&bytes)
    {
        return Ok(finding);
    }
    let Work::Draw { request, .. } = &planned.work else {
        return Ok(CopyFinding::NotKnown);
    };
    let take = takes::open(&ready.vault, id)?;
    let opened = ready
        .engines
        .get(Some(&take.manifest.engine))?
        .open(&take.manifest, ready.vault.clone())?;
    let finding = copy_finding(&*opened, request, &*ready.vault)?;
    open::write_whole(&kept, &serde_json::to_vec(&finding)?)?;
    Ok(finding)
}

/// The charter's word before a master is written. A no stands in the ledger with its grounds.
pub fn leave_to_export(ready: &Ready<'_>, cut: &Cut, show: &Show) -> anyhow::Result<()> {
    let charter = &ready.film.charter;
    let meaning = Meaning::read(ready)?;
    let mut breaches = Vec::new();
    if !charter.shares.is_empty() {
        let used = crate::cut::used(ready)?;
        let shares = with_all(source_shares(cut)?, used.iter().map(|source| &source.object));
        let table = ShareTable::of_shares(&cut.title, 0, &shares, &|id| meaning.known.get(id).cloned());
        breaches = film_breaches(&charter.shares, &table, &|call| meaning.of(call));
    }
    if charter.copies.rule == CopyRule::Refuse {
        let copies = copies(ready, &meaning)?.into_iter();
        breaches.extend(copies.map(|words| Breach { source: None, words }));
    }
    if breaches.is_empty() {
        return Ok(());
    }
    let words: Vec<&str> = breaches.iter().map(|b| b.words.as_str()).collect();
    let mut act = NewAct::new(Verb::Refused, Actor::program(), "film")
        .because(words.join("; "))
        .with_facts(serde_json::json!({ "by": "charter" }));
    for breach in &breaches {
        if let Some(source) = breach.source {
            act = act.input("source", source);
        }
        show.error(&format!("the charter refuses the master: {}", breach.words));
    }
    ready.vault.ledger().append(act)?;
    show.note("No shot is lost; `heirloom attribution` shows the film's shares.");
    Err(Ended::Said(REFUSED).into())
}
