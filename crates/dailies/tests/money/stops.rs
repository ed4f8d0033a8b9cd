//! Caps are hard stops; prices that nobody knows; estimates.

use std::sync::atomic::Ordering;
use std::time::Duration;

use heirloom_dailies::money::{Quote, Reserving, Scope, Till, estimate, quote};
use heirloom_dailies::{Queue, Work};

use super::*;

#[test]
fn the_film_stops_at_its_cap_and_what_waits_stays_in_the_queue() {
    let room = Room::new("[budget]\nusd = 1.0", "", 6);
    let outcome = room.draw(Setup::default(), 1);
    assert_eq!((outcome.drawn, outcome.held, room.charges()), (3, 3, 3));
    let [(_, why)] = outcome.failed.as_slice() else {
        panic!("one error for the cap, not {:?}", outcome.failed);
    };
    for words in [
        "the budget of the film is reached: $0.90 of $1.00 are spent, $0.00 reserved",
        "the next draw of `server` costs $0.30",
        "raise `usd` of `[budget]` in film.toml to 1.20 or more, then run again",
    ] {
        assert!(why.contains(words), "{why}");
    }
    // They wait; they are not poison, and no worker waits for them.
    assert_eq!(
        (
            room.queue().counts(None).unwrap().queued,
            room.queue().held().unwrap().len()
        ),
        (3, 3)
    );
    assert!(room.queue().poison().unwrap().is_empty());
    assert_eq!(room.queue().open_jobs(&[]).unwrap(), 0);
    assert_eq!(room.help(Setup::default(), 1), 0);

    // No more money, no more draws; more money, and it goes on where it stopped.
    assert_eq!(room.draw(Setup::default(), 1).drawn, 0);
    room.write("[budget]\nusd = 1.2", "", 6);
    let outcome = room.draw(Setup::default(), 1);
    assert_eq!(
        (outcome.drawn, outcome.kept, outcome.held, room.charges()),
        (1, 3, 2, 4)
    );
    room.write("", "", 6);
    let outcome = room.draw(Setup::default(), 1);
    assert_eq!((outcome.drawn, outcome.held, room.charges()), (2, 0, 6));
    assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
    assert_eq!(room.accounts().film.spent, cents(180));
}

#[test]
fn a_scene_that_stops_does_not_stop_the_others() {
    let room = Room::new("", "budget_usd = 0.3", 6);
    let outcome = room.draw(Setup::default(), 1);
    assert_eq!((outcome.drawn, outcome.held), (1 + 3, 2));
    assert!(
        outcome.failed[0]
            .1
            .contains("the budget of scene \"a\" is reached")
            && outcome.failed[0].1.contains("raise `budget_usd` of scene \"a\""),
        "{:?}",
        outcome.failed
    );
    let accounts = room.accounts();
    let of_a = accounts
        .scenes
        .iter()
        .find(|a| a.scope == Scope::Scene("a".into()))
        .unwrap();
    assert_eq!(
        (of_a.spent, of_a.left, of_a.draws),
        (cents(30), Some(Usd::ZERO), 1)
    );
    // A scene is known by its id: a new name is not a new purse.
    let text = std::fs::read_to_string(room.root.join("film.toml")).unwrap();
    std::fs::write(
        room.root.join("film.toml"),
        text.replace("name = \"a\"", "name = \"dawn\""),
    )
    .unwrap();
    assert_eq!(room.draw(Setup::default(), 1).held, 2);
}

#[test]
fn an_engine_has_a_cap_of_its_own_and_a_stated_price_goes_before_its_cards() {
    let room = Room::new("[budget.engines.server]\nusd = 1.0\nusd_per_second = 0.25", "", 4);
    // 48 frames at 24 a second are two seconds.
    let outcome = room.draw(Setup::default(), 1);
    assert_eq!((outcome.drawn, outcome.held), (2, 2));
    assert!(
        outcome.failed[0]
            .1
            .contains("raise `usd` of `[budget.engines.server]`"),
        "{:?}",
        outcome.failed
    );
    assert_eq!(room.accounts().film.spent, cents(100));
}

#[test]
fn an_unknown_price_is_blocked_by_any_cap_that_covers_it_and_told_without_one() {
    let unknown = Setup {
        price: Price::Unknown,
        ..Setup::default()
    };
    for (budget, scene, held) in [
        ("[budget]\nusd = 1000", "", 4),
        ("[budget.engines.server]\nusd = 1000", "", 4),
        // The engine stops as a whole once it is known to have no price under a cap: shots of `a` come first.
        ("", "budget_usd = 1000", 4),
    ] {
        let room = Room::new(budget, scene, 4);
        let outcome = room.draw(unknown, 1);
        assert_eq!(
            (outcome.drawn, outcome.held, room.charges()),
            (0, held, 0),
            "{budget}"
        );
        let why = &outcome.failed[0].1;
        assert!(
            why.contains("nobody knows what a draw of the engine `server` costs")
                && why.contains("`usd_per_draw = 0.40`")
                && why.contains("under `[budget.engines.server]`"),
            "{why}"
        );
    }
    // The mend it names.
    let room = Room::new(
        "[budget]\nusd = 1000\n[budget.engines.server]\nusd_per_draw = 0.4",
        "",
        4,
    );
    assert_eq!(room.draw(unknown, 1).drawn, 4);
    assert_eq!(room.accounts().film.spent, cents(160));

    let room = Room::new("", "", 4);
    assert_eq!(room.draw(unknown, 1).drawn, 4);
    let accounts = room.accounts();
    assert_eq!((accounts.film.unpriced, accounts.film.spent), (4, Usd::ZERO));
    assert!(
        accounts
            .to_string()
            .contains("of 4 draws nobody knows what they cost"),
        "{accounts}"
    );
}

#[test]
fn what_costs_nothing_is_never_stopped_and_writes_nothing() {
    let free = Setup {
        price: Price::Free,
        ..Setup::default()
    };
    let room = Room::new("[budget]\nusd = 0", "budget_usd = 0", 4);
    assert_eq!(room.draw(free, 2).drawn, 4);
    assert!(
        room.vault()
            .ledger()
            .acts(&Filter::subject("spend"))
            .unwrap()
            .is_empty()
    );
    assert_eq!(room.accounts().film.draws, 0);
}

#[test]
fn reserved_before_it_is_handed_in_and_settled_with_the_take() {
    let room = Room::new("[budget]\nusd = 5", "", 1);
    let priced = Setup {
        bill: Bill::Cents(25),
        ..Setup::default()
    };
    room.draw(priced, 1);
    let words: Vec<(String, String)> = room
        .vault()
        .ledger()
        .acts(&Filter::default())
        .unwrap()
        .iter()
        .map(|act| {
            (
                act.verb.to_string(),
                act.facts["money"].as_str().unwrap_or("-").to_owned(),
            )
        })
        .filter(|(verb, _)| ["requested", "accounted", "drawn"].contains(&verb.as_str()))
        .collect();
    let words: Vec<&str> = words
        .iter()
        .map(|(verb, money)| {
            if money == "-" {
                verb.as_str()
            } else {
                money.as_str()
            }
        })
        .collect();
    assert_eq!(words, ["requested", "reserved", "submitted", "spent", "drawn"]);
    // The engine charged less than its price: that is what it cost.
    assert_eq!(room.accounts().film.spent, cents(25));
    let drawn = room.vault().ledger().acts(&Filter::verb(Verb::Drawn)).unwrap();
    assert_eq!(drawn[0].facts["cost_usd"].as_f64(), Some(0.25));
}

#[test]
fn a_stop_leaves_a_paid_job_with_its_engine_and_the_next_run_takes_it() {
    let room = Room::new("[budget]\nusd = 0.3", "", 1);
    let runs = Setup {
        ending: Ending::Runs,
        ..Setup::default()
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while room.charges() == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            room.stop.store(true, Ordering::SeqCst);
        });
        assert!(room.draw(runs, 1).stopped);
    });
    assert_eq!(room.accounts().film.reserved, cents(30));
    room.stop.store(false, Ordering::SeqCst);
    let outcome = room.draw(Setup::default(), 1);
    assert_eq!((outcome.drawn, room.charges()), (1, 1), "{:?}", outcome.failed);
    let film = room.accounts().film;
    assert_eq!((film.reserved, film.spent), (Usd::ZERO, cents(30)));
}

#[test]
fn what_gave_nothing_is_settled_as_the_engine_says() {
    let end = |ending, bill, memory| {
        let room = Room::new("[budget]\nusd = 5", "", 1);
        let setup = Setup {
            ending,
            bill,
            memory,
            ..Setup::default()
        };
        let outcome = room.draw(setup, 1);
        (room, setup, outcome)
    };
    // A failure that was not charged: released, tried again, and paid once.
    let (room, _, outcome) = end(Ending::FailsOnce, Bill::Nothing, Memory::Knows);
    assert_eq!((outcome.drawn, room.accounts().film.spent), (1, cents(30)));
    let (room, _, outcome) = end(Ending::BusyOnce, Bill::Nothing, Memory::Knows);
    assert_eq!(
        (outcome.drawn, room.charges(), room.accounts().film.spent),
        (1, 1, cents(30))
    );
    // A refusal that was not charged costs nothing.
    let (room, _, outcome) = end(Ending::Refuses, Bill::Nothing, Memory::Knows);
    assert_eq!((outcome.drawn, room.accounts().film.spent), (0, Usd::ZERO));
    assert_eq!(outcome.failed[0].1, "not this one");
    // One that was charged is paid, and not for a second time.
    for ending in [Ending::Fails, Ending::Refuses] {
        let (room, setup, outcome) = end(ending, Bill::Full, Memory::Knows);
        assert!(
            outcome.failed[0].1.contains("it cost $0.30 all the same"),
            "{:?}",
            outcome.failed
        );
        let again = room.draw(setup, 1);
        assert!(
            again.failed[0].1.contains("it is not paid for twice"),
            "{:?}",
            again.failed
        );
        assert_eq!((room.charges(), room.accounts().film.spent), (1, cents(30)));
    }
    // One of which nobody can say is laid aside, counts, and is never handed in again.
    let (room, setup, outcome) = end(Ending::Fails, Bill::CanNotSay, Memory::Forgets);
    assert!(
        outcome.failed[0].1.contains("can not say whether it was paid"),
        "{:?}",
        outcome.failed
    );
    assert_eq!(room.draw(setup, 1).drawn, 0);
    assert_eq!((room.charges(), room.accounts().film.uncertain), (1, cents(30)));
}

#[test]
fn an_estimate_says_what_is_there_what_it_costs_and_where_the_budget_ends() {
    let room = Room::new("[budget]\nusd = 1.0", "", 6);
    let setup = Setup {
        bill: Bill::Cents(15),
        ..Setup::default()
    };
    let estimated = || {
        let (plan, engines) = (room.plan(setup), room.engines(setup));
        estimate(&plan, &engines, &room.vault()).unwrap()
    };
    let before = estimated();
    assert_eq!(
        (before.all, before.there, before.to_draw(), before.within_budget),
        (6, 0, 6, 3)
    );
    assert_eq!(
        (before.usd(), before.unpriced(), before.seconds(1)),
        (cents(180), 0, None)
    );
    assert_eq!(before.stops[0].scope, Scope::Film);
    assert!(
        before.to_string().contains("6 draws, $1.80 by the price"),
        "{before}"
    );
    assert_eq!(room.charges(), 0, "an estimate drew something");

    // Paid draws cost half their price. The cap stops by prices: 0.15 + 0.15 ... until 0.30 no longer fits.
    let outcome = room.draw(setup, 1);
    assert_eq!((outcome.drawn, outcome.held), (5, 1));
    room.write("[budget]\nusd = 10.0", "", 6);
    let after = estimated();
    assert_eq!(
        (after.all, after.there, after.to_draw(), after.within_budget),
        (6, 5, 1, 1)
    );
    assert_eq!(
        (after.usd(), after.engines[0].measured, after.engines[0].timed),
        (cents(15), 5, 5)
    );
    let (seconds, of) = after.seconds(1).unwrap();
    assert!(seconds > 0.0 && seconds < 60.0 && of == 1, "{seconds}");
    assert!(after.stops.is_empty());
}

#[test]
fn prices_are_exact_parts_of_what_the_card_says() {
    let room = Room::new("", "", 1);
    let plan = room.plan(Setup::default());
    let Work::Draw { request, .. } = &plan.shots[0].work else {
        panic!("a plate")
    };
    let price = |price| quote(&price, request, &Caps::default()).usd.map(Usd::micros);
    assert_eq!(price(Price::Free), Some(0));
    assert_eq!(price(Price::PerSecondUsd(0.1)), Some(200_000));
    assert_eq!(price(Price::PerFrameUsd(0.000_001)), Some(48));
    assert_eq!(price(Price::PerDrawUsd(0.04)), Some(40_000));
    // Rounded up, never down.
    assert_eq!(price(Price::PerDrawUsd(1e-9)), Some(1));
    for unknown in [f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(price(Price::PerDrawUsd(unknown)), None);
    }
    assert!(Quote::is_free(&quote(&Price::Free, request, &Caps::default())));
}

/// Threads, each with a till and a ledger of its own, race for the last dollar.
#[test]
fn a_race_for_the_last_dollar_has_no_second_winner() {
    let room = Room::new("[budget]\nusd = 1.0", "", 1);
    let caps = Caps::of(&room.film());
    let won: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|racer| {
                let (room, caps) = (&room, &caps);
                scope.spawn(move || {
                    let vault = room.vault();
                    let till = Till::open(&vault).unwrap();
                    (0..10)
                        .filter(|n| {
                            let purpose = heirloom_dailies::money::Purpose {
                                draw: format!("{racer}-{n}"),
                                engine: "server".into(),
                                scene: "a".into(),
                                scene_id: None,
                                shot: "a 000".into(),
                                frames: 48,
                                usd: Some(cents(7)),
                            };
                            matches!(
                                till.reserve(caps, &purpose, Actor::program()).unwrap(),
                                Reserving::Done(_)
                            )
                        })
                        .count()
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    // 14 times 7 cents are 98.
    assert_eq!((won, room.accounts().film.reserved), (14, cents(98)));
}
