//! `heirloom log` and `heirloom vault`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use heirloom_vault::{Act, Actor, Filter, Way};

use crate::Ended;
use crate::args::{Log, Vault};
use crate::open;
use crate::reports;
use crate::show::{Show, VaultBar};

/// Print acts, oldest first.
pub fn log(folder: &Path, options: &Log, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let mut filter = Filter {
        limit: options.limit,
        newest_first: options.limit.is_some(),
        ..Filter::default()
    };
    if let Some(verb) = &options.verb {
        filter.verb = Some(verb.parse()?);
    }
    if let Some(object) = &options.object {
        filter.object = Some(object.parse()?);
    }
    let mut acts = vault.ledger().acts(&filter)?;
    if filter.newest_first {
        acts.reverse();
    }
    for act in &acts {
        if options.json {
            show.say(&serde_json::to_string(act).context("an act as JSON")?);
        } else {
            show.say(&line(act));
        }
    }
    Ok(())
}

fn line(act: &Act) -> String {
    let count = |way| act.edges.iter().filter(|e| e.way == way).count();
    let label = ["shot", "stem", "file"]
        .iter()
        .find_map(|key| act.facts[*key].as_str())
        .map(|name| format!(" ({name})"))
        .unwrap_or_default();
    let why = act.why.as_deref().map(|w| format!(" — {w}")).unwrap_or_default();
    let subject = match act.subject.split_once(':') {
        Some((kind, id)) if id.len() == 64 => format!("{kind}:{}", &id[..12]),
        _ => act.subject.clone(),
    };
    format!(
        "{}  {}  {:<9}  {subject}{label}  by {}  {} in, {} out{why}",
        act.at.strftime("%Y-%m-%d %H:%M:%S"),
        act.id.short(),
        act.verb.as_str(),
        act.by.name,
        count(Way::In),
        count(Way::Out),
    )
}

/// Size, verify, tidy.
pub fn vault(folder: &Path, command: Vault, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    match command {
        Vault::Size => reports::size(&open::vault(folder)?.size()?, show),
        Vault::Verify => {
            let vault = open::vault(folder)?;
            let report = vault.verify(&VaultBar::new(show, stop))?;
            reports::verified(&report, show);
            if !report.is_sound() {
                return Err(Ended::Said(1).into());
            }
        }
        Vault::Tidy { dry_run } => {
            let _lock = heirloom_dailies::Lock::acquire(folder)?;
            drop(open::vault(folder)?);
            let mut vault = heirloom_vault::Vault::open(&folder.join("vault"))?;
            reports::tidied(&vault.tidy(dry_run, Actor::person_here())?, dry_run, show);
        }
    }
    Ok(())
}
