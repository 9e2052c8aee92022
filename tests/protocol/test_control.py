"""Answers: written by the server, read by a client, ignored where they are from the future."""

import json

import pytest
from plait.protocol import control
from plait.protocol.control import CaughtUp, Denied, Done, Ok, Reason, Shown, Unknown
from plait.protocol.errors import Refused
from plait.protocol.events import DocumentEdited, Record, RunRequested


@pytest.mark.parametrize(
    ("frame", "shown", "answer"),
    [
        (
            control.ok("1", 12, "000000000012"),
            {"id": "1", "ok": {"seq": 12, "run": "000000000012"}},
            Ok(id="1", ok=Done(12, "000000000012")),
        ),
        (control.ok("1", 0), {"id": "1", "ok": {"seq": 0}}, Ok(id="1", ok=Done(0))),
        (control.pong('"é'), {"id": '"é', "ok": {}}, Ok(id='"é', ok=Done())),
        (
            control.refused("1", Refused("room-full", "No.")),
            {"id": "1", "refused": {"code": "room-full", "message": "No."}},
            Denied(id="1", refused=Reason("room-full", "No.")),
        ),
        (
            control.refused(None, Refused("bad-json", "No.")),
            {"id": None, "refused": {"code": "bad-json", "message": "No."}},
            Denied(id=None, refused=Reason("bad-json", "No.")),
        ),
        (
            control.unknown("1"),
            {"id": "1", "unknown": {"code": "outcome-unknown"}},
            Unknown(id="1", unknown=Reason("outcome-unknown")),
        ),
        (control.caught_up(0), {"caught_up": 0}, CaughtUp(caught_up=0)),
    ],
)
def test_an_answer(frame: bytes, shown: object, answer: control.Answer):
    """CT6: exactly one of ok, refused and unknown, under the command's id."""
    assert json.loads(frame) == shown
    assert control.read(frame) == answer


@pytest.mark.parametrize(
    "record",
    [
        Record(12, 1_732_290_060_000_001, "ann", "000000000012", 3, RunRequested("assistant", "hé")),
        Record(13, 0, "ann", "", 3, DocumentEdited(), "notes", b"\x00\x00"),
    ],
)
def test_a_record_comes_back(record: Record):
    """CT7: RFC 3339, base64, null where there is none; read again, it is the same record."""
    frame = control.record(record)
    shown = json.loads(frame)["record"]
    assert set(shown) == {"seq", "time", "author", "run", "epoch", "event", "document", "update"}
    assert shown["run"] == (record.run or None)
    answer = control.read(frame.decode())
    assert isinstance(answer, Shown)
    assert control.record_of(answer.record) == record


@pytest.mark.parametrize("frame", ['{"hint":3600}', "{}", '{"id":"1","news":1}', '{"ok":{"seq":1}}'])
def test_frames_from_the_future_are_none(frame: str):
    """CT8: a newer server may say more."""
    assert control.read(frame) is None


def test_fields_from_the_future_are_ignored():
    """CT8: inside answers as well."""
    assert control.read('{"id":"1","ok":{"seq":1,"new":2},"new":3}') == Ok(id="1", ok=Done(1))


@pytest.mark.parametrize("frame", [b"", b"[]", b"\xff", b'{"caught_up":"x"}', b'{"record":{"seq":0}}', b"[" * 9999])
def test_what_is_no_frame(frame: bytes):
    """CT8: but it has to be a frame."""
    with pytest.raises(Refused) as refused:
        control.read(frame)
    assert refused.value.code == "bad-json"
