"""What an answer stands on, as vendors cite it: each source once, and no more of them than somebody reads.

A citation is the vendor's word about a page that somebody else wrote, and our page will make a link of it. So an
address that is not http or https is taken for a name, and nothing but text is taken for text.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ...protocol.limits import MODEL_SOURCE_CHARS, MODEL_SOURCES
from .model import SourceChunk


class Sources:
    """The sources of one answer."""

    def __init__(self) -> None:
        self._known: set[SourceChunk] = set()

    def read(self, cited: Iterable[tuple[Any, Any, Any]]) -> Iterator[SourceChunk]:
        """Those of these citations (address, title, passage) that are new."""
        for url, title, text in cited:
            url, title, text = (
                each[:MODEL_SOURCE_CHARS] if isinstance(each, str) else "" for each in (url, title, text)
            )
            linked = url.lower().startswith(("http://", "https://"))
            source = SourceChunk(url if linked else "", title or url, text)
            if source.title and source not in self._known and len(self._known) < MODEL_SOURCES:
                self._known.add(source)
                yield source
