//! Every tensor of the transformer.

use super::TransformerConfig;
use crate::weights::Expected;

/// Original module and diffusers module of each linear layer of an attention.
const ATTENTION: [(&str, &str); 4] = [("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0")];

/// More places on an axis than the model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this makes {asked} tokens on one axis, and the model knows {most}: ask for a smaller or shorter clip"
)]
pub struct TooLong {
    /// Tokens on the longest axis.
    pub asked: u64,
    /// What the model knows.
    pub most: u64,
}

pub(super) struct List(Vec<Expected>);

impl List {
    fn one(&mut self, name: String, original: String, shape: &[u64]) {
        self.0.push(Expected {
            name,
            original,
            shape: shape.to_vec(),
        });
    }

    /// A layer's weight and bias.
    pub(super) fn both(&mut self, name: &str, original: &str, weight: &[u64]) {
        self.one(format!("{name}.weight"), format!("{original}.weight"), weight);
        self.one(format!("{name}.bias"), format!("{original}.bias"), &weight[..1]);
    }
}

impl TransformerConfig {
    /// Every tensor that this transformer has, with its shape and both its names.
    ///
    /// The original modules are called by the order in which they were written, so `norm3` there, the one before
    /// cross-attention, is `norm2` here; `norm1` and diffusers' `norm3` have no tensors.
    pub fn expected(&self) -> Vec<Expected> {
        let (width, text) = (self.width(), self.text_dim);
        let mut list = List(Vec::new());
        let patch: u64 = self.patch_size.iter().product();
        let [frames, rows, columns] = self.patch_size;
        list.both(
            "patch_embedding",
            "patch_embedding",
            &[width, self.in_channels, frames, rows, columns],
        );
        let condition = "condition_embedder";
        for (name, original, inside) in [
            ("text_embedder.linear_1", "text_embedding.0", text),
            ("text_embedder.linear_2", "text_embedding.2", width),
            ("time_embedder.linear_1", "time_embedding.0", self.freq_dim),
            ("time_embedder.linear_2", "time_embedding.2", width),
        ] {
            list.both(&format!("{condition}.{name}"), original, &[width, inside]);
        }
        list.both(
            &format!("{condition}.time_proj"),
            "time_projection.1",
            &[6 * width, width],
        );
        for block in 0..self.num_layers {
            self.block(&mut list, &format!("blocks.{block}"));
        }
        self.branch(&mut list);
        list.one(
            "scale_shift_table".into(),
            "head.modulation".into(),
            &[1, 2, width],
        );
        list.both("proj_out", "head.head", &[self.out_channels * patch, width]);
        list.0
    }

    /// A block's tensors; the branch for control has blocks like the transformer's own.
    pub(super) fn block(&self, list: &mut List, at: &str) {
        let width = self.width();
        list.one(
            format!("{at}.scale_shift_table"),
            format!("{at}.modulation"),
            &[1, 6, width],
        );
        for (attention, original) in [("attn1", "self_attn"), ("attn2", "cross_attn")] {
            for (old, new) in ATTENTION {
                list.both(
                    &format!("{at}.{attention}.{new}"),
                    &format!("{at}.{original}.{old}"),
                    &[width, width],
                );
            }
            for norm in ["norm_q.weight", "norm_k.weight"] {
                list.one(
                    format!("{at}.{attention}.{norm}"),
                    format!("{at}.{original}.{norm}"),
                    &[width],
                );
            }
        }
        if self.cross_attn_norm {
            list.both(&format!("{at}.norm2"), &format!("{at}.norm3"), &[width]);
        }
        list.both(
            &format!("{at}.ffn.net.0.proj"),
            &format!("{at}.ffn.0"),
            &[self.ffn_dim, width],
        );
        list.both(
            &format!("{at}.ffn.net.2"),
            &format!("{at}.ffn.2"),
            &[width, self.ffn_dim],
        );
    }
}
