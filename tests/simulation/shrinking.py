"""From a seed that broke a promise to the smallest world that still breaks it.

Everything that may be left out of a world has a name (`Chance.happens`): who comes, what each does and when, each cut,
stall, crash and failing append. The whole world of a failing seed gives a set of names; delta debugging (Zeller and
Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) looks for a small part of it in which the same
promise still breaks: whole kinds first, then ever smaller pieces, until nothing more can be left out or `tries` are up.

What is left out changes what follows, so what is found is *a* small world and not always a part of the big one's story.
"""

import re
from collections.abc import Callable, Sequence

from .world import Outcome, simulate

Broken = Callable[[Outcome], bool]


def kind(promise: str) -> str:
    """What sort of breach it is: its sentence without names, numbers and quotations."""
    return re.sub(r"'.*|\W*\w*\d[\w.\-]*", "", promise.partition(": ")[2])[:40].strip()


def same_as(outcome: Outcome) -> Broken:
    """Whether another world breaks a promise in a way in which this one does."""
    kinds = {kind(promise) for promise in outcome.broken}
    return lambda other: any(kind(promise) in kinds for promise in other.broken)


def shrink(
    seed: int, storms: int, *, tries: int = 300, told: Callable[[str], None] = lambda said: None
) -> tuple[Outcome, tuple[str, ...]]:
    """The smallest failing world that was found, and what happens in it. ValueError if the seed breaks nothing."""
    whole = simulate(seed, storms, to_the_end=False)
    if not whole.broken:
        raise ValueError(f"seed {seed} breaks no promise")
    search = _Search(seed, storms, whole, tries, told)
    for fewer in range(1, storms):
        if search.fails(whole.happened, fewer):
            break
    for sort in sorted({_sort(name) for name in search.kept}):
        search.try_without([name for name in search.kept if _sort(name) == sort])
    size = (len(search.kept) + 1) // 2
    while size:
        before = len(search.kept)
        for start in reversed(range(0, len(search.kept), size)):
            search.try_without(search.kept[start : start + size])
        if size == 1 and len(search.kept) == before:
            break
        size = max(1, min(size // 2, (len(search.kept) + 1) // 2))
    return search.best, search.kept


class _Search:
    """The best world so far."""

    def __init__(self, seed: int, storms: int, whole: Outcome, tries: int, told: Callable[[str], None]) -> None:
        self.best = whole
        self.kept = whole.happened
        self._seed = seed
        self._storms = storms
        self._broken = same_as(whole)
        self._tries = tries
        self._told = told

    def try_without(self, names: Sequence[str]) -> None:
        """Leave these out for good, if the promise breaks without them too."""
        left = set(names)
        if left:
            self.fails([name for name in self.kept if name not in left], self._storms)

    def fails(self, only: Sequence[str], storms: int) -> bool:
        """Whether the promise breaks in that world; then it is the best one so far."""
        if not self._tries:
            return False
        self._tries -= 1
        outcome = simulate(self._seed, storms, only, to_the_end=False)
        if not self._broken(outcome):
            return False
        self.best, self.kept, self._storms = outcome, outcome.happened, storms
        self._told(f"{len(self.kept)} happenings, {len(outcome.lines)} lines, {storms} storms")
        return True


def _sort(name: str) -> str:
    """The kind of a happening: its name without numbers."""
    return re.sub(r"\d+", "N", name)
