"""Bringing tabs level: a tab is asked for what we have not, or sent what it may lack, though it did not ask.

All of this is done in publish, when document = log.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pycrdt import Doc

from ...protocol.errors import CODES, Refused
from ...protocol.update import read
from .audience import Audience
from .drafting import Change
from .live import Live
from .tab import Tab


def document_of(live: Live, tab: Tab) -> "Doc[Any] | None":
    """The tab's document; None if there is none any more, as of a draft that was settled long ago, and then the tab is
    told so and closed."""
    try:
        return live.document(tab.document)
    except Refused as refused:
        tab.close(CODES[refused.code].close or 1013, refused.code)
        return None


def ask_for_all(live: Live, tab: Tab) -> bool:
    """Send our step 1, so that the tab sends what we have not; False if its document is gone."""
    doc = document_of(live, tab)
    if doc is not None:
        tab.send_step1(doc.get_state())
    return doc is not None


def ask_relayers(live: Live, audience: Audience, changes: Mapping[str, Change]) -> None:
    """Structs that a tab relayed were dropped; their author has now written, so the tab's may be whole (law 4)."""
    for tab, clients in audience.owed_in(changes):
        if not clients.isdisjoint(_writers(changes[tab.document])):
            audience.owed.pop(tab, None)
            ask_for_all(live, tab)


def _writers(change: Change) -> set[int]:
    """The client ids that a pass wrote under."""
    return {section.client for update in change.updates for section in read(update, own=True).sections}


def catch_up_all(live: Live, audience: Audience) -> None:
    """Send every tab all that there is: records that turned out to be in the log after all were never pushed."""
    for tab in audience.everybody():
        with suppress(Refused):
            tab.catch_up(live.document(tab.document).get_update(), audience.present(tab.document))
