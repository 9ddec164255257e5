"""URLs that an operator gives for stations to fetch from or to put to (S21).

The station follows them, not the gateway; what is refused here is what no transfer needs: other
schemes, no host, or a host that is the station itself.
"""

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

KNOWN_SCHEMES = frozenset({"http", "https", "ftp", "ftps", "sftp"})
_HOST = re.compile(r"(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.?)+")
_LONGEST = 512  # FirmwareType.location, LogParametersType.remoteLocation


class RefusedUrl(ValueError):
    """The text says why."""


def checked(url: str, schemes: Collection[str]) -> str:
    """The URL, if a station may be sent there. Raises `RefusedUrl`."""
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise RefusedUrl(f"a URL has at most {_LONGEST} printable ASCII characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedUrl(f"no URL: {error}") from None
    if parts.scheme not in schemes:
        raise RefusedUrl(f"the scheme is none of {', '.join(sorted(schemes))}")
    if not host:
        raise RefusedUrl("there is no host")
    _check_host(host)
    return url


def _check_host(host: str) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost") or not _HOST.fullmatch(host):
            raise RefusedUrl(f"no host that a station can reach: {host}") from None
        return
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        raise RefusedUrl(f"no host that a station can reach: {host}")
    if address.is_link_local:
        raise RefusedUrl("a link-local address means another machine to every station")
