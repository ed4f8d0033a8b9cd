"""Tiny Wan models whose every tensor is random, in the layout and types that full ones come in.

Libraries start many tensors at zero or one (norms, gammas, the last layer); a fault there would go unseen, so all are
drawn anew. Sizes are chosen unequal wherever the real ones may be unequal, so that a swapped axis cannot pass.
"""
import math
from collections import Counter

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

TEXT_DIM = 24
LAYERS = 3

# A head of 16 gives the time axis 8 rotary channels and each side 4, unequal as in the real 128 (44, 42, 42).
DIT = dict(
    patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=16, in_channels=16, out_channels=16,
    text_dim=TEXT_DIM, freq_dim=20, ffn_dim=44, num_layers=LAYERS, cross_attn_norm=True,
    qk_norm="rms_norm_across_heads", rope_max_seq_len=64,
)
VAE = dict(base_dim=4, z_dim=16, dim_mult=[1, 2, 2, 2], num_res_blocks=1, temperal_downsample=[False, True, True])
UMT5 = dict(
    d_model=TEXT_DIM, d_kv=8, d_ff=37, num_layers=2, num_heads=4, relative_attention_num_buckets=8,
    relative_attention_max_distance=16, feed_forward_proj="gated-gelu", dropout_rate=0.0, pad_token_id=0,
    eos_token_id=1, decoder_start_token_id=0, tie_word_embeddings=False,
)


def draw(shape, seed, scale=1.0, kind=torch.float16):
    """Random numbers that `kind` holds exactly, as float32."""
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale
    return numbers.to(kind).float()


def is_scale(name):
    """Whether a tensor multiplies normalised values, and so should be near one."""
    return name.endswith("gamma") or (name.endswith("weight") and "norm" in name)


def randomise(model, seed, sharp=1.0):
    """Draws every tensor of `model`; `sharp` multiplies the scales of queries and keys."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in sorted(model.named_parameters()):
            noise = torch.randn(tensor.shape, generator=generator)
            if is_scale(name):
                noise = 1.0 + 0.2 * noise
                if "norm_q" in name or "norm_k" in name:
                    noise = sharp * noise
            elif "relative_attention_bias" in name or "embed" in name and "shared" in name:
                pass
            elif name.endswith("scale_shift_table"):
                noise = 0.3 * noise
            elif tensor.ndim <= 1:
                noise = 0.1 * noise
            else:
                noise = noise / max(1, tensor[0].numel()) ** 0.5
            tensor.copy_(noise)
    return model.eval()


def as_kept(model, kind):
    """The model with its weights rounded to what `kind` holds, in float32 all the same.

    Not by `model.to(kind)`: that would round the tables of rotary positions too, which are no weights.
    """
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.copy_(tensor.to(kind))
    return model


def tokenizer():
    """A unigram model with T5's shape: metaspace, byte pieces for what it does not know, `</s>` at the end."""
    corpus = [
        "a cat walks on the grass, realistic", "the old harbour at dawn, fog, film grain",
        "slow dolly in, two people talk at a table", "a paper boat drifts under the bridge",
        "bright tones, overexposed, static, blurred details, subtitles", "snow falls on the quiet street at night",
        "色调艳丽，过曝，静态，细节模糊不清，字幕",
    ]
    # Counted, not trained: the library's trainer does not come out the same in every run.
    counts = Counter()
    for word in (w for line in corpus for w in ("\u2581" + line.replace(" ", " \u2581")).split()):
        counts.update(word[i:j] for i in range(len(word)) for j in range(i + 1, min(i + 8, len(word)) + 1))
    counts.update("abcdefghijklmnopqrstuvwxyz,.\u2581")
    kept = [p for p in counts if len(p) == 1]
    kept += sorted((p for p in counts if len(p) > 1), key=lambda p: (-counts[p] * (len(p) - 1), p))[:110]
    total = sum(counts[p] for p in kept)
    rest = [(p, round(math.log(counts[p] / total), 4)) for p in sorted(kept)]
    special = ["<pad>", "</s>", "<s>", "<unk>"]
    vocabulary = [(s, 0.0) for s in special] + [(f"<0x{b:02X}>", 0.0) for b in range(256)] + rest
    tidy = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    pieces = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    made = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=True))
    made.normalizer, made.pre_tokenizer = tidy, pieces
    made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(replacement="\u2581")])
    made.add_special_tokens(special)
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", unk_token="<unk>", pad_token="<pad>", bos_token="<s>")


def scheduler(shift=3.0):
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=shift)


def components():
    """Every part of the two pipelines, in float32."""
    words = tokenizer()
    size = len(words)
    # A few rows more than there are pieces, as umT5 has (256384 rows for 256300 pieces).
    text = randomise(UMT5EncoderModel(UMT5Config(vocab_size=size + 4, **UMT5)), 1)
    return dict(
        tokenizer=words,
        text_encoder=as_kept(text, torch.bfloat16),
        vae=randomise(AutoencoderKLWan(**VAE), 2),
        transformer=as_kept(randomise(WanTransformer3DModel(**DIT), 3), torch.bfloat16),
        high=as_kept(randomise(WanTransformer3DModel(**DIT | {"num_layers": 1}), 4), torch.bfloat16),
        # The low-noise expert attends sharply: softmax over near-equal scores would hide faults of attention.
        low=as_kept(randomise(WanTransformer3DModel(**DIT | {"num_layers": 2}), 5, sharp=4.0), torch.bfloat16),
    )


def pipelines(parts):
    """Wan 2.1's shape (one transformer) and Wan 2.2 A14B's (two experts that meet at 0.875)."""
    shared = {k: parts[k] for k in ("tokenizer", "text_encoder", "vae")}
    one = WanPipeline(**shared, transformer=parts["transformer"], scheduler=scheduler())
    two = WanPipeline(**shared, transformer=parts["high"], transformer_2=parts["low"], scheduler=scheduler(5.0),
                      boundary_ratio=0.875)
    for pipe in (one, two):
        pipe.set_progress_bar_config(disable=True)
    return one, two
