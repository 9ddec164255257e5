"""`python -m simulators.partner`."""

import typer

from simulators.partner.cli import partner

if __name__ == "__main__":
    typer.run(partner)
