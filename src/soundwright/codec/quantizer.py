"""Residual vector quantisation with codebooks that follow the data.

Each level picks the nearest of S vectors to what the levels before it left over. Codebooks start from k-means, move
as exponential averages of the vectors that chose them (van den Oord et al., 2017, appendix A.1), and vectors that
nothing chooses are replaced by vectors of the batch (Zeghidour et al., SoundStream, 2021). Under several ranks the
statistics are summed over ranks, so all ranks hold the codebooks that one process with the joint batch would hold.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn


class ResidualQuantizer(nn.Module):
    """K codebooks of S vectors of D numbers.

    Args:
        num_codebooks: K.
        codebook_size: S.
        dim: D.
        decay: of the exponential averages, per training step.
        dead_below: a vector is replaced when its average use falls below this fraction of an even share.
        seed: of the random choices (k-means starts, replacements); each is a function of the seed and of the number of
            updates so far, so resuming needs no generator state.
    """

    codebooks: Tensor
    counts: Tensor
    sums: Tensor
    updates: Tensor

    def __init__(
        self,
        num_codebooks: int,
        codebook_size: int,
        dim: int,
        *,
        decay: float = 0.99,
        dead_below: float = 0.04,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.decay, self.dead_below, self.seed = decay, dead_below, seed
        self.register_buffer("codebooks", torch.zeros(num_codebooks, codebook_size, dim))
        self.register_buffer("counts", torch.ones(num_codebooks, codebook_size))  # [K, S]
        self.register_buffer("sums", torch.zeros(num_codebooks, codebook_size, dim))  # [K, S, D]
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))  # 0 until k-means has run

    @property
    def ready(self) -> bool:
        """Whether the codebooks were initialised."""
        return int(self.updates) > 0

    def encode(self, latents: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Latents `[..., D]` to codes int64 `[..., K]`, coarse to fine."""
        residual = latents
        codes = []
        for codebook in self.codebooks[:num_codebooks].to(latents.dtype):
            index = nearest(residual, codebook)
            residual = residual - codebook[index]
            codes.append(index)
        return torch.stack(codes, dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[..., K]` (K may be fewer than the codec has) to latents `[..., D]`."""
        return sum((self.codebooks[k][codes[..., k]] for k in range(codes.shape[-1])), torch.zeros(()))

    def forward(self, latents: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Quantises for training and, in training mode, moves the codebooks.

        Args:
            latents: `[B, T, D]`.
            levels: `[B]`, how many codebooks each item of the batch uses (quantiser dropout).

        Returns:
            Quantised latents `[B, T, D]` whose gradient passes straight through, and the commitment loss: squared
            error over latent variance.
        """
        residual = latents.detach().float()
        total = torch.zeros_like(residual)
        for k in range(len(self.codebooks)):
            vectors = residual.reshape(-1, residual.shape[-1])
            index = nearest(vectors, self.codebooks[k])
            chosen = self.codebooks[k][index].view_as(residual)
            if self.training:
                self._follow(k, vectors, index)
            residual = residual - chosen
            total = total + chosen * (levels > k).to(chosen).view(-1, 1, 1)
        if self.training:
            self.updates += 1
        variance = latents.detach().float().var(dim=(0, 1)).mean().clamp_min(1e-6)
        commitment = (latents.float() - total).square().mean() / variance
        return latents + (total - latents).detach(), commitment

    @torch.no_grad()
    def initialise(self, latents: Tensor, iterations: int = 12) -> None:
        """K-means on latents `[N, D]` (each rank's own; they are joined), level after level."""
        residual = _gathered(latents.float())
        generator = torch.Generator().manual_seed(self.seed)
        for k in range(len(self.codebooks)):
            codebook = _sample(residual, self.codebooks.shape[1], generator)
            for _ in range(iterations):
                counts, sums = _statistics(residual, nearest(residual, codebook), len(codebook))
                lost = counts == 0
                codebook = sums / counts.clamp_min(1)[:, None]
                codebook[lost] = _sample(residual, int(lost.sum()), generator)
            self.codebooks[k] = codebook
            residual = residual - codebook[nearest(residual, codebook)]
        self.counts.fill_(1.0)
        self.sums.copy_(self.codebooks)
        self.updates.fill_(1)

    @torch.no_grad()
    def _follow(self, k: int, vectors: Tensor, index: Tensor) -> None:
        """One step of the averages of level `k` with the vectors `[N, D]` of all ranks."""
        size = self.codebooks.shape[1]
        counts, sums = _statistics(vectors, index, size)
        if _distributed():
            both = torch.cat([counts[:, None], sums], dim=1)
            dist.all_reduce(both)
            counts, sums = both[:, 0], both[:, 1:]
        share = float(counts.sum()) / size
        self.counts[k].mul_(self.decay).add_(counts / share, alpha=1 - self.decay)
        self.sums[k].mul_(self.decay).add_(sums / share, alpha=1 - self.decay)
        dead = self.counts[k] < self.dead_below
        if bool(dead.any()):  # the same on all ranks, since the counts are
            generator = torch.Generator().manual_seed(self.seed + 1_000_003 * int(self.updates) + k)
            fresh = _sample(_gathered(vectors), int(dead.sum()), generator)
            self.sums[k, dead] = fresh
            self.counts[k, dead] = 1.0
        self.codebooks[k] = self.sums[k] / self.counts[k][:, None]


def nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """The index of the nearest of the codebook's vectors `[S, D]` for each of `[..., D]`; squared distance."""
    # |v - c|^2 without |v|^2, which is the same for all c
    return torch.argmin(codebook.square().sum(-1) - 2 * (vectors @ codebook.T), dim=-1)


def _statistics(vectors: Tensor, index: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """How many vectors `[N, D]` chose each of `size` entries `[S]`, and their sums `[S, D]`."""
    counts = torch.bincount(index, minlength=size).to(vectors.dtype)
    sums = torch.zeros(size, vectors.shape[1], dtype=vectors.dtype).index_add_(0, index, vectors)
    return counts, sums


def _sample(vectors: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """`num` of the vectors `[N, D]`, without repetition where there are enough."""
    order = torch.randperm(len(vectors), generator=generator)[:num]
    if len(order) < num:
        order = torch.randint(len(vectors), (num,), generator=generator)
    return vectors[order]


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _gathered(vectors: Tensor) -> Tensor:
    """The vectors `[N, D]` of all ranks in rank order, `[world size * N, D]`."""
    if not _distributed():
        return vectors
    parts = [torch.empty_like(vectors) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, vectors.contiguous())
    return torch.cat(parts)
