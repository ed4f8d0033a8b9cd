"""One LoRA in each form that people have, and a second one to lay beside it.

Every form goes through diffusers' own loader, and must change the weights alike: a form that diffusers reads otherwise
stops the run. Numbers are multiples of 1/64 below 2, which every type holds exactly, and alpha over rank is a power of
two, so that no form rounds.
"""
import json

import torch
from safetensors.torch import save_file

RANK, ALPHA = 4, 2.0
ORIGINAL = {"attn1": "self_attn", "attn2": "cross_attn", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "o"}


def modules(layers):
    """The linear layers of every block, by diffusers' names."""
    for block in range(layers):
        for attention in ("attn1", "attn2"):
            for part in ("to_q", "to_k", "to_v", "to_out.0"):
                yield f"blocks.{block}.{attention}.{part}"
        yield f"blocks.{block}.ffn.net.0.proj"
        yield f"blocks.{block}.ffn.net.2"


def original(name):
    """The same layer's name in the original single file."""
    if ".ffn." in name:
        return name.replace("ffn.net.0.proj", "ffn.0").replace("ffn.net.2", "ffn.2")
    head, block, attention, part = name.split(".", 3)
    return f"{head}.{block}.{ORIGINAL[attention]}.{ORIGINAL[part]}"


def halves(model, seed):
    """(down, up) of every layer."""
    generator, made = torch.Generator().manual_seed(seed), {}
    for name in modules(len(model.blocks)):
        out_width, in_width = model.get_submodule(name).weight.shape
        some = lambda *shape: ((torch.randn(shape, generator=generator) * 16).round() / 64).clamp(-1.9, 1.9)
        made[name] = (some(RANK, in_width), some(out_width, RANK))
    return made


def forms(made):
    """Each form's tensors and metadata."""
    alpha = lambda kind: torch.tensor(ALPHA, dtype=kind)
    diffusers, peft, kohya, comfy, plain = {}, {}, {}, {}, {}
    for name, (down, up) in made.items():
        old = original(name)
        diffusers |= {f"transformer.{name}.lora_A.weight": down.bfloat16(), f"transformer.{name}.lora_B.weight": up.bfloat16()}
        peft |= {f"base_model.model.{name}.lora_A.weight": down, f"base_model.model.{name}.lora_B.weight": up}
        key = "lora_unet_" + old.replace(".", "_")
        kohya |= {f"{key}.lora_down.weight": down.half(), f"{key}.lora_up.weight": up.half(), f"{key}.alpha": alpha(torch.float16)}
        key = f"diffusion_model.{old}"
        comfy |= {f"{key}.lora_down.weight": down.half(), f"{key}.lora_up.weight": up.half(), f"{key}.alpha": alpha(torch.float32)}
        # The original names carry no alpha of their own: `up` holds the scale.
        plain |= {f"diffusion_model.{old}.lora_A.weight": down.half(), f"diffusion_model.{old}.lora_B.weight": (up * (ALPHA / RANK)).half()}
    config = {"r": RANK, "lora_alpha": ALPHA, "target_modules": sorted({n.split(".", 2)[2] for n in made}),
              "peft_type": "LORA", "lora_bias": False, "use_dora": False, "use_rslora": False}
    # As diffusers writes it into a file's metadata, with its part's name before each key.
    noted = {"lora_adapter_metadata": json.dumps({f"transformer.{k}": v for k, v in config.items()}, sort_keys=True)}
    return {"diffusers": (diffusers, {"format": "pt", **noted}), "kohya": (kohya, {"format": "pt"}),
            "comfy": (comfy, {"format": "pt"}), "original": (plain, {"format": "pt"}),
            "peft": (peft, {"format": "pt"})}, config


def weights(model, names):
    return {n: model.get_submodule(n).weight.detach().clone() for n in names}


@torch.no_grad()
def write(pipe, folder, states, latents):
    """Writes every form into `folder`; returns the goldens and what is known of them."""
    folder.mkdir(parents=True, exist_ok=True)
    model = pipe.transformer
    made, second = halves(model, 60), halves(model, 61)
    kinds, config = forms(made)
    out, facts = {}, {"rank": RANK, "alpha": ALPHA, "forms": {}}
    run = lambda: model(hidden_states=latents, timestep=torch.tensor([637.0]), encoder_hidden_states=states).sample
    before = weights(model, made)
    bare = run()
    expected = {n: (up @ down) * (ALPHA / RANK) for n, (down, up) in made.items()}

    def merged(files, strengths):
        """The change of each weight, and what the model says, with these LoRAs laid on it at these strengths."""
        for i, file in enumerate(files):
            pipe.load_lora_weights(str(folder), weight_name=file, adapter_name=f"l{i}")
        pipe.set_adapters([f"l{i}" for i in range(len(files))], strengths)
        said = run()
        pipe.fuse_lora(components=["transformer"], adapter_names=[f"l{i}" for i in range(len(files))])
        change = {n: pipe.transformer.get_submodule(n).base_layer.weight.detach() - before[n] for n in made}
        fused = run()
        pipe.unfuse_lora(components=["transformer"])
        pipe.unload_lora_weights()
        for name, weight in before.items():
            model.get_submodule(name).weight.copy_(weight)
        # PEFT computes beside the weight what the merged weight computes in one.
        assert torch.allclose(said, fused, atol=2e-5), (files, (said - fused).abs().max())
        return change, said

    for kind, (tensors, metadata) in kinds.items():
        file = f"{kind}.safetensors"
        if kind == "peft":
            # A folder as PEFT's save_pretrained leaves it: alpha stands in adapter_config.json only.
            inside = folder / "peft"
            inside.mkdir(exist_ok=True)
            save_file({k: v.contiguous() for k, v in tensors.items()}, inside / "adapter_model.safetensors", metadata)
            (inside / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
            facts["forms"][kind] = peft_reads(model, inside, before, expected, latents, states)
            continue
        save_file({k: v.contiguous() for k, v in tensors.items()}, folder / file, metadata)
        change, said = merged([file], [1.0])
        worst = max((change[n] - expected[n]).abs().max().item() for n in made)
        assert worst < 1e-5, f"diffusers reads the form {kind} otherwise: {worst}"
        facts["forms"][kind] = {"file": file, "largest_difference_by_diffusers": worst}
        if kind == "diffusers":
            out["one.out"] = said
            out |= {f"one.delta.{n}": change[n] for n in ("blocks.0.attn1.to_q", "blocks.1.attn2.to_out.0",
                                                          "blocks.1.ffn.net.0.proj", "blocks.2.ffn.net.2")}
    second_forms, _ = forms(second)
    save_file({k: v.contiguous() for k, v in second_forms["kohya"][0].items()}, folder / "second.safetensors", {"format": "pt"})
    change, said = merged(["kohya.safetensors", "second.safetensors"], [0.75, -0.5])
    out |= {"two.out": said, "bare.out": bare, "latents": latents.half(), "states": states,
            "two.delta.blocks.0.attn1.to_k": change["blocks.0.attn1.to_k"],
            "two.delta.blocks.2.ffn.net.0.proj": change["blocks.2.ffn.net.0.proj"]}
    facts["two"] = {"files": ["kohya.safetensors", "second.safetensors"], "strengths": [0.75, -0.5], "time": 637.0}
    return out, facts


def peft_reads(model, folder, before, expected, latents, states):
    """Lets PEFT itself lay its folder's file on a copy of the model."""
    from copy import deepcopy

    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file
    config = LoraConfig.from_pretrained(str(folder))
    laid = get_peft_model(deepcopy(model), config)
    told = set_peft_model_state_dict(laid, load_file(folder / "adapter_model.safetensors"))
    assert not told.unexpected_keys, told.unexpected_keys
    merged = laid.merge_and_unload()
    worst = max((merged.get_submodule(n).weight - before[n] - expected[n]).abs().max().item() for n in before)
    assert worst < 1e-5, f"PEFT reads its own folder otherwise: {worst}"
    return {"file": "peft/adapter_model.safetensors", "largest_difference_by_peft": worst}
