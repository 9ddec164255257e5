"""Commands, of which we are the Sender: the request, its CommandResponse and its CommandResult."""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from simulators.partner.client import CallFailed, Client, Report
from simulators.partner.exact_json import Json
from simulators.partner.exchange import GENERIC_CLIENT_ERROR, Answer, Exchange, Refusal
from simulators.partner.finding import Finding, refusing, violation
from simulators.partner.gate import Gate
from simulators.partner.owner import Owner
from simulators.partner.peer import Peer
from simulators.partner.receipt import INVALID_PARAMETERS
from simulators.partner.site import Site
from simulators.partner.version import Version
from simulators.partner.wallet import RFID, Grant

KEPT = 1000
MAX_WAIT = 300.0

# seconds; 2.1.1 lets the CPO name none
USUAL_TIMEOUT = 30

COMMANDS = "2.2.1 mod_commands"


@dataclass(slots=True)
class Command:
    """One command and what came of it."""

    id: str
    name: str
    body: Json
    sent_at: datetime
    token: Json | None = None
    """The token in it, as the wallet has it"""
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
        site: Site,
        client: Client,
        report: Report,
        module_url: Callable[[str], str],
    ) -> None:
        self._version = version
        self._site = site
        self._wallet = site.wallet
        self._client = client
        self._feed = site.feed
        self._report = report
        self._module_url = module_url
        self._now = site.now
        self.sent: OrderedDict[str, Command] = OrderedDict()

    def routes(self, gate: Gate, base: str) -> list[web.RouteDef]:
        return [web.post(f"{base}/commands/{{command}}/{{id}}", gate.functional(self.result))]

    async def send(
        self,
        peer: Peer,
        name: str,
        fields: Json,
        wait: float | None = None,
        sender: Owner | None = None,
    ) -> Command:
        """Send it and wait for the CommandResult.

        Waits as long as the CommandResponse's timeout says (where the version has none,
        `USUAL_TIMEOUT`), or `wait` seconds, at most `MAX_WAIT`; without a result in that time,
        `result` stays None. `fields["token"]` may be the uid of one of our tokens; its party
        sends the command, unless `sender` does. Raises `CallFailed`, ValueError.
        """
        if name not in self._version.commands:
            raise ValueError(f"no such command: {name}")
        endpoint = peer.endpoint("commands", "RECEIVER")
        if endpoint is None:
            raise CallFailed("the platform does not receive commands")
        command = self._prepare(name, fields)
        self._authorize(command)
        url = f"{endpoint.rstrip('/')}/{name}"
        reply = await self._client.functional(
            "POST", url, peer, command.body, sender=sender or self._sender(command)
        )
        response, findings = self._version.check("CommandResponse", reply.data)
        self._report(f"answer to {name}", findings)
        if response is None:
            raise CallFailed("no CommandResponse", reply.http_status, reply.status_code)
        command.response = reply.data
        self._feed.emit(
            "command_response",
            id=command.id,
            command=name,
            result=response.result,
            timeout=getattr(response, "timeout", None),
        )
        if response.result == "ACCEPTED":
            timeout = getattr(response, "timeout", USUAL_TIMEOUT)
            await self._wait(command, timeout if wait is None else wait)
        return command

    def _sender(self, command: Command) -> Owner | None:
        """The party whose token it is, or whose reservation."""
        token, reservation = command.token, command.body.get("reservation_id")
        for earlier in self.sent.values() if token is None and reservation is not None else ():
            if earlier.body.get("reservation_id") == reservation and earlier.token is not None:
                token = earlier.token
        return None if token is None else Owner(token["country_code"], token["party_id"])

    def _prepare(self, name: str, fields: Json) -> Command:
        command_id = uuid.uuid4().hex
        body: Json = {
            **fields,
            "response_url": f"{self._module_url('commands')}/{name}/{command_id}",
        }
        token = body.pop("token", None)
        if isinstance(token, str):
            token = self._wallet.find(token, str(body.pop("token_type", RFID)))
        if token is not None:
            body["token"] = self._version.write_token(token)
        for given in ("location_id", "evse_uid", "connector_id", "session_id"):
            if isinstance(body.get(given), str):
                body[given] = self._site.habits.id(body[given])
        read, findings = self._version.read_as(self._version.commands[name], body)
        broken = refusing(findings)
        if read is None or broken:
            raise ValueError(f"{broken[0].where}: {broken[0].what}")
        command = Command(command_id, name, body, self._now(), token)
        self.sent[command_id] = command
        if len(self.sent) > KEPT:
            self.sent.popitem(last=False)
        return command

    def _authorize(self, command: Command) -> None:
        """ "The Token provided by the eMSP SHALL be authorized by the eMSP before sending it"."""
        token = command.token
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
        result, findings = self._version.check("CommandResult", data)
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
        elif "timeout" not in response:
            return
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
