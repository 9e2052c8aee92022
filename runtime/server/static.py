"""The console's files: read once, served from memory, and only those that the package ships.

A path is looked up in a table and never joined to a folder, so there is nothing to traverse. The files change only with
the package, but their names do not, so browsers revalidate (`no-cache` and an ETag) instead of keeping them.
"""

import gzip
import hashlib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from .. import console
from .exchange import Request, Response, refusal

TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}

# The console shows what models write, which is hostile input: nothing may run or load but what this server ships.
# CodeMirror writes its theme into style elements, hence 'unsafe-inline' for styles and only for them. Pictures that
# need a grant are fetched by the page and shown from its memory (blob:), because an element cannot show a grant.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# What pages of other origins may load, if the door lets them in at all (`origin`).
_FOR_OTHERS = {
    "/client.js": (("access-control-allow-origin", "*"), ("cross-origin-resource-policy", "cross-origin")),
}
_HEADERS = (
    ("cache-control", "no-cache"),
    ("content-security-policy", POLICY),
)


class _File(NamedTuple):
    type: str
    etag: str
    plain: bytes
    packed: bytes


class Files:
    """The table of what is under `root`, or of the console's bundle."""

    def __init__(self, root: Traversable | None = None) -> None:
        self._files = _shipped() if root is None else _table(root)

    def has(self, path: str) -> bool:
        """Whether a file answers to that path; `/` is the page."""
        return path == "/" or path in self._files

    def respond(self, request: Request) -> Response:
        """The file, or 304 if the browser has it, or 404 with a sentence where the bundle was not built."""
        file = self._files.get("/index.html" if request.path == "/" else request.path)
        if file is None:
            return refusal("bad-request", "The console is not part of this installation.", 404)
        headers = (*_HEADERS, *_FOR_OTHERS.get(request.path, ()), ("etag", file.etag), ("vary", "accept-encoding"))
        if request.headers.get("if-none-match") == file.etag:
            return Response(304, headers)
        headers += (("content-type", file.type),)
        if "gzip" in request.headers.get("accept-encoding", "") and len(file.packed) < len(file.plain):
            return Response(200, (*headers, ("content-encoding", "gzip")), file.packed)
        return Response(200, headers, file.plain)


@cache
def _shipped() -> dict[str, _File]:
    """The console's own, packed once for all servers of this process: it takes longer than the rest of their start."""
    return _table(resources.files(console) / "dist")


def _table(root: Traversable) -> dict[str, _File]:
    table: dict[str, _File] = {}
    if root.is_dir():
        _add(table, root, "/")
    return table


def _add(table: dict[str, _File], folder: Traversable, path: str) -> None:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            _add(table, entry, f"{path}{entry.name}/")
        elif (kind := TYPES.get(entry.name.rpartition(".")[2])) is not None:
            plain = entry.read_bytes()
            etag = f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
            table[path + entry.name] = _File(kind, etag, plain, gzip.compress(plain, 9, mtime=0))
