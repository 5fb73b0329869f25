"""Stands in for spacy where it is not installed: AudioCraft imports it for text conditions."""


def __getattr__(name):
    raise AttributeError(f"spacy.{name} is not here: spacy is not installed -> python -m pip install spacy")
