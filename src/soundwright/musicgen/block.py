"""One layer of MusicGen's decoder: self-attention over what was heard, cross-attention to the text, MLP.

Shape letters as in `decoder`: R rows, T columns, D features, H heads, E = D / H features of a head, L positions of a
text.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundwright.musicgen.cache import LayerCache
from soundwright.musicgen.decoder_config import DecoderConfig
from soundwright.musicgen.linear import linear
from soundwright.musicgen.precision import Precision

#: Gives the tensor of a name, float32, after checking its shape.
Take = Callable[[str, tuple[int, ...]], Tensor]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "relu": F.relu}


class Norm(nn.Module):
    """Layer norm over D features."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., D]` to `[..., D]`."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias)


class Block(nn.Module):
    """Self-attention, cross-attention where the model has it, MLP."""

    def __init__(self, config: DecoderConfig, take: Take, precision: Precision, device: str, *, cross: bool) -> None:
        super().__init__()
        dim, hidden = config.hidden_size, config.ffn_dim
        self.num_heads = config.num_attention_heads
        self.scale = (dim // self.num_heads) ** -0.5
        self.activation = _ACTIVATIONS[config.activation_function]

        def norm(name: str) -> Norm:
            return Norm(take(f"{name}.weight", (dim,)).to(device), take(f"{name}.bias", (dim,)).to(device))

        def matrix(*names: str, shape: tuple[int, int] = (dim, dim)) -> nn.Module:
            stacked = torch.cat([take(f"{name}.weight", shape) for name in names])  # [len(names) * out, in]
            return linear(stacked, precision, device)

        self.norm_self = norm("self_attn_layer_norm")
        self.qkv = matrix("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
        self.out = matrix("self_attn.out_proj")
        if cross:
            self.norm_cross = norm("encoder_attn_layer_norm")
            self.cross_q = matrix("encoder_attn.q_proj")
            self.cross_kv = matrix("encoder_attn.k_proj", "encoder_attn.v_proj")
            self.cross_out = matrix("encoder_attn.out_proj")
        self.norm_mlp = norm("final_layer_norm")
        self.widen = matrix("fc1", shape=(hidden, dim))
        self.narrow = matrix("fc2", shape=(dim, hidden))

    def forward(self, x: Tensor, cache: LayerCache, texts: list[Tensor], hidden: Tensor | None) -> Tensor:
        """Columns `[R, T, D]` to `[R, T, D]`.

        Args:
            x: the columns.
            cache: of this block.
            texts: `[L, D]` each, with the first columns only.
            hidden: `Cache.hidden`.
        """
        x = x + self.out(self.attend(self.qkv(self.norm_self(x)), cache, hidden))  # [R, T, D]
        if texts:
            cache.texts = [self.read_text(text) for text in texts]
        if cache.texts:
            # The first rows have a text. To the others this adds exactly nothing: zero values, and no bias.
            with_text = x[: len(cache.texts)]  # [n, T, D]
            x = torch.cat([with_text + self.listen(with_text, cache), x[len(cache.texts) :]])  # [R, T, D]
        return x + self.narrow(self.activation(self.widen(self.norm_mlp(x))))  # type: ignore[no-any-return]

    def attend(self, qkv: Tensor, cache: LayerCache, hidden: Tensor | None) -> Tensor:
        """Causal self-attention: `[R, T, 3 D]` to `[R, T, D]`."""
        rows, columns, _ = qkv.shape
        q, k, v = qkv.view(rows, columns, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)  # [R, H, T, E] each
        keys, values = cache.append(k, v)  # [R, H, t, E], [R, H, E, t]
        q = q.to(keys.dtype)  # a GPU in 16 bits keeps and multiplies the cache in 16 bits
        if columns > 1:
            # Many columns are only ever the first ones, so that their own keys are all that there are.
            k, v = k.to(keys.dtype), v.to(keys.dtype)
            mixed: Tensor = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # [R, H, T, E]
            return mixed.transpose(1, 2).reshape(rows, columns, -1).float()
        scores = ((q * self.scale) @ keys.transpose(2, 3)).float()  # [R, H, 1, t]
        if hidden is not None:
            scores = scores + hidden  # [R, H, 1, T]
        mixed = values @ scores.softmax(-1).transpose(2, 3).to(values.dtype)  # [R, H, E, 1]
        return mixed.reshape(rows, 1, -1).float()

    def read_text(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Keys `[H, E, L]` and values `[H, L, E]` of a text `[L, D]`."""
        k, v = self.cross_kv(text).view(len(text), 2, self.num_heads, -1).permute(1, 2, 0, 3)  # [H, L, E] each
        return (k.transpose(1, 2) * self.scale).contiguous(), v.contiguous()

    def listen(self, x: Tensor, cache: LayerCache) -> Tensor:
        """Cross-attention of n rows, each to its own text: `[n, T, D]` to `[n, T, D]`.

        Row by row, since texts have different lengths, and a padded sum is not the unpadded one to the last bit.
        """
        q = self.cross_q(self.norm_cross(x))  # [n, T, D]
        q = q.view(*x.shape[:2], self.num_heads, -1).transpose(1, 2)  # [n, H, T, E]
        mixed = torch.stack(
            [(row @ keys).softmax(-1) @ values for row, (keys, values) in zip(q, cache.texts, strict=True)]
        )  # [n, H, T, E]
        return self.cross_out(mixed.transpose(1, 2).reshape(x.shape))  # type: ignore[no-any-return]
