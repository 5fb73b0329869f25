"""Run by AudioCraft's interpreter: what can be imported there, and why not. Prints one line of JSON, last."""

import importlib
import json
import platform
import sys

#: What training a codec imports, directly or not.
MODULES = (
    "torch",
    "torchaudio",
    "xformers.ops",
    "spacy",
    "pesq",
    "dora",
    "hydra",
    "flashy",
    "omegaconf",
    "av",
    "einops",
    "julius",
    "num2words",
    "transformers",
    "torchmetrics",
    "torchdiffeq",
    "librosa",
    "soundfile",
    "sentencepiece",
    "huggingface_hub",
    "tqdm",
)


def version_of(name):
    """The version that a module states, or an empty text."""
    return str(getattr(sys.modules.get(name.split(".")[0]), "__version__", ""))


def look(name):
    """Imports a module: `{"version": ...}`, or `{"error": ..., "kind": ...}`."""
    try:
        importlib.import_module(name)
    except Exception as error:  # whatever a broken package raises when it loads is the finding
        return {"error": " ".join(str(error).split()), "kind": type(error).__name__}
    return {"version": version_of(name)}


def cuda():
    """The name of the first CUDA device on which a kernel really ran, or why there is none."""
    try:
        import torch

        if not torch.cuda.is_available():
            return {"error": "no CUDA device is visible to PyTorch, or this PyTorch is built without CUDA"}
        torch.ones(2, device="cuda").sum().item()
        return {"device": torch.cuda.get_device_name(0)}
    except Exception as error:  # e.g. a PyTorch that is older than the GPU
        return {"error": " ".join(str(error).split())}


def main():
    """Looks for the modules, then for AudioCraft itself, with the path as it was given."""
    found = {"python": platform.python_version(), "modules": {name: look(name) for name in MODULES}, "cuda": cuda()}
    if "--audiocraft" in sys.argv:
        audiocraft = look("audiocraft")
        audiocraft["file"] = getattr(sys.modules.get("audiocraft"), "__file__", None)
        found["audiocraft"] = audiocraft
    print(json.dumps(found))


if __name__ == "__main__":
    main()
