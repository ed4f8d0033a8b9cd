//! The tree that the takes of a shot form: which grew from which, and by what note.
//!
//! The parent take and the note stand in the act `requested`, beside the request and not in its hash: the same request
//! is the same take, wherever the thought came from.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_vault::{Act, Filter, NewAct, ObjectId, Vault, VaultError, Verb};
use serde::Serialize;
use serde_json::json;

/// What a request grew from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// The take it grew from.
    pub parent: ObjectId,
    /// What led to it, in words: "nearer to dusk, less literal".
    pub note: Option<String>,
}

impl Growth {
    /// The act `requested` with what its request grew from among its facts.
    pub fn on(&self, mut act: NewAct) -> NewAct {
        if !act.facts.is_object() {
            act.facts = json!({});
        }
        act.facts["parent"] = json!(self.parent);
        if let Some(note) = self
            .note
            .as_deref()
            .map(str::trim)
            .filter(|note| !note.is_empty())
        {
            act.facts["note"] = json!(note);
        }
        act
    }

    /// What the request of an act `requested` grew from, if the act says so.
    pub fn of(act: &Act) -> Option<Growth> {
        if act.verb != Verb::Requested {
            return None;
        }
        Some(Growth {
            parent: act.facts.get("parent")?.as_str()?.parse().ok()?,
            note: act
                .facts
                .get("note")
                .and_then(|note| note.as_str())
                .map(str::to_owned),
        })
    }
}

/// A take in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// The take.
    pub take: ObjectId,
    /// What it grew from; none for a take that stands at the beginning.
    pub growth: Option<Growth>,
}

/// The takes of a shot as a tree, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    branches: Vec<Branch>,
    places: BTreeMap<ObjectId, usize>,
    /// What grew from each, by places; and what stands at the beginning.
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
}

impl Tree {
    /// The tree of these takes, in the order in which they are to stand beside each other; oldest first, say. A take that
    /// is there twice counts once. A take whose parent is not among them stands at the beginning; so does one that would
    /// close a circle.
    pub fn of(branches: impl IntoIterator<Item = Branch>) -> Tree {
        let mut tree = Tree::default();
        for branch in branches {
            if !tree.places.contains_key(&branch.take) {
                tree.places.insert(branch.take, tree.branches.len());
                tree.branches.push(branch);
            }
        }
        tree.children = vec![Vec::new(); tree.branches.len()];
        let mut parents: Vec<Option<usize>> = vec![None; tree.branches.len()];
        for (place, branch) in tree.branches.iter().enumerate() {
            let parent = branch
                .growth
                .as_ref()
                .and_then(|growth| tree.places.get(&growth.parent))
                .copied()
                .filter(|parent| !leads_to(&parents, *parent, place));
            match parent {
                Some(parent) => {
                    parents[place] = Some(parent);
                    tree.children[parent].push(place);
                }
                None => tree.roots.push(place),
            }
        }
        tree
    }

    /// Every take with its depth, from 0: first a take, then all that grew from it.
    pub fn walk(&self) -> Vec<(usize, &Branch)> {
        let mut walked = Vec::with_capacity(self.branches.len());
        let mut ahead: Vec<(usize, usize)> = self.roots.iter().rev().map(|place| (0, *place)).collect();
        while let Some((depth, place)) = ahead.pop() {
            walked.push((depth, &self.branches[place]));
            ahead.extend(self.children[place].iter().rev().map(|child| (depth + 1, *child)));
        }
        walked
    }

    /// The takes that grew straight from this one.
    pub fn children(&self, take: &ObjectId) -> Vec<&Branch> {
        let children = self.places.get(take).map(|place| &self.children[*place]);
        children
            .into_iter()
            .flatten()
            .map(|place| &self.branches[*place])
            .collect()
    }

    /// The way to a take, from the beginning to itself; empty where it is not in the tree.
    pub fn path(&self, take: &ObjectId) -> Vec<&Branch> {
        let mut path = Vec::new();
        let mut seen = BTreeSet::new();
        let mut at = self.places.get(take).copied();
        while let Some(place) = at.filter(|place| seen.insert(*place)) {
            let branch = &self.branches[place];
            path.push(branch);
            at = branch
                .growth
                .as_ref()
                .and_then(|growth| self.places.get(&growth.parent))
                .copied()
                .filter(|parent| self.children[*parent].contains(&place));
        }
        path.reverse();
        path
    }
}

/// Whether the way from `from` up to the beginning passes `to`.
fn leads_to(parents: &[Option<usize>], from: usize, to: usize) -> bool {
    let mut at = Some(from);
    while let Some(place) = at {
        if place == to {
            return true;
        }
        at = parents[place];
    }
    false
}

/// The tree of a shot's takes, oldest first beside each other.
///
/// # Errors
/// The ledger can not be read.
pub fn tree(vault: &Vault, shot: &str) -> Result<Tree, VaultError> {
    let ledger = vault.ledger();
    let asked = Filter {
        verb: Some(Verb::Requested),
        ..Filter::subject(shot)
    };
    // The first act that says what a request grew from is the one that counts.
    let mut growths: BTreeMap<ObjectId, Option<Growth>> = BTreeMap::new();
    for act in ledger.acts(&asked)? {
        for request in act.outputs("request") {
            let growth = growths.entry(request).or_default();
            *growth = growth.take().or_else(|| Growth::of(&act));
        }
    }
    let mut branches = Vec::new();
    for act in ledger.acts(&Filter::verb(Verb::Drawn))? {
        let request = act.inputs("request").next();
        let Some(growth) = request.and_then(|request| growths.get(&request)) else {
            continue;
        };
        branches.extend(act.outputs("take").map(|take| Branch {
            take,
            growth: growth.clone(),
        }));
    }
    Ok(Tree::of(branches))
}
