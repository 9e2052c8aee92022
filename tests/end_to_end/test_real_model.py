"""A real model's answer, through plait, into two stock tabs: a stream that nobody scripted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.node_tab import node_tab
from tests.conftest import need
from tests.real_model.serving import HOW, find, serve_model

from .asking import kinds, prompt, streamed
from .serving import serving

PATIENCE_S = 120
"""A small model on a busy machine."""


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """What `OPENAI_BASE_URL` is to be."""
    pieces = find()
    if isinstance(pieces, str):
        need(pieces, HOW)
    with serve_model(pieces) as url:
        yield url


async def test_a_real_answer_in_two_tabs(model_url: str, tmp_path: Path) -> None:
    """EE36: two tabs show the same answer of a real model while it streams, and it equals the log's."""
    env = {"OPENAI_BASE_URL": model_url}
    async with (
        serving(tmp_path, model="openai:smollm2", env=env) as server,
        node_tab(f"{server.ws}/rooms", "lobby") as one,
        node_tab(f"{server.ws}/rooms", "lobby") as two,
    ):
        await one.wait_synced()
        await two.wait_synced()
        asked = "Write one sentence about the sea."
        run = await prompt(server, "lobby", asked)
        # It can be seen while it is not yet whole.
        await two.wait_answer(1, within_s=PATIENCE_S)
        await one.wait_runs(1, "done", within_s=PATIENCE_S)
        await two.wait_runs(1, "done", within_s=PATIENCE_S)
        shown = await one.runs()
        assert shown == await two.runs()
        answer = shown[0]["answer"]
        assert shown[0]["model"] == "openai:smollm2"
        assert answer.strip()
        assert answer != asked
        records = await server.records("lobby")
        assert streamed(records, run) == answer
        assert kinds(records).count("text-streamed") > 3
        assert shown[0]["output_tokens"] > 3
        assert (await one.look())["frames"]["updates"] > 5


async def test_a_real_model_that_rambles_is_stopped(model_url: str, tmp_path: Path) -> None:
    """EE37: a stop from one tab ends a real model's answer for both; what had streamed stays and equals the log's."""
    env = {"OPENAI_BASE_URL": model_url}
    async with (
        serving(tmp_path, model="openai:smollm2", env=env) as server,
        node_tab(f"{server.ws}/rooms", "lobby", protocols=["plait.v1"]) as one,
        node_tab(f"{server.ws}/rooms", "lobby") as two,
    ):
        await two.wait_synced()
        run = (await one.control(id="p", do="prompt", text="Hello, who are you?"))["ok"]["run"]
        await two.wait_answer(60, within_s=PATIENCE_S)
        assert "ok" in await one.control(id="s", do="stop", run=run)
        await one.wait_runs(1, "stopped")
        await two.wait_runs(1, "stopped")
        shown = await one.runs()
        assert shown == await two.runs()
        assert len(shown[0]["answer"]) >= 60
        assert streamed(await server.records("lobby"), run) == shown[0]["answer"]
