"""Root: one root of a shared document, what it holds, and the limits of what is written into it at once.

The server types no root, because editors bring their own. So what a root holds is read from its content; an empty one
is what its name says: the names that rich-text editors use by default are rich text, `content` and the rest plain.
"""

from typing import Any, Literal, cast

from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from ..errors import Refused
from ..limits import WRITTEN_CHARS
from ..names import DEFAULT_DOCUMENT

Kind = Literal["text", "rich", "foreign", "map", "array", "empty"]
"""`foreign` is rich text that is no fragment of elements, but a text with texts in it, as Lexical writes it."""

DEFAULT_ROOT = "content"
DEFAULT_VALUES = "state"

RICH_ROOTS = frozenset({"default", "document-store", "prosemirror"})
"""How Tiptap, BlockNote and y-prosemirror's examples call their fragment."""


class Root:
    """A root of a document by name, for one edit. `document` is what the document is called in its room: anchors are
    bound to it."""

    def __init__(self, doc: Doc[Any], name: str = DEFAULT_ROOT, document: str = DEFAULT_DOCUMENT) -> None:
        self.doc = doc
        self.name = name
        self.document = document
        self._kind: Kind = "empty"

    @property
    def text(self) -> Text:
        return self.doc.get(self.name, type=Text)

    @property
    def fragment(self) -> XmlFragment:
        return self.doc.get(self.name, type=XmlFragment)

    @property
    def map(self) -> Map[Any]:
        return self.doc.get(self.name, type=Map)

    @property
    def array(self) -> Array[Any]:
        return self.doc.get(self.name, type=Array)

    @property
    def kind(self) -> Kind:
        """What the root holds, remembered once it holds something: finding out costs as much as reading it."""
        if self._kind == "empty":
            self._kind = self._look()
        return self._kind

    def _look(self) -> Kind:
        """yrs shows any root as any type, and shows what does not fit as empty."""
        if self.name in RICH_ROOTS:
            # Asked first, because the first type that a root is asked for is the one that its events have.
            self.fragment  # noqa: B018
        contents = [content for content, _ in self.text.diff()]
        if any(isinstance(content, XmlText) for content in contents):
            return "foreign"
        if contents and isinstance(contents[0], XmlElement | XmlFragment):
            return "rich"
        if contents:
            return "array" if isinstance(contents[0], Map | Array | Text) else "text"
        if len(self.map):
            return "map"
        return "array" if len(self.array) else "empty"

    @property
    def is_rich(self) -> bool:
        """Whether words in it are written as rich text. Raises Refused for a root that holds values, or words in a
        shape that only their own editor knows: whatever else was written there, it would remove or trip over."""
        kind = self.kind
        if kind == "foreign":
            raise Refused("bad-request", f"Only its own editor can read and edit the root '{self.name}' (Lexical's?).")
        if kind in ("map", "array"):
            raise Refused("bad-request", f"The root '{self.name}' holds values, not words; get and set them by path.")
        return kind == "rich" or (kind == "empty" and self.name in RICH_ROOTS)


def chosen(doc: Doc[Any], target: str, *, values: bool) -> Root:
    """The root that a model means by `document` or `document#root`: without a root the only one that holds words, or
    values. Of several the one of the default name; of none that. Raises Refused('ambiguous')."""
    document, _, name = target.partition("#")
    document = document or DEFAULT_DOCUMENT
    default = DEFAULT_VALUES if values else DEFAULT_ROOT
    if name:
        return Root(doc, name, document)
    kinds = ("map", "array") if values else ("text", "rich", "foreign")
    roots = {each: Root(doc, each, document) for each in sorted(cast(Any, doc))}
    found = [each for each in roots.values() if each.kind in kinds]
    if len(found) == 1:
        return found[0]
    if found and default not in (each.name for each in found):
        named = ", ".join(f"'{document}#{each.name}'" for each in found)
        raise Refused("ambiguous", f"The document '{document}' has several roots; say which: {named}.")
    return roots.get(default) or Root(doc, default, document)


def checked(text: str) -> str:
    """The text itself if it may be written at once. Raises Refused."""
    if len(text) > WRITTEN_CHARS:
        raise Refused("too-large", f"One edit may write {WRITTEN_CHARS} characters, and this has {len(text)}.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("bad-request", "The text holds half a character (a lone surrogate).") from None
    return text
