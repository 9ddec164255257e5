"""What is wrong on the partners' and the operator's side: the right answer, and no change."""

import base64
import json
import uuid

import pytest


class Caller:
    """A partner's bare HTTP client: whatever token, headers and body."""

    def __init__(self, scene, partner):
        self._scene = scene
        self._peer = partner.peers[0]

    def url(self, module):
        role = "RECEIVER" if module in ("tokens", "commands") else "SENDER"
        return self._peer.endpoint(module, role)

    def headers(self, token=None):
        encoded = base64.b64encode((token or self._peer.token).encode()).decode()
        return {
            "Authorization": f"Token {encoded}",
            "Content-Type": "application/json",
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": str(uuid.uuid4()),
            "OCPI-from-country-code": "DE",
            "OCPI-from-party-id": "EMS",
            "OCPI-to-country-code": "NL",
            "OCPI-to-party-id": "GWY",
        }

    async def call(self, method, url, body=None, **headers):
        """HTTP status and the OCPI envelope's status code (None without an envelope)."""
        data = json.dumps(body) if isinstance(body, dict) else body
        sent = {**self.headers(), **headers}
        sent = {name: value for name, value in sent.items() if value is not None}
        async with self._scene.api.request(method, url, data=data, headers=sent) as answer:
            envelope = json.loads(await answer.read())
            assert "timestamp" in envelope
            return answer.status, envelope["status_code"]


@pytest.fixture
async def caller(scene):
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    await partner.until(lambda: partner.evse("LOC-CP1", "CP1-1") is not None)
    await scene.until(lambda: nothing_owed(scene, partner))
    return Caller(scene, partner)


async def nothing_owed(scene, partner):
    return (await scene.get(f"partners/{partner.id_here}/deliveries"))["owed"] == 0


TOKEN = {
    "country_code": "DE",
    "party_id": "EMS",
    "uid": "NEW",
    "type": "RFID",
    "contract_id": "DE-EMS-1",
    "issuer": "EMS",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-03-02T10:00:00Z",
}


@pytest.mark.parametrize("body", ["{", "", "no json", b"\xff\xfe", '{"uid": NaN}'])
async def test_a_body_that_is_no_json_is_400_with_an_envelope(scene, caller, body):
    """2.2.1 status_codes: 'HTTP 400' when the message cannot be parsed."""
    before = await scene.dump()

    answer = await caller.call("PUT", caller.url("tokens") + "/DE/EMS/NEW", body)

    assert answer == (400, 2001)
    assert await scene.dump() == before


@pytest.mark.parametrize(
    "header",
    [None, "", "Token", "Token !!!", "Bearer abc", f"Token {base64.b64encode(b'guess').decode()}"],
)
async def test_without_a_valid_token_everything_is_401(scene, caller, header):
    before = await scene.dump()
    for module in ("locations", "sessions", "cdrs", "tariffs"):
        status, _ = await caller.call("GET", caller.url(module), Authorization=header)
        assert status == 401
    assert await scene.dump() == before


async def test_a_start_at_an_unknown_location_is_2003(scene, caller):
    before = await scene.dump()
    body = {"response_url": "http://127.0.0.1:9/r", "token": TOKEN, "location_id": "NOWHERE"}

    answer = await caller.call("POST", caller.url("commands") + "/START_SESSION", body)

    assert answer == (200, 2003)
    assert await scene.dump() == before


async def test_a_start_at_an_unknown_evse_is_2003(scene, caller):
    body = {
        "response_url": "http://127.0.0.1:9/r",
        "token": TOKEN,
        "location_id": "LOC-CP1",
        "evse_uid": "NO-SUCH",
    }

    answer = await caller.call("POST", caller.url("commands") + "/START_SESSION", body)

    assert answer == (200, 2003)


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("START_SESSION", {}),
        ("START_SESSION", {"response_url": "http://127.0.0.1:9/r", "location_id": "LOC-CP1"}),
        ("STOP_SESSION", {"response_url": "http://127.0.0.1:9/r"}),
        ("STOP_SESSION", {"session_id": "1"}),
    ],
)
async def test_a_command_without_its_fields_is_2001(scene, caller, command, body):
    before = await scene.dump()

    answer = await caller.call("POST", f"{caller.url('commands')}/{command}", body)

    assert answer == (200, 2001)
    assert await scene.dump() == before


async def test_a_patch_without_last_updated_is_2001(scene, caller):
    before = await scene.dump()

    answer = await caller.call("PATCH", caller.url("tokens") + "/DE/EMS/TAG1", {"valid": False})

    assert answer == (200, 2001)
    assert await scene.dump() == before


@pytest.mark.parametrize("missing", ["uid", "type", "contract_id", "valid", "whitelist"])
async def test_a_token_without_a_required_field_is_2001(scene, caller, missing):
    before = await scene.dump()
    token = {name: value for name, value in TOKEN.items() if name != missing}

    answer = await caller.call("PUT", caller.url("tokens") + "/DE/EMS/NEW", token)

    assert answer == (200, 2001)
    assert await scene.dump() == before


async def test_a_token_of_another_party_is_not_taken(scene, caller):
    before = await scene.dump()
    token = TOKEN | {"country_code": "FR", "party_id": "XYZ"}

    _, status_code = await caller.call("PUT", caller.url("tokens") + "/FR/XYZ/NEW", token)

    assert 2000 <= status_code < 3000
    assert await scene.dump() == before


async def test_a_bad_date_is_2001(caller):
    assert await caller.call("GET", caller.url("cdrs") + "?date_from=tomorrow") == (200, 2001)


async def test_what_does_not_exist_is_404(caller):
    status, _ = await caller.call("GET", caller.url("cdrs") + "/no-such-cdr")
    assert status == 404


# -- the operator API


async def ask(scene, method, path, body=None, **headers):
    url = scene.gateway.addresses.operator + path
    async with scene.api.request(method, url, data=body, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer guess"}, {"Authorization": "x"}])
async def test_the_operator_needs_his_token(scene, header):
    before = await scene.dump()
    for method, path in (
        ("GET", "charge-points"),
        ("PUT", "charge-points/CP9"),
        ("GET", "partners"),
        ("POST", "partners"),
        ("GET", "events"),
    ):
        assert await ask(scene, method, f"api/v1/{path}", b'{"name": "x"}', **header) == 401
    assert await scene.dump() == before


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1", b"nope"])
async def test_an_operators_body_that_is_no_json_is_400(scene, body):
    before = await scene.dump()
    headers = {
        "Authorization": f"Bearer {scene.gateway.operator_token}",
        "Content-Type": "application/json",
    }

    for path in ("charge-points/CP1", "locations/L1", "tariffs/T1"):
        assert await ask(scene, "PUT", f"api/v1/{path}", body, **headers) == 400
    assert await scene.dump() == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("charge-points/CP1", {"security_profile": 9}),
        ("charge-points/CP1", {"security_profile": 1}),
        ("charge-points/CP1", {"security_profile": 1, "password": "short"}),
        ("charge-points/CP1", {"security_profile": "1", "password": "correct-horse-battery"}),
        ("locations/L1", {"id": "L1"}),
        ("locations/L1", []),
        ("tariffs/T1", {"id": "T1", "currency": "EUR", "elements": []}),
        ("tariffs/T1", {"id": "T1", "currency": "euros"}),
        ("tokens/RFID/X", {"status": "Maybe"}),
    ],
)
async def test_an_operators_document_that_cannot_be_is_422(scene, path, body):
    before = await scene.dump()

    status, answer = await scene.ask("PUT", path, body)

    assert status == 422, answer
    assert await scene.dump() == before
