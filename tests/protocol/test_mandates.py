"""What a run may do by its asker's grant, and who may speak to it."""

import hashlib
from typing import Any

import pytest
from plait.protocol.access import ANONYMOUS, COMMANDS, FRAMES, NOBODY, REQUESTS, Grant
from plait.protocol.commands import Approve, Deny, Prompt, Steer
from plait.protocol.digests import call_digest
from plait.protocol.errors import Refused
from plait.protocol.events import (
    ApprovalGranted,
    ApprovalRequested,
    Record,
    RunRequested,
    RunStarted,
    RunSteered,
    ToolCall,
    ToolRefused,
)
from plait.protocol.fold import fold
from plait.protocol.judge import judge
from plait.protocol.mandates import before_call, check_run, forbidden, grant_of, mandate_of, speaks_for
from plait.protocol.prompts import AgentFacts
from plait.protocol.state import RoomState, Run

RUN = "000000000001"
CLERK = AgentFacts("a")
ANN = Grant("ann", id="g", issued=5, documents=("notes*",), forbid_tools=("rm*",), ask_tools=("mail",))
ASKED = ApprovalRequested("s", "c", "mail", '{"to":"Zoë"}')


def told(grant: Grant, command: Any, *events: Any, agent: AgentFacts = CLERK) -> Any:
    """What the command causes in a room where ann's run is at work."""
    state = RoomState()
    request = RunRequested("a", "hi", mandate=mandate_of(ANN))
    for seq, event in enumerate((request, RunStarted(), *events), 1):
        fold(state, Record(seq, 0, "ann", RUN, 1, event))
    return judge(state, grant, command, lambda _: agent)[0].event


def run_of(grant: Grant) -> Run:
    return Run(RUN, "a", "hi", grant.author, mandate=mandate_of(grant))


def test_what_a_mandate_says() -> None:
    """AC30: all of the grant that bears on tools; nothing is written where nobody was asked for a grant."""
    assert mandate_of(ANONYMOUS) is mandate_of(Grant("ann")) is None
    assert grant_of(run_of(ANN)) == Grant(
        "ann", "", True, True, False, False, False, True, ("*",), ("notes*",), ("rm*",), ("mail",), "", "g", 5, 0
    )
    assert grant_of(run_of(Grant("ann", write=False))).write is False
    assert grant_of(run_of(Grant("ann"))).sees_all


def test_whose_words_a_run_hears() -> None:
    """AC36: a grant that allows all that the mandate does; another token of the same subject may be narrower."""
    wide = [ANONYMOUS, ANN, Grant("bob", documents=("no*",), forbid_tools=("rm*",)), Grant("bob", ask_tools=("rm*",))]
    narrow = [
        Grant("ann", id="g", issued=5, documents=("notes",)),
        Grant("bob", write=False),
        Grant("bob", tools=False),
        Grant("bob", rooms=("a*",)),
        Grant("bob", forbid_tools=("*",)),
        Grant("bob", forbid_tools=("mail",)),
        Grant("bob", ask_tools=("*",)),
    ]
    assert all(speaks_for(grant, run_of(ANN)) for grant in wide)
    assert not any(speaks_for(grant, run_of(ANN)) for grant in narrow)
    for grant in narrow:
        with pytest.raises(Refused, match="not-allowed"):
            told(grant, Steer(id="1", text="go on", run=RUN))
    assert told(wide[2], Steer(id="1", text="go on", run=RUN)) == RunSteered("go on")


def test_a_second_prompt_that_is_said_to_the_run_at_work() -> None:
    """AC36: by somebody whose grant is narrower it is a run of its own, which waits for its turn."""
    agent = AgentFacts("a", on_second_prompt="steer")
    assert told(ANN, Prompt(id="1", text="and"), agent=agent) == RunSteered("and")
    bob = Grant("bob", issued=1, write=False)
    asked = told(bob, Prompt(id="1", text="and"), agent=agent)
    assert isinstance(asked, RunRequested)
    assert asked.mandate == mandate_of(bob)


def test_a_yes_is_for_what_was_shown() -> None:
    """DE16, DE17, AC37: the digest of this call, said under each grant; other arguments are as a steer."""
    shown = call_digest("mail", ASKED.args)
    yes = ApprovalGranted("s", digest=shown, shown=shown)
    assert told(ANN, Approve(id="1", run=RUN, step="s", shown=shown), ASKED) == yes
    assert told(ANONYMOUS, Approve(id="1", run=RUN, step="s"), ASKED) == ApprovalGranted("s", digest=shown)
    other = call_digest("mail", '{"to":"Ann"}')
    edited = Approve(id="1", run=RUN, step="s", shown=shown, args={"to": "Ann"})
    assert told(ANN, edited, ASKED) == ApprovalGranted("s", '{"to":"Ann"}', other, shown)
    for command in (
        Approve(id="1", run=RUN, step="s"),
        Approve(id="1", run=RUN, step="s", shown=other),
        Deny(id="1", run=RUN, step="s", shown=other),
    ):
        with pytest.raises(Refused, match="decision-stale"):
            told(ANN, command, ASKED)
    assert told(ANN, Deny(id="1", run=RUN, step="s"), ASKED).shown == ""
    for grant, command in ((Grant("bob", write=False), edited), (Grant("bob", forbid_tools=("mail",)), edited)):
        with pytest.raises(Refused, match="not-allowed"):
            told(grant, command, ASKED)
    with pytest.raises(Refused, match="not-allowed"):  # It is shown truly, and not theirs to allow.
        told(Grant("bob", forbid_tools=("ma*",)), Approve(id="1", run=RUN, step="s", shown=shown), ASKED)


def test_what_is_called_is_what_was_approved() -> None:
    """DE18: held against each other before each attempt, whatever came between."""
    run, call = run_of(ANN), ToolCall("c", "mail", ASKED.args)
    state = RoomState(runs={RUN: run})
    yes = ApprovalGranted("s", digest=call_digest("mail", ASKED.args))
    for seq, event in enumerate((ASKED, yes), 1):
        fold(state, Record(seq, 0, "ann", RUN, 1, event))
    assert before_call(run, "s", call, tabs=False) is None
    for other in (ToolCall("c", "mail", '{"to": "Zoë"}'), ToolCall("c", "rm", ASKED.args)):
        refused = before_call(run, "s", other, tabs=False)
        assert isinstance(refused, ToolRefused)
        assert refused.code == "decision-stale"
    run.steps["s"].args = '{"to":"Eve"}'
    assert isinstance(before_call(run, "s", call, tabs=False), ToolRefused)


def test_the_digest_is_of_the_exact_text() -> None:
    """DE16: two strings in a JSON object; anybody can compute it."""
    of_json = hashlib.sha256(b'{"args":"{}","name":"f"}').hexdigest()
    assert call_digest("f", "{}") == of_json
    assert call_digest("f", '{"a":1}') != call_digest("f", '{"a": 1}') != call_digest("g", '{"a": 1}')


def test_patterns_of_tools() -> None:
    """AC32, AC34: as those of rooms; a page's tools want a right of their own."""
    run = run_of(ANN)
    assert forbidden(run, "rm_all")
    assert not forbidden(run, "RM_all")  # Names are exact: no tool has that one.
    assert not forbidden(run, "mail")
    assert forbidden(run_of(Grant("ann", tools=False)), "paint", tabs=True)
    assert not forbidden(run_of(Grant("ann", tools=False)), "paint")


@pytest.mark.parametrize("name", ["notes", "notes2", "notes~000000000012"])
def test_documents_of_a_mandate(name: str) -> None:
    """AC31: whoever writes may read, too; a draft is granted with its document."""
    check_run(run_of(ANN), name, "write")
    for grant, right in (
        (Grant("ann", read=False), "write"),
        (Grant("ann", write=False), "write"),
        (Grant("ann", documents=("note", "plan*")), "read"),
    ):
        with pytest.raises(Refused, match="not-allowed"):
            check_run(run_of(grant), name, right)  # type: ignore[arg-type]


def test_a_tool_elsewhere_is_told_of_no_grant() -> None:
    """AC40: what it cannot know, it is not to take for allowed."""
    assert not any(
        needs and all(map(NOBODY.has, needs)) for table in (COMMANDS, FRAMES, REQUESTS) for needs in table.values()
    )
    assert not NOBODY.enters("r")
    assert not NOBODY.sees("")
