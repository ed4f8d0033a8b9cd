//! Consents of the people shown, and what a revocation touches.

#![allow(clippy::unwrap_used, reason = "a test may end at the first thing wrong")]

use heirloom_vault::{Actor, Clause, Consent, NewAct, ObjectId, Rights, Use, Vault, Verb};
use jiff::civil::{Date, date};
use tempfile::TempDir;

const TODAY: Date = date(2026, 11, 26);

fn vault() -> (TempDir, Vault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    (folder, vault)
}

fn ada() -> Actor {
    Actor::person("Ada")
}

/// A photograph that shows Jean.
fn of_jean(vault: &Vault) -> ObjectId {
    let photograph = vault.put_bytes(b"Jean on the beach").unwrap();
    let rights = Rights {
        people: vec!["Jean Doe".into()],
        ..Rights::new("Ada", "own work")
    };
    vault
        .ledger()
        .declare(&photograph, &rights, ada(), false)
        .unwrap();
    photograph
}

#[test]
fn who_is_shown_must_have_consented() {
    let (_folder, vault) = vault();
    let (ledger, photograph) = (vault.ledger(), of_jean(&vault));
    let allows = |wanted| ledger.rights_of(&photograph).unwrap().allows(wanted, TODAY);
    assert_eq!(
        allows(Use::Look),
        Ok(()),
        "to look at it while the film is made needs nobody's consent"
    );
    let person = "Jean Doe".to_owned();
    assert_eq!(
        allows(Use::Generate),
        Err(Clause::NoConsent {
            person: person.clone()
        })
    );
    let words = allows(Use::Generate).unwrap_err().to_string();
    assert!(
        words.contains("heirloom rights grant --person \"Jean Doe\""),
        "{words}"
    );

    let consent = Consent {
        scope: [Use::Generate].into(),
        until: Some(date(2027, 1, 1)),
        ..Consent::new("in writing")
    };
    ledger.consent("Jean Doe", &consent, ada(), false).unwrap();
    assert_eq!(allows(Use::Generate), Ok(()));
    let scope = consent.scope.clone();
    let wanted = Use::Train;
    assert_eq!(
        ledger
            .rights_of(&photograph)
            .unwrap()
            .allows(Use::Publish, date(2027, 1, 2)),
        Err(Clause::ConsentExpired {
            person: person.clone(),
            until: date(2027, 1, 1)
        })
    );
    // The photograph itself may not train either: the owner's clause is named first.
    assert!(matches!(allows(wanted), Err(Clause::OutsideScope { .. })));
    assert_eq!(
        allows(Use::Publish),
        Err(Clause::ConsentOutsideScope {
            person,
            wanted: Use::Publish,
            scope
        })
    );
}

#[test]
fn a_consent_taken_back_outlasts_files_and_reads_alike_in_one_go() {
    let (_folder, vault) = vault();
    let (ledger, photograph) = (vault.ledger(), of_jean(&vault));
    let consent = Consent::new("in writing");
    ledger.consent("Jean Doe", &consent, ada(), false).unwrap();
    ledger
        .revoke_consent(" Jean Doe ", Actor::person("Jean Doe"), Some("no longer".into()))
        .unwrap();
    ledger
        .consent("Jean Doe", &consent, Actor::program(), false)
        .unwrap();
    // Only a person can mean it anew.
    ledger
        .consent("Jean Doe", &consent, Actor::program(), true)
        .unwrap();
    for standing in [
        ledger.rights_of(&photograph).unwrap(),
        ledger.standings().unwrap().remove(&photograph).unwrap(),
    ] {
        let clause = standing.allows(Use::Generate, TODAY).unwrap_err();
        assert!(clause.to_string().contains("no longer"), "{clause}");
    }
    ledger.consent("Jean Doe", &consent, ada(), true).unwrap();
    assert_eq!(
        ledger
            .rights_of(&photograph)
            .unwrap()
            .allows(Use::Generate, TODAY),
        Ok(())
    );
}

#[test]
fn a_revocation_reaches_all_that_was_made_from_the_source_and_nothing_else() {
    let (_folder, vault) = vault();
    let ledger = vault.ledger();
    let id = |name: &str| ObjectId::of(name.as_bytes());
    let act = |verb, from: &[(&str, &str)], made: &[(&str, &str)]| {
        let mut act = NewAct::new(verb, ada(), "film");
        for (role, name) in from {
            act = act.input(*role, id(name));
        }
        for (role, name) in made {
            act = act.output(*role, id(name));
        }
        act
    };
    let acts = vec![
        act(Verb::Ingested, &[], &[("source", "moon")]),
        act(
            Verb::Styled,
            &[("source", "moon"), ("source", "sea")],
            &[("style", "night")],
        ),
        act(Verb::Requested, &[("source", "sea")], &[("request", "r1")]),
        act(Verb::Requested, &[("style", "night")], &[("request", "r2")]),
        act(Verb::Drawn, &[("request", "r1")], &[("take", "t1")]),
        act(Verb::Drawn, &[("request", "r2")], &[("take", "t2")]),
        act(Verb::Refused, &[("source", "moon")], &[]),
        act(Verb::Cut, &[("take", "t1"), ("take", "t2")], &[("cut", "c")]),
        act(Verb::Exported, &[("cut", "c")], &[("master", "m")]),
    ];
    let written = ledger.append_many(acts).unwrap();
    let touched = ledger.touched_by([id("moon")]).unwrap();
    let verbs: Vec<Verb> = touched.acts.iter().map(|act| act.verb).collect();
    assert_eq!(
        verbs,
        [
            Verb::Styled,
            Verb::Requested,
            Verb::Drawn,
            Verb::Cut,
            Verb::Exported
        ]
    );
    assert_eq!(touched.objects("take"), [id("t2")].into());
    assert_eq!(touched.objects("master"), [id("m")].into());
    assert!(ledger.touched_by([id("nothing")]).unwrap().is_empty());

    // The same acts in a ledger to which they come in another order, with clocks that disagree.
    let other = Vault::create(&_folder.path().join("other")).unwrap();
    for (n, act) in written.iter().rev().enumerate() {
        let shifted = act.at + jiff::SignedDuration::from_secs(-(n as i64));
        let edges = act.edges.clone();
        let mut again = NewAct::new(act.verb, act.by.clone(), act.subject.clone());
        again.edges = edges;
        other.ledger().insert(&again.at(shifted)).unwrap();
    }
    assert_eq!(other.ledger().touched_by([id("moon")]).unwrap().acts.len(), 5);
}
