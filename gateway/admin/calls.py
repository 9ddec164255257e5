"""One request as the handlers get it, what they answer, and a line of the route table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from gateway.admin.errors import BadRequest, Invalid
from gateway.domain.timestamps import from_text

_MAX_LIMIT = 10_000
_MAX_OFFSET = 10_000_000

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that is asked for; `limit` None: all of it."""

    offset: int
    limit: int | None

    @property
    def end(self) -> int | None:
        """The first index that is not asked for."""
        return None if self.limit is None else self.offset + self.limit


@dataclass(frozen=True, slots=True)
class Call:
    """Path segments are percent-decoded; the body is decoded JSON, None where there is none."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    accept: str = ""

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises `Invalid`."""
        if not isinstance(self.body, dict):
            raise Invalid("The body is not a JSON object")
        return self.body

    def members(self, model: type[BaseModel], *also: str) -> dict[str, Any]:
        """The body as an object with no other members than the model's; values are not looked at.

        Raises `Invalid`.
        """
        body = self.object()
        unknown = sorted(body.keys() - model.model_fields.keys() - set(also))
        if unknown:
            raise Invalid("The body does not fit", [f"{name}: is not known" for name in unknown])
        return body

    def read(self, model: type[Model]) -> Model:
        """The body as `model`. Raises `Invalid` with every fault found."""
        try:
            return model.model_validate(self.object())
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            raise Invalid("The body does not fit", faults) from None

    def flag(self, name: str) -> bool | None:
        """A query parameter that is true or false; None when absent."""
        value = self.query.get(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false"):
            raise BadRequest(f"{name} is neither true nor false")
        return value.lower() == "true"

    def integer(self, name: str, lowest: int, highest: int) -> int | None:
        """A whole number within bounds; None when absent."""
        value = self.query.get(name)
        if value is None:
            return None
        if not value.isascii() or not value.isdecimal() or len(value) > 9:
            raise BadRequest(f"{name} is no whole number")
        if not lowest <= int(value) <= highest:
            raise BadRequest(f"{name} is not between {lowest} and {highest}")
        return int(value)

    def moment(self, name: str) -> datetime | None:
        """An RFC 3339 time; None when absent."""
        value = self.query.get(name)
        try:
            return None if value is None else from_text(value)
        except ValueError:
            raise BadRequest(f"{name} is no RFC 3339 time") from None

    def window(self, default_limit: int | None) -> Window:
        """The query's `offset` and `limit`."""
        limit = self.integer("limit", 0, _MAX_LIMIT)
        return Window(
            self.integer("offset", 0, _MAX_OFFSET) or 0, default_limit if limit is None else limit
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is anything that JSON can hold, or text as it is when `content_type` says so."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


NO_CONTENT = Answer(status=204)


def listed(items: list[Any], total: int | None) -> Answer:
    """A list; the header tells how many there are in all, where that is known."""
    return Answer(items, headers={} if total is None else {"X-Total-Count": str(total)})


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter, for the description."""

    name: str
    description: str
    type: str = "string"


PAGING = (
    Query("offset", "how many to leave out", "integer"),
    Query("limit", f"how many at most, up to {_MAX_LIMIT}", "integer"),
)
PARTY = Query("party", "one of our parties, as NL*ABC; default: see the call")
DATES = (
    Query("date_from", "RFC 3339, inclusive, by last update"),
    Query("date_to", "RFC 3339, exclusive, by last update"),
)

Handler = Callable[[Call], Awaitable[Answer]]
Stream = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path below `/api/v1`.

    Exactly one of `handler` and `stream` is set. `answers` names the statuses beyond those that
    every call may give (400, 401, 403, 503). `timeout` is in seconds.
    """

    method: str
    path: str
    summary: str
    handler: Handler | None = None
    stream: Stream | None = None
    body: type[BaseModel] | None = None
    example: Any = None
    query: tuple[Query, ...] = ()
    answers: Mapping[int, str] = field(default_factory=lambda: {200: "as described"})
    timeout: float = 30.0

    @property
    def pattern(self) -> str:
        """For aiohttp: a segment is anything without a slash, braces included."""
        return self.path.replace("}", ":[^/]+}")
