"""Whose a text frame is, on a socket with many documents."""

import json

import pytest
from plait.protocol import addressing, control
from plait.protocol.addressing import Letter
from plait.protocol.commands import Prompt
from plait.protocol.limits import DOCUMENT_KEY_BYTES, TEXT_FRAME_BYTES
from plait.protocol.parsing import CommandRefused, digest, parse

KEY = "rooms/löbby\0t7"


def test_a_command_is_the_same_with_and_without_it() -> None:
    """CT10: what is left without `to` is the command, to the byte of its values, wherever `to` stood."""
    for text in (
        '{"to":%s,"id":"1","do":"prompt","text":"a \\ud83d\\ude42"}',
        '{"id":"1","do":"prompt","text":"a 🙂","to":%s}',
    ):
        letter = addressing.read(text % json.dumps(KEY))
        assert letter.to == KEY
        command = parse(letter.body)
        assert command == Prompt(id="1", text="a 🙂")
        assert digest(command) == digest(Prompt(id="1", text="a 🙂"))


def test_everything_said_has_it_in_front() -> None:
    """CT10: every kind of answer, and a client that knows nothing of it reads the same as ever."""
    for frame in (control.ok("1", 2), control.pong("2"), control.unknown("3"), control.caught_up(4)):
        addressed = addressing.write(frame, addressing.label(KEY))
        assert json.loads(addressed) == {"to": KEY, **json.loads(frame)}
        assert control.read(addressed) == control.read(frame)


@pytest.mark.parametrize(
    "to", [7, True, [KEY], {}, "x" * (DOCUMENT_KEY_BYTES + 1), "ü" * (DOCUMENT_KEY_BYTES // 2 + 1)]
)
def test_what_is_no_key(to: object) -> None:
    """CT11: it is refused under the command's id."""
    with pytest.raises(CommandRefused, match="bad-json") as refused:
        addressing.read(json.dumps({"to": to, "id": "1", "do": "ping"}))
    assert refused.value.id == "1"


def test_the_frame_is_measured_first() -> None:
    """CT4: also where `to` is what makes it too large, and where only its bytes are."""
    for text in ('{"to":"%s"}' % ("x" * TEXT_FRAME_BYTES), "ü" * (TEXT_FRAME_BYTES // 2 + 1)):
        with pytest.raises(CommandRefused, match="too-large"):
            addressing.read(text)


@pytest.mark.parametrize(
    ("letter", "told"),
    [
        (Letter(None, b'{"id":"1","do":"ping"}'), {"id": "1", "ok": {}}),
        (Letter(KEY, b'{"id":"1","do":"ping"}'), {"to": KEY, "id": "1", "refused": "no-such-document"}),
        (Letter(None, b'{"id":"1","do":"stop"}'), {"id": "1", "refused": "bad-json"}),
        (Letter(KEY, b'{"id":"1","do":"dance"}'), {"to": KEY, "id": "1", "refused": "unknown-command"}),
        (Letter(KEY, b"{}"), {"to": KEY, "id": None, "refused": "bad-json"}),
    ],
)
def test_where_nobody_is(letter: Letter, told: dict[str, object]) -> None:
    """CT11: a ping of the socket is answered, all else refused, with what was said of its sender."""
    answer = json.loads(addressing.stray(letter))
    assert answer | ({"refused": answer["refused"]["code"]} if "refused" in answer else {}) == told
