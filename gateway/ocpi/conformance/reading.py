"""One platform as it is read: requests with the right headers, answers with their envelope."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from gateway import exact_json
from gateway.domain.party import Party
from gateway.ocpi.outgoing.client import Routing, authorization
from gateway.ocpi.outgoing.safe_http import HttpAnswer, HttpFailure, SafeHttp
from gateway.ocpi.versions import BY_NUMBER

_SECONDS = 20.0
# who has the objects of a Sender's list
_OWNERS = {"tokens": "EMSP"}


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer: `envelope` is None where the body is not an OCPI response object."""

    url: str
    status: int
    headers: Mapping[str, str]
    envelope: dict[str, Any] | None
    sent: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def code(self) -> int | None:
        """The OCPI status code."""
        code = self.envelope.get("status_code") if self.envelope else None
        return code if isinstance(code, int) else None

    @property
    def data(self) -> Any:
        """The data of the envelope."""
        return self.envelope.get("data") if self.envelope else None

    @property
    def done(self) -> bool:
        """Whether the request succeeded."""
        return 200 <= self.status < 300 and self.code is not None and self.code < 2000

    @property
    def one(self) -> Any:
        """The data where one object is due: some send it in an array."""
        wrapped = isinstance(self.data, list) and len(self.data) == 1
        return self.data[0] if wrapped else self.data

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of a list."""
        return dicts(self.data) if self.done else []

    def told(self) -> str:
        """The request and its answer, in a line."""
        message = self.envelope.get("status_message") if self.envelope else "no OCPI envelope"
        return f"GET {self.url}: HTTP {self.status}, OCPI {self.code}, {message}"


@dataclass(slots=True)
class Listed:
    """A Sender's list: `whole` if `objects` are all of it. `url` has the filters that it needs."""

    module: str
    url: str
    objects: list[dict[str, Any]] = field(default_factory=list)
    whole: bool = False

    def key(self, one: dict[str, Any]) -> str:
        """What tells an object from the others."""
        names = ("country_code", "party_id", "type", "role", "uid", "id")
        return "/".join(str(one[name]).upper() for name in names if name in one)


class Silent(Exception):
    """The platform did not answer; the text says why."""


class Reading:
    """Requests to one platform with one token, in one version once that is known."""

    def __init__(self, http: SafeHttp, token: str) -> None:
        self._http = http
        self._token = token
        self.version: str | None = None
        self.raw_token = False
        self.endpoints: dict[tuple[str, str], str] = {}
        self.own: Party | None = None
        self.redirected: list[str] = []
        self.roles: list[tuple[str, Party]] = []
        self.hub: Party | None = None

    def endpoint(self, module: str, role: str) -> str | None:
        """The URL of a module; versions without roles have one of each."""
        return self.endpoints.get((module, role)) or self.endpoints.get((module, ""))

    def is_our_token(self, token: str) -> bool:
        """Whether this is the token that is used here."""
        return token == self._token

    def theirs(self, module: str) -> Party | None:
        """Whom a request to a Sender is for; at a hub itself: GET All via Hubs (TF)."""
        if self.hub is not None:
            return self.hub
        wanted = _OWNERS.get(module, "CPO")
        named = [party for role, party in self.roles if role == wanted]
        return next(iter(named + [party for _, party in self.roles]), None)

    @property
    def has_routing(self) -> bool:
        """Whether messages of this version carry OCPI-to and OCPI-from."""
        return self.version is not None and BY_NUMBER[self.version].has_routing

    async def get(
        self,
        url: str,
        *,
        token: str | None = None,
        anonymous: bool = False,
        raw: bool | None = None,
        to: str | None = None,
        one: bool = False,
    ) -> Seen:
        """One GET; `to` is the module it is for, `one` of a single object. Raises `Silent`."""
        headers = {
            "Accept": "application/json",
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": str(uuid.uuid4()),
        }
        if not anonymous:
            as_it_is = self.raw_token if raw is None else raw
            headers["Authorization"] = authorization(token or self._token, raw=as_it_is)
        headers |= self._routing(to, one)
        answer = await self._request(url, headers)
        slashed = _slashed(url, answer)
        if slashed is not None:
            self.redirected.append(f"{url} -> {answer.status} {answer.headers['Location']}")
            url, answer = slashed, await self._request(slashed, headers)
        return Seen(url, answer.status, answer.headers, _envelope(answer), headers)

    async def _request(self, url: str, headers: dict[str, str]) -> HttpAnswer:
        try:
            return await self._http.request("GET", url, headers=headers, timeout=_SECONDS)
        except HttpFailure as failure:
            raise Silent(f"GET {url}: {failure}") from None

    def _routing(self, module: str | None, one: bool) -> dict[str, str]:
        """None for configuration modules, hubclientinfo among them (TF, Message routing).

        At a hub whose an object is need not be known: an Open Routing Request leaves OCPI-to out.
        """
        theirs = self.theirs(module) if module not in (None, "hubclientinfo") else None
        if not self.has_routing or self.own is None or theirs is None:
            return {}
        headers = Routing(from_party=self.own, to_party=theirs).headers()
        is_open = one and self.hub is not None
        return {name: text for name, text in headers.items() if not is_open or "from" in name}


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects in a JSON array; nothing of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _slashed(url: str, answer: HttpAnswer) -> str | None:
    """The same URL with a slash, if that is where it redirects; no other redirect is followed."""
    if answer.status not in (301, 302, 307, 308):
        return None
    path, mark, query = url.partition("?")
    slashed = f"{path}/{mark}{query}"
    target = URL(url).join(URL(answer.headers.get("Location", "")))
    return slashed if target == URL(slashed) else None


def _envelope(answer: HttpAnswer) -> dict[str, Any] | None:
    try:
        body = exact_json.loads(answer.body)
    except exact_json.InvalidJSON:
        return None
    return body if isinstance(body, dict) and "status_code" in body else None
