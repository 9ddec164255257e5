"""`gateway partner check`: reads a partner's platform and says which rules of OCPI it keeps."""

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from gateway.cli.output import Json, print_json, print_line, print_table
from gateway.cli.problem import Problem
from gateway.domain.party import Party
from gateway.ocpi.conformance import Finding, Report, Verdict, check
from gateway.ocpi.conformance.access import NoAccess
from gateway.ocpi.conformance.reading import Silent
from gateway.ocpi.outgoing.safe_http import SafeHttp

_ORDER = (Verdict.BROKEN, Verdict.ADVICE, Verdict.UNSEEN, Verdict.KEPT)


def partner_check(
    versions_url: Annotated[str, typer.Argument(help="The platform's versions endpoint.")],
    token: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            envvar="GATEWAY_PARTNER_TOKEN",
            help="A credentials token of that platform; asked for when not given.",
        ),
    ],
    version: Annotated[
        str | None, typer.Option(help="The version to read; default: the best.")
    ] = None,
    party: Annotated[
        str | None,
        typer.Option(help="Whom the token was given to, as NL*ABC: sends routing headers."),
    ] = None,
    lab: Annotated[
        bool, typer.Option("--lab", help="The platform may be at http, loopback or private URLs.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show the rules that are kept, too.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Read an OCPI platform as a partner would, and say which rules it keeps. Only GETs are sent.

    Exit status 1 when a rule is broken.
    """
    try:
        own = None if party is None else Party.parse(party)
        report = asyncio.run(_read(versions_url, token, version, own, lab))
    except ValueError as error:
        raise Problem(str(error)) from None
    except (NoAccess, Silent) as error:
        raise Problem(f"the platform cannot be read: {error}") from None
    if json_output:
        print_json(asdict(report))
    else:
        _show(report, everything=everything)
    if report.broken:
        raise typer.Exit(1)


async def _read(
    versions_url: str, token: str, version: str | None, party: Party | None, lab: bool
) -> Report:
    http = SafeHttp(allow_private_hosts=lab)
    try:
        return await check(http, versions_url, token, version=version, party=party)
    finally:
        await http.close()


def _rows(finding: Finding) -> tuple[tuple[str, str], ...]:
    times = f" ({finding.times} times)" if finding.times > 1 else ""
    return (
        (finding.verdict, f"{finding.where}: {finding.rule}{times}"),
        ("", finding.clause),
        ("", finding.evidence),
    )


def _show(report: Report, *, everything: bool) -> None:
    print_line(f"versions: {', '.join(report.versions)}; read: {report.version}")
    found = sorted(report.findings, key=lambda one: (_ORDER.index(one.verdict), one.where))
    shown = [one for one in found if everything or one.verdict is not Verdict.KEPT]
    print_table((), (row for one in shown for row in _rows(one)))
    counts = Counter(one.verdict for one in report.findings)
    print_line(", ".join(f"{verdict}: {counts[verdict]}" for verdict in Verdict))
