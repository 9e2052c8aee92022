"""What no test noticed until mutation showed it: integers inside of values, and runs that are not held any more."""

import pytest
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Stop
from plait.protocol.errors import Refused
from plait.protocol.judge import judge
from plait.protocol.prompts import AgentFacts
from plait.protocol.state import RoomState
from plait.protocol.update import read

from ..protocol.test_update import one


@pytest.mark.parametrize(
    "number", [b"\x00", b"\x3f", b"\x7f", b"\x80\x01", b"\xbf\x7f", b"\xc0\x80\x01", b"\xbf" + b"\xff" * 6 + b"\x1f"]
)
def test_integers_inside_of_values(number: bytes) -> None:
    """PF60: lib0's signed integers are skipped exactly: what follows one is read at its right place."""
    assert read(one(b"\x02\x7d" + number + b"\x78", info=8)).inserted == ((7, 0, 2),)


@pytest.mark.parametrize(
    "number", [b"", b"\x80", b"\x80\x00", b"\x81\x80\x00", b"\xbf" + b"\xff" * 6 + b"\x7f", b"\xbf" + b"\xff" * 8]
)
def test_integers_that_lib0_does_not_write(number: bytes) -> None:
    """PF60: truncated, padded, or longer than 53 bits."""
    with pytest.raises(Refused) as refused:
        read(one(b"\x01\x7d" + number, info=8)[:-1] + (b"" if len(number) < 2 else b"\x00"))
    assert refused.value.code == "bad-update"


@pytest.mark.parametrize("run", ["000000000050", "000000000001"])
@pytest.mark.parametrize("how", ["as it is", "beyond", "zero", "longer", "not digits"])
def test_runs_that_are_not_held(run: str, how: str) -> None:
    """PF60: a run that was archived can be stopped, which does nothing; an id that was never given is refused."""
    asked = {"as it is": run, "beyond": "000000000051", "zero": "0" * 12, "longer": "0" + run, "not digits": "x" * 12}
    state = RoomState(seq=50)
    command = Stop(id="1", run=asked[how])
    if how == "as it is":
        assert judge(state, ANONYMOUS, command, AgentFacts, 0, "", {})
        return
    with pytest.raises(Refused) as refused:
        judge(state, ANONYMOUS, command, AgentFacts, 0, "", {})
    assert refused.value.code == "no-such-run"
