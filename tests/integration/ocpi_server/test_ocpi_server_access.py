"""Who may call what, and in which shape every answer comes."""

import asyncio
import base64
import json
from dataclasses import replace

import pytest

from gateway.domain.partners import PartnerState
from gateway.store import StoreUnavailable

FUNCTIONAL = [
    ("GET", "/2.2.1/locations"),
    ("GET", "/2.2.1/sessions?date_from=2026-01-01T00:00:00Z"),
    ("GET", "/2.2.1/cdrs"),
    ("GET", "/2.2.1/tariffs"),
    ("GET", "/2.2.1/tokens/DE/EMS/1"),
    ("PUT", "/2.2.1/tokens/DE/EMS/1"),
    ("POST", "/2.2.1/commands/START_SESSION"),
    ("GET", "/2.2.1/nothing"),
]


async def send(gateway, header, path="/versions"):
    url = f"{gateway.url}/ocpi{path}"
    headers = {} if header is None else {"Authorization": header}
    async with gateway.http.get(url, headers=headers) as response:
        return response.status, json.loads(await response.text())


@pytest.mark.parametrize("padding", ["", "\n"])
async def test_the_base64_token_is_accepted_with_and_without_newline(gateway, padding):
    """ocpi-rules 1: the standard's own example encodes `example-token` with a newline."""
    _, token = await gateway.directory.invite("p")
    encoded = base64.b64encode((token + padding).encode()).decode()

    assert (await send(gateway, f"Token {encoded}"))[0] == 200


async def test_a_raw_token_is_accepted_in_every_version(gateway):
    """ocpi-rules 1 (2.2.1 TF 4.1.2, NOTE): "by either trial and error or configuration flags"."""
    _, token = await gateway.directory.invite("p")

    for path in ("/versions", "/2.1.1", "/2.2.1", "/2.3.0"):
        assert (await send(gateway, f"Token {token}", path))[0] == 200


async def test_a_missing_or_unknown_token_is_401_with_envelope(gateway):
    """ocpi-rules 2. ocpi-rules: data cardinality."""
    for header in (None, "", "Token", "Token ", "Bearer abc", "Token !!!", "Token " + "A" * 7000):
        status, body = await send(gateway, header)

        assert status == 401, header
        assert body["status_code"] == 2000, header
        assert "data" not in body, header


async def test_a_token_of_other_bytes_than_ascii_is_401(gateway):
    """ocpi-rules 2: the credentials token is "printable non-whitespace ASCII characters"."""
    address = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(address[0], int(address[1]))
    writer.write(
        b"GET /ocpi/versions HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        b"Authorization: Token \xff\r\n\r\n"
    )
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 401")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status_code"] == 2000


async def test_token_a_opens_versions_and_credentials_only(gateway):
    """ocpi-rules 2, S9."""
    _, token = await gateway.directory.invite("p")
    for allowed in ("/versions", "/2.2.1", "/2.2.1/credentials"):
        assert (await gateway.ask("GET", allowed, token)).status == 200

    for method, path in FUNCTIONAL:
        answer = await gateway.ask(method, path, token, {} if method != "GET" else None)
        assert answer.status == (404 if path.endswith("nothing") else 401), path


async def test_without_a_token_nothing_is_told(gateway):
    """ocpi-rules 2: not even which URLs exist."""
    for method, path in (*FUNCTIONAL, ("GET", "/versions")):
        answer = await gateway.ask(method, path, None, {} if method != "GET" else None)

        assert answer.status == 401, path


async def test_a_revoked_token_dies_at_once(gateway, partner):
    """S9."""
    registered, token = await gateway.registered(partner)
    assert (await gateway.ask("GET", "/2.2.1/locations", token)).status == 200

    await gateway.directory.remove(registered.id)

    assert (await gateway.ask("GET", "/2.2.1/locations", token)).status == 401


async def test_versions_and_details_are_what_the_standard_says(gateway, strict):
    """ocpi-rules 5: credentials once, as SENDER."""
    _, token = await gateway.directory.invite("p")

    versions = await gateway.ask("GET", "/versions", token)
    listed = {one["version"]: one for one in versions.data}
    strict("Version", listed["2.2.1"])
    details = await gateway.ask("GET", listed["2.2.1"]["url"], token)

    strict("VersionDetails", details.data)
    roles = {one["identifier"]: one["role"] for one in details.data["endpoints"]}
    assert (
        roles.items()
        >= {
            "credentials": "SENDER",
            "locations": "SENDER",
            "sessions": "SENDER",
            "cdrs": "SENDER",
            "tariffs": "SENDER",
            "tokens": "RECEIVER",
            "commands": "RECEIVER",
        }.items()
    )
    assert all(one["url"].startswith(gateway.url) for one in details.data["endpoints"])


async def test_a_partner_that_looks_for_a_credentials_receiver_finds_one(gateway):
    """ocpi-rules 5: the role is irrelevant by the standard, not to every platform.

    ocpi-rules: role habit.
    """
    partner, token = await gateway.directory.invite("p")
    await gateway.directory.save(replace(partner, quirks=frozenset({"credentials_receiver"})))

    details = await gateway.ask("GET", "/2.2.1", token)

    roles = [one["role"] for one in details.data["endpoints"] if one["identifier"] == "credentials"]
    assert roles == ["SENDER", "RECEIVER"]


async def test_request_and_correlation_id_come_back(gateway, partner):
    """ocpi-rules 25."""
    _, token = await gateway.registered(partner)

    for path in ("/2.2.1/locations", "/2.2.1/locations/none", "/versions"):
        answer = await gateway.ask("GET", path, token, X_Request_ID="r-1", X_Correlation_ID="c-1")
        assert answer.headers["X-Request-ID"] == "r-1"
        assert answer.headers["X-Correlation-ID"] == "c-1"


async def test_routing_headers_are_swapped_in_the_answer(gateway, partner):
    """ocpi-rules 25; party ids are CiStrings (23)."""
    _, token = await gateway.registered(partner)
    headers = {
        "OCPI_from_country_code": "de",
        "OCPI_from_party_id": "ems",
        "OCPI_to_country_code": "NL",
        "OCPI_to_party_id": "ABC",
    }

    for path in ("/2.2.1/locations", "/2.2.1/locations/unknown"):
        answer = await gateway.ask("GET", path, token, **headers)
        assert answer.headers["OCPI-to-country-code"] == "DE"
        assert answer.headers["OCPI-to-party-id"] == "EMS"
        assert answer.headers["OCPI-from-country-code"] == "NL"
        assert answer.headers["OCPI-from-party-id"] == "ABC"


async def test_routing_headers_are_not_used_between_platforms(gateway, partner):
    """ocpi-rules 25: "SHALL NOT be used" with versions and credentials."""
    _, token = await gateway.registered(partner)

    answer = await gateway.ask(
        "GET", "/2.2.1/credentials", token, OCPI_to_country_code="FR", OCPI_to_party_id="???"
    )

    assert answer.code == 1000
    assert "OCPI-from-party-id" not in answer.headers


UNTRUE = [
    {"OCPI_from_country_code": "DE", "OCPI_from_party_id": "EVL"},
    {"OCPI_to_country_code": "NL", "OCPI_to_party_id": "QQQ"},
    {"OCPI_from_country_code": "DE"},
    {"OCPI_to_party_id": "ABC"},
    {"OCPI_to_country_code": "N1", "OCPI_to_party_id": "ABC"},
]


async def test_untrue_routing_headers_are_refused(gateway, partner, token):
    """S10: the sender must be one of the partner's roles, the receiver one of our parties."""
    _, secret = await gateway.registered(partner)
    url = "/2.2.1/tokens/DE/EMS/012345678"

    for headers in UNTRUE:
        answer = await gateway.ask("PUT", url, secret, token(), **headers)

        assert (answer.status, answer.code) == (200, 2001), headers
    assert await gateway.store.tokens.count() == 0


async def test_a_hub_may_send_from_the_parties_behind_it(gateway, new_partner):
    """credentials: a 2.2.1 hub "SHALL NOT report all the other connected parties as a role"."""
    hub = await new_partner(role="HUB")
    _, token = await gateway.registered(hub)

    answer = await gateway.ask(
        "GET",
        "/2.2.1/locations",
        token,
        OCPI_from_country_code="FR",
        OCPI_from_party_id="AAA",
    )

    assert answer.code == 1000
    assert answer.headers["OCPI-to-party-id"] == "AAA"


NO_JSON = [
    b"",
    b"{",
    b"not json",
    b'{"a": NaN}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'"\\ud800"',
]


async def test_a_body_that_is_no_json_is_400_with_envelope(gateway, partner):
    """ocpi-rules 11, S18."""
    _, token = await gateway.registered(partner)

    for raw in NO_JSON:
        answer = await gateway.ask("PUT", "/2.2.1/tokens/DE/EMS/1", token, raw=raw)

        assert (answer.status, answer.code) == (400, 2001), raw[:20]


WITH_OBJECTS = (
    ("PUT", "/2.2.1/tokens/DE/EMS/1"),
    ("PATCH", "/2.2.1/tokens/DE/EMS/1"),
    ("POST", "/2.2.1/commands/START_SESSION"),
    ("POST", "/2.2.1/commands/STOP_SESSION"),
    ("PUT", "/2.2.1/credentials"),
)


async def test_json_that_is_no_such_object_is_2001_without_http_error(gateway, partner):
    """ocpi-rules 11."""
    _, token = await gateway.registered(partner)

    for body in (None, 1, "text", [], [1], [{}, {}], {}):
        for method, path in WITH_OBJECTS:
            answer = await gateway.ask(method, path, token, raw=json.dumps(body).encode())
            assert (answer.status, answer.code) == (200, 2001), (method, path, body)


async def test_an_oversized_body_is_refused_with_envelope(gateway, partner):
    """1 MiB is enough for every object that is pushed to a CPO."""
    _, token = await gateway.registered(partner)

    answer = await gateway.ask(
        "PUT", "/2.2.1/tokens/DE/EMS/1", token, raw=b'"' + b"a" * 1_100_000 + b'"'
    )

    assert (answer.status, answer.code) == (413, 2001)


async def test_unknown_paths_and_wrong_methods_have_an_envelope(gateway, partner):
    """ocpi-rules 13: no DELETE on locations; tokens have none either."""
    _, token = await gateway.registered(partner)

    for path in ("/2.2.1/nothing", "/2.2.1/locations/a/b/c/d", "/2.0", "/2.2.1/cdrs/1", ""):
        answer = await gateway.ask("GET", path, token)
        assert (answer.status, answer.code) == (404, 2000), path
    for method, path in (
        ("DELETE", "/2.2.1/locations/LOC1"),
        ("PUT", "/2.2.1/locations/LOC1"),
        ("DELETE", "/2.2.1/tokens/DE/EMS/1"),
        ("PATCH", "/2.2.1/credentials"),
        ("POST", "/2.2.1/cdrs"),
        ("GET", "/2.2.1/commands/START_SESSION"),
        ("POST", "/versions"),
    ):
        answer = await gateway.ask(method, path, token, {} if method != "GET" else None)
        assert (answer.status, answer.code) == (405, 2000), (method, path)
        assert answer.headers["Allow"]


async def test_urls_work_with_a_trailing_slash(gateway, partner):
    """Interoperability: some peers append one."""
    _, token = await gateway.registered(partner)

    for path in ("/versions/", "/2.2.1/", "/2.2.1/locations/", "/2.2.1/credentials/"):
        assert (await gateway.ask("GET", path, token)).code == 1000, path


async def test_an_unforeseen_error_is_3000_and_tells_nothing(gateway, partner, monkeypatch):
    """The traceback is for the log only."""
    _, token = await gateway.registered(partner)

    async def explode(*_args, **_named):
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(gateway.locations, "get", explode)
    answer = await gateway.ask("GET", "/2.2.1/locations/LOC1", token)

    assert (answer.status, answer.code) == (500, 3000)
    assert "42" not in json.dumps(answer.body, default=str)


async def test_without_the_store_the_answer_is_3000(gateway, partner, monkeypatch):
    """Nothing may be acknowledged that was not kept."""
    _, token = await gateway.registered(partner)

    async def away(*_args, **_named):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(gateway.locations, "get", away)
    answer = await gateway.ask("GET", "/2.2.1/locations/LOC1", token)

    assert (answer.status, answer.code) == (503, 3000)


async def test_of_a_suspended_partner_that_calls_the_deliveries_hear(gateway, partner):
    """It is theirs to decide whether to try it again: a call does not make our token good."""
    registered, token = await gateway.registered(partner)
    await gateway.directory.save(replace(registered, state=PartnerState.SUSPENDED))
    gateway.called.clear()

    await gateway.ask("GET", "/2.2.1/locations", token)

    assert gateway.directory.get(registered.id).state is PartnerState.SUSPENDED
    assert gateway.called == [registered.id]


async def test_tokens_appear_in_no_log(gateway, partner, capfd):
    """S9: planted canaries."""
    _, token = await gateway.registered(partner)
    await gateway.ask("GET", "/2.2.1/nothing", token)
    await gateway.ask("PUT", "/2.2.1/credentials", token, {"token": "canary-b", "url": "x"})
    await gateway.ask("GET", "/versions", "canary-unknown")

    logged = "".join(capfd.readouterr())

    for secret in (token, "canary-b", "canary-unknown", "b-of-EMS"):
        assert secret not in logged
        assert base64.b64encode(secret.encode()).decode() not in logged
