"""Every tensor of Wan 2.2 TI2V 5B: its transformer's and its autoencoder's, by both names, as keys.py has them.

The transformer's pairs are judged by diffusers' converter, as the others are. Of this autoencoder the package on PyPI has no
converter: diffusers keeps it in its repository, as `convert_vae_22` of scripts/convert_wan_to_diffusers.py. It loads its weights
itself, so it is handed made ones: `python keys_ti2v.py PATH/TO/convert_wan_to_diffusers.py` lets it judge the pairs.
"""
import ast
import sys
import types
from contextlib import nullcontext

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

from keys import DIT_1_3B, original_dit, paired, shapes

DIT_5B = DIT_1_3B | dict(num_attention_heads=24, ffn_dim=14336, num_layers=30, in_channels=48, out_channels=48)
VAE_5B = dict(
    base_dim=160, decoder_base_dim=256, z_dim=48, dim_mult=[1, 2, 4, 4], num_res_blocks=2,
    temperal_downsample=[False, True, True], is_residual=True, in_channels=12, out_channels=12, patch_size=2,
    scale_factor_spatial=16, latents_mean=[0.0] * 48, latents_std=[1.0] * 48,
)
INSIDE = {"norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6", "conv_shortcut": "shortcut"}
OUTSIDE = {"quant_conv": "conv1", "post_quant_conv": "conv2", "conv_in": "conv1", "norm_out": "head.0", "conv_out": "head.2"}


def original_vae(name):
    """The original name of one of diffusers'.

    There a level is one list: its residual blocks and, after those, its change of size. The middle is one list too.
    """
    parts = name.split(".")
    if parts[0] in OUTSIDE:
        return ".".join([OUTSIDE[parts[0]], *parts[1:]])
    side, what, *rest = parts
    if what in OUTSIDE:
        return ".".join([side, OUTSIDE[what], *rest])
    if what == "mid_block":
        kind, at, *rest = rest
        place = "1" if kind == "attentions" else str(2 * int(at))
        inside = rest if kind == "attentions" else [INSIDE[rest[0]], *rest[1:]]
        return ".".join([side, "middle", place, *inside])
    level, kind, *rest = rest
    old = {"encoder": "downsamples", "decoder": "upsamples"}[side]
    if kind == "resnets":
        return ".".join([side, old, level, old, rest[0], INSIDE[rest[1]], *rest[2:]])
    # Two residual blocks in a level of the encoder, three in one of the decoder.
    place = {"downsampler": "2", "upsampler": "3"}[kind]
    return ".".join([side, old, level, old, place, *rest])


def all_keys():
    dit = shapes(lambda: WanTransformer3DModel(**DIT_5B))
    vae = shapes(lambda: AutoencoderKLWan(**VAE_5B))
    kept = {k: [v, original_vae(k)] for k, v in vae.items()}
    assert len({original for _, original in kept.values()}) == len(kept)
    return {"dit-5b": paired(dit, original_dit(30), convert_wan_transformer_to_diffusers), "vae-5b": kept}


def judged(script):
    """Lets the repository's converter rename made weights with our original names; True where it makes all of diffusers'."""
    ours = all_keys()["vae-5b"]
    made = {original: torch.full((1,), float(i)) for i, (_, original) in enumerate(ours.values())}
    tags, got = {float(i): name for i, name in enumerate(ours)}, {}
    tree = ast.parse(open(script, encoding="utf-8").read())
    tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "convert_vae_22"]

    class Taker:
        def __init__(self, **_):
            pass

        def load_state_dict(self, state, **_):
            got.update(state)

    names = {"hf_hub_download": lambda *_: None, "torch": types.SimpleNamespace(load=lambda *_, **__: dict(made)),
             "init_empty_weights": nullcontext, "AutoencoderKLWan": Taker, "vae22_diffusers_config": {}}
    exec(compile(tree, script, "exec"), names)
    names["convert_vae_22"]()
    return {k: tags[v.item()] for k, v in got.items()} == {k: k for k in ours}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if judged(sys.argv[1]) else "the converter names tensors otherwise")
