"""Awareness: who is present in one document, as the server lets it be said.

The awareness protocol trusts everybody: any peer may set the state of any id, and stock clients repeat to the server
whatever they hear, so N tabs answer one change with N frames. The registry ends both. Rules (specs/sync.md):

- The protocol's clock rule decides what is news: a newer clock, or null at the same clock for a state that is held.
- An id belongs to the first connection that announces it, even with an initial state at clock 0, which no client
  shows. Other connections' entries for it are dropped silently. A connection of the same author that has no id of its
  own yet may take it over with a newer clock: that is a reconnection whose old socket is not known to be dead.
- `user.name` and `user.role` come from the grant; every other field is the client's.
- What is accepted goes to every tab, the sender included, whose watchdog lives on that echo.
- Ids of connections that ended are remembered for a while with their clock and author, so that an old state, repeated
  by somebody else, does not rise again.

Owners are compared and hashed, nothing more; a connection object will do.
"""

import json
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from .errors import Refused
from .frames import read_bytes, read_uint, write_bytes, write_uint
from .limits import AWARENESS_BYTES, AWARENESS_GONE, AWARENESS_IDS

_NULL = b"null"


class Entry(NamedTuple):
    """One line of an awareness payload; `state` is JSON in UTF-8, and `null` means gone."""

    client: int
    clock: int
    state: bytes


def decode(payload: bytes) -> list[Entry]:
    """The entries of a payload; their JSON is not read. Raises Refused('bad-frame')."""
    count, at = read_uint(payload, 0)
    if count > len(payload):
        raise Refused("bad-frame", "An awareness payload names more clients than it has bytes.")
    entries: list[Entry] = []
    for _ in range(count):
        client, at = read_uint(payload, at)
        clock, at = read_uint(payload, at)
        state, at = read_bytes(payload, at)
        entries.append(Entry(client, clock, state))
    if at != len(payload):
        raise Refused("bad-frame", "Bytes follow the awareness payload's last entry.")
    return entries


def encode(entries: Iterable[Entry]) -> bytes:
    """The payload of these entries."""
    parts = [write_uint(client) + write_uint(clock) + write_bytes(state) for client, clock, state in entries]
    return write_uint(len(parts)) + b"".join(parts)


def read_state(state: bytes) -> dict[str, Any] | None:
    """A state's JSON object, None for null. Raises Refused('bad-frame') for anything else.

    The standard library's reader is used because it takes half a surrogate pair, which JavaScript writes when a name
    is cut inside an emoji; NaN and Infinity, which it also takes, would break every browser and are refused.
    """
    try:
        value: Any = json.loads(state.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused("bad-frame", "An awareness state is not JSON.") from None
    if value is not None and not isinstance(value, dict):
        raise Refused("bad-frame", "An awareness state is an object or null.")
    return value


def write_state(state: dict[str, Any]) -> bytes:
    """The JSON of a state. Raises ValueError where it holds a number that JSON has no word for."""
    try:
        return json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # Half a surrogate pair has no UTF-8, but it has an escape.
        return json.dumps(state, allow_nan=False, separators=(",", ":")).encode()


def _no_constant(name: str) -> Any:
    raise ValueError(name)


class _Presence:
    """What is known of one id. `state` is None when it is owned but shows nothing."""

    __slots__ = ("author", "clock", "owner", "state")

    def __init__(self, owner: Hashable, author: str) -> None:
        self.owner = owner
        self.author = author
        self.clock = 0
        self.state: bytes | None = None


_HOUSE = object()
"""The owner of ids that the server announces: its agents. No connection equals it."""


class Registry:
    """The presence of one document: live ids with their owners, and the ids that left lately."""

    def __init__(self) -> None:
        self._live: dict[int, _Presence] = {}
        self._ids: dict[Hashable, set[int]] = {}
        self._gone: OrderedDict[int, tuple[str, int]] = OrderedDict()

    def receive(self, owner: Hashable, payload: bytes, *, author: str, name: str = "") -> bytes | None:
        """Take what a connection says; the payload for *all* tabs, or None where nothing is news.

        `author` and `name` are the grant's. Raises Refused('bad-frame'), and then nothing was taken.
        """
        news = [entry for entry in decode(payload) if self._is_news(owner, author, entry)]
        judged = [(entry, _dressed(entry.state, name)) for entry in news]
        accepted = [shown for entry, state in judged if (shown := self._take(owner, author, entry, state))]
        return encode(accepted) if accepted else None

    def leave(self, owner: Hashable) -> bytes | None:
        """The connection ended: the payload that removes what it showed, with the current clocks, or None."""
        removed: list[Entry] = []
        for client in sorted(self._ids.pop(owner, ())):
            presence = self._live.pop(client)
            self._bury(client, presence)
            if presence.state is not None:
                removed.append(Entry(client, presence.clock, _NULL))
        return encode(removed) if removed else None

    def full(self) -> bytes | None:
        """The payload for somebody who joins: everybody who shows something, or None while nobody does."""
        shown = [Entry(client, p.clock, p.state) for client, p in self._live.items() if p.state is not None]
        return encode(shown) if shown else None

    def announce(self, client: int, state: dict[str, Any], floor: int = 0) -> bytes:
        """The server shows one of its agents under an id of its own, or changes what that one shows. The clock is above
        `floor`, so that a server which was restarted is newer than what tabs still remember of it."""
        presence = self._live.get(client)
        if presence is None or presence.owner is not _HOUSE:
            presence = self._own(_HOUSE, "plait", client)
        presence.clock = max(presence.clock, floor) + 1
        presence.state = write_state(state)
        return encode((Entry(client, presence.clock, presence.state),))

    def renew(self) -> bytes | None:
        """The agents' states under newer clocks; to be sent every 15 s, since clients forget who is silent for 30."""
        renewed: list[Entry] = []
        for client in sorted(self._ids.get(_HOUSE, ())):
            presence = self._live[client]
            presence.clock += 1
            renewed.append(Entry(client, presence.clock, presence.state or _NULL))
        return encode(renewed) if renewed else None

    def withdraw(self, client: int) -> bytes | None:
        """An agent is no longer shown: the payload that removes it, or None where it was not shown."""
        if client not in self._ids.get(_HOUSE, ()):
            return None
        presence = self._disown(client)
        self._bury(client, presence)
        return encode((Entry(client, presence.clock, _NULL),))

    @property
    def empty(self) -> bool:
        """Whether nobody is here, our agents included."""
        return not self._live

    # --- one entry ----------------------------------------------------------------------------------------------------

    def _is_news(self, owner: Hashable, author: str, entry: Entry) -> bool:
        """Whether the entry may be taken at all; decided before its JSON is read, since most frames are repetitions."""
        presence = self._live.get(entry.client)
        if presence is None:
            return entry.state != _NULL and self._may_claim(owner, author, entry)
        if entry.clock < presence.clock:
            return False
        if entry.clock == presence.clock:
            return presence.owner == owner and entry.state == _NULL and presence.state is not None
        if presence.owner == owner:
            return True
        return presence.owner is not _HOUSE and presence.author == author and not self._ids.get(owner)

    def _may_claim(self, owner: Hashable, author: str, entry: Entry) -> bool:
        if len(self._ids.get(owner, ())) >= AWARENESS_IDS:
            return False
        gone = self._gone.get(entry.client)
        return gone is None or (gone[0] == author and entry.clock > gone[1])

    def _take(self, owner: Hashable, author: str, entry: Entry, state: bytes | None) -> Entry | None:
        """Write one judged entry down; what everybody is to hear of it, or None."""
        if not self._is_news(owner, author, entry):
            return None  # The same frame named the id twice.
        if state is not None and self._bytes_beside(owner, entry.client) + len(state) > AWARENESS_BYTES:
            return None
        presence = self._live.get(entry.client)
        if presence is None or presence.owner != owner:
            presence = self._own(owner, author, entry.client)
        if entry.clock == 0 and presence.state is None:
            return None  # Owned from now on; but no client shows what it hears at clock 0.
        presence.clock = entry.clock
        presence.state = state
        return Entry(entry.client, entry.clock, _NULL if state is None else state)

    def _bytes_beside(self, owner: Hashable, client: int) -> int:
        """Bytes of all that the connection shows under its other ids."""
        return sum(len(self._live[other].state or b"") for other in self._ids.get(owner, ()) if other != client)

    def _own(self, owner: Hashable, author: str, client: int) -> _Presence:
        """Make the connection the id's owner, whoever had it; what is known of its clock stays."""
        known = self._disown(client).clock if client in self._live else 0
        gone = self._gone.pop(client, None)
        presence = self._live[client] = _Presence(owner, author)
        presence.clock = max(known, gone[1] if gone else 0)
        self._ids.setdefault(owner, set()).add(client)
        return presence

    def _disown(self, client: int) -> _Presence:
        presence = self._live.pop(client)
        ids = self._ids[presence.owner]
        ids.discard(client)
        if not ids:
            del self._ids[presence.owner]
        return presence

    def _bury(self, client: int, presence: _Presence) -> None:
        self._gone[client] = (presence.author, presence.clock)
        self._gone.move_to_end(client)
        if len(self._gone) > AWARENESS_GONE:
            self._gone.popitem(last=False)


def _dressed(state: bytes, name: str) -> bytes | None:
    """The state as it will be shown: the user's role, and the name where the grant has one, are the server's word."""
    if len(state) > AWARENESS_BYTES:
        # It will be dropped for its size, so that nobody makes us read a megabyte of JSON; its length says so.
        return state
    value = read_state(state)
    if value is None:
        return None
    user: Any = value.get("user")
    value["user"] = user = dict(user) if isinstance(user, dict) else {}
    if name:
        user["name"] = name
    user["role"] = "person"
    try:
        return write_state(value)
    except ValueError:
        raise Refused("bad-frame", "An awareness state holds a number that JSON has no word for.") from None
