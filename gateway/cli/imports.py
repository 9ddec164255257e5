"""Documents from files into the gateway, with progress where somebody watches."""

from collections.abc import Callable, Iterable
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

Document = dict[str, Any]


def put_all(
    api: OperatorApi,
    path: str,
    files: Iterable[Path],
    *,
    json_output: bool,
    prepare: Callable[[Document], Document] = lambda document: document,
) -> None:
    """PUT every document of every file; one that is refused does not stop the others.

    `warnings` of the answers are shown. Raises `Problem` in the end if one was refused.
    """
    ready = [prepare(one) for file in files for one in documents(file)]
    results: list[Document] = []
    watched = track(ready, "importing", console=Console(stderr=True), transient=True)
    for document in watched if Console(stderr=True).is_terminal else ready:
        results.append(_put(api, path, document))
    refused = [one for one in results if "error" in one]
    if json_output:
        print_json(results)
    else:
        for one in results:
            print_line(f"{one['id']}: {one.get('error') or one['result']}")
            for warning in one.get("warnings", ()):
                print_line(f"warning: {warning['path']}: {warning['text']} ({warning['clause']})")
    if refused:
        raise Problem(f"{len(refused)} of {len(results)} were refused")


def _put(api: OperatorApi, path: str, document: Document) -> Document:
    try:
        status, answer = api.call("PUT", f"{path}/{segment(document['id'])}", document)
    except Refused as refused:
        return {"id": document["id"], "error": str(refused)}
    warnings = answer.get("warnings") if isinstance(answer, dict) else None
    result = {"id": document["id"], "result": _WORDS.get(status, str(status))}
    return result | ({"warnings": warnings} if warnings else {})


def documents(file: Path) -> list[Document]:
    """The documents of a file. Raises `Problem`."""
    content = read_json(file)
    found = content if isinstance(content, list) else [content]
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise Problem(f"{file}: every document is an object with an id")
    return found
