"""What is asked happens once, in Chromium against a real server: without a server, over reloads, for other pages."""

import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from ...console.browser import Serving
from .pages import Household, Tab, Wire

if TYPE_CHECKING:
    from playwright.sync_api import Browser


MINUTE_S = 60
numbers = count(1)


@pytest.fixture
def house(browser: "Browser", site: str, paced: Serving) -> Iterator[Household]:
    """Pages on a room of their own, at a server that all tests share."""
    house = Household(browser, site, paced, f"room{next(numbers)}")
    yield house
    house.close()


@pytest.fixture
def alone(browser: "Browser", site: str, tmp_path: Path) -> Iterator[Household]:
    """Pages at a server of their own, to be killed."""
    serving = Serving(tmp_path, "echo", arguments=["--allow-origin", site])
    house = Household(browser, site, serving.start(), "lobby")
    try:
        yield house
    finally:
        house.close()
        serving.end()


def words(many: int) -> str:
    return " ".join(f"w{number}" for number in range(1, many + 1))


def test_what_is_typed_without_a_server_is_sent_once_by_the_page_after_it(alone: Household) -> None:
    """JS70, JS75: typed offline, reloaded offline, the server comes back; a refusal is told though nobody waits."""
    page = alone.open().live()
    alone.serving.end()
    page.note("status", "offline")
    page.ask("first").ask("second").ask("third", agent="nobody").note("waiting", "first|second|third")
    page.reload()
    page.note("waiting", "first|second|third")
    alone.start()
    page.live().note("waiting", "").note("runs", "done done").note("refused", "third: no-such-agent")
    assert page.texts() == ["first", "second"]
    assert alone.prompts() == ["first", "second"]
    page.reload()
    page.live().note("refused", "third: no-such-agent").note("waiting", "")
    page.page.evaluate("room.forget(room.refusedLater.value[0])")
    page.note("refused", "")
    page.reload()
    page.live().note("refused", "")
    assert alone.prompts() == ["first", "second"]


@pytest.mark.parametrize("ends", [Tab.close, Tab.crash])
def test_what_a_page_leaves_behind_is_sent_by_another(house: Household, ends: Callable[[Tab], None]) -> None:
    """JS71, JS74: both pages show what waits; the one that is left sends it, or one that comes when all are gone."""
    wire = Wire(house.context)
    gone, there = house.open().live(), house.open().live()
    wire.cut()
    gone.ask("from one")
    there.ask("from the other")
    for tab in (gone, there):
        tab.note("waiting", "from one|from the other")
    ends(gone)
    wire.mend()
    there.live().note("waiting", "").note("runs", "done done")
    # In either order: what waits for another page's end may come behind what a page sends itself.
    assert sorted(house.prompts()) == ["from one", "from the other"]
    wire.cut()
    there.ask("last words").close()
    late = house.open().note("waiting", "last words")
    wire.mend()
    late.live().note("runs", "done done done")
    assert sorted(house.prompts()) == ["from one", "from the other", "last words"]


def test_a_page_that_is_offline_while_an_agent_writes_converges(house: Household) -> None:
    """JS62, JS70: more than a minute of streaming, a whole one of it without a network, by the clock on the wall: the
    page's pauses and the server's leases are those of that time. What was asked meanwhile happens once."""
    wire = Wire(house.context)
    page = house.open().live()
    witness = house.other().open().live()
    # Twenty words a second.
    long = words(1_300)
    page.ask(long).words(10)
    cut = time.monotonic()
    wire.cut()
    page.note("status", "offline")
    seen = page.noted("words")
    page.ask("meanwhile")
    for heard in (300, 600, 900, 1_240):
        witness.words(heard)
    # A page that was slow to begin has the minute when the words are all said.
    page.page.wait_for_timeout(max(0, 1000 * (MINUTE_S - (time.monotonic() - cut))))
    assert page.noted("words") == seen
    assert house.prompts() == [long]
    wire.mend()
    for tab in (page, witness):
        tab.note("runs", "done done").note("wrong", "0")
        assert tab.texts() == [long, "meanwhile"]
    assert house.prompts() == [long, "meanwhile"]
