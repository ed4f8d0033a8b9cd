"""Compares two folders of goldens: python compare.py MADE COMMITTED. Fails where one differs.

Tensors of numbers may differ by 1e-4 of the largest value; whole numbers, names, shapes and texts not at all.
"""
import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open

LIMIT = 1e-4
# What differs with the processor or the versions, and is no golden.
UNJUDGED = {"largest_difference_by_diffusers", "largest_difference_by_peft", "largest_softmax_weight_mean", "packages", "clipped"}


def tensors(path):
    with safe_open(path, "pt") as file:
        return {k: file.get_tensor(k) for k in file.keys()}


def apart(made, kept):
    """The largest difference over the largest value, or None where the two cannot be compared."""
    if made.shape != kept.shape or made.dtype != kept.dtype:
        return None
    made, kept = made.double(), kept.double()
    if made.numel() == 0 or torch.equal(made, kept):
        return 0.0
    if not torch.isfinite(made).all():
        return None
    return ((made - kept).abs().max() / kept.abs().max().clamp(min=1e-30)).item()


def trimmed(value):
    if isinstance(value, dict):
        return {k: trimmed(v) for k, v in value.items() if k not in UNJUDGED and not k.startswith("_")}
    return [trimmed(v) for v in value] if isinstance(value, list) else value


def compare(made, kept):
    faults, worst, count = [], (0.0, "-"), 0
    listed = lambda folder: {p.relative_to(folder) for p in folder.rglob("*") if p.suffix in (".safetensors", ".json")}
    for name in sorted(listed(made) ^ listed(kept)):
        faults.append(f"{name}: only in {made if (made / name).exists() else kept}")
    for name in sorted(listed(made) & listed(kept)):
        if name.suffix == ".json":
            if trimmed(json.loads((made / name).read_text())) != trimmed(json.loads((kept / name).read_text())):
                faults.append(f"{name}: the texts differ")
            continue
        ours, theirs = tensors(made / name), tensors(kept / name)
        for key in sorted(ours.keys() ^ theirs.keys()):
            faults.append(f"{name}: {key} is only in one of the two")
        for key in sorted(ours.keys() & theirs.keys()):
            count += 1
            far = apart(ours[key], theirs[key])
            if far is None or far > LIMIT or (not theirs[key].is_floating_point() and far != 0.0):
                faults.append(f"{name}: {key} is {far} apart")
            elif far > worst[0]:
                worst = (far, f"{name}: {key}")
    return faults, worst, count


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    faults, (far, where), count = compare(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(faults) or f"{count} tensors alike; the furthest apart, by {far:.1e} of the largest value: {where}")
    sys.exit(1 if faults else 0)
