"""The second pass over the command line: options that belong to the chosen producers, not to `sidecar add`.

Each producer declares its options as a pydantic model. Two producers may have the same flag, e.g. `--device`: each
gets it. A flag that no chosen producer has is an error.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from pydantic import BaseModel, ValidationError
from rich.console import Console

from soundwright.core.errors import UsageError
from soundwright.sidecar.producers.catalog import Source
from soundwright.sidecar.producers.contract import Producer

#: As everywhere on the command line: a list option takes all values up to the next option.
_STYLE = Parameter(consume_multiple=True, negative=())


@dataclass(frozen=True)
class Chosen:
    """A producer with its options, as it is sent to worker processes.

    Attributes:
        source: where it comes from.
        options: the values of its options model, as JSON.
        source_digest: of a user's own file.
    """

    source: Source
    options: dict[str, Any]
    source_digest: str

    def load(self) -> Producer:
        """Imports and makes the producer.

        Raises:
            UsageError: it does not import, or does not accept its options.
        """
        kind = self.source.load()
        try:
            return kind(kind.Options.model_validate(self.options))
        except UsageError as error:
            raise _of(self.source, error.message, error) from error

    def settings(self) -> dict[str, Any]:
        """What its values depend on: code, options, and the content of files that options name."""
        options = dict(self.options)
        for name, value in self.source.load().Options.model_validate(options):
            if isinstance(value, Path):
                options[name] = hashlib.sha256(value.read_bytes()).hexdigest() if value.is_file() else None
        return {"name": self.source.name, "options": options, "code": self.source_digest}


def choose(sources: Sequence[Source], tokens: Sequence[str], *, reserved: Collection[str] = ()) -> list[Chosen]:
    """Gives each producer the tokens that belong to it, and parses them.

    Args:
        sources: the producers.
        tokens: what `sidecar add` did not take for itself.
        reserved: names of options that it does take for itself.

    Raises:
        UsageError: a token belongs to no producer, or a value is of the wrong kind, or an option can never
            be given; the message names the producer.
    """
    kinds = [source.load() for source in sources]
    for source, kind in zip(sources, kinds, strict=True):
        if taken := [name for name in kind.Options.model_fields if name in reserved]:
            raise UsageError(
                f"producer {source.name}: its option {_flag(taken[0])} is one of sidecar add itself",
                path=source.file,
                remedy=f"call it e.g. {_flag(source.name + '_' + taken[0])}",
            )
    flags = [{_flag(name) for name in kind.Options.model_fields} for kind in kinds]
    groups = list(_groups(tokens))
    for group in groups:
        if not any(_flag(group[0]) in known for known in flags):
            names = ", ".join(source.name for source in sources) or "none chosen"
            options = " ".join(sorted(set().union(*flags))) or "no options"
            raise UsageError(
                f"unknown option {group[0]} (producers: {names})",
                remedy=f"they have {options}; choose a producer with --producer",
            )
    chosen = []
    for source, kind, known in zip(sources, kinds, flags, strict=True):
        mine = [token for group in groups if _flag(group[0]) in known for token in group]
        values = _parse(source, kind, mine).model_dump(mode="json")
        chosen.append(Chosen(source, values, source.digest()))
    return chosen


def help_text(source: Source) -> str:
    """What a producer does, where it comes from, and its options."""
    return f"producer {source.name} ({source.shown})\n{_page(_app(source, source.load()))}"


def command_help(function: Callable[..., Any]) -> str:
    """The help page of a verb, as the command line would show it."""
    return _page(App(default_command=function, help_flags=(), version_flags=(), usage="", default_parameter=_STYLE))


def summary_line(source: Source, width: int) -> str:
    """One line of `--list-producers`; says so where a producer does not import."""
    try:
        text = (source.load().__doc__ or "").strip().split("\n")[0]
    except UsageError as error:
        text = f"cannot be used: {error.message}"
    return f"{source.name:<{width}}  {text}  [{source.shown}]"


def _groups(tokens: Sequence[str]) -> Iterator[list[str]]:
    """Each flag with the values behind it. `-3` is a value, not a flag."""
    group: list[str] = []
    for token in tokens:
        if token.startswith("--") and len(token) > 2:
            if group:
                yield group
            group = [token]
        elif group:
            group.append(token)
        else:
            raise UsageError(
                f"unexpected argument {token!r}", remedy="sidecar add takes options only: --audio-root DIR"
            )
    if group:
        yield group


def _flag(token: str) -> str:
    return "--" + token.partition("=")[0].lstrip("-").replace("_", "-")


def _parse(source: Source, kind: type[Producer], tokens: Sequence[str]) -> BaseModel:
    try:
        parsed: BaseModel = _app(source, kind)(list(tokens))
        return parsed
    except CycloptsError as error:
        if not isinstance(error.__cause__, ValidationError):
            raise _of(source, " ".join(str(error).split()), error) from error
        first = error.__cause__.errors()[0]
        where = _flag(str(first["loc"][0])) if first["loc"] else "options"
        raise _of(source, f"{where} {first['input']!r}: {first['msg']}", error) from error


def _app(source: Source, kind: type[Producer]) -> App:
    app = App(
        name=source.name,
        help=(kind.__doc__ or "").strip(),
        usage="",
        help_flags=(),
        version_flags=(),
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
        default_parameter=_STYLE,
    )

    def parse(*, options: Any) -> BaseModel:
        return kind.Options() if options is None else options

    model = kind.Options
    parse.__annotations__ = {"options": Annotated[model | None, Parameter(name="*")], "return": model}
    parse.__kwdefaults__ = {"options": None}
    app.default(parse)
    return app


def _page(app: App) -> str:
    page = io.StringIO()
    app.help_print([], console=Console(file=page, width=100, highlight=False))
    return page.getvalue().rstrip()


def _of(source: Source, message: str, error: Exception) -> UsageError:
    remedy = error.remedy if isinstance(error, UsageError) else f"see --producer {source.name} --help"
    path = error.path if isinstance(error, UsageError) else None
    prefix = "" if message.startswith("producer ") else f"producer {source.name}: "
    return UsageError(prefix + message, path=path, remedy=remedy)
