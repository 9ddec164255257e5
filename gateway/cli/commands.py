"""All commands, and the one way out for what goes wrong in them."""

import sys
from typing import Any, ClassVar

import typer

from gateway.cli.late import LateGroup
from gateway.cli.problem import Problem
from gateway.cli.text import one_line


class Commands(LateGroup):
    """The top of the command line, in the order in which a newcomer needs it."""

    late: ClassVar[dict[str, str]] = {
        "serve": "gateway.cli.serve:serve",
        "demo": "gateway.cli.demo:demo",
        "doctor": "gateway.cli.doctor:doctor",
        "check": "gateway.cli.check:check",
        "charge-point": "gateway.cli.charge_points:app",
        "location": "gateway.cli.locations:app",
        "tariff": "gateway.cli.tariffs:app",
        "party": "gateway.cli.parties:app",
        "partner": "gateway.cli.partners:app",
        "cdr": "gateway.cli.cdrs:app",
        "report": "gateway.cli.reports:app",
    }

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


@main.callback()
def gateway() -> None:
    """Has no options of its own; makes a group of what has only late commands."""
