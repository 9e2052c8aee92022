"""Grants: what each needs, pattern by pattern and right by right."""

from itertools import combinations
from time import thread_time
from typing import get_args

import pytest
from plait.protocol import access
from plait.protocol.access import COMMANDS, FRAMES, REQUESTS, RIGHTS, Grant, check, check_rights, fits, needs
from plait.protocol.commands import Command
from plait.protocol.errors import Refused
from plait.protocol.events import kebab
from plait.protocol.parsing import NAMES, parse

EXAMPLES = {
    "prompt": '"text":"x"',
    "regenerate": '"run":"1"',
    "edit-prompt": '"run":"1","text":"x"',
    "steer": '"text":"x"',
    "pause": "",
    "resume": "",
    "fork": '"at":1',
    "fork writes": '"at":1,"writes":true',
    "merge": "",
    "stop": '"run":""',
    "provide-context": '"facts":{"a":"b"}',
    "set-room": '"title":"x"',
    "set-room branch": '"branch":"1"',
    "approve": '"run":"1","step":"s"',
    "deny": '"run":"1","step":"s"',
    "answer": '"run":"1","step":"s","answer":1',
    "resolve": '"run":"1","step":"s","verdict":"retry"',
    "register-tools": '"tab":"t","tools":[]',
    "claim-tool": '"run":"1","step":"s","number":1',
    "return-tool-result": '"run":"1","step":"s","number":1',
    "undo": '"run":"1"',
    "propose": '"document":"notes"',
    "accept": '"draft":"notes~000000000001"',
    "reject": '"draft":"notes~000000000001"',
    "follow": '"after":0',
    "blame": '"document":"notes"',
    "renew-grant": '"grant":"x"',
    "ping": "",
}
SETS = [frozenset(some) for size in range(len(RIGHTS) + 1) for some in combinations(RIGHTS, size)]


def command(line: str) -> Command:
    fields = f",{EXAMPLES[line]}" if EXAMPLES[line] else ""
    return parse(f'{{"id":"1","do":"{line.split()[0]}"{fields}}}')


def granted(rights: frozenset[str], **more: object) -> Grant:
    return Grant(**{right: right in rights for right in RIGHTS}, **more)  # type: ignore[arg-type]


def allowed(grant: Grant, asked: Command) -> bool:
    try:
        check(grant, asked)
    except Refused as refused:
        return refused.code != "not-allowed"
    return True


def test_every_command_stands_in_the_table() -> None:
    """AC12: none is forgotten, and none stands there that is not there."""
    assert {line.split()[0] for line in COMMANDS} == set(NAMES)
    assert COMMANDS.keys() == EXAMPLES.keys()
    assert {kebab(one.__name__) for one in get_args(Command)} == set(NAMES)
    for table in (COMMANDS, FRAMES, REQUESTS):
        assert all(needed <= set(RIGHTS) for needed in table.values())


@pytest.mark.parametrize("line", EXAMPLES)
def test_a_command_needs_its_rights_and_no_other(line: str) -> None:
    """AC12, AC3: each of the 64 sets of rights allows exactly what the table says; no right implies another."""
    asked = command(line)
    for rights in SETS:
        assert allowed(granted(rights), asked) == (COMMANDS[line] <= rights), (line, rights)


def test_naming_a_room_and_choosing_its_branch() -> None:
    """AC12: a command that does both needs both."""
    both = parse('{"id":"1","do":"set-room","title":"x","branch":"1"}')
    assert needs(both) == {"write", "prompt"}
    assert needs(parse('{"id":"1","do":"set-room","metadata":{"a":null}}')) == {"write"}


@pytest.mark.parametrize("table", [FRAMES, REQUESTS], ids=["frames", "requests"])
def test_messages_and_requests_need_theirs(table: dict[str, access.Needs]) -> None:
    """AC12: the same of everything else that is asked; the refusal names what is missing."""
    for needed in table.values():
        for rights in SETS:
            if needed <= rights:
                check_rights(granted(rights), needed)
            else:
                with pytest.raises(Refused, match=next(iter(sorted(needed - rights)))):
                    check_rights(granted(rights), needed)


@pytest.mark.parametrize(
    ("pattern", "name", "means"),
    [
        ("*", "", True),
        ("*", "a/b", True),
        ("a", "a", True),
        ("a", "A", False),
        ("a", "ab", False),
        ("a*", "a", True),
        ("a*", "ab", True),
        ("*a", "ba", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "a.b.b.c", True),
        ("a*b*c", "acb", False),
        ("a**b", "ab", True),
        ("", "", True),
        ("", "a", False),
        ("?", "a", False),
        ("[a]", "a", False),
        (".*", "a", False),
    ],
)
def test_a_pattern(pattern: str, name: str, means: bool) -> None:
    """AC4: only `*` stands for anything."""
    assert fits(name, (pattern,)) == means
    assert not fits(name, ())


def test_a_pattern_is_linear() -> None:
    """AC4: the pattern that ruins backtracking matchers is done at once."""
    began = thread_time()
    assert not fits("a" * 200, ("*a" * 99 + "*b",))
    assert thread_time() - began < 0.1


def test_documents() -> None:
    """AC4: the room document is the empty name, a draft goes with its document, and the log shows them all."""
    some = Grant(documents=("notes", "", "team/*"))
    assert some.sees("notes")
    assert some.sees("notes~000000000012")
    assert some.sees("")
    assert some.sees("team/plan~000000000012")
    assert not some.sees("other")
    assert not some.sees("other~000000000012")
    assert not some.sees("notes~12")
    for line in ("propose", "accept", "reject", "blame"):
        assert allowed(some, command(line)), line
        assert not allowed(Grant(documents=("other",)), command(line)), line
    assert allowed(some, parse('{"id":"1","do":"undo","run":"1","document":"notes"}'))
    for line in ("undo", "follow"):
        assert not allowed(some, command(line)), line
    assert not allowed(some, parse('{"id":"1","do":"undo","run":"1","document":"other"}'))
    assert allowed(some, command("prompt"))


def test_who_writes() -> None:
    """AC12: nobody edits the room document, and a shared one only who may write and sees it."""
    assert not access.writes(Grant(), "")
    assert access.writes(Grant(), "notes")
    assert not access.writes(Grant(write=False), "notes")
    assert not access.writes(Grant(documents=("other",)), "notes")
