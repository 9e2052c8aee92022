"""Anchors: places in a document that a model can hold and give back, and that stay where they are while people type.

An anchor names a character or a block by the id that the CRDT gave it, never by its number: `before` sticks to the
character on its right, `after` to the one on its left, `block` to an element of rich text. As a string it is base64url
without padding, and its last three bytes are a digest over the document, the root and the rest, so that one of another
document and one that a model made up are refused alike.

yrs has relative positions, and of a plain text that is all ASCII they are used. Where a text holds more, pycrdt makes
wrong ones (it takes bytes for clocks) and reading one can panic; and of rich text it makes none. So there ids are found
out by experiment, on a throw-away copy:
deleting a character there gives an update that names it, and an update that deletes an id there gives an event that
says where it was. A copy costs as much as opening the document once.
"""

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Literal, cast

from msgspec import Struct
from pycrdt import Assoc, Doc, StickyIndex, TransactionEvent, XmlElement, XmlFragment, XmlText

from ..errors import Refused
from ..frames import MAX_UINT, read_uint, write_uint
from ..structs import Range
from ..update import decode_state_vector, read
from .root import Root

Side = Literal["before", "after", "block"]
Path = tuple[int, ...]
"""Which child of which child: how an element or a text is found from its root. Empty for a plain text."""

_SIDES: tuple[Side, ...] = ("before", "after", "block")
_DIGEST = 3
_AGAIN = "read or search the document again for a new one"


class Anchor(Struct, frozen=True):
    """What is stuck to: `ticks` clocks from `clock` on of `client`, two for a character beyond U+FFFF."""

    side: Side
    client: int
    clock: int
    ticks: int = 1

    def sticking(self, side: Side) -> "Anchor":
        """The same character, from that side."""
        return Anchor(side, self.client, self.clock, self.ticks)

    @property
    def relative_position(self) -> dict[str, Any]:
        """The same place as Yjs's JSON of a relative position, for cursors. Not for a block."""
        clock = self.clock + (self.ticks - 1 if self.side == "after" else 0)
        return {"item": {"client": self.client, "clock": clock}, "assoc": -1 if self.side == "after" else 0}


class Place(Struct, frozen=True):
    """Where an anchor's character or block is now: its text's path or its own, the bytes before it, and its bytes."""

    side: Side
    path: Path
    at: int = 0
    length: int = 0


def encode(root: Root, anchor: Anchor) -> str:
    """The string that a model holds."""
    flags = _SIDES.index(anchor.side) | (anchor.ticks - 1) << 2
    body = bytes((flags,)) + write_uint(anchor.client) + write_uint(anchor.clock)
    return urlsafe_b64encode(body + _digest(root, body)).rstrip(b"=").decode()


def decode(root: Root, text: str) -> Anchor:
    """What a model gave back. Raises Refused('bad-anchor') unless it was made of this root of this document."""
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        body, digest = data[:-_DIGEST], data[-_DIGEST:]
        if digest == _digest(root, body) and body[0] & 3 < len(_SIDES):
            client, at = read_uint(body, 1)
            clock, _ = read_uint(body, at)
            return Anchor(_SIDES[body[0] & 3], client, clock, (body[0] >> 2 & 1) + 1)
    except (binascii.Error, UnicodeEncodeError, Refused, IndexError):
        pass
    raise Refused("bad-anchor", f"'{text[:40]}' is no anchor of root '{root.name}' of '{root.document}': {_AGAIN}.")


def _digest(root: Root, body: bytes) -> bytes:
    return hashlib.sha256(f"{root.document}\n{root.name}\n".encode() + body).digest()[:_DIGEST]


class Copy:
    """A throw-away copy of a root's document, in which ids and places are found out by breaking things."""

    def __init__(self, root: Root) -> None:
        self._update = b""
        self._source = root
        self._rich = root.is_rich
        state = root.doc.get_update()
        self._clocks = known = decode_state_vector(root.doc.get_state())
        doc: Doc[Any] = Doc(client_id=next(c for c in range(MAX_UINT, 0, -1) if c not in known))
        doc.apply_update(state)
        self.root = Root(doc, root.name, root.document)
        self._subscription = doc.observe(self._observe)

    def _observe(self, event: TransactionEvent) -> None:
        self._update = event.update

    def close(self) -> None:
        """Let go of it: an observer and its document would hold each other for ever."""
        self.root.doc.unobserve(self._subscription)

    def name_characters(self, places: list[Place]) -> list[Anchor]:
        """The anchors of these places, which are in the document's order."""
        anchors: list[Anchor] = []
        for place in reversed(places):
            text = node(self.root, place.path) if place.path else self.root.text
            del text[place.at : place.at + place.length]
            anchors.append(self._the_one(place, read(self._update, own=True).deleted))
        return anchors[::-1]

    def _the_one(self, place: Place, deleted: tuple[Range, ...]) -> Anchor:
        """Which of the deleted ids is the character's: yrs may have tidied up marks that stood around it as well."""
        ticks = 2 if place.length == 4 else 1
        ids = [(client, clock) for client, start, stop in deleted for clock in range(start, stop)]
        if len(ids) == ticks:
            return Anchor(place.side, *ids[0], ticks)
        for client, clock in ids:
            anchor = Anchor(place.side, client, clock, ticks)
            copy = Copy(self._source)
            try:
                if copy.find(anchor) == place:
                    return anchor
            except Refused:
                pass
            finally:
                copy.close()
        raise AssertionError(f"none of {ids} is what was deleted at {place}")

    def name_blocks(self, paths: list[Path]) -> list[Anchor]:
        """The anchors of the elements at these paths: an attribute's struct names the element that it is for."""
        if not paths:
            return []
        with self.root.doc.transaction():
            for path in paths:
                cast(XmlElement, node(self.root, path)).attributes["\0anchor"] = ""
        (section,) = read(self._update, own=True).sections
        return [Anchor("block", client, clock) for _, client, clock in section.needs]

    def find(self, anchor: Anchor) -> Place:
        """Where that is; to be asked once of a copy. Raises Refused('not-found') if it was deleted, or is no more what
        the anchor says; 'bad-anchor' if it never was."""
        if anchor.clock + anchor.ticks > self._clocks.get(anchor.client, 0):
            raise Refused("bad-anchor", f"The document never had what this anchor names: {_AGAIN}.")
        rich = self._rich
        target = self.root.fragment if rich else self.root.text
        events: list[Any] = []

        def note(happened: Sequence[Any]) -> None:
            events.extend((event.path, event.delta, event.target) for event in happened)

        target.observe_deep(note)
        deletion = (0, 1, anchor.client, 1, anchor.clock, anchor.ticks)
        self.root.doc.apply_update(b"".join(map(write_uint, deletion)))
        for path, delta, changed in events:
            at, length = _deleted(delta)
            if not length:
                continue
            if anchor.side == "block" and isinstance(changed, XmlElement | XmlFragment):
                return Place("block", (*path, at))
            if anchor.side != "block" and (not rich or isinstance(changed, XmlText)):
                return Place(anchor.side, tuple(path), at, length)
        raise Refused("not-found", f"What this anchor stuck to was deleted meanwhile: {_AGAIN}.")


def _deleted(delta: list[dict[str, Any]]) -> tuple[int, int]:
    """Where the event's deletion began, and its length; 0 if it deleted nothing."""
    at = 0
    for step in delta:
        if "delete" in step:
            return at, step["delete"]
        at += step.get("retain", 0)
    return at, 0


def find(root: Root, text: str, *, simple: bool = False) -> Place:
    """Where the anchor that a model gave is now; `simple` says that the root is a plain text, all ASCII. Raises
    Refused."""
    anchor = decode(root, text)
    place = _looked_up(root, anchor) if simple else None
    if place is not None:
        return place
    copy = Copy(root)
    try:
        return copy.find(anchor)
    finally:
        copy.close()


def _looked_up(root: Root, anchor: Anchor) -> Place | None:
    """Where that is in a plain text that is all ASCII; None if it is not there, and then a copy tells why."""
    known = decode_state_vector(root.doc.get_state()).get(anchor.client, 0)
    if anchor.side == "block" or anchor.ticks != 1 or anchor.clock >= min(known, 1 << 32):
        return None
    item = {"client": anchor.client, "clock": anchor.clock}
    at = StickyIndex.from_json({"item": item, "assoc": 0}, root.text).get_index()
    if at >= len(root.text) or _sticking_at(root, at) != item:
        return None  # It was deleted: a relative position then is where it stood.
    return Place(anchor.side, (), at, 1)


def name_simple(root: Root, places: list[Place]) -> list[Anchor]:
    """The anchors of these places in a plain text that is all ASCII."""
    items = [_sticking_at(root, place.at) for place in places]
    return [Anchor(place.side, item["client"], item["clock"]) for place, item in zip(places, items, strict=True)]


def _sticking_at(root: Root, at: int) -> dict[str, int]:
    return root.text.sticky_index(at, Assoc.AFTER).to_json()["item"]


def node(root: Root, path: Path) -> Any:
    """The element or text at a path of rich text; the fragment itself at an empty one."""
    found: Any = root.fragment
    for index in path:
        found = found.children[index]
    return found
