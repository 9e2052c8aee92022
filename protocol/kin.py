"""Which runs are below which: a prompt's run, the runs of the sub-agents that it asked for, and so on down."""

from collections.abc import Iterator

from .state import RoomState, Run


class Kin:
    """The families of a room's runs, as they are held."""

    def __init__(self, state: RoomState) -> None:
        self._runs = state.runs
        self._children: dict[str, list[Run]] = {}
        for run in state.runs.values():
            if run.parent:
                self._children.setdefault(run.parent, []).append(run)

    def open_children(self, run: Run) -> list[Run]:
        """The runs that it waits for."""
        return [child for child in self._children.get(run.id, ()) if child.open]

    def family(self, run: Run) -> Iterator[Run]:
        """The run and all runs below it, from above."""
        yield run
        for child in self._children.get(run.id, ()):
            yield from self.family(child)

    def above(self, run: Run) -> list[Run]:
        """The runs that wait for this one, the nearest first."""
        found: list[Run] = []
        while run.parent in self._runs:
            run = self._runs[run.parent]
            found.append(run)
        return found

    def orphan(self, run: Run) -> bool:
        """Nobody waits for it any more."""
        return bool(run.parent) and (run.parent not in self._runs or not self._runs[run.parent].open)
