"""Tokens as partners push them, and as we pull them."""

import pytest

from gateway.domain.party import Party

URL = "/2.2.1/tokens/DE/EMS/012345678"


async def test_a_new_token_is_201_and_a_known_one_200(gateway, partner, strict, token):
    """ocpi-rules 11; PUT answers without data."""
    _, secret = await gateway.registered(partner)

    created = await gateway.ask("PUT", URL, secret, token())
    updated = await gateway.ask("PUT", URL, secret, token(valid=False))
    read = await gateway.ask("GET", URL, secret)

    assert (created.status, created.code) == (201, 1000)
    assert (updated.status, updated.code) == (200, 1000)
    assert "data" not in created.body
    strict("Token", read.data)
    assert read.data["valid"] is False


async def test_a_token_is_found_whatever_the_case_and_kept_as_sent(gateway, partner, token):
    """ocpi-rules 23. ocpi-rules: id case habit."""
    _, secret = await gateway.registered(partner)
    await gateway.ask("PUT", "/2.2.1/tokens/de/ems/AbCd", secret, token("aBcD"))

    answer = await gateway.ask("GET", "/2.2.1/tokens/De/Ems/ABCD", secret)

    assert answer.data["uid"] == "aBcD"
    assert [one.partner_id for one in await gateway.store.tokens.find("abcd")]


async def test_the_type_is_part_of_the_key_and_rfid_by_default(gateway, partner, token):
    """ocpi-rules 18."""
    _, secret = await gateway.registered(partner)
    app = token(type="APP_USER", contract_id="app")
    await gateway.ask("PUT", URL, secret, token())

    without_type = await gateway.ask("PUT", URL, secret, app)
    with_type = await gateway.ask("PUT", f"{URL}?type=APP_USER", secret, app)

    assert without_type.code == 2001
    assert with_type.status == 201
    read = await gateway.ask("GET", f"{URL}?type=APP_USER", secret)
    assert read.data["contract_id"] == "app"
    assert (await gateway.ask("GET", URL, secret)).data["type"] == "RFID"
    missing = await gateway.ask("GET", f"{URL}?type=AD_HOC_USER", secret)
    assert (missing.status, missing.code) == (404, 2004)


async def test_a_whitelisted_invalid_token_is_kept_as_it_is(gateway, partner, token):
    """ocpi-rules 18: every WhitelistType; what it means is not decided here."""
    _, secret = await gateway.registered(partner)

    for whitelist in ("ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"):
        body = token(valid=False, whitelist=whitelist)
        await gateway.ask("PUT", URL, secret, body)
        read = await gateway.ask("GET", URL, secret)
        assert (read.data["valid"], read.data["whitelist"]) == (False, whitelist)


async def test_a_patch_changes_what_it_names(gateway, partner, token):
    """mod_tokens 12.2.1.3; ocpi-rules 10: other arrays and objects are replaced whole."""
    _, secret = await gateway.registered(partner)
    await gateway.ask(
        "PUT", URL, secret, token(energy_contract={"supplier_name": "A", "contract_id": "1"})
    )

    answer = await gateway.ask(
        "PATCH",
        URL,
        secret,
        {
            "valid": False,
            "energy_contract": {"supplier_name": "B"},
            "last_updated": "2026-03-01T00:00:00+00:00",
        },
    )

    assert (answer.status, answer.code) == (200, 1000)
    read = (await gateway.ask("GET", URL, secret)).data
    assert read["valid"] is False
    assert read["energy_contract"] == {"supplier_name": "B"}
    assert read["issuer"] == "An eMSP"
    # ocpi-rules 22: any zone is read, Z is written
    assert read["last_updated"] == "2026-03-01T00:00:00.000Z"


async def test_a_patch_without_last_updated_is_2001(gateway, partner, token):
    """ocpi-rules 9."""
    _, secret = await gateway.registered(partner)
    await gateway.ask("PUT", URL, secret, token())

    answer = await gateway.ask("PATCH", URL, secret, {"valid": False})

    assert (answer.status, answer.code) == (200, 2001)
    assert (await gateway.ask("GET", URL, secret)).data["valid"] is True


async def test_a_patch_of_an_unknown_token_is_2004(gateway, partner):
    """ocpi-rules 11; "If the object doesn't exist, the client should do a PUT"."""
    _, secret = await gateway.registered(partner)

    answer = await gateway.ask(
        "PATCH", URL, secret, {"valid": False, "last_updated": "2026-03-01T00:00:00Z"}
    )

    assert (answer.status, answer.code) == (200, 2004)


@pytest.mark.parametrize(
    "changes", [{"uid": "other"}, {"party_id": "EVL"}, {"type": "OTHER"}, {"valid": None}]
)
async def test_a_patch_cannot_make_another_token_of_it(gateway, partner, token, changes):
    """S10."""
    _, secret = await gateway.registered(partner)
    await gateway.ask("PUT", URL, secret, token())

    answer = await gateway.ask(
        "PATCH", URL, secret, {"last_updated": "2026-03-01T00:00:00Z"} | changes
    )

    assert answer.code == 2001
    assert await gateway.store.tokens.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": ""},
        {"uid": "x" * 37},
        {"uid": "ü"},
        {"type": None},
        {"contract_id": 1},
        {"valid": "yes"},
        {"whitelist": None},
        {"last_updated": "soon"},
        {"last_updated": None},
        {"issuer": "a\nb"},
        {"country_code": "DEU"},
    ],
)
async def test_what_is_no_token_is_2001_and_changes_nothing(gateway, partner, token, changes):
    """ocpi-rules 11."""
    _, secret = await gateway.registered(partner)
    body = {name: value for name, value in (token() | changes).items() if value is not None}

    answer = await gateway.ask("PUT", URL, secret, body)

    assert (answer.status, answer.code) == (200, 2001)
    assert await gateway.store.tokens.count() == 0


async def test_what_the_standard_does_not_know_is_kept(gateway, partner, token):
    """2.3.0 transport: a platform "SHALL NOT reject" unknown fields; OpenEnum values likewise."""
    _, secret = await gateway.registered(partner)
    body = token(colour={"hue": 1.5}, whitelist="SOMETIMES", type="FINGERPRINT")

    answer = await gateway.ask("PUT", f"{URL}?type=FINGERPRINT", secret, body)

    assert answer.code == 1000
    known = await gateway.store.tokens.get("DE", "EMS", "012345678", "OTHER")
    assert str(known.document["colour"]["hue"]) == "1.5"
    # a word that we do not know must not open a charger
    assert known.document["whitelist"] == "NEVER"


@pytest.mark.parametrize(
    ("url", "changes"),
    [
        ("/2.2.1/tokens/DE/EVL/012345678", {}),
        ("/2.2.1/tokens/DE/EVL/012345678", {"party_id": "EVL"}),
        ("/2.2.1/tokens/DE/EMS/012345678", {"party_id": "EVL"}),
        ("/2.2.1/tokens/DE/EMS/012345678", {"country_code": "NL"}),
        ("/2.2.1/tokens/DE/EMS/another", {}),
        ("/2.2.1/tokens/NL/ABC/012345678", {"country_code": "NL", "party_id": "ABC"}),
    ],
)
async def test_only_the_own_space_can_be_written(gateway, partner, token, url, changes):
    """S10: URL, body and roles must agree; 0 writes."""
    _, secret = await gateway.registered(partner)

    answer = await gateway.ask("PUT", url, secret, token(**changes))

    assert answer.code == 2001
    assert await gateway.store.tokens.count() == 0


async def test_no_partner_reads_another_ones_tokens(gateway, partner, new_partner, token):
    """S8."""
    _, secret = await gateway.registered(partner)
    _, other = await gateway.registered(await new_partner(party=Party("FR", "OTH")))
    _, hub = await gateway.registered(await new_partner(party=Party("FR", "HUB"), role="HUB"))
    await gateway.ask("PUT", URL, secret, token())

    for stranger in (other, hub):
        answer = await gateway.ask("GET", URL, stranger)
        assert (answer.status, answer.code) == (404, 2004)


async def test_a_hub_does_not_overwrite_what_the_party_itself_gave_us(
    gateway, partner, new_partner, token
):
    """S10: the party that is connected itself speaks for its tokens."""
    _, secret = await gateway.registered(partner)
    _, hub = await gateway.registered(await new_partner(party=Party("FR", "HUB"), role="HUB"))
    await gateway.ask("PUT", URL, secret, token())

    refused = await gateway.ask("PUT", URL, hub, token(valid=False))
    behind = await gateway.ask(
        "PUT", "/2.2.1/tokens/FR/AAA/1", hub, token("1", country_code="FR", party_id="AAA")
    )

    assert refused.code == 2001
    assert behind.status == 201


async def test_all_pages_of_tokens_are_pulled_after_registration(
    gateway, partner, token, eventually
):
    """mod_tokens 12.1.2, the pull model; a bad object does not cost the others."""
    good = [token(f"T{number}") for number in range(5)]
    foreign = token("stolen", party_id="EVL")
    partner.tokens = [*good[:2], {"uid": "broken"}, *good[2:4], foreign, good[4]]

    registered, _ = await gateway.registered(partner)

    async def all_there():
        return await gateway.store.tokens.count() == 5

    await eventually(all_there)
    assert await gateway.store.tokens.find("stolen") == []
    assert (await gateway.store.tokens.find("t4"))[0].partner_id == registered.id


async def test_a_pull_that_fails_is_tried_again(gateway, partner, token, eventually):
    """The partner may not be ready when it registers."""
    partner.tokens = [token("T1")]
    partner.broken_token_calls = 1
    await gateway.registered(partner)

    async def there():
        return await gateway.store.tokens.count() == 1

    await eventually(there)
    assert partner.token_calls == 2


async def test_a_pull_that_waits_ends_with_the_gateway(gateway, partner, token, eventually):
    """Background work does not outlive its owner."""
    partner.broken_token_calls = 100
    await gateway.registered(partner)
    await eventually(lambda: partner.token_calls > 0)

    await gateway.pull.close()
    calls = partner.token_calls

    assert await gateway.store.tokens.count() == 0
    assert partner.token_calls == calls
