"""Failures on demand: what a CPO's delivery has to live with.

`status`, `ocpi`, `html` and `disconnect` come instead of processing the request; `delay`, `slow`,
`truncated` and `lose_answer` process it and spoil the answer, so that the caller cannot know.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from aiohttp import web

Kind = Literal["status", "ocpi", "html", "disconnect", "delay", "slow", "truncated", "lose_answer"]
KINDS: tuple[str, ...] = get_args(Kind)
MAX_SECONDS = 600.0
DRIPS = 20

Process = Callable[[web.Request], Awaitable[web.StreamResponse]]
Envelope = Callable[[int, int, str], web.Response]


@dataclass(slots=True)
class Fault:
    """One failure, for every request below `path_prefix` until it is used up or lifted."""

    kind: Kind
    path_prefix: str = "/ocpi/"
    method: str | None = None
    times: int | None = None
    """None: until lifted"""
    status: int = 503
    retry_after: int | None = None
    status_code: int = 3000
    seconds: float = 1.0
    id: int = 0
    hits: int = 0

    def applies(self, method: str, path: str) -> bool:
        return (
            path.startswith(self.path_prefix)
            and (self.method is None or self.method.upper() == method)
            and (self.times is None or self.hits < self.times)
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Faults:
    def __init__(self) -> None:
        self.active: list[Fault] = []
        self._count = 0

    def add(self, fault: Fault) -> Fault:
        if fault.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        if not 0 <= fault.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds is between 0 and {MAX_SECONDS:.0f}")
        if not 400 <= fault.status <= 599:
            raise ValueError("status is an HTTP error")
        self._count += 1
        fault.id = self._count
        self.active.append(fault)
        return fault

    def lift(self, fault_id: int | None = None) -> None:
        """That one, or all."""
        self.active = [
            fault for fault in self.active if fault_id is not None and fault.id != fault_id
        ]

    def take(self, method: str, path: str) -> Fault | None:
        for fault in self.active:
            if fault.applies(method, path):
                fault.hits += 1
                return fault
        return None


async def spoil(
    fault: Fault, request: web.Request, process: Process, envelope: Envelope
) -> web.StreamResponse:
    """Answer `request` as `fault` demands."""
    if fault.kind == "status":
        response = envelope(fault.status, fault.status_code, "a fault on demand")
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response
    if fault.kind == "ocpi":
        return envelope(200, fault.status_code, "a fault on demand")
    if fault.kind == "html":
        return web.Response(text="<html><body>Bad Gateway</body></html>", content_type="text/html")
    if fault.kind == "disconnect":
        return _hang_up(request)
    return await _spoil_answer(fault, request, await process(request))


async def _spoil_answer(
    fault: Fault, request: web.Request, answer: web.StreamResponse
) -> web.StreamResponse:
    if fault.kind == "lose_answer":
        return _hang_up(request)
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return answer
    body = answer.body if isinstance(answer, web.Response) else b""
    whole = bytes(body) if isinstance(body, bytes | bytearray) else b""
    if fault.kind == "truncated":
        return web.Response(
            status=answer.status, body=whole[: len(whole) // 2], content_type="application/json"
        )
    return await _drip(fault, request, answer, whole)


async def _drip(
    fault: Fault, request: web.Request, answer: web.StreamResponse, whole: bytes
) -> web.StreamResponse:
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in {"Content-Length", "Transfer-Encoding"}
    }
    slow = web.StreamResponse(status=answer.status, headers=headers)
    slow.content_length = len(whole)
    await slow.prepare(request)
    step = max(1, len(whole) // DRIPS)
    for start in range(0, len(whole), step):
        await slow.write(whole[start : start + step])
        await asyncio.sleep(fault.seconds / DRIPS)
    await slow.write_eof()
    return slow


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
