"""What a partner who reads the standard to the letter holds against a message."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from simulators.partner.exact_json import dumps

EVIDENCE_LIMIT = 300

_NUMBER = re.compile(r"^\d+(\.\d+)+ ")


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one clause.

    A violation breaks a SHALL, a type or a sum; advice breaks a SHOULD or looks wrong. Only a
    violation that `refuses` turns the answer into an error.
    """

    clause: str
    what: str
    where: str = ""
    evidence: str = ""
    severity: Literal["violation", "advice"] = "violation"
    refuses: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def violation(
    clause: str, what: str, where: str = "", evidence: Any = None, *, refuses: bool = True
) -> Finding:
    return Finding(clause, what, where, shorten(evidence), "violation", refuses)


def advice(clause: str, what: str, where: str = "", evidence: Any = None) -> Finding:
    return Finding(clause, what, where, shorten(evidence), "advice", False)


def refusing(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.refuses]


def below(path: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """What was found in a part of an object, as found in the object."""
    for found in findings:
        yield replace(found, where=f"{path}.{found.where}" if found.where else path)


def cite(number: str, findings: Iterable[Finding]) -> list[Finding]:
    """The findings as breaches of version `number`: what a version leaves unchanged is read by the
    same rule, which names the clause of the version that it was written for."""
    return [
        replace(found, clause=_NUMBER.sub(f"{number} ", found.clause, count=1))
        for found in findings
    ]


def shorten(evidence: Any) -> str:
    """The evidence as text of bounded length, numbers as they stood on the wire."""
    if evidence is None:
        return ""
    if isinstance(evidence, str):
        text = evidence
    else:
        try:
            text = dumps(evidence).decode()
        except (TypeError, ValueError, OverflowError):
            text = repr(evidence)
    return text if len(text) <= EVIDENCE_LIMIT else text[:EVIDENCE_LIMIT] + "…"
