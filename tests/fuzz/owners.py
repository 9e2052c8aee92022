"""Random histories of the stock Yjs by people who relay each other, and a thief: `python -m tests.fuzz.owners`.

Why: law 4 keeps one guest from splitting another's text for ever, which takes no more than a struct under the other's
client id. So a history's tabs belong to different people, who send what they typed in their own order, and between that
whole lots that hold others' structs as well; and the thief types under their ids and the server's. What they say comes
in bursts, so that one pass has several of them. Rules (specs/proof.md):

- Every struct in the log stands in a record of its id's owner.
- In the end the document is what the people typed, and what the thief typed under an id of its own, and nothing else.
"""

import argparse
import base64
import random
import sys
import time
from collections import Counter, deque
from typing import Any

import trio
from plait.protocol.update import read
from plait.runtime.room.identity import is_server_id, server_tag
from plait.runtime.room.room import Room
from plait.storage.memory import MemoryStore
from pycrdt import merge_updates

from ..runtime.room.scene import FakeTab, rooms, watching
from .yjs import Yjs, yjs

ROOM, DOCUMENT = "r", "notes"
THIEF = 4242


class Crowd:
    """The people of one history, the thief, and what each has still to say."""

    def __init__(self, node: Yjs, room: Room, store: MemoryStore, draw: random.Random) -> None:
        self.node = node
        self.room = room
        self.store = store
        self.draw = draw
        self.said: Counter[str] = Counter()
        self.tabs: dict[int, FakeTab] = {}
        self.waiting: dict[int, deque[bytes]] = {}
        self.written: list[tuple[int, bytes]] = []
        self.stolen: list[bytes] = []
        """What the thief typed under an id of its own, as far as it was taken."""
        self._owned: set[int] = set()

    async def come(self, clients: list[int], updates: list[bytes]) -> None:
        self.written = list(zip(clients, updates, strict=True))
        for client in (*dict.fromkeys(clients), THIEF):
            self.tabs[client] = await watching(self.room, DOCUMENT, author=f"person {client}")
            self.waiting[client] = deque(update for who, update in self.written if who == client)

    async def burst(self) -> None:
        """Some of them say something at once; then all is answered."""
        before = {client: len(tab.said) for client, tab in self.tabs.items()}
        own = b""
        for _ in range(self.draw.randint(1, 6)):
            how = self.draw.random()
            if how < 0.6 or not self._owned:
                self._honest()
            elif how < 0.85:
                self._relay()
            elif not own:
                own = await self._steal()
        await self.room.document(DOCUMENT)  # Asked behind all of it, so answered behind all of it.
        for client, tab in self.tabs.items():
            for kind, *more in tab.said[before[client] :]:
                if kind == "accepted" and more[0] in self.waiting[client]:
                    self.waiting[client].remove(more[0])
                if kind in ("accepted", "denied"):
                    self.said[kind if kind == "accepted" else more[0]] += 1
                assert kind != "close", f"a tab was closed: {more}"
                if kind == "accepted" and client == THIEF and own:
                    self.stolen.append(own)
        await self._look()

    def _honest(self) -> None:
        who = self.draw.choice([client for client, left in self.waiting.items() if left])
        for update in list(self.waiting[who])[: self.draw.randint(1, 3)]:
            self.room.edit(self.tabs[who], update, step2=False)

    def _relay(self) -> None:
        """A lot of what others wrote, once the log knows whose it is; with or without something of one's own."""
        known = [update for who, update in self.written if who in self._owned]
        lot = self.draw.sample(known, min(len(known), self.draw.randint(1, 8)))
        who = self.draw.choice(list(self.tabs))
        if self.waiting[who] and self.draw.random() < 0.5:
            lot.append(self.waiting[who][0])
        self.room.edit(self.tabs[who], merge_updates(*lot), step2=self.draw.random() < 0.5)
        self.said["relayed"] += 1

    async def _steal(self) -> bytes:
        """Type under an id of somebody else, perhaps with something under one's own, which is given back."""
        whole = await self.room.document(DOCUMENT)
        server = server_tag(ROOM) << 32 | self.draw.getrandbits(32)
        victim = self.draw.choice([*sorted(self._owned - {THIEF}), server])
        forged = self._forged(whole, victim)
        own = self._forged(whole, THIEF) if self.draw.random() < 0.5 else b""
        self.room.edit(self.tabs[THIEF], merge_updates(forged, own) if own else forged, step2=False)
        self.said["forged"] += 1
        return own

    def _forged(self, whole: bytes, client: int) -> bytes:
        text = self.draw.choice(("stolen ", "🙂", "é"))
        made = self.node.ask(forge=base64.b64encode(whole).decode(), client=client, text=text)
        return base64.b64decode(made["update"])

    async def _look(self) -> None:
        """Whose structs are in the log."""
        owners: dict[int, str] = {}
        for record in await self.store.read(ROOM, 0, limit=1_000_000):
            for section in read(record.update, own=True).sections:
                assert owners.setdefault(section.client, record.author) == record.author, "two people under one id"
                assert record.author == f"person {section.client}", "somebody has another's id"
                assert not is_server_id(section.client, ROOM), "somebody has the server's id"
        self._owned = set(owners)


async def play(node: Yjs, seed: int, changes: int = 40) -> Counter[str]:
    """One history. Raises AssertionError."""
    draw = random.Random(seed)
    made = node.ask(make=seed, changes=changes, wild=False)
    updates = [base64.b64decode(update) for update in made["updates"]]
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use(ROOM) as room:
        crowd = Crowd(node, room, store, draw)
        await crowd.come(made["clients"], updates)
        while any(crowd.waiting.values()):
            await crowd.burst()
        whole = await room.document(DOCUMENT)
        honest = node.apply([*updates, *crowd.stolen])
        held = node.apply([whole])
        assert not honest["pending"]
        assert not held["pending"]
        assert held["shown"] == honest["shown"], "the document is not what its people wrote"
        if not crowd.stolen:
            assert held["shown"] == made["shown"]
        for tab in crowd.tabs.values():
            assert node.apply([tab.doc.get_update()])["shown"] == held["shown"], "a tab shows something else"
    return crowd.said


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.owners", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the first seed; with --seeds 1 it is replayed alone")
    given = parser.parse_args()
    began = time.monotonic()
    said: Counter[str] = Counter()
    failed: list[str] = []
    with yjs() as node:
        for seed in range(given.first, given.first + given.seeds):
            try:
                said += trio.run(play, node, seed)
            except* AssertionError as errors:
                failed.append(f"seed {seed}: {_first(errors)}")
                print(failed[-1], flush=True)
    print(f"{given.seeds} histories in {time.monotonic() - began:.0f} s; {len(failed)} failed")
    print(", ".join(f"{count} {word}" for word, count in sorted(said.items())))
    sys.exit(bool(failed))


def _first(errors: BaseExceptionGroup[Any]) -> str:
    inner = errors.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else str(inner)[:300]


if __name__ == "__main__":
    main()
