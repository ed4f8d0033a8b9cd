//! Writing acts of choosing: judging, taking back, and taking back the taking back.

use heirloom_archive::Archive;
use heirloom_engine::gate::{Action, Gate, Ground, SourceUse, Verdict as Answer};
use heirloom_vault::{Act, ActId, Actor, Filter, NewAct, ObjectId, Vault, VaultError, Verb};
use serde_json::json;

use super::force::undone_by;
use super::{InForce, Judgement, MOST_STARS, Ties, VERBS};

/// A judgement could not be written, and the mend. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// The vault's or the ledger's words.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The gate says no.
    #[error("take {} can not be chosen: {}", take.short(), listed(grounds))]
    Refused {
        /// The take.
        take: ObjectId,
        /// Why not, at least one.
        grounds: Vec<Ground>,
    },
    /// The film has no such take.
    #[error("this film has no take {}; `heirloom takes` lists those it has", take.short())]
    NoTake {
        /// The object that is no take of this film.
        take: ObjectId,
    },
    /// A take was to be turned down without a word.
    #[error("say why the take is turned down: others will want to know")]
    NoReason,
    /// A note without words.
    #[error("the note is empty; write what there is to say of the take")]
    EmptyNote,
    /// More stars than there are.
    #[error("{0} stars are more than there are; give from 0 to {most}", most = MOST_STARS)]
    Stars(u8),
    /// The ledger has no such act.
    #[error("there is no act {} in this film; `heirloom log` lists those there are", .0.short())]
    NoAct(ActId),
    /// The act is none of choosing.
    #[error(
        "the act {} ({verb}) is not one of choosing, and can not be taken back; only choosing, turning down, shelving, \
         stars, notes, culls and the taking back of these can",
        act.short()
    )]
    NotAChoice {
        /// The act.
        act: ActId,
        /// What it did.
        verb: Verb,
    },
    /// The act was taken back before.
    #[error("the act {} was taken back already; take back that to have it in force again", .0.short())]
    TakenBack(ActId),
    /// There is nothing of theirs to take back.
    #[error(
        "{who} has judged nothing here that could be taken back; others' acts are taken back by their id"
    )]
    NothingToUndo {
        /// Whose acts were looked at.
        who: String,
    },
    /// There is nothing of theirs to be done again.
    #[error("{who} has taken back nothing here since they last judged a take")]
    NothingToRedo {
        /// Whose acts were looked at.
        who: String,
    },
}

fn listed(grounds: &[Ground]) -> String {
    let grounds: Vec<String> = grounds.iter().map(Ground::to_string).collect();
    grounds.join("; ")
}

/// Someone who judges takes.
#[derive(Clone)]
pub struct Chooser<'a> {
    vault: &'a Vault,
    gate: &'a dyn Gate,
    by: Actor,
}

impl<'a> Chooser<'a> {
    /// `by`, who judges takes of the film in this vault; `gate` is asked before one is chosen.
    pub fn new(vault: &'a Vault, gate: &'a dyn Gate, by: Actor) -> Chooser<'a> {
        Chooser { vault, gate, by }
    }

    /// Writes a judgement of a take of the shot that the ledger calls `shot`.
    ///
    /// # Errors
    /// [`ChoiceError`]; nothing is written then.
    pub fn judge(
        &self,
        shot: &str,
        take: &ObjectId,
        judgement: &Judgement,
        ties: &Ties,
    ) -> Result<Act, ChoiceError> {
        let drawn = self.drawn(take)?;
        let act = |verb| NewAct::new(verb, self.by.clone(), shot).input("take", *take);
        let mut facts = json!({ "ties": ties.facts() });
        let words = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let act = match judgement {
            Judgement::Choose => {
                self.ask(take, &drawn)?;
                act(Verb::Chosen)
            }
            Judgement::Reject { reason } => {
                act(Verb::Rejected).because(words(reason).ok_or(ChoiceError::NoReason)?)
            }
            Judgement::Shelve { reason } => {
                let mut act = act(Verb::Shelved);
                act.why = reason.as_deref().and_then(words);
                act
            }
            Judgement::Star(stars) if *stars > MOST_STARS => return Err(ChoiceError::Stars(*stars)),
            Judgement::Star(stars) => {
                facts["stars"] = json!(stars);
                act(Verb::Starred)
            }
            Judgement::Note(text) => act(Verb::Noted).because(words(text).ok_or(ChoiceError::EmptyNote)?),
        };
        Ok(self.vault.ledger().append(act.with_facts(facts))?)
    }

    /// The act by which a take was drawn.
    fn drawn(&self, take: &ObjectId) -> Result<Act, ChoiceError> {
        let filter = Filter {
            verb: Some(Verb::Drawn),
            ..Filter::object(*take)
        };
        let acts = self.vault.ledger().acts(&filter)?;
        acts.into_iter()
            .find(|act| act.outputs("take").any(|out| out == *take))
            .ok_or(ChoiceError::NoTake { take: *take })
    }

    /// Asks the gate whether a take may be chosen.
    fn ask(&self, take: &ObjectId, drawn: &Act) -> Result<(), ChoiceError> {
        let sources: Vec<SourceUse> = drawn
            .inputs("source")
            .map(|object| SourceUse {
                object,
                name: object.short(),
            })
            .collect();
        let Answer::Refused(mut grounds) = self.gate.judge(Action::Choose, &sources)? else {
            return Ok(());
        };
        // Names are looked up only here: an archive is large, and a refusal rare.
        let known = Archive::new(self.vault).sources()?;
        for ground in &mut grounds {
            if let Some(source) = known.iter().find(|source| source.object == ground.source.object) {
                ground.source.name = source.name();
            }
        }
        Err(ChoiceError::Refused { take: *take, grounds })
    }

    /// Takes an act of choosing back, whoever did it. To take back an act `undone` puts its act in force again.
    ///
    /// # Errors
    /// It is not there, is none of choosing, or was taken back already.
    pub fn undo(&self, act: &ActId) -> Result<Act, ChoiceError> {
        let ledger = self.vault.ledger();
        let found = ledger.get(act)?.ok_or(ChoiceError::NoAct(*act))?;
        if !VERBS.contains(&found.verb) {
            return Err(ChoiceError::NotAChoice {
                act: *act,
                verb: found.verb,
            });
        }
        if !InForce::of(&ledger.acts(&Filter::subject(&found.subject))?).is(act) {
            return Err(ChoiceError::TakenBack(*act));
        }
        Ok(ledger.append(self.taking_back(&found))?)
    }

    /// Takes back what this person did last and is still in force, of one shot or of the whole film.
    ///
    /// # Errors
    /// There is nothing.
    pub fn undo_last(&self, shot: Option<&str>) -> Result<Act, ChoiceError> {
        let acts = self.history(shot)?;
        let force = InForce::of(&acts);
        let last = acts
            .iter()
            .rev()
            .find(|act| act.verb != Verb::Undone && self.is_theirs(act) && force.is(&act.id))
            .ok_or_else(|| ChoiceError::NothingToUndo {
                who: self.by.name.clone(),
            })?;
        Ok(self.vault.ledger().append(self.taking_back(last))?)
    }

    /// Puts in force again what this person took back last; not past a judgement that they gave since.
    ///
    /// More than one act is written where the same act was taken back more than once.
    ///
    /// # Errors
    /// There is nothing.
    pub fn redo_last(&self, shot: Option<&str>) -> Result<Vec<Act>, ChoiceError> {
        let acts = self.history(shot)?;
        let force = InForce::of(&acts);
        let judges = |id: &ActId| acts.iter().any(|act| act.id == *id && act.verb != Verb::Undone);
        let target = acts
            .iter()
            .rev()
            .filter(|act| self.is_theirs(act))
            .take_while(|act| act.verb == Verb::Undone)
            .filter(|act| force.is(&act.id))
            .find_map(|act| undone_by(act).filter(&judges))
            .ok_or_else(|| ChoiceError::NothingToRedo {
                who: self.by.name.clone(),
            })?;
        let again = acts
            .iter()
            .filter(|act| undone_by(act) == Some(target) && force.is(&act.id))
            .map(|act| self.taking_back(act))
            .collect();
        Ok(self.vault.ledger().append_many(again)?)
    }

    fn is_theirs(&self, act: &Act) -> bool {
        act.by.name == self.by.name && act.by.role == self.by.role
    }

    /// The acts of choosing, oldest first.
    fn history(&self, shot: Option<&str>) -> Result<Vec<Act>, VaultError> {
        let ledger = self.vault.ledger();
        let mut acts = Vec::new();
        match shot {
            Some(shot) => {
                acts = ledger.acts(&Filter::subject(shot))?;
                acts.retain(|act| VERBS.contains(&act.verb));
            }
            None => {
                for verb in VERBS {
                    acts.extend(ledger.acts(&Filter::verb(verb))?);
                }
            }
        }
        acts.sort_by_key(|act| (act.at, act.id));
        Ok(acts)
    }

    fn taking_back(&self, target: &Act) -> NewAct {
        let mut act = NewAct::new(Verb::Undone, self.by.clone(), &target.subject).with_facts(json!({
            "undoes": target.id, "what": target.verb,
        }));
        // So that whoever asks for the acts on a take finds this one too; a cull's thousand takes are not named twice.
        if target.verb != Verb::Culled {
            act.edges = target
                .edges
                .iter()
                .filter(|edge| edge.role == "take")
                .cloned()
                .collect();
        }
        act
    }
}

impl std::fmt::Debug for Chooser<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chooser")
            .field("by", &self.by)
            .finish_non_exhaustive()
    }
}
