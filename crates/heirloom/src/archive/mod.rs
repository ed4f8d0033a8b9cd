//! `heirloom archive`.

mod find;
mod order;
mod sheet;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_archive::{AddOptions, Archive};
use heirloom_film::SourceCall;

use crate::args::Archive as Command;
use crate::open;
use crate::reports;
use crate::show::{Show, VaultBar};

pub use find::query;
pub use sheet::save as save_sheet;

/// Add, list, show, search, order.
pub fn run(folder: &Path, command: &Command, show: &Show, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let vault = open::vault(folder)?;
    let archive = Archive::new(&vault);
    match command {
        Command::Add { paths, owner, rights } => {
            let options = AddOptions {
                owner: owner.clone(),
                rights: rights.clone(),
                ..AddOptions::default()
            };
            let report = archive.add(paths, &options, &VaultBar::new(show, stop))?;
            reports::added(&report, show);
        }
        Command::List { json } => {
            let sources = archive.sources()?;
            if *json {
                show.say(&serde_json::to_string_pretty(&sources)?);
            } else if sources.is_empty() {
                show.say("The archive is empty: heirloom archive add FOLDER --owner \"NAME\" --rights \"own work\"");
            }
            if !*json {
                for source in &sources {
                    show.say(&reports::line(source));
                }
            }
        }
        Command::Show { source } => {
            let call =
                SourceCall::parse(source).or_else(|_| SourceCall::parse(&format!("archive:{source}")))?;
            reports::source(&archive.resolve(&call)?, show);
        }
        Command::Search(options) => find::search(&archive, options, show)?,
        Command::Vectors { model, file } => find::vectors(&archive, model, file, show)?,
        Command::Duplicates(options) => order::duplicates(&archive, options, show)?,
        Command::Faults(options) => order::faults(&archive, options, show)?,
        Command::Look => {
            let again = archive.look_again(&VaultBar::new(show, stop))?;
            for warning in &again.warnings {
                show.note(&format!("warning: {warning}"));
            }
            show.say(&format!("looked at {}", reports::count(again.seen, "source")));
        }
    }
    Ok(())
}
