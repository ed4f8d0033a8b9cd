//! What the takes came to.

use heirloom_dailies::choices::{Chooser, Judgement, Ties};
use heirloom_dailies::index::Index;
use heirloom_dailies::{report::report, subject};
use heirloom_film::{Film as Planned, parse};
use serde_json::json;

use super::{Film, Open, SHOT, actor, asked, drawn, film, take};

fn planned() -> Planned {
    let text = r#"
        [film]
        title = "First light"
        [[scene]]
        name = "cosmos"
        [[scene.shot]]
        name = "010"
        id = "sh-00000001"
        frames = 48
        kind = "living"
        sources = ["archive:a"]
        [[scene.shot]]
        name = "020"
        frames = 24
        kind = "living"
        sources = ["archive:a"]
        [[scene.shot]]
        name = "030"
        frames = 24
        kind = "plate"
        sources = ["archive:a"]
    "#;
    parse("film.toml", text).unwrap().film
}

#[test]
fn shots_and_film_are_counted_up() {
    let film = film();
    let ledger = film.vault.ledger();
    let plan = planned();
    let shots: Vec<_> = plan.shots().map(|(scene, shot)| subject(scene, shot)).collect();
    assert_eq!(shots, [SHOT, "shot:cosmos/020", "shot:cosmos/030"]);
    // Four takes of the first shot, of 10, 20, 30 and 40 frames; the third costs nothing that is known.
    for n in 0..4 {
        ledger.append(asked(SHOT, n)).unwrap();
        let mut act = drawn(n);
        if n != 2 {
            act.facts["cost_usd"] = json!(0.5);
        }
        ledger.append(act).unwrap();
    }
    // The second shot asked for one of them too, and has none of its own; a shot that is gone has one.
    ledger.append(asked("shot:cosmos/020", 3)).unwrap();
    ledger.append(asked("shot:gone", 5)).unwrap();
    ledger.append(drawn(5)).unwrap();
    let index = Index::open(&film.vault).unwrap();
    let count = || report(&film.vault, &index, &plan).unwrap();

    let before = count();
    assert_eq!(
        (before.film.takes, before.film.chosen, before.film.ratio()),
        (5, 0, None)
    );
    assert_eq!(before.film.takes_for_one(), None);

    let ada = Chooser::new(&film.vault, &Open, actor("Ada"));
    ada.judge(SHOT, &take(1), &Judgement::Choose, &Ties::default())
        .unwrap();
    let report = count();
    let labels: Vec<_> = report.shots.iter().map(|line| line.label.as_str()).collect();
    assert_eq!(labels, ["cosmos 010", "cosmos 020"]);
    let first = &report.shots[0];
    assert_eq!(
        (first.takes, first.chosen, first.frames_made, first.frames_used),
        (4, 1, 100, 48)
    );
    assert_eq!(
        (first.takes_for_one(), first.ratio()),
        (Some(4.0), Some(100.0 / 48.0))
    );
    assert_eq!((first.cost_usd, first.priced, first.usable_s), (1.5, 3, 2.0));
    assert_eq!(first.cost_for_second_usd(), Some(0.75));
    assert!(first.waited_s >= first.longest_s && first.longest_s > 0.0);
    assert_eq!(
        (report.shots[1].takes, report.shots[1].cost_for_second_usd()),
        (1, None)
    );
    let gone = report.gone.as_ref().unwrap();
    assert_eq!((gone.takes, gone.frames_made), (1, 60));
    // The shared take counts once.
    let all = &report.film;
    assert_eq!(
        (
            all.takes,
            all.chosen,
            all.frames_made,
            all.frames_used,
            all.cost_usd
        ),
        (5, 1, 160, 48, 1.5)
    );
    let shown = report.to_string();
    assert!(
        shown.contains("cosmos 010") && shown.contains("of 2 takes no cost was written down"),
        "{shown}"
    );
}

#[test]
fn a_film_without_takes_has_an_empty_report() {
    let film = Film::with_takes(0);
    let index = Index::open(&film.vault).unwrap();
    let report = report(&film.vault, &index, &planned()).unwrap();
    assert_eq!((report.film.takes, report.shots.len(), report.gone), (0, 2, None));
}
