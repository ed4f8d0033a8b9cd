//! Colours that a display cannot show, brought back by less chroma at the same lightness and hue.

use heirloom_picture::oklab;

fn shown(lab: [f64; 3]) -> bool {
    oklab::to_linear(lab)
        .iter()
        .all(|v| (-1e-9..=1.0 + 1e-9).contains(v))
}

/// The largest chroma that a display shows at this lightness in the direction of (a, b), which has length 1.
pub(super) fn most_chroma(l: f64, [a, b]: [f64; 2]) -> f64 {
    if !(1e-6..1.0 - 1e-6).contains(&l) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 0.5);
    for _ in 0..30 {
        let middle = (low + high) / 2.0;
        if shown([l, middle * a, middle * b]) {
            low = middle
        } else {
            high = middle
        }
    }
    low
}

/// How far out a colour lies: 0 grey, 1 at the edge of what a display shows.
pub(super) fn share(lab: [f64; 3]) -> f64 {
    let chroma = libm::hypot(lab[1], lab[2]);
    if chroma < 1e-9 {
        return 0.0;
    }
    let most = most_chroma(lab[0], [lab[1] / chroma, lab[2] / chroma]);
    if most > 0.0 { (chroma / most).min(1.0) } else { 1.0 }
}

/// The colour within the gamut, lightness and hue kept. What lies beyond `knee` (a share of the largest chroma) is
/// pressed together rather than cut, so that colours outside do not all become one.
pub(super) fn held(lab: [f64; 3], knee: f64) -> [f64; 3] {
    let l = lab[0].clamp(0.0, 1.0);
    let chroma = libm::hypot(lab[1], lab[2]);
    if chroma < 1e-9 {
        return [l, 0.0, 0.0];
    }
    let direction = [lab[1] / chroma, lab[2] / chroma];
    let most = most_chroma(l, direction);
    let begin = knee.clamp(0.0, 1.0) * most;
    let room = most - begin;
    let over = chroma - begin;
    let kept = if over <= 0.0 {
        chroma
    } else if room > 1e-9 {
        begin + room * (over / (over + room))
    } else {
        most
    };
    [l, direction[0] * kept, direction[1] * kept]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lightness_and_hue_stay(l in 0.01f64..0.99, a in -0.4f64..0.4, b in -0.4f64..0.4, knee in 0.0f64..1.0) {
            let out = held([l, a, b], knee);
            prop_assert_eq!(out[0], l);
            prop_assert!(shown(out), "{:?}", oklab::to_linear(out));
            prop_assert!((out[1] * b - out[2] * a).abs() < 1e-9 && out[1] * a >= 0.0 && out[2] * b >= 0.0);
            prop_assert!(libm::hypot(out[1], out[2]) <= libm::hypot(a, b) + 1e-12);
        }
    }
}
