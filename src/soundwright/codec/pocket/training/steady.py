"""Held tones without roughness: each frequency bin averaged with its own past, turned forward to now.

A network that predicts spectra frame by frame jitters in phase at the frame rate, which is heard (and measured) as
power between the harmonics of a held note. The remedy is that of a phase vocoder (Laroche and Dolson, 1999): what a
held tone does from frame to frame is a rotation, and the rotation can be measured. There are no weights in here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class SteadyState(NamedTuple):
    """What is carried from one piece of a stream to the next, complex `[B, F]` each.

    Attributes:
        spectrum: last spectrum that came in.
        turning: running average of the rotation.
        steadied: last spectrum that went out.
    """

    spectrum: Tensor
    turning: Tensor
    steadied: Tensor


def steady(spectrum: Tensor, gate: Tensor, past: SteadyState) -> tuple[Tensor, SteadyState]:
    """Averages each frequency bin with its own past, turned forward to now.

    A held tone turns a bin by the same angle from frame to frame. That angle is read off the spectra themselves, as a
    running average of s[t] * conj(s[t-1]) over frames and neighbouring bins, and the output follows
    y[t] = (1 - g) s[t] + g * turn[t] * y[t-1]. Where the network opens the gate g, what is not part of a held tone
    (frame-to-frame jitter, heard as roughness between harmonics) averages out; with g = 0 nothing changes.

    Args:
        spectrum: complex `[B, T, F]`.
        gate: `[B, T, F]` in 0..1.
        past: of the frame before.

    Returns:
        Steadied spectra, complex `[B, T, F]`, and what the next call needs.
    """
    with torch.no_grad():  # the angle is read, not learned: gradients through it are noise
        before = torch.cat([past.spectrum[:, None], spectrum[:, :-1]], dim=1)
        turn = spectrum * before.conj()
        sides = functional.pad(torch.view_as_real(turn), (0, 0, 2, 2))  # [B, T, F + 4, 2]
        near = sides[:, :, 1:-3] + sides[:, :, 3:-1]
        far = sides[:, :, :-4] + sides[:, :, 4:]
        turn = turn + torch.view_as_complex((0.5 * near + 0.25 * far).contiguous())
        # An open gate also averages the angle over longer; a closed one forgets the note before.
        turn = linear_recurrence((0.95 * gate.sqrt()).to(turn.dtype), turn, past.turning)
        unit = turn / (turn.abs() + 1e-12)
    steadied = linear_recurrence(gate * unit, (1 - gate) * spectrum, past.steadied)
    return steadied, SteadyState(spectrum[:, -1].detach(), turn[:, -1], steadied[:, -1].detach())


class _LinearRecurrence(torch.autograd.Function):
    """y[t] = a[t] * y[t-1] + b[t] over axis 0, with the backward pass written out (autograd would keep T graphs)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, first: Tensor) -> Tensor:
        y = torch.empty_like(b)
        last = first
        for t in range(len(b)):
            last = torch.addcmul(b[t], a[t], last, out=y[t])
        ctx.save_for_backward(a, y, first)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        a, y, first = ctx.saved_tensors
        total = grads[0].clone()  # gradient of b
        a_conj = a.conj().resolve_conj()
        for t in range(len(total) - 2, -1, -1):
            total[t].addcmul_(a_conj[t + 1], total[t + 1])
        before = torch.cat([first[None], y[:-1]])
        return total * before.conj(), total, None


def linear_recurrence(a: Tensor, b: Tensor, first: Tensor) -> Tensor:
    """y[t] = a[t] * y[t-1] + b[t] with y[-1] = `first`; `a`, `b` complex `[B, T, F]`, `first` `[B, F]`."""
    y: Tensor = _LinearRecurrence.apply(  # type: ignore[no-untyped-call]
        a.transpose(0, 1).contiguous(), b.transpose(0, 1).contiguous(), first
    )
    return y.transpose(0, 1)
