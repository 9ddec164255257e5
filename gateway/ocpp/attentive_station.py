"""A station that notices when it is told new credentials, by whomever.

The API's own calls, raw calls of the operator and routines all come through here, so what the
registry accepts and what the station was told cannot part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.credentials import CredentialChange, Verdict
from gateway.ocpp.dialect import Line, Payload
from gateway.ocpp.station import LinkedStation
from gateway.ocpp.v16 import credentials as v16
from gateway.ocpp.v201 import credentials as v201
from gateway.services.ports import CallError, CallResult, CallTimeout, InvalidCall, NotConnected
from gateway.services.security.credentials import Begun, Credentials


@dataclass(frozen=True, slots=True)
class _Reader:
    """How a version says such changes, and how its answers are read."""

    changes: Callable[[str, Payload], list[CredentialChange]]
    verdicts: Callable[[Payload, Payload], list[Verdict]]


_V2 = _Reader(v201.changes, v201.verdicts)
_READERS: Mapping[str, _Reader] = {
    "ocpp1.6": _Reader(v16.changes, v16.verdicts),
    "ocpp2.0.1": _V2,
    "ocpp2.1": _V2,
}


class AttentiveStation(LinkedStation):
    """A live link of any version, with an eye on credentials."""

    def __init__(self, link: Line, credentials: Credentials) -> None:
        super().__init__(link)
        self._identity = link.identity
        self._credentials = credentials
        self._reader = _READERS[self.protocol]

    async def call(
        self, action: str, payload: dict[str, Any], timeout: float
    ) -> CallResult | CallError:
        """Send a CALL; see `LinkedStation`. Raises `Withheld` if it would break the registry."""
        changes = self._reader.changes(action, payload)
        if not changes:
            return await super().call(action, payload, timeout)
        begun: list[Begun | None] = []
        try:
            for change in changes:
                begun.append(await self._credentials.begin(self._identity, change))
            answer = await super().call(action, payload, timeout)
        except CallTimeout:
            raise  # it may have come through: both stay valid until the next login
        except (InvalidCall, NotConnected):
            await self._settle(begun, [])
            raise
        verdicts = (
            self._reader.verdicts(payload, answer.payload) if isinstance(answer, CallResult) else []
        )
        await self._settle(begun, verdicts)
        return answer

    async def _settle(self, begun: list[Begun | None], verdicts: list[Verdict]) -> None:
        """A change without a verdict of its own was not taken."""
        for number, one in enumerate(begun):
            if one is not None:
                verdict = verdicts[number] if number < len(verdicts) else Verdict.REFUSED
                await self._credentials.settle(one, verdict)
