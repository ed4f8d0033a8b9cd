//! When each part of a film is on screen, exact to the frame.

/// A weight as an exact fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weight {
    /// Numerator.
    pub num: u32,
    /// Denominator, never 0.
    pub den: u32,
}

impl Weight {
    /// The whole.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// As a number, 0..=1.
    pub fn value(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }
}

/// One part's share in a frame of the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layer {
    /// Index of the part: title card, shots in order, credits; cards without frames are no parts.
    pub part: usize,
    /// Frame within the part, from 0.
    pub frame: u32,
    /// Its share of the light.
    pub weight: Weight,
}

/// Length of a shot in the cut, and of its overlap with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Frames in all.
    pub frames: u32,
    /// Frames shared with the shot before; 0 for a cut.
    pub dissolve: u32,
}

/// A plan of the cut that can not be laid out; each says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// Nothing to show.
    #[error("the cut has no frames; give the film at least one shot")]
    Empty,
    /// A shot of no length.
    #[error("shot {shot} of the cut has no frames; give it at least 1")]
    NoFrames {
        /// Which shot, from 1.
        shot: usize,
    },
    /// A dissolve with nothing before it.
    #[error("the first shot has nothing to dissolve from; take its dissolve out")]
    FirstDissolves,
    /// Dissolves that do not fit into a shot.
    #[error(
        "the dissolves into and out of shot {shot} of the cut take {taken} frames together, and it has {frames}; \
         lengthen it or shorten a dissolve"
    )]
    TooLong {
        /// Which shot, from 1.
        shot: usize,
        /// Frames of both dissolves.
        taken: u64,
        /// Frames of the shot.
        frames: u32,
    },
}

/// A part's place in the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u64,
    pub frames: u32,
    /// Overlap with the part before.
    pub dissolve: u32,
}

impl Span {
    pub fn end(&self) -> u64 {
        self.start + u64::from(self.frames)
    }
}

/// The master's frames, each with its layers.
///
/// ```
/// use heirloom_finish::timeline::{Length, Timeline};
///
/// let shots = [Length { frames: 10, dissolve: 0 }, Length { frames: 10, dissolve: 3 }];
/// let timeline = Timeline::new(2, &shots, 4)?;
/// assert_eq!(timeline.frames(), 2 + 10 + 10 - 3 + 4);
/// // The second frame of the dissolve: half and half.
/// let layers = timeline.layers(2 + 10 - 3 + 1);
/// assert_eq!((layers[0].part, layers[0].frame, layers[0].weight.value()), (1, 8, 0.5));
/// assert_eq!((layers[1].part, layers[1].frame, layers[1].weight.value()), (2, 1, 0.5));
/// # Ok::<(), heirloom_finish::timeline::TimelineError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    spans: Vec<Span>,
}

impl Timeline {
    /// Title card, shots with their dissolves, credits.
    ///
    /// # Errors
    /// As [`TimelineError`] says.
    pub fn new(title_frames: u32, shots: &[Length], credits_frames: u32) -> Result<Self, TimelineError> {
        let mut spans = Vec::with_capacity(shots.len() + 2);
        let mut at = 0_u64;
        let mut lay = |frames: u32, dissolve: u32| {
            let start = at - u64::from(dissolve);
            at = start + u64::from(frames);
            spans.push(Span {
                start,
                frames,
                dissolve,
            });
        };
        if title_frames > 0 {
            lay(title_frames, 0);
        }
        for (index, shot) in shots.iter().enumerate() {
            let number = index + 1;
            if shot.frames == 0 {
                return Err(TimelineError::NoFrames { shot: number });
            }
            if index == 0 && shot.dissolve > 0 {
                return Err(TimelineError::FirstDissolves);
            }
            let after = shots.get(number).map_or(0, |next| next.dissolve);
            let taken = u64::from(shot.dissolve) + u64::from(after);
            if taken > u64::from(shot.frames) {
                return Err(TimelineError::TooLong {
                    shot: number,
                    taken,
                    frames: shot.frames,
                });
            }
            lay(shot.frames, shot.dissolve);
        }
        if credits_frames > 0 {
            lay(credits_frames, 0);
        }
        if spans.is_empty() {
            return Err(TimelineError::Empty);
        }
        Ok(Self { spans })
    }

    /// Length of the master in frames.
    pub fn frames(&self) -> u64 {
        self.spans.last().map_or(0, Span::end)
    }

    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// What is seen in frame `n`, from 0, weights summing to one exactly; nothing past the end. Two parts are
    /// seen in a dissolve of `d` frames, the later one with 1/(d+1), 2/(d+1) … d/(d+1).
    pub fn layers(&self, n: u64) -> Vec<Layer> {
        // Parts begin and end in order, so those on screen lie together.
        let first = self.spans.partition_point(|span| span.end() <= n);
        let mut layers = Vec::with_capacity(2);
        for (part, span) in self.spans.iter().enumerate().skip(first) {
            if span.start > n {
                break;
            }
            // Below the span's length, which is a u32.
            let frame = (n - span.start) as u32;
            let mut weight = Weight::ONE;
            if frame < span.dissolve {
                weight = Weight {
                    num: frame + 1,
                    den: span.dissolve + 1,
                };
            }
            if let Some(next) = self.spans.get(part + 1)
                && n >= next.start
            {
                let into = (n - next.start) as u32;
                weight = Weight {
                    num: next.dissolve - into,
                    den: next.dissolve + 1,
                };
            }
            layers.push(Layer { part, frame, weight });
        }
        layers
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shots() -> impl Strategy<Value = Vec<Length>> {
        proptest::collection::vec((1_u32..40, 0_u32..20), 1..9).prop_map(|raw| {
            let mut shots: Vec<Length> = Vec::new();
            for (frames, wish) in raw {
                let room = shots.last().map_or(0, |before| before.frames - before.dissolve);
                shots.push(Length {
                    frames,
                    dissolve: wish.min(room).min(frames),
                });
            }
            shots
        })
    }

    proptest! {
        #[test]
        fn weights_sum_to_one_and_lengths_add_up(title in 0_u32..30, shots in shots(), credits in 0_u32..30) {
            let timeline = Timeline::new(title, &shots, credits).unwrap();
            let sum: u64 = shots.iter().map(|s| u64::from(s.frames) - u64::from(s.dissolve)).sum();
            prop_assert_eq!(timeline.frames(), sum + u64::from(title) + u64::from(credits));
            let mut seen = vec![0_u64; shots.len() + 2];
            for n in 0..timeline.frames() {
                let layers = timeline.layers(n);
                prop_assert!((1..=2).contains(&layers.len()));
                let den = layers[0].weight.den;
                prop_assert!(layers.iter().all(|l| l.weight.den == den && l.weight.num >= 1));
                prop_assert_eq!(layers.iter().map(|l| l.weight.num).sum::<u32>(), den);
                for layer in layers {
                    // Every frame of every part is shown once, in order.
                    prop_assert_eq!(seen[layer.part], u64::from(layer.frame));
                    seen[layer.part] += 1;
                }
            }
            let lengths: Vec<u64> = timeline.spans().iter().map(|s| u64::from(s.frames)).collect();
            prop_assert_eq!(&seen[..lengths.len()], &lengths[..]);
            prop_assert!(timeline.layers(timeline.frames()).is_empty());
            prop_assert!(timeline.layers(u64::MAX).is_empty());
        }
    }

    #[test]
    fn what_can_not_be_laid_out_says_the_mend() {
        let shot = |frames, dissolve| Length { frames, dissolve };
        assert_eq!(Timeline::new(0, &[], 0), Err(TimelineError::Empty));
        assert_eq!(
            Timeline::new(9, &[shot(0, 0)], 0),
            Err(TimelineError::NoFrames { shot: 1 })
        );
        assert_eq!(
            Timeline::new(9, &[shot(5, 1)], 0),
            Err(TimelineError::FirstDissolves)
        );
        let crowded = Timeline::new(0, &[shot(9, 0), shot(5, 3), shot(9, 3)], 0);
        assert_eq!(
            crowded,
            Err(TimelineError::TooLong {
                shot: 2,
                taken: 6,
                frames: 5
            })
        );
        assert!(Timeline::new(0, &[shot(5, 0), shot(5, 5)], 0).is_ok());
    }
}
