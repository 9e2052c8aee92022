"""What a program asks of a room, in its own process or elsewhere: every command of the control channel as a method.

Each returns once the command is on disk. `id` makes asking again safe across blocks and processes; without one it gets
a new one. Each raises Refused, and nothing happened; in the room's own process also OutcomeUnknown, and then it is to
be asked again under its id, as a client does by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from ..protocol.commands import (
    Accept,
    Asked,
    AttachedFile,
    Decision,
    EditPrompt,
    Overrides,
    Pause,
    Prompt,
    Propose,
    ProvideContext,
    Regenerate,
    Reject,
    Resume,
    SetRoom,
    Steer,
    Stop,
    Undo,
    asking,
)


class Told(Protocol):
    """What whoever asked is told: the run that it began, or empty, and what else there is."""

    @property
    def run(self) -> str: ...

    @property
    def result(self) -> Any: ...


class RoomCommands:
    """The commands of a room; whoever inherits it says how one is asked and where ids come from."""

    async def _ask(self, command: Asked) -> Told:
        raise NotImplementedError

    def _id(self) -> str:
        raise NotImplementedError

    async def prompt(
        self,
        text: str,
        *,
        agent: str = "",
        after: str | None = None,
        context: Mapping[str, str] = {},
        attachments: Sequence[AttachedFile] = (),
        options: Overrides | None = None,
        id: str = "",  # noqa: A002
    ) -> str:
        """Ask an agent; the id of the run. Without `agent` it is the one asked last there.

        The conversation goes on where it stands, or from run `after`. `context` are facts for this prompt,
        `attachments` come from `attach`, `options` are what the agent lets a prompt set.
        """
        more = asking(context, attachments, options)
        return (await self._ask(Prompt(id=id or self._id(), text=text, agent=agent, after=after, **more))).run

    async def regenerate(self, run: str, *, agent: str = "", options: Overrides | None = None, id: str = "") -> str:  # noqa: A002
        """Answer a prompt again, in a branch beside the first answer; the id of the new run."""
        command = Regenerate(id=id or self._id(), run=run, agent=agent, **asking({}, (), options))
        return (await self._ask(command)).run

    async def edit_prompt(
        self,
        run: str,
        text: str,
        *,
        agent: str = "",
        options: Overrides | None = None,
        id: str = "",  # noqa: A002
    ) -> str:
        """Ask in other words, in a branch beside the first answer; the id of the new run."""
        command = EditPrompt(id=id or self._id(), run=run, text=text, agent=agent, **asking({}, (), options))
        return (await self._ask(command)).run

    async def stop(self, run: str = "", *, id: str = "") -> None:  # noqa: A002
        """Stop a run, or every open run of the room."""
        await self._ask(Stop(id=id or self._id(), run=run))

    async def steer(self, text: str, run: str = "", *, id: str = "") -> None:  # noqa: A002
        """Say something to the run at work; its next model request holds it."""
        await self._ask(Steer(id=id or self._id(), run=run, text=text))

    async def decide(self, command: Decision) -> None:
        """Approve, Deny, Answer or Resolve (`protocol.commands`); the first in log order counts."""
        await self._ask(command)

    async def change(
        self,
        *,
        title: str | None = None,
        metadata: Mapping[str, str | None] = {},
        branch: str = "",
        id: str = "",  # noqa: A002
    ) -> None:
        """Name the room, describe it (None takes a key away), or go on from another run."""
        await self._ask(SetRoom(id=id or self._id(), title=title, metadata=dict(metadata), branch=branch))

    async def pause(self, reason: str = "", *, at: int = 0, id: str = "") -> None:  # noqa: A002
        """Let the room's runs take no further step until somebody resumes them: what is in progress comes to its end,
        and whoever types goes on. `at` is the record that is why, if one is."""
        await self._ask(Pause(id=id or self._id(), at=at, reason=reason))

    async def resume(self, going: Literal["live", "recorded", "recorded-live"] = "live", *, id: str = "") -> None:  # noqa: A002
        """Let the runs go on that were paused or that a paused fork began with: live, or by what its parent's log
        has."""
        await self._ask(Resume(id=id or self._id(), going=going))

    async def provide_context(self, facts: Mapping[str, str | None], *, id: str = "") -> None:  # noqa: A002
        """Tell the room's agents what they should know, by key; None takes a fact away."""
        await self._ask(ProvideContext(id=id or self._id(), facts=dict(facts)))

    async def undo(
        self,
        run: str = "",
        *,
        by: str = "",
        after: int = 0,
        records: Sequence[int] = (),
        document: str = "",
        preview: bool = False,
        id: str = "",  # noqa: A002
    ) -> dict[str, Any]:
        """Take edits of shared documents back, whoever edited since: those of a run and of the agents that it called,
        those that somebody made in the records after `after`, or those of these records. What was done, document by
        document, and what was left alone because somebody changed it since; with `preview` what would be."""
        command = Undo(
            id=id or self._id(),
            run=run,
            author=by,
            after=after,
            records=list(records),
            document=document,
            preview=preview,
        )
        return (await self._ask(command)).result

    async def propose(
        self,
        document: str = "main",
        *,
        title: str = "",
        id: str = "",  # noqa: A002
    ) -> str:
        """Open a draft of a shared document: its name, which is that of a shared document to edit."""
        command = Propose(id=id or self._id(), document=document, title=title)
        return (await self._ask(command)).result["draft"]

    async def accept(
        self,
        draft: str,
        hunks: Sequence[str] | None = None,
        *,
        seen: int | None = None,
        id: str = "",  # noqa: A002
    ) -> dict[str, Any]:
        """Accept these hunks of a draft, or all that is left, which closes it: `hunks` that were meant, and those that
        were `kept` as they are. What was changed after record `seen` is not decided."""
        command = Accept(id=id or self._id(), draft=draft, hunks=None if hunks is None else list(hunks), seen=seen)
        return (await self._ask(command)).result

    async def reject(
        self,
        draft: str,
        hunks: Sequence[str] | None = None,
        *,
        seen: int | None = None,
        id: str = "",  # noqa: A002
    ) -> None:
        """Reject these hunks of a draft, or all that is left, which closes it."""
        command = Reject(id=id or self._id(), draft=draft, hunks=None if hunks is None else list(hunks), seen=seen)
        await self._ask(command)
