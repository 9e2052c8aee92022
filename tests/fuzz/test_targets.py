"""Every decoder, with the inputs that were kept and with changes of them: it takes, or refuses by name, and soon."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import corpus
from .seeds import SEEDS
from .targets import TARGETS, run

STARTS = {name: [*SEEDS[name](), *corpus.load(name)] for name in TARGETS}
SOON_S = 2.0
"""CPU seconds for the longest input that a socket lets through; linear readers need a tenth."""


def changed(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """The input with some of its bytes cut out and others put in."""
    changed = bytearray(data)
    for at, cut, put in changes:
        at %= len(changed) + 1
        changed[at : at + cut] = put
    return bytes(changed)


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs(name: str) -> None:
    """PF40, LG3, RM32: what reached a new branch, or was a bug, is taken or refused by name; the seeds are taken."""
    assert any(run(name, data) for data in SEEDS[name]())
    for data in STARTS[name]:
        run(name, data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150)
@given(data=st.data())
def test_changed_inputs(name: str, data: st.DataObject) -> None:
    """PF41: no bytes raise anything but a refusal, and what is taken is what it says it is."""
    start = data.draw(st.sampled_from(STARTS[name]) | st.binary(max_size=60))
    change = st.tuples(st.integers(0, 2000), st.integers(0, 3), st.binary(max_size=3))
    run(name, changed(start, data.draw(st.lists(change, max_size=4))))


HOSTILE = [
    b"[",
    b'{"a":',
    b'[{"b":[',
    b"\\",
    b'"\\u',
    b"\x00",
    b"\x01",
    b"\x81",
    b"\xff",
    b" ",
    b"-",
    b"1",
    b"%41",
    b"a/",
]


BY_TURNS = {"integers", "presence", "edit"}
"""Targets that give their decoder many short inputs, with checks of their own behind each."""


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - BY_TURNS))
def test_long_inputs(name: str) -> None:
    """PF42: time is linear: a quarter of a megabyte of anything, or of an input over and over, is done with at once."""
    size = 1 << 18
    ready = [max(STARTS[name], key=len), *HOSTILE]
    for piece in ready:
        for before in (b"", b"[", b'"', b'{"id":"1","do":"prompt","text":"'):
            began = time.process_time()
            run(name, before + piece * (size // len(piece)))
            assert time.process_time() - began < SOON_S, (before, piece[:20])
