//! Work over takes that are there: of which shot a take is, what it is made of, whether that may be used, and the new take's place
//! in the ledger.
//!
//! A request that grows from a take names all that the take is made of, so that the gate is asked for every source again, and what
//! is revoked reaches what came of it as well; it stands in the ledger as grown from the take.

use std::collections::BTreeSet;
use std::sync::Arc;

use heirloom_archive::{Archive, Source};
use heirloom_engine::Request;
use heirloom_engine::gate::{Action, Gate, SourceUse, Verdict};
use heirloom_film::{Film, Scene, Shot};
use heirloom_vault::{ObjectId, Vault, VaultError};

use crate::guides::ShotGuides;
use crate::money::Caps;
use crate::plan::{Asked, Objection, Plan, Planned, Why, Work, subject};
use crate::takes::{self, Take, TakeError};

/// Work over takes could not be planned.
#[derive(Debug, thiserror::Error)]
pub enum OverError {
    /// The ledger's words.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The take's.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The take's shot is not in the film.
    #[error(
        "the take {take} is of the shot {shot}, which is not in film.toml now; put it back, or name another take"
    )]
    Shot {
        /// The take.
        take: String,
        /// Its shot, as it was called.
        shot: String,
    },
}

/// A take, its shot, and what it is made of.
pub(crate) struct Over<'a> {
    pub shot: &'a Shot,
    pub take: &'a Take,
    /// The request that it was drawn for; with the further sources, each once.
    pub theirs: Request,
    /// Those of its sources that the archive has.
    pub sources: Vec<Source>,
}

/// What is made of a take: a request, and the guides that it names.
pub(crate) type Made = (Request, Option<Arc<ShotGuides>>);

/// Where work over takes is planned.
pub(crate) struct OverTakes<'a> {
    pub film: &'a Film,
    pub vault: &'a Vault,
    pub gate: &'a dyn Gate,
    /// Why, for the ledger.
    pub note: Option<&'a str>,
}

impl OverTakes<'_> {
    /// One piece of work for each take, in their order, and what stands in the way. `more` are sources besides the takes' own.
    pub(crate) fn plan(
        &self,
        takes: &[Take],
        more: &[Source],
        request: &mut dyn FnMut(&Over<'_>) -> Result<Made, Why>,
    ) -> Result<Plan, OverError> {
        let mut plan = Plan {
            caps: Caps::of(self.film),
            ..Plan::default()
        };
        let archive = Archive::new(self.vault).sources()?;
        let listed = takes::all(self.vault)?;
        for take in takes {
            let of = listed.iter().find(|listed| listed.id == take.id);
            let found = self.film.shots().find(|(scene, shot)| {
                of.is_some_and(|of| {
                    of.subjects.contains(&subject(scene, shot))
                        || of.shot == format!("{} {}", scene.name, shot.name)
                })
            });
            let Some((scene, shot)) = found else {
                return Err(OverError::Shot {
                    take: take.id.short(),
                    shot: of.map(|of| of.shot.clone()).unwrap_or_default(),
                });
            };
            let mut theirs = takes::request(self.vault, &take.manifest)?;
            theirs.sources.extend(more.iter().map(|source| source.object));
            let mut seen = BTreeSet::new();
            theirs.sources.retain(|source| seen.insert(*source));
            let (sources, uses) = used(&theirs, &archive);
            let object = |why| Objection {
                shot: format!("{} {}", scene.name, shot.name),
                subject: subject(scene, shot),
                why,
            };
            if let Verdict::Refused(grounds) = self.gate.judge(Action::Spend, &uses)? {
                plan.objections.push(object(Why::Gate(grounds)));
                continue;
            }
            let over = Over {
                shot,
                take,
                theirs,
                sources,
            };
            let made = request(&over).and_then(|(request, guides)| match request.id() {
                Ok(id) => Ok((request, id, guides)),
                Err(error) => Err(Why::Shot(error.to_string())),
            });
            match made {
                Ok(made) => plan.shots.push(self.planned(scene, over, made)),
                Err(why) => plan.objections.push(object(why)),
            }
        }
        Ok(plan)
    }

    fn planned(
        &self,
        scene: &Scene,
        over: Over<'_>,
        (request, id, guides): (Request, ObjectId, Option<Arc<ShotGuides>>),
    ) -> Planned {
        Planned {
            scene: scene.name.clone(),
            shot: over.shot.clone(),
            sources: over.sources,
            pictures: Vec::new(),
            work: Work::Draw {
                request: Box::new(request),
                id,
            },
            guides,
            asked: Asked {
                parent: Some(over.take.id),
                note: self.note.map(str::to_owned),
                ..Asked::default()
            },
        }
    }
}

/// What a take is made of, as far as the archive has it, and all of it as the gate is asked.
fn used(request: &Request, archive: &[Source]) -> (Vec<Source>, Vec<SourceUse>) {
    let known = |object: &ObjectId| archive.iter().find(|source| source.object == *object);
    let sources = request.sources.iter().filter_map(known).cloned().collect();
    let mut uses: Vec<SourceUse> = request
        .sources
        .iter()
        .map(|object| SourceUse {
            object: *object,
            name: known(object).map_or_else(|| object.short(), Source::name),
        })
        .collect();
    // A drawing is nobody's but the film's; one from the archive is somebody's.
    uses.extend(
        request
            .pictures
            .values()
            .filter_map(known)
            .map(|source| SourceUse {
                object: source.object,
                name: source.name(),
            }),
    );
    (sources, uses)
}
