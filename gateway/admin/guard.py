"""Who may call: the bearer token, and no other site's pages (S13).

The dashboard keeps the token in the page, never in a cookie, so a browser adds nothing to a
cross-site request by itself. These checks stand behind that, and in front of what needs no token.
"""

import hmac
from urllib.parse import urlsplit

from multidict import CIMultiDictProxy

from gateway.admin.errors import CrossSite, Unauthorized

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound

Headers = CIMultiDictProxy[str]


def allowed_hosts(bound: str) -> frozenset[str] | None:
    """The names that a listener bound to `bound` is called by; None: any.

    On loopback a foreign name in Host is DNS rebinding. Bound to the network, the names are the
    administrator's business.
    """
    if bound in _LOOPBACK:
        return _LOOPBACK
    return None if bound in _ANY else _LOOPBACK | {bound.lower()}


def refuse_cross_site(headers: Headers, hosts: frozenset[str] | None) -> None:
    """Raise `CrossSite` unless our own pages, the address bar or a program sent this."""
    host = headers.get("Host", "")
    if hosts is not None and _name(host) not in hosts:
        raise CrossSite("This listener is not called by that name")
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise CrossSite("Requests from other sites are refused; open this address directly")
    origin = headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        raise CrossSite("Requests from other origins are refused")


def require_token(headers: Headers, token: str) -> None:
    """Raise `Unauthorized` unless the bearer token is the operator's, in constant time."""
    scheme, _, presented = headers.get("Authorization", "").partition(" ")
    presented = presented.strip()
    same = hmac.compare_digest(presented.encode(errors="replace"), token.encode())
    if scheme.lower() != "bearer" or not same:
        raise Unauthorized("The operator token is missing or wrong")


def _name(host: str) -> str:
    """The host without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
