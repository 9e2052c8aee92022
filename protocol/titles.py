"""A room's title, proposed by the agent that answered first.

It comes last in that agent's run, when all has been said: a step of its own if the agent's model is good at it, else
the prompt's first words. A title that does not come costs nothing but itself, and one that a person gave stays.
"""

import re

from .limits import TITLE_CHARS, TITLE_WORDS
from .state import TITLE_STEP, RoomState, Run


def title_wanted(state: RoomState, run: Run) -> bool:
    """Whether the run, whose flow has returned, should propose a title."""
    return not state.title and not state.named and not run.parent and bool(one_line(run.prompt))


def proposal(run: Run) -> str:
    """What the model said when it was asked, or the prompt's first words if it was not, or said nothing."""
    step = run.steps.get(TITLE_STEP)
    said = "".join(step.text) if step is not None and step.status == "done" else ""
    return read_title(said) or first_words(run.prompt)


def one_line(title: str) -> str:
    """The title without line ends and other control characters, which lists and terminals would obey."""
    return " ".join(_CONTROLS.sub(" ", title).split())


def read_title(answer: str) -> str:
    """The title in a model's answer: its first line that says something, without what models put around it."""
    lines = (line.lstrip("# \t").removeprefix("Title:").strip(" \t*_`\"'“”„«»") for line in answer.splitlines())
    title = one_line(next((line for line in lines if line), ""))
    return title if len(title) <= TITLE_CHARS else title[: TITLE_CHARS - 1].rstrip() + "…"


def first_words(prompt: str) -> str:
    """The beginning of a prompt, as a title."""
    words, title = one_line(prompt).split(), ""
    for word in words[:TITLE_WORDS]:
        if len(title) + 1 + len(word) > TITLE_CHARS:
            break
        title = f"{title} {word}" if title else word
    title = title or "".join(words)[: TITLE_CHARS - 1]
    return title if len(title) == len(" ".join(words)) else f"{title.rstrip('.,;:!?')}…"


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
