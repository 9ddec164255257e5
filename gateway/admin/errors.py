"""What the operator's API refuses, each with its HTTP status and a code for programs.

Handlers raise; the one JSON shape is made in `pipeline`.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar


class ApiError(Exception):
    """The root; `details` are for a person, one line each."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)


class BadRequest(ApiError):
    """The request cannot be read: no JSON, or a query parameter that makes no sense."""

    status, code = 400, "bad_request"


class Unauthorized(ApiError):
    """The operator token is missing or wrong."""

    status, code = 401, "unauthorized"


class CrossSite(ApiError):
    """Another site's page sent this, or it was sent to a name that is not ours (S13)."""

    status, code = 403, "cross_site"


class NotFound(ApiError):
    """There is no such thing."""

    status, code = 404, "not_found"


class MethodNotAllowed(ApiError):
    """The path exists, with other methods."""

    status, code = 405, "method_not_allowed"

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__("This path has other methods", sorted(allowed))


class InTheWay(ApiError):
    """The thing is not in the state that the call needs."""

    status, code = 409, "conflict"


class BodyTooLarge(ApiError):
    """More than the body cap."""

    status, code = 413, "body_too_large"


class Invalid(ApiError):
    """The body is JSON but breaks what it should be; nothing was done."""

    status, code = 422, "invalid"


class Overdue(ApiError):
    """The call took longer than it may."""

    status, code = 503, "overdue"


class PartnerFailed(ApiError):
    """A partner did not do its part."""

    status, code = 502, "partner_failed"


class Unavailable(ApiError):
    """The store does not answer; try again."""

    status, code = 503, "unavailable"


class NoAnswer(ApiError):
    """The charge point did not answer in time."""

    status, code = 504, "no_answer"


class InsufficientStorage(ApiError):
    """There is no room on the disk."""

    status, code = 507, "no_room"


def phrase(status: int) -> str:
    """The standard's words for a status."""
    return HTTPStatus(status).phrase
