//! Making loose pixels anew in a carried frame: what stays stays, and what comes is matter.

#![allow(clippy::unwrap_used)] // what fails here fails the test

use heirloom_engine_exemplar::synth::feature::Weights;
use heirloom_engine_exemplar::synth::guide;
use heirloom_engine_exemplar::synth::hash::Dice;
use heirloom_engine_exemplar::synth::matter::{Colour, Matter, Sheet, Spot, spot, spot_x, spot_y};
use heirloom_engine_exemplar::synth::pyramid::{Begin, Carried, Effort, Wish, synthesise};
use proptest::prelude::*;

const WIDE: usize = 61;
const HIGH: usize = 43;

fn matter() -> Matter {
    let (w, h) = (90, 70);
    let colour: Vec<Colour> = (0..w * h)
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let grain = Dice::new(1, i as u64).below(30) as usize;
            [
                ((x / 7 + y / 5) % 2 * 120 + x + grain) as u8,
                (y * 2 + grain) as u8,
                (200 - x - grain) as u8,
                0,
            ]
        })
        .collect();
    let barred = (0..w * h).map(|i| i % w > 60 && i / w < 20).collect();
    let mut sheets = vec![Sheet {
        width: w,
        height: h,
        colour,
        guide: vec![[0; 5]; w * h],
        barred,
    }];
    guide::steer(&mut sheets, 3);
    Matter::new(sheets, 3).unwrap()
}

/// A frame cut out of the matter, of which `locked` stays; made by so many threads.
fn mend(matter: &Matter, locked: &[bool], pull: u16, start: usize, threads: usize) -> (Vec<Spot>, Vec<Spot>) {
    let weights = Weights([256, 256, 256, 100, 100, 100, 100, 0]);
    let planes = matter.planes(&weights);
    let level = &matter.levels[0];
    let from: Vec<Spot> = (0..WIDE * HIGH)
        .map(|i| spot(i % WIDE + 2, i / WIDE + 22))
        .collect();
    let seen: Vec<usize> = from
        .iter()
        .map(|s| spot_y(*s) * level.width + spot_x(*s))
        .collect();
    let colour: Vec<Colour> = seen.iter().map(|i| level.colour[*i]).collect();
    let guide: Vec<_> = seen.iter().map(|i| level.guide[*i]).collect();
    let pull = vec![pull; WIDE * HIGH];
    let begin = Begin::Carried(Carried {
        from: &from,
        colour: &colour,
        pull: &pull,
        locked,
        start,
    });
    let wish = Wish {
        width: WIDE,
        height: HIGH,
        guide: &guide,
        stop: &|| false,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let effort = Effort::mending().for_texture(900);
    let made = pool.install(|| synthesise(matter, &planes, &weights, &wish, &begin, &effort, 5));
    (made.from, from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_locked_stays_and_what_is_loose_is_matter(
        blots in proptest::collection::vec((0..WIDE, 0..HIGH, 0_usize..12), 0..6),
        pull in prop_oneof![Just(0_u16), Just(100), Just(256)],
        start in 0_usize..4,
    ) {
        let matter = matter();
        let locked: Vec<bool> = (0..WIDE * HIGH)
            .map(|i| {
                let (x, y) = (i % WIDE, i / WIDE);
                !blots.iter().any(|b| b.0.abs_diff(x) <= b.2 && b.1.abs_diff(y) <= b.2)
            })
            .collect();
        let (made, from) = mend(&matter, &locked, pull, start, 1);
        for ((made, from), locked) in made.iter().zip(&from).zip(&locked) {
            let (x, y) = (spot_x(*made), spot_y(*made));
            prop_assert!(x < matter.levels[0].width && y < matter.levels[0].height);
            if *locked {
                prop_assert_eq!(made, from);
            }
        }
        prop_assert_eq!(mend(&matter, &locked, pull, start, 3).0, made);
    }
}

#[test]
fn a_hole_in_a_picture_is_filled_by_what_fits_it() {
    // With nothing pulled, the search itself must find what agrees with the rim: mostly whole pieces, not noise.
    let matter = matter();
    let locked: Vec<bool> = (0..WIDE * HIGH)
        .map(|i| !((20..36).contains(&(i % WIDE)) && (14..28).contains(&(i / WIDE))))
        .collect();
    let (made, _) = mend(&matter, &locked, 0, 2, 2);
    let goes_on = |i: usize| made[i] == made[i - 1].wrapping_add(1);
    let loose: Vec<usize> = (0..made.len()).filter(|i| !locked[*i]).collect();
    let whole = loose.iter().filter(|i| goes_on(**i)).count();
    assert!(whole * 2 > loose.len(), "{whole} of {}", loose.len());
}
