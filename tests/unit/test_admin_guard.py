"""Who may call the operator's listener (security-and-faults S13)."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.admin.errors import CrossSite, Unauthorized
from gateway.admin.guard import allowed_hosts, refuse_cross_site, require_token


def headers(**given: str) -> CIMultiDictProxy[str]:
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return CIMultiDictProxy(CIMultiDict(named))


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"])
def test_on_loopback_loopback_names_are_ours(host: str) -> None:
    refuse_cross_site(headers(Host=host), allowed_hosts("127.0.0.1"))


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "[", "169.254.169.254"]
)
def test_on_loopback_every_other_name_is_rebinding(host: str) -> None:
    with pytest.raises(CrossSite):
        refuse_cross_site(headers(Host=host), allowed_hosts("127.0.0.1"))


def test_on_the_network_the_names_are_the_administrators_business() -> None:
    assert allowed_hosts("0.0.0.0") is None
    refuse_cross_site(headers(Host="gateway.internal"), None)
    refuse_cross_site(headers(Host="ops.internal:8080"), allowed_hosts("ops.internal"))


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:8081", "http://evil@localhost"]
)
def test_another_origin_is_refused(origin: str) -> None:
    with pytest.raises(CrossSite):
        refuse_cross_site(headers(Host="localhost:8080", Origin=origin), None)


def test_the_token_is_compared_whole() -> None:
    require_token(headers(Authorization="Bearer secret"), "secret")
    require_token(headers(Authorization="bearer secret"), "secret")
    for wrong in ("Bearer secre", "Bearer secrets", "Bearer ", "Basic secret", "secret", ""):
        with pytest.raises(Unauthorized):
            require_token(headers(Authorization=wrong), "secret")
