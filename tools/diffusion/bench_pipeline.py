"""A whole pipeline of middle size and random weights: made in the layout of diffusers, and timed with it on the CPU.

    python bench_pipeline.py make FOLDER
    python bench_pipeline.py run FOLDER [REPEATS] [THREADS]

`cargo run --release -p heirloom-engine-diffusion --example bench_pipeline` runs what is in FOLDER and prints the same
lines: milliseconds, the mean of the clip's numbers, which is to come out the same, and the most memory.
"""

import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parity"))

import torch
from diffusers import AutoencoderKLWan, WanPipeline, WanTransformer3DModel
from diffusers.utils import logging
from transformers import UMT5Config, UMT5EncoderModel

import tiny

TEXT_DIM = 1024
DIT = dict(
    patch_size=(1, 2, 2), num_attention_heads=6, attention_head_dim=128, in_channels=16, out_channels=16,
    text_dim=TEXT_DIM, freq_dim=256, ffn_dim=4096, num_layers=10, cross_attn_norm=True,
    qk_norm="rms_norm_across_heads", rope_max_seq_len=1024,
)
VAE = dict(base_dim=32, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, temperal_downsample=[False, True, True])
UMT5 = dict(
    d_model=TEXT_DIM, d_kv=64, d_ff=2816, num_layers=6, num_heads=16, relative_attention_num_buckets=32,
    relative_attention_max_distance=128, feed_forward_proj="gated-gelu", dropout_rate=0.0, pad_token_id=0,
    eos_token_id=1, decoder_start_token_id=0, tie_word_embeddings=False,
)
# What is asked for. The Rust side reads it, so that both make the same.
ASK = dict(
    prompt="a cat walks on the grass", negative="blurred, static", width=320, height=192, frames=9, steps=4,
    guidance=5.0, text_tokens=512,
)


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    words = tiny.tokenizer()
    text = tiny.randomise(UMT5EncoderModel(UMT5Config(vocab_size=len(words) + 4, **UMT5)), 1)
    parts = dict(
        tokenizer=words,
        text_encoder=text.to(torch.bfloat16),
        vae=tiny.randomise(AutoencoderKLWan(**VAE), 2),
        transformer=tiny.randomise(WanTransformer3DModel(**DIT), 3).to(torch.bfloat16),
        scheduler=tiny.scheduler(),
    )
    WanPipeline(**parts).save_pretrained(folder)
    shape = (1, 16, (ASK["frames"] - 1) // 4 + 1, ASK["height"] // 8, ASK["width"] // 8)
    tiny.draw(shape, 4).numpy().astype("<f4").tofile(folder / "noise.f32")
    # Written last: it says that the rest is whole.
    (folder / "ask.json").write_text(json.dumps(ASK, indent=1) + "\n")


@torch.no_grad()
def run(folder, repeats=1, threads=2):
    torch.set_num_threads(int(threads))
    ask = json.loads((folder / "ask.json").read_text())
    pipe = WanPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    shape = (1, 16, (ask["frames"] - 1) // 4 + 1, ask["height"] // 8, ask["width"] // 8)
    noise = torch.frombuffer(bytearray((folder / "noise.f32").read_bytes()), dtype=torch.float32).reshape(shape)

    def once():
        return pipe(
            prompt=ask["prompt"], negative_prompt=ask["negative"], height=ask["height"], width=ask["width"],
            num_frames=ask["frames"], num_inference_steps=ask["steps"], guidance_scale=ask["guidance"],
            max_sequence_length=ask["text_tokens"], latents=noise.clone(), output_type="pt",
        ).frames

    clip, clock = once(), []
    for _ in range(int(repeats)):
        start = time.perf_counter()
        once()
        clock.append((time.perf_counter() - start) * 1e3)
    print("time", "pipeline", f"{statistics.median(clock):.2f}", sep="\t")
    print("time", "mean", f"{clip.double().mean().item():.6f}", sep="\t")
    print("time", "peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, sep="\t", flush=True)


logging.set_verbosity_error()
logging.disable_progress_bar()
{"make": make, "run": run}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
