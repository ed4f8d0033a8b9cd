//! A shot longer than a model's most frames, made in fragments: each goes on from the last frames of the one before it.

use std::ops::Range;

/// Frames of one latent; a clip's first frame has one of its own.
pub const RATIO: u32 = 4;

/// One go of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Frames at its beginning that are there already: the end of the fragment before it, or of a clip that is gone on with.
    pub known: u32,
    /// The first frame of the shot that it makes.
    pub from: u32,
    /// The frame after the last.
    pub to: u32,
}

impl Fragment {
    /// Frames that the model is asked for.
    pub fn frames(&self) -> u32 {
        self.known + (self.to - self.from)
    }

    /// The frames of the shot that it makes.
    pub fn made(&self) -> Range<u32> {
        self.from..self.to
    }

    /// The frame of the shot that its frame `n` is; none where that lies before the shot.
    pub fn place(&self, n: u32) -> Option<u32> {
        (self.from + n).checked_sub(self.known)
    }
}

/// The nearest length of whole latents, 4n+1, that is not above `most`.
pub fn whole_latents(frames: u32, most: u32) -> u32 {
    let nearest = (frames.max(1) - 1 + RATIO / 2) / RATIO;
    nearest.min((most.max(1) - 1) / RATIO) * RATIO + 1
}

/// A shot of `frames` frames in fragments of at most `most`, as even as they can be: each but the first begins with the last
/// `overlap` frames of the one before, the first with `before` frames that are there already. `most`, `overlap` and `before`
/// (where it is not 0) are 4n+1, and `frames` is as long as whole fragments are: 4n+1, or 4n where the first begins with
/// frames.
pub fn fragments(frames: u32, most: u32, overlap: u32, before: u32) -> Vec<Fragment> {
    // In latents: a clip of its own has one for its first frame alone.
    let own = u32::from(before == 0);
    let latents = frames.saturating_sub(own).div_ceil(RATIO);
    let room = |known: u32| most.saturating_sub(known.max(1)) / RATIO;
    let (first, each) = (room(before).max(1), room(overlap).max(1));
    let count = 1 + latents.saturating_sub(first).div_ceil(each);
    let (mut made, mut left, mut from) = (Vec::new(), latents, 0);
    for n in 0..count {
        let after = count - 1 - n;
        let most = if n == 0 { first } else { each };
        let even = left.div_ceil(after + 1).min(most);
        let share = even.max(left.saturating_sub(after * each)).min(left);
        let to = (from + share * RATIO + if n == 0 { own } else { 0 }).min(frames);
        made.push(Fragment {
            known: if n == 0 { before } else { overlap },
            from,
            to,
        });
        (left, from) = (left - share, to);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_shot_that_fits_is_one_fragment_and_a_longer_one_goes_on_from_the_last() {
        let whole = |known, from, to| Fragment { known, from, to };
        assert_eq!(fragments(161, 161, 17, 0), [whole(0, 0, 161)]);
        assert_eq!(fragments(1, 9, 5, 0), [whole(0, 0, 1)]);
        assert_eq!(
            fragments(17, 9, 5, 0),
            [whole(0, 0, 9), whole(5, 9, 13), whole(5, 13, 17)]
        );
        // Gone on with: all frames are new.
        assert_eq!(fragments(8, 9, 5, 5), [whole(5, 0, 4), whole(5, 4, 8)]);
        assert_eq!(fragments(8, 9, 1, 1), [whole(1, 0, 8)]);
        assert_eq!(whole(5, 0, 4).place(4), None);
        assert_eq!(whole(5, 4, 8).place(0), None);
        assert_eq!(whole(5, 4, 8).place(5), Some(4));
    }

    #[test]
    fn lengths_become_whole_latents() {
        let cases = [
            (1, 99, 1),
            (2, 99, 1),
            (3, 99, 5),
            (24, 99, 25),
            (24, 20, 17),
            (9, 4, 1),
        ];
        for (frames, most, wanted) in cases {
            assert_eq!(whole_latents(frames, most), wanted, "{frames} of {most}");
        }
    }

    proptest! {
        #[test]
        fn fragments_cover_the_shot_and_none_is_longer_than_the_most(
            latents in 1u32..200, most in 2u32..40, overlap in 0u32..8, before in 0u32..8, own in any::<bool>(),
        ) {
            let most = most * RATIO + 1;
            let overlap = (overlap * RATIO + 1).min(most - RATIO);
            let before = if own { 0 } else { (before * RATIO + 1).min(most - RATIO) };
            let frames = latents * RATIO + u32::from(own);
            let made = fragments(frames, most, overlap, before);
            let mut at = 0;
            for fragment in &made {
                prop_assert_eq!(fragment.from, at);
                prop_assert!(fragment.to > fragment.from);
                prop_assert!(fragment.frames() <= most, "{:?}", fragment);
                prop_assert_eq!((fragment.frames() - 1) % RATIO, 0);
                at = fragment.to;
            }
            prop_assert_eq!(at, frames);
        }
    }
}
