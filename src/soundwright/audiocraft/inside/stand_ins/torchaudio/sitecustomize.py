"""Hides torchaudio's native extension where it cannot load: its only Linux wheel links CUDA libraries.

What is written in Python (resampling, spectrograms, loudness) then works on a PyTorch without CUDA. Python imports a
module of this name when it starts, so it also reaches the processes that load data.
"""

import sys
import types


def _without_extension():
    extension = types.ModuleType("torchaudio._extension", "No native extension, and so no forced alignment.")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False

    def fail_if_no_align(function):
        def fail(*arguments, **options):
            raise RuntimeError(f"{function.__name__} needs torchaudio's native extension, which does not load here")

        return fail

    extension.fail_if_no_align = fail_if_no_align
    return extension


sys.modules["torchaudio._extension"] = _without_extension()
