"""Makes the tiny models and the goldens that crates/engine-diffusion is tested against: python make.py FOLDER.

Needs the packages of requirements.txt and no network. With the same packages on the same processor the files come out
the same; elsewhere compare.py says how far they are apart.
"""
import json
import os
import shutil
import sys
import tempfile
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

import diffusers
import torch
import transformers
from safetensors.torch import save_file

import conditions
import keys
import keys_ti2v
import loras
import stages
import ti2v
import tiny
import training


def save(folder, name, tensors):
    bad = [k for k, v in tensors.items() if not torch.isfinite(v.float()).all()]
    assert not bad, f"not finite: {bad}"
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, folder / f"{name}.safetensors")


def note(folder, name, facts, indent=1):
    text = json.dumps(facts, indent=indent, ensure_ascii=False, sort_keys=True)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def save_part(model, folder, shard="1GB"):
    """The model's weights in bf16: a copy's, for `to` would round what the goldens are computed with."""
    shutil.rmtree(folder)
    deepcopy(model).to(torch.bfloat16).save_pretrained(folder, max_shard_size=shard)


def save_models(one, two, folder):
    """The diffusers layout: bf16 transformers (the first in two shards) and text encoder, an f32 autoencoder."""
    for name, pipe in (("t2v", one), ("a14b", two)):
        pipe.save_pretrained(folder / name)
    save_part(one.transformer, folder / "t2v/transformer", "60KB")
    save_part(one.text_encoder, folder / "t2v/text_encoder")
    save_part(two.transformer, folder / "a14b/transformer")
    save_part(two.transformer_2, folder / "a14b/transformer_2")
    # The second pipeline's other parts are the first's.
    for part in ("tokenizer", "text_encoder", "vae"):
        shutil.rmtree(folder / "a14b" / part)
    (folder / "t2v" / "README.md").write_text(
        "---\nlicense: apache-2.0\n---\nRandom numbers in the layout of Wan 2.1, for tests.\n")


def key_lists(folder):
    for name, kept in (keys.all_keys() | keys_ti2v.all_keys()).items():
        lines = (json.dumps(k) + ": " + json.dumps(v) for k, v in sorted(kept.items()))
        (folder / f"keys-{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main(folder):
    torch.set_num_threads(1)
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)
    folder.mkdir(parents=True, exist_ok=True)
    parts = tiny.components()
    one, two = tiny.pipelines(parts)
    save_models(one, two, folder)
    key_lists(folder)
    note(folder, "tokens", stages.tokens(parts["tokenizer"]), indent=None)
    text = stages.text(parts)
    save(folder, "umt5", text)
    states = text["prompt.padded"]
    tensors, facts = stages.transformer(parts, states)
    save(folder, "dit", tensors)
    save(folder, "vae", stages.autoencoder(parts["vae"]))
    save(folder, "schedule", stages.schedules())
    tensors, pipe_facts = stages.pipelines(one, two)
    save(folder, "pipelines", tensors)
    training.write(folder, save, note, parts, one)
    ti2v.write(folder, one, states, lambda name, tensors: save(folder, name, tensors))
    conditions.write(folder, parts, states, save)
    # Last, for it lays adapters on the transformer.
    tensors, lora_facts = loras.write(one, folder / "loras", states, stages.draw((1, 16, 2, 4, 6), 500))
    save(folder, "loras", tensors)
    packages = {p: version(p) for p in ("torch", "diffusers", "transformers", "peft", "tokenizers", "safetensors")}
    note(folder, "facts", {"packages": packages, "dit": facts, "pipelines": pipe_facts, "loras": lora_facts})
    shutil.copy(Path(__file__).with_name("goldens-readme.md"), folder / "README.md")
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    print(f"{folder}: {size} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # Made aside and moved, so that a run that fails leaves nothing half made.
    with tempfile.TemporaryDirectory() as aside:
        made = Path(aside) / "goldens"
        main(made)
        shutil.copytree(made, sys.argv[1], dirs_exist_ok=True)
