"""Documents from files into the gateway, with progress where somebody watches."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import track

from gateway.cli.api import OperatorApi, Refused, segment
from gateway.cli.output import print_json, print_line, read_json
from gateway.cli.problem import Problem

Files = typer.Argument(help="JSON: one object or an array of them; `-`: standard input.")

_WORDS = {201: "created", 200: "replaced"}


def put_all(api: OperatorApi, path: str, files: Iterable[Path], *, json_output: bool) -> None:
    """PUT every document of every file; one that is refused does not stop the others.

    Raises `Problem` in the end if one was refused.
    """
    documents = [one for file in files for one in _documents(file)]
    results: list[dict[str, Any]] = []
    watched = track(documents, "importing", console=Console(stderr=True), transient=True)
    for document in watched if Console(stderr=True).is_terminal else documents:
        results.append(_put(api, path, document))
    refused = [one for one in results if "error" in one]
    if json_output:
        print_json(results)
    else:
        for one in results:
            print_line(f"{one['id']}: {one.get('error') or one['result']}")
    if refused:
        raise Problem(f"{len(refused)} of {len(results)} were refused")


def _put(api: OperatorApi, path: str, document: dict[str, Any]) -> dict[str, Any]:
    try:
        status, _ = api.call("PUT", f"{path}/{segment(document['id'])}", document)
    except Refused as refused:
        return {"id": document["id"], "error": str(refused)}
    return {"id": document["id"], "result": _WORDS.get(status, str(status))}


def _documents(file: Path) -> list[dict[str, Any]]:
    content = read_json(file)
    documents = content if isinstance(content, list) else [content]
    for one in documents:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise Problem(f"{file}: every document is an object with an id")
    return documents
