//! The time that tokens stand at, and what it does to them.
//!
//! A clip stands at one time as a rule. Where its first frames are held (Wan 2.2's 5B), their tokens stand at nought, the
//! time of a finished picture, and the rest at the step's. So tokens fall into runs of one time each, and what the time
//! says is worked out once a run.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::kernels::Norm;
use crate::ops::{self, NormSpec};

/// Times of a clip's tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// The step's time, 0 to 1000.
    pub step: f32,
    /// Frames of latents at the beginning that stand at nought.
    pub held_frames: usize,
}

impl From<f32> for Times {
    /// All tokens at one time.
    fn from(step: f32) -> Self {
        Self { step, held_frames: 0 }
    }
}

impl Times {
    /// The time of each run, in the order of the tokens.
    pub(super) fn of_runs(&self) -> Vec<f32> {
        match self.held_frames {
            0 => vec![self.step],
            _ => vec![0.0, self.step],
        }
    }

    /// For `frames` of latents to a token: how many frames of tokens are held.
    pub(super) fn held_tokens(&self, frames: usize) -> usize {
        self.held_frames.div_ceil(frames.max(1))
    }
}

/// Tables of rows by which tokens are shifted, scaled and gated: one table for each run.
#[derive(Debug, Clone)]
pub(super) struct Modulation {
    tables: Vec<Tensor<2>>,
    /// Frames of tokens in the first of two runs.
    held: usize,
}

impl Modulation {
    /// The tables of each run, `held` frames of tokens being in the first of two.
    pub(super) fn new(tables: Vec<Tensor<2>>, held: usize) -> Self {
        Self { tables, held }
    }

    /// The same with `table` added to each.
    pub(super) fn plus(&self, table: &Tensor<2>) -> Self {
        let tables = self.tables.iter().map(|one| table.clone() + one.clone());
        Self {
            tables: tables.collect(),
            held: self.held,
        }
    }

    /// Each run's tokens of `count` in frames of `frame_tokens`, with its table.
    fn runs(&self, count: usize, frame_tokens: usize) -> Vec<(Range<usize>, &Tensor<2>)> {
        let held = (self.held * frame_tokens).min(count);
        match self.tables.as_slice() {
            [all] => vec![(0..count, all)],
            [first, .., rest] => [(0..held, first), (held..count, rest)]
                .into_iter()
                .filter(|(range, _)| !range.is_empty())
                .collect(),
            [] => Vec::new(),
        }
    }

    /// Tokens normalised, scaled by row `first + 1` and shifted by row `first`.
    pub(super) fn normed(&self, x: Tensor<2>, first: usize, eps: f32, frame_tokens: usize) -> Tensor<2> {
        let spec = NormSpec {
            norm: Norm::Layer { eps },
            base: 1.0,
            silu: false,
        };
        self.by_runs([x], frame_tokens, |[x], table| {
            ops::norm(x, spec, Some(row(table, first + 1)), Some(row(table, first)))
        })
    }

    /// `x + y·gate`, the gate being row `at`.
    pub(super) fn gated(&self, x: Tensor<2>, y: Tensor<2>, at: usize, frame_tokens: usize) -> Tensor<2> {
        self.by_runs([x, y], frame_tokens, |[x, y], table| {
            ops::add_gated(x, y, Some(row(table, at)))
        })
    }

    /// What `each` makes of each run, together again.
    fn by_runs<const N: usize>(
        &self,
        inputs: [Tensor<2>; N],
        frame_tokens: usize,
        each: impl Fn([Tensor<2>; N], &Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        let [count, width] = inputs.first().map_or([0, 0], Tensor::dims);
        let runs = self.runs(count, frame_tokens);
        if let [(_, table)] = runs.as_slice() {
            return each(inputs, table);
        }
        let parts = runs.into_iter().map(|(range, table)| {
            let part = inputs
                .each_ref()
                .map(|x| x.clone().slice([range.clone(), 0..width]));
            each(part, table)
        });
        Tensor::cat(parts.collect(), 0)
    }
}

/// Row `i` of a table.
pub(super) fn row(table: &Tensor<2>, i: usize) -> Tensor<1> {
    let width = table.dims()[1];
    table.clone().slice([i..i + 1, 0..width]).reshape([width])
}
