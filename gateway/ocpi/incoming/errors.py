"""What a request can be refused with: every error carries its HTTP and its OCPI status.

"To such a request, an HTTP error status code MUST NOT be returned" once it is authenticated,
valid JSON and addresses an existing resource (2.2.1 status_codes): the default is HTTP 200.
"""

from collections.abc import Mapping


class OcpiError(Exception):
    """2000 Generic client error; the text goes to the client, so it names no secret."""

    http_status = 200
    status_code = 2000
    headers: Mapping[str, str] = {}

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidBody(OcpiError):
    """ "When a message does not contain a valid JSON string, the HTTP error 400"."""

    http_status = 400
    status_code = 2001


class BodyTooLarge(OcpiError):
    """The body is longer than this server reads."""

    http_status = 413
    status_code = 2001


class Unauthorized(OcpiError):
    """No, or an unknown, credentials token; or token A outside versions and credentials."""

    http_status = 401


class UnknownResource(OcpiError):
    """The URL addresses nothing that exists, or nothing that this client may see."""

    http_status = 404


class UnknownFeature(UnknownResource):
    """ "an HTTP status of 404 and an OCPI status code of 2001" (mod_sessions 9.4.1)."""

    status_code = 2001


class UnknownPath(UnknownResource):
    """No module of ours has such a URL."""


class MethodNotAllowed(OcpiError):
    """The URL exists, the method does not, or not in this state of the registration."""

    http_status = 405

    def __init__(self, message: str, allowed: str | None = None) -> None:
        super().__init__(message)
        if allowed is not None:
            self.headers = {"Allow": allowed}


class InvalidParameters(OcpiError):
    """2001 Invalid or missing parameters."""

    status_code = 2001


class LocationNotFound(OcpiError):
    """2003 Unknown Location, in a body: the resource addressed is the command."""

    status_code = 2003


class UnknownLocationResource(UnknownResource):
    """2003 Unknown Location, addressed by the URL of a GET."""

    status_code = 2003


class TokenNotFound(OcpiError):
    """2004 Unknown Token, in anything but a GET."""

    status_code = 2004


class UnknownTokenResource(UnknownResource):
    """2004 Unknown Token, addressed by the URL of a GET."""

    status_code = 2004


class ServerError(OcpiError):
    """3000 Generic server error; what happened is in the log only."""

    http_status = 500
    status_code = 3000


class TemporarilyUnavailable(ServerError):
    """The store is away: nothing was, or nothing is known to have been, done."""

    http_status = 503


class ClientApiUnusable(OcpiError):
    """3001 Unable to use the client's API."""

    status_code = 3001


class UnsupportedVersion(OcpiError):
    """3002 Unsupported version."""

    status_code = 3002


class NoMatchingEndpoints(OcpiError):
    """3003 No matching endpoints or expected endpoints missing between parties."""

    status_code = 3003
