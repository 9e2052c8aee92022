"""Mandates: what a run's tools may do, by the grant of whoever asked for it.

A mandate is written into the run's first record and is never widened: not by a restart, not by a yes a day later, not
by what a model, a tool's result or another person says. A run without one was asked for where nobody is asked for a
grant, or by the host's own program; its tools may do everything. Rules (specs/access.md, AC30 to AC39):

- A run that asks for another one hands its mandate on as it is.
- Whoever puts words into somebody else's run (a steer, other arguments) has to hold a grant that allows all that the
  run's mandate does: otherwise the run would do for them what their own grant forbids.
- That a grant expires ends no run: it says until when something may be asked, and an answer may wait for days. That it
  is revoked does.
"""

from .access import ANY, Grant, Right, check_document, check_rights, fits
from .digests import call_digest
from .errors import Refused
from .events import ApprovalRequested, Mandate, ToolCall, ToolRefused
from .state import Run

BEARING: tuple[Right, ...] = ("read", "write", "tools")
"""The rights that an agent's tools can make use of; what is decided and prompted stays people's."""

ASKED = "The grant under which this was asked wants somebody's yes."


def mandate_of(grant: Grant) -> Mandate | None:
    """What a run that is asked for under this grant may do; None for a grant that nobody issued and that allows all."""
    mandate = Mandate(
        grant.author,
        grant.id,
        grant.issued,
        grant.on_behalf_of,
        tuple(right for right in BEARING if grant.has(right)),
        grant.rooms,
        grant.documents,
        grant.forbid_tools,
        grant.ask_tools,
    )
    nobodys = not (grant.id or grant.issued)
    return None if nobodys and mandate == _everything(grant.author, grant.on_behalf_of) else mandate


def grant_of(run: Run) -> Grant:
    """The grant that the run's tools work under. It decides nothing and asks no agent anything by itself."""
    mandate = run.mandate or _everything(run.author, "")
    return Grant(
        mandate.subject,
        read="read" in mandate.rights,
        write="write" in mandate.rights,
        tools="tools" in mandate.rights,
        decide=False,
        admin=False,
        prompt=False,
        rooms=mandate.rooms,
        documents=mandate.documents,
        forbid_tools=mandate.forbid_tools,
        ask_tools=mandate.ask_tools,
        on_behalf_of=mandate.on_behalf_of,
        id=mandate.grant,
        issued=mandate.issued,
    )


def _everything(subject: str, on_behalf_of: str) -> Mandate:
    return Mandate(subject, on_behalf_of=on_behalf_of, rights=BEARING, rooms=ANY, documents=ANY)


def check_run(run: Run, document: str, right: Right) -> None:
    """Raises Refused('not-allowed') unless the run's tools may look into that document (`read`), or write it too."""
    grant = grant_of(run)
    check_rights(grant, frozenset[Right]({"read", right}))
    check_document(grant, document)


def forbidden(run: Run, tool: str, *, tabs: bool = False) -> str:
    """Why the run may not call a tool of that name, one that a tab carries out if `tabs`; empty if it may."""
    grant = grant_of(run)
    if fits(tool, grant.forbid_tools):
        return f"The grant under which this was asked forbids the tool {tool}."
    if tabs and not grant.tools:
        return f"The grant under which this was asked does not allow tools that a page carries out, such as {tool}."
    return ""


def before_call(run: Run, step_id: str, call: ToolCall, *, tabs: bool) -> ToolRefused | ApprovalRequested | None:
    """What is to be written down before the call goes on: that it may not, or, if it is a tab's, that somebody has to
    say yes first. None if nothing stands in its way. `call` is the call as it was asked for."""
    step = run.steps.get(step_id)
    given = call.args if call.id == step_id else ""
    if step is None:
        why = forbidden(run, call.name, tabs=tabs)
        if why:
            return ToolRefused(step_id, call.id, call.name, "tool-forbidden", why, given)
        if tabs and asks_first(run, call.name):
            return ApprovalRequested(step_id, call.id, call.name, call.args or "{}", ASKED)
        return None
    called = call_digest(call.name, step.args or call.args or "{}")
    if step.digest in ("", called) or step.status not in _TO_BEGIN:
        return None
    why = "What would be called now is not what was approved."
    return ToolRefused(step_id, call.id, call.name, "decision-stale", why, given)


_TO_BEGIN = frozenset({"ready", "retry", "awaiting"})


def asks_first(run: Run, tool: str) -> bool:
    """Whether somebody has to say yes to each call of that tool, whatever the tool itself wants."""
    return run.mandate is not None and fits(tool, run.mandate.ask_tools)


def check_speaks_for(grant: Grant, run: Run) -> None:
    """Raises Refused('not-allowed') unless the grant allows all that the run's mandate does."""
    if not speaks_for(grant, run):
        raise Refused("not-allowed", "This run may do more than the grant of whoever would speak to it.")


def speaks_for(grant: Grant, run: Run) -> bool:
    """Whether the grant allows all that the run's mandate does."""
    mandate = run.mandate or _everything(run.author, "")
    return (
        all(grant.has(right) for right in BEARING if right in mandate.rights)
        and _within(mandate.rooms, grant.rooms)
        and _within(mandate.documents, grant.documents)
        and _within(grant.forbid_tools, mandate.forbid_tools)
        and _within(grant.ask_tools, (*mandate.ask_tools, *mandate.forbid_tools))
    )


def _within(patterns: tuple[str, ...], wider: tuple[str, ...]) -> bool:
    """Whether each name that the patterns mean is one that the wider ones mean: where a `*` of the one stands for a
    pattern with `*` in it, it also stands for whatever those stand for. It may say no to what one pattern alone does
    not cover."""
    return all(fits(pattern, wider) for pattern in patterns)
