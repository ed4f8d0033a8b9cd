//! umT5's encoder: token ids in, one state a token out.
//!
//! The encoder of T5 (Raffel and others, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
//! Transformer", 2020, section 2.1) with gated GELU (Shazeer, "GLU Variants Improve Transformer", 2020), and, as umT5
//! has it, a position bias of its own in every layer (Chung and others, "UniMax", 2023).

use burn::tensor::{Device, Tensor};

use super::layers::Linear;
use crate::kernels::{Activation, Norm};
use crate::ops::{self, NormSpec};
use crate::weights::{ModelError, Reader, Weights};

/// The shape of a text encoder, as its `config.json` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// Number of tokens that there are.
    pub vocabulary: usize,
    /// Width of a state.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of one head; not the states' width shared out.
    pub head_dim: usize,
    /// Width of the feed-forward layers.
    pub ffn_dim: usize,
    /// Number of layers.
    pub layers: usize,
    /// Kinds of distance that the position bias tells apart, both directions together.
    pub buckets: usize,
    /// From this distance on, all are alike.
    pub max_distance: usize,
    /// Added to mean squares.
    pub eps: f32,
}

/// A text encoder over weights that are read layer by layer, each time it runs.
pub struct TextEncoder<'a> {
    config: TextConfig,
    from: Reader<'a>,
}

impl<'a> TextEncoder<'a> {
    /// An encoder of this shape over these weights. Nothing is read yet.
    pub fn new(config: TextConfig, weights: &'a dyn Weights, device: &Device) -> Self {
        Self {
            config,
            from: Reader::new(weights, device),
        }
    }

    /// The states of `ids`: (ids, width).
    ///
    /// Padding does not enter into the states of tokens before it, so leave it out: give the ids up to and with the end
    /// of the sentence, and pad the states with zeros. Before each layer `go_on` is told its number, and whether to go on
    /// is what it answers.
    ///
    /// # Errors
    /// [`ModelError::Input`] for no ids or one out of the vocabulary, [`ModelError::Stopped`], and what reading weights
    /// gives.
    pub fn encode(&self, ids: &[u32], go_on: &mut dyn FnMut(usize) -> bool) -> Result<Tensor<2>, ModelError> {
        let c = &self.config;
        let mut x = self.embed(ids)?;
        let encoder = self.from.under("encoder");
        let buckets = buckets(ids.len(), c.buckets, c.max_distance);
        for layer in 0..c.layers {
            if !go_on(layer) {
                return Err(ModelError::Stopped);
            }
            x = self.layer(x, &encoder.under("block").under(layer).under("layer"), &buckets)?;
        }
        self.norm(x, &encoder, "final_layer_norm.weight")
    }

    /// The embeddings of `ids`, of which alone the table's rows are read.
    fn embed(&self, ids: &[u32]) -> Result<Tensor<2>, ModelError> {
        let c = &self.config;
        if ids.is_empty() {
            return Err(ModelError::Input(
                "a text of no tokens has no states; give at least its end".into(),
            ));
        }
        let shape = [c.vocabulary, c.width];
        // The same table under either of two names.
        let table = match self.from.stored("shared.weight", &shape) {
            Err(ModelError::Missing { .. }) => self.from.stored("encoder.embed_tokens.weight", &shape)?,
            other => other?,
        };
        let mut rows = Vec::with_capacity(ids.len() * c.width);
        for id in ids {
            let id = *id as usize;
            if id >= c.vocabulary {
                return Err(ModelError::Input(format!(
                    "the tokenizer gives token {id} and the text encoder knows {}; tokenizer and encoder are of \
                     different models: fetch both from one place",
                    c.vocabulary
                )));
            }
            rows.extend(table.widened(id * c.width, (id + 1) * c.width));
        }
        Ok(self.from.put(rows, [ids.len(), c.width]))
    }

    fn norm(&self, x: Tensor<2>, from: &Reader<'_>, weight: &str) -> Result<Tensor<2>, ModelError> {
        let spec = NormSpec {
            norm: Norm::Rms { eps: self.config.eps },
            base: 0.0,
            silu: false,
        };
        Ok(ops::norm(
            x,
            spec,
            Some(from.tensor(weight, [self.config.width])?),
            None,
        ))
    }

    fn layer(&self, x: Tensor<2>, from: &Reader<'_>, buckets: &[usize]) -> Result<Tensor<2>, ModelError> {
        let c = &self.config;
        let inner = c.heads * c.head_dim;
        let attention = from.under("0.SelfAttention");
        let project = |name: &str| Linear::read_without_bias(&attention.under(name), c.width, inner);
        let bias = self.position_bias(&attention, buckets, x.dims()[0])?;
        let normed = self.norm(x.clone(), from, "0.layer_norm.weight")?;
        let q = project("q")?.forward(normed.clone());
        let k = project("k")?.forward(normed.clone());
        let v = project("v")?.forward(normed);
        // T5 leaves scores as they are: its initialisation stood in for the scale.
        let seen = ops::attention(q, k, v, Some(bias), c.heads, 1.0);
        let out = Linear::read_without_bias(&attention.under("o"), inner, c.width)?;
        let x = ops::add_gated(x, out.forward(seen), None);

        let normed = self.norm(x.clone(), from, "1.layer_norm.weight")?;
        let ffn = from.under("1.DenseReluDense");
        let gate = Linear::read_without_bias(&ffn.under("wi_0"), c.width, c.ffn_dim)?.forward(normed.clone());
        let value = Linear::read_without_bias(&ffn.under("wi_1"), c.width, c.ffn_dim)?.forward(normed);
        let hidden = ops::activate_times(gate, Activation::GeluTanh, value);
        let out = Linear::read_without_bias(&ffn.under("wo"), c.ffn_dim, c.width)?;
        Ok(ops::add_gated(x, out.forward(hidden), None))
    }

    /// What is added to the scores: (heads, tokens, tokens).
    fn position_bias(
        &self,
        from: &Reader<'_>,
        buckets: &[usize],
        tokens: usize,
    ) -> Result<Tensor<3>, ModelError> {
        let (heads, kinds) = (self.config.heads, self.config.buckets);
        let table = from.values("relative_attention_bias.weight", &[kinds, heads])?;
        let mut bias = Vec::with_capacity(heads * buckets.len());
        for head in 0..heads {
            bias.extend(buckets.iter().map(|b| table[b * heads + head]));
        }
        Ok(from.put(bias, [heads, tokens, tokens]))
    }
}

/// For each query and key, the kind of their distance.
///
/// The first half of the kinds are keys at or before the query, the second half keys after it. In each half, half of
/// them are exact distances and the rest grow as the logarithm, up to `max_distance`.
fn buckets(tokens: usize, kinds: usize, max_distance: usize) -> Vec<usize> {
    let side = kinds / 2;
    let exact = side / 2;
    let kind = |distance: usize| {
        if distance < exact {
            return distance;
        }
        let log = (distance as f32 / exact as f32).ln() / (max_distance as f32 / exact as f32).ln();
        (exact + (log * (side - exact) as f32) as usize).min(side - 1)
    };
    (0..tokens)
        .flat_map(|query| {
            (0..tokens).map(move |key| kind(query.abs_diff(key)) + if key > query { side } else { 0 })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::buckets;

    #[test]
    fn distances_fall_into_the_kinds_of_the_paper() {
        // 32 kinds to 128, as T5 has: exact to 7, then by logarithm; keys after the query from 16 on.
        let tokens = 200;
        let all = buckets(tokens, 32, 128);
        let of = |query: usize, key: usize| all[query * tokens + key];
        assert_eq!(
            [of(5, 5), of(5, 4), of(9, 2), of(2, 3), of(2, 9)],
            [0, 1, 7, 17, 23]
        );
        assert_eq!(
            [of(8, 0), of(12, 0), of(16, 0), of(32, 0), of(64, 0)],
            [8, 9, 10, 12, 14]
        );
        assert_eq!([of(127, 0), of(128, 0), of(199, 0), of(0, 199)], [15, 15, 15, 31]);
    }
}
