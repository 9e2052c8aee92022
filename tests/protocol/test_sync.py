"""One tab's frames, read into messages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plait.protocol import frames
from plait.protocol.errors import CODES, Refused
from plait.protocol.limits import FRAME_BYTES, FRAME_MESSAGES
from plait.protocol.sync import Aware, Edit, QueryAware, Step1, SyncStatus, keystroke, read_message, receive


def test_each_kind_of_message():
    """SY2: what a client may say."""
    assert receive(frames.step1(b"\x01\x07\x02")) == [Step1(b"\x01\x07\x02", {7: 2})]
    assert receive(frames.step2(b"ab")) == [Edit(b"ab", step2=True)]
    assert receive(frames.update(b"ab")) == [Edit(b"ab", step2=False)]
    assert receive(frames.awareness(b"\x01\x07\x01\x02{}")) == [Aware(b"\x01\x07\x01\x02{}")]
    assert receive(frames.ASK_AWARENESS) == [QueryAware()]
    assert receive(frames.sync_status(b"\x05")) == [SyncStatus(b"\x05")]
    assert receive(frames.KEEPALIVE) == [Aware(b"\x00")]


def test_several_messages_in_one_frame():
    """SY3: they are read in order, and only together."""
    both = frames.update(b"ab") + frames.sync_status(b"\x05")
    assert receive(both) == [Edit(b"ab", step2=False), SyncStatus(b"\x05")]
    with pytest.raises(Refused):
        receive(both + b"\x7f")
    with pytest.raises(Refused):
        receive(frames.ASK_AWARENESS * (FRAME_MESSAGES + 1))
    assert len(receive(frames.ASK_AWARENESS * FRAME_MESSAGES)) == FRAME_MESSAGES


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x04",
        b"\x00",
        b"\x00\x03\x00",
        b"\x00\x00\x05\x00",
        b"\x00\x00\x02\x00\x00",
        b"\x00\x00\x04\x02\x07\x01\x07",
        b"\x01\x02\x01\x07",
        b"\x01\x02\x00\x00",
        b"\x02\x00\x01x",
        b"\x80\x00\x00\x01\x00",
        b"\x66",
        b"\x63\x00",
    ],
)
def test_frames_that_are_no_message(frame: bytes):
    """SY4, SY5: unknown types, a client's auth, truncation and padding are bad frames, which close with 4400."""
    with pytest.raises(Refused) as refused:
        receive(frame)
    assert refused.value.code == "bad-frame"
    assert CODES["bad-frame"].close == 4400


def test_an_update_that_does_not_decode_is_not_judged_here():
    """SY6: it costs only itself."""
    assert receive(frames.update(b"\xff\xff")) == [Edit(b"\xff\xff", step2=False)]


def test_a_frame_over_the_limit():
    """SY7: too large, before anything is read."""
    with pytest.raises(Refused) as refused:
        receive(b"\xff" * (FRAME_BYTES + 1))
    assert refused.value.code == "too-large"


@given(st.binary(max_size=40))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_no_bytes_raise_anything_else(frame: bytes):
    """SY4: a frame is understood or refused."""
    try:
        messages = receive(frame)
    except Refused:
        return
    assert messages


def test_a_keystroke_is_read_as_every_frame_is() -> None:
    """SY2: the short way takes a short update that ends its frame, and leaves all else to the long one."""
    short, long = frames.update(b"x" * 127), frames.update(b"x" * 128)
    assert keystroke(short, 0) == Edit(b"x" * 127, False) == read_message(short, 0)[0]
    assert keystroke(b"key" + short, 3) == Edit(b"x" * 127, False)
    for other in (long, short + b"\0", short[:-1], short[:2], frames.step2(b""), frames.awareness(b"\0"), b""):
        assert keystroke(other, 0) is None
