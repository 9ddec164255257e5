"""Where a store is, as it may be logged."""

import pytest

from gateway.store.server import location


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@db.example:6380/2", "redis://db.example:6380/2"),
        ("rediss://:secret@[::1]?ssl_cert_reqs=none", "rediss://[::1]:6379"),
        ("unix://user:secret@/run/valkey.sock?db=1&password=secret", "unix:///run/valkey.sock"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert location(url) == shown
