//! The ledger alone says what was spent.

use heirloom_dailies::index::Index;
use heirloom_dailies::money::{Book, MoneyError};
use heirloom_dailies::report::report;
use heirloom_vault::NewAct;
use serde_json::json;

use super::*;

#[test]
fn all_but_the_ledger_may_be_deleted() {
    let room = Room::new("[budget]\nusd = 1.0", "", 6);
    room.draw(Setup::default(), 1);
    let before = room.accounts();
    assert_eq!(before.film.spent, cents(90));
    std::fs::remove_dir_all(room.root.join("work")).unwrap();
    std::fs::remove_dir_all(room.root.join("vault/dailies")).unwrap();
    assert_eq!(room.accounts(), before);
    let outcome = room.draw(Setup::default(), 1);
    assert_eq!(
        (outcome.drawn, outcome.kept, outcome.held, room.charges()),
        (0, 3, 3, 3)
    );

    // Into another vault by merging, and twice: the same book.
    let folder = tempfile::tempdir().unwrap();
    let other = Vault::create(&folder.path().join("vault")).unwrap();
    for _ in 0..2 {
        other.ledger().merge(room.vault().ledger()).unwrap();
        assert_eq!(accounts(&other, &Caps::of(&room.film())).unwrap(), before);
    }
}

#[test]
fn takes_bear_their_cost_in_the_report() {
    let room = Room::new("", "", 2);
    room.draw(Setup::default(), 1);
    let vault = room.vault();
    let report = report(&vault, &Index::open(&vault).unwrap(), &room.film()).unwrap();
    assert_eq!((report.film.takes, report.film.priced), (2, 2));
    assert!((report.film.cost_usd - 0.6).abs() < 1e-9, "{report}");
    // Acts about money are no takes, and no shots asked for them.
    assert_eq!(heirloom_dailies::takes::all(&vault).unwrap().len(), 2);
}

#[test]
fn what_cannot_be_understood_is_an_error_and_not_a_guess() {
    let room = Room::new("[budget]\nusd = 1.0", "", 1);
    let odd = NewAct::new(Verb::Requested, Actor::program(), "spend").with_facts(json!({
        "money": "reserved", "draw": "x-0", "engine": "server", "scene": "a", "shot": "a 000", "frames": 1, "usd": 0.5,
    }));
    room.vault().ledger().append(odd).unwrap();
    let vault = room.vault();
    let error = Book::read(vault.ledger()).unwrap_err();
    assert!(
        matches!(error, MoneyError::Unreadable { what: "usd", .. }),
        "{error}"
    );
    let result = room.with(Setup::default(), 1, draw_all);
    assert!(
        result.is_err() && room.charges() == 0,
        "drawn without knowing what was spent"
    );
}

/// Two ledgers that know different parts of one film's money give one book, whichever is merged into which.
#[test]
fn merged_ledgers_give_one_book_in_any_order() {
    let room = Room::new("[budget]\nusd = 5", "", 4);
    room.draw(Setup::default(), 1);
    let acts = room.vault().ledger().acts(&Filter::subject("spend")).unwrap();
    let before = room.accounts();
    let folder = tempfile::tempdir().unwrap();
    for first in 0..3 {
        let vault = Vault::create(&folder.path().join(format!("vault{first}"))).unwrap();
        // What was spent is known even where the act that reserved it has not come yet.
        for act in acts.iter().skip(first).step_by(3) {
            vault.ledger().insert(act).unwrap();
        }
        Book::read(vault.ledger()).unwrap();
        for act in acts.iter().rev() {
            vault.ledger().insert(act).unwrap();
        }
        assert_eq!(accounts(&vault, &Caps::of(&room.film())).unwrap(), before);
    }
}
