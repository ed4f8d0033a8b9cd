//! A thousand takes become ten.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_dailies::choices::{Chooser, Judgement, ShotChoices, Ties, Verdict};
use heirloom_dailies::cull::{ApplyError, Candidate, CullError, CullPlan, Fate, Why, apart, apply, cull};
use heirloom_dailies::index::{Index, Measured};
use heirloom_film::{Cull, Limit};
use heirloom_vault::{ObjectId, Verb};
use proptest::prelude::*;

use super::{Film, Open, SHOT, actor, take};

/// Numbers in an order that looks like chance.
fn chance(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn candidate(n: u32, measures: &[(&str, f64)], look: &[f32]) -> Candidate {
    Candidate {
        take: take(n),
        measures: measures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
        look: look.to_vec(),
        judged: false,
        question: None,
    }
}

fn rules(limits: &[(&str, Limit)]) -> Cull {
    Cull {
        limits: limits
            .iter()
            .map(|(name, limit)| ((*name).to_owned(), *limit))
            .collect(),
        ..Cull::default()
    }
}

fn words(plan: &CullPlan, n: u32) -> String {
    plan.takes[&take(n)].to_string()
}

/// A thousand takes: 30 sound ones that look like 24 different pictures, and 970 with one or two defects.
fn thousand() -> (Vec<Candidate>, BTreeSet<ObjectId>) {
    let mut next = chance(7);
    let pictures: Vec<Vec<f32>> = (0..24)
        .map(|_| (0..48).map(|_| next() as f32).collect())
        .collect();
    let mut candidates = Vec::new();
    let mut sound = BTreeSet::new();
    for n in 0..1000_u32 {
        // Takes of every kind in turn, so that neither order nor id tells the sound ones.
        let is_sound = n % 33 == 5 && sound.len() < 30;
        let mut numbers = [
            ("sharpness", 0.4 + 0.5 * next()),
            ("flicker", 0.015 * next()),
            ("exposure", 0.3 + 0.4 * next()),
            ("coherence", 0.05 * next()),
        ];
        if is_sound {
            sound.insert(take(n));
        } else {
            let defects = [0.35 * next(), 0.021 + next(), 0.95, 0.2 + next()];
            let first = (n % 4) as usize;
            numbers[first].1 = defects[first];
            if n % 3 == 0 {
                let second = (first + 1) % 4;
                numbers[second].1 = defects[second];
            }
        }
        // Six of the sound ones are near-identical to another.
        let picture = &pictures[if is_sound {
            sound.len() % 24
        } else {
            (n % 24) as usize
        }];
        let look: Vec<f32> = picture.iter().map(|v| v + 0.01 * (next() as f32 - 0.5)).collect();
        candidates.push(candidate(n, &numbers, &look));
    }
    (candidates, sound)
}

fn film_rules() -> Cull {
    rules(&[
        ("sharpness", Limit::at_least(0.38)),
        ("flicker", Limit::at_most(0.02)),
        (
            "exposure",
            Limit {
                at_least: Some(0.1),
                at_most: Some(0.9),
            },
        ),
        ("coherence", Limit::at_most(0.1)),
    ])
}

#[test]
fn a_thousand_with_thirty_sound_ones_become_ten_that_are_sound_and_not_alike() {
    let (candidates, sound) = thousand();
    assert_eq!(sound.len(), 30);
    let rules = film_rules();
    let plan = cull(SHOT, &candidates, &rules).unwrap();
    let kept = plan.kept();
    assert_eq!(kept.len(), 10);
    assert!(kept.iter().all(|take| sound.contains(take)));
    let looks: BTreeMap<_, _> = candidates.iter().map(|c| (c.take, &c.look)).collect();
    for (n, one) in kept.iter().enumerate() {
        for other in &kept[..n] {
            assert!(apart(looks[one], looks[other]) > rules.alike);
        }
    }
    let counts = plan.counts();
    assert_eq!((counts.unsound, counts.alike), (970, 6));
    assert_eq!(counts.kept + counts.shelved + counts.passed_over, 24);
    // Every drop says its reason, with a number.
    for (take, judged) in &plan.takes {
        if let Fate::Dropped(_) = judged.fate {
            let words = judged.to_string();
            assert!(words.bytes().any(|b| b.is_ascii_digit()), "{take}: {words}");
        }
    }
    assert!(plan.to_string().starts_with("1000 takes: 10 kept"), "{plan}");
}

#[test]
fn reasons_name_the_measure_its_number_and_the_limit() {
    let rules = film_rules();
    let sound = [
        ("sharpness", 0.5),
        ("flicker", 0.01),
        ("exposure", 0.5),
        ("coherence", 0.0),
    ];
    let with = |name: &str, value: f64| sound.map(|(n, v)| (n, if n == name { value } else { v }));
    let candidates = [
        candidate(0, &sound, &[0.0]),
        candidate(1, &with("flicker", 0.05), &[0.5]),
        candidate(2, &with("exposure", 0.05), &[1.0]),
        candidate(
            3,
            &[
                ("sharpness", 0.123_456),
                ("flicker", 0.02),
                ("exposure", 2.0),
                ("coherence", 0.0),
            ],
            &[1.5],
        ),
        candidate(4, &sound[..3], &[2.0]),
        candidate(5, &sound, &[]),
        candidate(6, &with("coherence", f64::NAN), &[3.0]),
        candidate(7, &with("flicker", 0.020_000_000_1), &[3.5]),
        candidate(8, &with("sharpness", 0.45), &[0.01]),
    ];
    let plan = cull(SHOT, &candidates, &rules).unwrap();
    assert_eq!(words(&plan, 1), "flicker is 0.05, and must be 0.02 or less");
    assert_eq!(words(&plan, 2), "exposure is 0.05, and must be from 0.1 to 0.9");
    assert_eq!(
        words(&plan, 3),
        "exposure is 2, and must be from 0.1 to 0.9; sharpness is 0.12346, and must be 0.38 or more"
    );
    assert_eq!(words(&plan, 4), "not measured yet: it has no coherence");
    assert_eq!(words(&plan, 5), "not measured yet: it has no look");
    assert_eq!(words(&plan, 6), "not measured yet: it has no coherence");
    // Rounded it would seem to hold.
    assert_eq!(
        words(&plan, 7),
        "flicker is 0.0200000001, and must be 0.02 or less"
    );
    let nearly = format!(
        "nearly the same as {}, which is as good or better: 0.01 apart",
        take(0).short()
    );
    assert_eq!(words(&plan, 8), nearly);
    assert_eq!(plan.kept(), [take(0)]);
}

#[test]
fn the_unusual_are_shelved_the_most_unusual_first() {
    let mut next = chance(3);
    let mut candidates: Vec<Candidate> = (0..40)
        .map(|n| {
            candidate(
                n,
                &[("sharpness", 0.5 + f64::from(n) / 100.0)],
                &[next() as f32, next() as f32],
            )
        })
        .collect();
    // Far from the rest, and sound, but the least sharp: quality alone would let them go.
    candidates.push(candidate(40, &[("sharpness", 0.4)], &[4.0, 4.0]));
    candidates.push(candidate(41, &[("sharpness", 0.39)], &[9.0, -9.0]));
    candidates.push(candidate(42, &[("sharpness", 0.1)], &[20.0, 20.0]));
    let rules = Cull {
        keep: 3,
        difference: 0.0,
        alike: 0.001,
        ..rules(&[("sharpness", Limit::at_least(0.3))])
    };
    let plan = cull(SHOT, &candidates, &rules).unwrap();
    assert_eq!(plan.kept(), [take(39), take(38), take(37)]);
    assert_eq!(plan.shelved()[..2], [take(41), take(40)]);
    assert!(words(&plan, 41).starts_with("sound and unusual: "));
    // What is not sound is no happy accident.
    assert!(words(&plan, 42).starts_with("sharpness is 0.1"));
    let none = Cull {
        shelve: 0,
        ..rules.clone()
    };
    assert_eq!(cull(SHOT, &candidates, &none).unwrap().counts().shelved, 0);
    // With more weight on difference they are among the few themselves.
    let different = Cull {
        difference: 0.9,
        ..rules
    };
    assert!(
        cull(SHOT, &candidates, &different)
            .unwrap()
            .kept()
            .contains(&take(41))
    );
}

#[test]
fn weights_decide_what_is_good() {
    let candidates = [
        candidate(0, &[("sharpness", 0.9), ("flicker", 0.9)], &[0.0]),
        candidate(1, &[("sharpness", 0.1), ("flicker", 0.1)], &[1.0]),
        candidate(2, &[("sharpness", 0.5), ("flicker", 0.5)], &[2.0]),
    ];
    let best = |weights: &[(&str, f64)]| {
        let rules = Cull {
            keep: 1,
            weights: weights.iter().map(|(n, w)| ((*n).to_owned(), *w)).collect(),
            ..Cull::default()
        };
        cull(SHOT, &candidates, &rules).unwrap().kept()
    };
    assert_eq!(best(&[("sharpness", 1.0)]), [take(0)]);
    assert_eq!(best(&[("flicker", -1.0)]), [take(1)]);
    assert_eq!(best(&[("sharpness", 1.0), ("flicker", -3.0)]), [take(1)]);
    assert_eq!(best(&[("sharpness", 3.0), ("flicker", -1.0)]), [take(0)]);
}

#[test]
fn what_can_not_be_culled_is_told_with_the_mend() {
    let rules = rules(&[("sharpnes", Limit::at_least(0.3))]);
    let one = candidate(0, &[("sharpness", 0.5)], &[0.0]);
    let error = cull(SHOT, std::slice::from_ref(&one), &rules).unwrap_err();
    assert!(error.to_string().ends_with("write `sharpness`"), "{error}");
    let twice = cull(SHOT, &[one.clone(), one.clone()], &Cull::default()).unwrap_err();
    assert_eq!(twice, CullError::Twice(take(0)));
    let other = candidate(1, &[("sharpness", 0.5)], &[0.0, 1.0]);
    assert!(matches!(
        cull(SHOT, &[one, other], &Cull::default()),
        Err(CullError::Looks { .. })
    ));
    assert!(cull(SHOT, &[], &Cull::default()).unwrap().takes.is_empty());
}

/// Takes 0 to 5 measured: 0 and 1 sound, 2 to 5 not.
fn measured_film() -> (Film, Index) {
    let film = Film::with_takes(6);
    let index = Index::open(&film.vault).unwrap();
    let measured = |n: u32| Measured {
        numbers: [("flicker".to_owned(), if n < 2 { 0.01 } else { 0.5 })].into(),
        look: vec![n as f32],
    };
    let all: Vec<_> = (0..6).map(|n| (take(n), measured(n))).collect();
    index.put_measured(&all).unwrap();
    (film, index)
}

#[test]
fn a_cull_is_one_act_taken_back_in_one_go_and_outweighed_by_hand() {
    let (film, index) = measured_film();
    let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
    ada.judge(SHOT, &take(5), &Judgement::Star(1), &Ties::default())
        .unwrap();
    let rules = rules(&[("flicker", Limit::at_most(0.02))]);
    let plan = cull(SHOT, &index.candidates(&film.vault, SHOT).unwrap(), &rules).unwrap();
    // One with a star is a person's.
    assert_eq!(plan.takes[&take(5)].fate, Fate::LeftAlone);
    let before = film.vault.ledger().count().unwrap();
    let act = apply(&film.vault, &plan, actor("Ada")).unwrap();
    assert_eq!(
        (act.verb, film.vault.ledger().count().unwrap()),
        (Verb::Culled, before + 1)
    );

    let view = || ShotChoices::read(film.vault.ledger(), SHOT).unwrap();
    let verdicts = |n: u32| view().standing(&take(n)).verdict;
    assert_eq!([0, 1, 2, 3, 4, 5].map(verdicts), {
        use Verdict::{Culled, Open};
        [Open, Open, Culled, Culled, Culled, Open]
    });
    let standing = view().standing(&take(3));
    assert_eq!(
        standing.reason.as_deref(),
        Some("flicker is 0.5, and must be 0.02 or less")
    );
    assert!(standing.by_cull && standing.said.unwrap().act == act.id);
    let mut places: Vec<_> = [0, 1].map(|n| view().standing(&take(n)).kept).into();
    places.sort_unstable();
    assert_eq!(places, [Some(1), Some(2)]);

    // A person's word stands over it, before and after.
    ada.judge(SHOT, &take(3), &Judgement::Choose, &Ties::default())
        .unwrap();
    assert_eq!((verdicts(3), view().select()), (Verdict::Chosen, Some(take(3))));
    apply(&film.vault, &plan, actor("Ada")).unwrap();
    assert_eq!(verdicts(3), Verdict::Chosen);
    ada.undo_last(Some(SHOT)).unwrap();
    assert_eq!((verdicts(2), verdicts(3)), (Verdict::Culled, Verdict::Chosen));
    ada.undo(&act.id).unwrap();
    assert_eq!(
        (verdicts(2), verdicts(3), view().standing(&take(0)).kept),
        (Verdict::Open, Verdict::Chosen, None)
    );
    // Every take is still in the ledger and in the index.
    assert_eq!(index.candidates(&film.vault, SHOT).unwrap().len(), 6);
}

#[test]
fn a_later_cull_brings_back_what_its_rules_allow() {
    let (film, index) = measured_film();
    let culled = |most: f64| {
        let candidates = index.candidates(&film.vault, SHOT).unwrap();
        let plan = cull(SHOT, &candidates, &rules(&[("flicker", Limit::at_most(most))])).unwrap();
        apply(&film.vault, &plan, actor("Ada")).unwrap();
        let view = ShotChoices::read(film.vault.ledger(), SHOT).unwrap();
        (0..6)
            .filter(|n| view.standing(&take(*n)).verdict == Verdict::Culled)
            .count()
    };
    assert_eq!((culled(0.02), culled(0.6)), (4, 0));
}

#[test]
fn a_cull_of_nothing_measured_is_not_written() {
    let film = Film::with_takes(2);
    let index = Index::open(&film.vault).unwrap();
    let candidates = index.candidates(&film.vault, SHOT).unwrap();
    let plan = cull(SHOT, &candidates, &rules(&[("flicker", Limit::at_most(0.1))])).unwrap();
    assert_eq!(plan.counts().unmeasured, 2);
    assert!(matches!(
        apply(&film.vault, &plan, actor("Ada")),
        Err(ApplyError::Nothing(_))
    ));
}

fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    // Coarse numbers, so that ties are common.
    let number = || prop::option::weighted(0.9, (0_u8..6).prop_map(|n| f64::from(n) / 5.0));
    let look = prop::collection::vec((0_u8..5).prop_map(f32::from), 3);
    let one = (
        number(),
        number(),
        prop::option::weighted(0.9, look),
        prop::bool::weighted(0.1),
    );
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let mut candidates = Vec::new();
        for (n, (a, b, look, judged)) in (0..).zip(all) {
            let measures = [("a", a), ("b", b)];
            candidates.push(Candidate {
                take: take(n),
                measures: measures
                    .into_iter()
                    .filter_map(|(k, v)| Some((k.to_owned(), v?)))
                    .collect(),
                look: look.unwrap_or_default(),
                judged,
                question: None,
            });
        }
        candidates
    })
}

fn any_rules() -> impl Strategy<Value = Cull> {
    let fifths = || (0_u8..6).prop_map(|n| f64::from(n) / 5.0);
    (
        1_u32..6,
        0.0..2.0_f64,
        fifths(),
        0_u32..4,
        prop::option::of(fifths()),
        prop::option::of(fifths()),
    )
        .prop_map(|(keep, alike, difference, shelve, a, b)| Cull {
            keep,
            alike,
            difference,
            shelve,
            unusual: 1.2,
            limits: [
                a.map(|a| ("a".to_owned(), Limit::at_least(a))),
                b.map(|b| ("b".to_owned(), Limit::at_most(b))),
            ]
            .into_iter()
            .flatten()
            .collect(),
            weights: BTreeMap::new(),
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_cull_always_holds(candidates in any_candidates(), rules in any_rules(), turn in 0_usize..40) {
        let Ok(plan) = cull(SHOT, &candidates, &rules) else {
            // Only where a rule looks at a measure that happened to be nowhere.
            let has = |name: &str| candidates.iter().any(|c| c.measures.contains_key(name));
            prop_assert!(rules.limits.keys().any(|name| !has(name)));
            return Ok(());
        };
        // The order of what is handed in changes nothing.
        let mut turned = candidates.clone();
        turned.rotate_left(turn % candidates.len().max(1));
        turned.reverse();
        prop_assert_eq!(&cull(SHOT, &turned, &rules).unwrap(), &plan);

        let by_id: BTreeMap<_, _> = candidates.iter().map(|c| (c.take, c)).collect();
        prop_assert_eq!(plan.takes.len(), candidates.len());
        let holds = |take: &ObjectId| {
            rules.limits.iter().all(|(name, limit)| by_id[take].measures.get(name).is_some_and(|v| limit.holds(*v)))
        };
        let (kept, shelved) = (plan.kept(), plan.shelved());
        prop_assert!(kept.len() <= rules.keep as usize && shelved.len() <= rules.shelve as usize);
        for (n, one) in kept.iter().chain(&shelved).enumerate() {
            prop_assert!(holds(one) && !by_id[one].judged && !by_id[one].look.is_empty());
            for other in kept.iter().chain(&shelved).take(n) {
                prop_assert!(apart(&by_id[one].look, &by_id[other].look) > rules.alike);
            }
        }
        let mut sound = 0;
        for (take, judged) in &plan.takes {
            let candidate = by_id[take];
            prop_assert_eq!(candidate.judged, judged.fate == Fate::LeftAlone);
            prop_assert_eq!(judged.quality.is_some(), !matches!(
                judged.fate, Fate::LeftAlone | Fate::Unmeasured(_) | Fate::Dropped(Why::Unsound(_))
            ));
            sound += usize::from(judged.quality.is_some());
            prop_assert!(judged.quality.is_none_or(|q| (0.0..=1.0).contains(&q)));
            match &judged.fate {
                Fate::Dropped(Why::Unsound(breaches)) => {
                    prop_assert!(!breaches.is_empty());
                    for breach in breaches {
                        prop_assert_eq!(candidate.measures.get(&breach.measure), Some(&breach.value));
                        prop_assert!(!breach.limit.holds(breach.value));
                    }
                }
                Fate::Dropped(Why::Alike { to, distance }) => {
                    prop_assert!(*distance <= rules.alike);
                    prop_assert_eq!(apart(&candidate.look, &by_id[to].look), *distance);
                    prop_assert!(plan.takes[to].quality >= judged.quality);
                    let gone = matches!(plan.takes[to].fate, Fate::Dropped(Why::Alike { .. } | Why::Unsound(_)));
                    prop_assert!(!gone);
                }
                Fate::Dropped(Why::PassedOver { .. }) => prop_assert_eq!(kept.len(), rules.keep as usize),
                _ => {}
            }
        }
        // The best sound take is always among the few.
        prop_assert_eq!(kept.is_empty(), sound == 0);
        if let Some(first) = kept.first() {
            let most = plan.takes.values().filter_map(|j| j.quality).fold(0.0, f64::max);
            prop_assert_eq!(plan.takes[first].quality, Some(most));
        }
    }
}
