//! Listing, filtering and ranking takes.

use heirloom_dailies::choices::{Chooser, Growth, Judgement, Ties, Verdict};
use heirloom_dailies::index::{Index, Measured, Order, Page, Query, Row};
use heirloom_film::{Limit, Rate};
use heirloom_vault::{Act, NewAct, ObjectId, Vault, Verb};
use proptest::prelude::*;
use serde_json::json;

use super::{Film, Open, SHOT, actor, asked, done, drawn, film, request, take};

const OTHER: &str = "shot:sh-00000002";

fn all(film: &Film, index: &Index) -> Vec<Row> {
    index.list(&film.vault, &Query::default()).unwrap().rows
}

fn takes(page: &Page) -> Vec<ObjectId> {
    page.rows.iter().map(|row| row.take).collect()
}

fn measured(index: &Index, n: u32, numbers: &[(&str, f64)]) {
    let measured = Measured {
        numbers: numbers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
        look: vec![n as f32, 0.5],
    };
    index.put_measured(&[(take(n), measured)]).unwrap();
}

#[test]
fn a_row_tells_all_that_the_ledger_knows() {
    let film = film();
    let ledger = film.vault.ledger();
    ledger.append(asked(SHOT, 0)).unwrap();
    let first = ledger.append(drawn(0)).unwrap();
    let growth = Growth {
        parent: take(0),
        note: Some("nearer to dusk".into()),
    };
    let when = ledger.append(growth.on(asked(SHOT, 1))).unwrap().at;
    let mut act = drawn(1).output("take", take(11));
    act.facts["cost_usd"] = json!(0.5);
    let second = ledger.append(act).unwrap();

    let index = Index::open(&film.vault).unwrap();
    measured(&index, 1, &[("sharpness", 0.25), ("broken", f64::INFINITY)]);
    let rows = all(&film, &index);
    assert_eq!(rows.len(), 3);
    let row = &rows[0];
    assert_eq!(
        (row.take, row.request, row.shot.as_str()),
        (take(0), request(0), SHOT)
    );
    assert_eq!(
        (row.label.as_str(), row.engine.as_str(), row.frames),
        ("cosmos 010", "weightless", 10)
    );
    assert_eq!(
        (row.draw, row.revision, row.seed, row.rate),
        (0, Some(3), Some(0), Some(Rate::CINEMA))
    );
    assert_eq!(
        (row.prompt.as_str(), row.version, row.drawn_at),
        ("words 0", Some(1), first.at)
    );
    assert_eq!((row.growth.clone(), row.cost_usd), (None, None));
    let row = rows.iter().find(|row| row.take == take(1)).unwrap();
    assert_eq!((row.growth.as_ref(), row.version), (Some(&growth), Some(2)));
    // Two outputs of one draw share its cost.
    assert_eq!(row.cost_usd, Some(0.25));
    let waited = second.at.duration_since(when).as_secs_f64();
    assert_eq!(row.waited_s, Some(waited));
    assert_eq!(row.measures, [("sharpness".to_owned(), 0.25)].into());
    let ties = row.ties();
    assert_eq!(
        (ties.request, ties.prompt.as_str(), ties.seed),
        (Some(request(1)), "words 1", Some(1))
    );
    assert_eq!(index.measured(&take(1)).unwrap().unwrap().look, [1.0, 0.5]);
    assert_eq!(index.measured(&take(0)).unwrap(), None);
}

#[test]
fn seed_and_rate_come_from_the_request_where_the_act_says_nothing() {
    let film = film();
    let asked_for = json!({ "seed": u64::MAX, "rate": { "num": 24000, "den": 1001 } });
    let request = film.vault.put_json(&asked_for).unwrap();
    let act = NewAct::new(Verb::Drawn, actor("weightless"), "request:1")
        .input("request", request)
        .output("take", take(0))
        .with_facts(json!({ "draw": 0, "frames": 24 }));
    film.vault.ledger().append(act).unwrap();
    let index = Index::open(&film.vault).unwrap();
    let row = &all(&film, &index)[0];
    assert_eq!(
        (row.seed, row.rate),
        (Some(u64::MAX), Rate::new(24000, 1001).ok())
    );
    // No shot asked for it: it is listed all the same.
    assert_eq!((row.shot.as_str(), row.waited_s), ("", None));
}

#[test]
fn takes_are_listed_by_shot_verdict_stars_and_measure() {
    let film = Film::with_takes(6);
    let ledger = film.vault.ledger();
    ledger.append(asked(OTHER, 5)).unwrap();
    let index = Index::open(&film.vault).unwrap();
    for n in 0..5 {
        measured(
            &index,
            n,
            &[
                ("sharpness", f64::from(n * 7 % 5) / 10.0),
                ("flicker", f64::from(n) / 10.0),
            ],
        );
    }
    let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
    let judge = |n, judgement: Judgement| ada.judge(SHOT, &take(n), &judgement, &Ties::default()).unwrap();
    judge(1, Judgement::Choose);
    judge(2, Judgement::Star(3));
    judge(3, Judgement::Star(5));
    judge(4, Judgement::Reject { reason: "no".into() });
    let list = |query: Query| index.list(&film.vault, &query).unwrap();
    let plain = Query::default;

    let shot = |name: &str| Query {
        shot: Some(name.into()),
        ..plain()
    };
    assert_eq!(takes(&list(shot(SHOT))), [0, 1, 2, 3, 4, 5].map(take));
    // A take that two shots asked for stands in both, and is judged in each by itself.
    assert_eq!(takes(&list(shot(OTHER))), [take(5)]);
    ada.judge(OTHER, &take(5), &Judgement::Choose, &Ties::default())
        .unwrap();
    let chosen = list(Query {
        verdicts: vec![Verdict::Chosen],
        ..plain()
    });
    let where_chosen: Vec<_> = chosen
        .rows
        .iter()
        .map(|row| (row.take, row.shot.as_str()))
        .collect();
    assert_eq!(where_chosen, [(take(1), SHOT), (take(5), OTHER)]);

    let newest = list(Query {
        order: Order::Newest,
        limit: Some(2),
        offset: 2,
        ..shot(SHOT)
    });
    assert_eq!((takes(&newest), newest.total), (vec![take(3), take(2)], 6));
    let stars = Query {
        order: Order::Stars,
        ..plain()
    };
    assert_eq!(takes(&list(stars)), [take(3), take(2)]);
    let four = Query {
        stars: Some(4),
        ..plain()
    };
    assert_eq!(takes(&list(four)), [take(3)]);
    let by = |name: &str, most_first| Order::Measure {
        name: name.into(),
        most_first,
    };
    let sharpest = list(Query {
        order: by("sharpness", true),
        measures: [("flicker".to_owned(), Limit::at_most(0.3))].into(),
        ..plain()
    });
    assert_eq!(takes(&sharpest), [2, 1, 3, 0].map(take));
    assert_eq!(sharpest.total, 4);
    let nowhere = list(Query {
        order: by("nowhere", true),
        ..plain()
    });
    assert_eq!(nowhere, Page::default());
    let second = list(Query {
        version: Some(2),
        ..shot(SHOT)
    });
    assert_eq!(takes(&second), [1, 3, 5].map(take));
    let summaries = index.summaries(
        &film.vault,
        &Query {
            version: Some(1),
            ..shot(SHOT)
        },
    );
    let flicker = summaries.unwrap()["flicker"];
    assert_eq!((flicker.takes, flicker.least, flicker.most), (3, 0.0, 0.4));
    assert!((flicker.mean - 0.2).abs() < 1e-12);
}

#[test]
fn a_damaged_index_is_made_anew() {
    let film = Film::with_takes(2);
    let index = Index::open(&film.vault).unwrap();
    assert_eq!(all(&film, &index).len(), 2);
    let path = index.path();
    drop(index);
    std::fs::write(&path, b"this is no database, however long one looks at it").unwrap();
    let index = Index::open(&film.vault).unwrap();
    assert_eq!(all(&film, &index).len(), 2);
}

#[test]
fn measures_outlast_another_ledger() {
    let film = Film::with_takes(1);
    let index = Index::open(&film.vault).unwrap();
    measured(&index, 0, &[("sharpness", 0.5)]);
    all(&film, &index);
    // An act that came in with an earlier time, by a merge: all rows are made anew.
    film.vault
        .ledger()
        .insert(&done(asked(OTHER, 0), -1_000_000))
        .unwrap();
    let rows = all(&film, &index);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.measures["sharpness"] == 0.5));
    measured(&index, 0, &[("flicker", 0.1)]);
    assert_eq!(
        all(&film, &index)[0].measures,
        [("flicker".to_owned(), 0.1)].into()
    );
}

/// Acts of any kind that bear on the index, in the order in which they are done.
fn any_acts() -> impl Strategy<Value = Vec<(Act, bool)>> {
    let one = (
        0_u32..6,
        0_u32..8,
        any::<bool>(),
        any::<prop::sample::Index>(),
        0_i64..40,
        any::<bool>(),
    );
    prop::collection::vec(one, 0..24).prop_map(|steps| {
        let mut acts: Vec<(Act, bool)> = Vec::new();
        for (n, kind, in_other, which, second, look) in steps {
            let shot = if in_other { OTHER } else { SHOT };
            let judged = |verb| NewAct::new(verb, actor("Ada"), shot).input("take", take(n));
            let act = match kind {
                0 => asked(shot, n),
                1 => Growth {
                    parent: take(n / 2),
                    note: None,
                }
                .on(asked(shot, n)),
                2 | 3 => drawn(n),
                4 => judged(Verb::Chosen),
                5 => judged(Verb::Starred).with_facts(json!({ "stars": n % 6 })),
                6 => NewAct::new(Verb::Culled, actor("Ada"), shot).with_facts(json!({ "takes": {
                    take(n).to_string(): { "fate": "dropped", "why": "flicker" },
                    take((n + 1) % 6).to_string(): { "fate": "kept", "place": 1, "why": "the best" },
                }})),
                _ if acts.is_empty() => judged(Verb::Rejected).because("no"),
                _ => {
                    let (target, _) = which.get(&acts);
                    let back = json!({ "undoes": target.id });
                    NewAct::new(Verb::Undone, actor("Ada"), &target.subject).with_facts(back)
                }
            };
            acts.push((done(act, second), look));
        }
        acts
    })
}

/// What is listed by an index made from nothing.
fn afresh(vault: &Vault) -> Vec<Row> {
    let folder = vault.dir().join("dailies");
    std::fs::remove_dir_all(&folder).unwrap();
    let index = Index::open(vault).unwrap();
    index.list(vault, &Query::default()).unwrap().rows
}

/// Labels of takes that a shot judged but never asked for are taken from another of its takes, whichever is known then.
fn unlabelled(mut rows: Vec<Row>) -> Vec<Row> {
    rows.iter_mut().for_each(|row| row.label.clear());
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    // Acts come in any order of time, as by merges; the index is looked at now and then.
    #[test]
    fn an_index_that_followed_the_ledger_is_as_one_made_anew(acts in any_acts()) {
        let film = film();
        let index = Index::open(&film.vault).unwrap();
        for (act, look) in &acts {
            film.vault.ledger().insert(act).unwrap();
            if *look {
                all(&film, &index);
            }
        }
        let followed = all(&film, &index);
        drop(index);
        prop_assert_eq!(unlabelled(followed), unlabelled(afresh(&film.vault)));
    }

    #[test]
    fn a_query_lets_through_what_a_plain_look_at_every_row_does(
        acts in any_acts(), shot in prop::option::of(any::<bool>()), verdict in prop::option::of(0_usize..6),
        stars in prop::option::of(0_u8..6), version in prop::option::of(1_u32..3), most in prop::option::of(0.0..1.0_f64),
        kept in any::<bool>(), by_measure in any::<bool>(), limit in prop::option::of(0_usize..8), offset in 0_usize..3,
    ) {
        let film = film();
        for (act, _) in &acts {
            film.vault.ledger().insert(act).unwrap();
        }
        let index = Index::open(&film.vault).unwrap();
        for n in 0..4 {
            measured(&index, n, &[("flicker", f64::from(n * 3 % 4) / 4.0)]);
        }
        let query = Query {
            shot: shot.map(|other| if other { OTHER } else { SHOT }.to_owned()),
            verdicts: verdict.map(|n| vec![Verdict::ALL[n], Verdict::Open]).unwrap_or_default(),
            stars, version, kept,
            measures: most.map(|most| ("flicker".to_owned(), Limit::at_most(most))).into_iter().collect(),
            order: if by_measure {
                Order::Measure { name: "flicker".into(), most_first: true }
            } else {
                Order::Newest
            },
            limit, offset,
            ..Query::default()
        };
        let mut expected = all(&film, &index);
        expected.retain(|row| {
            query.shot.as_ref().is_none_or(|shot| row.shot == *shot)
                && (query.verdicts.is_empty() || query.verdicts.contains(&row.standing.verdict))
                && stars.is_none_or(|stars| row.standing.stars.is_some_and(|n| n >= stars))
                && version.is_none_or(|version| row.version == Some(version))
                && most.is_none_or(|most| row.measures.get("flicker").is_some_and(|v| *v <= most))
                && (!kept || row.standing.kept.is_some())
                && (!by_measure || row.measures.contains_key("flicker"))
        });
        let key = |row: &Row| (row.drawn_at, row.take.to_string(), row.shot.clone());
        if by_measure {
            let flicker = |row: &Row| row.measures["flicker"];
            expected.sort_by(|a, b| flicker(b).total_cmp(&flicker(a)).then_with(|| key(a).cmp(&key(b))));
        } else {
            expected.sort_by(|a, b| {
                let ((at_a, take_a, shot_a), (at_b, take_b, shot_b)) = (key(a), key(b));
                at_b.cmp(&at_a).then((take_b, shot_b).cmp(&(take_a, shot_a)))
            });
        }
        let page = index.list(&film.vault, &query).unwrap();
        prop_assert_eq!(page.total, expected.len() as u64);
        let expected: Vec<Row> = expected.into_iter().skip(offset).take(limit.unwrap_or(usize::MAX)).collect();
        prop_assert_eq!(page.rows, expected);
    }
}
