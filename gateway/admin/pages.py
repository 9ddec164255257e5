"""The dashboard's files: a page, a script and a style, read once at start."""

from importlib.resources import files

from aiohttp import web
from aiohttp.typedefs import Handler

_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_FILES = ("index.html", "dashboard.js", "held.js", "dashboard.css", "icon.svg")


def add_pages(app: web.Application) -> None:
    """Serve the page at `/` and its files below `/static/`; nothing else is reachable."""
    folder = files("gateway.admin") / "static"
    for name in _FILES:
        serve = _serve(folder.joinpath(name).read_bytes(), _TYPES[name.rpartition(".")[2]])
        app.router.add_get("/" if name == "index.html" else f"/static/{name}", serve)


def _serve(content: bytes, content_type: str) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=content_type, charset="utf-8")

    return serve
