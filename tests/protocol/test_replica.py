"""Replicas of one document over sockets that are cut at any moment: they converge, and what is saved is on disk."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol import frames, sync
from plait.protocol.comeback import ComeBack
from plait.protocol.errors import Refused
from plait.protocol.limits import FRAME_BYTES
from plait.protocol.replica import Replica
from plait.protocol.update import decode_state_vector, fits, read
from pycrdt import Doc, Text


class Tab:
    """A replica, the two directions of its socket, and the marks that it wrote."""

    def __init__(self, client: int) -> None:
        self.replica = Replica(client, writable=True)
        self.text = self.replica.doc.get("content", type=Text)
        self.up: deque[bytes] = deque()
        self.down: deque[bytes] = deque()
        self.open = self.listens = False
        self.marks: list[str] = []

    def cut(self) -> None:
        self.open = self.listens = False
        self.up.clear()
        self.down.clear()
        self.replica.lost()

    def send(self) -> None:
        out = self.replica.outgoing()
        assert self.open or not out
        self.up += [frame for frame in out if isinstance(frame, bytes)]

    def hear(self) -> None:
        if self.down:
            self.replica.receive(self.down.popleft())


class World:
    """A server as specs/server.md has it, whose commit may fail for a while."""

    def __init__(self) -> None:
        self.doc: Doc[Text] = Doc(client_id=9)
        self.text = self.doc.get("content", type=Text)
        self.tabs = [Tab(1), Tab(2)]

    def connect(self, tab: Tab) -> None:
        if not tab.open:
            tab.open = True
            tab.replica.connected()
            tab.down.append(frames.step1(self.doc.get_state()))

    def type(self, tab: Tab) -> None:
        mark = f"<{tab.replica.doc.client_id}.{len(tab.marks)}>"
        tab.marks.append(mark)
        tab.text.insert(len(tab.text) // 2 if len(tab.marks) % 2 else 0, mark)

    def erase(self, tab: Tab) -> None:
        """Delete what is there, so that there are edits without a struct."""
        if len(tab.text):
            tab.text.clear()

    def serve(self, tab: Tab, *, fails: bool = False) -> None:
        if not tab.up:
            return
        for said in sync.receive(tab.up.popleft()):
            match said:
                case sync.Step1():
                    tab.down.append(frames.step2(self.doc.get_update(said.state_vector)))
                    tab.listens = True
                case sync.Edit():
                    self._edit(tab, said.update, fails)
                case _:
                    raise AssertionError(said)

    def _edit(self, tab: Tab, update: bytes, fails: bool) -> None:
        state = self.doc.get_state()
        if fails or not fits(read(update), decode_state_vector(state)):
            code = "outcome-unknown" if fails else "update-incomplete"
            tab.down.append(frames.denied(f"{code}: Later."))
            tab.down.append(frames.step1(state))
            return
        self.doc.apply_update(update)
        for each in self.tabs:
            if each.listens:
                each.down.append(frames.update(update))

    def settle(self) -> None:
        for _ in range(3):
            for tab in self.tabs:
                self.connect(tab)
                while True:
                    tab.send()
                    self.serve(tab)
                    tab.hear()
                    if not tab.up and not tab.down:
                        break

    def close(self) -> None:
        for tab in self.tabs:
            tab.replica.release()


ACTIONS = ["type", "erase", "connect", "cut", "send", "send", "serve", "serve", "fail", "hear", "hear"]


@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 1)), max_size=120))
def test_replicas_converge(actions: list[tuple[str, int]]) -> None:
    """CC9, CC10: whatever is cut or fails, all end with one text, nothing typed is lost or doubled, nothing unsaved."""
    world = World()
    for action, which in actions:
        tab = world.tabs[which]
        match action:
            case "cut" | "send" | "hear":
                getattr(tab, action)()
            case "fail":
                world.serve(tab, fails=True)
            case _:
                getattr(world, action)(tab)
        held = decode_state_vector(world.doc.get_state())
        for each in world.tabs:
            if not each.replica.unsaved:
                mine = decode_state_vector(each.replica.doc.get_state()).get(each.replica.doc.client_id, 0)
                assert held.get(each.replica.doc.client_id, 0) == mine
    world.settle()
    texts = {str(tab.text) for tab in world.tabs}
    assert texts == {str(world.text)}
    assert not any(tab.replica.unsaved for tab in world.tabs)
    if not any(action == "erase" for action, _ in actions):
        assert sorted(texts.pop()) == sorted("".join(mark for tab in world.tabs for mark in tab.marks))
    world.close()


def test_changes_before_the_answer_are_passed_over() -> None:
    """CC9: the answer holds them; one that does not fit makes the replica ask again, and is not applied."""
    world = World()
    world.text += "one"
    before = world.doc.get_state()
    world.text += "two"
    late = world.doc.get_update(before)
    tab = world.tabs[0]
    world.connect(tab)
    (asked,) = tab.replica.outgoing()
    assert asked == frames.step1(b"\x00")
    tab.replica.receive(frames.update(late))
    assert not tab.replica.synced
    assert not str(tab.text)
    tab.replica.receive(frames.step2(b"\x00\x00"))
    tab.replica.receive(frames.update(late))
    assert not str(tab.text)
    assert tab.replica.outgoing() == [frames.step1(b"\x00")]
    tab.replica.receive(frames.step2(world.doc.get_update()))
    assert str(tab.text) == "onetwo"
    with pytest.raises(ComeBack):
        world.tabs[1].replica.receive(frames.step2(late))
    world.close()


def test_an_answer_that_is_an_edit_of_ours_is_an_answer() -> None:
    """CC9, CC10: whose echo of a deletion was lost is answered with the same bytes; that saves it and is an answer."""
    world = World()
    tab, other = world.tabs
    world.type(tab)
    world.settle()
    world.erase(tab)
    tab.send()
    world.serve(tab)
    (deletion,) = tab.replica._unsaved
    tab.cut()
    world.connect(tab)
    tab.send()
    world.serve(tab)
    assert frames.step2(deletion) in tab.down
    while tab.down:
        tab.hear()
    assert tab.replica.level
    assert not tab.replica.unsaved
    world.type(other)
    world.settle()
    assert str(tab.text) == str(world.text) == other.marks[0]
    world.close()


def test_edits_go_out_when_the_server_has_asked() -> None:
    """CC10: as they were, each in a frame of its own, and once on each socket; the echo is the acknowledgement."""
    tab = Tab(1)
    spoken: list[int] = []
    tab.replica.speak = lambda: spoken.append(tab.replica.unsaved)
    tab.text += "a"
    tab.replica.connected()
    assert len(tab.replica.outgoing()) == 1
    tab.replica.receive(frames.step1(b"\x00"))
    tab.text += "b"
    first, second = tab.replica.outgoing()
    assert spoken == [2]
    tab.replica.lost()
    tab.text.insert(0, "c")
    assert not tab.replica.outgoing()
    tab.replica.connected()
    tab.replica.receive(frames.step1(b"\x00"))
    assert tab.replica.outgoing()[1:3] == [first, second]
    assert isinstance(second, bytes)
    tab.replica.receive(second)
    assert tab.replica.unsaved == 2
    tab.replica.release()


def test_a_server_that_lost_what_an_edit_leans_on_gets_all() -> None:
    """CC11: the whole difference, whose echo saves everything in it."""
    world = World()
    tab = world.tabs[0]
    world.type(tab)
    world.settle()
    world.doc = Doc(client_id=9)
    world.text = world.doc.get("content", type=Text)
    world.type(tab)
    assert tab.replica.unsaved == 1
    world.settle()
    assert str(world.text) == str(tab.text)
    assert not tab.replica.unsaved
    world.close()


def test_a_refusal_for_good_ends_the_replica() -> None:
    """CC12: with its code and sentence; one for a while is asked for again, and the edit stays unsaved."""
    tab = Tab(1)
    tab.text += "a"
    tab.replica.receive(frames.denied("store-full: Later."))
    assert tab.replica.unsaved == 1
    final = {"not-allowed: No.": "not-allowed", "permission denied": "permission-denied", "n-e-w: !": "n-e-w"}
    for said, code in final.items():
        with pytest.raises(Refused, match=code):
            tab.replica.receive(frames.denied(said))
    tab.text += "x" * (FRAME_BYTES + 1)
    with pytest.raises(Refused, match="too-large"):
        tab.replica.receive(frames.step1(b"\x00"))
    tab.replica.release()


def test_a_replica_that_only_reads_never_writes() -> None:
    """CC13: what is written into it stays here."""
    replica = Replica(1, writable=False)
    replica.connected()
    replica.outgoing()
    replica.receive(frames.step1(b"\x00"))
    replica.doc.get("content", type=Text).insert(0, "a")
    replica.receive(frames.denied("permission denied"))
    assert not replica.outgoing()
    assert not replica.unsaved
    replica.release()
