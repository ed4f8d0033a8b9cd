"""Models that take more than words: VACE (control, masks, frames, references) and image to video by two experts.

Tiny pipelines in the layout of Wan-AI's, and goldens of what diffusers makes of every kind of condition: what it hands to
the transformer, the latents after each step, the frames. Pictures go in as 8-bit PIL images, and are kept as such.
"""
import json
import shutil
from copy import deepcopy

import numpy as np
import torch
from diffusers.pipelines.wan import pipeline_wan, pipeline_wan_i2v, pipeline_wan_vace
from diffusers import WanImageToVideoPipeline, WanTransformer3DModel, WanVACEPipeline, WanVACETransformer3DModel
from PIL import Image

import tiny
from keys import DIT_1_3B, DIT_14B, both, original_dit, paired, shapes
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from stages import LENGTH, NEGATIVE, PROMPT, sharpness
from tiny import draw

VACE = dict(vace_layers=[0, 2], vace_in_channels=96)
VACE_1_3B = DIT_1_3B | dict(vace_layers=list(range(0, 30, 2)), vace_in_channels=96)
VACE_14B = DIT_14B | dict(vace_layers=list(range(0, 40, 5)), vace_in_channels=96)
I2V_14B = DIT_14B | dict(in_channels=36)
BOUNDARY = 0.9


def original_vace(layers, branch):
    names = original_dit(layers) + both("vace_patch_embedding") + both("vace_blocks.0.before_proj")
    for i in range(branch):
        block = f"vace_blocks.{i}"
        # A block of the branch has what one of the transformer's has.
        inside = [n.removeprefix("blocks.0.") for n in original_dit(1) if n.startswith("blocks.0.")]
        names += [f"{block}.{n}" for n in inside] + both(f"{block}.after_proj")
    return names


def keys():
    """{model: what differs from the keys of the text model of its size}, so that nothing is kept twice."""
    kept = {}
    for name, kind, config, like, originals in (
        ("vace-1.3b", WanVACETransformer3DModel, VACE_1_3B, DIT_1_3B, original_vace(30, 15)),
        ("vace-14b", WanVACETransformer3DModel, VACE_14B, DIT_14B, original_vace(40, 8)),
        ("i2v-a14b", WanTransformer3DModel, I2V_14B, DIT_14B, original_dit(40)),
    ):
        own = paired(shapes(lambda: kind(**config)), originals, convert_wan_transformer_to_diffusers)
        text = paired(shapes(lambda: WanTransformer3DModel(**like)), original_dit(like["num_layers"]),
                      convert_wan_transformer_to_diffusers)
        assert set(text) <= set(own), name
        kept[name] = {k: v for k, v in own.items() if text.get(k) != v}
    return kept


def pictures(seed, frames, height, width):
    """8-bit pictures [frames, height, width, 3]: soft patches that move, and some grain."""
    noise = draw((frames, 3, height, width), seed, 0.15)
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    made = []
    for n in range(frames):
        waves = [torch.sin(6.0 * (x * (1 + c) + y * (2 - c)) + 0.7 * n + seed + c) for c in range(3)]
        made.append(0.5 + 0.35 * torch.stack(waves) + noise[n])
    return (torch.stack(made).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous()


def kinds(frames, height, width):
    """One control clip of each kind, as it looks in the training: {name: [frames, height, width, 3]}."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grey = lambda values: values.clamp(0, 255).round().byte()[..., None].expand(-1, -1, -1, 3).contiguous()
    steps = range(frames)
    # A slope with something near that moves to the right.
    near = torch.stack([torch.where((x - 2 - 2 * n).abs() < 3, 255.0, 160.0 * y / height) for n in steps])
    colour = pictures(31, frames, height, width).float()
    lines = torch.stack([torch.where((x + y + n) % 7 == 0, 0.0, 255.0) for n in steps])
    angle = torch.stack([torch.atan2(y - height / 2 + n, x - width / 2 + 0.0 * n) for n in steps])
    wheel = torch.stack([127.5 + 127.5 * torch.cos(angle + 2.1 * c) for c in range(3)], -1)
    boxes = torch.full((frames, height, width, 3), 255, dtype=torch.uint8)
    for n in steps:
        boxes[n, 3:12, 2 + n] = torch.tensor([200, 30, 60], dtype=torch.uint8)
        boxes[n, 3:12, 9 + n] = torch.tensor([200, 30, 60], dtype=torch.uint8)
        boxes[n, [3, 11], 2 + n:10 + n] = torch.tensor([200, 30, 60], dtype=torch.uint8)
    return {"depth": grey(near), "grey": grey(colour @ torch.tensor([0.299, 0.587, 0.114])), "edges": grey(lines),
            "flow": wheel.round().byte(), "layout": boxes}


def images(clip):
    return [Image.fromarray(np.asarray(frame)).convert("RGB") for frame in clip]


def components(parts):
    """The transformers, in float32 with numbers that bf16 holds. Attention is sharp, or faults in it would not show."""
    made = lambda kind, config, seed, sharp=1.0: tiny.as_kept(
        tiny.randomise(kind(**tiny.DIT | config), seed, sharp=sharp), torch.bfloat16)
    vace = made(WanVACETransformer3DModel, VACE, 11, 4.0)
    high = made(WanTransformer3DModel, dict(num_layers=1, in_channels=36), 12)
    low = made(WanTransformer3DModel, dict(num_layers=1, in_channels=36), 13, 4.0)
    shared = {k: parts[k] for k in ("tokenizer", "text_encoder", "vae")}
    control = WanVACEPipeline(**shared, transformer=vace, scheduler=tiny.scheduler())
    # The pipeline asks for a picture encoder by name; Wan 2.2 has none.
    frames = WanImageToVideoPipeline(**shared, transformer=high, transformer_2=low, scheduler=tiny.scheduler(5.0),
                                     image_encoder=None, image_processor=None, boundary_ratio=BOUNDARY)
    for module in (pipeline_wan_vace, pipeline_wan_i2v):
        # These two call ftfy even where it is not installed, as it is optional in the text pipeline.
        module.prompt_clean = pipeline_wan.prompt_clean
    for pipe in (control, frames):
        pipe.set_progress_bar_config(disable=True)
    return control, frames


def save_models(control, frames, folder):
    """Both in the diffusers layout, without the parts that are those of `t2v`."""
    for name, pipe, own in (("vace", control, ["transformer"]), ("i2v", frames, ["transformer", "transformer_2"])):
        pipe.save_pretrained(folder / name)
        for part in own:
            shutil.rmtree(folder / name / part)
            deepcopy(getattr(pipe, part)).to(torch.bfloat16).save_pretrained(folder / name / part)
        for part in ("tokenizer", "text_encoder", "vae"):
            shutil.rmtree(folder / name / part)


@torch.no_grad()
def transformer(model, states):
    """The transformer with its branch by itself, and what each block of the branch says."""
    out, facts = {"states": states}, {}
    for i, (name, time, size, scales) in enumerate([
        ("plain", 637.25, (2, 4, 6), None), ("scaled", 420.0, (3, 6, 4), [0.25, 1.5]), ("off", 900.0, (1, 4, 4), [0.0, 0.0])
    ]):
        latents, control = draw((1, 16, *size), 700 + i), draw((1, 96, *size), 710 + i)
        seen = {}
        hooks = [block.register_forward_hook(lambda _m, _i, output, j=j: seen.__setitem__(j, output))
                 for j, block in enumerate(model.vace_blocks)]
        run = lambda: model(hidden_states=latents, timestep=torch.tensor([time]), encoder_hidden_states=states,
                            control_hidden_states=control,
                            control_hidden_states_scale=None if scales is None else torch.tensor(scales)).sample
        sample, sharp = sharpness(run)
        for hook in hooks:
            hook.remove()
        facts[name] = {"time": time, "scales": scales or [1.0] * len(model.vace_blocks),
                       "largest_softmax_weight_mean": [round(s, 3) for s in sharp]}
        assert min(sharp) > 0.4, facts
        out |= {f"{name}.latents": latents.half(), f"{name}.control": control.half(), f"{name}.out": sample}
        if name == "plain":
            # Without the branch the same latents become something else.
            bare = model(hidden_states=latents, timestep=torch.tensor([time]), encoder_hidden_states=states,
                         control_hidden_states=control, control_hidden_states_scale=torch.zeros(2)).sample
            assert (bare - sample).abs().max() > 0.05 * sample.abs().max()
    return out, facts


def follow(pipe, model, latents, more):
    """A pipeline's latents after each step, its frames, and what it handed to the transformer beside the noise."""
    steps, seen = [], {}

    def keep(_pipe, _step, _time, values):
        steps.append(values["latents"].clone())
        return values

    def watch(_module, _args, kwargs):
        seen.setdefault("control", kwargs.get("control_hidden_states"))
        seen.setdefault("input", kwargs["hidden_states"])

    hook = model.register_forward_pre_hook(watch, with_kwargs=True)
    video = pipe(prompt=PROMPT, negative_prompt=NEGATIVE, max_sequence_length=LENGTH, latents=latents.clone(),
                 output_type="pt", callback_on_step_end=keep, **more).frames
    hook.remove()
    assert torch.isfinite(video).all() and video.std() > 0.02, video.std()
    return torch.cat(steps), video[0], seen


def vace_cases():
    """{case: (frames, height, width, steps, guidance, what is given)}; clips and masks as 8-bit tensors."""
    clips = kinds(5, 16, 32)
    cases = {name: (5, 16, 32, 2, 1.0, {"video": clip}) for name, clip in clips.items()}
    footage, one = pictures(41, 5, 16, 32), pictures(42, 1, 16, 32)
    wide, tall = pictures(43, 1, 24, 64), pictures(44, 1, 40, 16)
    y, x = torch.meshgrid(torch.arange(16), torch.arange(32), indexing="ij")
    hole = torch.stack([torch.where((x - 8 - 2 * n).abs() + (y - 8).abs() < 6, 255, 0) for n in range(5)]).byte()
    soft = torch.stack([(8.0 * x + 3 * n + y).clamp(0, 255) for n in range(5)]).byte()
    blank = lambda clip, mask: torch.where(mask[..., None] > 127, torch.tensor(128, dtype=torch.uint8), clip)

    def framed(frames, first=None, last=None, clip=None):
        """A clip and mask that keep the first and the last frame; grey, or another clip, between."""
        made = torch.full((frames, 16, 32, 3), 128, dtype=torch.uint8) if clip is None else clip.clone()
        mask = torch.full((frames, 16, 32), 255, dtype=torch.uint8)
        for place, picture in ((0, first), (frames - 1, last)):
            if picture is not None:
                made[place], mask[place] = picture[0], 0
        return {"video": made, "mask": mask}

    border = torch.full((5, 16, 32), 255, dtype=torch.uint8)
    border[:, 3:14, 6:25] = 0
    both_refs = {"reference_images": [wide, tall]}
    return cases | {
        "nothing": (5, 16, 32, 2, 1.0, {}),
        "first": (5, 16, 32, 2, 1.0, framed(5, footage[:1])),
        "first-last": (9, 16, 32, 2, 4.0, framed(9, footage[:1], footage[4:])),
        "reference": (5, 16, 32, 2, 1.0, {"reference_images": [wide]}),
        "references": (5, 16, 32, 2, 1.0, both_refs),
        "inpaint": (5, 16, 32, 2, 1.0, {"video": blank(footage, hole), "mask": hole}),
        "outpaint": (5, 16, 32, 2, 1.0, {"video": blank(footage, border), "mask": border}),
        "soft": (5, 16, 32, 2, 1.0, {"video": footage, "mask": soft}),
        "still": (1, 16, 32, 2, 1.0, {"video": one, "reference_images": [tall]}),
        # Depth is followed, the first frame is kept, two references are seen: guided, in more steps. With a guidance of 5 this tiny
        # model makes 3e-5 of a change of 1e-7 in the noise, and nothing could be held to it; with 3 it makes 3e-6.
        "together": (5, 16, 32, 4, 3.0, framed(5, footage[:1], clip=clips["depth"]) | both_refs | {"conditioning_scale": [0.5, 1.25]}),
        "scaled": (5, 16, 32, 2, 1.0, {"video": clips["depth"], "conditioning_scale": 0.4}),
        "unscaled": (5, 16, 32, 2, 1.0, {"video": clips["depth"], "conditioning_scale": 0.0}),
    }


@torch.no_grad()
def vace(pipe):
    out, facts, controls = {}, {}, {}
    for i, (name, (frames, height, width, steps, guidance, given)) in enumerate(vace_cases().items()):
        references = given.get("reference_images", [])
        latents = draw((1, 16, (frames - 1) // 4 + 1 + len(references), height // 8, width // 8), 800 + i)
        more = dict(num_frames=frames, height=height, width=width, num_inference_steps=steps, guidance_scale=guidance)
        if "video" in given:
            more["video"] = images(given["video"])
            out[f"{name}.video_in"] = given["video"]
        if "mask" in given:
            more["mask"] = images(given["mask"])
            out[f"{name}.mask_in"] = given["mask"]
        if references:
            more["reference_images"] = [images(r)[0] for r in references]
            out |= {f"{name}.reference.{j}": r for j, r in enumerate(references)}
        scale = given.get("conditioning_scale", 1.0)
        made, video, seen = follow(pipe, pipe.transformer, latents, more | {"conditioning_scale": scale})
        out |= {f"{name}.latents": latents.half(), f"{name}.steps": made}
        controls[name] = seen["control"]
        if name in ("depth", "together", "still"):
            out[f"{name}.video"] = video
        facts[name] = {"frames": frames, "height": height, "width": width, "steps": steps, "guidance": guidance,
                       "scale": scale, "references": len(references)}
    # Each condition must change what comes out, or a golden of it would show nothing.
    for name in facts:
        others = [other for other, control in controls.items()
                  if other != name and control.shape == controls[name].shape and torch.equal(control, controls[name])]
        assert not set(others) - {"depth", "scaled", "unscaled"}, (name, others)
    return out, facts


@torch.no_grad()
def frames(pipe):
    out, facts = {}, {}
    footage = pictures(51, 2, 16, 32)
    cases = {"first": (5, dict(guidance_scale=2.5, guidance_scale_2=2.0), [footage[:1]]),
             "first-last": (9, dict(guidance_scale=1.0), [footage[:1], footage[1:]]),
             "still": (1, dict(guidance_scale=3.5), [footage[1:]])}
    for i, (name, (count, guided, given)) in enumerate(cases.items()):
        latents = draw((1, 16, (count - 1) // 4 + 1, 2, 4), 900 + i)
        more = dict(num_frames=count, height=16, width=32, num_inference_steps=4, image=images(given[0])[0], **guided)
        if len(given) > 1:
            more["last_image"] = images(given[1])[0]
        made, video, seen = follow(pipe, pipe.transformer, latents, more)
        out |= {f"{name}.latents": latents.half(), f"{name}.steps": made}
        out |= {} if name == "first-last" else {f"{name}.video": video}
        assert seen["input"].shape[1] == 36
        out |= {f"{name}.frame.{j}": g for j, g in enumerate(given)}
        times = [float(t) for t in pipe.scheduler.timesteps]
        # Both experts must have their turn.
        assert times[0] >= BOUNDARY * 1000 > times[-1], times
        facts[name] = {"frames": count, "height": 16, "width": 32, "steps": 4, **guided, "times": times}
    return out, facts


def write(folder, parts, states, save):
    """Models, keys and goldens into `folder`; `save` writes tensors."""
    control, picture = components(parts)
    save_models(control, picture, folder)
    for name, kept in keys().items():
        lines = (json.dumps(k) + ": " + json.dumps(v) for k, v in sorted(kept.items()))
        (folder / f"keys-{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    tensors, facts = transformer(control.transformer, states)
    save(folder, "vace-dit", tensors)
    tensors, vace_facts = vace(control)
    save(folder, "vace", tensors)
    tensors, frame_facts = frames(picture)
    save(folder, "i2v", tensors)
    text = json.dumps({"transformer": facts, "vace": vace_facts, "i2v": frame_facts}, indent=1, sort_keys=True)
    (folder / "conditions.json").write_text(text + "\n")
