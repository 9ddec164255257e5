"""The bodies of the operator's requests."""

import importlib
import pkgutil

import pytest
from pydantic import BaseModel

from gateway.admin import resources
from gateway.admin.resources.operations import OperationBody

MODULES = [
    importlib.import_module(f"{resources.__name__}.{found.name}")
    for found in pkgutil.iter_modules(resources.__path__)
]
BODIES = {
    found
    for module in MODULES
    for found in vars(module).values()
    if isinstance(found, type)
    and issubclass(found, BaseModel)
    and found.__module__ == module.__name__
}


@pytest.mark.parametrize("body", sorted(BODIES - {OperationBody}, key=lambda one: one.__name__))
def test_every_body_refuses_members_that_it_does_not_know(body):
    """An operation's body is read twice: first its kind, then all of it, as that kind's body."""
    assert body.model_config.get("extra") == "forbid"
