"""Every tensor of the full models: its name in diffusers, its shape, its name in the original single file.

The names and shapes come from diffusers' and transformers' own models, built without memory (torch's meta device).
The original names are those of the modules of Wan's published code. diffusers' own converters then have to turn the
original names into exactly its own. For umT5 no library has such a converter: there the two sides are held to each
other by count and shape, and `gate`, `fc1`, `fc2` by what they do (`fc2(fc1(x) * gelu(gate(x)))` in Wan's code,
`wo(gelu(wi_0(x)) * wi_1(x))` in transformers').
"""
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers, convert_wan_vae_to_diffusers
from transformers import UMT5Config, UMT5EncoderModel

DIT_1_3B = dict(
    patch_size=(1, 2, 2), num_attention_heads=12, attention_head_dim=128, in_channels=16, out_channels=16,
    text_dim=4096, freq_dim=256, ffn_dim=8960, num_layers=30, cross_attn_norm=True, qk_norm="rms_norm_across_heads",
    eps=1e-6, rope_max_seq_len=1024,
)
DIT_14B = DIT_1_3B | dict(num_attention_heads=40, ffn_dim=13824, num_layers=40)
UMT5_XXL = dict(
    vocab_size=256384, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
    relative_attention_num_buckets=32, relative_attention_max_distance=128, feed_forward_proj="gated-gelu",
)


def both(stem):
    return [f"{stem}.weight", f"{stem}.bias"]


def original_dit(layers):
    names = both("patch_embedding")
    for stem in ("text_embedding.0", "text_embedding.2", "time_embedding.0", "time_embedding.2", "time_projection.1"):
        names += both(stem)
    for i in range(layers):
        block = f"blocks.{i}"
        names += [f"{block}.modulation", *both(f"{block}.norm3"), *both(f"{block}.ffn.0"), *both(f"{block}.ffn.2")]
        for attention in ("self_attn", "cross_attn"):
            for part in "qkvo":
                names += both(f"{block}.{attention}.{part}")
            names += [f"{block}.{attention}.norm_q.weight", f"{block}.{attention}.norm_k.weight"]
    return names + ["head.modulation", *both("head.head")]


def original_vae():
    def residual(stem):
        return [f"{stem}.residual.0.gamma", *both(f"{stem}.residual.2"), f"{stem}.residual.3.gamma",
                *both(f"{stem}.residual.6")]

    def ends(side):
        middle = [*residual(f"{side}.middle.0"), f"{side}.middle.1.norm.gamma", *both(f"{side}.middle.1.to_qkv"),
                  *both(f"{side}.middle.1.proj"), *residual(f"{side}.middle.2")]
        return both(f"{side}.conv1") + middle + [f"{side}.head.0.gamma", *both(f"{side}.head.2")]

    names = both("conv1") + both("conv2") + ends("encoder") + ends("decoder")
    for i in range(11):
        stem = f"encoder.downsamples.{i}"
        names += both(f"{stem}.resample.1") if i in (2, 5, 8) else residual(stem)
        names += both(f"{stem}.time_conv") if i in (5, 8) else []
        names += both(f"{stem}.shortcut") if i in (3, 6) else []
    for i in range(15):
        stem = f"decoder.upsamples.{i}"
        names += both(f"{stem}.resample.1") if i in (3, 7, 11) else residual(stem)
        names += both(f"{stem}.time_conv") if i in (3, 7) else []
        names += both(f"{stem}.shortcut") if i == 4 else []
    return names


def umt5_names(layers):
    """{original name: transformers' name}."""
    inside = {"norm1": "layer.0.layer_norm", "attn.q": "layer.0.SelfAttention.q", "attn.k": "layer.0.SelfAttention.k",
              "attn.v": "layer.0.SelfAttention.v", "attn.o": "layer.0.SelfAttention.o",
              "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
              "norm2": "layer.1.layer_norm", "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
              "ffn.fc1": "layer.1.DenseReluDense.wi_1", "ffn.fc2": "layer.1.DenseReluDense.wo"}
    names = {"token_embedding.weight": "shared.weight", "norm.weight": "encoder.final_layer_norm.weight"}
    for i in range(layers):
        names |= {f"blocks.{i}.{a}.weight": f"encoder.block.{i}.{b}.weight" for a, b in inside.items()}
    return names


def shapes(build):
    with torch.device("meta"):
        return {k: list(v.shape) for k, v in build().state_dict().items()}


def paired(own, originals, convert):
    """{diffusers' name: [shape, original name]}, with the converter as the judge of each name."""
    made, tags = {}, {}
    for i, name in enumerate(originals):
        # A number of its own in each tensor tells which original became which.
        made[name] = torch.full((1,), float(i))
        tags[i] = name
    converted = convert(made)
    assert set(converted) == set(own), set(converted) ^ set(own)
    return {k: [own[k], tags[int(converted[k].item())]] for k in own}


def all_keys():
    kept = {}
    for name, config in (("dit-1.3b", DIT_1_3B), ("dit-14b", DIT_14B)):
        own = shapes(lambda: WanTransformer3DModel(**config))
        kept[name] = paired(own, original_dit(config["num_layers"]), convert_wan_transformer_to_diffusers)
    kept["vae"] = paired(shapes(AutoencoderKLWan), original_vae(), convert_wan_vae_to_diffusers)
    own = shapes(lambda: UMT5EncoderModel(UMT5Config(**UMT5_XXL)))
    own.pop("encoder.embed_tokens.weight", None)  # the same tensor as `shared.weight`
    names = {b: a for a, b in umt5_names(UMT5_XXL["num_layers"]).items()}
    assert set(names) == set(own), set(names) ^ set(own)
    kept["umt5-xxl"] = {k: [own[k], names[k]] for k in own}
    return kept
