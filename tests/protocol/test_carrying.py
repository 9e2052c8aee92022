"""A client's half of a front-end tool, without a socket: what it claims, begins, cancels and answers, and when."""

from itertools import count
from typing import Any

import pytest
from plait.protocol import control, frames, parsing
from plait.protocol.asking import Asking
from plait.protocol.carrying import Call, Carrying
from plait.protocol.comeback import ComeBack
from plait.protocol.commands import ClaimTool, Prompt, RegisterTools, ReturnToolResult, ToolOffer
from plait.protocol.errors import Code, Refused
from plait.protocol.limits import TAB_CALLS
from plait.protocol.replica import Replica
from pycrdt import Array, Doc, Map, Text

RUN = "000000000001"


class World:
    """A client's machines, and a server that says what the test tells it to say."""

    def __init__(self, *, connected: bool = True) -> None:
        ids = count(1)
        self.asking = Asking()
        self.replica = Replica(1, writable=False)
        offers = [ToolOffer("paint")]
        self.carrying = Carrying(self.asking, self.replica, "easel", offers, lambda: str(next(ids)))
        self.doc: Doc[Any] = Doc(client_id=2)
        self.runs = self.doc.get("runs", type=Map)
        self.runs[RUN] = Map({"status": "running", "parts": Array()})
        self.asked: list[Any] = []
        if connected:
            self.connect()
            self.say(control.ok(self.registration().id, 1))

    # --- the server ---------------------------------------------------------------------------------------------------

    def connect(self, *, level: bool = True) -> None:
        """Another socket, on which the document comes whole."""
        self.asked = []
        for machine in (self.asking, self.replica, self.carrying):
            machine.lost()
        for machine in (self.asking, self.replica, self.carrying):
            machine.connected()
        self.send()
        if level:
            self.level()

    def level(self) -> None:
        self.say(frames.step2(self.doc.get_update()))

    def say(self, frame: bytes) -> None:
        message = frame if frame[:1] != b"{" else frame.decode()
        for machine in (self.asking, self.replica, self.carrying):
            machine.receive(message)
        self.send()

    def send(self) -> None:
        self.asked += [parsing.parse(text) for text in self.asking.outgoing()]

    def show(self, call: int = 0, **keys: Any) -> None:
        """The document's part of that call is changed."""
        before = self.doc.get_state()
        parts = self.runs[RUN]["parts"]
        with self.doc.transaction():
            while len(parts) <= call:
                parts.append(Map({"type": "tool", "name": "paint", "args": "{}", "call": f"call.{len(parts)}"}))
            for key, value in ({"tab": "easel", "number": 1} | keys).items():
                parts[call][key] = value
        self.say(frames.update(self.doc.get_update(before)))

    # --- the client ---------------------------------------------------------------------------------------------------

    def registration(self) -> RegisterTools:
        """The newest one."""
        return [each for each in self.asked if isinstance(each, RegisterTools)][-1]

    def took(self, kind: Any) -> list[Any]:
        """What was asked of that kind since this was looked at before."""
        found = [each for each in self.asked if isinstance(each, kind)]
        self.asked = [each for each in self.asked if not isinstance(each, kind)]
        return found

    def begun(self) -> Call:
        """A call that was assigned, claimed and has begun."""
        self.show(state="assigned")
        (claim,) = self.took(ClaimTool)
        self.show(state="running")
        self.say(control.ok(claim.id, 2))
        (call,) = self.carrying.to_begin()
        return call


def test_a_call_from_its_assignment_to_its_end() -> None:
    """CC23: claimed when it is assigned, begun when the claim is on disk, forgotten when the result is."""
    world = World()
    assert world.registration() == RegisterTools(id=world.registration().id, tab="easel", tools=[ToolOffer("paint")])
    call = world.begun()
    assert call == Call(RUN, "call.0", 1, "paint", "{}")
    assert not world.carrying.to_begin()
    world.carrying.returned(call, {"ok": True})
    world.send()
    (result,) = world.took(ReturnToolResult)
    assert (result.run, result.step, result.number, result.result) == (RUN, "call.0", 1, {"ok": True})
    world.show(state="done")
    assert world.carrying.busy == 1
    world.say(control.ok(result.id, 3))
    assert world.carrying.busy == 0
    assert not world.carrying.to_cancel()


def test_nothing_before_the_socket_is_a_tabs() -> None:
    """CC23: on each socket the tools come first, prompts and results of before wait for that, and so does claiming."""
    world = World()
    call = world.begun()
    world.carrying.returned(call, "done")
    world.asking.ask(Prompt(id="p", text="Go"))
    world.connect()
    world.show(call=1, state="assigned")
    (again,) = world.asked
    assert isinstance(again, RegisterTools)
    assert again.running == ["call.0"]
    world.say(control.ok(again.id, 5))
    kinds = {type(each) for each in world.asked}
    assert kinds == {RegisterTools, Prompt, ReturnToolResult, ClaimTool}


def test_a_claim_that_was_overtaken() -> None:
    """CC23: the `ok` of an old claim is repeated, but the document says that the call is somebody else's, or over."""
    overtaken: list[dict[str, Any]] = [
        {"state": "assigned", "tab": "other", "number": 2},
        {"state": "running", "tab": "other", "number": 2},
        {"state": "unknown"},
        {"state": "failed"},
        {"state": "running", "number": 2},
    ]
    for now in overtaken:
        world = World()
        world.show(state="assigned")
        (claim,) = world.took(ClaimTool)
        world.connect()
        assert world.registration().running == ["call.0"]
        world.show(**now)
        world.say(control.ok(world.registration().id, 7))
        (repeated,) = world.took(ClaimTool)
        assert repeated == claim
        world.say(control.ok(claim.id, 2))
        assert not world.carrying.to_begin(), now
        assert not world.carrying.busy


def test_an_answer_before_the_document_is_level() -> None:
    """CC23: what the document showed before the socket broke proves nothing."""
    world = World()
    world.show(state="assigned")
    (claim,) = world.took(ClaimTool)
    world.show(state="running")
    world.connect(level=False)
    world.say(control.ok(world.registration().id, 7))
    world.say(control.ok(claim.id, 2))
    assert not world.carrying.to_begin()
    world.level()
    assert [call.step for call in world.carrying.to_begin()] == ["call.0"]


def test_a_claim_that_is_refused_is_dropped() -> None:
    """CC23: and not asked again on this socket, until the call is assigned anew."""
    world = World()
    world.show(state="assigned")
    (claim,) = world.took(ClaimTool)
    world.say(control.refused(claim.id, Refused("not-claimed")))
    world.show(call=1, state="requested")
    assert not world.took(ClaimTool)
    assert not world.carrying.busy
    world.show(state="assigned", number=2)
    (claim,) = world.took(ClaimTool)
    assert claim.number == 2


@pytest.mark.parametrize("code", ["store-full", "restarting", "too-many"])
def test_what_cannot_be_taken_now_is_asked_again(code: Code) -> None:
    """CC23: a full disk loses no claim and no result; a new socket after a pause is the way to ask again."""
    world = World()
    world.show(state="assigned")
    for kind in (ClaimTool, ReturnToolResult):
        (asked,) = world.took(kind)
        with pytest.raises(ComeBack):
            world.say(control.refused(asked.id, Refused(code)))
        world.connect()
        with pytest.raises(ComeBack):
            world.say(control.refused(world.registration().id, Refused(code)))
        world.connect()
        world.say(control.ok(world.registration().id, 7))
        assert world.took(kind) == [asked]
        world.show(state="running")
        world.say(control.ok(asked.id, 8))
        for call in world.carrying.to_begin():
            world.carrying.returned(call, "done")
            world.send()
    assert not world.carrying.busy


def test_what_is_cancelled() -> None:
    """CC25: what has ended or is somebody else's; not what is unknown, whose late result tells a person what happened;
    and not while nobody knows what the document says."""
    cases: list[tuple[dict[str, Any], bool]] = [
        ({"state": "cancelled"}, True),
        ({"state": "assigned", "number": 2}, True),
        ({"state": "running", "tab": "other"}, True),
        ({"state": "unknown"}, False),
    ]
    for now, cancelled in cases:
        world = World()
        call = world.begun()
        world.show(**now)
        assert world.carrying.to_cancel() == [call] * cancelled, now
        assert not world.carrying.to_cancel()
        assert world.carrying.busy == 1
        if cancelled:
            world.carrying.ended(call)
            world.send()
            claims = [claim.number for claim in world.took(ClaimTool)]
            assert claims == ([2] if now["state"] == "assigned" else [])
    world = World()
    call = world.begun()
    world.runs[RUN]["status"] = "stopped"
    world.connect(level=False)
    world.say(control.ok(world.registration().id, 7))
    assert not world.carrying.to_cancel()
    world.level()
    assert world.carrying.to_cancel() == [call]


def test_a_body_without_an_outcome() -> None:
    """CC24: the tools are registered again without its step, so the room says what that means."""
    world = World()
    call = world.begun()
    world.took(RegisterTools)
    world.carrying.ended(call)
    world.send()
    (again,) = world.took(RegisterTools)
    assert again.running == []
    world.say(control.ok(again.id, 9))
    assert world.carrying.registered
    assert not world.took(ClaimTool)


def test_what_does_not_fit_is_told() -> None:
    """CC24: a result that no frame carries is an error, and the call is answered all the same."""
    world = World()
    call = world.begun()
    world.carrying.returned(call, "x" * (256 << 10))
    world.send()
    (result,) = world.took(ReturnToolResult)
    assert "does not fit" in result.error


def test_so_many_at_once() -> None:
    """CC24: no more claims than `TAB_CALLS`; the next one when one is answered; none when the block is being left."""
    world = World()
    for n in range(TAB_CALLS + 3):
        world.show(call=n, state="assigned")
    claims = world.took(ClaimTool)
    assert [claim.step for claim in claims] == [f"call.{n}" for n in range(TAB_CALLS)]
    world.say(control.refused(claims[0].id, Refused("not-claimed")))
    assert len(world.took(ClaimTool)) == 1
    world.carrying.pause()
    world.say(control.refused(claims[1].id, Refused("not-claimed")))
    assert not world.took(ClaimTool)


def test_withdrawing() -> None:
    """CC26: there are no tools, nothing is asked any more for what was held, and the next socket is nobody's."""
    world = World()
    call = world.begun()
    world.carrying.returned(call, "done")
    world.carrying.withdraw()
    world.send()
    assert [(type(each), each.tools) for each in world.asked[-1:]] == [(RegisterTools, [])]
    assert not world.carrying.registered
    world.say(control.ok(world.registration().id, 9))
    assert world.carrying.registered
    world.connect()
    assert not world.asked
    world.asking.ask(Prompt(id="p", text="Go"))
    world.send()
    assert len(world.asked) == 1
    world.carrying.release()


def test_tools_that_are_refused() -> None:
    """CC22: by the server, for good: the reason is kept, and the client may go on without tools."""
    world = World(connected=False)
    world.connect()
    world.asking.ask(Prompt(id="p", text="Go"))
    world.say(control.refused(world.registration().id, Refused("not-allowed")))
    assert world.carrying.error is not None
    assert world.carrying.error.code == "not-allowed"
    assert len(world.took(Prompt)) == 1
    with pytest.raises(Refused, match="bad-json"):
        Carrying(Asking(), world.replica, "", [], lambda: "1")


def test_tokens_do_not_make_it_look() -> None:
    """CC23: only what may be a call's change is read; a text that grows is not."""
    world = World()
    world.show(state="assigned")
    looked = world.carrying._look
    seen: list[int] = []

    def look() -> Any:
        seen.append(1)
        return looked()

    world.carrying._look = look
    parts = world.runs[RUN]["parts"]
    parts.append(Map({"type": "text", "text": Array([Text("a")])}))
    world.level()
    assert len(seen) == 1
    text = parts[1]["text"][0]
    for _ in range(5):
        before = world.doc.get_state()
        text += "b"
        world.say(frames.update(world.doc.get_update(before)))
    assert len(seen) == 1
    assert str(text) == "abbbbb"
