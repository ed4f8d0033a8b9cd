//! The caps of a film, and whether a draw fits under them.

use std::collections::BTreeMap;
use std::fmt;

use heirloom_film::{EngineBudget, Film, StatedPrice, Usd};
use serde::Serialize;

use super::{Book, Entry};

/// The most that may be spent, as `film.toml` says. By default there are no caps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    film: Option<Usd>,
    engines: BTreeMap<String, EngineBudget>,
    scenes: BTreeMap<String, SceneCap>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SceneCap {
    id: Option<String>,
    usd: Option<Usd>,
}

/// What a cap is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of the film.
    Film,
    /// The shots of a scene, by its name.
    Scene(String),
    /// All that one engine draws.
    Engine(String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Film => f.write_str("the film"),
            Scope::Scene(name) => write!(f, "scene \"{name}\""),
            Scope::Engine(name) => write!(f, "the engine `{name}`"),
        }
    }
}

impl Scope {
    /// Where its cap stands in `film.toml`.
    fn place(&self) -> String {
        match self {
            Scope::Film => "`usd` of `[budget]`".into(),
            Scope::Scene(name) => format!("`budget_usd` of scene \"{name}\""),
            Scope::Engine(name) => format!("`usd` of `[budget.engines.{}]`", key(name)),
        }
    }
}

/// A name as a key of TOML.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

/// What a draw is for, and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// The draw.
    pub draw: String,
    /// The engine.
    pub engine: String,
    /// The name of the scene that pays. Where shots of several want the same draw, that of the first.
    pub scene: String,
    /// That scene's id, where it has one.
    pub scene_id: Option<String>,
    /// Scene and shot, for people.
    pub shot: String,
    /// Length in frames.
    pub frames: u32,
    /// The price; none where nobody knows.
    pub usd: Option<Usd>,
}

/// Why a draw is not handed in: a cap is reached, or its price is not known under one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// The cap that stops it.
    pub scope: Scope,
    /// That cap.
    pub cap: Usd,
    /// Spent under it.
    pub spent: Usd,
    /// Reserved for draws under way.
    pub reserved: Usd,
    /// Not known to be paid or not; counts as spent.
    pub uncertain: Usd,
    /// The engine of the draw that did not fit.
    pub engine: String,
    /// That draw's price; none where nobody knows.
    pub price: Option<Usd>,
}

impl Stop {
    /// What stops with it: all under the cap, or of an engine without a price, that engine alone.
    pub fn stops(&self) -> Scope {
        match self.price {
            Some(_) => self.scope.clone(),
            None => Scope::Engine(self.engine.clone()),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(price) = self.price else {
            return write!(
                f,
                "nobody knows what a draw of the engine `{0}` costs, and {1} has a cap of {2}: state its price in film.toml, \
                 `usd_per_draw = 0.40` or `usd_per_second = 0.10` under `[budget.engines.{3}]`, then run again; what waits \
                 stays in the queue",
                self.engine,
                self.scope,
                self.cap,
                key(&self.engine),
            );
        };
        write!(
            f,
            "the budget of {} is reached: {} of {} are spent, {} reserved for draws under way",
            self.scope, self.spent, self.cap, self.reserved,
        )?;
        if self.uncertain > Usd::ZERO {
            write!(
                f,
                ", {} may have been paid (`heirloom budget` says for what)",
                self.uncertain
            )?;
        }
        let most = self.spent.plus(self.reserved).plus(self.uncertain).plus(price);
        write!(
            f,
            ", and the next draw of `{}` costs {price}: raise {} in film.toml to {} or more, then run again; what waits stays \
             in the queue",
            self.engine,
            self.scope.place(),
            most.decimal(),
        )
    }
}

impl Caps {
    /// The caps of a film, and the prices that it states.
    pub fn of(film: &Film) -> Caps {
        let scenes = film.scenes.iter().map(|scene| {
            let cap = SceneCap {
                id: scene.id.as_ref().map(|id| id.as_str().to_owned()),
                usd: scene.budget_usd,
            };
            (scene.name.clone(), cap)
        });
        Caps {
            film: film.budget.usd,
            engines: film.budget.engines.clone(),
            scenes: scenes.collect(),
        }
    }

    /// The price that the film states for an engine.
    pub fn stated(&self, engine: &str) -> Option<StatedPrice> {
        self.engines.get(engine)?.price
    }

    /// The id of the scene of this name.
    pub fn scene_id(&self, scene: &str) -> Option<String> {
        self.scenes.get(scene)?.id.clone()
    }

    /// The name that an entry's scene has now, where the film has it.
    pub fn scene_of(&self, entry: &Entry) -> Option<&str> {
        let named = |name: &&String| self.is_of(&Scope::Scene((*name).clone()), entry);
        self.scenes.keys().find(named).map(String::as_str)
    }

    /// Every scope that has a cap.
    pub fn all(&self) -> Vec<(Scope, Usd)> {
        let film = self.film.map(|cap| (Scope::Film, cap));
        let scenes = self
            .scenes
            .iter()
            .filter_map(|(name, scene)| Some((Scope::Scene(name.clone()), scene.usd?)));
        let engines = self
            .engines
            .iter()
            .filter_map(|(name, engine)| Some((Scope::Engine(name.clone()), engine.usd?)));
        film.into_iter().chain(scenes).chain(engines).collect()
    }

    /// The caps that a draw of this engine for this scene comes under.
    pub fn covering(&self, engine: &str, scene: &str) -> Vec<(Scope, Usd)> {
        let covers = |scope: &Scope| match scope {
            Scope::Film => true,
            Scope::Scene(name) => name == scene,
            Scope::Engine(name) => name == engine,
        };
        let mut all = self.all();
        all.retain(|(scope, _)| covers(scope));
        all
    }

    /// Whether an entry of the book is of this scope.
    pub fn is_of(&self, scope: &Scope, entry: &Entry) -> bool {
        match scope {
            Scope::Film => true,
            Scope::Engine(name) => entry.engine == *name,
            // A scene is known by its id; one that had none when the act was written, by its name of then.
            Scope::Scene(name) => match (&entry.scene_id, self.scene_id(name)) {
                (Some(then), Some(now)) => *then == now,
                _ => entry.scene == *name,
            },
        }
    }

    /// Whether a draw fits under every cap that covers it, by what the book says; else which one stops it. What costs nothing
    /// always fits.
    pub fn stop(&self, book: &Book, purpose: &Purpose) -> Option<Stop> {
        self.stop_without(book, purpose, None)
    }

    /// The same, as if a reservation were not there that this one takes the place of.
    pub(crate) fn stop_without(&self, book: &Book, purpose: &Purpose, old: Option<&Entry>) -> Option<Stop> {
        if purpose.usd == Some(Usd::ZERO) {
            return None;
        }
        self.covering(&purpose.engine, &purpose.scene)
            .into_iter()
            .find_map(|(scope, cap)| {
                let is_old = |entry: &Entry| old.is_some_and(|old| old.id == entry.id);
                let sums = book.sums(|entry| self.is_of(&scope, entry) && !is_old(entry));
                let fits = purpose.usd.is_some_and(|price| sums.all().plus(price) <= cap);
                (!fits).then(|| Stop {
                    scope,
                    cap,
                    spent: sums.spent,
                    reserved: sums.reserved,
                    uncertain: sums.uncertain,
                    engine: purpose.engine.clone(),
                    price: purpose.usd,
                })
            })
    }
}
