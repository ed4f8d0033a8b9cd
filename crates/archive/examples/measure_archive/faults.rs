//! Bad photographs told: each whole photograph made worse in a known way, and judged beside itself.

use heirloom_archive::judge::{Fault, Judgement, judge};
use rayon::prelude::*;

use crate::altered::Codes;
use crate::{Original, figure, share};

type Make = fn(&Codes) -> Codes;

/// What is done, how, and the fault that should be named.
const WORSE: [(&str, Make, Fault); 4] = [
    ("blurred by 3.5 pixels", |c| c.blurred(3), Fault::Blurred),
    ("grain of 15 codes", |c| c.noisy(15.0), Fault::Noisy),
    ("4 stops too dark", |c| c.exposed(-4.0), Fault::Dark),
    ("3 stops too light", |c| c.exposed(3.0), Fault::Bright),
];

/// How many that were made worse have the fault named and are ranked below themselves.
pub fn measure(originals: &[Original]) {
    let wholes: Vec<&Original> = originals.iter().filter(|o| o.whole).collect();
    let judged: Vec<(Judgement, Vec<Judgement>)> = wholes
        .par_iter()
        .map(|o| {
            let worse = WORSE.iter().map(|(_, make, _)| judged(&make(&o.codes))).collect();
            (judged(&o.codes), worse)
        })
        .collect();
    for (n, (what, _, fault)) in WORSE.iter().enumerate() {
        let clean: Vec<_> = judged
            .iter()
            .filter(|(own, _)| !own.faults().contains(fault))
            .collect();
        let named = clean
            .iter()
            .filter(|(_, worse)| worse[n].faults().contains(fault))
            .count();
        let note = format!("{named} of {} that did not have it before", clean.len());
        figure(
            &format!("{what}, fault named"),
            share(named, clean.len()),
            "",
            "higher",
            "-",
            &note,
        );
        let below = judged
            .iter()
            .filter(|(own, worse)| worse[n].quality() < own.quality())
            .count();
        let note = format!("{below} of {}", judged.len());
        figure(
            &format!("{what}, ranked below itself"),
            share(below, judged.len()),
            "",
            "higher",
            "-",
            &note,
        );
    }
    for (o, (own, _)) in wholes.iter().zip(&judged) {
        if !own.faults().is_empty() {
            println!("faulty: {} {:?}", o.name, own.faults());
        }
    }
    let faulty = judged.iter().filter(|(own, _)| !own.faults().is_empty()).count();
    let note = format!("{faulty} of {}; some are soft or dark on purpose", judged.len());
    figure(
        "unaltered, called faulty",
        share(faulty, judged.len()),
        "",
        "lower",
        "-",
        &note,
    );
}

fn judged(codes: &Codes) -> Judgement {
    let preview = codes.preview();
    judge(&preview.view().unwrap(), codes.width, codes.height)
}
