"""Stands in for pesq where it is not installed: AudioCraft loads it with every solver, for watermarks."""


def pesq(*arguments, **options):
    """Raises: speech quality cannot be measured without the real package."""
    raise RuntimeError("pesq is not installed -> python -m pip install cython numpy; then --no-build-isolation pesq")


def __getattr__(name):
    raise AttributeError(f"pesq.{name} is not here: pesq is not installed")
