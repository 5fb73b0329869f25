"""A style: what a prompt is made of, in fields, with what differs per model size.

A file of one:

    about: one line for the list
    genre: techno
    sub_genre: hypnotic warehouse techno
    tempo: 132                    # beats per minute, or a range [128, 134], or `free` where there is no beat
    feel: a steady four-on-the-floor pulse
    instruments:                  # by role, in whole sentences, in the order of the prompt
      drums: A round kick drum ...
      bass: ...
    form: It opens with ...       # how it develops; may be left out
    mix: The mix is ...           # may be left out
    exclusions: [vocals, guitars]
    variants:                     # per size what is different; a role that is null falls silent
      small:
        instruments: {pads: null}

What a variant does not name stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from soundwright.core.errors import BadInput

Size = Literal["small", "medium", "large"]
#: Beats per minute that music has; what lies outside is a slip of the keyboard.
_SLOWEST, _FASTEST = 20, 300


def _text(value: Any) -> Any:
    # Lines folded in YAML keep stray spaces and newlines; a prompt has none.
    if isinstance(value, str):
        value = " ".join(value.split())
        if not value:
            raise ValueError("expected words, found none")
    return value


def _bare(value: str) -> str:
    if value.lower().startswith(("no ", "without ")):
        raise ValueError(f"expected the thing alone, found {value!r}; 'no' is put before it when it is composed")
    return value


Text = Annotated[str, BeforeValidator(_text)]


def _tempo(value: Any) -> Any:
    numbers = [value] if isinstance(value, int | float) and not isinstance(value, bool) else value
    if value == "free":
        return "free"
    if (
        isinstance(numbers, list | tuple)
        and len(numbers) in (1, 2)
        and all(isinstance(n, int | float) and _SLOWEST <= n <= _FASTEST for n in numbers)
        and list(numbers) == sorted(set(numbers))
    ):
        return tuple(float(n) for n in numbers)
    raise ValueError(
        f"expected beats per minute ({_SLOWEST} to {_FASTEST}), a range [low, high], or free; found {value!r}"
    )


Tempo = Annotated[tuple[float] | tuple[float, float] | Literal["free"], BeforeValidator(_tempo)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variant(_Strict):
    """What is different for one size; what is not named stays."""

    genre: Text | None = None
    sub_genre: Text | None = None
    tempo: Tempo | None = None
    feel: Text | None = None
    instruments: dict[Text, Text | None] = {}
    form: Text | None = None
    mix: Text | None = None
    exclusions: tuple[Annotated[Text, AfterValidator(_bare)], ...] | None = None


class Style(_Strict):
    """One style. `of_size` gives what a model of that size is asked for."""

    about: Text
    genre: Text
    sub_genre: Text
    tempo: Tempo
    feel: Text
    instruments: Annotated[dict[Text, Text], Field(min_length=1)]
    form: Text | None = None
    mix: Text | None = None
    exclusions: Annotated[tuple[Annotated[Text, AfterValidator(_bare)], ...], Field(min_length=1)]
    variants: dict[Size, Variant] = {}

    def of_size(self, size: Size) -> Style:
        """The style with the variant of a size in place, and no variants any more."""
        variant = self.variants.get(size)
        if variant is None:
            return self.model_copy(update={"variants": {}})
        changed: dict[str, Any] = {name: getattr(variant, name) for name in variant.model_fields_set}
        merged = {**self.instruments, **variant.instruments}
        changed["instruments"] = {role: text for role, text in merged.items() if text is not None}
        return Style.model_validate({**self.model_dump(), **changed, "variants": {}})


def read_style(path: Path) -> Style:
    """Reads a style.

    Raises:
        BadInput: the file cannot be read, is no YAML, or a field is missing, unknown or not as expected.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy="check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"is no YAML: {' '.join(str(error).split())}", path=path, remedy=_REMEDY) from error
    if not isinstance(raw, dict):
        raise BadInput(f"expected fields, found {type(raw).__name__}", path=path, remedy=_REMEDY)
    where = ""
    try:
        style = Style.model_validate(raw)
        for size in style.variants:
            where = f"variants.{size}."
            style.of_size(size)  # e.g. a variant that silences all instruments
    except ValidationError as error:
        raise BadInput(where + _first(error), path=path, remedy=_REMEDY) from error
    return style


#: Shown with every refusal.
_REMEDY = "mend the field; `soundwright music styles show industrial --source` prints a whole example"


def _first(error: ValidationError) -> str:
    """The first fault in one line: field, what was expected, what was found."""
    fault = error.errors(include_url=False)[0]
    places = [str(part) for part in fault["loc"] if part != "[key]"]
    where = ".".join(part for part in places if not part.startswith(("tuple[", "literal[", "function-"))) or "the style"
    match fault["type"]:
        case "missing":
            return f"{where}: this field is missing"
        case "extra_forbidden":
            known = Variant if places[0] == "variants" else Style
            return f"{where}: there is no such field; fields are {', '.join(known.model_fields)}"
        case "value_error":
            return f"{where}: {fault['ctx']['error']}"
        case _:
            return f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]}, found {fault['input']!r}"
