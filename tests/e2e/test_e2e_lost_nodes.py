"""A node is killed and never returns: those that live let go of its charge points (R23)."""


async def test_a_killed_nodes_charge_points_are_let_go_by_another(start_scene, redis_url):
    """security-and-faults R23, with kill -9 of the node instead of silence of the charger."""
    settings = {"redis_url": redis_url, "offline_after": 0.3}
    living = await start_scene(node_id="living", **settings)
    dying = await start_scene(process=True, node_id="dying", **settings)
    await dying.register_charger("CP1")
    partner = await living.add_partner()

    async def status():
        evses = (await living.get("locations/LOC-CP1"))["evses"]
        return evses[0]["status"]

    async def shown(word):
        return await status() == word

    async with dying.wire("CP1", "1.6") as wire:
        start = {"connectorId": 1, "idTag": "TAG1", "meterStart": 0}
        await wire.call("StartTransaction", start | {"timestamp": "2026-03-02T10:00:00Z"})
        told = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
        await wire.call("StatusNotification", told)
        await living.until(lambda: shown("CHARGING"))
        await dying.gateway.kill()

        at_once = await partner.start_session("LOC-CP1", "CP1-1", "TAG1", wait=0)

    async def let_go():
        return not (await living.get("charge-points/CP1"))["connected"]

    await living.until(let_go)
    await living.until(lambda: shown("UNKNOWN"))
    [transaction] = await living.get("charge-points/CP1/transactions")
    assert at_once.response["result"] == "REJECTED"
    assert transaction["state"] == "ACTIVE"
