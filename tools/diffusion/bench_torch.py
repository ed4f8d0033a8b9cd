"""Times parts of models at their true widths in PyTorch, on the CPU, with random weights.

    python bench_torch.py [REPEATS] [THREADS] [PART OF A NAME]

The same sums as `cargo run --release -p heirloom-tensors --example bench_block`, and the same lines. The block is
written out here as diffusers 0.42.1 computes it, without its checks; the level of the VAE is diffusers' own.
"""

import resource
import sys

import torch
import torch.nn.functional as F

from timing import report

WIDTH, HEADS, FFN, TEXT = 1536, 12, 8960, 512
DIM = WIDTH // HEADS
# Channels, frames, rows, columns: one chunk of a 480 by 832 clip at a quarter of its rows and columns.
CHUNK = (96, 4, 120, 208)


def linear(inputs, outputs):
    layer = torch.nn.Linear(inputs, outputs)
    torch.nn.init.uniform_(layer.weight, -(inputs**-0.5), inputs**-0.5)
    return layer


class Attend(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (linear(WIDTH, WIDTH) for _ in range(4))
        self.q_norm, self.k_norm = (torch.nn.RMSNorm(WIDTH, eps=1e-6) for _ in range(2))

    def forward(self, x, context, rope=None):
        def heads(t):
            return t.unflatten(1, (HEADS, DIM)).unsqueeze(0)

        def turn(t):
            a, b = t.unflatten(-1, (-1, 2)).unbind(-1)
            cos, sin = rope
            out = torch.empty_like(t)
            out[..., 0::2] = a * cos - b * sin
            out[..., 1::2] = a * sin + b * cos
            return out

        q, k, v = heads(self.q_norm(self.q(x))), heads(self.k_norm(self.k(context))), heads(self.v(context))
        if rope is not None:
            q, k = turn(q), turn(k)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.out(y.transpose(1, 2).squeeze(0).flatten(1))


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Parameter(torch.randn(6, WIDTH) / WIDTH**0.5)
        self.among, self.to_text = Attend(), Attend()
        self.norm2 = torch.nn.LayerNorm(WIDTH, eps=1e-6)
        self.widen, self.narrow = linear(WIDTH, FFN), linear(FFN, WIDTH)

    def forward(self, x, text, time_rows, rope):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.table + time_rows
        y = F.layer_norm(x, (WIDTH,), eps=1e-6) * (1 + scale1) + shift1
        x = x + self.among(y, y, rope) * gate1
        x = x + self.to_text(self.norm2(x), text)
        y = F.layer_norm(x, (WIDTH,), eps=1e-6) * (1 + scale2) + shift2
        return x + self.narrow(F.gelu(self.widen(y), approximate="tanh")) * gate2


def block(tokens):
    model = Block()
    x, text = torch.randn(tokens, WIDTH), torch.randn(TEXT, WIDTH)
    angles = torch.rand(tokens, 1, DIM // 2) * 6
    rope = (angles.cos(), angles.sin())
    return lambda: model(x, text, torch.randn(6, WIDTH) * 0.1, rope)


def convolution():
    channels, frames, height, width = CHUNK
    conv = torch.nn.Conv3d(channels, channels, 3)
    x, past = torch.randn(1, *CHUNK), torch.randn(1, channels, 2, height, width)
    # As the reference does it: the kept frames in front, zeros around, then the convolution.
    return lambda: conv(F.pad(torch.cat([past, x], dim=2), (1, 1, 1, 1, 0, 0)))


def level():
    """The widest level of the VAE's decoder; every run is the next chunk of a clip."""
    from diffusers.models.autoencoders.autoencoder_kl_wan import WanUpBlock

    model = WanUpBlock(CHUNK[0], CHUNK[0], 2).eval()
    x, kept = torch.randn(1, *CHUNK), [None] * 6
    return lambda: model(x, kept, [0])


# What is timed, by the names that the Rust side knows it by. One is made, timed and let go after the other.
SUMS = {
    "block 256": lambda: block(256),
    "block 1024": lambda: block(1024),
    "block 3072": lambda: block(3072),
    "conv3d 96": convolution,
    "VAE level 96": level,
}


@torch.no_grad()
def main(repeats=7, threads=2, part=""):
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    for what, ready in SUMS.items():
        if part in what:
            report(what, ready(), int(repeats))
    print("time", "peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, sep="\t")


main(*sys.argv[1:])
