"""How fast one column of MusicGen SMALL is: ours against `transformers` in float32, early and late in a window.

    python benchmarks/music_step.py [--layers 24] [--rounds 5]

The shape is musicgen-small's (24 layers, 1024 features, 16 heads, 4 codebooks of 2048, a text of 64 tokens, guidance:
two rows) with random weights; both sides have the same. Each step is timed in CPU seconds of one thread, sides in
turn; theirs is the forward pass alone, without what `generate` does around it. A step reads every weight once: that
many bytes by the time is set against what this machine copies in memory. Where a GPU is at hand, whole windows of the
small and the medium shape are timed there too: our recorded columns against the forward passes of `transformers`.
"""

from __future__ import annotations

from paired import about, cpu_s, wall_s

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, MusicgenDecoderConfig, MusicgenForCausalLM
from transformers.utils import logging

from soundwright.musicgen.decoder import CACHE_DTYPES, Decoder
from soundwright.musicgen.decoder_config import DecoderConfig
from soundwright.musicgen import sampling
from soundwright.musicgen.precision import Precision
from soundwright.musicgen.sampling import SamplingSettings
from soundwright.musicgen.window import WindowInput, sample_window
from soundwright.musicgen.windows import Window

TEXT_TOKENS, LATE = 64, 1400
#: Columns in a row of which the time is the mean, and columns over which logits are compared.
STEPS, COMPARED = 8, 48
AT_LEAST_EARLY, AT_LEAST_LATE, AT_MOST_ERROR = 3.0, 3.0, 1e-3


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    logging.set_verbosity_error()
    about("torch", "transformers")
    copy_rate = copied_bytes_per_s()
    print(f"copy rate: {copy_rate / 1e9:.1f} GB/s read and written")

    theirs = random_transformers(arguments.layers)
    text = torch.randn(TEXT_TOKENS, 1024, generator=torch.Generator().manual_seed(1))
    kinds: list[Precision] = ["float16-packed", "float32", "int8"]
    sides = {kind: ours(theirs, kind) for kind in kinds}
    for name, column, at_least in (("early", 0, AT_LEAST_EARLY), ("late", LATE, AT_LEAST_LATE)):
        steppers = {f"soundwright {kind}": our_steps(decoder, text, column) for kind, decoder in sides.items()}
        steppers["transformers float32"] = their_steps(theirs, text, column)
        times = in_turn(steppers, arguments.rounds)
        baseline = times["transformers float32"]
        print(f"\none column, {name} (t = {column}): CPU ms, median of {arguments.rounds} rounds of {STEPS} columns")
        for side, seconds in times.items():
            line = f"  {side:<28} {seconds * 1e3:8.1f}   {baseline / seconds:5.2f}x"
            for kind, decoder in sides.items():
                if side.endswith(f" {kind}") and side.startswith("soundwright"):
                    read = bytes_per_step(decoder, kind, column)
                    rate = read / seconds
                    share = 100 * rate / copy_rate
                    line += f"   reads {read / 1e6:5.0f} MB: {rate / 1e9:4.1f} GB/s, {share:3.0f} % of copy"
            print(line)
        ratio = baseline / times["soundwright float16-packed"]
        print(f"  asked: {at_least:g}x of the default, {'met' if ratio >= at_least else 'NOT met'}")
    if torch.cuda.is_available():
        on_device("cuda", 1500, {"small": (24, 1024), "medium": (48, 1536)})
    print(f"\nlogits against transformers float32 over {COMPARED} teacher-forced columns, two rows")
    for kind, decoder in sides.items():
        error, divergence, agree = accuracy(theirs, decoder, text)
        asked = ""
        if kind == "float16-packed":
            asked = f"  (asked: {AT_MOST_ERROR:g}, {'met' if error <= AT_MOST_ERROR else 'NOT met'})"
        print(
            f"  {kind:<16} relative error {error:.1e}   KL {divergence:.1e}   same top code {100 * agree:5.1f} %{asked}"
        )


def random_transformers(num_layers: int, dim: int = 1024) -> MusicgenForCausalLM:
    """A decoder with random weights: 24 layers of 1024 features are musicgen-small's, 48 of 1536 medium's."""
    torch.manual_seed(0)
    shape = {"hidden_size": dim, "ffn_dim": 4 * dim, "num_attention_heads": dim // 64}
    config = MusicgenDecoderConfig(
        num_hidden_layers=num_layers, **shape, dropout=0.0, is_decoder=True, add_cross_attention=True
    )
    return MusicgenForCausalLM(config).eval()


def ours(theirs: MusicgenForCausalLM, precision: Precision, device: str = "cpu") -> Decoder:
    """Our decoder with the same weights."""
    weights = theirs.state_dict()

    def take(name: str, shape: tuple[int, ...]) -> Tensor:
        return weights[name.removeprefix("decoder.")].clone()

    config = DecoderConfig.from_dict(theirs.config.to_dict())
    return Decoder(config, take, precision, device, text_dim=config.hidden_size).eval()


def random_codes(columns: int, seed: int = 2) -> Tensor:
    """Columns `[2, 4, T]`, both rows the same."""
    return torch.randint(2048, (1, 4, columns), generator=torch.Generator().manual_seed(seed)).expand(2, -1, -1)


def our_steps(decoder: Decoder, text: Tensor, column: int) -> Callable[[], object]:
    """`STEPS` columns after `column` others."""
    cache = decoder.start(2, LATE + 104, [text])
    decoder(random_codes(column + 1), cache, [text])
    codes = random_codes(STEPS, seed=3)

    def run() -> None:
        cache.length = column + 1  # what came after is forgotten
        for step in range(STEPS):
            decoder(codes[..., step : step + 1], cache)

    return run


def their_steps(model: MusicgenForCausalLM, text: Tensor, column: int) -> Callable[[], object]:
    """The forward passes of `transformers.generate`, with its default cache and guidance."""
    states, mask = both_rows(text)
    cache = EncoderDecoderCache(DynamicCache(config=model.config), DynamicCache(config=model.config))
    before = random_codes(column + 1).reshape(8, -1)
    model(before, encoder_hidden_states=states, encoder_attention_mask=mask, past_key_values=cache)
    codes = random_codes(STEPS, seed=3).reshape(8, -1)

    def run() -> None:
        for step in range(STEPS):
            model(
                codes[:, step : step + 1],
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                past_key_values=cache,
            )
        cache.self_attention_cache.crop(-STEPS)

    return run


def both_rows(text: Tensor) -> tuple[Tensor, Tensor]:
    """States `[2, L, D]` and mask `[2, L]` of a prompted and an unprompted row."""
    states = torch.stack([text, torch.zeros_like(text)])
    mask = torch.stack([torch.ones(len(text)), torch.zeros(len(text))]).long()
    return states, mask


def in_turn(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of one column of each side."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            began = cpu_s()
            side()
            if number:
                times[name].append((cpu_s() - began) / STEPS)
    return {name: statistics.median(values) for name, values in times.items()}


def bytes_per_step(decoder: Decoder, precision: Precision, column: int) -> float:
    """Weights of the matrices that a column goes through, and the keys and values of both rows."""
    config = decoder.config
    dim, hidden = config.hidden_size, config.ffn_dim
    per_layer = 4 * dim * dim + 2 * dim * dim + 2 * dim * hidden  # qkv and out, cross q and out, mlp
    weights = config.num_hidden_layers * per_layer + config.num_codebooks * config.vocab_size * dim
    size = {"float32": 4, "int8": 1}.get(precision, 2)
    return weights * size + config.num_hidden_layers * 2 * 2 * (column + STEPS / 2) * dim * (
        2 if precision in CACHE_DTYPES else 4
    )


def on_device(device: str, num_frames: int, shapes: dict[str, tuple[int, int]]) -> None:
    """Real-time factors of a whole window in 16 bits."""
    copy_rate = copied_bytes_per_s(device)
    print(f"\n{device}: a window of {num_frames} frames, wall seconds; copy rate {copy_rate / 1e9:.0f} GB/s")
    for name, (num_layers, dim) in shapes.items():
        theirs = random_transformers(num_layers, dim)
        text = torch.randn(TEXT_TOKENS, dim, device=device)
        kinds: list[Precision] = ["float16", "bfloat16"]
        seconds: dict[str, float] = {}
        for kind in kinds:
            decoder = ours(theirs, kind, device)

            def window(decoder: Decoder = decoder, frames: int = num_frames, text: Tensor = text) -> object:
                known = np.zeros((4, 0), np.int16)
                item = WindowInput(text, None, known, sampling.generator(0, 0, device))
                return sample_window(decoder, Window(0, 0, 0, frames), [item], SamplingSettings(), lambda frame: None)

            seconds[f"soundwright {kind}"] = timed(window, device)
            floor = bytes_per_step(decoder, kind, num_frames // 2) * num_frames / copy_rate
        model = theirs.to(device, torch.bfloat16)
        seconds["transformers bfloat16"] = timed(lambda m=model, t=text: their_window(m, t, num_frames), device)
        for side, taken in seconds.items():
            ratio = seconds["transformers bfloat16"] / taken
            print(f"  {name:<7} {side:<24} {num_frames / 50 / taken:7.1f} times real time   {ratio:5.2f}x (asked: 3x)")
        print(f"  {name:<7} {'at the copy rate':<24} {num_frames / 50 / floor:7.1f} times real time")


def their_window(model: MusicgenForCausalLM, text: Tensor, num_frames: int) -> None:
    """A window's forward passes of `transformers`, greedy."""
    states, mask = (value.to(model.device) for value in both_rows(text))
    cache = EncoderDecoderCache(DynamicCache(config=model.config), DynamicCache(config=model.config))
    codes = torch.full((8, 1), 2048, device=model.device)
    for _ in range(num_frames + 3):
        logits = model(
            codes, encoder_hidden_states=states.to(model.dtype), encoder_attention_mask=mask, past_key_values=cache
        ).logits  # [8, 1, V]
        guided = sampling.guide(logits[:4], logits[4:], 3.0)
        codes = guided.argmax(-1).repeat(2, 1)


def timed(run: Callable[[], object], device: str) -> float:
    """Wall seconds, the device's work included, after a warm-up."""
    taken = []
    for _ in range(3):
        began = wall_s()
        run()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        taken.append(wall_s() - began)
    return min(taken[1:])


def copied_bytes_per_s(device: str = "cpu") -> float:
    """Bytes read and written per second when a tensor far larger than the caches is copied; CPU seconds on a CPU."""
    source = torch.randn(64 * 1024 * 1024, device=device)
    target = torch.empty_like(source)
    if device != "cpu":
        return 2 * source.numel() * 4 * 10 / timed(lambda: [target.copy_(source) for _ in range(10)], device)
    times = []
    for _ in range(7):
        began = cpu_s()
        target.copy_(source)
        times.append(cpu_s() - began)
    return 2 * source.numel() * 4 / statistics.median(times[1:])


def accuracy(theirs: MusicgenForCausalLM, decoder: Decoder, text: Tensor) -> tuple[float, float, float]:
    """Relative error of logits, mean KL divergence in nats, and the share of codes that are likeliest in both."""
    codes = random_codes(COMPARED, seed=4)
    states, mask = both_rows(text)
    reference = theirs(codes.reshape(8, -1), encoder_hidden_states=states, encoder_attention_mask=mask).logits
    reference = reference.view(2, 4, COMPARED, -1)  # [R, K, T, V]
    cache = decoder.start(2, COMPARED, [text])
    columns = [decoder(codes[..., :1], cache, [text])]
    columns += [decoder(codes[..., t : t + 1], cache) for t in range(1, COMPARED)]
    logits = torch.stack(columns, dim=2)  # [R, K, T, V]
    error = ((logits - reference).norm() / reference.norm()).item()
    true, found = reference.log_softmax(-1), logits.log_softmax(-1)
    divergence = (true.exp() * (true - found)).sum(-1).mean().item()
    return error, divergence, (logits.argmax(-1) == reference.argmax(-1)).float().mean().item()


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        began = time.time()
        main()
        print(f"\n{time.time() - began:.0f} s")
