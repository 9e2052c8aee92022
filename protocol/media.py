"""Blobs: what one is called and what it may say that it is.

A blob is any bytes, an image or a file, kept once whoever brings it. Its name is the SHA-256 of its bytes in lower-case
hex, so it means the same for ever, and whoever has the bytes can compute it.

Its media type is what the uploader said: `type/subtype` (RFC 6838, section 4.2) without parameters, in lower case. It
is a claim about bytes that nobody checked, so whoever shows a blob goes by `is_picture` and lets nothing else run.
"""

import re

from .errors import Refused
from .limits import MEDIA_TYPE_CHARS

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
"""Types that a browser draws and that cannot hold a script. SVG can, so it is none of them."""

_NAME = re.compile(r"[0-9a-f]{64}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


def blob_name(name: str) -> str:
    """The name itself if a blob may have it. Raises Refused('no-such-blob'), since nothing can be there."""
    if not _NAME.fullmatch(name):
        raise Refused("no-such-blob", "A blob's name is the SHA-256 of its bytes, 64 lower-case hex digits.")
    return name


def media_type(said: str) -> str:
    """The type of a Content-Type header, without its parameters. Raises Refused('bad-request')."""
    kind = said.partition(";")[0].strip().lower()
    if len(kind) > MEDIA_TYPE_CHARS or not _TYPE.fullmatch(kind):
        raise Refused("bad-request", f"A media type is type/subtype, of at most {MEDIA_TYPE_CHARS} plain characters.")
    return kind


def is_picture(kind: str) -> bool:
    """Whether a browser may draw a blob of that type in a page."""
    return kind in PICTURES
