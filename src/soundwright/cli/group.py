"""What all groups of verbs have in common."""

from cyclopts import App, Parameter

#: A list option takes all values up to the next option, and a switch has no --no- twin.
PARAMETERS = Parameter(consume_multiple=True, negative=())


def group(name: str, help: str) -> App:
    """A group of verbs below the root command."""
    return App(name=name, help=help, default_parameter=PARAMETERS)


def tell_all(app: App) -> None:
    """Lets a verb's page show its function's whole docstring.

    The list of verbs shows a line for each, given where the verb is registered, so that no verb's module need be
    imported for it. On the verb's own page that line would take the docstring's place.
    """
    if getattr(app.default_command, "__module__", "").startswith("soundwright."):
        app.help = None
