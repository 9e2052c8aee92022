"""An agent that makes the tool calls that its prompt lists, for tests in which it writes beside people.

Named on the command line of a server under test, `--agent tests.end_to_end.scribe:scribe`. A prompt is JSON: a list of
[tool, arguments]. A string like `$2.matches.0.end` among the arguments means what the call of that number gave.
"""

import json
from typing import Any

from plait.runtime import Agent, FlowRun, document_tools, flow


@flow
async def scribing(run: FlowRun) -> Any:
    """One call after the other; what each gave."""
    gave: list[Any] = []
    for name, args in json.loads(run.prompt):
        known = {key: _meant(value, gave) for key, value in args.items()}
        gave.append((await run.call(name, **known)).value)
    return gave


def _meant(value: Any, gave: list[Any]) -> Any:
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    found: Any = gave
    for step in value[1:].split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found


scribe = Agent("scribe", model="echo", tools=[*document_tools()], flow=scribing)
