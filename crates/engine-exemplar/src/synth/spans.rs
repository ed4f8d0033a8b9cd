//! Which pixels are worked on: runs along rows, so that work costs what is loose and not what the frame holds.

use rayon::prelude::*;

/// Rows of one band. Bands are worked side by side; their height is fixed, so that results do not depend on the
/// number of threads.
pub const BAND: usize = 16;

/// Neighbouring pixels of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The first pixel.
    pub from: u32,
    /// The pixel after the last.
    pub to: u32,
}

impl Run {
    /// The pixels' places in their row.
    #[inline(always)]
    pub fn range(self) -> std::ops::Range<usize> {
        self.from as usize..self.to as usize
    }
}

/// A set of pixels of a picture, as runs along its rows, in order and apart from each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans {
    width: usize,
    runs: Vec<Run>,
    /// Where each row's runs begin; one more than there are rows.
    first: Vec<u32>,
}

impl Spans {
    /// All pixels.
    pub fn whole(width: usize, height: usize) -> Spans {
        Spans {
            width,
            runs: vec![
                Run {
                    from: 0,
                    to: width as u32
                };
                height
            ],
            first: (0..=height as u32).collect(),
        }
    }

    /// The pixels for which `chosen(x, y)` is true.
    pub fn of(width: usize, height: usize, chosen: impl Fn(usize, usize) -> bool + Sync) -> Spans {
        Spans::gather(width, height, |y, out| {
            let mut x = 0;
            while x < width {
                let from = x;
                while x < width && chosen(x, y) {
                    x += 1;
                }
                if x > from {
                    out.push(Run {
                        from: from as u32,
                        to: x as u32,
                    });
                }
                x += 1;
            }
        })
    }

    fn gather(width: usize, height: usize, row: impl Fn(usize, &mut Vec<Run>) + Sync) -> Spans {
        let bands: Vec<(Vec<Run>, Vec<u32>)> = (0..height.div_ceil(BAND))
            .into_par_iter()
            .map(|band| {
                let (mut runs, mut counts) = (Vec::new(), Vec::new());
                for y in band * BAND..((band + 1) * BAND).min(height) {
                    let before = runs.len();
                    row(y, &mut runs);
                    counts.push((runs.len() - before) as u32);
                }
                (runs, counts)
            })
            .collect();
        let mut out = Spans {
            width,
            runs: Vec::with_capacity(bands.iter().map(|b| b.0.len()).sum()),
            first: Vec::with_capacity(height + 1),
        };
        out.first.push(0);
        let mut all = 0;
        for (runs, counts) in bands {
            out.runs.extend(runs);
            for n in counts {
                all += n;
                out.first.push(all);
            }
        }
        out
    }

    /// Rows of the picture.
    pub fn height(&self) -> usize {
        self.first.len() - 1
    }

    /// The runs of a row.
    #[inline(always)]
    pub fn row(&self, y: usize) -> &[Run] {
        &self.runs[self.first[y] as usize..self.first[y + 1] as usize]
    }

    /// Whether there is no pixel.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether no pixel of these rows belongs.
    pub fn rows_empty(&self, rows: std::ops::Range<usize>) -> bool {
        self.first[rows.start] == self.first[rows.end.min(self.height())]
    }

    /// How many pixels there are.
    pub fn pixels(&self) -> usize {
        self.runs.iter().map(|r| (r.to - r.from) as usize).sum()
    }

    /// These pixels and all within `dx` columns and `dy` rows of one.
    pub fn grown(&self, dx: usize, dy: usize) -> Spans {
        let (width, height) = (self.width as u32, self.height());
        Spans::gather(self.width, height, |y, out| {
            let mut near = Vec::new();
            for j in y.saturating_sub(dy)..(y + dy + 1).min(height) {
                near.extend(self.row(j).iter().map(|r| Run {
                    from: r.from.saturating_sub(dx as u32),
                    to: (r.to + dx as u32).min(width),
                }));
            }
            merge(near, out);
        })
    }

    /// The pixels of either.
    pub fn or(&self, other: &Spans) -> Spans {
        Spans::gather(self.width, self.height(), |y, out| {
            let mut both = self.row(y).to_vec();
            both.extend(other.row(y));
            merge(both, out);
        })
    }

    /// The pixels of a picture twice as large (of this size) that these were halved from.
    pub fn doubled(&self, width: usize, height: usize) -> Spans {
        Spans::gather(width, height, |y, out| {
            let row = self.row((y / 2).min(self.height() - 1));
            out.extend(row.iter().map(|r| Run {
                from: r.from * 2,
                to: (r.to * 2).min(width as u32),
            }));
        })
    }

    /// Works on every run's part of a picture's pixels: `work(y, x, part)`, bands side by side.
    pub fn for_each<T: Send>(&self, px: &mut [T], work: impl Fn(usize, usize, &mut [T]) + Sync) {
        let w = self.width.max(1);
        px.par_chunks_mut(w * BAND).enumerate().for_each(|(band, part)| {
            for (r, row) in part.chunks_mut(w).enumerate() {
                let y = band * BAND + r;
                for run in self.row(y) {
                    work(y, run.from as usize, &mut row[run.range()]);
                }
            }
        });
    }
}

/// Puts runs in order and those that touch together.
fn merge(mut runs: Vec<Run>, out: &mut Vec<Run>) {
    runs.sort_unstable();
    let begin = out.len();
    for r in runs {
        match out[begin..].last_mut() {
            Some(last) if r.from <= last.to => last.to = last.to.max(r.to),
            _ => out.push(r),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masks() -> impl Strategy<Value = (usize, usize, Vec<bool>)> {
        (1_usize..20, 1_usize..40)
            .prop_flat_map(|(w, h)| (Just(w), Just(h), proptest::collection::vec(any::<bool>(), w * h)))
    }

    fn mask(spans: &Spans) -> Vec<bool> {
        let mut out = vec![false; spans.width * spans.height()];
        spans.for_each(&mut out, |_, _, part| part.fill(true));
        out
    }

    proptest! {
        #[test]
        fn spans_are_the_pixels_they_were_made_of((w, h, m) in masks()) {
            let spans = Spans::of(w, h, |x, y| m[y * w + x]);
            prop_assert_eq!(mask(&spans), m.clone());
            prop_assert_eq!(spans.pixels(), m.iter().filter(|b| **b).count());
            prop_assert_eq!(spans.is_empty(), !m.contains(&true));
        }

        #[test]
        fn grown_spans_are_all_that_is_near((w, h, m) in masks(), dx in 0_usize..5, dy in 0_usize..4) {
            let grown = mask(&Spans::of(w, h, |x, y| m[y * w + x]).grown(dx, dy));
            for (i, grown) in grown.into_iter().enumerate() {
                let near = (0..w * h)
                    .any(|j| m[j] && (i % w).abs_diff(j % w) <= dx && (i / w).abs_diff(j / w) <= dy);
                prop_assert_eq!(grown, near);
            }
        }

        #[test]
        fn doubled_spans_cover_what_was_halved((w, h, m) in masks(), (ow, oh) in (0_usize..2, 0_usize..2)) {
            let (fw, fh) = (w * 2 - ow, h * 2 - oh);
            let doubled = mask(&Spans::of(w, h, |x, y| m[y * w + x]).doubled(fw, fh));
            for (i, doubled) in doubled.into_iter().enumerate() {
                prop_assert_eq!(doubled, m[i / fw / 2 * w + i % fw / 2]);
            }
        }

        #[test]
        fn both_are_in_the_union((w, h, m) in masks(), shift in 0_usize..30) {
            let other: Vec<bool> = (0..w * h).map(|i| m[(i + shift) % (w * h)]).collect();
            let union = Spans::of(w, h, |x, y| m[y * w + x]).or(&Spans::of(w, h, |x, y| other[y * w + x]));
            let expected: Vec<bool> = m.iter().zip(&other).map(|(a, b)| *a || *b).collect();
            prop_assert_eq!(mask(&union), expected);
        }
    }
}
