//! Looks of real photographs: what moves them, and what does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use heirloom_picture::look::{self, Look, look};
use heirloom_picture::measure::View;
use heirloom_picture::preview::{Preview, decode};

fn picture(name: &str, side: u32) -> Preview {
    let path = format!("{}/../../demo/archive/{name}", env!("CARGO_MANIFEST_DIR"));
    decode(&std::fs::read(path).unwrap(), name, side).unwrap()
}

/// Hellinger's for palettes, root mean square for the others.
fn apart(a: &Look, b: &Look) -> [f64; 3] {
    let rms = |a: &[f32], b: &[f32]| {
        let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from((a - b) * (a - b))).sum();
        (sum / a.len() as f64).sqrt()
    };
    let shared: f64 = a
        .palette
        .iter()
        .zip(&b.palette)
        .map(|(a, b)| f64::from((a * b).sqrt()))
        .sum();
    [
        (1.0 - shared).max(0.0).sqrt(),
        rms(&a.composition, &b.composition),
        rms(&a.texture, &b.texture),
    ]
}

#[test]
fn lengths_are_fixed_and_palettes_sum_to_one() {
    let mut shapes = vec![
        (vec![[9, 200, 30]; 1], 1, 1),
        (vec![[255; 3]; 6], 3, 2),
        (vec![[0; 3]; 700], 700, 1),
    ];
    let moon = picture("moon.jpg", 300);
    shapes.push((moon.codes().to_vec(), moon.width(), moon.height()));
    for (codes, width, height) in shapes {
        let seen = look(&View::new(&codes, width, height).unwrap());
        assert_eq!(seen.palette.len(), look::PALETTE);
        assert_eq!(seen.composition.len(), look::COMPOSITION);
        assert_eq!(seen.texture.len(), look::TEXTURE);
        assert!((seen.palette.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        let all = seen.palette.iter().chain(&seen.composition).chain(&seen.texture);
        assert!(all.into_iter().all(|v| v.is_finite()), "{width} x {height}");
    }
}

#[test]
fn another_size_or_compression_moves_little_and_another_picture_much() {
    let names = [
        "moon.jpg",
        "coffee.png",
        "tissue.png",
        "eta-carinae.png",
        "rocket.jpg",
    ];
    let looks: Vec<Look> = names
        .iter()
        .map(|n| look(&picture(n, 512).view().unwrap()))
        .collect();
    for (n, name) in names.iter().enumerate() {
        // A tenth smaller, and scaled by another method before the look scales it.
        let resized = look(&picture(name, 460).view().unwrap());
        // Squeezed to 5 bits and a little: about what strong compression does to flat parts.
        let whole = picture(name, 512);
        let coarse: Vec<[u8; 3]> = whole.codes().iter().map(|c| c.map(|v| (v & 0xfc) + 2)).collect();
        let coarse = look(&View::new(&coarse, whole.width(), whole.height()).unwrap());
        for near in [&resized, &coarse] {
            let near = apart(&looks[n], near);
            for (m, other) in looks.iter().enumerate().filter(|(m, _)| *m != n) {
                let far = apart(&looks[n], other);
                for part in 0..3 {
                    assert!(
                        3.0 * near[part] < far[part],
                        "{name}, {}: {near:?} {far:?}",
                        names[m]
                    );
                }
            }
        }
    }
}

#[test]
fn brightness_moves_the_palette_and_not_the_texture() {
    let whole = picture("coffee.png", 256);
    let before = look(&whole.view().unwrap());
    // Kept off black and white, where a shift would be cut.
    let tame: Vec<[u8; 3]> = whole.codes().iter().map(|c| c.map(|v| 60 + v / 2)).collect();
    let shifted: Vec<[u8; 3]> = tame.iter().map(|c| c.map(|v| v + 30)).collect();
    let of = |codes: &[[u8; 3]]| look(&View::new(codes, whole.width(), whole.height()).unwrap());
    let moved = apart(&of(&tame), &of(&shifted));
    let other = apart(&before, &look(&picture("moon.jpg", 256).view().unwrap()));
    assert!(moved[0] > 0.3 && moved[0] > 0.3 * other[0], "{moved:?} {other:?}");
    assert!(
        moved[2] < 0.15 && moved[2] < 0.1 * other[2],
        "{moved:?} {other:?}"
    );
}

#[test]
fn stripes_are_found_in_their_direction() {
    let stripes = |turned: bool| -> Vec<[u8; 3]> {
        (0..128 * 128)
            .map(|n| if turned { n / 128 } else { n % 128 })
            .map(|v| [(128.0 + 90.0 * libm::sin(v as f64 * 1.2)) as u8; 3])
            .collect()
    };
    let (upright, lying) = (stripes(false), stripes(true));
    let texture = |codes: &[[u8; 3]]| look(&View::new(codes, 128, 128).unwrap()).texture;
    let (upright, lying) = (texture(&upright), texture(&lying));
    assert!(upright[0] > upright[look::DIRECTIONS / 2] + 4.0, "{upright:?}");
    assert!(lying[look::DIRECTIONS / 2] > lying[0] + 4.0, "{lying:?}");
}
