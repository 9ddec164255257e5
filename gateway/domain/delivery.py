"""What is owed to partners: references to objects that changed, and how a delivery ended."""

from dataclasses import dataclass
from enum import StrEnum


class ObjectKind(StrEnum):
    """The kinds of object that the CPO role pushes."""

    LOCATION = "location"
    EVSE = "evse"
    SESSION = "session"
    CDR = "cdr"
    TARIFF = "tariff"
    INVOICE = "invoice"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object of one party; `sub_id` is the EVSE's uid when `kind` is EVSE, else empty."""

    kind: ObjectKind
    id: str
    sub_id: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.kind.value, self.id, self.sub_id)))

    @classmethod
    def parse(cls, text: str) -> "ObjectRef":
        """Read the text form; EVSE uids may contain slashes, OCPI location ids must not."""
        kind, _, rest = text.partition("/")
        if kind == ObjectKind.EVSE:
            id_, _, sub_id = rest.partition("/")
            return cls(ObjectKind.EVSE, id_, sub_id)
        return cls(ObjectKind(kind), rest)


class VerdictKind(StrEnum):
    """The three things that can happen to a push, and two that need more than waiting."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # this object, for good: the partner has spoken; others go on
    UNREACHABLE = "unreachable"  # the partner is down: back off, keep owing
    UNAUTHORIZED = "unauthorized"  # 401: suspend, tell the operator
    NOT_WANTED = "not wanted"  # the partner has no such endpoint, or the object is gone


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one delivery ended. `retry_after` is in seconds, from a 429 or 503 answer.

    `beyond_hub`: unreachable is not the partner, a hub, but the party behind it.
    """

    kind: VerdictKind
    detail: str = ""
    retry_after: float | None = None
    beyond_hub: bool = False
