"""How fast `lm train` trains: against the document's JAX code, and against what the machine's matrix product can do.

    python benchmarks/lm_speed.py [--skip-jax] [--skip-gpu]

The shape is the document's: 256 values, chunks of 2048, 64 features, 4 layers, 8 heads. A step is forward, backward,
clipping and Adam on two chunks. The JAX side needs `pip install jax`; it is written here after the description of the
original (google-deepmind/language_modeling_is_compression): post-norm, a mask that is a constant of ones, the whole
`[T, T]` matrix of scores, log-softmax over logits, the loss summed over the chunk, Adam. Where a GPU is at hand, a
model of 25 million weights is measured too.
"""

from __future__ import annotations

from paired import about, compare, wall_s

import argparse
import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from soundwright.lossless.lm.model import ModelConfig, SampleModel

BATCH, LENGTH = 2, 2048
#: Steps in a row, as in a training: the first after the other side pays for the memory that that one gave back.
STEPS = 4
SAMPLES = STEPS * BATCH * LENGTH
#: How many times faster than JAX, and which part of the matrix product's speed, is asked for.
AT_LEAST_JAX, AT_LEAST_PEAK = 3.5, 0.40


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skip-jax", action="store_true")
    parser.add_argument("--skip-gpu", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    about("torch", *(["jax"] if importlib.util.find_spec("jax") else []))

    ours = trainer(ModelConfig(), BATCH)
    if arguments.skip_jax or importlib.util.find_spec("jax") is None:
        print("\nwithout the JAX side (pip install jax)")
        medians = compare("training steps at the document's shape", {"soundwright": ours}, at_least={})
    else:
        medians = compare(
            "training steps at the document's shape, 8 heads of 8",
            {"soundwright": ours, "JAX, as in the document": jax_trainer()},
            at_least={"JAX, as in the document": AT_LEAST_JAX},
            runs=3,
        )
    for name, seconds in medians.items():
        print(f"  {name:<44} {SAMPLES / seconds:10,.0f} samples per CPU second")

    config = ModelConfig(num_heads=2)
    product, product_flops = matrix_product(1536, "cpu", torch.float32)
    sides = {"soundwright": trainer(config, BATCH), "matrix product 1536 x 1536 x 1536, ten times": product}
    step_s, product_s = compare("training steps with 2 heads of 32", sides, at_least={}).values()
    speed, peak = SAMPLES * flops_per_sample(config) / step_s, product_flops / product_s
    verdict = "met" if speed / peak >= AT_LEAST_PEAK else "NOT met"
    print(f"  {SAMPLES / step_s:,.0f} samples per CPU second: {speed / 1e9:.1f} of {peak / 1e9:.1f} GFLOP/s, ", end="")
    print(f"{100 * speed / peak:.0f} % (asked: {100 * AT_LEAST_PEAK:.0f} %, {verdict})")
    if torch.cuda.is_available() and not arguments.skip_gpu:
        on_gpu()


def flops_per_sample(config: ModelConfig) -> float:
    """Multiplications and additions of forward and backward: 6 per weight, and half of each `[T, T]` of attention."""
    with torch.device("meta"):
        weights = sum(p.numel() for name, p in SampleModel(config).named_parameters() if "embedding" not in name)
    return 6 * weights + 6 * config.num_layers * config.embedding_dim * config.sequence_length


def trainer(
    config: ModelConfig, batch_size: int, device: str = "cpu", *, bfloat16: bool = False, compiled: bool = False
) -> Callable[[], None]:
    """Some steps of training on random samples."""
    torch.manual_seed(0)
    model = SampleModel(config).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    samples = torch.randint(0, 1 << config.sample_bits, (batch_size, config.sequence_length), device=device)
    nats: Any = torch.compile(model.nats) if compiled else model.nats

    def steps() -> None:
        for _ in range(STEPS):
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bfloat16):
                loss = nats(samples).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        if device != "cpu":
            torch.cuda.synchronize()

    return steps


def matrix_product(size: int, device: str, kind: torch.dtype) -> tuple[Callable[[], None], float]:
    """Ten products of square matrices, and their multiplications and additions."""
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))

    def multiply() -> None:
        for _ in range(10):
            a @ b
        if device != "cpu":
            torch.cuda.synchronize()

    return multiply, 20.0 * size**3


def on_gpu() -> None:
    """A model of 25 million weights, in the ways that `--precision` and `--torch_compile` offer."""
    config, batch_size = ModelConfig(embedding_dim=512, num_layers=8, num_heads=8), 32
    product, product_flops = matrix_product(8192, "cuda", torch.bfloat16)
    sides = {
        "float32": trainer(config, batch_size, "cuda"),
        "bfloat16": trainer(config, batch_size, "cuda", bfloat16=True),
        "bfloat16, compiled": trainer(config, batch_size, "cuda", bfloat16=True, compiled=True),
        "matrix product in bfloat16": product,
    }
    print(f"\n{torch.cuda.get_device_name()}")
    medians = compare("training steps of 25 million weights on a GPU", sides, at_least={}, clock=wall_s)
    peak = product_flops / medians.pop("matrix product in bfloat16")
    for name, seconds in medians.items():
        rate = STEPS * batch_size * config.sequence_length / seconds
        share = 100 * rate * flops_per_sample(config) / peak
        print(
            f"  {name:<44} {rate:10,.0f} samples/s, {share:.0f} % of the bfloat16 product's {peak / 1e12:.0f} TFLOP/s"
        )


def jax_trainer() -> Callable[[], None]:
    """The same steps as the document's code takes them."""
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    dim, heads, layers = 64, 8, 4
    rng = np.random.default_rng(0)

    def matrix(*shape: int) -> Any:
        return jnp.asarray(rng.normal(0, shape[0] ** -0.5, shape), jnp.float32)

    def block() -> dict[str, Any]:
        zeros, ones = jnp.zeros(dim), jnp.ones(dim)
        return {
            **{name: matrix(dim, dim) for name in ("query", "key", "value", "output")},
            "widen": matrix(dim, 4 * dim), "widen_bias": jnp.zeros(4 * dim), "narrow": matrix(4 * dim, dim),
            "narrow_bias": zeros, "scale_1": ones, "offset_1": zeros, "scale_2": ones, "offset_2": zeros,
        }  # fmt: skip

    params = {
        "embedding": 0.02 * matrix(256, dim),
        "logits": matrix(dim, 256),
        "logits_bias": jnp.zeros(256),
        "blocks": [block() for _ in range(layers)],
    }
    angles = np.arange(LENGTH)[:, None] / 10_000 ** (np.arange(0, dim, 2) / dim)
    positions = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    mask = np.tril(np.ones((BATCH, 1, LENGTH, LENGTH)))

    def norm(x: Any, scale: Any, offset: Any) -> Any:
        mean = x.mean(-1, keepdims=True)
        variance = x.var(-1, keepdims=True)
        return scale * (x - mean) * jax.lax.rsqrt(variance + 1e-5) + offset

    def attention(x: Any, w: dict[str, Any]) -> Any:
        q, k, v = (jnp.reshape(x @ w[name], (BATCH, LENGTH, heads, -1)) for name in ("query", "key", "value"))
        scores = jnp.einsum("bthd,bThd->bhtT", q, k) * (dim // heads) ** -0.5
        weights = jax.nn.softmax(jnp.where(mask, scores, -1e30))
        return jnp.reshape(jnp.einsum("bhtT,bThd->bthd", weights, v), (BATCH, LENGTH, dim)) @ w["output"]

    def loss(params: Any, samples: Any) -> Any:
        shifted = jnp.pad(samples[:, :-1], ((0, 0), (1, 0)))
        x = params["embedding"][shifted] * np.sqrt(dim) + positions
        for w in params["blocks"]:
            x = norm(x + attention(x, w), w["scale_1"], w["offset_1"])
            hidden = jax.nn.gelu(x @ w["widen"] + w["widen_bias"])
            x = norm(x + hidden @ w["narrow"] + w["narrow_bias"], w["scale_2"], w["offset_2"])
        predictions = jax.nn.log_softmax(x @ params["logits"] + params["logits_bias"])
        true = jnp.take_along_axis(predictions, samples[..., None], axis=-1)[..., 0]
        return -jnp.mean(jnp.sum(true, axis=1))

    @jax.jit
    def update(params: Any, first: Any, second: Any, count: Any, samples: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(params, samples)
        gradient = jax.tree_util.tree_map(lambda g: g / LENGTH, gradient)
        first = jax.tree_util.tree_map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree_util.tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
        params = jax.tree_util.tree_map(
            lambda p, m, v: p - 1e-4 * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8),
            params, first, second,
        )  # fmt: skip
        return params, first, second, count + 1, value

    nothing = jax.tree_util.tree_map(jnp.zeros_like, params)
    state = [params, nothing, nothing, jnp.asarray(1.0)]
    samples = jnp.asarray(rng.integers(0, 256, (BATCH, LENGTH)))

    def steps() -> None:
        for _ in range(STEPS):
            *state[:], value = update(*state, samples)
        value.block_until_ready()

    return steps


if __name__ == "__main__":
    main()
