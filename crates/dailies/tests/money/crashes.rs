//! Processes die at every spot, and race for the last dollar: nothing is paid twice, no cap is passed.

use heirloom_dailies::money::{Ruling, rule};
use proptest::prelude::*;

use super::*;

const SPOTS: [Spot; 5] = [
    Spot::BeforeCharge,
    Spot::AfterCharge,
    Spot::InPoll,
    Spot::BeforeKept,
    Spot::AfterKept,
];

fn dying(spot: Spot, memory: Memory) -> Setup {
    Setup {
        memory,
        spot: Some(spot),
        ..Setup::default()
    }
}

#[test]
fn after_a_crash_the_engine_is_asked_and_its_outcome_taken() {
    for spot in SPOTS {
        let room = Room::new("[budget]\nusd = 0.3", "", 1);
        assert!(
            !room.process(dying(spot, Memory::Knows)).success(),
            "{spot:?} did not die"
        );
        let outcome = room.draw(Setup::default(), 1);
        assert!(outcome.takes[0].is_some(), "{spot:?}: {:?}", outcome.failed);
        assert_eq!((room.charges(), room.drawn()), (1, 1), "{spot:?}");
        let film = room.accounts().film;
        assert_eq!(
            (film.spent, film.reserved, film.uncertain),
            (cents(30), Usd::ZERO, Usd::ZERO)
        );
    }
}

#[test]
fn what_the_engine_knows_by_its_job_alone_is_found_where_the_job_is_known() {
    for (spot, is_found) in [(Spot::InPoll, true), (Spot::AfterCharge, false)] {
        let room = Room::new("[budget]\nusd = 5", "", 1);
        assert!(!room.process(dying(spot, Memory::ByJob)).success());
        let setup = Setup {
            memory: Memory::ByJob,
            ..Setup::default()
        };
        let outcome = room.draw(setup, 1);
        assert_eq!(
            outcome.takes[0].is_some(),
            is_found,
            "{spot:?}: {:?}",
            outcome.failed
        );
        assert_eq!(room.charges(), 1);
    }
}

#[test]
fn what_nobody_knows_waits_for_a_persons_word() {
    let setup = Setup {
        memory: Memory::Forgets,
        ..Setup::default()
    };
    for (spot, charged) in [(Spot::BeforeCharge, 0), (Spot::AfterCharge, 1)] {
        let room = Room::new("[budget]\nusd = 5", "", 1);
        assert!(!room.process(dying(spot, Memory::Forgets)).success());
        for _ in 0..2 {
            let outcome = room.draw(setup, 1);
            assert_eq!((outcome.drawn, room.charges()), (0, charged));
            assert!(
                outcome.failed[0].1.contains("it may have been paid"),
                "{:?}",
                outcome.failed
            );
        }
        assert_eq!(room.queue().poison().unwrap().len(), 1);
        let accounts = room.accounts();
        assert_eq!((accounts.film.uncertain, accounts.doubts.len()), (cents(30), 1));
        let digits = &accounts.doubts[0].draw[..12];
        assert!(
            rule(
                &room.vault(),
                "zz",
                Ruling::NotPaid,
                Actor::person("Ada"),
                "no such"
            )
            .is_err()
        );
        let ruling = if charged == 0 {
            Ruling::NotPaid
        } else {
            Ruling::Paid(None)
        };
        rule(
            &room.vault(),
            digits,
            ruling,
            Actor::person("Ada"),
            "looked at the bill",
        )
        .unwrap();
        let outcome = room.draw(setup, 1);
        let film = room.accounts().film;
        assert_eq!(
            (room.charges(), film.uncertain, film.spent),
            (1, Usd::ZERO, cents(30))
        );
        if charged == 0 {
            assert_eq!(outcome.drawn, 1, "what was not paid is handed in again");
        } else {
            assert!(
                outcome.failed[0].1.contains("it is not paid for twice"),
                "{:?}",
                outcome.failed
            );
        }
    }
}

/// A cap that was lowered since holds for what was reserved before it and is not paid.
#[test]
fn what_was_reserved_and_not_paid_is_measured_by_the_caps_of_today() {
    let room = Room::new("[budget]\nusd = 5", "", 1);
    assert!(!room.process(dying(Spot::BeforeCharge, Memory::Knows)).success());
    assert_eq!(room.accounts().film.reserved, cents(30));
    room.write("[budget]\nusd = 0.2", "", 1);
    let outcome = room.draw(Setup::default(), 1);
    assert_eq!((outcome.drawn, outcome.held, room.charges()), (0, 1, 0));
    assert_eq!(room.accounts().film.reserved, Usd::ZERO);
    room.write("[budget]\nusd = 0.3", "", 1);
    assert_eq!((room.draw(Setup::default(), 1).drawn, room.charges()), (1, 1));
}

#[test]
fn a_line_that_breaks_is_no_reason_to_pay_twice() {
    let room = Room::new("[budget]\nusd = 5", "", 1);
    let breaks = Setup {
        ending: Ending::LineBreaks,
        ..Setup::default()
    };
    let outcome = room.draw(breaks, 1);
    assert_eq!((outcome.drawn, room.charges()), (1, 1), "{:?}", outcome.failed);
    assert_eq!(room.accounts().film.spent, cents(30));
}

#[test]
fn an_engine_that_can_not_be_asked_is_asked_again_later() {
    let room = Room::new("[budget]\nusd = 5", "", 1);
    assert!(!room.process(dying(Spot::AfterCharge, Memory::Knows)).success());
    let away = Setup {
        memory: Memory::Away,
        ..Setup::default()
    };
    let outcome = room.draw(away, 1);
    assert_eq!(
        (outcome.drawn, room.charges(), room.accounts().film.reserved),
        (0, 1, cents(30))
    );
    assert_eq!(outcome.failed[0].1, "the server does not answer");
    assert_eq!((room.draw(Setup::default(), 1).drawn, room.charges()), (1, 1));
}

#[test]
fn what_costs_nothing_is_drawn_again_after_a_crash() {
    let free = Setup {
        price: Price::Free,
        memory: Memory::Forgets,
        ..Setup::default()
    };
    let room = Room::new("[budget]\nusd = 0", "", 1);
    let status = room.process(Setup {
        spot: Some(Spot::InPoll),
        ..free
    });
    assert!(!status.success());
    assert_eq!(room.draw(free, 1).drawn, 1);
}

#[test]
fn processes_that_race_for_the_last_dollar_do_not_pass_it() {
    let room = Room::new("[budget]\nusd = 2.0", "", 12);
    let mut lead = room.begin(Setup::default(), 2, false);
    let mut others: Vec<Child> = (0..2).map(|_| room.begin(Setup::default(), 2, true)).collect();
    assert!(lead.wait().unwrap().success());
    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    // Whoever came too late, or before the queue was there, leaves the rest to this one.
    room.draw(Setup::default(), 1);
    assert_eq!(
        (room.charges(), room.drawn(), room.accounts().film.spent),
        (6, 6, cents(180))
    );
    assert!(room.charged().values().all(|times| *times == 1));
    assert_eq!(room.queue().held().unwrap().len(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever process dies where, how often, and with whom beside it: every draw is charged at most once, the cap holds at
    /// every moment, and in the end as many takes are there as the cap lets be paid.
    #[test]
    fn crashes_anywhere_cost_nothing(
        deaths in prop::collection::vec((0_usize..5, any::<bool>()), 1..5),
        shots in 3_u32..6,
        cap_cents in prop::sample::select(vec![60_u64, 95, 500]),
    ) {
        let room = Room::new(&format!("[budget]\nusd = {}", cents(cap_cents).decimal()), "", shots);
        let affordable = (cap_cents / 30).min(u64::from(shots));
        for (spot, helped) in deaths {
            let mut dies = room.begin(dying(SPOTS[spot], Memory::Knows), 1, false);
            let helper = helped.then(|| room.begin(Setup::default(), 1, true));
            dies.wait().unwrap();
            if let Some(mut helper) = helper {
                // Its partner's jobs are its own only once their leases run out: it is not waited for.
                std::thread::sleep(std::time::Duration::from_millis(50));
                helper.kill().unwrap();
                helper.wait().unwrap();
            }
            prop_assert!(room.charged().values().all(|times| *times == 1), "{:?}", room.charged());
            prop_assert!(room.charges() as u64 <= affordable);
            let film = room.accounts().film;
            prop_assert!(film.spent.plus(film.reserved).plus(film.uncertain) <= cents(cap_cents));
            prop_assert!(film.spent.plus(film.reserved) >= cents(30 * room.charges() as u64));
        }
        let outcome = room.draw(Setup::default(), 2);
        let taken = outcome.takes.iter().flatten().count() as u64;
        prop_assert_eq!((taken, room.charges() as u64), (affordable, affordable), "{:?}", outcome.failed);
        let film = room.accounts().film;
        prop_assert_eq!((film.spent, film.reserved, film.uncertain), (cents(30 * affordable), Usd::ZERO, Usd::ZERO));
    }
}
