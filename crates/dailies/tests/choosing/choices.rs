//! Judging takes, and taking back.

use heirloom_dailies::choices::{
    ChoiceError, Chooser, InForce, Judgement, ShotChoices, Standing, Ties, Verdict,
};
use heirloom_engine::gate::SourceGate;
use heirloom_vault::{Act, Filter, NewAct, Rights, Verb};
use proptest::prelude::*;
use serde_json::json;

use super::{Film, Open, SHOT, actor, at, done, film, take};

fn view(film: &Film) -> ShotChoices {
    ShotChoices::read(film.vault.ledger(), SHOT).unwrap()
}

fn verdict(film: &Film, n: u32) -> Verdict {
    view(film).standing(&take(n)).verdict
}

fn reject(reason: &str) -> Judgement {
    Judgement::Reject {
        reason: reason.into(),
    }
}

#[test]
fn judgements_are_kept_with_who_when_why_and_what_was_judged() {
    let film = Film::with_takes(3);
    let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
    let ties = Ties {
        request: Some(super::request(0)),
        prompt: "dusk".into(),
        version: Some(2),
        engine: "weightless".into(),
        seed: Some(u64::MAX),
        measures: [("sharpness".into(), 0.25), ("broken".into(), f64::NAN)].into(),
    };
    let act = ada.judge(SHOT, &take(0), &reject(" too dark "), &ties).unwrap();
    ada.judge(SHOT, &take(1), &Judgement::Choose, &ties).unwrap();
    ada.judge(SHOT, &take(2), &Judgement::Star(4), &ties).unwrap();
    ada.judge(SHOT, &take(2), &Judgement::Note("the hand".into()), &ties)
        .unwrap();
    ada.judge(SHOT, &take(2), &Judgement::Star(2), &ties).unwrap();

    let view = view(&film);
    assert_eq!(view.select(), Some(take(1)));
    let rejected = view.standing(&take(0));
    assert_eq!(
        (rejected.verdict, rejected.reason.as_deref()),
        (Verdict::Rejected, Some("too dark"))
    );
    let said = rejected.said.unwrap();
    assert_eq!((said.act, said.at, said.by), (act.id, act.at, actor("Ada")));
    let starred = view.standing(&take(2));
    assert_eq!((starred.verdict, starred.stars), (Verdict::Open, Some(2)));
    assert_eq!(
        (starred.notes.len(), starred.notes[0].text.as_str()),
        (1, "the hand")
    );
    // What was judged stands in the act itself; a number that is none does not.
    let kept = Ties::of(&film.vault.ledger().get(&act.id).unwrap().unwrap()).unwrap();
    let expected = Ties {
        measures: [("sharpness".into(), 0.25)].into(),
        ..ties
    };
    assert_eq!(kept, expected);
}

#[test]
fn a_shot_has_one_select_and_the_one_before_is_not_lost() {
    let film = Film::with_takes(2);
    let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
    let judge = |n, judgement: Judgement| ada.judge(SHOT, &take(n), &judgement, &Ties::default()).unwrap();
    judge(0, Judgement::Choose);
    judge(1, Judgement::Choose);
    assert_eq!(view(&film).select(), Some(take(1)));
    assert_eq!(verdict(&film, 0), Verdict::Replaced);
    // Turned down, it is the select no more; the one before it does not come back by itself.
    judge(1, reject("the sky breaks"));
    assert_eq!(
        (view(&film).select(), verdict(&film, 0)),
        (None, Verdict::Replaced)
    );
    ada.undo_last(Some(SHOT)).unwrap();
    assert_eq!(view(&film).select(), Some(take(1)));
    ada.undo_last(Some(SHOT)).unwrap();
    assert_eq!(
        (view(&film).select(), verdict(&film, 1)),
        (Some(take(0)), Verdict::Open)
    );
    judge(0, Judgement::Shelve { reason: None });
    assert_eq!(
        (view(&film).select(), verdict(&film, 0)),
        (None, Verdict::Shelved)
    );
}

#[test]
fn any_act_can_be_taken_back_by_its_id_and_put_in_force_again() {
    let film = Film::with_takes(2);
    let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
    let bo = Chooser::new(&film.vault, &Open, actor("Bo"));
    let first = ada
        .judge(SHOT, &take(0), &reject("no"), &Ties::default())
        .unwrap();
    ada.judge(SHOT, &take(1), &Judgement::Choose, &Ties::default())
        .unwrap();
    let back = bo.undo(&first.id).unwrap();
    assert_eq!(
        (verdict(&film, 0), verdict(&film, 1)),
        (Verdict::Open, Verdict::Chosen)
    );
    assert!(matches!(ada.undo(&first.id), Err(ChoiceError::TakenBack(id)) if id == first.id));
    ada.undo(&back.id).unwrap();
    assert_eq!(verdict(&film, 0), Verdict::Rejected);
    // The act on a take and its taking back are both found by the take.
    let on_take = film.vault.ledger().acts(&Filter::object(take(0))).unwrap();
    assert_eq!(on_take.iter().filter(|act| act.verb == Verb::Undone).count(), 2);
    // Bo has judged nothing; what Ada did is hers to take back by `undo_last`.
    assert!(matches!(
        bo.undo_last(None),
        Err(ChoiceError::NothingToUndo { .. })
    ));
    assert!(matches!(
        bo.redo_last(None),
        Err(ChoiceError::NothingToRedo { .. })
    ));
    ada.undo_last(None).unwrap();
    assert_eq!(verdict(&film, 1), Verdict::Open);
}

#[test]
fn one_redo_is_enough_where_two_took_the_same_back() {
    let film = Film::with_takes(1);
    let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
    let act = ada
        .judge(SHOT, &take(0), &Judgement::Choose, &Ties::default())
        .unwrap();
    ada.undo(&act.id).unwrap();
    // On another machine it was taken back too, before the ledgers were merged.
    let also = NewAct::new(Verb::Undone, actor("Bo"), SHOT).with_facts(json!({ "undoes": act.id }));
    film.vault.ledger().append(also).unwrap();
    assert_eq!(ada.redo_last(Some(SHOT)).unwrap().len(), 2);
    assert_eq!(view(&film).select(), Some(take(0)));
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_written() {
    let film = Film::with_takes(1);
    let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
    let before = film.vault.ledger().count().unwrap();
    let judge = |n, judgement: Judgement| {
        ada.judge(SHOT, &take(n), &judgement, &Ties::default())
            .unwrap_err()
    };
    assert!(matches!(judge(0, reject("  ")), ChoiceError::NoReason));
    assert!(matches!(judge(0, Judgement::Star(6)), ChoiceError::Stars(6)));
    assert!(matches!(
        judge(0, Judgement::Note("\n".into())),
        ChoiceError::EmptyNote
    ));
    assert!(judge(9, Judgement::Choose).to_string().contains("heirloom takes"));
    let asked = film.vault.ledger().acts(&Filter::verb(Verb::Requested)).unwrap();
    assert!(matches!(
        ada.undo(&asked[0].id),
        Err(ChoiceError::NotAChoice { .. })
    ));
    let unknown = done(super::drawn(7), 7).id;
    assert!(matches!(ada.undo(&unknown), Err(ChoiceError::NoAct(_))));
    assert_eq!(film.vault.ledger().count().unwrap(), before);
}

#[test]
fn nothing_is_chosen_whose_source_was_taken_back() {
    let film = film();
    let ledger = film.vault.ledger();
    let source = film.vault.put_bytes(b"a photograph").unwrap();
    ledger.append(super::drawn(0).input("source", source)).unwrap();
    let gate = SourceGate::new(&film.vault, jiff::civil::date(2027, 3, 1));
    let ada = Chooser::new(&film.vault, &gate, actor("Ada"));
    let choose = || ada.judge(SHOT, &take(0), &Judgement::Choose, &Ties::default());
    assert!(matches!(choose(), Err(ChoiceError::Refused { .. })));
    ledger
        .declare(&source, &Rights::new("Ada", "own work"), actor("Ada"), false)
        .unwrap();
    choose().unwrap();
    // To turn a take down needs nobody's leave.
    ledger.revoke(&source, actor("Ada"), Some("sold".into())).unwrap();
    let refused = choose().unwrap_err().to_string();
    assert!(refused.contains("can not be chosen"), "{refused}");
    ada.judge(SHOT, &take(0), &reject("its source is gone"), &Ties::default())
        .unwrap();
}

/// What a person may do next.
#[derive(Clone, Debug)]
enum Step {
    Judge(u32, Judgement),
    Undo,
    Redo,
}

fn judgement() -> impl Strategy<Value = Judgement> {
    prop_oneof![
        Just(Judgement::Choose),
        "[a-z]{1,4}".prop_map(|reason| Judgement::Reject { reason }),
        prop::option::of("[a-z]{1,4}").prop_map(|reason| Judgement::Shelve { reason }),
        (0_u8..=5).prop_map(Judgement::Star),
        "[a-z]{1,4}".prop_map(Judgement::Note),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u32..4, judgement()).prop_map(|(n, judgement)| Step::Judge(n, judgement)),
        3 => Just(Step::Undo),
        2 => Just(Step::Redo),
    ]
}

/// How takes stand by a plain list of judgements in force.
fn plainly(judgements: &[(u32, Judgement)]) -> Vec<Standing> {
    let mut standings = vec![Standing::default(); 4];
    for (n, judgement) in judgements {
        if *judgement == Judgement::Choose {
            for other in &mut standings {
                if other.verdict == Verdict::Chosen {
                    other.verdict = Verdict::Replaced;
                }
            }
        }
        let standing = &mut standings[*n as usize];
        match judgement {
            Judgement::Choose => (standing.verdict, standing.reason) = (Verdict::Chosen, None),
            Judgement::Reject { reason } => {
                (standing.verdict, standing.reason) = (Verdict::Rejected, Some(reason.clone()));
            }
            Judgement::Shelve { reason } => {
                (standing.verdict, standing.reason) = (Verdict::Shelved, reason.clone());
            }
            Judgement::Star(stars) => standing.stars = Some(*stars),
            Judgement::Note(_) => {}
        }
    }
    standings
}

/// One act of choosing that may stand in a merged ledger: on which take, what, and which earlier act it takes back.
fn any_acts() -> impl Strategy<Value = Vec<Act>> {
    let one = (
        0_u32..3,
        judgement(),
        prop::option::of(any::<prop::sample::Index>()),
        0_i64..12,
        0..2,
    );
    prop::collection::vec(one, 0..14).prop_map(|steps| {
        let mut acts: Vec<Act> = Vec::new();
        for (n, judgement, undoes, second, who) in steps {
            let by = actor(["Ada", "Bo"][who as usize]);
            let new = |verb| NewAct::new(verb, by.clone(), SHOT).input("take", take(n));
            let act = match (undoes.filter(|_| !acts.is_empty()), judgement) {
                (Some(which), _) => {
                    let target = which.get(&acts);
                    new(Verb::Undone).with_facts(json!({ "undoes": target.id }))
                }
                (None, Judgement::Choose) => new(Verb::Chosen),
                (None, Judgement::Reject { reason }) => new(Verb::Rejected).because(reason),
                (None, Judgement::Shelve { .. }) => new(Verb::Shelved),
                (None, Judgement::Star(stars)) => new(Verb::Starred).with_facts(json!({ "stars": stars })),
                (None, Judgement::Note(text)) => new(Verb::Noted).because(text),
            };
            acts.push(act.at(at(second)));
        }
        acts
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undo_and_redo_go_back_and_forth_as_in_an_editor(steps in prop::collection::vec(step(), 1..16)) {
        let film = Film::with_takes(4);
        let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
        let mut done: Vec<(u32, Judgement)> = Vec::new();
        let mut undone: Vec<(u32, Judgement)> = Vec::new();
        for step in steps {
            match step {
                Step::Judge(n, judgement) => {
                    ada.judge(SHOT, &take(n), &judgement, &Ties::default()).unwrap();
                    done.push((n, judgement));
                    undone.clear();
                }
                Step::Undo => {
                    let back = ada.undo_last(Some(SHOT));
                    prop_assert_eq!(back.is_ok(), !done.is_empty());
                    undone.extend(done.pop());
                }
                Step::Redo => {
                    let again = ada.redo_last(None);
                    prop_assert_eq!(again.is_ok(), !undone.is_empty());
                    done.extend(undone.pop());
                }
            }
            let view = view(&film);
            let notes = |n: u32| done.iter().filter(|(of, j)| *of == n && matches!(j, Judgement::Note(_))).count();
            for (n, expected) in (0..).zip(plainly(&done)) {
                let standing = view.standing(&take(n));
                prop_assert_eq!(standing.notes.len(), notes(n));
                prop_assert_eq!(
                    (standing.verdict, standing.reason, standing.stars),
                    (expected.verdict, expected.reason, expected.stars)
                );
            }
        }
    }

    #[test]
    fn merged_ledgers_give_the_same_view_whatever_the_order(
        acts in any_acts(), sides in prop::collection::vec(0..3, 14), shuffled in any::<u64>()
    ) {
        let whole = ShotChoices::of(SHOT, &acts);
        // In any order, and with some twice.
        let mut mixed = acts.clone();
        mixed.sort_by_key(|act| act.id.to_string().bytes().fold(shuffled, |h, b| h.rotate_left(7) ^ u64::from(b)));
        mixed.extend(acts.iter().take(3).cloned());
        prop_assert_eq!(&ShotChoices::of(SHOT, &mixed), &whole);
        // On two machines, each with a part and some in both; merged either way.
        let (one, other) = (film(), film());
        for (act, side) in acts.iter().zip(sides) {
            if side != 1 { one.vault.ledger().insert(act).unwrap(); }
            if side != 0 { other.vault.ledger().insert(act).unwrap(); }
        }
        one.vault.ledger().merge(other.vault.ledger()).unwrap();
        other.vault.ledger().merge(one.vault.ledger()).unwrap();
        prop_assert_eq!(&view(&one), &whole);
        prop_assert_eq!(&view(&other), &whole);
    }

    #[test]
    fn an_act_is_in_force_unless_one_in_force_takes_it_back(acts in any_acts()) {
        let force = InForce::of(&acts);
        for act in &acts {
            let undone = acts.iter().any(|other| {
                other.verb == Verb::Undone && other.facts["undoes"] == json!(act.id) && force.is(&other.id)
            });
            prop_assert_eq!(force.is(&act.id), !undone);
        }
    }
}
