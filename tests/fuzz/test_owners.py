"""Client ids have owners, whatever the stock Yjs wrote, whoever relays it, and whoever takes an id (law 4)."""

from collections import Counter

from .owners import play
from .yjs import yjs


async def test_ids_keep_their_owners() -> None:
    """PF46: relays are dropped but for their sender's part, forgeries are refused, and the text is its people's."""
    said: Counter[str] = Counter()
    with yjs() as node:
        for seed in range(12):
            said += await play(node, seed)
    assert said["accepted"] > 300
    assert said["update-foreign"] > 30
    assert said["relayed"] > 30
    assert said["forged"] > 20
