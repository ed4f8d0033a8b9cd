"""Goldens of training: a loop of PyTorch and PEFT over tiny Wan models. python training.py FOLDER, or called by make.py.

Latents, noise, texts and the LoRAs' first values are numbers that float16 holds; losses, gradients and trained weights are
float32. Every loss is the mean square between the model's output and `noise - latents`, at `(1 - s) latents + s noise`.
"""
import math
import shutil
import sys
from copy import deepcopy
from pathlib import Path

import torch
from diffusers import WanVACETransformer3DModel
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

import tiny
from tiny import draw

TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]
RANK, RATE, DECAY, STEPS = 4, 1e-2, 0.05, 3
SIGMAS = [0.637, 0.251, 0.914]
SIZE = (2, 4, 6)
# Unequal wherever they may be unequal; two of three blocks get a hint.
VACE = dict(
    patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=8, in_channels=5, out_channels=5, text_dim=12,
    freq_dim=10, ffn_dim=20, num_layers=3, cross_attn_norm=True, qk_norm="rms_norm_across_heads", rope_max_seq_len=64,
    vace_layers=[0, 2], vace_in_channels=7,
)


def example(i, channels=16, width=tiny.TEXT_DIM, length=10):
    """Latents, noise and the states of a text."""
    return {"latents": draw((1, channels, *SIZE), 700 + i), "noise": draw((1, channels, *SIZE), 710 + i),
            "text": draw((1, length, width), 720 + i)}


def loss_of(model, one, sigma, **more):
    noisy = (1 - sigma) * one["latents"] + sigma * one["noise"]
    found = model(hidden_states=noisy, timestep=torch.tensor([sigma * 1000.0]), encoder_hidden_states=one["text"],
                  return_dict=False, **more)[0]
    return torch.nn.functional.mse_loss(found, one["noise"] - one["latents"])


def with_lora(model, alpha):
    """The model under PEFT with a LoRA of random numbers, and the trained tensors by diffusers' names."""
    config = LoraConfig(r=RANK, lora_alpha=alpha, target_modules=TARGETS, lora_dropout=0.0)
    laid = get_peft_model(deepcopy(model), config).train()
    named = {n.removeprefix("base_model.model.").replace(".default", ""): p
             for n, p in laid.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for i, (name, tensor) in enumerate(sorted(named.items())):
            # Both halves are random, for after PEFT's own start every gradient of one half is nought.
            tensor.copy_(draw(tensor.shape, 800 + i, 0.25 if "lora_A" in name else 0.1))
    return laid, named


def rate(step, warm=2, steps=5, least=0.1):
    """Rises in a straight line, then falls along half a cosine; steps count from 0."""
    if step < warm:
        return RATE * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return RATE * (least + (1 - least) * 0.5 * (1 + math.cos(math.pi * done)))


def loras(model):
    out, facts, examples = {}, {}, [example(0), example(1)]
    for i, one in enumerate(examples):
        out |= {f"example.{i}.{k}": v.half() for k, v in one.items()}
    for case, alpha in (("equal", 4.0), ("unlike", 6.0)):
        laid, named = with_lora(model, alpha)
        if case == "equal":
            out |= {f"lora.{n}": p.detach().half() for n, p in named.items()}
        optimiser = torch.optim.AdamW(named.values(), lr=RATE, weight_decay=DECAY)
        losses = []
        for step in range(STEPS):
            loss = loss_of(laid, examples[step % 2], SIGMAS[step])
            losses.append(loss.item())
            optimiser.zero_grad()
            loss.backward()
            if step == 0:
                out |= {f"{case}.gradient.{n}": p.grad.clone() for n, p in named.items()}
            optimiser.step()
        out |= {f"{case}.trained.{n}": p.detach() for n, p in named.items()}
        out[f"{case}.losses"] = torch.tensor(losses)
        facts[case] = {"alpha": alpha}
    # Two examples a step, their gradients summed and clipped, the rate warmed up; PyTorch's own checkpointing.
    laid, named = with_lora(model, 6.0)
    laid.base_model.model.enable_gradient_checkpointing()
    optimiser = torch.optim.AdamW(named.values(), lr=RATE, weight_decay=DECAY)
    losses, norms = [], []
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        optimiser.zero_grad()
        total = 0.0
        for one in examples:
            loss = loss_of(laid, one, SIGMAS[step]) / len(examples)
            loss.backward()
            total += loss.item()
        losses.append(total)
        norms.append(torch.nn.utils.clip_grad_norm_(named.values(), 0.5).item())
        optimiser.step()
    assert min(norms) > 0.5, f"nothing is clipped: {norms}"
    out |= {f"accumulated.trained.{n}": p.detach() for n, p in named.items()}
    out |= {"accumulated.losses": torch.tensor(losses), "accumulated.norms": torch.tensor(norms)}
    facts |= {"accumulated": {"alpha": 6.0, "clip": 0.5}, "rank": RANK, "rate": RATE, "weight_decay": DECAY,
              "sigmas": SIGMAS, "size": SIZE}
    return out, facts


def whole(model):
    """Gradients of every weight."""
    model = deepcopy(model).train().requires_grad_(True)
    loss = loss_of(model, example(0), SIGMAS[0])
    loss.backward()
    return {"whole.loss": loss} | {f"whole.gradient.{n}": p.grad for n, p in model.named_parameters()}


def vace():
    """A tiny transformer with control blocks: its weights, and gradients of every one of them."""
    model = tiny.as_kept(tiny.randomise(WanVACETransformer3DModel(**VACE), 9), torch.bfloat16)
    kept = {n: p.detach().bfloat16() for n, p in model.named_parameters()}
    one, control = example(2, VACE["in_channels"], VACE["text_dim"], 6), draw((1, VACE["vace_in_channels"], *SIZE), 730)
    out = {f"vace.{k}": v.half() for k, v in one.items()} | {"vace.control": control.half()}
    model.train().requires_grad_(True)
    loss = loss_of(model, one, SIGMAS[1], control_hidden_states=control)
    loss.backward()
    out["vace.loss"] = loss
    return out | {f"vace.gradient.{n}": p.grad for n, p in model.named_parameters()}, kept


def exported(pipe, folder, init):
    """Lets diffusers read the files that our own trainer wrote of the first values, and compares what they change."""
    facts, scale = {}, 8.0 / RANK
    for path in sorted(folder.glob("*.safetensors")):
        model = pipe.transformer
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        pipe.load_lora_weights(folder, weight_name=path.name, adapter_name="ours")
        pipe.fuse_lora(components=["transformer"])
        pipe.unload_lora_weights()
        after, worst, count = dict(model.named_parameters()), 0.0, 0
        for name in sorted(n.removesuffix(".lora_A.weight") for n in init if n.endswith("lora_A.weight")):
            wanted = scale * init[f"{name}.lora_B.weight"].float() @ init[f"{name}.lora_A.weight"].float()
            worst = max(worst, (after[f"{name}.weight"] - before[f"{name}.weight"] - wanted).abs().max().item())
            count += 1
        assert count == 30 and worst < 1e-5, f"diffusers reads {path.name} otherwise: {worst} over {count} layers"
        with torch.no_grad():
            for name, tensor in model.named_parameters():
                tensor.copy_(before[name])
        facts[path.name] = {"largest_difference_by_diffusers": worst}
    return facts


def goldens(parts):
    """Tensors, the weights of the tiny VACE model, and what is known of them."""
    tensors, facts = loras(parts["transformer"])
    tensors |= whole(parts["high"])
    steered, kept = vace()
    facts["vace"] = {k: v for k, v in VACE.items() if k != "qk_norm"}
    return tensors | steered, kept, facts


def write(folder, save, note, parts, one):
    tensors, kept, facts = goldens(parts)
    save(folder, "train", tensors)
    save(folder, "train-vace", kept)
    committed = Path(__file__).parents[2] / "crates/engine-diffusion/tests/goldens/trained"
    init = {n.removeprefix("lora."): t for n, t in tensors.items() if n.startswith("lora.")}
    facts["exported"] = exported(one, committed, init)
    assert sorted(facts["exported"]) == ["comfy.safetensors", "diffusers.safetensors"], facts["exported"]
    # Not made here: HEIRLOOM_WRITE_GOLDENS=1 cargo test -p heirloom-engine-diffusion --test train writes them.
    shutil.copytree(committed, folder / "trained", dirs_exist_ok=True)
    note(folder, "train", facts)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    import make
    torch.set_num_threads(1)
    parts = tiny.components()
    write(Path(sys.argv[1]), make.save, make.note, parts, tiny.pipelines(parts)[0])
