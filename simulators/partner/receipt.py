"""What becomes of a received object, and by which status code of OCPI its sender is told."""

from dataclasses import dataclass, field

from simulators.partner.exact_json import Json
from simulators.partner.finding import Finding

OK = 1000
INVALID_PARAMETERS = 2001
UNKNOWN_LOCATION = 2003


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one received object."""

    findings: list[Finding] = field(default_factory=list)
    created: bool = False
    missing: bool = False
    status_code: int = OK
    stored: Json | None = None

    @property
    def accepted(self) -> bool:
        return self.status_code == OK


def refused(findings: list[Finding]) -> Receipt:
    return Receipt(findings, status_code=INVALID_PARAMETERS)


def missing(status_code: int) -> Receipt:
    return Receipt(missing=True, status_code=status_code)
