//! Pictures that the archive has, looked at again: those of which nothing was seen yet, or whose small pictures are gone.

use std::collections::BTreeMap;

use heirloom_picture::preview::Decoder;
use heirloom_vault::{ObjectId, Progress, Vault, VaultError};

use crate::add::AddError;
use crate::catalogue::{Catalogue, full_name};
use crate::index::Index;
use crate::seen::Seen;
use crate::taking::Taking;
use crate::workers::in_order;

/// Pictures between two writes to the index.
const BATCH: usize = 128;

/// What came of looking again.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LookedAgain {
    /// How many pictures were looked at.
    pub seen: usize,
    /// Pictures that could not be, each with its name and why.
    pub warnings: Vec<String>,
}

/// Looks at every picture of the catalogue of which something is missing; at those that could not be looked at before
/// only where `all`.
pub(crate) fn look_again(
    vault: &Vault,
    index: &Index,
    catalogue: &Catalogue,
    all: bool,
    progress: &dyn Progress,
) -> Result<LookedAgain, AddError> {
    let names: BTreeMap<ObjectId, String> = catalogue
        .names
        .values()
        .map(|(object, ingest)| (*object, full_name(&ingest.folder, &ingest.file_name)))
        .collect();
    let looked_at = index.looked_at()?;
    let missing: Vec<_> = catalogue
        .pictures
        .iter()
        .filter(|(object, _)| match looked_at.get(object) {
            None => true,
            Some(false) => all,
            Some(true) => !index.thumbnail_path(object).is_file() || !index.proxy_path(object).is_file(),
        })
        .collect();
    let mut report = LookedAgain::default();
    if missing.is_empty() {
        return Ok(report);
    }
    progress.begin("looking at pictures", Some(missing.len() as u64));
    let taking = Taking::new(vault, index);
    let mut found: Vec<(ObjectId, Option<Seen>)> = Vec::new();
    let result: Result<(), AddError> = in_order(
        missing.len(),
        Decoder::default,
        |decoder, n| {
            if progress.stopped() {
                return Err(VaultError::Stopped.into());
            }
            let mut warnings = Vec::new();
            let seen = match missing.get(n) {
                Some((object, picture)) => {
                    let name = names.get(object).map_or("a picture", String::as_str);
                    taking.again(decoder, object, name, picture, &mut warnings)?
                }
                None => None,
            };
            progress.advance(1);
            Ok((seen, warnings))
        },
        |n, (seen, warnings): (Option<Seen>, Vec<String>)| {
            if let Some((object, _)) = missing.get(n) {
                let name = names.get(object).map_or("a picture", String::as_str);
                report
                    .warnings
                    .extend(warnings.into_iter().map(|why| format!("{name}: {why}")));
                report.seen += usize::from(seen.is_some());
                found.push((**object, seen));
            }
            if found.len() >= BATCH {
                index.note(&found)?;
                found.clear();
            }
            Ok(())
        },
    );
    let noted = index.note(&found);
    result?;
    noted?;
    progress.end();
    Ok(report)
}
