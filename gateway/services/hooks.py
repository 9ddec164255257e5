"""Finds the operator's own functions, which settings name as `package.module:function`."""

import importlib
import inspect
from typing import Any


def hook(name: str) -> Any:
    """The async function of that name. Raises `ValueError` when there is none."""
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ValueError(f"{name!r} is not package.module:function")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from error
    if not inspect.iscoroutinefunction(found):
        raise ValueError(f"{name} is no async function")
    return found
