"""The description of what partners can call, and what schemathesis makes of it."""

import asyncio
import base64
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

from gateway.domain.partners import PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.ocpi.incoming.server import create_app
from gateway.ocpi.versions import BY_NUMBER, VERSIONS

NUMBERS = [version.number for version in VERSIONS]


async def _description(gateway: Any, number: str) -> dict[str, Any]:
    async with gateway.http.get(f"{gateway.url}/ocpi/{number}/openapi.json") as response:
        assert response.status == 200
        described: dict[str, Any] = await response.json()
        return described


def _served(gateway: Any, number: str) -> Iterator[tuple[str, str]]:
    for resource in create_app(gateway.services).router.resources():
        if re.match(rf"/ocpi/{re.escape(number)}(?!.*/$)(?!/openapi)", resource.canonical):
            for route in resource:
                if route.method != "HEAD":
                    yield route.method.lower(), resource.canonical


@pytest.mark.parametrize("number", NUMBERS)
async def test_everything_that_is_served_is_described_and_nothing_else(
    gateway: Any, number: str
) -> None:
    described = await _description(gateway, number)
    operations = {
        (method, path) for path, methods in described["paths"].items() for method in methods
    }
    assert operations == set(_served(gateway, number))
    modules = {path.split("/")[3] for _, path in operations if path.count("/") > 2}
    assert modules == {module for module, _ in BY_NUMBER[number].endpoints}


@pytest.mark.parametrize("number", NUMBERS)
async def test_whatever_is_sent_has_a_schema(gateway: Any, number: str) -> None:
    described = await _description(gateway, number)
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if "requestBody" not in operation:
                continue
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            Draft202012Validator.check_schema(schema)
            assert schema != {"type": "object"}, f"{method} {path}"


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "examples", [3, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
async def test_no_request_that_fits_or_breaks_the_description_is_a_server_error(
    gateway: Any, location: Callable[..., Any], number: str, examples: int
) -> None:
    await gateway.locations.put(Party("NL", "ABC"), location())
    invited, token = await gateway.directory.invite("a partner")
    roles = (PartnerRole("EMSP", Party("DE", "EMS"), "eMSP"),)
    registered = replace(invited, state=PartnerState.REGISTERED, version=number, roles=roles)
    await gateway.directory.save(registered)
    description = await _description(gateway, number)
    credentials = description["paths"][f"/ocpi/{number}/credentials"]
    del credentials["delete"]  # whoever unregisters himself learns nothing more

    sent = await asyncio.to_thread(_attack, description, gateway.url, token, examples)

    assert sent >= examples * len(description["paths"]) // 2


def _attack(description: dict[str, Any], url: str, token: str, examples: int) -> int:
    """Send what schemathesis makes up for every operation; returns how many requests it were."""
    raw = description["info"]["version"] == "2.1.1"
    secret = token if raw else base64.b64encode(token.encode()).decode()
    schema = schemathesis.openapi.from_dict(description)
    sent = 0

    def send(case: Any) -> None:
        nonlocal sent
        sent += 1
        response = case.call(base_url=url, headers={"Authorization": f"Token {secret}"}, timeout=30)
        assert response.status_code < 500, f"{case.as_curl_command()}: {response.text}"
        assert response.status_code != 401, "the attack did not get through the door"
        if response.status_code != 304:
            code = response.json()["status_code"]
            # 3001: the credentials' URL is made up as well, and cannot be called
            assert code < 3000 or code == 3001, case.as_curl_command()

    for result in schema.get_all_operations():
        operation = result.ok()
        attack = given(case=operation.as_strategy())(send)
        settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize="CI" in os.environ,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(attack)()
    return sent
