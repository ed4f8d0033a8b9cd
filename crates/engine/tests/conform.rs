//! Takes at another rate than the film's.

#![allow(clippy::unwrap_used)] // clippy lets tests unwrap, but not the helpers beside them

use std::sync::Arc;

use heirloom_engine::conform::{Conformed, frames_at};
use heirloom_engine::{Failure, Origin, Share, TakeFrames};
use heirloom_film::{Rate, Size};
use heirloom_picture::Image;
use heirloom_vault::ObjectId;
use proptest::prelude::*;

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

/// Soft stripes that go right by three pixels a frame; each pixel came from where it lies.
struct Stripes(u32);

impl TakeFrames for Stripes {
    fn size(&self) -> Size {
        Size {
            width: WIDTH,
            height: HEIGHT,
        }
    }
    fn frames(&self) -> u32 {
        self.0
    }
    fn frame(&self, n: u32) -> Result<Image, Failure> {
        assert!(n < self.0, "frame {n} of {}", self.0);
        let pixels = (0..WIDTH * HEIGHT).map(|at| {
            let (x, y) = ((at % WIDTH) as f32 - 3.0 * n as f32, (at / WIDTH) as f32);
            let value = 0.5 + 0.2 * (x * 0.35 + y * 0.1).sin() + 0.2 * (x * 0.13 - y * 0.3).sin();
            [value, value, value, 1.0]
        });
        Ok(Image::from_pixels(WIDTH, HEIGHT, pixels.collect()).unwrap())
    }
    fn origins(&self, n: u32, x: u32, y: u32) -> Result<Vec<Origin>, Failure> {
        Ok(vec![Origin {
            source: ObjectId::of(b"a source"),
            frame: Some(n),
            x: f64::from(x),
            y: f64::from(y),
            scaled_to: (WIDTH, HEIGHT),
            scaled_x: f64::from(x),
            scaled_y: f64::from(y),
            weight: 1.0,
            finished: false,
        }])
    }
    fn shares(&self) -> Result<Vec<Share>, Failure> {
        Ok(vec![Share {
            source: ObjectId::of(b"a source"),
            share: 1.0,
        }])
    }
}

fn rate(num: u32, den: u32) -> Rate {
    Rate::new(num, den).unwrap()
}

#[test]
fn moments_on_a_frame_are_that_frame_and_others_lie_between() {
    let take = Arc::new(Stripes(5));
    let shown = Conformed::new(take.clone(), rate(16, 1), rate(24, 1));
    assert_eq!(shown.frames(), 7);
    for (film, own) in [(0, 0), (3, 2), (6, 4)] {
        assert_eq!(shown.frame(film).unwrap(), take.frame(own).unwrap());
        let origins = shown.origins(film, 9, 9).unwrap();
        assert_eq!(origins, take.origins(own, 9, 9).unwrap());
    }
    // Film frame 1 is two thirds of the way: the stripes have gone two pixels.
    let (between, first) = (shown.frame(1).unwrap(), take.frame(0).unwrap());
    for (x, y) in [(20, 10), (30, 20), (40, 30)] {
        let (a, b) = (between.at(x + 2, y)[0], first.at(x, y)[0]);
        assert!((a - b).abs() < 0.02, "{x},{y}: {a} {b}");
    }
    let origins = shown.origins(1, 30, 20).unwrap();
    let frames: Vec<Option<u32>> = origins.iter().map(|origin| origin.frame).collect();
    assert_eq!(frames, [Some(0), Some(1)]);
    assert!((origins.iter().map(|origin| origin.weight).sum::<f64>() - 1.0).abs() < 1e-6);
    assert!(origins.iter().all(|origin| origin.finished));
    // 30 is two thirds of the way from where it was and where it will be.
    assert!(
        (origins[0].x - 28.0).abs() <= 1.0 && (origins[1].x - 31.0).abs() <= 1.0,
        "{origins:?}"
    );
    let mut each = Vec::new();
    shown
        .each_origin(1, &mut |x, y, origins| {
            if (x, y) == (30, 20) {
                each = origins.to_vec();
            }
        })
        .unwrap();
    assert_eq!(each, origins);
    assert!(shown.frame(7).is_err() && shown.origins(7, 0, 0).is_err());
    assert!(shown.origins(1, WIDTH, 0).is_err());
}

proptest! {
    /// Whatever the rates: as many frames as are asked for are there, and one fewer of the engine's would not do.
    #[test]
    fn enough_frames_are_asked_for_and_no_more(frames in 1_u32..400, film in 2_u32..61, own in 1_u32..61, ntsc in any::<bool>()) {
        let film = if ntsc { rate(film * 1000, 1001) } else { rate(film, 1) };
        let own = rate(own, 1);
        let needed = frames_at(frames, film, own);
        let shown = |of: u32| Conformed::new(Arc::new(Stripes(of)), own, film).frames();
        prop_assert!(shown(needed) >= frames, "{needed} give {}", shown(needed));
        // A frame that is needed for less than a part's share of a moment may be spared.
        prop_assert!(needed < 3 || shown(needed - 2) < frames);
    }
}
