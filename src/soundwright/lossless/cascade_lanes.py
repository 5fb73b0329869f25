"""Dot products whose order of summation is fixed, and the updates that go with them.

A compiler may not reorder a floating-point sum, so a plain loop runs one addition at a time; allowing it to reorder
(fast-math) makes the result depend on the machine's vector width. Here the order is part of the definition: lane l
sums the products of the positions l, l + lanes, l + 2 lanes, ...; the lanes are then folded in halves. The vector
operations are written as LLVM instructions without any fast-math flag, so no product is fused into a sum, and a
machine with narrower registers executes the same sums in more instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from soundwright.core.extras import needs_extra

with needs_extra("lossless", "compressing without loss"):
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

LANES = 32  # of float32: two registers of 512 bits
LANES64 = 16


def _inside_kernels(function: Callable[..., Any]) -> Callable[..., Any]:
    """Numba's `intrinsic`: the caller leaves out the first argument, for which there is no type."""
    return intrinsic(function)


class _Vectors:
    """Loads and stores parts of an array, `half` elements at a time."""

    def __init__(self, context: Any, builder: Any, array_type: Any, array: Any, start: Any) -> None:
        self.builder = builder
        data = context.make_array(array_type)(context, builder, array).data
        self.data = builder.gep(data, [start])
        self.element = data.type.pointee
        is_float32 = isinstance(self.element, ir.FloatType)
        self.bytes, self.lanes = (4, LANES) if is_float32 else (8, LANES64)
        self.half = self.lanes // 2
        self.vector = ir.VectorType(self.element, self.half)

    def pointer(self, offset: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.data, [offset]), self.vector.as_pointer())

    def load(self, offset: Any) -> Any:
        return self.builder.load(self.pointer(offset), align=self.bytes)

    def store(self, value: Any, offset: Any) -> None:
        self.builder.store(value, self.pointer(offset), align=self.bytes)

    def offsets(self, step: Any) -> list[Any]:
        first = self.builder.mul(step, ir.Constant(step.type, self.lanes))
        return [first, self.builder.add(first, ir.Constant(step.type, self.half))]

    def splat(self, value: Any) -> Any:
        undefined = ir.Constant(self.vector, ir.Undefined)
        single = self.builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        same = ir.Constant(ir.VectorType(ir.IntType(32), self.half), [0] * self.half)
        return self.builder.shuffle_vector(single, undefined, same)

    def fold(self, total: Any) -> Any:
        """The sum of the lanes, halves first."""
        width = self.half
        while width > 1:
            width //= 2
            index = ir.VectorType(ir.IntType(32), width)
            low, high = (
                self.builder.shuffle_vector(
                    total, ir.Constant(total.type, ir.Undefined), ir.Constant(index, list(range(first, first + width)))
                )
                for first in (0, width)
            )
            total = self.builder.fadd(low, high)
        return self.builder.extract_element(total, ir.Constant(ir.IntType(32), 0))


def _steps(builder: Any, count: Any, lanes: int) -> Any:
    return builder.udiv(count, ir.Constant(count.type, lanes))


@_inside_kernels
def dot(typing: Any, a: Any, a_start: Any, b: Any, b_start: Any, count: Any) -> Any:
    """`sum(a[a_start + i] * b[b_start + i])` of two float32 or float64 arrays; `count` is a multiple of the lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x = _Vectors(context, builder, signature.args[0], arguments[0], arguments[1])
        y = _Vectors(context, builder, signature.args[2], arguments[2], arguments[3])
        reserve: Any = cgutils.alloca_once_value
        sums = [reserve(builder, ir.Constant(x.vector, [0.0] * x.half)) for _ in range(2)]
        with cgutils.for_range(builder, _steps(builder, arguments[4], x.lanes)) as loop:
            for total, offset in zip(sums, x.offsets(loop.index), strict=True):
                product = builder.fmul(x.load(offset), y.load(offset))
                builder.store(builder.fadd(builder.load(total), product), total)
        return x.fold(builder.fadd(*(builder.load(total) for total in sums)))

    return a.dtype(a, types.intp, b, types.intp, types.intp), generate


@_inside_kernels
def add_scaled(typing: Any, a: Any, a_start: Any, b: Any, b_start: Any, scale: Any, count: Any) -> Any:
    """`a[a_start + i] += scale * b[b_start + i]`; `count` is a multiple of the lanes; the parts do not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x = _Vectors(context, builder, signature.args[0], arguments[0], arguments[1])
        y = _Vectors(context, builder, signature.args[2], arguments[2], arguments[3])
        scales = x.splat(arguments[4])
        with cgutils.for_range(builder, _steps(builder, arguments[5], x.lanes)) as loop:
            for offset in x.offsets(loop.index):
                x.store(builder.fadd(x.load(offset), builder.fmul(scales, y.load(offset))), offset)
        return context.get_dummy_value()

    return types.void(a, types.intp, b, types.intp, a.dtype, types.intp), generate


@_inside_kernels
def decay_and_add(
    typing: Any,
    a: Any,
    a_start: Any,
    old: Any,
    old_start: Any,
    decay: Any,
    b: Any,
    b_start: Any,
    scale: Any,
    count: Any,
) -> Any:
    """`a[a_start + i] = decay * old[old_start + i] + scale * b[b_start + i]`; `count` is a multiple of the lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x = _Vectors(context, builder, signature.args[0], arguments[0], arguments[1])
        before = _Vectors(context, builder, signature.args[2], arguments[2], arguments[3])
        y = _Vectors(context, builder, signature.args[5], arguments[5], arguments[6])
        decays, scales = x.splat(arguments[4]), x.splat(arguments[7])
        with cgutils.for_range(builder, _steps(builder, arguments[8], x.lanes)) as loop:
            for offset in x.offsets(loop.index):
                kept = builder.fmul(decays, before.load(offset))
                x.store(builder.fadd(kept, builder.fmul(scales, y.load(offset))), offset)
        return context.get_dummy_value()

    item = a.dtype
    return types.void(a, types.intp, old, types.intp, item, b, types.intp, item, types.intp), generate
