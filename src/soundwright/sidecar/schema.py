"""The file of `sidecar init --schema`: what the user declares about parameters, in YAML or JSON.

    parameters:
      pitch: {type: continuous, units: MIDI, range: [0, 127], doc: note number}
      instrument: {type: class, classes: [flute, oboe]}

The order is the order of the columns.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from soundwright.core.errors import UsageError
from soundwright.formats.conditions import Conditions, Parameter
from soundwright.formats.features import Feature


class _Declared(Feature):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    parameters: dict[str, _Declared]


def read_schema(path: Path) -> dict[str, Parameter]:
    """The declared parameters in their order.

    Raises:
        UsageError: the file cannot be read, or says what is not understood.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        declared = _File.model_validate(raw).parameters
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path, remedy="check --schema") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise UsageError(f"{where}: {first['msg']}", path=path, remedy=_REMEDY) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"is no YAML: {' '.join(str(error).split())}", path=path, remedy=_REMEDY) from error
    return {name: Parameter(**feature.model_dump(), declared=True) for name, feature in declared.items()}


def check_change(declared: dict[str, Parameter], known: Conditions | None, path: Path) -> None:
    """Refuses a declaration that would give values that are there already another meaning.

    Raises:
        UsageError: the classes of a column with values change other than by new ones at the end.
    """
    for name, parameter in declared.items():
        before = known.parameters[name].classes if known and name in known.columns else None
        now = parameter.classes or ()
        if before is not None and now[: len(before)] != before:
            raise UsageError(
                f"{name}: there are values with the classes {', '.join(before)}; {', '.join(now) or 'none'} would "
                "give them another meaning",
                path=path,
                remedy="keep those classes and add new ones at the end, or sidecar init --overwrite and add again",
            )


_REMEDY = "write e.g. parameters: {pitch: {type: continuous, units: MIDI, range: [0, 127]}}"
