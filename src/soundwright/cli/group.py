"""What all groups of verbs have in common."""

from cyclopts import App, Parameter

#: A list option takes all values up to the next option, and a switch has no --no- twin.
PARAMETERS = Parameter(consume_multiple=True, negative=())


def group(name: str, help: str) -> App:
    """A group of verbs below the root command."""
    return App(name=name, help=help, default_parameter=PARAMETERS)
