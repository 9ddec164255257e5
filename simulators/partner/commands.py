"""Commands, of which we are the Sender: the request, its CommandResponse and its CommandResult."""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from simulators.partner.checker import check, read_as
from simulators.partner.client import CallFailed, Client
from simulators.partner.exact_json import Json
from simulators.partner.feed import Feed
from simulators.partner.finding import Finding, refusing, violation
from simulators.partner.gate import GENERIC_CLIENT_ERROR, Answer, Exchange, Gate, Refusal
from simulators.partner.ledger import INVALID_PARAMETERS
from simulators.partner.peer import Peer
from simulators.partner.version import Version
from simulators.partner.wallet import Grant, Wallet

KEPT = 1000
MAX_WAIT = 300.0
COMMANDS = "2.2.1 mod_commands"


@dataclass(slots=True)
class Command:
    """One command and what came of it."""

    id: str
    name: str
    body: Json
    sent_at: datetime
    response: Json | None = None
    results: list[Json] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def result(self) -> Json | None:
        return self.results[0] if self.results else None

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "command": self.name,
            "request": self.body,
            "response": self.response,
            "result": self.result,
        }


class Commands:
    def __init__(
        self,
        version: Version,
        wallet: Wallet,
        client: Client,
        feed: Feed,
        module_url: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        self._version = version
        self._wallet = wallet
        self._client = client
        self._feed = feed
        self._module_url = module_url
        self._now = now
        self.sent: OrderedDict[str, Command] = OrderedDict()

    def routes(self, gate: Gate, base: str) -> list[web.RouteDef]:
        return [web.post(f"{base}/commands/{{command}}/{{id}}", gate.functional(self.result))]

    async def send(self, peer: Peer, name: str, fields: Json, wait: float | None = None) -> Command:
        """Send it and wait for the CommandResult.

        Waits as long as the CommandResponse's timeout says (or `wait` seconds, at most
        `MAX_WAIT`); without a result in that time, `result` stays None. `fields["token"]` may be
        the uid of one of our tokens. Raises `CallFailed`, ValueError.
        """
        if name not in self._version.commands:
            raise ValueError(f"no such command: {name}")
        endpoint = peer.endpoint("commands", "RECEIVER")
        if endpoint is None:
            raise CallFailed("the platform does not receive commands")
        command = self._prepare(name, fields)
        self._authorize(command)
        url = f"{endpoint.rstrip('/')}/{name}"
        reply = await self._client.functional("POST", url, peer, command.body)
        response, findings = check(self._version.kinds["CommandResponse"], reply.data)
        self._feed.report(f"answer to {name}", findings)
        if response is None:
            raise CallFailed("no CommandResponse", reply.http_status, reply.status_code)
        command.response = reply.data
        self._feed.emit(
            "command_response",
            id=command.id,
            command=name,
            result=response.result,
            timeout=response.timeout,
        )
        if response.result == "ACCEPTED":
            await self._wait(command, response.timeout if wait is None else wait)
        return command

    def _prepare(self, name: str, fields: Json) -> Command:
        command_id = uuid.uuid4().hex
        body: Json = {
            **fields,
            "response_url": f"{self._module_url('commands')}/{name}/{command_id}",
        }
        if isinstance(body.get("token"), str):
            body["token"] = self._wallet.find(body["token"], str(body.pop("token_type", "RFID")))
        read, findings = read_as(self._version.commands[name], body)
        broken = refusing(findings)
        if read is None or broken:
            raise ValueError(f"{broken[0].where}: {broken[0].what}")
        command = Command(command_id, name, body, self._now())
        self.sent[command_id] = command
        if len(self.sent) > KEPT:
            self.sent.popitem(last=False)
        return command

    def _authorize(self, command: Command) -> None:
        """ "The Token provided by the eMSP SHALL be authorized by the eMSP before sending it"."""
        token = command.body.get("token")
        if token is None:
            return
        if self._wallet.find(token["uid"], token["type"]) is None:
            self._wallet.keep(token)
        self._wallet.grant(
            token["uid"],
            token["type"],
            Grant(
                "COMMAND",
                command.sent_at,
                command.body["location_id"],
                command.body.get("authorization_reference"),
            ),
        )

    async def _wait(self, command: Command, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(max(seconds, 0.0), MAX_WAIT)):
                await command.answered.wait()
        except TimeoutError:
            self._feed.emit("command_timeout", id=command.id, command=command.name)

    # -- Sender interface

    async def result(self, exchange: Exchange) -> Answer:
        ids = exchange.request.match_info
        command = self.sent.get(ids["id"])
        if command is None or command.name != ids["command"]:
            found = violation(COMMANDS, "no such command was sent", "response_url", ids["id"])
            raise Refusal(404, GENERIC_CLIENT_ERROR, "unknown command", [found])
        data = await exchange.json()
        result, findings = check(self._version.kinds["CommandResult"], data)
        if result is None:
            raise Refusal(200, INVALID_PARAMETERS, findings[0].what, findings)
        exchange.findings += findings
        exchange.findings += self._out_of_turn(command, result)
        command.results.append(data)
        command.answered.set()
        self._feed.emit("command_result", id=command.id, command=command.name, result=result.result)
        return Answer()

    def _out_of_turn(self, command: Command, result: Any) -> Iterator[Finding]:
        # "To Cancel a reservation the CPO call the Senders interface with the same URL"
        canceled = command.name == "RESERVE_NOW" and result.result == "CANCELED_RESERVATION"
        if command.results and not canceled:
            yield violation(
                COMMANDS,
                "a second CommandResult for one command",
                "result",
                result.result,
                refuses=False,
            )
        response = command.response
        if response is None:
            return  # it overtook the CommandResponse
        if response["result"] != "ACCEPTED":
            yield violation(
                COMMANDS,
                "a CommandResult follows only an ACCEPTED CommandResponse",
                "result",
                result.result,
                refuses=False,
            )
        elif not canceled and self._now() > command.sent_at + timedelta(
            seconds=response["timeout"]
        ):
            yield violation(
                COMMANDS,
                "the CommandResult comes after the timeout of the CommandResponse",
                "timeout",
                response["timeout"],
                refuses=False,
            )
