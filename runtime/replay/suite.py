"""Exported logs as a regression suite: today's agents are held to what a folder of bundles recorded.

`plait.testing` is where users get this from; `plait export --test` writes a test that uses it. Rules: specs/bundles.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from ...storage.bundle import BundleReader
from .rerun import Divergence, Rerun, rerun
from .sentences import diverged

if TYPE_CHECKING:
    from ..agent.definition import Agent


class Diverged(AssertionError):
    """Today's code wants something else than a log holds. It says what `plait replay` says; `divergences` are the first
    ones of each run."""

    def __init__(self, bundle: Path, divergences: tuple[Divergence, ...]) -> None:
        lines = [line for divergence in divergences for line in diverged(divergence)]
        super().__init__("\n".join([f"{bundle}: {len(divergences)} runs diverge", *lines]))
        self.divergences = divergences


def bundles(folder: str | Path) -> list[Path]:
    """The bundles in a folder and below it, by name; for `pytest.mark.parametrize`.

    Raises FileNotFoundError if there is none, since a suite without one would pass for ever.
    """
    found = sorted(Path(folder).rglob("*.zip"))
    if not found:
        raise FileNotFoundError(f"no bundle (*.zip) is in {folder}; `plait export ROOM FILE.zip` writes one")
    return found


def replay(bundle: str | Path, agents: Sequence["Agent"]) -> Rerun:
    """Ask these agents' code what it would have done, against a bundle's log. No model is asked and no tool is called.

    For a test that is no coroutine; in one that is, await `rerun_bundle`. Raises Diverged where it wants anything else
    than the log holds, LookupError if the log has no run of these agents, Refused('bad-bundle').
    """
    return trio.run(rerun_bundle, bundle, agents)


async def rerun_bundle(bundle: str | Path, agents: Sequence["Agent"]) -> Rerun:
    """As `replay`, on a Trio loop that runs."""
    path = Path(bundle)
    async with BundleReader(path) as reader:
        found = await rerun(reader, reader.manifest.room, agents)
    if found.divergences:
        raise Diverged(path, found.divergences)
    if not found.runs:
        names = ", ".join(agent.name for agent in agents) or "nobody"
        raise LookupError(f"{path} has no run of {names}, so nothing was compared")
    return found


def written(bundle: Path, agents: Sequence[str]) -> str:
    """A test module that holds these agents, each `MODULE:NAME`, to the bundle that stands beside it."""
    imports = "".join(f"import {module}\n" for module in sorted({agent.partition(":")[0] for agent in agents}))
    word = "".join(each if each.isascii() and each.isalnum() else "_" for each in bundle.stem)
    return f'''"""What the log {bundle.name} holds is what these agents want today. Written by `plait export --test`."""

from pathlib import Path

{imports}
from plait.testing import replay


def test_{word}() -> None:
    replay(Path(__file__).with_name({bundle.name!r}), [{", ".join(agents).replace(":", ".")}])
'''
