"""Where fuzzing begins: inputs that the decoders take, made from what real writers wrote."""

from collections.abc import Callable

import msgspec
from plait.protocol import commands, frames
from plait.protocol.awareness import Entry, encode
from plait.protocol.codec import encode_event
from plait.protocol.control import caught_up, ok, pong, record, unknown
from plait.protocol.state import RoomState
from pycrdt import Doc

from ..golden.test_golden import LOGS, load
from ..protocol.test_update import History
from .documents import BASE

_HERE = b'{"user":{"name":"\xc3\x84da"},"cursor":null}'


def _histories() -> list[bytes]:
    return [each for seed in range(12) for each in History(seed, 10).sent()][:120]


def _edits() -> list[bytes]:
    """Rows of edits by turns, some of which lean on the document."""
    doc = Doc(client_id=3)
    doc.apply_update(BASE)
    made: list[bytes] = [each for seed in range(6) for each in History(seed, 6).log]
    rows = [made[at : at + 4] for at in range(0, len(made), 4)]
    return [b"".join(bytes([n]) + len(each).to_bytes(2, "big") + each for n, each in enumerate(row)) for row in rows]


def _frames() -> list[bytes]:
    made = [frames.step1(b"\x00"), frames.step1(b"\x01\x07\x05"), frames.KEEPALIVE, frames.ASK_AWARENESS]
    made += [frames.sync_status(b"\x01"), frames.awareness(encode([Entry(7, 1, _HERE)]))]
    made += [frames.update(each) for each in _histories()[:4]] + [frames.step2(BASE)]
    return [*made, made[0] + made[5]]


def _hocuspocus() -> list[bytes]:
    made = [b"\x02\x00\x01t", b"\x02\x00\x01t\x054.8.0", b"\x05\x02{}", b"\x07", *_frames()[:5], frames.step2(BASE)]
    keys = [frames.write_string(key) for key in ("a", "a/b", "rooms/a", "a/b\0abc")]
    return [keys[n % 4] + each for n, each in enumerate(made)] + [b"\x09", b"\x0a"]


def _presence() -> list[bytes]:
    said = [encode([Entry(7, n, state)]) for n, state in enumerate((b"{}", _HERE, b"null", b'{"user":1}'))]
    said.append(encode([Entry(n, 3, b"{}") for n in range(5)]))
    turns = [bytes([n, len(each)]) + each for n, each in enumerate(said)]
    return [b"".join(turns), *turns, turns[1] + b"\x01\x00"]


def _commands() -> list[bytes]:
    made: list[commands.Command] = [
        commands.Prompt(id="1", text="Go 🙂", agent="a", context={"k": "v"}, after=""),
        commands.Prompt(id="1", text="x", attachments=[commands.AttachedFile("0" * 64)], options=_overrides()),
        commands.Approve(id="ü", run="1", step="s", args={"a": [1, None]}),
        commands.Answer(id="3", run="1", step="s", answer={"x": 1.5}),
        commands.Resolve(id="4", run="1", step="s", verdict="happened", result=[]),
        commands.RegisterTools(id="5", tab="t", tools=[commands.ToolOffer("paint", "P", {"type": "object"})]),
        commands.SetRoom(id="6", title="T", metadata={"a": None, "b": "c"}),
        commands.ProvideContext(id="7", facts={"k": None}),
        commands.Follow(id="8", after=3),
        commands.Ping(id="9"),
        commands.Stop(id="10"),
    ]
    return [msgspec.json.encode(each) for each in made]


def _letters() -> list[bytes]:
    keys = (b"rooms/a", b"rooms/a\\u0000t7", b"r\xc3\xbc")
    return [b'{"to":"%b",%b' % (keys[n % 3], each[1:]) for n, each in enumerate(_commands())] + _commands()[-2:]


def _overrides() -> commands.Overrides:
    return commands.Overrides(model="m", retries=2)


def _events() -> list[bytes]:
    bodies = [encode_event(each.event) for path in LOGS for each in load(path)]
    return list(dict.fromkeys(body for body in bodies if len(body) < 400))[:80]


def _control() -> list[bytes]:
    shown = [record(each) for path in LOGS for each in load(path) if len(each.update) < 100]
    said = [ok("1", 2, "000000000001"), pong("2"), unknown("3"), caught_up(4), *shown[:30]]
    return [*said, b'{"id":null,"refused":{"code":"bad-json","message":"no"}}']


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "integers": lambda: [b"\x00\x05\x01\x02ab\x02\x03\xe6\xbc\xa2\x00" + frames.write_uint(frames.MAX_UINT)],
    "frame": _frames,
    "hocuspocus": _hocuspocus,
    "heard": lambda: [*_frames(), frames.denied("too-large: No."), frames.denied("no")],
    "presence": _presence,
    "update": lambda: [*_histories(), BASE],
    "edit": _edits,
    "command": _commands,
    "letter": _letters,
    "control": _control,
    "event": _events,
    "partial": lambda: [
        b'{"a":[1,-2.5e3,"\\ud83d\\ude42\\n",null],"b":{"c":true}}',
        b'["\\u12',
        b"[[[",
        b"1e999",
        b" tr",
    ],
    "path": lambda: [b"/rooms/a", b"/docs/a/b%2Fc?x", b"/docs/r%41"],
    "snapshot": lambda: [msgspec.msgpack.encode({"state": RoomState(seq=1), "documents": {"": BASE}})],
}
