"""Local lists and contract certificates in each version's words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.commands import Command, CommandOutcome
from gateway.domain.local_list import (
    ClearCache,
    GetLocalListVersion,
    ListEntry,
    SendLocalList,
    UpdateType,
)
from gateway.domain.tokens import Authorization, AuthorizationStatus
from gateway.ocpp import v16, v201
from gateway.ocpp.v201.authorization import authorize

AT = datetime(2027, 1, 1, tzinfo=UTC)
LIST = SendLocalList(
    7, UpdateType.DIFFERENTIAL, (ListEntry("04AB", "FAMILY", AT), ListEntry("04CD")), ("04EF",)
)
DIALECTS = pytest.mark.parametrize("dialect", [v16.DIALECT, v201.DIALECT], ids=["1.6", "2.0.1"])


def said(dialect: Any, command: Command) -> Any:
    asked = dialect.asks[type(command)](command)
    schema = dialect.schemas.request(asked.action)
    assert not schema.faults(asked.payload)
    return asked


def test_a_16_list_deletes_by_leaving_out_the_info() -> None:
    """1.6 7.2: "If this element is absent, than the entry ... SHALL be deleted"."""
    assert said(v16.DIALECT, LIST).payload == {
        "listVersion": 7,
        "localAuthorizationList": [
            {
                "idTag": "04AB",
                "idTagInfo": {
                    "expiryDate": "2027-01-01T00:00:00.000Z",
                    "parentIdTag": "FAMILY",
                    "status": "Accepted",
                },
            },
            {"idTag": "04CD", "idTagInfo": {"status": "Accepted"}},
            {"idTag": "04EF"},
        ],
        "updateType": "Differential",
    }


def test_a_201_list_deletes_by_leaving_out_the_info() -> None:
    """2.0.1 D01."""
    assert said(v201.DIALECT, LIST).payload == {
        "localAuthorizationList": [
            {
                "idToken": {"idToken": "04AB", "type": "ISO14443"},
                "idTokenInfo": {
                    "status": "Accepted",
                    "cacheExpiryDateTime": "2027-01-01T00:00:00.000Z",
                    "groupIdToken": {"idToken": "FAMILY", "type": "Central"},
                },
            },
            {
                "idToken": {"idToken": "04CD", "type": "ISO14443"},
                "idTokenInfo": {"status": "Accepted"},
            },
            {"idToken": {"idToken": "04EF", "type": "ISO14443"}},
        ],
        "versionNumber": 7,
        "updateType": "Differential",
    }


@DIALECTS
def test_an_empty_list_is_left_out(dialect: Any) -> None:
    """2.0.1: at least one element, if there is a list; 1.6 6.41: all are removed."""
    asked = said(dialect, SendLocalList(1, UpdateType.FULL))
    assert "localAuthorizationList" not in asked.payload


@DIALECTS
@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("Accepted", CommandOutcome.ACCEPTED),
        ("Failed", CommandOutcome.REJECTED),
        ("VersionMismatch", CommandOutcome.REJECTED),
    ],
)
def test_the_stations_word_is_kept(dialect: Any, word: str, outcome: CommandOutcome) -> None:
    reply = said(dialect, LIST).read({"status": word})
    assert (reply.outcome, reply.status) == (outcome, word)


def test_not_supported_is_a_word_of_16() -> None:
    reply = said(v16.DIALECT, LIST).read({"status": "NotSupported"})
    assert reply.outcome is CommandOutcome.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("dialect", "member"), [(v16.DIALECT, "listVersion"), (v201.DIALECT, "versionNumber")]
)
def test_the_version_is_read(dialect: Any, member: str) -> None:
    assert said(dialect, GetLocalListVersion()).read({member: 12}).data == {"version": 12}


@DIALECTS
@pytest.mark.parametrize("word", ["Accepted", "Rejected"])
def test_a_cache_is_cleared_or_not(dialect: Any, word: str) -> None:
    """TC_C_37_CSMS, TC_C_38_CSMS."""
    reply = said(dialect, ClearCache()).read({"status": word})
    assert reply.accepted is (word == "Accepted")


class Decides:
    """An authorization service that accepts everybody."""

    async def authorize(self, state: Any, token: Any) -> Authorization:
        return Authorization(AuthorizationStatus.ACCEPTED)


class ShowsNothing:
    """No station shows a tariff."""

    def text(self, state: Any, evse_id: Any, language: Any) -> None:
        return None


class Judges:
    """What is known of a chain."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.chains: list[Any] = []

    async def status_of(self, chain: Any) -> str:
        self.chains.append(chain)
        return self.word


HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "00",
    "issuerKeyHash": "01",
    "serialNumber": "02",
    "responderURL": "http://ocsp.example",
}


@pytest.mark.parametrize(
    ("word", "status"), [("Accepted", "Accepted"), ("CertificateRevoked", "Invalid")]
)
async def test_a_contract_counts_only_with_a_good_certificate(word: str, status: str) -> None:
    """2.0.1 C07."""
    judges: Any = Judges(word)
    decides: Any = Decides()
    shows: Any = ShowsNothing()
    state: Any = None
    payload = {
        "idToken": {"idToken": "DE8AACA2B3C4D5", "type": "eMAID"},
        "iso15118CertificateHashData": [HASHES],
    }
    answer = await authorize(decides, judges, shows, state, payload)
    assert answer == {"idTokenInfo": {"status": status}, "certificateStatus": word}
    assert [one.responder_url for one in judges.chains[0]] == ["http://ocsp.example"]
    schema = v201.DIALECT.schemas.response("Authorize")
    assert schema is not None
    assert not schema.faults(answer)


async def test_without_a_certificate_none_is_judged() -> None:
    judges: Any = Judges("Accepted")
    decides: Any = Decides()
    shows: Any = ShowsNothing()
    state: Any = None
    payload = {"idToken": {"idToken": "04AB", "type": "ISO14443"}}
    answer = await authorize(decides, judges, shows, state, payload)
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    assert judges.chains == []
