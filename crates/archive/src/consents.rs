//! The consents that `rights.toml` files declare.

use std::collections::BTreeMap;
use std::path::PathBuf;

use heirloom_vault::consent::consent_declaration;
use heirloom_vault::{Actor, Consent, Use, Vault, VaultError};

use crate::rights_toml::RightsFile;

/// Declares what these files say of people, where it does not stand already. Gives how many consents were declared, and
/// warnings where two files say different things of the same person: the first one, in the order of paths, counts.
pub(crate) fn declare(
    vault: &Vault,
    files: &BTreeMap<PathBuf, RightsFile>,
    by: &Actor,
) -> Result<(usize, Vec<String>), VaultError> {
    let ledger = vault.ledger();
    let mut said: BTreeMap<&str, (Consent, &PathBuf)> = BTreeMap::new();
    let mut warnings = Vec::new();
    for (path, file) in files {
        for (name, person) in &file.people {
            let terms_file = match (&person.terms_file, path.parent()) {
                (Some(text), Some(folder)) => Some(vault.put_file(&folder.join(text))?.0),
                _ => None,
            };
            let in_file = person.terms_file.as_ref().map(|text| format!("as in {text}"));
            let consent = Consent {
                terms: person.terms.clone().or(in_file).unwrap_or_default(),
                given_by: person.given_by.clone(),
                terms_file,
                scope: person.scope.clone().unwrap_or_else(Use::usual),
                until: person.until,
            };
            match said.get(name.as_str()) {
                Some((first, at)) if *first != consent => warnings.push(format!(
                    "{} says otherwise of {name} than {}, which counts: make them the same",
                    path.display(),
                    at.display()
                )),
                Some(_) => {}
                None => {
                    said.insert(name, (consent, path));
                }
            }
        }
    }
    let mut acts = Vec::new();
    for (name, (consent, _)) in &said {
        if ledger.consent_of(name)?.consent.as_ref() != Some(consent) {
            acts.push(consent_declaration(name, consent, by.clone(), false)?);
        }
    }
    let declared = ledger.append_many(acts)?.len();
    Ok((declared, warnings))
}
