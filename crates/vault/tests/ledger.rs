//! The ledger: order, ids, append-only, merging, reading by filter, formats.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may end at the first thing wrong"
)]

use std::collections::BTreeSet;

use heirloom_vault::{
    Act, ActId, Actor, Edge, Filter, Ledger, NewAct, ObjectId, Role, Vault, VaultError, Verb, Way,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn ledger() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    (folder, ledger)
}

fn ids(ledger: &Ledger) -> BTreeSet<ActId> {
    ledger
        .acts(&Filter::default())
        .unwrap()
        .iter()
        .map(|act| act.id)
        .collect()
}

fn cut(subject: &str) -> NewAct {
    NewAct::new(Verb::Cut, Actor::person("Ada"), subject)
}

#[test]
fn acts_come_back_in_the_order_of_doing() {
    let (_folder, ledger) = ledger();
    let mut written: Vec<Act> = (0..20)
        .map(|n| ledger.append(cut(&format!("shot:{n}"))).unwrap())
        .collect();
    written.extend(
        ledger
            .append_many((20..40).map(|n| cut(&format!("shot:{n}"))).collect())
            .unwrap(),
    );
    assert_eq!(ledger.acts(&Filter::default()).unwrap(), written);
    assert!(written.windows(2).all(|pair| pair[0].at < pair[1].at));
    assert_eq!(ledger.count().unwrap(), 40);
    let newest = Filter {
        limit: Some(2),
        newest_first: true,
        ..Filter::default()
    };
    let newest: Vec<Act> = ledger.acts(&newest).unwrap();
    assert_eq!(newest, [written[39].clone(), written[38].clone()]);
}

#[test]
fn filters_narrow() {
    let (_folder, ledger) = ledger();
    let object = ObjectId::of(b"a photograph");
    let first = ledger.append(cut("film").input("take", object)).unwrap();
    let second = ledger
        .append(NewAct::new(Verb::Exported, Actor::program(), "film"))
        .unwrap();
    let only =
        |filter: Filter| -> Vec<ActId> { ledger.acts(&filter).unwrap().iter().map(|a| a.id).collect() };
    assert_eq!(only(Filter::object(object)), [first.id]);
    assert_eq!(only(Filter::verb(Verb::Exported)), [second.id]);
    assert_eq!(only(Filter::subject("film")), [first.id, second.id]);
    assert_eq!(
        only(Filter {
            since: Some(second.at),
            ..Filter::default()
        }),
        [second.id]
    );
    assert_eq!(
        only(Filter {
            verb: Some(Verb::Exported),
            ..Filter::object(object)
        }),
        []
    );
    assert_eq!(ledger.get(&first.id).unwrap(), Some(first));
    assert_eq!(
        ledger.get(&cut("film").at(Timestamp::UNIX_EPOCH).id).unwrap(),
        None
    );
}

#[test]
fn the_same_act_twice_is_one() {
    let (_folder, ledger) = ledger();
    let act = cut("film").at(Timestamp::UNIX_EPOCH);
    assert!(ledger.insert(&act).unwrap());
    assert!(!ledger.insert(&act).unwrap());
    assert_eq!(ledger.count().unwrap(), 1);
}

#[test]
fn an_act_that_was_changed_is_refused() {
    let (_folder, ledger) = ledger();
    let mut act = cut("film").at(Timestamp::UNIX_EPOCH);
    act.why = Some("something else".to_owned());
    assert!(matches!(ledger.insert(&act), Err(VaultError::BadAct { .. })));
}

/// The words that an id is the hash of are fixed for good: a change here breaks every ledger there is.
#[test]
fn the_id_of_a_known_act_never_changes() {
    let by = Actor {
        name: "Ada".into(),
        role: Role::Person,
        machine: "desk".into(),
    };
    let act = NewAct::new(Verb::Declared, by, "film")
        .input("source", ObjectId::of(b"moon"))
        .because("so that we may")
        .with_facts(json!({ "b": [1, 2.5], "a": null }))
        .at("2026-11-22T10:11:12.5Z".parse().unwrap());
    let words = concat!(
        r#"{"act":1,"at":"2026-11-22T10:11:12.500000000Z","by":{"machine":"desk","name":"Ada","role":"person"},"#,
        r#""edges":[{"object":"MOON","role":"source","way":"in"}],"facts":{"a":null,"b":[1,2.5]},"#,
        r#""subject":"film","verb":"declared","why":"so that we may"}"#
    );
    let words = words.replace("MOON", &ObjectId::of(b"moon").to_string());
    assert_eq!(act.id.to_string(), ObjectId::of(words.as_bytes()).to_string());
}

#[test]
fn acts_cannot_be_changed_or_removed() {
    let (folder, ledger) = ledger();
    ledger
        .append(cut("film").input("take", ObjectId::of(b"t")))
        .unwrap();
    let raw = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    for sql in [
        "UPDATE acts SET subject = 'x'",
        "DELETE FROM acts",
        "UPDATE edges SET role = 'x'",
        "DELETE FROM edges",
    ] {
        let error = raw.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(ledger.check().unwrap(), 1);
}

#[test]
fn a_ledger_tampered_with_is_found_out() {
    let (folder, ledger) = ledger();
    ledger.append(cut("film")).unwrap();
    let raw = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    raw.execute_batch("DROP TRIGGER acts_stay; UPDATE acts SET content = replace(content, 'Ada', 'Eve');")
        .unwrap();
    let error = ledger.check().unwrap_err();
    assert!(error.to_string().contains("do not match its id"), "{error}");
}

#[test]
fn a_newer_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(&folder.path().join("vault")).unwrap();
    let path = vault.ledger().path().to_owned();
    drop(vault);
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 77)
        .unwrap();
    let error = Vault::open(&folder.path().join("vault")).unwrap_err();
    assert!(matches!(error, VaultError::Newer { found: 77, .. }), "{error}");
}

#[test]
fn many_handles_may_append_at_once() {
    let (folder, ledger) = ledger();
    let path = folder.path().join("ledger.sqlite");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let other = Ledger::open(path).unwrap();
                (0..25).for_each(|n| drop(other.append(cut(&format!("shot:{thread}-{n}"))).unwrap()));
            });
        }
    });
    let acts = ledger.acts(&Filter::default()).unwrap();
    assert_eq!(acts.len(), 100);
    assert!(acts.windows(2).all(|pair| pair[0].at < pair[1].at));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4).prop_map(|m| m.into_iter().collect()),
        ]
    })
}

prop_compose! {
    fn any_act()(
        verb in prop::sample::select(Verb::ALL.to_vec()),
        name in ".{0,10}",
        subject in ".{0,20}",
        edges in prop::collection::vec((".{0,8}", any::<[u8; 32]>(), any::<bool>()), 0..4),
        why in prop::option::of(".{0,20}"),
        facts in any_json(),
        nanoseconds in 0_i64..4_000_000_000_000_000_000,
    ) -> Act {
        let edges = edges.into_iter().map(|(role, object, out)| Edge {
            role,
            object: ObjectId::from_bytes(object),
            way: if out { Way::Out } else { Way::In },
        }).collect();
        let by = Actor { name, role: Role::Engine, machine: "m".into() };
        NewAct { verb, by, subject, edges, why, facts }.at(Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_act_reads_back_as_written(acts in prop::collection::vec(any_act(), 1..8)) {
        let (_folder, ledger) = ledger();
        for act in &acts {
            ledger.insert(act).unwrap();
        }
        for act in &acts {
            prop_assert_eq!(ledger.get(&act.id).unwrap(), Some(act.clone()));
        }
        prop_assert_eq!(ledger.check().unwrap(), ids(&ledger).len() as u64);
    }

    #[test]
    fn ids_tell_acts_apart(one in any_act(), other in any_act()) {
        prop_assert_eq!(one.id == other.id, one == other);
    }

    #[test]
    fn merging_is_a_union(acts in prop::collection::vec((any_act(), any::<bool>(), any::<bool>()), 0..10)) {
        let ((_f1, left), (_f2, right), (_f3, both)) = (ledger(), ledger(), ledger());
        let mut all = BTreeSet::new();
        for (act, in_left, in_right) in &acts {
            if *in_left { left.insert(act).unwrap(); }
            if *in_right { right.insert(act).unwrap(); }
            if *in_left || *in_right { all.insert(act.id); }
        }
        both.merge(&right).unwrap();
        both.merge(&left).unwrap();
        let (of_left, of_right) = (ids(&left), ids(&right));
        prop_assert_eq!(left.merge(&right).unwrap(), of_right.difference(&of_left).count());
        right.merge(&left).unwrap();
        prop_assert_eq!(left.merge(&right).unwrap(), 0);
        prop_assert_eq!(left.merge(&left).unwrap(), 0);
        prop_assert_eq!(&ids(&left), &all);
        // The same acts in the same order, whatever the order of merging.
        let read = |ledger: &Ledger| ledger.acts(&Filter::default()).unwrap();
        prop_assert_eq!(read(&left), read(&right));
        prop_assert_eq!(read(&left), read(&both));
    }
}
