"""How much memory a device has free: for this process, here and now."""

from __future__ import annotations

from pathlib import Path

#: What a CUDA context takes of its card.
CUDA_CONTEXT = 600_000_000


def free_memory(device: str) -> int | None:
    """Bytes that this process may use on a device, what it has already counted in; None if nobody can say."""
    if device.startswith("cuda"):
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        # Asking makes the context, which a plan counts too.
        return int(free) + int(torch.cuda.memory_reserved(device)) + CUDA_CONTEXT
    if device != "cpu":
        return None
    found = [value for value in (_available(), _left_in_cgroup()) if value is not None]
    return min(found) + resident() if found else None


def resident() -> int:
    """Bytes of memory that this process has of its own now."""
    fields = _fields(Path("/proc/self/status"))
    return sum(fields.get(name, 0) for name in ("RssAnon", "RssShmem"))


def _available() -> int | None:
    return _fields(Path("/proc/meminfo")).get("MemAvailable")


def _left_in_cgroup() -> int | None:
    """What the container's limit leaves; the kernel gives back the page cache, so files do not count."""
    for limit, used, statistics in (
        ("memory.max", "memory.current", "memory.stat"),  # version 2
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        try:
            most = (Path("/sys/fs/cgroup") / limit).read_text().strip()
            now = int((Path("/sys/fs/cgroup") / used).read_text())
            lines = (Path("/sys/fs/cgroup") / statistics).read_text().splitlines()
        except (OSError, ValueError):
            continue
        if most == "max":
            return None
        cached = sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file ")))
        return max(0, int(most) - now + cached)
    return None


def _fields(path: Path) -> dict[str, int]:
    """The fields of a file of the kernel's that are in kB, in bytes."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    words = (line.split() for line in lines if line.endswith("kB"))
    return {parts[0].rstrip(":"): 1024 * int(parts[1]) for parts in words if len(parts) == 3}
