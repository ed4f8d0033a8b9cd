//! `heirloom rights`: whose a source is, who consented, and what a revocation reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use heirloom_archive::{Archive, Source, resolve_among};
use heirloom_film::SourceCall;
use heirloom_vault::consent::Consent;
use heirloom_vault::rights::{Rights, Use};
use heirloom_vault::{Actor, ObjectId, Touched, Vault, Verb};

use crate::args::{Rights as Command, Said, Whose};
use crate::show::Show;
use crate::{open, reports};

/// Grant, change, revoke, show.
pub fn run(folder: &Path, command: &Command, show: &Show) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    match command {
        Command::Show(whose) => tell(&vault, whose, show),
        Command::Grant { whose, said } => declare(&vault, whose, said, true, show),
        Command::Change { whose, said } => declare(&vault, whose, said, false, show),
        Command::Revoke { whose, why, dry_run } => revoke(&vault, whose, why.as_deref(), *dry_run, show),
    }
}

/// The sources meant, each once, by object.
fn sources(vault: &Vault, whose: &Whose) -> anyhow::Result<Vec<Source>> {
    let all = Archive::new(vault).sources()?;
    let mut meant: BTreeMap<ObjectId, Source> = BTreeMap::new();
    for name in &whose.sources {
        let call = SourceCall::parse(name).or_else(|_| SourceCall::parse(&format!("archive:{name}")))?;
        let source = resolve_among(&all, &call)?;
        meant.insert(source.object, source);
    }
    for folder in &whose.folder {
        let folder = folder.trim_matches('/');
        let below = format!("{folder}/");
        let mut here = all
            .iter()
            .filter(|s| s.folder == folder || s.folder.starts_with(&below))
            .peekable();
        anyhow::ensure!(
            here.peek().is_some(),
            "there is no folder {folder} in the archive: `heirloom archive list` shows all names"
        );
        meant.extend(here.map(|s| (s.object, s.clone())));
    }
    anyhow::ensure!(
        !meant.is_empty() || whose.person.is_some(),
        "name sources, --folder FOLDER, or --person NAME"
    );
    Ok(meant.into_values().collect())
}

fn declare(vault: &Vault, whose: &Whose, said: &Said, grant: bool, show: &Show) -> anyhow::Result<()> {
    let terms_file = said
        .terms_file
        .as_ref()
        .map(|path| vault.put_file(path))
        .transpose()?;
    let terms_file = terms_file.map(|(object, _)| object);
    let scope: Option<BTreeSet<Use>> = (!said.scope.is_empty()).then(|| said.scope.iter().copied().collect());
    if let Some(person) = &whose.person {
        anyhow::ensure!(
            said.owner.is_none() && said.obtained.is_none() && said.shows.is_empty(),
            "--owner, --obtained and --shows speak of sources, not of a person: leave them out"
        );
        let before = vault.ledger().consent_of(person)?.consent;
        anyhow::ensure!(
            grant || before.is_some(),
            "{person} has not consented to anything yet: `heirloom rights grant --person \"{person}\" --terms \"HOW\"`"
        );
        let terms = said
            .terms
            .clone()
            .or_else(|| before.as_ref().map(|b| b.terms.clone()));
        let Some(terms) = terms.filter(|terms| !terms.trim().is_empty()) else {
            anyhow::bail!("say how {person} consented: --terms \"in writing, 2024-05-01\"");
        };
        let before = before.unwrap_or_else(|| Consent::new(""));
        let consent = Consent {
            terms,
            given_by: said.given_by.clone().or(before.given_by),
            terms_file: terms_file.or(before.terms_file),
            scope: scope.unwrap_or(before.scope),
            until: said.until.or(before.until),
        };
        vault
            .ledger()
            .consent(person, &consent, Actor::person_here(), grant)?;
        reports::consent(person, &vault.ledger().consent_of(person)?, show);
        return Ok(());
    }
    anyhow::ensure!(
        said.given_by.is_none(),
        "--given-by speaks of a person's consent: name them with --person"
    );
    let meant = sources(vault, whose)?;
    let mut acts = Vec::new();
    for source in &meant {
        let name = source.name();
        let before = source.standing.rights.clone();
        anyhow::ensure!(
            grant || before.is_some(),
            "nothing is declared of archive:{name} yet: `heirloom rights grant {name} --owner \"NAME\" --terms \"TERMS\"`"
        );
        let before = before.unwrap_or_else(|| Rights::new("", ""));
        let rights = Rights {
            owner: said.owner.clone().unwrap_or(before.owner),
            obtained: said.obtained.clone().or(before.obtained),
            terms: said.terms.clone().unwrap_or(before.terms),
            terms_file: terms_file.or(before.terms_file),
            scope: scope.clone().unwrap_or(before.scope),
            until: said.until.or(before.until),
            people: if said.shows.is_empty() {
                before.people
            } else {
                said.shows.clone()
            },
        };
        anyhow::ensure!(
            !rights.owner.trim().is_empty() && !rights.terms.trim().is_empty(),
            "say whose archive:{name} is and on what terms: --owner \"NAME\" --terms \"TERMS\""
        );
        let by = Actor::person_here();
        acts.push(heirloom_vault::rights::declaration(
            &source.object,
            &rights,
            by,
            grant,
        )?);
    }
    vault.ledger().append_many(acts)?;
    // All or none were written; told as they stand now, a revocation that still holds among it.
    for source in &meant {
        let now = Source {
            standing: vault.ledger().rights_of(&source.object)?,
            ..source.clone()
        };
        show.say(&reports::line(&now));
    }
    Ok(())
}

fn revoke(vault: &Vault, whose: &Whose, why: Option<&str>, dry_run: bool, show: &Show) -> anyhow::Result<()> {
    let mut meant = sources(vault, whose)?;
    if let Some(person) = &whose.person {
        let shown = Archive::new(vault).sources()?.into_iter().filter(|source| {
            let rights = source.standing.rights.as_ref();
            rights.is_some_and(|rights| rights.people.iter().any(|p| p.trim() == person.trim()))
        });
        let mut by_object: BTreeMap<ObjectId, Source> = BTreeMap::new();
        by_object.extend(shown.map(|source| (source.object, source)));
        meant = by_object.into_values().collect();
    }
    let touched = vault
        .ledger()
        .touched_by(meant.iter().map(|source| source.object))?;
    if !dry_run {
        let (by, why) = (Actor::person_here(), why.map(str::to_owned));
        match &whose.person {
            Some(person) => {
                vault.ledger().revoke_consent(person, by, why)?;
            }
            None => {
                for source in &meant {
                    vault.ledger().revoke(&source.object, by.clone(), why.clone())?;
                }
            }
        }
    }
    let verb = if dry_run {
        "would be taken back"
    } else {
        "taken back"
    };
    match &whose.person {
        Some(person) => show.say(&format!("The consent of {person} is {verb}, for:")),
        None => show.say(&format!("Leave {verb} for:")),
    }
    for source in &meant {
        show.say(&format!("  archive:{}", source.name()));
    }
    if meant.is_empty() {
        show.say("  no source says that it shows them");
    }
    tell_touched(&touched, show);
    Ok(())
}

/// What a revocation reaches, by kind, with the shots.
fn tell_touched(touched: &Touched, show: &Show) {
    if touched.is_empty() {
        show.say("Nothing was made from it.");
        return;
    }
    show.say("Touched by it:");
    let named = |verb: Verb, keys: &[&str]| -> BTreeSet<String> {
        touched
            .with_verb(verb)
            .flat_map(|act| keys.iter().map(|key| &act.facts[*key]).collect::<Vec<_>>())
            .flat_map(|value| match value {
                serde_json::Value::Array(items) => items.iter().collect(),
                other => vec![other],
            })
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect()
    };
    let row = |count: usize, what: &str, names: BTreeSet<String>| {
        if count > 0 {
            let names: Vec<String> = names.into_iter().collect();
            let names = if names.is_empty() {
                String::new()
            } else {
                format!(" ({})", names.join(", "))
            };
            show.say(&format!("  {}{names}", reports::count(count, what)));
        }
    };
    row(
        touched.objects("style").len(),
        "style",
        named(Verb::Styled, &["name"]),
    );
    row(
        touched.with_verb(Verb::Requested).count(),
        "request",
        named(Verb::Requested, &["shot"]),
    );
    row(touched.objects("take").len(), "take", BTreeSet::new());
    row(touched.objects("cut").len(), "cut", BTreeSet::new());
    row(
        touched.objects("master").len(),
        "master",
        named(Verb::Exported, &["files"]),
    );
    show.say("What is made stays in the vault; nothing more is generated, chosen or exported from it.");
}

fn tell(vault: &Vault, whose: &Whose, show: &Show) -> anyhow::Result<()> {
    if let Some(person) = &whose.person {
        reports::consent(person, &vault.ledger().consent_of(person)?, show);
        return Ok(());
    }
    for source in sources(vault, whose)? {
        reports::source(&source, show);
        for (person, consenting) in &source.standing.consents {
            reports::consent(person, consenting, show);
        }
        for wanted in Use::ALL {
            let verdict = match source.standing.allows(wanted, open::today()) {
                Ok(()) => "yes".to_owned(),
                Err(clause) => format!("no: {clause}"),
            };
            show.say(&format!("{:<10} {verdict}", wanted.as_str()));
        }
    }
    Ok(())
}
