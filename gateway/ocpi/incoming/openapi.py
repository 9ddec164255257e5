"""The description (OpenAPI 3.1) of what partners can call, made from the routes that serve it.

It is served at `/ocpi/{version}/openapi.json`, without a token: what is in it is the standard's.
"""

import re
from typing import Any

from aiohttp import web

from gateway.ocpi.incoming import openapi_bodies
from gateway.ocpi.versions import VERSIONS, Version

NAME = "openapi"
_PARAMETER = re.compile(r"{(\w+)}")
_LISTS = ("/locations", "/sessions", "/cdrs", "/tariffs", "/invoicereconciliation")
_PAGING = {
    "date_from": {"type": "string", "format": "date-time"},
    "date_to": {"type": "string", "format": "date-time"},
    "offset": {"type": "integer", "minimum": 0},
    "limit": {"type": "integer", "minimum": 1},
    "cursor": {"type": "string"},
}
_QUERIES: dict[str, dict[str, Any]] = {
    "/tokens/{country_code}/{party_id}/{token_uid}": {"type": {"type": "string"}},
    "/chargingprofiles/{session_id}": {
        "duration": {"type": "integer"},
        "response_url": {"type": "string", "format": "uri"},
    },
}
_ENVELOPE = {
    "type": "object",
    "required": ["status_code", "timestamp"],
    "properties": {
        "data": {},
        "status_code": {"type": "integer", "minimum": 1000, "maximum": 3999},
        "status_message": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time", "maxLength": 25},
    },
}
_STATUSES = {
    "200": "done, or refused with an OCPI status code",
    "201": "created",
    "304": "what the client has is the newest",
    "400": "no valid JSON",
    "401": "no or an unknown credentials token",
    "404": "a GET of what is not there",
    "405": "no such method, or not in this state of the registration",
    "413": "the body is too long",
}


def add_routes(app: web.Application) -> None:
    """Describe every version whose routes are in the application."""
    for version in VERSIONS:
        base = f"/ocpi/{version.number}"
        description = describe(app, version)

        async def answer(
            _request: web.Request, description: dict[str, Any] = description
        ) -> web.Response:
            return web.json_response(description)

        name = f"{NAME}-v{version.number.replace('.', '')}"
        app.router.add_get(f"{base}/openapi.json", answer, name=name)


def describe(app: web.Application, version: Version) -> dict[str, Any]:
    """The description of one version."""
    base, bodies = f"/ocpi/{version.number}", openapi_bodies.of(version)
    paths: dict[str, dict[str, Any]] = {}
    for resource in app.router.resources():
        path = resource.canonical
        if not path.startswith(base) or path.endswith("/"):
            continue
        below = path.removeprefix(base)
        for route in resource:
            if route.method != "HEAD":
                operation = _operation(route.method, below, bodies)
                paths.setdefault(path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "OCPI, CPO role", "version": version.number},
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Response": _ENVELOPE},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"}
            },
        },
    }


def _operation(
    method: str, path: str, bodies: dict[tuple[str, str], dict[str, Any]]
) -> dict[str, Any]:
    query: dict[str, Any] = _QUERIES.get(path, {})
    if method == "GET" and path in _LISTS:
        query = _PAGING
    operation: dict[str, Any] = {
        "tags": [path.split("/")[1] or "versions"] if path else ["versions"],
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _PARAMETER.findall(path)
            ),
            *({"name": name, "in": "query", "schema": schema} for name, schema in query.items()),
        ],
        "responses": {
            status: {
                "description": text,
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Response"}}
                },
            }
            for status, text in _STATUSES.items()
        },
    }
    if method in ("POST", "PUT", "PATCH"):
        schema = bodies.get((method, path), {"type": "object"})
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation
