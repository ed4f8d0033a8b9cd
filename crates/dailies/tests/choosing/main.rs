//! Choosing, culling, listing and counting takes, through what the crate offers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the lint does not see that helpers of tests are tests

mod choices;
mod cull;
mod index;
mod report;
mod tree;

use heirloom_engine::gate::{Action, Gate, SourceUse, Verdict};
use heirloom_vault::{Act, Actor, NewAct, ObjectId, Role, Vault, VaultError, Verb};
use jiff::Timestamp;
use serde_json::json;

/// The shot of most tests.
const SHOT: &str = "shot:sh-00000001";

/// A gate that lets all through.
struct Open;

impl Gate for Open {
    fn judge(&self, _: Action, _: &[SourceUse]) -> Result<Verdict, VaultError> {
        Ok(Verdict::Allowed)
    }
}

/// A vault in a folder of its own.
struct Film {
    vault: Vault,
    _folder: tempfile::TempDir,
}

fn film() -> Film {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    Film {
        vault,
        _folder: folder,
    }
}

fn take(n: u32) -> ObjectId {
    ObjectId::of(format!("take {n}").as_bytes())
}

fn request(n: u32) -> ObjectId {
    ObjectId::of(format!("request {n}").as_bytes())
}

fn actor(name: &str) -> Actor {
    Actor {
        name: name.into(),
        role: Role::Person,
        machine: "m".into(),
    }
}

/// The act by which a shot asked for request `n`.
fn asked(shot: &str, n: u32) -> NewAct {
    NewAct::new(Verb::Requested, actor("Ada"), shot)
        .output("request", request(n))
        .with_facts(json!({ "draw": 0, "engine": "weightless", "shot": "cosmos 010", "prompt": format!("words {}", n % 2) }))
}

/// The act by which take `n` was drawn, for request `n`.
fn drawn(n: u32) -> NewAct {
    let mut engine = actor("weightless");
    engine.role = Role::Engine;
    NewAct::new(Verb::Drawn, engine, format!("request:{}", request(n)))
        .input("request", request(n))
        .output("take", take(n))
        .with_facts(json!({ "draw": 0, "revision": 3, "frames": 10 * (n + 1), "seed": n, "rate": "24" }))
}

impl Film {
    /// Takes 0 to `count`, asked for by the shot and drawn.
    fn with_takes(count: u32) -> Film {
        let film = film();
        for n in 0..count {
            film.vault.ledger().append(asked(SHOT, n)).unwrap();
            film.vault.ledger().append(drawn(n)).unwrap();
        }
        film
    }
}

/// The time so many seconds into the tests' day.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// An act done at that time.
fn done(act: NewAct, second: i64) -> Act {
    act.at(at(second))
}
