//! Every tensor of the text encoder.

use super::TextConfig;
use crate::weights::Expected;

impl TextConfig {
    /// Every tensor that this encoder has, with its shape and both its names.
    ///
    /// Unlike T5, each layer has a position bias of its own. Files may also have the embedding a second time, as
    /// `encoder.embed_tokens.weight`; it is the same tensor (see `by_diffusers_names`).
    pub fn expected(&self) -> Vec<Expected> {
        let (width, heads) = (self.d_model, self.num_heads * self.d_kv);
        let one = |name: String, original: String, shape: &[u64]| Expected {
            name: format!("{name}.weight"),
            original: format!("{original}.weight"),
            shape: shape.to_vec(),
        };
        let mut list = vec![one(
            "shared".into(),
            "token_embedding".into(),
            &[self.vocab_size, width],
        )];
        for layer in 0..self.num_layers {
            for (name, original, shape) in [
                ("layer.0.layer_norm", "norm1", &[width][..]),
                ("layer.0.SelfAttention.q", "attn.q", &[heads, width]),
                ("layer.0.SelfAttention.k", "attn.k", &[heads, width]),
                ("layer.0.SelfAttention.v", "attn.v", &[heads, width]),
                ("layer.0.SelfAttention.o", "attn.o", &[width, heads]),
                (
                    "layer.0.SelfAttention.relative_attention_bias",
                    "pos_embedding.embedding",
                    &[self.relative_attention_num_buckets, self.num_heads],
                ),
                ("layer.1.layer_norm", "norm2", &[width]),
                ("layer.1.DenseReluDense.wi_0", "ffn.gate.0", &[self.d_ff, width]),
                ("layer.1.DenseReluDense.wi_1", "ffn.fc1", &[self.d_ff, width]),
                ("layer.1.DenseReluDense.wo", "ffn.fc2", &[width, self.d_ff]),
            ] {
                list.push(one(
                    format!("encoder.block.{layer}.{name}"),
                    format!("blocks.{layer}.{original}"),
                    shape,
                ));
            }
        }
        list.push(one("encoder.final_layer_norm".into(), "norm".into(), &[width]));
        list
    }
}
