"""A real server and real pages for the console's tests: `plait serve` as a process, Chromium through Playwright.

Playwright's sync API wants a thread without an event loop of its own, so these tests are plain functions and the server
is a plain process. Nothing here sleeps: `expect` waits for what it names, and what does not come is a failure.
"""

import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.preloaded import Command

READY = "plait is listening on "
END_S = 60

CONTRASTS = """() => {
  const channel = (value) => (value /= 255, value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const behind = (element) => {
    const layers = []
    for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor)
    canvas.fillStyle = 'white'
    for (const layer of ['white', ...layers]) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1) }
    return [...canvas.getImageData(0, 0, 1, 1).data]
  }
  const over = (element, color) => {
    behind(element)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data]
  }
  const weak = []
  const texts = document.createTreeWalker(document.getElementById('page'), NodeFilter.SHOW_TEXT)
  let seen = 0
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement
    if (!/[^\\s\\u2060]/.test(texts.currentNode.data) || !element.checkVisibility({ opacityProperty: true })) continue
    if (element.closest('[aria-hidden=true], [disabled]')) continue
    seen++
    const [a, b] = [light(over(element, getComputedStyle(element).color)), light(behind(element))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < 4.5) weak.push(`${texts.currentNode.data.slice(0, 30)}: ${ratio.toFixed(2)}`)
  }
  return [seen, weak]
}"""
"""How many texts are in sight, and those whose contrast with what lies behind them is under WCAG's AA."""


class Serving:
    """One store and one port, and the process that serves them now, if any."""

    def __init__(
        self,
        folder: Path,
        model: str,
        env: Mapping[str, str] | None = None,
        agents: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._model = model
        self._arguments = [*(word for agent in agents for word in ("--agent", agent)), *arguments]
        self._env = {**os.environ, **(env or {})}
        self._process: Command | None = None
        self._starts = 0
        self._port = "0"
        self.url = ""

    def start(self) -> "Serving":
        """Serve, on the port of last time; returns once the line that promises it is there."""
        store = f"sqlite:///{self._folder / 'plait.db'}"
        command = ["serve", "--store", store, "--port", self._port, "--model", self._model, *self._arguments]
        with (self._folder / "stderr.log").open("a") as stderr:
            started = Command(command, self._env, stderr.fileno(), nth=self._starts)
        self._process, self._stdout = started, os.fdopen(started.stdout)
        self._starts += 1
        line = self._stdout.readline().strip()
        assert line.startswith(READY), (self._folder / "stderr.log").read_text()[-2000:]
        self.url = line.removeprefix(READY)
        self._port = self.url.rpartition(":")[2]
        return self

    def end(self, sent: signal.Signals = signal.SIGKILL) -> None:
        """End the process: kill -9, unless another signal is asked for."""
        if self._process is not None:
            self.tell(sent)
            self.gone()

    def tell(self, sent: signal.Signals) -> None:
        """Send the process a signal, and do not wait for what it does."""
        assert self._process is not None
        self._process.send_signal(sent)

    def gone(self) -> None:
        """Wait until the process has ended."""
        if self._process is not None:
            self._process.wait(END_S)
            self._stdout.close()
            self._process = None


class Tab:
    """One page on a room, and what a person does there."""

    def __init__(self, browser: Browser, url: str, room: str, **how: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **how})
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{url}/?room={room}")

    def _heard(self, kind: str, text: str) -> None:
        # A browser reports every failed connection itself; the page cannot keep it from doing so.
        if (
            kind in {"error", "warning"}
            and "WebSocket connection" not in text
            and "Failed to load resource" not in text
        ):
            self.faults.append(text)

    @property
    def status(self) -> Any:
        """How the connection is; other things that are told quietly stand further down."""
        return self.page.get_by_role("status").first

    @property
    def prompt(self) -> Any:
        return self.page.get_by_label("Prompt", exact=True)

    @property
    def editor(self) -> Any:
        return self.page.locator(".cm-content")

    def live(self) -> "Tab":
        expect(self.status).to_have_text(re.compile("live"))
        return self

    def ask(self, text: str, agent: str = "") -> None:
        if agent:
            self.page.get_by_label("Agent", exact=True).select_option(agent)
        self.prompt.fill(text)
        self.prompt.press("Enter")

    @property
    def waiting(self) -> Any:
        """The form of a call that waits for a person."""
        return self.page.locator("form.asking")

    def runs(self, status: str) -> Any:
        return self.page.locator(f".run.{status}")

    def answer(self) -> str:
        """The last run's answer as it is read, facts left out."""
        return "\n".join(self.page.locator(".run").last.locator(".part.text").all_inner_texts())

    def contrasts(self) -> tuple[int, list[str]]:
        """How many texts are in sight, and those whose contrast with what lies behind them is under WCAG's AA."""
        seen, weak = self.page.evaluate(CONTRASTS)
        return seen, weak

    def focusable(self) -> tuple[int, list[str]]:
        """How many things take the focus, and the roles of those without an accessible name."""
        tree: list[dict[str, Any]] = self.context.new_cdp_session(self.page).send("Accessibility.getFullAXTree")[
            "nodes"
        ]
        taking = [node for node in tree if _property(node, "focusable") and not node.get("ignored")]
        # The page's root and scrolled code are reached by the browser itself and speak by their text.
        spoken = {"RootWebArea", "pre", "generic"}
        silent = [node["role"]["value"] for node in taking if not node.get("name", {}).get("value")]
        return len(taking), [role for role in silent if role not in spoken]


def _property(node: dict[str, Any], name: str) -> bool:
    return any(entry["name"] == name and entry["value"].get("value") for entry in node.get("properties", []))
