"""Who answers: one file per vendor of models, and `open_model`, which turns a name into one of them.

A vendor's file is imported only when somebody asks for it, because its SDK is an extra that may be missing and takes a
second to import. Whatever keeps a model from being opened is found here, before a run depends on it, and is told in one
sentence that says what to do.
"""

from collections.abc import Callable

from .model import Model, ModelNotOpened

__all__ = ["VENDORS", "ModelNotOpened", "open_model"]


def open_model(name: str) -> Model:
    """The model of that name: `echo`, `echo:RATE`, `demo`, `openai:NAME` or `anthropic:NAME`. Raises ModelNotOpened."""
    vendor, _, rest = name.partition(":")
    if vendor not in VENDORS:
        raise ModelNotOpened(f"no model is called {name!r}; say echo, echo:RATE, demo, openai:NAME or anthropic:NAME")
    return VENDORS[vendor](rest)


def _echo(rest: str) -> Model:
    from .echo import Echo

    if not rest:
        return Echo()
    try:
        return Echo(float(rest))
    except ValueError:
        raise ModelNotOpened(f"echo:{rest} has no rate; say words per second above 0, as in echo:20") from None


def _demo(rest: str) -> Model:
    from .demo import Demo

    if rest:
        raise ModelNotOpened(f"demo takes no name; say demo instead of demo:{rest}")
    return Demo()


def _openai(rest: str) -> Model:
    try:
        from .openai import OpenAIModel
    except ImportError as error:
        raise _without("openai", error) from error
    return OpenAIModel.from_environment(rest)


def _anthropic(rest: str) -> Model:
    try:
        from .anthropic import AnthropicModel
    except ImportError as error:
        raise _without("anthropic", error) from error
    return AnthropicModel.from_environment(rest)


def _without(extra: str, error: ImportError) -> ModelNotOpened:
    return ModelNotOpened(f"{extra}: models need its SDK ({error}); run pip install 'plait[{extra}]'")


VENDORS: dict[str, Callable[[str], Model]] = {
    "echo": _echo,
    "demo": _demo,
    "openai": _openai,
    "anthropic": _anthropic,
}
"""The word before the colon -> how to open the rest."""
