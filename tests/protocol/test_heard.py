"""A server's binary frames, as a client reads them."""

import pytest
from plait.protocol import frames, heard
from plait.protocol.errors import Refused
from plait.protocol.heard import Change, NotTaken
from plait.protocol.sync import Step1


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (frames.step1(b"\x00"), [Step1(b"\x00", {})]),
        (frames.step2(b"\x00\x00"), [Change(b"\x00\x00", True)]),
        (frames.update(b"\x00\x00"), [Change(b"\x00\x00", False)]),
        (frames.update(b"ab") + frames.step2(b"c"), [Change(b"ab", False), Change(b"c", True)]),
        (frames.denied("permission denied"), [NotTaken("permission-denied", "permission denied")]),
        (frames.denied("too-large: No: never."), [NotTaken("too-large", "No: never.")]),
        (frames.KEEPALIVE, []),
        (frames.sync_status(b"\x01"), []),
        (b"\x7f\x01\x02", []),
        (b"", []),
    ],
)
def test_what_a_server_says(frame: bytes, said: list[heard.Heard]) -> None:
    """CC20: what is known is read exactly, what is not is passed over."""
    assert heard.read(frame) == said


_BROKEN = [b"\x00", b"\x00\x02\x05ab", b"\x00\x07\x00", b"\x02\x00\x01\xff", b"\x00\x00\x01\x05"]


@pytest.mark.parametrize("frame", _BROKEN)
def test_what_is_no_frame(frame: bytes) -> None:
    """CC20: a known message that is malformed is no message."""
    with pytest.raises(Refused, match="bad-frame"):
        heard.read(frame)
