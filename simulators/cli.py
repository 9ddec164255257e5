"""`simulators`: charge points and roaming partners to try a gateway against."""

import typer

from simulators.charge_point.cli import charge_point, fleet
from simulators.partner.cli import partner

main = typer.Typer(
    help="Simulated charge points and roaming partners.",
    no_args_is_help=True,
    add_completion=False,
)
main.command("charge-point")(charge_point)
main.command("fleet")(fleet)
main.command("partner")(partner)
