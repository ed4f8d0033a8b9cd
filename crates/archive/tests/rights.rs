//! `rights.toml`: what it says, where it is wrong, and what comes of changing it.

#![allow(clippy::unwrap_used, reason = "a test may end at the first thing wrong")]

mod common;

use std::fs;

use common::{Film, own_work};
use heirloom_archive::{AddError, AddOptions, rights_toml};
use heirloom_vault::{Actor, Clause, Rights, Use, Verb};
use jiff::civil::date;
use proptest::prelude::*;

const TODAY: jiff::civil::Date = date(2026, 11, 22);

#[test]
fn every_key_is_declared() {
    let film = Film::new();
    film.picture("lent/moon.png", 1);
    film.picture("lent/baby.png", 2);
    film.text("lent/terms.txt", "You may use the moon.");
    film.text(
        "lent/rights.toml",
        r#"
            owner = "Robin Doe"
            obtained = "lent by hand, 2024"
            terms = "with written leave"
            terms_file = "terms.txt"
            until = 2030-01-31

            [file."baby.png"]
            people = ["Jean Doe"]
            scope = ["look", "generate"]
            terms = "for this film alone"
        "#,
    );
    let report = film.add("lent").unwrap();
    assert_eq!((report.added.len(), report.declared), (2, 2));
    assert_eq!((report.passed_over, report.unusable.len()), (0, 0));
    let moon = film.source("archive:moon").standing;
    let rights = moon.rights.clone().unwrap();
    assert_eq!(
        film.vault.read(&rights.terms_file.unwrap()).unwrap(),
        b"You may use the moon."
    );
    let expected = Rights {
        obtained: Some("lent by hand, 2024".into()),
        terms_file: rights.terms_file,
        until: Some(date(2030, 1, 31)),
        ..Rights::new("Robin Doe", "with written leave")
    };
    assert_eq!(rights, expected);
    assert!(matches!(
        moon.allows(Use::Publish, date(2030, 2, 1)),
        Err(Clause::Expired { .. })
    ));

    let baby = film.source("archive:baby").standing;
    assert!(matches!(
        baby.allows(Use::Publish, TODAY),
        Err(Clause::OutsideScope { .. })
    ));
    let rights = baby.rights.unwrap();
    assert_eq!(
        (rights.terms.as_str(), rights.people),
        ("for this film alone", vec!["Jean Doe".to_owned()])
    );
    assert_eq!(
        (rights.owner.as_str(), rights.until),
        ("Robin Doe", Some(date(2030, 1, 31)))
    );
    // The text of the terms is referred to by acts: tidying keeps it.
    let Film {
        mut vault,
        folder: _folder,
    } = film;
    assert!(vault.tidy(true, Actor::program()).unwrap().objects.is_empty());
}

#[test]
fn the_nearest_file_speaks_and_the_command_line_fills_the_gaps() {
    let film = Film::new();
    film.picture("all/one.png", 1);
    film.picture("all/lent/two.png", 2);
    film.picture("all/lent/deep/three.png", 3);
    film.text(
        "all/rights.toml",
        "owner = \"Jean Doe\"\nterms = \"own work\"\nuntil = 2031-01-01\n",
    );
    film.text("all/lent/rights.toml", "owner = \"Robin Doe\"\n");
    film.add_with(
        "all",
        &AddOptions {
            rights: Some("a gift".into()),
            ..AddOptions::default()
        },
    )
    .unwrap();
    let rights = |call: &str| film.source(call).standing.rights.unwrap();
    assert_eq!(
        rights("archive:one"),
        Rights {
            until: Some(date(2031, 1, 1)),
            ..Rights::new("Jean Doe", "own work")
        }
    );
    assert_eq!(rights("archive:two"), Rights::new("Robin Doe", "a gift"));
    assert_eq!(rights("archive:three"), Rights::new("Robin Doe", "a gift"));
}

#[test]
fn without_owner_or_rights_it_comes_in_and_may_not_be_used() {
    let film = Film::new();
    film.picture("found/moon.png", 1);
    let report = film.add("found").unwrap();
    assert_eq!(report.added, ["found/moon"]);
    assert_eq!(report.unusable, [("found/moon".to_owned(), Clause::NoOwner)]);
    assert_eq!(
        film.source("archive:moon").standing.allows(Use::Generate, TODAY),
        Err(Clause::NoOwner)
    );
    let report = film
        .add_with(
            "found",
            &AddOptions {
                owner: Some("Jean Doe".into()),
                ..AddOptions::default()
            },
        )
        .unwrap();
    assert_eq!(
        report.unusable,
        [(
            "found/moon".to_owned(),
            Clause::NoRights {
                owner: "Jean Doe".into()
            }
        )]
    );
    let report = film.add_with("found", &own_work()).unwrap();
    assert_eq!(
        (report.known.len(), report.declared, report.unusable.len()),
        (1, 1, 0)
    );
}

#[test]
fn changed_rights_are_declared_anew_and_unchanged_ones_are_not() {
    let film = Film::new();
    film.picture("lent/moon.png", 1);
    let with = |text: &str| {
        film.text("lent/rights.toml", text);
        film.add("lent").unwrap().declared
    };
    assert_eq!(with("owner = \"Robin Doe\"\nterms = \"lent\"\n"), 1);
    assert_eq!(with("# the same\nterms = \"lent\"\nowner = \"Robin Doe\"\n"), 0);
    assert_eq!(
        with("owner = \"Robin Doe\"\nterms = \"lent\"\nuntil = 2020-01-01\n"),
        1
    );
    assert!(matches!(
        film.source("archive:moon").standing.allows(Use::Look, TODAY),
        Err(Clause::Expired { .. })
    ));
    // A file that only narrows what was declared before keeps its owner and terms.
    assert_eq!(with("scope = [\"look\"]\n"), 1);
    let rights = film.source("archive:moon").standing.rights.unwrap();
    assert_eq!(
        (rights.owner.as_str(), rights.scope),
        ("Robin Doe", [Use::Look].into())
    );
    assert_eq!(film.acts(Verb::Declared).len(), 3);
    assert_eq!(film.acts(Verb::Ingested).len(), 1);
}

#[test]
fn a_revocation_outlasts_adding_again() {
    let film = Film::new();
    film.picture("lent/moon.png", 1);
    film.add_with("lent", &own_work()).unwrap();
    let moon = film.source("archive:moon").object;
    film.vault
        .ledger()
        .revoke(&moon, Actor::person("Jean Doe"), None)
        .unwrap();
    film.text(
        "lent/rights.toml",
        "owner = \"Jean Doe\"\nterms = \"all right again\"\n",
    );
    let report = film.add_with("lent", &own_work()).unwrap();
    assert!(matches!(report.unusable.as_slice(), [(name, Clause::Revoked { .. })] if name == "lent/moon"));
}

#[test]
fn one_picture_with_two_owners_is_told_and_does_not_change_with_every_adding() {
    let film = Film::new();
    film.picture("all/a/moon.png", 1);
    film.picture("all/b/moon.png", 1);
    film.text(
        "all/a/rights.toml",
        "owner = \"Jean Doe\"\nterms = \"own work\"\n",
    );
    film.text("all/b/rights.toml", "owner = \"Robin Doe\"\nterms = \"lent\"\n");
    let report = film.add("all").unwrap();
    assert_eq!((report.declared, report.warnings.len()), (1, 1));
    assert!(
        report.warnings[0].contains("all/b/moon is the same picture as all/a/moon"),
        "{:?}",
        report.warnings
    );
    assert_eq!(film.add("all").unwrap().declared, 0);
    assert_eq!(
        film.source("archive:moon").standing.rights.unwrap().owner,
        "Jean Doe"
    );
}

#[test]
fn a_mistake_names_file_line_and_mend_and_adds_nothing() {
    let film = Film::new();
    film.picture("lent/moon.png", 1);
    film.picture("lent/more/sea.png", 2);
    let error_of = |text: &str| {
        film.text("lent/more/rights.toml", text);
        let error = film.add_with("lent", &own_work()).unwrap_err();
        assert!(matches!(error, AddError::Rights(_)));
        assert!(film.names().is_empty());
        error.to_string()
    };
    for (text, place, mend) in [
        ("\nownr = \"Jean\"", "rights.toml:2:1", "write `owner`"),
        ("license = \"CC0\"", "rights.toml:1:1", "write `terms`"),
        ("owner = Jean", "rights.toml:1:", "quotes"),
        ("owner = \" \"", "rights.toml:1:9", "a few words"),
        ("terms = \"\"", "rights.toml:1:9", "on what terms"),
        ("scope = [\"looking\"]", "rights.toml:1:10", "write \"look\""),
        ("scope = \"look\"", "rights.toml:1:9", "scope = [\"look\"]"),
        ("until = \"soon\"", "rights.toml:1:9", "2027-03-01"),
        (
            "terms_file = \"terms.txt\"",
            "rights.toml:1:14",
            "put the file there",
        ),
        (
            "terms_file = \"../../etc/passwd\"",
            "rights.toml:1:14",
            "into this folder",
        ),
        (
            "[file.\"see.png\"]\nowner = \"Jean\"",
            "rights.toml:1:",
            "[file.\"sea.png\"]",
        ),
        (
            "[file.sea.png]\nowner = \"Jean\"",
            "rights.toml:1:",
            "[file.\"sea.png\"], with the quotes",
        ),
        (
            "[file.\"../moon.png\"]\nowner = \"Jean\"",
            "rights.toml:1:",
            "name.jpg",
        ),
    ] {
        let error = error_of(text);
        assert!(error.contains(place) && error.contains(mend), "{text}\n{error}");
    }
    fs::write(film.path("lent/more/rights.toml"), [0xff, 0xfe, 0x00]).unwrap();
    assert!(
        film.add("lent")
            .unwrap_err()
            .to_string()
            .contains("rights.toml could not be read")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn reading_never_panics(text in "(owner|terms|scope|until|file|people|[\\[\\]\"=.,\n {}']|[a-z0-9-]{1,6}|\\PC){0,40}") {
        let _ = rights_toml::parse("rights.toml", &text, None);
    }
}

#[test]
fn the_people_shown_consent_in_the_same_file() {
    let film = Film::new();
    film.picture("family/baby.png", 1);
    film.text("family/letter.txt", "Yes. Jean");
    let toml =
        |more: &str| format!("owner = \"Robin\"\nterms = \"own work\"\npeople = [\"Jean Doe\"]\n{more}");
    film.text("family/rights.toml", &toml(""));
    film.add("family").unwrap();
    let allows = |wanted| film.source("archive:baby").standing.allows(wanted, TODAY);
    assert!(matches!(allows(Use::Generate), Err(Clause::NoConsent { .. })));

    let consent = "[person.\"Jean Doe\"]\nterms_file = \"letter.txt\"\ngiven_by = \"her mother\"\nscope = [\"generate\"]\n";
    film.text("family/rights.toml", &toml(consent));
    assert_eq!(film.add("family").unwrap().consents, 1);
    assert_eq!(
        film.add("family").unwrap().consents,
        0,
        "what stands already is not said again"
    );
    assert_eq!(allows(Use::Generate), Ok(()));
    assert!(matches!(
        allows(Use::Publish),
        Err(Clause::ConsentOutsideScope { .. })
    ));
    let held = film
        .vault
        .ledger()
        .consent_of("Jean Doe")
        .unwrap()
        .consent
        .unwrap();
    assert_eq!(held.given_by.as_deref(), Some("her mother"));
    assert_eq!(film.vault.read(&held.terms_file.unwrap()).unwrap(), b"Yes. Jean");

    film.text(
        "family/rights.toml",
        &toml("[person.\"Jean Doe\"]\nscope = [\"generate\"]\n"),
    );
    let Err(AddError::Rights(problems)) = film.add("family") else {
        panic!("a consent without terms is none");
    };
    assert!(
        problems.to_string().contains("does not say how they consented"),
        "{problems}"
    );
}
