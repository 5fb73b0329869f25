"""Document 001: which recordings train and which are held out."""

from soundwright.lossless.lm.data_paths import (
    detect_audio_format,
    get_audio_files_with_format,
    get_train_paths,
    get_valid_paths,
)

__all__ = ["detect_audio_format", "get_audio_files_with_format", "get_train_paths", "get_valid_paths"]
