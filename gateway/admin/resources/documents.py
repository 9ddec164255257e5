"""What the calls that take OCPI documents share."""

from typing import Any

from gateway.admin.calls import Call
from gateway.admin.errors import Invalid


def identified(call: Call) -> dict[str, Any]:
    """The body with the id that the path names. Raises `Invalid` where they differ."""
    document, id_ = call.object(), call.path["id"]
    stated = document.get("id", id_)
    if not isinstance(stated, str) or stated.lower() != id_.lower():
        raise Invalid("The id in the body is not the one in the path")
    return document | {"id": stated}
