"""A shared document refuses what would make yrs miscount, whether it took the text in or found it in the log."""

import pytest
from plait.protocol.errors import Refused
from plait.runtime.room.shared import SharedDocument
from pycrdt import Text

SMILE = bytes.fromhex("01010100040101740661f09f99826200")  # Client 1 wrote a🙂b, as stock Yjs says it.
CUT_BY_DELETION = bytes.fromhex("000101010201")
CUT_BY_INSERTION = bytes.fromhex("01010200c401010102015800")
WHOLE_DELETION = bytes.fromhex("000101010102")


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("cut", [CUT_BY_DELETION, CUT_BY_INSERTION])
def test_an_edit_that_cuts_a_character_is_refused(cut: bytes, stored: bool) -> None:
    """UP7: nothing changes, and the document goes on taking edits."""
    shared = SharedDocument(9)
    if stored:
        shared.load(SMILE)
    shared.loaded()
    if not stored:
        assert shared.take_whole(SMILE, "ann", {}, "room") == SMILE
    with pytest.raises(Refused) as refused:
        shared.take_whole(cut, "ann", {}, "room")
    assert refused.value.code == "bad-update"
    assert str(shared.doc.get("t", type=Text)) == "a🙂b"
    shared.take_whole(WHOLE_DELETION, "ann", {}, "room")
    assert str(shared.doc.get("t", type=Text)) == "ab"
