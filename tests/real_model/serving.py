"""A real model on loopback: finds it, or says how to get it, and runs it for a test.

SmolLM2-135M is small enough for CI and real enough: nobody wrote its stream, it cuts text where its tokens end, and it
takes its time. `install.sh` fetches it, `server.mjs` puts it behind OpenAI's chat completions.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent

HOW = "bash tests/real_model/install.sh"
"""What to run if a piece is missing; Node 20 or newer comes from the system."""

START_S = 60
"""Loading takes one second; a machine that is busy with other tests takes longer."""


class Pieces(NamedTuple):
    """Where everything is that the server needs."""

    node: str
    modules: Path
    weights: Path


def find() -> Pieces | str:
    """The pieces, or the name of the first one that is missing."""
    cache = Path(os.environ.get("PLAIT_TEST_CACHE") or HERE.parents[1] / ".cache") / "real_model"
    if (node := shutil.which("node")) is None:
        return "Node"
    modules = cache / "node_modules"
    if not (modules / "node-llama-cpp").is_dir() or not (modules / "@node-llama-cpp" / "linux-x64").is_dir():
        return "node-llama-cpp"
    weights = sorted((cache / "weights").rglob("*.gguf"))
    if not weights:
        return "SmolLM2's weights"
    return Pieces(node, modules, weights[0])


@contextmanager
def serve_model(pieces: Pieces) -> Iterator[str]:
    """Run the server; gives the base URL for `OPENAI_BASE_URL`. It ends with the block, or with this process.

    Not async, so that one server may serve a whole session of tests, each with its own Trio.
    """
    command = [pieces.node, str(HERE / "server.mjs"), str(pieces.modules), str(pieces.weights)]
    # The pipe to its standard input is what keeps it alive.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        late = threading.Timer(START_S, process.kill)
        late.start()
        line = process.stdout.readline()
        late.cancel()
        late.join()
        assert line, f"the model's server was not ready within {START_S} s, or ended; its reason stands above"
        try:
            yield json.loads(line)["url"]
        finally:
            process.kill()
