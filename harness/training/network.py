"""A Llama network in plain PyTorch, laid out as llama.cpp's `llama` architecture expects: export is a plain copy.

RMSNorm, rotary positions on interleaved pairs, SwiGLU, the output head tied to the embedding.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a network. Rows must be multiples of 32 for 8-bit export."""

    vocabulary: int = 1024
    width: int
    layers: int
    heads: int
    inner: int
    window: int = 1024
    rope_base: float = 10000.0
    epsilon: float = 1e-5


SHAPES = {
    "nano": Shape(width=128, layers=4, heads=4, inner=352),
    "ref": Shape(width=192, layers=6, heads=6, inner=512),
}


class Block(nn.Module):  # type: ignore[misc]  # torch is read without types
    """Attention and feed-forward, each behind a norm and added to the stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.inner_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.gate_up = nn.Linear(shape.width, 2 * shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        """One block over `x` of shape (batch, time, width)."""
        batch, time, width = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(batch, time, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        # Plain products: on a CPU and short text, the backward pass of torch's fused attention took 40 % of a step.
        weights = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + mask.to(q.dtype)).softmax(-1).to(v.dtype)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, time, width))
        gate, up = self.gate_up(self.inner_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Network(nn.Module):  # type: ignore[misc]
    """Token ids in, hidden states or logits out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deviation = 0.02 if "embedding" in name else parameter.shape[1] ** -0.5
                if name.endswith(("out.weight", "down.weight")):
                    deviation /= (2 * shape.layers) ** 0.5
                nn.init.normal_(parameter, std=deviation)
        size = shape.width // shape.heads
        rates = shape.rope_base ** (-torch.arange(0, size, 2).float() / size)
        angles = torch.outer(torch.arange(shape.window).float(), rates)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)

    def hidden(self, ids: Tensor) -> Tensor:
        """States after the last norm, of shape (batch, time, width)."""
        x, time = self.embedding(ids), ids.shape[1]
        mask = torch.full((time, time), float("-inf"), device=ids.device).triu(1)
        for block in self.blocks:
            x = block(x, self.cosine[:time].to(x.dtype), self.sine[:time].to(x.dtype), mask)
        return self.norm(x)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits of shape (batch, time, vocabulary)."""
        return F.linear(self.hidden(ids), self.embedding.weight)

    @property
    def parameters_count(self) -> int:
        """How many weights there are; the tied head counts once."""
        return sum(parameter.numel() for parameter in self.parameters())


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions on pairs (2i, 2i + 1), which is llama.cpp's layout."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cosine - b * sine, a * sine + b * cosine), -1).flatten(-2)
