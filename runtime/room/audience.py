"""Who watches a room: tabs by document, what they are pushed, and who is present.

A tab is in the audience from `join`; it gets deltas from its first sync step 1 on, because only then does it have what
they build on. A delta leaves in one piece with the answer to the tab's own edit: in this pass, or, if that edit is of
the next one, then. Nobody waits longer than that, and who has no edit on its way does not wait. Where a hundred people
type, their sockets are the dearest part of a pass.

Presence is not in the log: it belongs to sockets, and goes when they go.
"""

from collections.abc import Container, Mapping
from typing import Any

from ...protocol.awareness import Registry
from .drafting import Change
from .tab import Delta, Presence, Tab

NOBODY = b"\x00"
"""The awareness payload of no entries."""


class Audience:
    """The tabs of one room."""

    def __init__(self) -> None:
        self._tabs: dict[Tab, str] = {}
        self._synced: dict[str, dict[Tab, None]] = {}
        self._fresh: set[Tab] = set()
        """Tabs that have synced since the newest deltas were pushed."""
        self.echoed: set[Tab] = set()
        """Tabs that were sent an edit of theirs back, behind the newest deltas."""
        self._waiting: dict[Tab, None] = {}
        """Tabs whose newest delta leaves with the answer to their edit in the next pass."""
        self._unsent: dict[Tab, None] = {}
        """Tabs that may hold something back until `flush`."""
        self._present: dict[str, Registry] = {}
        self.warned: set[Tab] = set()
        """Tabs that were told that the room document is read-only; they are told once."""
        self.bound: dict[str, Tab] = {}
        """Tabs with tools: a tab's name for itself -> its newest socket."""
        self.renamed: list[str] = []
        """Names of tabs whose socket says to be another tab now: they are gone as if it had been closed."""
        self.owed: dict[Tab, set[int]] = {}
        """Client ids whose structs a tab relayed and that were dropped: when the id commits, the tab is asked again."""

    def __len__(self) -> int:
        return len(self._tabs)

    def __contains__(self, tab: Tab) -> bool:
        return tab in self._tabs

    def join(self, tab: Tab) -> None:
        """The tab is here."""
        self._tabs[tab] = tab.document

    def bind(self, tab: Tab, name: str) -> None:
        """The socket is that tab's from now on."""
        if tab in self._tabs:
            before = self.unbind(tab)
            self.bound[name] = tab
            if before not in ("", name):
                self.renamed.append(before)

    def unbind(self, tab: Tab) -> str:
        """The socket is no tab's any more; the name of the tab that it was, or empty."""
        name = self.name_of(tab)
        self.bound.pop(name, None)
        return name

    def name_of(self, tab: Tab | None) -> str:
        """The name of the tab whose newest socket it is, or empty."""
        return next((name for name, bound in self.bound.items() if bound is tab), "")

    def sync(self, tab: Tab) -> None:
        """From now on the tab gets its document's deltas."""
        if tab in self._tabs:
            synced = self._synced.setdefault(tab.document, {})
            if tab not in synced:
                synced[tab] = None
                self._fresh.add(tab)

    def got_deltas(self, tab: Tab) -> bool:
        """Whether the newest deltas of its document were pushed to the tab."""
        return tab in self._synced.get(tab.document, {}) and tab not in self._fresh

    def leave(self, tab: Tab) -> bool:
        """The tab is gone; whether its document has nobody left."""
        document = self._tabs.pop(tab, None)
        if document is None:
            return False
        self.warned.discard(tab)
        self.owed.pop(tab, None)
        self._fresh.discard(tab)
        self.echoed.discard(tab)
        self._waiting.pop(tab, None)
        self._unsent.pop(tab, None)
        self._synced.get(document, {}).pop(tab, None)
        registry = self._present.get(document)
        if registry is not None:
            self._show(document, registry.leave(tab))
        if not self.watches(document):
            self._synced.pop(document, None)
            if registry is not None and registry.empty:
                del self._present[document]
            return True
        return False

    def watches(self, document: str) -> bool:
        """Whether anybody watches the document."""
        return document in self._tabs.values()

    def owed_in(self, documents: Container[str]) -> list[tuple[Tab, set[int]]]:
        """Tabs whose relayed structs were dropped, and of which clients, among these documents' tabs."""
        return [(tab, clients) for tab, clients in self.owed.items() if tab.document in documents]

    def everybody(self) -> list[Tab]:
        """All tabs, in the order in which they came."""
        return list(self._tabs)

    def publish(
        self, changes: Mapping[str, Change], answered: Mapping[Tab, None] = {}, next_up: Mapping[Tab, None] = {}
    ) -> None:
        """Push what a pass did to its documents, to everybody who has synced them. It goes on with the answers of the
        `answered` tabs' edits and then with `flush`; `next_up` are those whose edits the next pass answers."""
        self._fresh.clear()
        self.echoed.clear()
        late = self._waiting
        self._waiting = {tab: None for tab in next_up if tab not in late and tab not in answered}
        self._unsent = {**late, **answered}
        for document, change in changes.items():
            synced = self._synced.get(document)
            if change.updates and synced:
                delta = Delta(document, change.seq, tuple(change.updates), change.before)
                for tab in synced:
                    tab.push(delta, wait=tab in answered or tab in self._waiting)

    def flush(self) -> None:
        """All answers were given: what waits leaves, but for those whose edits the next pass answers."""
        for tab in self._unsent:
            tab.flush()
        self._unsent = {}

    def aware(self, tab: Tab, payload: bytes) -> None:
        """Take what a tab says of who is present, and tell everybody. Raises Refused('bad-frame')."""
        if tab not in self._tabs:
            return
        registry = self._present.setdefault(tab.document, Registry())
        self._show(tab.document, registry.receive(tab, payload, author=tab.author, name=tab.name))

    def present(self, document: str) -> bytes:
        """The awareness payload of everybody who is present in a document."""
        registry = self._present.get(document)
        return (registry.full() if registry is not None else None) or NOBODY

    def greet(self, tab: Tab) -> None:
        """Tell a tab who is present."""
        tab.send_awareness(self.present(tab.document))

    def announce(self, document: str, client: int, state: dict[str, Any], floor: int) -> None:
        """Show one of our agents in a document, or change what it shows; to whoever watches, now or later."""
        registry = self._present.setdefault(document, Registry())
        self._show(document, registry.announce(client, state, floor))

    def withdraw(self, document: str, client: int) -> None:
        """An agent is no longer in the document."""
        registry = self._present.get(document)
        if registry is not None:
            self._show(document, registry.withdraw(client))
            if not self.watches(document) and registry.empty:
                del self._present[document]

    def renew(self) -> None:
        """Say again that our agents are here: clients forget who is silent for 30 s."""
        for document, registry in self._present.items():
            self._show(document, registry.renew())

    def _show(self, document: str, payload: bytes | None) -> None:
        if payload is not None:
            presence = Presence(payload)
            for tab, watched in self._tabs.items():
                if watched == document:
                    tab.push_presence(presence)

    def end(self, code: int, reason: str) -> None:
        """Close everybody's socket."""
        for tab in self.everybody():
            tab.close(code, reason)
