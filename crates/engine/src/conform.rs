//! Which moment of a clip is on screen when: one answer for whoever plans a shot and whoever makes it.
//!
//! Shots count frames at the film's rate, clips at their own. A frame of the film shows the clip's frame that is on
//! screen then, as plates do; a shot in slow motion falls between frames.

use heirloom_film::Rate;

/// Parts of a clip's frame in which moments are told apart.
pub const PARTS: u32 = 4096;

/// A moment of a clip: a frame, and how far on to the next one, in [`PARTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Frame, from 0.
    pub frame: u32,
    /// Parts of the way to the next, below [`PARTS`].
    pub part: u32,
}

impl Moment {
    /// The moment nearest to a place in time, in frames from the first; before the first frame it is the first.
    pub fn of(frames: f64) -> Moment {
        let parts = (frames.clamp(0.0, 1e6) * f64::from(PARTS) + 0.5) as u64;
        Moment {
            frame: (parts / u64::from(PARTS)) as u32,
            part: (parts % u64::from(PARTS)) as u32,
        }
    }

    /// How many frames of the clip, from its first, this moment needs.
    pub fn needs(self) -> u64 {
        u64::from(self.frame) + 1 + u64::from(self.part > 0)
    }
}

/// The frame of a clip at `clip` that is on screen in frame `frame` at `film`, both from 0.
///
/// ```
/// use heirloom_film::Rate;
///
/// let (film, clip) = (Rate::CINEMA, Rate::new(30, 1)?);
/// assert_eq!(heirloom_engine::conform::clip_frame(4, film, clip), 5);
/// # Ok::<(), heirloom_film::RateError>(())
/// ```
pub fn clip_frame(frame: u64, film: Rate, clip: Rate) -> u64 {
    let up = u128::from(frame) * u128::from(clip.num()) * u128::from(film.den());
    let down = u128::from(clip.den()) * u128::from(film.num());
    u64::try_from(up / down.max(1)).unwrap_or(u64::MAX)
}

/// Frames of a clip at `clip` that one frame at `film` lasts.
pub fn clip_frames_a_frame(film: Rate, clip: Rate) -> f64 {
    (f64::from(clip.num()) * f64::from(film.den())) / (f64::from(clip.den()) * f64::from(film.num()))
}

/// The moment of a clip at `clip` that frame `n` of a shot shows which begins at frame `start` (at the film's rate
/// `film`) and goes at `pace`, 1 being the clip's own.
pub fn moment(start: u32, n: u32, pace: f64, film: Rate, clip: Rate) -> Moment {
    Moment::of((f64::from(start) + f64::from(n) * pace) * clip_frames_a_frame(film, clip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_motion_meets_the_frames_themselves_where_time_falls_on_them() {
        let film = Rate::CINEMA;
        let at = |n, pace, clip| moment(2, n, pace, film, clip);
        assert_eq!(at(8, 0.25, film), Moment { frame: 4, part: 0 });
        assert_eq!(at(10, 0.1, film), Moment { frame: 3, part: 0 });
        assert_eq!(
            at(2, 0.25, film),
            Moment {
                frame: 2,
                part: PARTS / 2
            }
        );
        // Shot at sixty and shown at 24: at 0.4 every frame of the clip is shown.
        let sixty = Rate::new(60, 1).unwrap();
        assert!((0..100).all(|n| at(n, 0.4, sixty)
            == Moment {
                frame: 5 + n,
                part: 0
            }));
        assert_eq!(at(0, 0.4, sixty).needs(), 6);
        assert_eq!(at(2, 0.25, film).needs(), 4);
    }
}
