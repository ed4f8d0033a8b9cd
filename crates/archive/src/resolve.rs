//! From what a film calls a source to the source.

use heirloom_film::SourceCall;
use heirloom_vault::VaultError;

use crate::catalogue::Source;

/// How many near names are offered for one that is not there.
const OFFERED: usize = 3;

/// A call that means no source, or more than one.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There is none of that name.
    #[error("{call} is not in the archive{}", offer(nearest))]
    NotFound {
        /// What was called.
        call: SourceCall,
        /// The nearest names there are, as calls.
        nearest: Vec<String>,
    },
    /// Several pictures go by that name.
    #[error("{call} may mean {}: {}", listed(names), tell_apart(names))]
    Ambiguous {
        /// What was called.
        call: SourceCall,
        /// The full names, as calls, each with its file's name.
        names: Vec<(String, String)>,
    },
    /// The ledger could not be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

fn offer(nearest: &[String]) -> String {
    match nearest {
        [] => ": add the folder it lies in with `heirloom archive add FOLDER`".to_owned(),
        names => format!(
            ": did you mean {}? `heirloom archive list` shows all",
            names.join(" or ")
        ),
    }
}

fn listed(names: &[(String, String)]) -> String {
    names
        .iter()
        .map(|(name, file)| format!("{name} ({file})"))
        .collect::<Vec<_>>()
        .join(" or ")
}

fn tell_apart(names: &[(String, String)]) -> &'static str {
    let alike = names
        .windows(2)
        .any(|pair| matches!(pair, [(one, _), (other, _)] if one == other));
    if alike {
        "rename one of the files and add the folder again"
    } else {
        "write the one you mean in full"
    }
}

/// The source that `call` means among `sources`.
///
/// Where several pictures match, one whose whole folder is the call's own goes before those further down, so
/// that a full name always means one. Names of the same picture are no ambiguity.
pub fn resolve_among(sources: &[Source], call: &SourceCall) -> Result<Source, ResolveError> {
    let mut matching: Vec<&Source> = sources
        .iter()
        .filter(|s| call.matches(&s.folder, &s.stem))
        .collect();
    if matching.iter().any(|source| is_full_name(call, source)) {
        matching.retain(|source| is_full_name(call, source));
    }
    match matching.as_slice() {
        [] => Err(ResolveError::NotFound {
            call: call.clone(),
            nearest: nearest(sources, call),
        }),
        [first, rest @ ..] if rest.iter().all(|other| other.object == first.object) => Ok((*first).clone()),
        several => {
            let names = several
                .iter()
                .map(|s| (format!("archive:{}", s.name()), s.file_name.clone()))
                .collect();
            Err(ResolveError::Ambiguous {
                call: call.clone(),
                names,
            })
        }
    }
}

/// Whether the call names the source with its whole folder.
fn is_full_name(call: &SourceCall, source: &Source) -> bool {
    let steps = |text: &str| text.split('/').filter(|step| !step.is_empty()).count();
    call.matches(&source.folder, &source.stem) && steps(&call.call) == steps(&source.folder) + 1
}

/// The names nearest to a call that matched none, as calls.
fn nearest(sources: &[Source], call: &SourceCall) -> Vec<String> {
    let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let asked = plain(&call.call);
    let asked_stem = asked.rsplit('/').next().unwrap_or_default();
    let mut near: Vec<(f64, String)> = sources
        .iter()
        .map(|source| {
            let (stem, name) = (plain(&source.stem), plain(&source.name()));
            let grown =
                asked_stem.len() >= 3 && (stem.contains(asked_stem) || asked_stem.contains(stem.as_str()));
            let alike = strsim::normalized_damerau_levenshtein(&asked, &name)
                .max(strsim::normalized_damerau_levenshtein(asked_stem, &stem))
                .max(if grown { 0.7 } else { 0.0 });
            (alike, format!("archive:{}", source.name()))
        })
        .filter(|(alike, _)| *alike >= 0.55)
        .collect();
    near.sort_by(|(one, one_name), (other, other_name)| other.total_cmp(one).then(one_name.cmp(other_name)));
    near.dedup_by(|(_, one), (_, other)| one == other);
    near.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}
