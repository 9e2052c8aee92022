"""A server whose agent has a tab paint, as a process of its own.

`python painting.py --store URL --port N --ready-file F`. The agent asks for as many paintings as the prompt has words,
one after the other, and then says so.
"""

import sys
from pathlib import Path

import trio
from plait.runtime import Agent, Runtime
from plait.storage import open_store

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.runtime.agent.scripted import Scripted, answered, calls, says


def painter() -> Agent:
    """Asks for one painting for each word of the newest prompt."""

    def script(request):  # type: ignore[no-untyped-def]
        words = [message for message in request["messages"] if message["role"] == "User"][-1]["text"].split()
        done = answered(request)
        if done == len(words):
            return says("Painted.")
        return calls((f"c{done}", "paint", f'{{"colour":"{words[done]}"}}'))

    return Agent("painter", Scripted(script))


async def main() -> None:
    option = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    async with (
        open_store(option["--store"]) as store,
        Runtime(store, [painter()]) as runtime,
        trio.open_nursery() as nursery,
    ):

        async def serve(task_status: "trio.TaskStatus[str]") -> None:
            await runtime.serve(port=int(option["--port"]), task_status=task_status)

        url = await nursery.start(serve)
        await trio.Path(option["--ready-file"]).write_text(url)
        print(f"plait is listening on {url}", flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
