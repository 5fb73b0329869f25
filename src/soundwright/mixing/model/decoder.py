"""The decoder: a Mistral (or another causal transformer) that reads vectors, adapted by LoRA or trained whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from soundwright.core.errors import UsageError
from soundwright.mixing.model.settings import OWN, LoraSettings, MixerSettings
from soundwright.mixing.model.sources import load_base
from soundwright.mixing.tokens import CHOICES, PIECES


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Peft 0.21 asks transformers 5 for an attribute under its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


class Decoder(nn.Module):
    """Embeds pieces, runs the transformer, scores what may come next.

    The transformer is used without its vocabulary: pieces have embeddings and an output layer of their own.

    Args:
        settings: of the mixer.
        dtype: of a base model from the hub or a folder; an own one is float32.
    """

    def __init__(self, settings: MixerSettings, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        from transformers import AutoModel, MistralConfig, MistralModel

        self.network: Any
        if settings.decoder == OWN:
            sizes = settings.own_decoder
            config = MistralConfig(
                vocab_size=1,  # no words: it reads vectors only
                hidden_size=sizes.hidden,
                num_hidden_layers=sizes.layers,
                num_attention_heads=sizes.heads,
                num_key_value_heads=sizes.heads,
                intermediate_size=sizes.inner,
                max_position_embeddings=1024,
                sliding_window=None,
                bos_token_id=None,
                eos_token_id=None,
            )
            self.network = MistralModel(config)
        else:
            self.network = load_base(
                "decoder", settings.decoder, lambda name: AutoModel.from_pretrained(name, dtype=dtype)
            )
        self.own = settings.decoder == OWN
        self.hidden = int(self.network.config.hidden_size)
        #: A base model's vectors have a size of their own; a prefix far from it is noise to it.
        self.scale = 1.0 if self.own else float(self.network.get_input_embeddings().weight.detach().float().std())
        self.adapted = False
        if not self.own:
            self.network.requires_grad_(False)
        self.pieces = nn.Embedding(len(PIECES), self.hidden)
        self.choose = nn.Linear(self.hidden, len(CHOICES))

    def adapt(self, lora: LoraSettings, folder: Path | None = None) -> None:
        """Puts LoRA on: new, or as saved. From then on only it, and what is not the transformer, learns.

        Raises:
            UsageError: the decoder has no layer of a name in `targets`.
        """
        from peft import LoraConfig, PeftModel, get_peft_model

        if folder is not None:
            with quiet_peft():
                self.network = load_base(
                    "adapter",
                    str(folder),
                    lambda name: PeftModel.from_pretrained(self.network, name, is_trainable=True),
                )
        else:
            # `lm_head`, which document 004's origin lists, is not in use here.
            targets = [name for name in lora.targets if name != "lm_head"]
            known = {
                name.rsplit(".", 1)[-1]
                for name, module in self.network.named_modules()
                if isinstance(module, nn.Linear)
            }
            if missing := [name for name in targets if name not in known]:
                raise UsageError(
                    f"the decoder has no layer {missing[0]!r} for LoRA", remedy=f"there is {', '.join(sorted(known))}"
                )
            config = LoraConfig(r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets)
            with quiet_peft():
                self.network = get_peft_model(self.network, config)
        self.adapted = True

    def merge(self) -> None:
        """Adds LoRA's update to the weights and takes it off."""
        if self.adapted:
            self.network = self.network.merge_and_unload()
            self.adapted = False
            self.network.requires_grad_(self.own)

    def embed(self, ids: Tensor) -> Tensor:
        """Pieces `[B, T]` to `[B, T, hidden]`."""
        return self.pieces(ids) * self.scale  # type: ignore[no-any-return]

    def forward(self, vectors: Tensor, mask: Tensor | None = None, cache: Any = None) -> Tensor:
        """Vectors `[B, T, hidden]` to hidden states `[B, T, hidden]`, float32.

        Args:
            vectors: what is read, after what `cache` holds.
            mask: true where something stands, `[B, T + length of the cache]`.
            cache: a `DynamicCache`, which grows; None for none.
        """
        dtype = next(self.network.parameters()).dtype
        # The network inside LoRA has the layers, adapters included, without peft's own prompts.
        network = self.network.get_base_model() if self.adapted else self.network
        out = network(
            inputs_embeds=vectors.to(dtype),
            attention_mask=None if mask is None else mask.long(),
            past_key_values=cache,
            use_cache=cache is not None,
        )
        return out.last_hidden_state.float()  # type: ignore[no-any-return]
