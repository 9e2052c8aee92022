"""Spans cut to a range of UTF-16 units."""

from hypothesis import given
from hypothesis import strategies as st
from plait.protocol.spans import Span, clipped

PLACES = st.integers(0, 30)


@given(st.text("aé漢🙂", min_size=1, max_size=10), PLACES, PLACES, st.integers(1, 30))
def test_a_text(text: str, offset: int, start: int, length: int) -> None:
    """BL11: the characters that have a unit in the range, and their places in both counts."""
    units, places = offset, []
    for point, char in enumerate(text, 3):
        end = units + len(char.encode("utf-16-le")) // 2
        places.append((char, point, units, end))
        units = end
    span = Span(path=("t",), start=3, end=3 + len(text), units=(offset, units), text=text, seq=1, ids=())
    inside = [one for one in places if one[2] < start + length and one[3] > start]
    found = clipped(span, start, start + length)
    if not inside:
        assert found is None
        return
    assert found is not None
    assert found.text == "".join(one[0] for one in inside)
    assert (found.start, found.end) == (inside[0][1], inside[-1][1] + 1)
    assert found.units == (inside[0][2], inside[-1][3])


def test_values_and_what_takes_no_room() -> None:
    """BL11: values are cut one by one; what was deleted is inside if its place is."""
    values = Span(path=("a",), start=4, end=7, units=(4, 7), values=(1, [2], "3"), seq=1, ids=())
    found = clipped(values, 5, 6)
    assert found is not None
    assert (found.values, found.start, found.end, found.units) == (([2],), 5, 6, (5, 6))
    gone = Span(path=("t",), start=4, end=4, units=(4, 4), text="gone", seq=1, deleted=2, ids=())
    assert clipped(gone, 4, 5) == gone
    assert clipped(gone, 3, 4) is None
