"""Times what the family's other models have of their own, at true widths and with random weights, on the CPU with diffusers: a
block of VACE with its branch, and the decoder of Wan 2.2 TI2V 5B's autoencoder.

    python bench_variants.py [REPEATS] [THREADS]

The same sums as `cargo run --release -p heirloom-tensors --example bench_variants`, and the same lines. Weights are kept and
computed with in float32; ours keeps bfloat16, as files do, and widens them in each run.
"""

import os
import resource
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import AutoencoderKLWan, WanVACETransformer3DModel

from timing import report


def vace():
    model = WanVACETransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=12, attention_head_dim=128, in_channels=16, out_channels=16,
        text_dim=4096, freq_dim=256, ffn_dim=8960, num_layers=1, cross_attn_norm=True,
        qk_norm="rms_norm_across_heads", rope_max_seq_len=1024, vace_layers=[0], vace_in_channels=96).eval()
    latents, text = torch.randn(1, 16, 3, 64, 64), torch.randn(1, 512, 4096)
    control = torch.randn(1, 96, 3, 64, 64)
    return lambda: model(
        hidden_states=latents, timestep=torch.tensor([500.0]), encoder_hidden_states=text, control_hidden_states=control,
        control_hidden_states_scale=torch.ones(1), return_dict=False)


def decoder():
    vae = AutoencoderKLWan(
        base_dim=160, decoder_base_dim=256, z_dim=48, dim_mult=[1, 2, 4, 4], num_res_blocks=2,
        temperal_downsample=[False, True, True], is_residual=True, in_channels=12, out_channels=12, patch_size=2,
        scale_factor_temporal=4, scale_factor_spatial=16).eval()
    latents = torch.randn(1, 48, 2, 8, 14)
    return lambda: vae.decode(latents, return_dict=False)


@torch.no_grad()
def main(repeats=3, threads=2):
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    report("VACE 3072", vace(), int(repeats))
    report("5B VAE", decoder(), int(repeats))
    print("time", "peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, sep="\t")


main(*sys.argv[1:])
