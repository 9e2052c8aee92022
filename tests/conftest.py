"""What all tests share: Hypothesis without chance or clock, and one way to say that something is missing.

The same examples are tried on every run, and none fails for being slow: a test's verdict depends on the code alone.

A laptop without Node or Chromium skips the tests that need them, each with a sentence that says how to get what is
missing. CI sets PLAIT_REQUIRE_ALL=1, and there nothing is skipped for want of anything.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import NoReturn, Protocol

import pytest
from hypothesis import settings

settings.register_profile("plait", deadline=None, derandomize=True)
settings.load_profile("plait")


class Need(Protocol):
    """The shape of `need`, for tests that take it as a fixture."""

    def __call__(self, what: str, how_to_get_it: str) -> NoReturn: ...


def need(what: str, how_to_get_it: str) -> NoReturn:
    """Say that `what` is missing: skips this test, or fails it where PLAIT_REQUIRE_ALL=1.

    `how_to_get_it` is a command or half a sentence: `npm ci --prefix tests/clients`.
    """
    __tracebackhide__ = True
    sentence = f"{what} is missing; to get it: {how_to_get_it}"
    if os.environ.get("PLAIT_REQUIRE_ALL") == "1":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def need_module(name: str) -> None:
    """Say at the top of a test file that its subject needs a package of the dev group; the file skips without it."""
    if importlib.util.find_spec(name) is None:
        sentence = f"the package {name} is missing; to get it: uv sync --group dev"
        if os.environ.get("PLAIT_REQUIRE_ALL") == "1":
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence, allow_module_level=True)


@pytest.fixture(name="need", scope="session")
def _need() -> Need:
    return need


@pytest.fixture(autouse=True)
def _secrets_of_one_test() -> Iterator[None]:
    """A process never forgets a secret, and holds text back that may be the beginning of one; a test's are its own."""
    before = set(_secrets())
    yield
    known = _secrets()
    known.clear()
    known.update(before)


def _secrets() -> set[str]:
    masking = sys.modules.get("plait.runtime.masking")
    return set() if masking is None else masking._known
