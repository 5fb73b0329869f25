"""The table of memory in docs/: `python -m soundwright.musicgen.memory_table` prints it, computed by the plan."""

from __future__ import annotations

from collections.abc import Iterator

from soundwright.musicgen.model_shapes import known_shape
from soundwright.musicgen.plan import Plan, Work, make_plan

_MODELS = ("small", "medium", "large", "melody", "stereo-small", "stereo-medium", "stereo-large")
_DURATIONS_S = (10.0, 30.0, 60.0, 180.0)


def table() -> Iterator[str]:
    """Lines of Markdown: gigabytes by model, arithmetic and duration."""
    columns_shown = [f"CPU 16 bit, {duration_s:g} s" for duration_s in _DURATIONS_S]
    columns_shown += ["CPU float32, 60 s", "GPU 16 bit, 60 s", "GPU float32, 60 s"]
    yield f"| model | {' | '.join(columns_shown)} |"
    yield "|---" * (1 + len(columns_shown)) + "|"
    for name in _MODELS:
        columns = [_plan(name, "float16-packed", "cpu", duration_s) for duration_s in _DURATIONS_S]
        columns += [_plan(name, "float32", "cpu", 60.0)]
        columns += [_plan(name, precision, "cuda", 60.0) for precision in ("float16", "float32")]
        yield f"| {name} | " + " | ".join(f"{plan.peak / 1e9:.1f}" for plan in columns) + " |"


def _plan(name: str, precision: str, device: str, duration_s: float) -> Plan:
    shape = known_shape(name)
    assert shape is not None
    known_s = 12.0 if duration_s > 30.0 else 0.0
    return make_plan(name, shape, Work(precision, device, duration_s=duration_s, known_s=known_s))


if __name__ == "__main__":
    print("\n".join(table()))
