"""The standard's own tables, and bodies held against them.

`tables.json` holds, for 2.1.1, 2.2.1 and 2.3.0 (core and payments), the object tables of the
standard: field, type, length, cardinality and the values of every enum. They were taken by a script
from the standard's text, not from memory and apart from the gateway's own models, so that our own
tests can judge with them what the gateway sends. On top stand the rules that the standard states
in words (`words`), each with its clause.

They judge a sender, so they are strict where a receiver must be lenient: unknown fields and
unknown values of a closed enum are errors. Values of an OpenEnum (2.3.0) may be new, but not a
known value in another spelling. 2.1.1 texts are ASCII and its times have no fractions; an
`evse_id` has the form CC*OOO*E... Of the standard's own 163 examples 21 fail, each by a mistake of
the example.

Source: github.com/ocpi/ocpi, branches `release-2.1.1-bugfixes` (28ea453), `release-2.2.1-bugfixes`
(ca8c04c), `2.3.0/release/core` (3979887) and `2.3.0/release/payments` (774e23a). That text is under
CC BY-ND 4.0; the tables hold facts of the protocol and none of its prose.

Where the tables depart from the text: both members of the 2.1.1 Hours ("Choice: one of two") are
optional, and a rule asks for one of them; lengths are all written `(n)`; VersionDetails and
Response, which have no name in the text, have one; `Tariff.preauthorize_amount` is in the payments
branch alone; TerminalActivation is a Terminal whose `terminal_id` may be missing (mod_payments).
"""

import json
from functools import cache
from pathlib import Path
from typing import Final

from gateway.ocpi.conformance.standard.plain_types import Body, called
from gateway.ocpi.conformance.standard.reader import Reader

VERSIONS: Final = ("2.1.1", "2.2.1", "2.3.0")
_TABLES: Final = Path(__file__).with_name("tables.json")


def errors(
    version: str, kind: str, body: object, *, partial: bool = False, extra: bool = False
) -> list[str]:
    """All that is wrong with `body`, a parsed JSON value, as an OCPI object of this kind.

    `kind` is the standard's name of an object, class or enum, or `Kind[]` for a list of them.
    `partial`: the body of a PATCH; absent fields are no error then, `last_updated` excepted where
    the standard asks for it. `extra`: fields that the standard does not know are no error.
    """
    reader = Reader(version, _tables()[version], extra=extra)
    if kind.endswith("[]"):
        if not isinstance(body, list):
            return [f"$: {called(body)} where a list of {kind[:-2]} is due"]
        found: list[str] = []
        for at, item in enumerate(body):
            found.extend(reader.value(kind[:-2], item, f"$[{at}]"))
        return found
    if partial:
        return list(reader.patch(kind, body))
    return list(reader.value(kind, body, "$"))


def response_errors(
    version: str, kind: str | None, body: object, *, extra: bool = False
) -> list[str]:
    """All that is wrong with a response: the standard's envelope, and its data of this kind.

    None for a response without data, which is every error too.
    """
    found = errors(version, "Response", body, extra=extra)
    if found or not isinstance(body, dict):
        return found
    if kind is None or body["status_code"] >= 2000:
        return ["$.data: not due"] if body.get("data") is not None else []
    return [f"data{broken[1:]}" for broken in errors(version, kind, body.get("data"), extra=extra)]


def kinds(version: str) -> list[str]:
    """The names of the objects and classes that `errors` knows in this version."""
    return sorted(_tables()[version]["objects"])


@cache
def _tables() -> dict[str, Body]:
    found: dict[str, Body] = json.loads(_TABLES.read_text(encoding="utf-8"))
    return found
