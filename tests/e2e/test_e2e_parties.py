"""Several parties on one platform: their own chargers, locations and prices, and who sees them."""

SECOND = "BE*DEF"
TARIFF = {
    "id": "T-DEF",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.50, "step_size": 1}]}],
}


def location(identity):
    return {
        "id": f"LOC-{identity}",
        "publish": True,
        "address": "Second Street 2",
        "city": "Gent",
        "country": "BEL",
        "coordinates": {"latitude": "51.04759", "longitude": "3.72994"},
        "time_zone": "Europe/Brussels",
        "evses": [
            {
                "uid": f"{identity}-1",
                "evse_id": f"BE*DEF*E{identity}1",
                "charge_point": {"identity": identity, "evse_id": 1},
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "max_voltage": 230,
                        "max_amperage": 16,
                        "tariff_ids": [TARIFF["id"]],
                    }
                ],
            }
        ],
    }


async def add_second(scene, version="1.6", **options):
    """A second party with a tariff, a connected charge point and its location."""
    status, shown = await scene.ask("PUT", f"parties/{SECOND}", {"business_name": "Second"})
    assert status == 201, shown
    await scene.put(f"tariffs/{TARIFF['id']}?party={SECOND}", TARIFF)
    registration = {"security_profile": 1, "password": "the-password-1234567", "provision": False}
    await scene.put("charge-points/CP2", registration | {"party": SECOND})
    await scene.put(f"locations/LOC-CP2?party={SECOND}", location("CP2"))
    return await scene.add_charger(
        "CP2", version, register=False, password="the-password-1234567", **options
    )


async def see(scene, partner, names):
    status, shown = await scene.ask("PATCH", f"partners/{partner.id_here}", {"parties": names})
    assert status == 200, shown
    return shown["parties"]


def holds(partner, place):
    return any(place in str(key) for key in partner.locations)


async def test_each_party_has_its_own_chargers_prices_and_cdrs(scene, fast):
    """ocpi-rules 25: two parties, one platform, one partner; each object in its party's name."""
    first = await scene.add_charger("CP1", "2.0.1", clock=fast)
    second = await add_second(scene, "2.0.1", clock=fast)
    partner = await scene.add_partner()

    await first.charge(1, "TAG1", energy_wh=1000)
    await second.charge(1, "TAG1", energy_wh=1000)
    await partner.until(lambda: len(partner.cdrs) == 2)

    cdrs = await scene.get("cdrs")
    assert sorted(one["country_code"] + one["party_id"] for one in cdrs) == ["BEDEF", "NLGWY"]
    of_second = await scene.get(f"cdrs?party={SECOND}")
    assert [one["cdr_location"]["id"] for one in of_second] == ["LOC-CP2"]
    assert of_second[0]["total_cost"]["before_taxes"] == 0.5
    await partner.until(lambda: holds(partner, "LOC-CP1") and holds(partner, "LOC-CP2"))


async def test_a_party_that_becomes_visible_is_owed_and_one_that_is_hidden_is_not_sent(scene):
    """S8: what the operator lets a partner know of decides what is pushed."""
    partner = await scene.add_partner()
    assert await see(scene, partner, ["NL*GWY"]) == ["NL*GWY"]
    await scene.register_charger("CP1")
    await add_second(scene)
    await partner.until(lambda: holds(partner, "LOC-CP1"))
    assert not holds(partner, "LOC-CP2")

    assert await see(scene, partner, None) is None
    # it refuses what comes from a party that is none of our roles, so those are told first
    status, shown = await scene.ask("POST", f"partners/{partner.id_here}/credentials", {})
    assert (status, shown["parties_told"]) == (200, ["BE*DEF", "NL*GWY"])
    await partner.until(lambda: holds(partner, "LOC-CP2"))

    await see(scene, partner, ["NL*GWY"])
    changed = location("CP2") | {"address": "Third Street"}
    await scene.put(f"locations/LOC-CP2?party={SECOND}", changed)
    await see(scene, partner, None)

    await partner.until(lambda: "Third Street" in str(partner.locations))


async def test_drivers_of_a_partner_do_not_charge_where_it_is_not_to_know(scene):
    """S8: its session could be told to nobody."""
    charger = await add_second(scene)
    partner = await scene.add_partner(tokens=("TAG1", "TAG2"))
    await charger.plug_in(1)
    assert await charger.present_token("TAG1", 1) == "Accepted"

    await see(scene, partner, ["NL*GWY"])

    assert await charger.present_token("TAG2", 1) == "Invalid"


async def test_a_party_is_removed_only_when_nothing_of_it_is_left(scene):
    await add_second(scene)

    status, refused = await scene.ask("DELETE", f"parties/{SECOND}")
    assert status == 409
    assert refused["error"]["details"] == ["1 charge points", "1 locations", "1 tariffs"]

    for path in ("charge-points/CP2", "locations/LOC-CP2", "tariffs/T-DEF"):
        assert (await scene.ask("DELETE", f"{path}?party={SECOND}"))[0] == 204
    assert (await scene.ask("DELETE", f"parties/{SECOND}"))[0] == 204
    assert [one["party"] for one in await scene.get("parties")] == ["NL*GWY"]
    assert (await scene.ask("GET", f"parties/{SECOND}"))[0] == 404


async def test_what_is_wrong_with_a_party_is_said(scene):
    await scene.add_partner()
    details = {"business_name": "X"}
    cases = {
        "parties/nonsense": (details, 422),
        "parties/BE*TOOLONG": (details, 422),
        "parties/DE*EMS": (details, 409),  # the partner's own party
        f"parties/{SECOND}": ({"business_name": ""}, 422),
        "parties/BE*GHI": (details | {"website": "no URL"}, 422),
        "parties/BE*JKL": (details | {"logo": {"url": "https://x.example/l.png"}}, 422),
        "parties/BE*MNO": (details | {"unknown": 1}, 422),
    }
    for path, (body, expected) in cases.items():
        status, answer = await scene.ask("PUT", path, body)
        assert status == expected, (path, answer)
    assert (await scene.ask("DELETE", "parties/NL*GWY"))[0] == 409
    assert len(await scene.get("parties")) == 1


async def test_only_parties_of_ours_can_be_shown_to_a_partner(scene):
    partner = await scene.add_partner()
    path = f"partners/{partner.id_here}"

    for names in (["XX*YYY"], ["nonsense"], "NL*GWY"):
        assert (await scene.ask("PATCH", path, {"parties": names}))[0] == 422
    assert (await scene.ask("PATCH", path, {"name": "another"}))[1]["parties"] is None
    assert await scene.get(f"{path}/clients") == []
    assert (await scene.ask("GET", "partners/nobody/clients"))[0] == 404
