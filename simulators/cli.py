"""`simulators`: charge points and roaming partners to try a gateway against."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

# Command to module and function, imported when called: neither side needs the other's libraries.
_COMMANDS = {
    "charge-point": ("simulators.charge_point.cli", "charge_point"),
    "fleet": ("simulators.charge_point.cli", "fleet"),
    "partner": ("simulators.partner.cli", "partner"),
}


class Commands(TyperGroup):
    """The commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the table."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; its module is imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module, function = _COMMANDS[cmd_name]
        app = typer.Typer(add_completion=False)
        app.command(cmd_name)(getattr(import_module(module), function))
        return typer.main.get_command(app)


main = typer.Typer(
    cls=Commands,
    help="Simulated charge points and roaming partners.",
    no_args_is_help=True,
    add_completion=False,
)


@main.callback()
def simulators() -> None:
    """Has no options of its own; makes a group of what has only late commands."""
