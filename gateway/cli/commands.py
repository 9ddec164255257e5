"""All commands, and the one way out for what goes wrong in them."""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from gateway.cli import (
    cdrs,
    charge_points,
    check,
    locations,
    parties,
    partners,
    serve,
    tariffs,
)
from gateway.cli.problem import Problem
from gateway.cli.text import one_line

# Name to module and function: loaded only when called, for what they import.
_LATE = {
    "demo": ("gateway.cli.demo", "demo"),
    "doctor": ("gateway.cli.doctor", "doctor"),
}


class Commands(TyperGroup):
    """The top of the command line."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which a newcomer needs them."""
        return ["serve", *_LATE, *(name for name in super().list_commands(ctx) if name != "serve")]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; those that load much are imported now."""
        if cmd_name not in _LATE:
            return super().get_command(ctx, cmd_name)
        module, function = _LATE[cmd_name]
        app = typer.Typer(add_completion=False)
        app.command(cmd_name)(getattr(import_module(module), function))
        return typer.main.get_command(app)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a problem ends it with one line and exit status 1."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            print(f"error: {one_line(str(problem))}", file=sys.stderr)
            raise typer.Exit(1) from None


main = typer.Typer(
    cls=Commands,
    help="Puts charge points (OCPP) on roaming networks (OCPI).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
main.command("serve")(serve.serve)
main.command("check")(check.check)
main.add_typer(charge_points.app, name="charge-point")
main.add_typer(locations.app, name="location")
main.add_typer(tariffs.app, name="tariff")
main.add_typer(parties.app, name="party")
main.add_typer(partners.app, name="partner")
main.add_typer(cdrs.app, name="cdr")
