"""What partners send, as JSON Schema: one schema per method and path, in a version's own shapes.

Described is what the standard asks for; read is more than that (`received_tokens`, `handshake`:
unknown members, other cases of words), as a tolerant receiver has to.
"""

from typing import Any

from gateway.ocpi.versions import Version

Schema = dict[str, Any]

_DATE_TIME: Schema = {"type": "string", "format": "date-time", "maxLength": 25}
_URL: Schema = {"type": "string", "format": "uri", "maxLength": 255}
_COUNTRY_CODE: Schema = {"type": "string", "pattern": "^[A-Z]{2}$"}
_PARTY_ID: Schema = {"type": "string", "pattern": "^[A-Z0-9]{3}$"}
_BOOLEAN: Schema = {"type": "boolean"}
_NUMBER: Schema = {"type": "number"}


def _text(longest: int, shortest: int = 0) -> Schema:
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def _id(longest: int = 36) -> Schema:
    return {"type": "string", "pattern": rf"^[!-~]{{1,{longest}}}$"}


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, "minItems": least}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
    }


def _partial(schema: Schema) -> Schema:
    """For PATCH: any members, of which last_updated must be there (ocpi-rules 9)."""
    return schema | {"required": ["last_updated"], "minProperties": 1}


_BUSINESS = _object({"name": _text(100)}, {"website": _URL})
_PARTY = {"country_code": _COUNTRY_CODE, "party_id": _PARTY_ID}
_ROLE = _object(
    {"role": _one_of("CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"), **_PARTY}
    | {"business_details": _BUSINESS}
)
_WHITELIST = _one_of("ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER")


def _credentials(version: Version) -> Schema:
    access = {"token": {"type": "string", "pattern": "^[!-~]{1,64}$"}, "url": _URL}
    if not version.has_roles:
        return _object(access | {"business_details": _BUSINESS, **_PARTY})
    hub = {"hub_party_id": {"type": "string", "pattern": "^[A-Z]{2}[A-Z0-9]{3}$"}}
    newest = version.number == "2.3.0"
    return _object(access | {"roles": _list(_ROLE, 1)}, hub if newest else None)


def _token(version: Version) -> Schema:
    if not version.has_roles:
        return _object(
            {
                "uid": _id(),
                "type": _one_of("OTHER", "RFID"),
                "auth_id": _id(),
                "issuer": _text(64),
                "valid": _BOOLEAN,
                "whitelist": _WHITELIST,
                "last_updated": _DATE_TIME,
            },
            {"visual_number": _text(64), "language": _text(2, 2)},
        )
    types = ["AD_HOC_USER", "APP_USER", "OTHER", "RFID"]
    return _object(
        {
            **_PARTY,
            "uid": _id(),
            "type": _one_of(*types, *(["EMAID"] if version.number == "2.3.0" else [])),
            "contract_id": _id(),
            "issuer": _text(64),
            "valid": _BOOLEAN,
            "whitelist": _WHITELIST,
            "last_updated": _DATE_TIME,
        },
        {
            "visual_number": _text(64),
            "group_id": _id(),
            "language": _text(2, 2),
            "default_profile_type": _one_of("CHEAP", "FAST", "GREEN", "REGULAR"),
            "energy_contract": _object({"supplier_name": _text(64)}, {"contract_id": _text(64)}),
        },
    )


def _commands(version: Version) -> Schema:
    answer = {"response_url": _URL}
    place = {"evse_uid": _id(), "connector_id": _id()}
    reference = {"authorization_reference": _id()} if version.has_roles else {}
    reservation = {"reservation_id": _id() if version.has_roles else {"type": "integer"}}
    token = {"token": _token(version)}
    location = {"location_id": _id()}
    return {
        "anyOf": [
            _object(answer | token | location, place | reference),
            _object(answer | {"session_id": _id()}),
            _object(
                answer | token | location | reservation | {"expiry_date": _DATE_TIME},
                {"evse_uid": _id()} | reference,
            ),
            _object(answer | reservation),
            _object(answer | location | place),
        ]
    }


_PROFILE = _object(
    {"charging_rate_unit": _one_of("W", "A")},
    {
        "start_date_time": _DATE_TIME,
        "duration": {"type": "integer"},
        "min_charging_rate": _NUMBER,
        "charging_profile_period": _list(
            _object({"start_period": {"type": "integer"}, "limit": _NUMBER})
        ),
    },
)
_PREFERENCES = _object(
    {"profile_type": _one_of("CHEAP", "FAST", "GREEN", "REGULAR")},
    {"departure_time": _DATE_TIME, "energy_need": _NUMBER, "discharge_allowed": _BOOLEAN},
)
_CLIENT = _object(
    {
        **_PARTY,
        "role": _one_of("CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"),
        "status": _one_of("CONNECTED", "OFFLINE", "PLANNED", "SUSPENDED"),
        "last_updated": _DATE_TIME,
    }
)
_TERMINAL = _object(
    {"terminal_id": _id()},
    {
        **_PARTY,
        "customer_reference": _id(),
        "address": _text(45),
        "city": _text(45),
        "postal_code": _text(10),
        "state": _text(20),
        "country": _text(3, 3),
        "coordinates": _object({"latitude": _text(10), "longitude": _text(11)}),
        "invoice_base_url": _URL,
        "invoice_creator": _one_of("CPO", "PTP"),
        "reference": _id(),
        "location_ids": _list(_id()),
        "evse_uids": _list(_id()),
        "last_updated": _DATE_TIME,
    },
)
_TAX = _object({"name": _text(255), "amount": _NUMBER}, {"percentage": _NUMBER})
_CONFIRMATION = _object(
    {
        "id": _id(),
        "authorization_reference": _id(),
        "total_costs": _object({"before_taxes": _NUMBER}, {"taxes": _list(_TAX)}),
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "eft_data": _list(_text(255, 1), 1),
        "capture_status_code": _one_of("SUCCESS", "PARTIAL_SUCCESS", "FAILED"),
        "last_updated": _DATE_TIME,
    },
    {"capture_status_message": _text(255, 1)},
)
_INVOICE = _object(
    {
        **_PARTY,
        "id": _id(),
        "invoice_id": _id(255),
        "cdrs": _list(_id(), 1),
        "last_updated": _DATE_TIME,
    }
)


def of(version: Version) -> dict[tuple[str, str], Schema]:
    """The bodies by method and path below the version's URL."""
    credentials, token = _credentials(version), _token(version)
    own_token = "/tokens/{country_code}/{party_id}/{token_uid}"  # noqa: S105 - a path
    return {
        ("POST", "/credentials"): credentials,
        ("PUT", "/credentials"): credentials,
        ("PUT", own_token): token,
        ("PATCH", own_token): _partial(token),
        ("POST", "/commands/{command}"): _commands(version),
        ("PUT", "/chargingprofiles/{session_id}"): _object(
            {"charging_profile": _PROFILE, "response_url": _URL}
        ),
        ("PUT", "/sessions/{session_id}/charging_preferences"): _PREFERENCES,
        ("PUT", "/hubclientinfo/{country_code}/{party_id}"): _CLIENT,
        ("POST", "/payments/terminals"): _TERMINAL,
        ("POST", "/payments/financial-advice-confirmations"): _CONFIRMATION,
        ("POST", "/invoicereconciliation"): _INVOICE,
        ("PUT", "/invoicereconciliation/{country_code}/{party_id}/{id}"): _INVOICE,
    }
