"""Health, readiness and metrics: for machines, without a token and without secrets."""

import asyncio
import time
from collections.abc import Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway import exact_json
from gateway.admin.ports import Check
from gateway.admin.services import Services
from gateway.domain.charge_points import SecurityProfile
from gateway.store import Store, StoreError

_CHECK_SECONDS = 2.0
_WARNINGS_LAST = 10.0
_NAMED = 20  # identities in one warning


class Health:
    """`/health`, `/ready`, `/metrics`."""

    def __init__(self, services: Services) -> None:
        self._store: Store = services.store
        self._parties = services.parties
        self._checks: Mapping[str, Check] = {"store": self._store_check, **services.checks}
        self._others = services.warnings
        self._warnings: tuple[float, list[str]] = (float("-inf"), [])

    async def health(self, request: web.Request) -> web.Response:
        """The process is alive: it answers."""
        return _json({"status": "alive"})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether chargers and partners can be served; 503 with the reasons when not."""
        names = list(self._checks)
        found = await asyncio.gather(*(_checked(self._checks[name]) for name in names))
        reasons = {name: reason for name, reason in zip(names, found, strict=True) if reason}
        body = {
            "ready": not reasons,
            "checks": {name: reasons.get(name, "ok") for name in names},
            "warnings": self._others()
            + ([] if "store" in reasons else await self._current_warnings()),
        }
        return _json(body, status=503 if reasons else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus' text format."""
        text = await asyncio.to_thread(generate_latest)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _store_check(self) -> str | None:
        return None if await self._store.ping() else "the store does not take commits"

    async def _current_warnings(self) -> list[str]:
        """Charge points without authentication (S1), and bills that wait for the operator.

        Looked up now and then, not at every probe.
        """
        at, warnings = self._warnings
        if time.monotonic() < at + _WARNINGS_LAST:
            return warnings
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                records = await self._store.charge_points.all()
                books = [self._store.party(info.party).transactions for info in self._parties.all()]
                held = sum([await one.held_count() for one in books])
        except (StoreError, TimeoutError):
            return ["the charge points could not be looked through"]
        open_ones = [
            record.identity
            for record in records
            if record.enabled and record.security_profile is SecurityProfile.UNSECURED
        ]
        warnings = [_warning(open_ones)] if open_ones else []
        if held:
            warnings.append(f"{held} CDR(s) are held until you decide: /held-cdrs")
        self._warnings = (time.monotonic(), warnings)
        return warnings


def _warning(identities: list[str]) -> str:
    more = ", ..." if len(identities) > _NAMED else ""
    return (
        f"{len(identities)} charge point(s) may connect without any authentication "
        f"(security profile 0): {', '.join(identities[:_NAMED])}{more}"
    )


async def _checked(check: Check) -> str | None:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:g} s"
    except (StoreError, OSError) as error:
        return str(error) or type(error).__name__


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(
        body=exact_json.dumps(body), status=status, content_type="application/json", charset="utf-8"
    )
