"""Commands: read exactly, refused with their id, and equal by digest."""

import pytest
from plait.protocol.commands import Command, Follow, Ping, Prompt, Stop
from plait.protocol.limits import COMMAND_ID_CHARS, PROMPT_BYTES, TEXT_FRAME_BYTES
from plait.protocol.parsing import NAMES, CommandRefused, digest, parse


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{"id":"1","do":"prompt","text":"hé"}', Prompt(id="1", text="hé")),
        ('{"text":"x","agent":"a","do":"prompt","id":"1"}', Prompt(id="1", text="x", agent="a")),
        ('{"id":"1","do":"stop"}', Stop(id="1")),
        ('{"id":"1","do":"stop","run":"000000000012"}', Stop(id="1", run="000000000012")),
        ('{"id":"1","do":"follow","after":7}', Follow(id="1", after=7)),
        ('{"id":"1","do":"ping"}', Ping(id="1")),
    ],
)
def test_a_command(text: str, command: Command):
    """CT1: one JSON object, named by `do`."""
    assert parse(text) == command
    assert parse(text.encode()) == command
    assert NAMES == (
        "prompt",
        "regenerate",
        "edit-prompt",
        "stop",
        "steer",
        "pause",
        "resume",
        "approve",
        "deny",
        "answer",
        "resolve",
        "register-tools",
        "claim-tool",
        "return-tool-result",
        "set-room",
        "provide-context",
        "undo",
        "propose",
        "accept",
        "reject",
        "fork",
        "merge",
        "follow",
        "blame",
        "renew-grant",
        "ping",
    )


@pytest.mark.parametrize(
    ("text", "code", "id_"),
    [
        (b"", "bad-json", None),
        (b"[]", "bad-json", None),
        (b"\xff", "bad-json", None),
        (b"[" * 10_000, "bad-json", None),
        (b'{"id":"1"}', "bad-json", "1"),
        (b'{"id":"1","do":7}', "bad-json", "1"),
        (b'{"id":"1","do":"spoon"}', "unknown-command", "1"),
        (b'{"id":"1","do":"fork"}', "bad-json", "1"),
        (b'{"id":"1","do":"fork","at":1,"name":"x"}', "bad-json", "1"),
        (b'{"id":"1","do":"fork","at":1,"change":{"promt":"x"}}', "bad-json", "1"),
        (b'{"id":"1","do":"fork","at":1,"change":{"result":%b}}' % (b"[" * 200 + b"]" * 200), "bad-json", "1"),
        (b'{"id":"1","do":"merge","documents":[""]}', "bad-json", "1"),
        (b'{"do":"spoon"}', "unknown-command", None),
        (b'{"id":"1","do":"prompt"}', "bad-json", "1"),
        (b'{"id":"1","do":"prompt","text":""}', "bad-json", "1"),
        (b'{"id":"1","do":"prompt","text":7}', "bad-json", "1"),
        (b'{"id":"1","do":"follow","after":-1}', "bad-json", "1"),
        (b'{"id":"1","do":"follow","after":9007199254740992}', "bad-json", "1"),
        (b'{"id":"1","do":"follow","after":' + b"9" * 5000 + b"}", "bad-json", None),
        (b'{"id":"","do":"ping"}', "bad-json", None),
        (b'{"id":"a\\n","do":"ping"}', "bad-json", None),
        (b'{"id":7,"do":"ping"}', "bad-json", None),
    ],
)
def test_what_is_no_command(text: bytes, code: str, id_: str | None):
    """CT2: refused with the id that it had."""
    with pytest.raises(CommandRefused) as refused:
        parse(text)
    assert (refused.value.code, refused.value.id) == (code, id_)


def test_a_field_that_the_command_does_not_have():
    """CT3: refused, because `agnet` would otherwise mean the default agent."""
    with pytest.raises(CommandRefused, match="agnet") as refused:
        parse('{"id":"1","do":"prompt","text":"x","agnet":"a"}')
    assert (refused.value.code, refused.value.id) == ("bad-json", "1")


def test_limits():
    """CT4: of an id, a prompt and a text frame."""
    longest = "x" * COMMAND_ID_CHARS
    assert parse(f'{{"id":"{longest}","do":"ping"}}').id == longest
    with pytest.raises(CommandRefused):
        parse(f'{{"id":"{longest}x","do":"ping"}}')
    assert parse('{"id":"1","do":"prompt","text":"' + "é" * (PROMPT_BYTES // 2) + '"}')
    with pytest.raises(CommandRefused) as refused:
        parse('{"id":"1","do":"prompt","text":"' + "é" * (PROMPT_BYTES // 2) + 'x"}')
    assert (refused.value.code, refused.value.id) == ("too-large", "1")
    for text in ("x" * (TEXT_FRAME_BYTES + 1), b"x" * (TEXT_FRAME_BYTES + 1), "é" * (TEXT_FRAME_BYTES // 2 + 1)):
        with pytest.raises(CommandRefused) as refused:
            parse(text)
        assert (refused.value.code, refused.value.id) == ("too-large", None)


def test_half_a_surrogate_pair_is_not_json():
    """CT2: it has no UTF-8, so nothing could be kept of it."""
    with pytest.raises(CommandRefused) as refused:
        parse('{"id":"1","do":"prompt","text":"\ud800"}')
    assert refused.value.code == "bad-json"


def test_equal_commands_have_equal_digests():
    """CT5: the order of fields, spaces and spelled-out defaults make no difference; anything else does."""
    one = digest(parse('{"id":"1","do":"prompt","text":"x"}'))
    assert one == digest(parse('{ "text": "x", "agent": "", "do": "prompt", "id": "1" }'))
    assert one.hex() == "21f2f9a45a653207ef15a8cb8b752bc5ef2adbf1259210c5616422efbd1b97af"
    assert one != digest(parse('{"id":"1","do":"prompt","text":"y"}'))
    assert one != digest(parse('{"id":"2","do":"prompt","text":"x"}'))
    assert digest(Stop(id="1")) != digest(Ping(id="1"))
