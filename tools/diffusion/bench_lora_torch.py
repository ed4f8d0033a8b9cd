"""Times a step of training a LoRA of rank 16 on every linear layer of a few Wan blocks at their true widths, on the CPU,
with PyTorch, diffusers and PEFT.

    python bench_lora_torch.py plain|checkpointing [REPEATS] [THREADS]

The same sums as `cargo run --release -p heirloom-tensors --example bench_lora`, and the same lines. Weights are kept and
computed with in float32, as ours are computed with.
"""

import os
import resource
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import WanTransformer3DModel
from peft import LoraConfig, get_peft_model

from timing import report

CHECKPOINTING = len(sys.argv) > 1 and sys.argv[1] == "checkpointing"
REPEATS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 2)
RANK, BLOCKS = 16, 4


def main():
    torch.manual_seed(0)
    model = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=12, attention_head_dim=128, in_channels=16, out_channels=16,
        text_dim=4096, freq_dim=256, ffn_dim=8960, num_layers=BLOCKS, cross_attn_norm=True,
        qk_norm="rms_norm_across_heads", rope_max_seq_len=1024)
    model.requires_grad_(False)
    targets = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]
    if CHECKPOINTING:
        model.enable_gradient_checkpointing()
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets)).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01)
    latents, text = torch.randn(1, 16, 1, 64, 64), torch.randn(1, 512, 4096)
    when = torch.tensor([500.0])

    def step():
        optimiser.zero_grad()
        found = model(hidden_states=latents, timestep=when, encoder_hidden_states=text, return_dict=False)[0]
        torch.nn.functional.mse_loss(found, -latents).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()

    report("step", step, REPEATS)
    print("time", "peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, sep="\t")


main()
