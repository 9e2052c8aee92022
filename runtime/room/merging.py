"""Merging as a room is told of it: what was prepared from a fork's log comes into the inbox, and is one pass.

It is prepared beside the pass (runtime/replay/merge), so somebody else may have merged meanwhile: then it is told what
was taken, and prepared once more.
"""

from collections.abc import Callable

from outcome import Error, Outcome, capture

from ...protocol.access import Grant
from ...protocol.errors import OutcomeUnknown, PlaitError
from .audience import Audience
from .forking import Merged, Merging, Stale, told
from .live import Live
from .messages import AgentFor
from .shared import Later

Looked = tuple[Merged, dict[str, bytes]]
"""What came of it; of a preview, the documents as they are."""


class Diverged:
    """A step of a fork that goes on by the record asks for what is not in it."""

    def __init__(self, run: str, step: str, what: str) -> None:
        self._about = run, step, what

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        live.diverge(*self._about)

    def publish(self, live: Live, audience: Audience) -> None:
        pass

    def failed(self, error: PlaitError) -> None:
        pass


class Merge:
    """A fork's edits are to be taken back; or, as a `preview`, only whether they could be."""

    def __init__(
        self, grant: Grant, merging: Merging, told: Callable[[Outcome[Looked]], None], *, preview: bool
    ) -> None:
        self._grant = grant
        self._merging = merging
        self._told = told
        self._preview = preview
        self._outcome: Outcome[Looked] = Error(OutcomeUnknown())

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        self._outcome = capture(self._merge, live)
        if isinstance(self._outcome, Error):
            error = self._outcome.error
            if isinstance(error, Later):
                self._outcome = Error(OutcomeUnknown("a document is being read again"))
            elif not isinstance(error, PlaitError | Stale):
                raise error  # Half of it may be drafted: the room is read again from its log.

    def _merge(self, live: Live) -> Looked:
        if not self._preview:
            return live.merge(self._grant, self._merging), {}
        live.check_merge(self._merging)
        documents = {name: live.document(name).get_update() for name in self._merging.documents}
        merging = self._merging
        return Merged(live.name, merging.fork, merging.until, 0, told(merging)), documents

    def publish(self, live: Live, audience: Audience) -> None:
        for name in self._merging.documents:
            if not audience.watches(name):
                live.forget_unwritten(name)
        self._told(self._outcome)

    def failed(self, error: PlaitError) -> None:
        self._told(Error(error))
