"""Wan 2.2 TI2V 5B made tiny: its own autoencoder, a time for each token, frames held at the beginning; and clips made over.

The text encoder and the tokenizer are those of the first pipeline (`t2v/`). As in stages.py, what goes in is kept as float16
and was exactly that; what comes out is float32. Of videos every fourth row and column is kept, or every eighth: what is
compared is the pipeline, and the autoencoder has goldens of its own.
"""
import json
import shutil
from copy import deepcopy

import torch
from diffusers import (
    AutoencoderKLWan, WanImageToVideoPipeline, WanPipeline, WanTransformer3DModel, WanVideoToVideoPipeline,
)
from diffusers.pipelines.wan import pipeline_wan, pipeline_wan_i2v, pipeline_wan_video2video

from stages import LENGTH, NEGATIVE, PROMPT
from tiny import DIT, as_kept, draw, randomise, scheduler

Z = 8
# Levels of unequal widths, of which each way around averages and repeats in groups of its own: 4, 8, 4 and 1; 8, 8 and 2.
VAE = dict(
    base_dim=6, decoder_base_dim=4, z_dim=Z, dim_mult=[1, 1, 2, 2], num_res_blocks=1, temperal_downsample=[False, True, True],
    is_residual=True, in_channels=12, out_channels=12, patch_size=2, scale_factor_spatial=16,
    latents_mean=[round(0.1 * i - 0.3, 2) for i in range(Z)], latents_std=[round(0.5 + 0.1 * i, 2) for i in range(Z)],
)


def components():
    """Its autoencoder, in float16, and its transformer, in bfloat16; computed with in float32."""
    vae = as_kept(randomise(AutoencoderKLWan(**VAE), 22), torch.float16)
    sizes = DIT | {"in_channels": Z, "out_channels": Z, "num_layers": 2}
    return vae, as_kept(randomise(WanTransformer3DModel(**sizes), 23, sharp=2.0), torch.bfloat16)


def save_model(pipe, folder):
    """The diffusers layout, without what it shares with the first pipeline."""
    pipe.save_pretrained(folder)
    for part in ("tokenizer", "text_encoder"):
        shutil.rmtree(folder / part)
    for part, kind in (("vae", torch.float16), ("transformer", torch.bfloat16)):
        shutil.rmtree(folder / part)
        deepcopy(getattr(pipe, part)).to(kind).save_pretrained(folder / part)


@torch.no_grad()
def autoencoder(vae):
    """Encoding and decoding, one to three chunks long; latents odd in number; tiles that do not come out even."""
    out = {}
    for i, (frames, height, width) in enumerate([(1, 16, 48), (5, 32, 16), (9, 16, 16), (7, 16, 32)]):
        pixels = draw((1, 3, frames, height, width), 2200 + i, 0.5).clamp(-1, 1)
        latent = vae.encode(pixels).latent_dist
        case = f"encode.{frames}x{height}x{width}"
        out |= {f"{case}.pixels": pixels.half(), f"{case}.mean": latent.mean}
    for i, (frames, height, width) in enumerate([(1, 1, 2), (1, 3, 1), (3, 1, 1), (2, 1, 3)]):
        latents = draw((1, Z, frames, height, width), 2300 + i)
        case = f"decode.{frames}x{height}x{width}"
        out |= {f"{case}.latents": latents.half(), f"{case}.pixels": vae.decode(latents).sample}
    # The library cuts pixels before encoding where they are half as many to a side: its 32 are 64 of the picture.
    vae.enable_tiling(32, 32, 16, 16)
    latents, pixels = draw((1, Z, 1, 3, 4), 2310), draw((1, 3, 1, 64, 96), 2311, 0.5).clamp(-1, 1)
    out |= {"tiled.latents": latents.half(), "tiled.decoded": vae.decode(latents).sample,
            "tiled.pixels": pixels.half(), "tiled.encoded": vae.encode(pixels).latent_dist.mean}
    vae.disable_tiling()
    assert not torch.allclose(out["tiled.decoded"], vae.decode(latents).sample, atol=1e-3)
    assert not torch.allclose(out["tiled.encoded"], vae.encode(pixels).latent_dist.mean, atol=1e-3)
    return out


@torch.no_grad()
def transformer(model, states):
    """Tokens that stand all at one time, and tokens of held frames at nought."""
    out, facts = {"states": states}, {}
    for i, (name, time, held, size) in enumerate(
        [("even", 637.0, 0, (3, 4, 6)), ("first", 637.0, 1, (3, 4, 6)), ("tail", 951.0, 2, (4, 6, 4))]
    ):
        latents, mask = draw((1, Z, *size), 2100 + i), torch.ones(size)
        mask[:held] = 0
        times = (mask[:, ::2, ::2] * torch.tensor(time)).flatten().unsqueeze(0)
        said = model(hidden_states=latents, timestep=times, encoder_hidden_states=states).sample
        alone = model(hidden_states=latents, timestep=torch.tensor([time]), encoder_hidden_states=states).sample
        assert torch.allclose(said, alone, atol=1e-5) == (held == 0), name
        out |= {f"{name}.latents": latents.half(), f"{name}.out": said}
        facts[name] = {"time": time, "held": held}
    return out, facts


class Steps:
    """Keeps the latents after each step."""

    def __init__(self):
        self.kept = []

    def __call__(self, _pipe, _step, _time, values):
        self.kept.append(values["latents"].clone())
        return values


def finished(name, out, facts, kept, video, every, **more):
    assert torch.isfinite(video).all() and video.std() > 0.02, (name, video.std())
    out |= {f"{name}.steps": torch.cat(kept), f"{name}.video": video[..., ::every, ::every]}
    facts[name] = {"prompt": PROMPT, "negative": NEGATIVE, "length": LENGTH, "frames": video.shape[0], "height": video.shape[2],
                   "width": video.shape[3], "every": every, **more}


def asked(**more):
    return dict(prompt=PROMPT, negative_prompt=NEGATIVE, max_sequence_length=LENGTH, output_type="pt", **more)


@torch.no_grad()
def of_text_and_frames(pipe, framed):
    """A clip of words, one with its first frame held, and one that goes on from a tail of five frames."""
    out, facts = {}, {}
    frames, height, width = 9, 64, 96
    start, image = draw((1, Z, 3, 4, 6), 2400), torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(24))
    image = image.half().float()
    size = dict(height=height, width=width, num_frames=frames, num_inference_steps=4, guidance_scale=5.0)
    out |= {"latents": start.half(), "frame.pixels": image[0].half()}
    steps = Steps()
    video = pipe(**asked(latents=start.clone(), callback_on_step_end=steps, **size)).frames[0]
    finished("text", out, facts, steps.kept, video, 8, steps=4, guidance=5.0)
    steps = Steps()
    video = framed(image, **asked(latents=start.clone(), callback_on_step_end=steps, **size)).frames[0]
    finished("frame", out, facts, steps.kept, video, 8, steps=4, guidance=5.0)
    tail(pipe, out, facts)
    return out, facts


def tail(pipe, out, facts):
    """The loop of the image to video pipeline with two latents held in place of one, put together from the same parts."""
    frames, height, width, held = 13, 32, 32, 2
    given = torch.rand((5, 3, height, width), generator=torch.Generator().manual_seed(25)).half().float()
    latents = draw((1, Z, 4, 2, 2), 2401)
    out |= {"tail.pixels": given.half(), "tail.latents": latents.half()}
    mean, deviation = (torch.tensor(v).view(1, Z, 1, 1, 1) for v in (pipe.vae.config.latents_mean, pipe.vae.config.latents_std))
    condition = (pipe.vae.encode((given * 2 - 1).permute(1, 0, 2, 3)[None]).latent_dist.mode() - mean) / deviation
    assert condition.shape[2] == held
    mask, full = torch.ones(1, 1, 4, 2, 2), torch.zeros_like(latents)
    mask[:, :, :held] = 0
    full[:, :, :held] = condition
    states, negative = pipe.encode_prompt(PROMPT, NEGATIVE, True, 1, max_sequence_length=LENGTH)
    stepper, kept = scheduler(5.0), []
    stepper.set_timesteps(3)
    for time in stepper.timesteps:
        seen = (1 - mask) * full + mask * latents
        times = (mask[0][0][:, ::2, ::2] * time).flatten().unsqueeze(0)
        said = [pipe.transformer(hidden_states=seen, timestep=times, encoder_hidden_states=s).sample for s in (states, negative)]
        latents = stepper.step(said[1] + 5.0 * (said[0] - said[1]), time, latents, return_dict=False)[0]
        kept.append(latents)
    latents = (1 - mask) * full + mask * latents
    video = pipe.video_processor.postprocess_video(pipe.vae.decode(latents * deviation + mean).sample, output_type="pt")[0]
    finished("tail", out, facts, kept, video, 4, steps=3, guidance=5.0)


@torch.no_grad()
def made_over(one, ti2v):
    """A clip made over at two strengths by the first pipeline's parts, and at one by the 5B's."""
    out, facts, real = {}, {}, pipeline_wan_video2video.randn_tensor
    clip = torch.rand((5, 3, 32, 32), generator=torch.Generator().manual_seed(26)).half().float()
    out["clip"] = clip.half()
    for i, (name, pipe, strength) in enumerate([("less", one, 0.35), ("more", one, 0.8), ("ti2v", ti2v, 0.5)]):
        parts = {k: getattr(pipe, k) for k in ("tokenizer", "text_encoder", "vae", "transformer", "scheduler")}
        maker, noises, steps = WanVideoToVideoPipeline(**parts), [], Steps()
        maker.set_progress_bar_config(disable=True)
        # It counts the levels alone, and so makes noise for latents of half the size in the 5B.
        maker.vae_scale_factor_spatial = pipe.vae.config.scale_factor_spatial

        def noise(shape, **_):
            noises.append(draw(tuple(shape), 2500 + i))
            return noises[-1].clone()

        pipeline_wan_video2video.randn_tensor = noise
        try:
            made = maker(video=clip[None], **asked(height=32, width=32, num_inference_steps=6, guidance_scale=4.0,
                                                   strength=strength, callback_on_step_end=steps)).frames[0]
        finally:
            pipeline_wan_video2video.randn_tensor = real
        assert len(noises) == 1 and len(steps.kept) == int(6 * strength), (name, len(steps.kept))
        out[f"{name}.latents"] = noises[0].half()
        finished(name, out, facts, steps.kept, made, 4, steps=6, guidance=4.0, strength=strength)
    return out, facts


def write(folder, one, states, save):
    """Writes the model and its goldens; `save(name, tensors)` puts a file there. Returns what each case was run with."""
    # Without `ftfy`, which is optional there, only the first of the three cleans prompts.
    for module in (pipeline_wan_i2v, pipeline_wan_video2video):
        module.prompt_clean = pipeline_wan.prompt_clean
    vae, model = components()
    shared = {k: getattr(one, k) for k in ("tokenizer", "text_encoder")}
    pipe = WanPipeline(**shared, vae=vae, transformer=model, scheduler=scheduler(5.0), expand_timesteps=True)
    framed = WanImageToVideoPipeline(**shared, vae=vae, transformer=model, scheduler=scheduler(5.0), image_encoder=None,
                                     image_processor=None, transformer_2=None, expand_timesteps=True)
    for made in (pipe, framed):
        made.set_progress_bar_config(disable=True)
    save_model(pipe, folder / "ti2v")
    save("ti2v-vae", autoencoder(vae))
    tensors, dit = transformer(model, states)
    save("ti2v-dit", tensors)
    tensors, facts = of_text_and_frames(pipe, framed)
    save("ti2v-pipelines", tensors)
    tensors, over = made_over(one, pipe)
    save("v2v", tensors)
    notes = json.dumps({"dit": dit, "pipelines": facts, "v2v": over}, indent=1, sort_keys=True)
    (folder / "ti2v.json").write_text(notes + "\n")
