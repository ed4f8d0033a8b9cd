//! Whose sources a film is made of, and how much of it is whose.

use std::collections::BTreeMap;

use heirloom_engine::{Failure, Share};
use heirloom_film::{CreditsBy, Film, Person};
use heirloom_vault::{ObjectId, Rights};
use serde::Serialize;

use crate::cut::{Cut, Footage};
use crate::error::FinishError;
use crate::titles::{CreditText, PersonCredit, SourceCredit};

/// What is to be known of a source for credits and tracing; the caller finds it in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceInfo {
    /// What a film calls it by: `eta-carinae`.
    pub name: String,
    /// Its file's name.
    pub file_name: String,
    /// Pixels in a row of the original, upright.
    pub width: u32,
    /// Rows of the original.
    pub height: u32,
    /// Whose it is and what may be done with it, if declared.
    pub rights: Option<Rights>,
    /// Whether the leave to use it was taken back since.
    pub revoked: bool,
}

/// Finds what is known of a source.
pub type SourceLookup<'l> = dyn Fn(&ObjectId) -> Option<SourceInfo> + 'l;

/// Every source's share in the shots of a cut, largest first: takes by their own shares, plates whole, frames of a
/// dissolve by their weights, cards left out. Shares sum to 1 as far as engines can say them.
///
/// # Errors
/// The cut can not be laid out, or a take can not be read.
pub fn source_shares(cut: &Cut) -> Result<Vec<Share>, FinishError> {
    cut.timeline()?;
    let mut sums: BTreeMap<ObjectId, f64> = BTreeMap::new();
    let mut light = 0.0;
    for (index, item) in cut.items.iter().enumerate() {
        // In a dissolve of d frames each of the two shots has d/2 frames' worth of light.
        let after = cut.items.get(index + 1).map_or(0, |next| next.dissolve);
        let weight = f64::from(item.frames) - (f64::from(item.dissolve) + f64::from(after)) / 2.0;
        light += weight;
        match &item.footage {
            Footage::Plate(plate) => *sums.entry(plate.source).or_default() += weight,
            Footage::Take { frames, .. } => {
                let failed = |failure: Failure| FinishError::Take {
                    scene: item.scene.clone(),
                    shot: item.shot.clone(),
                    frame: 0,
                    failure,
                };
                for share in frames.shares().map_err(failed)? {
                    *sums.entry(share.source).or_default() += weight * share.share;
                }
            }
        }
    }
    let mut shares: Vec<Share> = sums
        .into_iter()
        .map(|(source, sum)| Share {
            source,
            share: sum / f64::max(light, 1e-9),
        })
        .collect();
    // Stable: equal shares stay in the order of their hashes, which is the same everywhere.
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    Ok(shares)
}

/// The owners' lines of the credits: one for every owner and terms, the largest share first.
pub fn owner_lines(shares: &[Share], lookup: &SourceLookup<'_>) -> Vec<SourceCredit> {
    lines_with_shares(shares, lookup)
        .into_iter()
        .map(|(line, _)| line)
        .collect()
}

/// The owners' lines as a film wants them: in its order, with their shares where it says so.
pub fn ordered_lines(film: &Film, shares: &[Share], lookup: &SourceLookup<'_>) -> Vec<SourceCredit> {
    let mut lines = lines_with_shares(shares, lookup);
    if film.credits_by == CreditsBy::Name {
        // By the first letters as people look names up; what they are equal in stays by share.
        lines.sort_by_key(|(line, _)| line.owner.to_lowercase());
        for (line, _) in &mut lines {
            line.gave.sort_by_key(|name| name.to_lowercase());
        }
    }
    let said = |(mut line, share): (SourceCredit, f64)| {
        if film.credits_shares {
            let comma = if line.terms.is_empty() { "" } else { ", " };
            line.terms = format!("{}{comma}{}", line.terms, percent(share));
        }
        line
    };
    lines.into_iter().map(said).collect()
}

/// A share in words: whole percents, and one decimal below ten.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p <= 0.0 => "0 %".into(),
        p if p < 0.1 => "less than 0.1 %".into(),
        p if p < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

fn lines_with_shares(shares: &[Share], lookup: &SourceLookup<'_>) -> Vec<(SourceCredit, f64)> {
    let mut lines: Vec<(SourceCredit, f64)> = Vec::new();
    for share in shares.iter().filter(|share| share.share > 0.0) {
        let info = lookup(&share.source);
        let name = info
            .as_ref()
            .map_or_else(|| share.source.short(), |info| spoken(&info.name));
        let rights = info.and_then(|info| info.rights);
        let owner = rights
            .as_ref()
            .map_or("owner not stated".to_owned(), |r| r.owner.trim().to_owned());
        let terms = rights.map_or(String::new(), |r| r.terms.trim().to_owned());
        match lines
            .iter_mut()
            .find(|(line, _)| line.owner == owner && line.terms == terms)
        {
            Some((line, sum)) => {
                *sum += share.share;
                if !line.gave.contains(&name) {
                    line.gave.push(name);
                }
            }
            None => lines.push((
                SourceCredit {
                    gave: vec![name],
                    owner,
                    terms,
                },
                share.share,
            )),
        }
    }
    lines.sort_by(|a, b| b.1.total_cmp(&a.1));
    lines
}

/// What the credits of a film say: its people, and the owners of what its cut is made of.
///
/// # Errors
/// As [`source_shares`].
pub fn credit_text(film: &Film, cut: &Cut, lookup: &SourceLookup<'_>) -> Result<CreditText, FinishError> {
    Ok(CreditText {
        title: film.title.clone(),
        people: people_lines(&film.people),
        sources: ordered_lines(film, &source_shares(cut)?, lookup),
    })
}

/// People by what they did, in the order in which the film names them, who directed first.
pub fn people_lines(people: &[Person]) -> Vec<PersonCredit> {
    let mut lines: Vec<(bool, PersonCredit)> = Vec::new();
    for person in people {
        if person.roles.is_empty() {
            lines.push((
                false,
                PersonCredit {
                    did: "With".into(),
                    name: person.name.clone(),
                },
            ));
        }
        for role in &person.roles {
            let (did, leads) = heading(role);
            lines.push((
                leads,
                PersonCredit {
                    did,
                    name: person.name.clone(),
                },
            ));
        }
    }
    lines.sort_by_key(|(leads, _)| !leads);
    let mut credits: Vec<PersonCredit> = Vec::new();
    for (_, line) in lines {
        match credits.iter_mut().find(|credit| credit.did == line.did) {
            Some(credit) => credit.name = format!("{}, {}", credit.name, line.name),
            None => credits.push(line),
        }
    }
    credits
}

/// A role as the credits word it, and whether it comes first.
fn heading(role: &str) -> (String, bool) {
    let did = match role.trim().to_lowercase().as_str() {
        "director" | "directing" => return ("Directed by".into(), true),
        "writer" | "author" | "screenwriter" => "Written by",
        "producer" => "Produced by",
        "editor" => "Edited by",
        "composer" | "music" => "Music by",
        "cinematographer" | "camera" | "director of photography" | "photographer" => "Photographed by",
        "sound" | "sound designer" => "Sound by",
        "performer" | "actor" | "actress" | "cast" => "With",
        "narrator" | "voice" => "Narrated by",
        _ => return (capitalised(role.trim()), false),
    };
    (did.into(), false)
}

/// A source's name as people write it: `moon/tycho_crater` is Tycho Crater.
fn spoken(name: &str) -> String {
    let stem = name.rsplit('/').next().unwrap_or(name);
    stem.split(['-', '_', ' '])
        .filter(|word| !word.is_empty())
        .map(capitalised)
        .collect::<Vec<_>>()
        .join(" ")
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, owner: &str, terms: &str) -> SourceInfo {
        SourceInfo {
            name: name.into(),
            file_name: format!("{name}.jpg"),
            width: 10,
            height: 10,
            rights: Some(Rights::new(owner, terms)),
            revoked: false,
        }
    }

    #[test]
    fn owners_are_named_once_the_largest_share_first() {
        let ids: Vec<ObjectId> = (0..4_u8).map(|n| ObjectId::of(&[n])).collect();
        let known = [
            info("eta-carinae", "Georg Zotti", "CC BY 3.0"),
            info("sky/hubble-deep_field", "NASA", "public domain"),
            info("moon", "NASA", "public domain"),
            info("unused", "Nobody", "own work"),
        ];
        let lookup = |id: &ObjectId| {
            ids.iter()
                .position(|known| known == id)
                .map(|at| known[at].clone())
        };
        let share = |at: usize, share: f64| Share {
            source: ids[at],
            share,
        };
        let lines = owner_lines(
            &[share(0, 0.4), share(1, 0.35), share(2, 0.25), share(3, 0.0)],
            &lookup,
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[0].owner.as_str(), lines[0].gave.join(", ")),
            ("NASA", "Hubble Deep Field, Moon".into())
        );
        assert_eq!(
            (lines[1].owner.as_str(), lines[1].terms.as_str()),
            ("Georg Zotti", "CC BY 3.0")
        );
    }

    #[test]
    fn people_are_credited_for_what_they_did() {
        let person = |name: &str, roles: &[&str]| Person {
            name: name.into(),
            roles: roles.iter().map(|role| (*role).into()).collect(),
        };
        let lines = people_lines(&[
            person("Ada", &["writer", "foley"]),
            person("Bo", &["director", "writer"]),
            person("Cy", &[]),
        ]);
        let said: Vec<String> = lines.iter().map(|l| format!("{}: {}", l.did, l.name)).collect();
        assert_eq!(
            said,
            ["Directed by: Bo", "Written by: Ada, Bo", "Foley: Ada", "With: Cy"]
        );
    }
}
