//! Every step of every scheduler against diffusers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::Goldens;
use heirloom_engine_diffusion::schedule::{Schedule, ScheduleError, Solver, Stepper};

/// The schedule that a golden's name speaks of.
fn schedule(name: &str) -> Schedule {
    let words: Vec<&str> = name.split('.').collect();
    let number = |start: &str| -> f64 {
        words
            .iter()
            .find_map(|w| w.strip_prefix(start)?.parse().ok())
            .unwrap()
    };
    let (shift, steps) = (number("shift"), number("steps") as usize);
    match words[0] {
        "euler" => Schedule::euler(shift, steps, 1000),
        "unipc" => {
            let mut solver =
                Solver::named(words[1], number("order") as u64, !words.contains(&"full")).unwrap();
            solver.uncorrected = if words.contains(&"uncorrected") { 2 } else { 0 };
            Schedule::unipc(solver, shift, steps, 1000)
        }
        kind => {
            let times: &[f64] = if words[1] == "a" {
                &[1000.0, 750.0, 500.0, 250.0]
            } else {
                &[1000.0, 757.0, 522.0]
            };
            Schedule::few(times, shift, kind == "renoise", 1000)
        }
    }
    .unwrap()
}

#[test]
fn each_step_is_the_reference_s() {
    let goldens = Goldens::open("schedule");
    let names: Vec<String> = goldens
        .names()
        .filter_map(|n| n.strip_suffix(".start").map(str::to_owned))
        .collect();
    assert_eq!(names.len(), 21, "a case was added or lost: {names:?}");
    let mut worst = (0.0_f64, String::new());
    for name in &names {
        let schedule = schedule(name);
        let close = |got: &[f64], wanted: &str, far: f64| {
            let wanted = goldens.f64(&format!("{name}.{wanted}"));
            assert_eq!(got.len(), wanted.len(), "{name}");
            for (a, b) in got.iter().zip(wanted) {
                assert!((a - b).abs() <= far, "{name}: {a} instead of {b}");
            }
        };
        close(schedule.sigmas(), "sigmas", 1e-7);
        // UniPC's times are whole numbers cut off, so that a last digit's difference would be a whole step.
        close(
            schedule.times(),
            "times",
            if name.starts_with("unipc") { 0.0 } else { 1e-4 },
        );
        let mut sample = goldens.f32(&format!("{name}.start"));
        let outputs = goldens.f32(&format!("{name}.outputs"));
        let samples = goldens.f32(&format!("{name}.samples"));
        let size = sample.len();
        let mut noises = if schedule.takes_noise() {
            goldens.f32(&format!("{name}.noise"))
        } else {
            vec![]
        };
        let mut stepper = Stepper::new(&schedule);
        let mut steps = 0;
        while let Some(time) = stepper.time() {
            assert_eq!(time, schedule.times()[steps]);
            stepper
                .step(&outputs[steps * size..(steps + 1) * size], &mut sample, |noise| {
                    let rest = noises.split_off(size);
                    noise.copy_from_slice(&noises);
                    noises = rest;
                })
                .unwrap();
            assert!(sample.iter().all(|x| x.is_finite()), "{name}, step {steps}");
            if let Some(wanted) = samples.get(steps * size..(steps + 1) * size) {
                let far = common::apart(&sample, wanted);
                assert!(
                    far < 1e-4,
                    "{name}, step {steps}: {far} of the largest value apart"
                );
                if far > worst.0 {
                    worst = (far, format!("{name}, step {steps}"));
                }
            }
            steps += 1;
        }
        assert_eq!(steps, schedule.steps());
    }
    println!(
        "the furthest apart, by {:.1e} of the largest value: {}",
        worst.0, worst.1
    );
}

/// diffusers' last step of bh1 is infinity times nought; at no noise the estimate itself is all that is left.
#[test]
fn the_last_step_is_the_estimate() {
    for kind in ["bh1", "bh2"] {
        for lower in [true, false] {
            let schedule = Schedule::unipc(Solver::named(kind, 2, lower).unwrap(), 3.0, 5, 1000).unwrap();
            let plan = schedule.plan(4).unwrap();
            assert_eq!((plan.sample, plan.estimate, plan.before), (0.0, 1.0, 0.0));
        }
    }
}

/// A model that knows its picture is brought to it by every schedule.
#[test]
fn a_perfect_model_is_followed_to_its_picture() {
    let picture = [0.8_f32, -0.3, 0.1, 1.7];
    let start = [1.0_f32, -2.0, 0.5, 0.2];
    let schedules = [
        Schedule::unipc(Solver::default(), 5.0, 12, 1000).unwrap(),
        Schedule::unipc(Solver::named("bh1", 1, true).unwrap(), 3.0, 7, 1000).unwrap(),
        Schedule::euler(3.0, 9, 1000).unwrap(),
        Schedule::few(&[1000.0, 500.0], 5.0, true, 1000).unwrap(),
    ];
    for schedule in &schedules {
        let (mut sample, mut stepper) = (start.to_vec(), Stepper::new(schedule));
        for i in 0..schedule.steps() {
            let sigma = schedule.sigmas()[i] as f32;
            let output: Vec<f32> = sample.iter().zip(picture).map(|(x, p)| (x - p) / sigma).collect();
            stepper
                .step(&output, &mut sample, |noise| noise.fill(0.7))
                .unwrap();
        }
        assert!(common::apart(&sample, &picture) < 1e-5, "{sample:?}");
    }
}

#[test]
fn what_cannot_be_is_said() {
    let steps = |n| Schedule::unipc(Solver::default(), 5.0, n, 1000);
    assert_eq!(steps(0), Err(ScheduleError::Steps { asked: 0, most: 999 }));
    assert_eq!(
        steps(1000),
        Err(ScheduleError::Steps {
            asked: 1000,
            most: 999
        })
    );
    assert!(steps(999).is_ok());
    for shift in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            Schedule::euler(shift, 4, 1000),
            Err(ScheduleError::Shift(_))
        ));
    }
    for times in [
        &[500.0, 750.0][..],
        &[1001.0],
        &[500.0, 0.0],
        &[f64::NAN],
        &[500.0, 500.0],
    ] {
        assert!(
            matches!(
                Schedule::few(times, 5.0, false, 1000),
                Err(ScheduleError::Times(_))
            ),
            "{times:?}"
        );
    }
    assert!(Solver::named("bh3", 2, true).is_none() && Solver::named("bh2", 3, true).is_none());
    let schedule = steps(2).unwrap();
    let mut stepper = Stepper::new(&schedule);
    let mut sample = vec![0.0; 4];
    assert!(stepper.step(&[0.0; 3], &mut sample, |_| {}).is_err());
    stepper.step(&[0.0; 4], &mut sample, |_| {}).unwrap();
    stepper.step(&[0.0; 4], &mut sample, |_| {}).unwrap();
    assert!(
        stepper.step(&[0.0; 4], &mut sample, |_| {}).is_err(),
        "a step past the last"
    );
}

/// A clip that is made over begins at a later step, and its first step has none before it to look at.
#[test]
fn the_last_part_of_the_steps_is_a_run_of_its_own() {
    let all = Schedule::unipc(Solver::default(), 5.0, 10, 1000).unwrap();
    assert_eq!(all.last_part(1.0).unwrap(), all);
    let part = all.last_part(0.35).unwrap();
    assert_eq!(part.steps(), 3);
    assert_eq!(part.times(), &all.times()[7..]);
    assert_eq!(part.sigmas(), &all.sigmas()[7..]);
    let (first, same) = (part.plan(0).unwrap(), all.plan(7).unwrap());
    assert!(first.correction.is_none() && first.before == 0.0);
    assert!(same.correction.is_some() && same.before != 0.0);
    // The first order takes the same step wherever it begins.
    let single = Solver {
        order: 1,
        ..Solver::default()
    };
    let all = Schedule::unipc(single, 5.0, 10, 1000).unwrap();
    let (first, same) = (all.last_part(0.3).unwrap().plan(0).unwrap(), all.plan(7).unwrap());
    assert_eq!((first.sample, first.estimate), (same.sample, same.estimate));
    for strength in [0.0, -0.5, 1.01, f64::NAN, f64::INFINITY] {
        let said = all.last_part(strength).unwrap_err().to_string();
        assert!(said.contains("above 0, and 1 at most"), "{said}");
    }
    let said = all.last_part(0.09).unwrap_err().to_string();
    assert!(
        said.contains("none of 10 steps") && said.contains("0.100"),
        "{said}"
    );
    assert_eq!(all.last_part(0.1).unwrap().steps(), 1);
}
