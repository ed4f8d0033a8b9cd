//! What always holds of light: harmonics, conversions, and recovery from light painted here.

#![allow(clippy::unwrap_used, reason = "a test may end at the first thing wrong")]

use std::f64::consts::PI;

use glam::{DQuat, DVec3};
use heirloom_picture::Image;
use heirloom_stage::light::{
    Photograph, PlaceLight, cap, from_equirectangular, from_photograph, from_shading, irradiance, radiance,
    rotated,
};
use heirloom_stage::scene::LightKind;
use proptest::prelude::*;

fn direction() -> impl Strategy<Value = DVec3> {
    (-1.0f64..1.0, -1.0f64..1.0, -1.0f64..1.0)
        .prop_map(|(x, y, z)| DVec3::new(x, y, z))
        .prop_filter("too short to have a direction", |v| v.length() > 0.1)
        .prop_map(DVec3::normalize)
}

/// A panorama with an even sky and a disc of this half angle in it.
fn painted(towards: DVec3, half_rad: f64, sky: f32, disc: f32) -> Image {
    let (width, height) = (256u32, 128u32);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            // Nine points a pixel, so that the disc has a soft edge.
            let mut inside = 0.0;
            for k in 0..9u32 {
                let u = (f64::from(x) + (f64::from(k % 3) + 0.5) / 3.0) / f64::from(width);
                let v = (f64::from(y) + (f64::from(k / 3) + 0.5) / 3.0) / f64::from(height);
                let (lon, lat) = ((u - 0.5) * 2.0 * PI, (0.5 - v) * PI);
                let d = DVec3::new(lon.sin() * lat.cos(), lat.sin(), -lon.cos() * lat.cos());
                if d.dot(towards) > half_rad.cos() {
                    inside += 1.0 / 9.0;
                }
            }
            let v = sky + (disc - sky) * inside;
            pixels.push([v, v, v, 1.0]);
        }
    }
    Image::from_pixels(width, height, pixels).unwrap()
}

#[test]
fn an_even_sky_gives_pi_and_no_key() {
    let light = from_equirectangular(&Image::filled(64, 32, [1.0, 1.0, 1.0, 1.0])).unwrap();
    for normal in [DVec3::X, DVec3::Y, DVec3::NEG_Z] {
        for channel in light.irradiance(normal) {
            assert!((channel - PI).abs() < 0.01, "{channel}");
        }
    }
    assert!(light.key_to_fill() < 1.01, "{}", light.key_to_fill());
    assert!(light.confidence < 0.05);
}

#[test]
fn the_middle_of_a_panorama_looks_down_minus_z_and_its_right_is_x() {
    for (x, y, towards) in [
        (128, 64, DVec3::NEG_Z),
        (192, 64, DVec3::X),
        (64, 64, DVec3::NEG_X),
        (128, 1, DVec3::Y),
    ] {
        let mut image = Image::filled(256, 128, [0.1, 0.1, 0.1, 1.0]);
        for (i, pixel) in image.pixels_mut().iter_mut().enumerate() {
            let (px, py) = (i % 256, i / 256);
            if px.abs_diff(x) < 3 && py.abs_diff(y) < 3 {
                *pixel = [50.0, 50.0, 50.0, 1.0];
            }
        }
        let light = from_equirectangular(&image).unwrap();
        assert!(light.direction.dot(towards) > 0.995, "{:?}", light.direction);
    }
}

#[test]
fn what_is_not_a_number_is_taken_for_darkness() {
    let mut image = painted(DVec3::new(0.6, 0.64, -0.48), 0.1, 0.2, 30.0);
    let sound = from_equirectangular(&image).unwrap();
    for pixel in image.pixels_mut().iter_mut().step_by(501) {
        if pixel[0] < 1.0 {
            *pixel = [f32::NAN, f32::INFINITY, -4.0, 1.0];
        }
    }
    let light = from_equirectangular(&image).unwrap();
    assert!(light.direction.dot(sound.direction) > 0.9999);
    assert!(light.sh().iter().flatten().all(|v| v.is_finite()));
    let flat = from_photograph(&image, Photograph::default()).unwrap();
    assert!(flat.direction.is_finite() && flat.sh().iter().flatten().all(|v| v.is_finite()));
}

#[test]
fn a_window_in_the_picture_gives_its_direction_through_the_lens() {
    // 60° across: x runs to ±tan 30° at the edges.
    let (width, height) = (192usize, 128usize);
    let mut image = Image::filled(192, 128, [0.08, 0.08, 0.08, 1.0]);
    for (i, pixel) in image.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        if (140..156).contains(&x) && (20..40).contains(&y) {
            *pixel = [1.0, 1.0, 1.0, 1.0];
        }
    }
    let light = from_photograph(&image, Photograph { across_deg: 60.0 }).unwrap();
    let unit = 30f64.to_radians().tan() / (width as f64 / 2.0);
    let expected = DVec3::new(
        (148.0 - width as f64 / 2.0) * unit,
        (height as f64 / 2.0 - 30.0) * unit,
        -1.0,
    );
    assert!(
        light.direction.dot(expected.normalize()) > 0.9999,
        "{:?}",
        light.direction
    );
    assert!(light.confidence > 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_painted_disc_comes_back(towards in direction(), half_deg in 3.0f64..25.0, ratio in 1.5f64..10.0) {
        let half = half_deg.to_radians();
        // A disc over an even sky: the sky's share under the disc counts as fill.
        let disc = 1.0 + (ratio - 1.0) / (half.sin() * half.sin());
        let light = from_equirectangular(&painted(towards, half, 1.0, disc as f32)).unwrap();
        prop_assert!(light.direction.dot(towards) > 0.5f64.to_radians().cos(), "{:?} {towards:?}", light.direction);
        let stops = (f64::from(light.key_to_fill()) / ratio).log2().abs();
        prop_assert!(stops < 0.1, "{} instead of {ratio}", light.key_to_fill());
        prop_assert!((light.angle_deg() / 2.0 - half_deg).abs() < 2.0, "{} {half_deg}", light.angle_deg());
    }

    #[test]
    fn shading_painted_here_comes_back(towards in direction(), ratio in 2.0f64..8.0) {
        prop_assume!(towards.z > -0.2);
        // A ball under one key and an even fill, on two albedos.
        let side = 96usize;
        let (mut pixels, mut normals, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for y in 0..side {
            for x in 0..side {
                let px = (x as f64 + 0.5) / side as f64 * 2.0 - 1.0;
                let py = 1.0 - (y as f64 + 0.5) / side as f64 * 2.0;
                let z = 1.0 - px * px - py * py;
                if z <= 0.02 {
                    pixels.push([0.0, 0.0, 0.0, 1.0]);
                    normals.push([0.0; 3]);
                    ids.push(0);
                    continue;
                }
                let n = DVec3::new(px, py, z.sqrt()).normalize();
                let albedo = if x % 16 < 8 { 0.6 } else { 0.3 };
                let v = 0.1 * albedo * (1.0 + (ratio - 1.0) * n.dot(towards).max(0.0));
                pixels.push([v as f32, v as f32, v as f32, 1.0]);
                normals.push(n.to_array().map(|c| c as f32));
                ids.push(if x % 16 < 8 { 1 } else { 2 });
            }
        }
        let image = Image::from_pixels(side as u32, side as u32, pixels).unwrap();
        let light = from_shading(&image, &normals, Some(&ids)).unwrap();
        let off = light.direction.dot(towards).clamp(-1.0, 1.0).acos().to_degrees();
        prop_assert!(off < 3.0, "off by {off}, {towards:?}");
        let stops = (f64::from(light.key_to_fill()) / ratio).log2().abs();
        prop_assert!(stops < 0.25, "{} instead of {ratio}", light.key_to_fill());
    }

    #[test]
    fn turned_harmonics_are_the_turned_light(
        towards in direction(),
        axis in direction(),
        angle in -3.0f64..3.0,
        at in direction(),
    ) {
        let light = cap(towards, 0.1, [1.0, 2.0, 3.0]);
        let turn = DQuat::from_axis_angle(axis, angle);
        let turned = rotated(&light, turn);
        for (a, b) in radiance(&turned, turn * at).iter().zip(radiance(&light, at)) {
            prop_assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        // A cap's own irradiance is what was asked for, as far as nine numbers hold it.
        let facing = irradiance(&light, towards);
        prop_assert!((facing[0] - 1.0).abs() < 0.08, "{facing:?}");
    }

    #[test]
    fn lights_of_a_scene_stand_for_the_light(towards in direction(), softness in 0.0f32..0.9) {
        let light = PlaceLight {
            fill: cap(DVec3::Y, 1.0, [0.5, 0.6, 0.7]),
            key: [2.0, 1.0, 0.5],
            direction: towards,
            softness,
            confidence: 1.0,
        };
        let lights = light.to_lights();
        let sun = lights.iter().find(|l| matches!(l.light.kind, LightKind::Sun { .. })).unwrap();
        prop_assert!((sun.rotation * DVec3::NEG_Z + towards).length() < 1e-9);
        prop_assert_eq!(sun.light.color, [1.0, 0.5, 0.25]);
        if let LightKind::Sun { angle_deg } = sun.light.kind {
            prop_assert!((1.0 - (angle_deg / 2.0).to_radians().cos() - f64::from(softness)).abs() < 1e-6);
        }
        prop_assert!(lights.iter().any(|l| matches!(&l.light.kind, LightKind::Dome(sh) if **sh == light.fill)));
        let turn = DQuat::from_rotation_y(0.7);
        let turned = light.rotated(turn);
        prop_assert!((turned.key_to_fill() - light.key_to_fill()).abs() < 1e-3);
    }
}
