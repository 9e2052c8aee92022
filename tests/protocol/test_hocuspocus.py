"""The Hocuspocus dialect: frames that the published providers sent, and the counting of what is saved."""

import random
from collections import deque
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol import frames, limits, sync
from plait.protocol.dialects import hocuspocus
from plait.protocol.dialects.hocuspocus import Auth, Close, Ping, Pong, Stateless, Unsynced
from plait.protocol.errors import Refused
from plait.protocol.names import Target

VECTORS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "specs" / "vectors" / "hocuspocus.yaml").read_text()
)
PREFIX = frames.write_string("pad/notes")


def said_again(prefix: bytes, message: hocuspocus.Message) -> bytes:
    """The frame that says it."""
    match message:
        case Auth():
            version = frames.write_string(message.version) if message.version else b""
            return prefix + b"\x02\x00" + frames.write_string(message.token) + version
        case Stateless():
            return hocuspocus.stateless(prefix, message.payload)
        case Close():
            return prefix + b"\x07"
        case Ping():
            return hocuspocus.PING
        case Pong():
            return hocuspocus.PONG
        case sync.Step1():
            return prefix + frames.step1(message.state_vector)
        case sync.Edit():
            return prefix + (frames.step2 if message.step2 else frames.update)(message.update)
        case sync.Aware():
            return prefix + frames.awareness(message.payload)
        case sync.QueryAware():
            return prefix + frames.ASK_AWARENESS
        case sync.SyncStatus():
            raise AssertionError("not in this dialect")


@pytest.mark.parametrize("case", VECTORS["sent"], ids=lambda case: f"{case['version']}-{case['name']}")
def test_what_providers_sent(case: dict[str, Any]) -> None:
    """HP1: each frame of the published providers is read, under its key, and said again it is the same bytes."""
    frame = bytes.fromhex(case["frame"])
    prefix, message = hocuspocus.read(frame)
    kinds = {"step1": sync.Step1, "step2": sync.Edit, "update": sync.Edit, "awareness": sync.Aware}
    kinds |= {"auth": Auth, "stateless": Stateless, "close": Close, "pong": Pong}
    assert isinstance(message, kinds[case["name"]])
    assert said_again(prefix, message) == frame
    if prefix:
        assert hocuspocus.target(prefix) == Target("doc", "pad", "notes")
    if isinstance(message, Auth):
        assert message.token == case["token"]
        assert message.version == ("4.8.0" if case["version"] == "4.8.0" else "")
    if isinstance(message, Stateless):
        assert message.payload == case["payload"]


@pytest.mark.parametrize("case", VECTORS["answers"], ids=lambda case: case["name"])
def test_what_providers_read(case: dict[str, Any]) -> None:
    """HP3, HP5, HP7: what the server says, as Hocuspocus itself writes it."""
    said = {
        "read-write": hocuspocus.authenticated(PREFIX, writes=True),
        "readonly": hocuspocus.authenticated(PREFIX, writes=False),
        "denied": hocuspocus.denied(PREFIX, case.get("reason", "")),
        "saved": hocuspocus.status(PREFIX, saved=True),
        "not-saved": hocuspocus.status(PREFIX, saved=False),
        "stateless": hocuspocus.stateless(PREFIX, case.get("payload", "")),
    }
    assert said[case["name"]].hex() == case["frame"]


@pytest.mark.parametrize("case", VECTORS["names"], ids=lambda case: repr(case["key"]))
def test_names(case: dict[str, str]) -> None:
    """HP2, NM5: what a key asks for, whatever its session."""
    kind = "room" if case["kind"] == "room" else "doc"
    assert hocuspocus.target(frames.write_string(case["key"])) == Target(kind, case["room"], case["document"])


@pytest.mark.parametrize("name", VECTORS["bad-names"])
def test_bad_names(name: str) -> None:
    """HP2: what a key cannot ask for."""
    with pytest.raises(Refused) as refused:
        hocuspocus.target(frames.write_string(name))
    assert refused.value.code == "bad-name"


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["why"])
def test_what_is_no_frame(case: dict[str, str]) -> None:
    """HP1: what is not exactly one message under a key is refused."""
    with pytest.raises(Refused) as refused:
        hocuspocus.read(bytes.fromhex(case["frame"]))
    assert refused.value.code == "bad-frame"


def test_what_later_providers_add() -> None:
    """HP1: behind the token of an auth message more may stand than we know of."""
    frame = PREFIX + b"\x02\x00" + frames.write_string("t") + frames.write_string("9.0.0") + b"\x01\x02"
    assert hocuspocus.read(frame) == (PREFIX, Auth("t", "9.0.0"))


def test_long_keys_and_frames() -> None:
    """HP1: a key has DOCUMENT_KEY_BYTES, a frame FRAME_BYTES."""
    longest = frames.write_string("k" * limits.DOCUMENT_KEY_BYTES) + b"\x07"
    assert hocuspocus.read(longest)[1] == Close()
    with pytest.raises(Refused, match="bad-frame"):
        hocuspocus.read(frames.write_string("k" * (limits.DOCUMENT_KEY_BYTES + 1)) + b"\x07")
    with pytest.raises(Refused, match="too-large"):
        hocuspocus.read(PREFIX + frames.update(bytes(limits.FRAME_BYTES)))


def test_the_keepalive_is_for_no_document() -> None:
    """HP13: it is a frame that 3.x and 4.x both read to its key, which no provider has."""
    prefix, message = hocuspocus.read(hocuspocus.KEEPALIVE)
    assert (prefix, message) == (b"\x00", sync.Aware(b"\x00"))


class Provider:
    """What a published provider counts (HocuspocusProvider.ts), and what is on its way to and from the server."""

    def __init__(self) -> None:
        self.count = 0
        self.unsaved: set[int] = set()  # Changes that are not on disk.
        self.made = 0
        self.sent: deque[tuple[str, set[int]]] = deque()
        self.heard: deque[str] = deque()

    def sync(self) -> None:
        self.count = 1
        self.sent.append(("step1", set()))

    def type(self) -> None:
        self.made += 1
        self.count += 1
        self.unsaved.add(self.made)
        self.sent.append(("update", {self.made}))

    def hear(self) -> None:
        if not self.heard:
            return
        if self.heard.popleft() == "step1":
            self.sent.append(("step2", set(self.unsaved)))
        elif self.count > 0:
            self.count -= 1


class Side:
    """The server's side: takes what was sent in order, answers edits in order and some of them with no."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.unsynced = Unsynced()
        self.waiting: deque[tuple[str, set[int]]] = deque()
        self.lost = False
        self.ask()

    def ask(self) -> None:
        self.unsynced.ask()
        self.provider.heard.append("step1")

    def take(self) -> None:
        if not self.provider.sent:
            return
        kind, holds = self.provider.sent.popleft()
        if kind == "step1":
            self.unsynced.step1()
            if not self.unsynced.asked:
                self.ask()
            return
        self.unsynced.edit(step2=kind == "step2")
        self.waiting.append((kind, holds))

    def answer(self, *, lost: bool) -> None:
        if not self.waiting:
            return
        _, holds = self.waiting.popleft()
        if not lost:
            self.provider.unsaved -= holds
        self.provider.heard.extend(["saved"] * self.unsynced.answered(taken=not lost))
        self.lost |= lost

    def ask_for_lost(self) -> None:
        """However many were lost, they are asked for once."""
        if self.lost:
            self.lost = False
            self.ask()


MOVES = ["type", "take", "answer", "lose", "ask", "hear"]


@given(st.lists(st.sampled_from(MOVES), max_size=120))
def test_nothing_is_called_saved_before_it_is(moves: list[str]) -> None:
    """HP5: a provider's count comes to zero when, and only when, all that it has is on disk, whatever was lost."""
    provider = Provider()
    side = Side(provider)
    provider.sync()
    acts = {"type": provider.type, "take": side.take, "hear": provider.hear}
    acts |= {
        "answer": lambda: side.answer(lost=False),
        "lose": lambda: side.answer(lost=True),
        "ask": side.ask_for_lost,
    }
    for move in moves:
        acts[move]()
        assert provider.count > 0 or not provider.unsaved
    while provider.sent or provider.heard or side.waiting or side.lost:
        for move in ("take", "answer", "ask", "hear"):
            acts[move]()
            assert provider.count > 0 or not provider.unsaved
    assert provider.count == 0
    assert not provider.unsaved


def test_a_provider_that_syncs_again_waits_for_all() -> None:
    """HP5: a provider that starts its count again in the middle of its edits (forceSync) is told when all are saved."""
    unsynced = Unsynced()
    for _ in range(3):
        unsynced.edit(step2=False)
    unsynced.step1()
    unsynced.ask()
    assert [unsynced.answered(taken=True) for _ in range(3)] == [0, 0, 0]
    unsynced.edit(step2=True)
    assert unsynced.answered(taken=True) == 1


def test_many_edits_are_answered_at_once_as_one_by_one() -> None:
    """HP5: what is sent for edits that are answered together is what would be sent for each of them, in sum."""
    draw = random.Random(6)
    for _ in range(300):
        together, alone = Unsynced(), Unsynced()
        for _ in range(draw.randint(1, 12)):
            do = draw.choice(["edit", "edit", "edit", "step2", "ask", "step1", "refuse", "answer", "lose"])
            many = draw.randint(1, 4) if do == "answer" else 1
            sent = [0, 0]
            for index, side in enumerate((together, alone)):
                match do:
                    case "edit" | "step2":
                        side.edit(step2=do == "step2")
                    case "ask":
                        side.ask()
                    case "step1":
                        side.step1()
                    case "refuse":
                        side.refuse()
                    case _ if index:
                        sent[index] = sum(side.answered(taken=do == "answer") for _ in range(many))
                    case _:
                        sent[index] = side.answered(many, taken=do == "answer")
            assert sent[0] == sent[1]


def test_what_was_taken_in_part_is_not_saved() -> None:
    """HP5: an edit whose foreign structs were left out is acknowledged by the step 2 that brings them."""
    unsynced = Unsynced()
    unsynced.edit(step2=False)
    unsynced.refuse()
    assert unsynced.answered(taken=True) == 0
    unsynced.edit(step2=False)
    assert unsynced.answered(taken=True) == 1
    unsynced.ask()
    unsynced.edit(step2=True)
    assert unsynced.answered(taken=True) == 1
    assert unsynced.answered(taken=True) == 0
