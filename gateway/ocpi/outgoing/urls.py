"""How URLs of objects are put together."""

from urllib.parse import quote


def join(endpoint: str, *segments: str) -> str:
    """Append path segments to an endpoint, which may or may not end with a slash.

    Ids may hold any printable character, slashes included, so each is percent-encoded.
    """
    return "/".join((endpoint.rstrip("/"), *(quote(segment, safe="") for segment in segments)))
