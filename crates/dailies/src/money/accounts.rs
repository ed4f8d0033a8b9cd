//! How the money stands: for the film, its scenes and its engines, and what is in doubt.

use std::collections::BTreeSet;
use std::fmt;

use heirloom_film::Usd;
use heirloom_vault::Vault;
use serde::Serialize;

use super::{Book, Caps, Entry, MoneyError, Scope, State};

/// How the money of the film, a scene or an engine stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Whose it is.
    pub scope: Scope,
    /// The most that may be spent, if there is a cap.
    pub cap: Option<Usd>,
    /// Paid.
    pub spent: Usd,
    /// Reserved for draws under way, or broken off and not asked of the engine yet.
    pub reserved: Usd,
    /// It may have been paid. Counts as spent.
    pub uncertain: Usd,
    /// What may still be spent under this cap.
    pub left: Option<Usd>,
    /// Draws that these are for.
    pub draws: u64,
    /// Of these, draws whose price nobody knows: they are in no amount.
    pub unpriced: u64,
}

/// A draw that may have been paid, and gave no take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// The draw; its first digits are enough to rule on it.
    pub draw: String,
    /// Scene and shot.
    pub shot: String,
    /// The engine.
    pub engine: String,
    /// The engine's name for the job, to be looked for on its bill.
    pub job: Option<String>,
    /// What was reserved for it.
    pub usd: Option<Usd>,
    /// When, as in the ledger.
    pub at: String,
    /// Why it is in doubt.
    pub why: String,
}

/// How all the money of a film stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accounts {
    /// The film.
    pub film: Account,
    /// Scenes that have a cap or cost something.
    pub scenes: Vec<Account>,
    /// Engines that have a cap or cost something.
    pub engines: Vec<Account>,
    /// What a person has to look into, oldest first.
    pub doubts: Vec<Doubt>,
}

/// Reckons up what the ledger says of money, against the caps of the film.
///
/// # Errors
/// The ledger can not be read.
pub fn accounts(vault: &Vault, caps: &Caps) -> Result<Accounts, MoneyError> {
    let book = Book::read(vault.ledger())?;
    let counting = || {
        book.entries()
            .iter()
            .filter(|entry| entry.state != State::Released)
    };
    let mut scenes: BTreeSet<Scope> = BTreeSet::new();
    let mut engines: BTreeSet<Scope> = BTreeSet::new();
    for (scope, _) in caps.all() {
        match scope {
            Scope::Film => {}
            Scope::Scene(_) => drop(scenes.insert(scope)),
            Scope::Engine(_) => drop(engines.insert(scope)),
        }
    }
    for entry in counting() {
        engines.insert(Scope::Engine(entry.engine.clone()));
        let scene = caps.scene_of(entry).unwrap_or(&entry.scene);
        scenes.insert(Scope::Scene(scene.to_owned()));
    }
    let account = |scope: Scope| {
        let sums = book.sums(|entry| caps.is_of(&scope, entry));
        let cap = caps
            .all()
            .into_iter()
            .find(|(of, _)| *of == scope)
            .map(|(_, cap)| cap);
        Account {
            cap,
            spent: sums.spent,
            reserved: sums.reserved,
            uncertain: sums.uncertain,
            left: cap.map(|cap| cap.less(sums.all())),
            draws: sums.draws,
            unpriced: sums.unpriced,
            scope,
        }
    };
    let doubt = |entry: &Entry| match &entry.state {
        State::Uncertain(why) => Some(Doubt {
            draw: entry.draw.clone(),
            shot: entry.shot.clone(),
            engine: entry.engine.clone(),
            job: entry.job.as_ref().map(ToString::to_string),
            usd: entry.usd,
            at: entry.at.to_string(),
            why: why.clone(),
        }),
        _ => None,
    };
    Ok(Accounts {
        film: account(Scope::Film),
        scenes: scenes.into_iter().map(account).collect(),
        engines: engines.into_iter().map(account).collect(),
        doubts: counting().filter_map(doubt).collect(),
    })
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |usd: Option<Usd>| usd.map_or_else(|| "-".to_owned(), |usd| usd.to_string());
        write!(
            f,
            "{:<28} {:>12} {:>12} {:>12} {:>12} {:>12} {:>7}",
            self.scope.to_string(),
            amount(self.cap),
            self.spent,
            self.reserved,
            self.uncertain,
            amount(self.left),
            self.draws,
        )
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28} {:>12} {:>12} {:>12} {:>12} {:>12} {:>7}",
            "", "cap", "spent", "reserved", "in doubt", "left", "draws"
        )?;
        for account in self.scenes.iter().chain(&self.engines) {
            writeln!(f, "{account}")?;
        }
        write!(f, "{}", self.film)?;
        if self.film.unpriced > 0 {
            write!(
                f,
                "\nof {} draws nobody knows what they cost: they are in no amount above",
                self.film.unpriced
            )?;
        }
        for doubt in &self.doubts {
            let price = doubt
                .usd
                .map_or_else(|| "a price unknown".to_owned(), |usd| usd.to_string());
            write!(
                f,
                "\nin doubt: draw {} of shot {} by {}, {price}: {}",
                doubt.draw.get(..12).unwrap_or(&doubt.draw),
                doubt.shot,
                doubt.engine,
                doubt.why
            )?;
        }
        Ok(())
    }
}
