"""The API's description (OpenAPI 3.1), made from the routes that serve it."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from gateway.admin.calls import Query, Route
from gateway.admin.errors import phrase

_NAMES = re.compile(r"{(\w+)}")
_ALWAYS = {400: "the request cannot be read", 401: "no or a wrong token", 403: "cross-site"}
_REFERENCE = "#/components/schemas/{model}"

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}


def describe(routes: Iterable[Route], base: str, version: str) -> dict[str, Any]:
    """The whole document."""
    schemas: dict[str, Any] = {"Error": ERROR}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(base + route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OCPP-OCPI gateway, operator API", "version": version},
        "security": [{"operator": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(route),
        "tags": [route.path.split("/")[1]],
        "parameters": [
            *(_parameter("path", Query(name, name)) for name in _NAMES.findall(route.path)),
            *(_parameter("query", query) for query in route.query),
        ],
        "responses": {
            str(status): _response(status, text)
            for status, text in sorted({**_ALWAYS, **route.answers}.items())
        },
    }
    if route.body is not None:
        content: dict[str, Any] = {"schema": _schema(route.body, schemas)}
        if route.example is not None:
            content["example"] = route.example
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _operation_id(route: Route) -> str:
    words = re.sub(r"[^a-z]+", "_", route.path.lower()).strip("_")
    return f"{route.method.lower()}_{words}"


def _parameter(where: str, query: Query) -> dict[str, Any]:
    return {
        "name": query.name,
        "in": where,
        "required": where == "path",
        "description": query.description,
        "schema": {"type": query.type},
    }


def _response(status: int, text: str) -> dict[str, Any]:
    response: dict[str, Any] = {"description": f"{phrase(status)}: {text}"}
    if status >= 400:
        schema = {"$ref": _REFERENCE.format(model="Error")}
        response["content"] = {"application/json": {"schema": schema}}
    return response


def _schema(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the model's schema, which goes into the components with all it uses."""
    try:
        schema = model.model_json_schema(ref_template=_REFERENCE, mode="validation")
    except PydanticInvalidForJsonSchema:
        # a check that JSON Schema cannot express; the standard describes the object
        return {"type": "object", "description": f"an OCPI 2.3.0 {model.__name__}"}
    schemas |= schema.pop("$defs", {})
    schemas[model.__name__] = schema
    return {"$ref": _REFERENCE.format(model=model.__name__)}
