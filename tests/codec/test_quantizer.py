"""The residual quantiser: invariants, k-means, dead vectors, and two processes that agree with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.codec.quantizer import ResidualQuantizer, nearest


def latents(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ready(num_codebooks: int = 3, size: int = 16, dim: int = 4) -> ResidualQuantizer:
    quantizer = ResidualQuantizer(num_codebooks, size, dim)
    quantizer.initialise(latents(0, 500, dim))
    return quantizer


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 40), st.integers(1, 8))
def test_nearest_is_the_nearest(seed: int, dim: int, size: int, num: int) -> None:
    vectors, codebook = latents(seed, num, dim).double(), latents(seed + 1, size, dim).double()
    distances = (vectors[:, None] - codebook).square().sum(-1)
    assert torch.equal(nearest(vectors, codebook), distances.argmin(-1))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_each_codebook_brings_the_sum_nearer_on_average(seed: int) -> None:
    quantizer = ready()
    x = latents(0, 500, 4)
    codes = quantizer.encode(x)
    errors = [(x - quantizer.decode(codes[:, :k])).square().mean().item() for k in (1, 2, 3)]
    assert errors[0] > errors[1] > errors[2]


def test_encoding_vectors_of_the_codebook_returns_their_indices() -> None:
    quantizer = ready(num_codebooks=1)
    assert quantizer.encode(quantizer.codebooks[0])[:, 0].tolist() == list(range(16))


def test_kmeans_finds_separate_clusters() -> None:
    centres = torch.tensor([[10.0, 0], [-10, 0], [0, 10], [0, -10]])
    cloud = (centres[:, None] + 0.1 * latents(1, 4, 200, 2)).reshape(-1, 2)
    quantizer = ResidualQuantizer(1, 8, 2)
    quantizer.initialise(cloud)
    assert (cloud - quantizer.decode(quantizer.encode(cloud))).abs().max() < 0.5


def test_codebooks_follow_data_that_move() -> None:
    quantizer = ready().train()
    moved = latents(3, 4, 100, 4) + 5
    before = (moved - quantizer.decode(quantizer.encode(moved))).square().mean()
    for _ in range(200):
        quantizer(moved, torch.full((4,), 3))
    after = (moved - quantizer.decode(quantizer.encode(moved))).square().mean()
    assert after < 0.5 * before


def test_a_vector_that_nothing_chooses_is_replaced() -> None:
    quantizer = ready(num_codebooks=1).train()
    with torch.no_grad():
        quantizer.codebooks[0, 3] = 100.0
        quantizer.sums[0, 3] = 100.0
    for seed in range(400):
        quantizer(latents(seed, 2, 20, 4), torch.ones(2))
    assert quantizer.codebooks.abs().max() < 10


def test_dropped_levels_do_not_enter_and_the_gradient_passes_straight_through() -> None:
    quantizer = ready().eval()
    x = latents(7, 2, 5, 4).requires_grad_()
    quantised, commitment = quantizer(x, torch.tensor([1, 3]))
    codes = quantizer.encode(x.detach())
    assert torch.allclose(quantised[0], quantizer.decode(codes[0, :, :1]), atol=1e-6)
    assert torch.allclose(quantised[1], quantizer.decode(codes[1]), atol=1e-6)
    quantised.sum().backward(retain_graph=True)
    assert x.grad is not None
    assert torch.equal(x.grad, torch.ones_like(x))
    assert commitment.item() > 0


def test_evaluation_changes_nothing() -> None:
    quantizer = ready().eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(latents(1, 2, 30, 4), torch.tensor([3, 3]))
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


def _train(quantizer: ResidualQuantizer, parts: torch.Tensor) -> None:
    """K-means on the first part, then a step on each of the others; parts are `[parts, items, T, D]`."""
    quantizer.initialise(parts[0].reshape(-1, parts.shape[-1]))
    quantizer.train()
    for part in parts[1:]:
        quantizer(part, torch.full((part.shape[0],), 3))


def _worker(rank: int, folder: str, parts: torch.Tensor) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    quantizer = ResidualQuantizer(3, 16, 4, dead_below=0.3)
    half = parts.shape[1] // 2
    _train(quantizer, parts[:, rank * half : (rank + 1) * half])
    np.save(f"{folder}/codebooks-{rank}.npy", quantizer.codebooks.numpy())
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_processes_hold_the_codebooks_of_one_with_the_joint_batch(tmp_path: Path) -> None:
    parts = latents(9, 12, 4, 25, 4)
    spawn: Any = mp.spawn
    spawn(_worker, args=(str(tmp_path), parts), nprocs=2)
    first, second = (np.load(tmp_path / f"codebooks-{rank}.npy") for rank in range(2))
    assert np.array_equal(first, second)
    one = ResidualQuantizer(3, 16, 4, dead_below=0.3)
    _train(one, parts)
    assert np.allclose(first, one.codebooks.numpy(), atol=1e-5)
