//! Rights: what is declared and revoked, and what the gate may do then.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may end at the first thing wrong"
)]

use heirloom_vault::rights::{declaration, source_subject};
use heirloom_vault::{Actor, Clause, NewAct, ObjectId, Rights, Use, Vault, VaultError, Verb};
use jiff::civil::{Date, date};
use serde_json::json;

const TODAY: Date = date(2026, 11, 22);

struct Film {
    _folder: tempfile::TempDir,
    vault: Vault,
    moon: ObjectId,
}

fn film() -> Film {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    let moon = vault.put_bytes(b"moon").unwrap();
    Film {
        _folder: folder,
        vault,
        moon,
    }
}

impl Film {
    fn allows(&self, wanted: Use) -> Result<(), Clause> {
        self.vault
            .ledger()
            .rights_of(&self.moon)
            .unwrap()
            .allows(wanted, TODAY)
    }

    fn declare(&self, rights: &Rights, anew: bool) {
        self.vault
            .ledger()
            .declare(&self.moon, rights, Actor::person("Ada"), anew)
            .unwrap();
    }
}

#[test]
fn nothing_is_allowed_until_someone_says_whose_it_is() {
    let film = film();
    for wanted in Use::ALL {
        assert_eq!(film.allows(wanted), Err(Clause::NoOwner));
    }
    let text = Clause::NoOwner.to_string();
    assert!(
        text.starts_with("no owner declared: `heirloom archive add"),
        "{text}"
    );
}

#[test]
fn an_owner_without_terms_is_not_enough() {
    let film = film();
    film.declare(&Rights::new("Ada", " "), false);
    assert_eq!(
        film.allows(Use::Look),
        Err(Clause::NoRights { owner: "Ada".into() })
    );
    film.declare(&Rights::new("", "own work"), false);
    assert_eq!(film.allows(Use::Look), Err(Clause::NoOwner));
}

#[test]
fn the_usual_scope_is_all_but_training() {
    let film = film();
    film.declare(&Rights::new("Ada", "own work"), false);
    for wanted in [Use::Look, Use::Generate, Use::Publish] {
        assert_eq!(film.allows(wanted), Ok(()));
    }
    let text = film.allows(Use::Train).unwrap_err().to_string();
    assert!(
        text.starts_with("outside scope: \"train\" is not among look, generate, publish"),
        "{text}"
    );
}

#[test]
fn leave_runs_out_after_its_last_day() {
    let film = film();
    film.declare(
        &Rights {
            until: Some(TODAY),
            ..Rights::new("Ada", "lent")
        },
        false,
    );
    assert_eq!(film.allows(Use::Look), Ok(()));
    let until = TODAY.yesterday().unwrap();
    film.declare(
        &Rights {
            until: Some(until),
            ..Rights::new("Ada", "lent")
        },
        false,
    );
    let text = film.allows(Use::Look).unwrap_err().to_string();
    assert!(text.starts_with("expired on 2026-11-21"), "{text}");
}

#[test]
fn a_revocation_outlasts_what_files_say_and_only_a_person_lifts_it() {
    let film = film();
    let rights = Rights::new("Ada", "own work");
    film.declare(&rights, false);
    let ledger = film.vault.ledger();
    ledger
        .revoke(&film.moon, Actor::person("Ada"), Some("second thoughts".into()))
        .unwrap();
    let text = film.allows(Use::Look).unwrap_err().to_string();
    assert!(
        text.starts_with("revoked by Ada on 20") && text.contains("(second thoughts)"),
        "{text}"
    );

    film.declare(&rights, false);
    assert!(
        matches!(film.allows(Use::Look), Err(Clause::Revoked { .. })),
        "a file does not lift it"
    );
    ledger
        .declare(&film.moon, &rights, Actor::program(), true)
        .unwrap();
    assert!(
        matches!(film.allows(Use::Look), Err(Clause::Revoked { .. })),
        "a program does not lift it"
    );
    film.declare(&rights, true);
    assert_eq!(film.allows(Use::Look), Ok(()));
}

#[test]
fn a_declaration_that_cannot_be_read_is_an_error() {
    let film = film();
    let act = NewAct::new(Verb::Declared, Actor::person("Ada"), source_subject(&film.moon))
        .with_facts(json!({ "owner": "Ada", "terms": "own work", "scope": ["everything"] }));
    film.vault.ledger().append(act).unwrap();
    assert!(matches!(
        film.vault.ledger().rights_of(&film.moon),
        Err(VaultError::BadAct { .. })
    ));
}

#[test]
fn standings_of_all_sources_are_those_of_each() {
    let film = film();
    let sea = film.vault.put_bytes(b"sea").unwrap();
    let ledger = film.vault.ledger();
    film.declare(&Rights::new("Ada", "own work"), false);
    let terms = film.vault.put_bytes(b"All may use it.").unwrap();
    let rights = Rights {
        terms_file: Some(terms),
        people: vec!["Ada".into()],
        ..Rights::new("Ben", "CC0")
    };
    let act = ledger
        .append(declaration(&sea, &rights, Actor::program(), false).unwrap())
        .unwrap();
    ledger.revoke(&sea, Actor::person("Ben"), None).unwrap();
    assert_eq!(act.inputs("terms").collect::<Vec<_>>(), [terms]);
    let all = ledger.standings().unwrap();
    assert_eq!(all.len(), 2);
    for (object, standing) in all {
        assert_eq!(standing, ledger.rights_of(&object).unwrap());
    }
    assert_eq!(ledger.rights_of(&sea).unwrap().rights, Some(rights));
}
