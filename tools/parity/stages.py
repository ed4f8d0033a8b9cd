"""Goldens of each stage: token ids, text states, transformer, autoencoder, schedulers, whole pipelines.

What goes into a stage is rounded to numbers that float16 holds, and kept so; what comes out is kept as float32.
"""
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from diffusers.pipelines.wan.pipeline_wan import prompt_clean

from tiny import draw, scheduler

PROMPT, NEGATIVE, LENGTH = "a cat walks on the grass", "blurred, static", 24
PROMPTS = [
    PROMPT, NEGATIVE, "", " ", "A  Cat\n\twalks   on THE grass ", "fog &amp;amp; grain &lt;3", "naïve café ﬁlm №5 — “quoted”",
    "色调艳丽，过曝，静态", "🐈 on the grass", "the </s> end, <pad> and <unk>", "a " * 40, "x\u200by\u00a0z\u3000w", "▁grass", "e\u0301",
]


def tokens(words):
    """Ids and masks of prompts that try what a tokenizer can get wrong."""
    kept = []
    for prompt in PROMPTS:
        clean = prompt_clean(prompt)
        made = words(clean, padding="max_length", max_length=LENGTH, truncation=True, add_special_tokens=True,
                     return_attention_mask=True)
        kept.append({"prompt": prompt, "clean": clean, "ids": made.input_ids, "mask": made.attention_mask,
                     "untruncated": words(clean).input_ids})
    return {"length": LENGTH, "prompts": kept}


@torch.no_grad()
def text(parts):
    """Last states, states after each layer, and the zero-padded states that a pipeline hands on."""
    words, model = parts["tokenizer"], parts["text_encoder"]
    out = {}
    for name, prompt in (("prompt", PROMPT), ("negative", NEGATIVE), ("empty", ""), ("full", "a " * 40)):
        made = words([prompt], padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
        done = model(made.input_ids, attention_mask=made.attention_mask, output_hidden_states=True)
        length = int(made.attention_mask.sum())
        padded = torch.zeros_like(done.last_hidden_state)
        padded[:, :length] = done.last_hidden_state[:, :length]
        out |= {f"{name}.ids": made.input_ids, f"{name}.mask": made.attention_mask,
                f"{name}.states": done.last_hidden_state, f"{name}.padded": padded}
        if name == "prompt":
            out |= {f"prompt.hidden.{i}": h for i, h in enumerate(done.hidden_states)}
    return out


def sharpness(run):
    """What `run` returns, and the mean over rows of the largest weight of softmax, one for each attention in it."""
    kept, real = [], torch.nn.functional.scaled_dot_product_attention

    def watched(query, key, value, *args, **kwargs):
        scores = (query.float() @ key.float().transpose(-1, -2)) * query.shape[-1] ** -0.5
        kept.append(scores.softmax(-1).amax(-1).mean().item())
        return real(query, key, value, *args, **kwargs)

    torch.nn.functional.scaled_dot_product_attention = watched
    try:
        return run(), kept
    finally:
        torch.nn.functional.scaled_dot_product_attention = real


@torch.no_grad()
def transformer(parts, states):
    """Each transformer at several times and sizes; for one case also what passes between its parts."""
    out, facts = {}, {}
    cases = [
        ("t999", "transformer", 999.0, (3, 6, 10)), ("t637", "transformer", 637.25, (2, 4, 6)),
        ("t1", "transformer", 1.0, (1, 4, 6)), ("high", "high", 900.0, (2, 4, 6)), ("sharp", "low", 420.0, (3, 6, 10)),
    ]
    for i, (name, part, time, size) in enumerate(cases):
        model, latents = parts[part], draw((1, 16, *size), 100 + i)
        seen, hooks = {}, []
        if name == "t637":
            def keep(key):
                def hook(_module, _input, output):
                    seen[key] = output
                return hook
            watched = {"rope": model.rope, "patches": model.patch_embedding, "condition": model.condition_embedder}
            watched |= {f"block.{j}": block for j, block in enumerate(model.blocks)}
            hooks = [module.register_forward_hook(keep(key)) for key, module in watched.items()]
        run = lambda: model(hidden_states=latents, timestep=torch.tensor([time]), encoder_hidden_states=states).sample
        sample, sharp = sharpness(run)
        for hook in hooks:
            hook.remove()
        facts[name] = {"part": part, "time": time, "largest_softmax_weight_mean": [round(s, 3) for s in sharp]}
        out |= {f"{name}.latents": latents.half(), f"{name}.out": sample}
        if seen:
            out["t637.patches"] = seen["patches"].flatten(2).transpose(1, 2)
            temb, modulation, embedded, _ = seen["condition"]
            out |= {"t637.time": temb, "t637.modulation": modulation, "t637.text": embedded}
            out |= {f"t637.block.{j}": seen[f"block.{j}"] for j in range(len(model.blocks))}
            cos, sin = seen["rope"]
            # Each pair of channels holds its number twice; [tokens, head / 2] is all there is.
            out |= {"t637.rope.cos": cos.reshape(-1, cos.shape[-1])[:, 0::2],
                    "t637.rope.sin": sin.reshape(-1, sin.shape[-1])[:, 1::2]}
    out["states"] = states
    # 0 and 1 are the first block's own and crosswise attention, and so on.
    assert min(facts["sharp"]["largest_softmax_weight_mean"]) > 0.6, facts
    return out, facts


@torch.no_grad()
def autoencoder(vae):
    """Encoding and decoding, one to four chunks long, at sizes that divide evenly and that do not."""
    out = {}
    for i, (frames, height, width) in enumerate([(1, 16, 24), (5, 16, 16), (9, 8, 16), (13, 8, 8), (7, 22, 30)]):
        pixels = draw((1, 3, frames, height, width), 200 + i, 0.5).clamp(-1, 1)
        latent = vae.encode(pixels).latent_dist
        case = f"encode.{frames}x{height}x{width}"
        out |= {f"{case}.pixels": pixels.half(), f"{case}.mean": latent.mean}
        if frames == 5:
            out[f"{case}.logvar"] = latent.logvar
    for i, (frames, height, width) in enumerate([(1, 2, 3), (2, 3, 2), (3, 2, 2), (4, 1, 2), (2, 3, 5)]):
        latents = draw((1, 16, frames, height, width), 300 + i)
        case = f"decode.{frames}x{height}x{width}"
        out |= {f"{case}.latents": latents.half(), f"{case}.pixels": vae.decode(latents).sample}
    # In tiles of 32 that overlap by 8, blended as the library does.
    latents = draw((1, 16, 1, 6, 7), 310)
    vae.enable_tiling(32, 32, 24, 24)
    tiled = vae.decode(latents).sample
    vae.disable_tiling()
    out |= {"tiled.latents": latents.half(), "tiled.pixels": tiled, "tiled.whole": vae.decode(latents).sample}
    return out


def walk(schedule, seed, count, endless=False):
    """Steps from a drawn sample by drawn model outputs; what each step makes.

    Where `endless`, the last step has no number in diffusers (it multiplies by an infinite step size), and is left out.
    """
    sample, samples = draw((1, 4, 1, 2, 4), seed), []
    outputs = [draw((1, 4, 1, 2, 4), seed + 1 + i) for i in range(count)]
    out = {"start": sample.half(), "outputs": torch.stack(outputs).half()}
    for output, time in zip(outputs, schedule.timesteps):
        sample = schedule.step(output, time, sample, return_dict=False)[0]
        samples.append(sample)
    if endless:
        assert not torch.isfinite(samples[-1]).all()
        samples.pop()
    shown = torch.stack(samples) if samples else torch.zeros((0, *out["start"].shape))
    return out | {"samples": shown, "sigmas": schedule.sigmas.double(),
                  "times": schedule.timesteps.double()}


def schedules():
    """Each step of each scheduler. A case's name says all of it: see the README beside the goldens."""
    out, seed = {}, 1000

    def add(name, schedule, count, endless=False):
        nonlocal seed
        seed += 100
        out.update({f"{name}.{k}": v for k, v in walk(schedule, seed, count, endless).items()})

    for shift, count in ((1.0, 4), (3.0, 1), (3.0, 6), (5.0, 20)):
        schedule = FlowMatchEulerDiscreteScheduler(shift=shift)
        schedule.set_timesteps(count)
        add(f"euler.shift{shift:g}.steps{count}", schedule, count)
    for kind in ("bh1", "bh2"):
        for order in (1, 2):
            for shift, count in ((3.0, 1), (3.0, 2), (5.0, 4), (3.0, 20)):
                if order == 1 and count in (1, 20):
                    continue
                schedule = UniPCMultistepScheduler.from_config(
                    scheduler(shift).config, solver_type=kind, solver_order=order)
                schedule.set_timesteps(count)
                add(f"unipc.{kind}.order{order}.shift{shift:g}.steps{count}", schedule, count, endless=kind == "bh1")
    plain = UniPCMultistepScheduler.from_config(scheduler(5.0).config, lower_order_final=False)
    plain.set_timesteps(5)
    add("unipc.bh2.order2.shift5.steps5.full", plain, 5, endless=True)
    uncorrected = UniPCMultistepScheduler.from_config(scheduler(5.0).config, disable_corrector=[0, 1])
    uncorrected.set_timesteps(5)
    add("unipc.bh2.order2.shift5.steps5.uncorrected", uncorrected, 5)
    # Distilled weights are run at the few times they were trained at. 1000, 750, 500, 250 and 1000, 757, 522, the two
    # lists in use, before the shift.
    for name, shift, times in (("a", 5.0, [1000, 750, 500, 250]), ("b", 8.0, [1000, 757, 522])):
        schedule = FlowMatchEulerDiscreteScheduler(shift=shift)
        schedule.set_timesteps(sigmas=[t / 1000 for t in times])
        add(f"few.{name}.shift{shift:g}.steps{len(times)}", schedule, len(times))
    return out | renoised()


def renoised():
    """Few steps that noise each estimate anew, as models distilled for consistency want it."""
    from diffusers import FlowMatchLCMScheduler
    from diffusers.schedulers import scheduling_flow_match_lcm as module
    out, times, kept, real = {}, [1000, 750, 500, 250], [], module.randn_tensor
    schedule = FlowMatchLCMScheduler(shift=5.0)
    schedule.set_timesteps(sigmas=[t / 1000 for t in times])

    def noise(shape, **_):
        kept.append(draw(tuple(shape), 9000 + len(kept)))
        return kept[-1]

    module.randn_tensor = noise
    try:
        made = walk(schedule, 8000, len(times))
    finally:
        module.randn_tensor = real
    out.update({f"renoise.a.shift5.steps4.{k}": v for k, v in made.items()})
    out["renoise.a.shift5.steps4.noise"] = torch.stack(kept).half()
    return out


@torch.no_grad()
def pipelines(one, two):
    """Prompts to pixels: a clip and a still by one transformer, a clip by two experts."""
    out, facts = {}, {}
    cases = [
        ("clip", one, (5, 32, 32), dict(guidance_scale=5.0)), ("still", one, (1, 32, 48), dict(guidance_scale=4.0)),
        ("unguided", one, (1, 16, 16), dict(guidance_scale=1.0)),
        ("experts", two, (5, 16, 32), dict(guidance_scale=4.0, guidance_scale_2=3.0)),
    ]
    for i, (name, pipe, (frames, height, width), more) in enumerate(cases):
        latents = draw((1, 16, (frames - 1) // 4 + 1, height // 8, width // 8), 400 + i)
        steps = []

        def keep(_pipe, _step, _time, values):
            steps.append(values["latents"].clone())
            return values

        video = pipe(prompt=PROMPT, negative_prompt=NEGATIVE, height=height, width=width, num_frames=frames,
                     num_inference_steps=4, max_sequence_length=LENGTH, latents=latents.clone(), output_type="pt",
                     callback_on_step_end=keep, **more).frames
        assert torch.isfinite(video).all() and video.std() > 0.02, (name, video.std())
        out |= {f"{name}.latents": latents.half(), f"{name}.steps": torch.cat(steps), f"{name}.video": video[0]}
        facts[name] = {"prompt": PROMPT, "negative": NEGATIVE, "length": LENGTH, "frames": frames, "height": height,
                       "width": width, "steps": 4, **more, "times": [float(t) for t in pipe.scheduler.timesteps],
                       "clipped": round(float(((video == 0) | (video == 1)).float().mean()), 4)}
    return out, facts
