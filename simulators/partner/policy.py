"""How real-time authorizations are answered."""

from dataclasses import asdict, dataclass, field
from typing import Any

from simulators.partner.exact_json import Json
from simulators.partner.v2_2_1.tokens import ALLOWED_TYPES
from simulators.partner.wallet import TokenKey, token_key

MAX_DELAY = 600.0


@dataclass(frozen=True, slots=True)
class Authorization:
    """How a real-time authorization is to be answered."""

    allowed: str = "ALLOWED"
    authorization_reference: str | None = "auto"
    """"auto": a fresh one each time"""
    delay: float = 0.0
    location_required: bool = False
    info: str | None = None

    def __post_init__(self) -> None:
        if self.allowed not in ALLOWED_TYPES:
            raise ValueError(f"allowed is one of {', '.join(ALLOWED_TYPES)}")
        if not 0 <= self.delay <= MAX_DELAY:
            raise ValueError(f"delay is between 0 and {MAX_DELAY:.0f} seconds")


@dataclass(slots=True)
class Policy:
    default: Authorization = field(default_factory=Authorization)
    by_token: dict[TokenKey, Authorization] = field(default_factory=dict)

    def for_token(self, token: Json) -> Authorization:
        own = self.by_token.get(token_key(token["uid"], token["type"]))
        if own is not None:
            return own
        if not token["valid"] and self.default.allowed == "ALLOWED":
            return Authorization("BLOCKED", None, self.default.delay)
        return self.default

    def as_json(self) -> Json:
        return {
            "default": asdict(self.default),
            "by_token": [
                {"uid": uid, "type": token_type, **asdict(answer)}
                for (uid, token_type), answer in self.by_token.items()
            ],
        }


def settings(fields: Any) -> Authorization:
    """From the control API's JSON; raises ValueError or TypeError."""
    if not isinstance(fields, dict):
        raise TypeError("a JSON object is expected")
    known = {name: fields[name] for name in Authorization.__dataclass_fields__ if name in fields}
    if "delay" in known:
        known["delay"] = float(known["delay"])
    return Authorization(**known)
