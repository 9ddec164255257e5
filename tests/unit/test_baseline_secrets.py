"""No password becomes part of a baseline: it would be kept and shown in the clear."""

import pytest

from gateway.admin.errors import Invalid
from gateway.admin.resources.provisioning import _check_no_secrets


@pytest.mark.parametrize("name", ["AuthorizationKey", "SecurityCtrlr.BasicAuthPassword"])
def test_a_password_is_no_wanted_setting(name: str) -> None:
    """security-and-faults row 7: A01.FR.06 to .09."""
    with pytest.raises(Invalid):
        _check_no_secrets({"HeartbeatInterval": "300", name: "c4n4ry-of-16-chars"})


def test_a_station_may_be_told_to_leave_its_password_alone() -> None:
    _check_no_secrets({"HeartbeatInterval": "300", "AuthorizationKey": None})
