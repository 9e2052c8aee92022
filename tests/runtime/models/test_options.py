"""What each vendor is sent of the options, and what it is spared."""

from typing import Any

import msgspec
import pytest
from plait.protocol.limits import MODEL_OUTPUT_TOKENS, MODEL_STOPS
from plait.protocol.options import DEFAULTS, Options, OutputSchema
from plait.runtime.models.endpoint import Endpoint
from plait.runtime.models.model import JSON, Assistant, Message, Result, ToolCall, ToolSchema, User

from ...conftest import need_module
from .shapes import has_shape

need_module("anthropic")
need_module("openai")

from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from plait.runtime.models import anthropic_options, openai_options
from plait.runtime.models.anthropic import AnthropicModel
from plait.runtime.models.openai import OpenAIModel
from plait.runtime.models.structured import is_strict

CLOCK = ToolSchema("clock", "Tells the time.", {"type": "object", "properties": {}})
STRICT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
LOOSE = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
ANSWER = OutputSchema("answer", STRICT)
ALL = Options(0.5, 0.9, 100, "low", 7, ("END",), ANSWER)
BASE = {"model", "stream", "stream_options", "max_tokens", "messages", "tools"}
OLLAMA = "http://localhost:11434/v1"


def openai_asked(
    model: str, options: Options, tools: tuple[ToolSchema, ...] = (), url: str | None = None, **raw: Any
) -> JSON:
    """What these options add to a request of OpenAI's."""
    opened = OpenAIModel(model, Endpoint("OpenAI", "OPENAI_API_KEY", "sk-k", url), options=raw)
    request = opened.request("", [User("q")], tools, options)
    has_shape(request, CompletionCreateParamsStreaming)
    return {field: value for field, value in request.items() if field not in BASE - {"max_tokens"}}


def anthropic_asked(model: str, options: Options, *more: Message, url: str | None = None, **raw: Any) -> JSON:
    """What these options add to a request of Anthropic's."""
    opened = AnthropicModel(model, Endpoint("Anthropic", "ANTHROPIC_API_KEY", "sk-k", url), options=raw)
    request = opened.request("", [User("q"), *more], [CLOCK], options)
    # The API goes on taking these from older models; the SDK has forgotten them.
    has_shape(request, MessageCreateParamsStreaming, but=frozenset({"temperature", "top_p"}))
    same = {"max_tokens"} if request["max_tokens"] == MODEL_OUTPUT_TOKENS else set[str]()
    return {field: value for field, value in request.items() if field not in BASE - {"max_tokens"} | same}


def format_of(schema: JSON, strict: bool) -> JSON:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    """MD17: on any server, by any model that needs nothing said."""
    for url in (None, OLLAMA):
        assert openai_asked("gpt-4o", DEFAULTS, (CLOCK,), url) == {}
        assert anthropic_asked("claude-opus-5-5", DEFAULTS, url=url) == {}
    assert openai_asked("qwen3:8b", DEFAULTS, (CLOCK,), OLLAMA) == {}


SAMPLED: JSON = {"temperature": 0.5, "top_p": 0.9}
PLAIN: JSON = {"max_completion_tokens": 100, "seed": 7, "response_format": format_of(STRICT, True)}


@pytest.mark.parametrize(
    ("model", "reasoning", "tools", "more"),
    [
        ("gpt-4o", "low", True, {**SAMPLED, "stop": ["END"]}),
        ("chatgpt-4o-latest", "high", False, {**SAMPLED, "stop": ["END"]}),
        ("ft:gpt-4o-mini:me::x", "off", False, {**SAMPLED, "stop": ["END"]}),
        ("gpt-5-chat-latest", "low", False, {**SAMPLED, "stop": ["END"]}),
        ("o3", "medium", True, {"reasoning_effort": "medium"}),
        ("o4-mini", "off", False, {"reasoning_effort": "low"}),
        ("gpt-5", "", False, {}),
        ("gpt-5-mini", "off", True, {"reasoning_effort": "minimal"}),
        ("gpt-5.1", "off", True, {**SAMPLED, "reasoning_effort": "none"}),
        ("gpt-5.1-codex", "off", False, {"reasoning_effort": "low"}),
        ("gpt-5.1", "high", True, {"reasoning_effort": "high"}),
        ("gpt-5.4", "high", False, {"reasoning_effort": "high"}),
        ("gpt-5.6-terra", "", True, {**SAMPLED, "reasoning_effort": "none"}),
        ("gpt-6-astra", "high", True, {**SAMPLED, "reasoning_effort": "none"}),
        ("gpt-6-astra", "high", False, {"reasoning_effort": "high"}),
    ],
)
def test_openai_is_sent_what_its_model_takes(model: str, reasoning: Any, tools: bool, more: JSON) -> None:
    """MD18."""
    options = msgspec.structs.replace(ALL, reasoning=reasoning)
    assert openai_asked(model, options, (CLOCK,) if tools else ()) == PLAIN | more


def test_a_compatible_server_is_sent_what_was_asked_for() -> None:
    """MD18: under the names that they imitate, whatever the model is called."""
    for model in ("llama3.2", "openai/gpt-5.6"):
        asked = openai_asked(model, msgspec.structs.replace(ALL, reasoning="off"), (CLOCK,), OLLAMA)
        assert asked == SAMPLED | {
            "max_tokens": 100,
            "reasoning_effort": "none",
            "seed": 7,
            "stop": ["END"],
            "response_format": format_of(STRICT, True),
        }


def test_a_vendors_own_field_gives_way_to_an_option() -> None:
    """MD17: two names of one thing are refused together."""
    asked = openai_asked("gpt-4o", Options(temperature=0, max_output_tokens=9), max_tokens=5, temperature=1, n=1)
    assert asked == {"temperature": 0, "max_completion_tokens": 9, "n": 1}
    asked = anthropic_asked("claude-opus-5", Options(output=ANSWER), output_config={"effort": "max"}, max_tokens=7)
    assert asked["max_tokens"] == 7
    assert asked["output_config"].keys() == {"effort", "format"}
    assert asked["output_config"]["effort"] == "max"


BY_SCHEMA = {"format": {"type": "json_schema", "schema": STRICT}}
LOUD = {"type": "adaptive", "display": "summarized"}
WARM, WIDE = {"temperature": 0.5}, {"max_tokens": MODEL_OUTPUT_TOKENS + 2048}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 2048}}


@pytest.mark.parametrize(
    ("model", "reasoning", "more"),
    [
        ("claude-3-5-haiku-latest", "high", WARM),
        ("claude-3-7-sonnet-20250219", "low", BUDGET | WIDE),
        ("claude-sonnet-4-20250514", "", WARM),
        ("claude-sonnet-4-20250514", "low", BUDGET | WIDE),
        ("claude-opus-4-5-20251101", "low", BUDGET | WIDE | {"output_config": BY_SCHEMA}),
        ("claude-haiku-4-5", "off", WARM | {"output_config": BY_SCHEMA}),
        ("claude-opus-4-6", "low", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"} | BY_SCHEMA}),
        ("claude-opus-4-6", "off", WARM | {"output_config": BY_SCHEMA}),
        ("claude-opus-4-8", "off", {"output_config": BY_SCHEMA}),
        ("claude-opus-5", "off", {"thinking": {"type": "disabled"}, "output_config": BY_SCHEMA}),
        ("claude-sonnet-5-5", "off", {"thinking": {"type": "between_tools"}, "output_config": BY_SCHEMA}),
        ("claude-haiku-5-5", "off", {"thinking": {"type": "disabled"}, "output_config": BY_SCHEMA}),
        ("claude-opus-5-5", "off", {"output_config": {"effort": "low"} | BY_SCHEMA}),
        ("claude-fable-5", "off", {"output_config": {"effort": "low"} | BY_SCHEMA}),
        ("claude-opus-5-5", "high", {"thinking": LOUD, "output_config": {"effort": "high"} | BY_SCHEMA}),
        ("claude-mythos-9", "medium", {"thinking": LOUD, "output_config": {"effort": "medium"} | BY_SCHEMA}),
    ],
)
def test_anthropic_is_sent_what_its_model_takes(model: str, reasoning: Any, more: JSON) -> None:
    """MD18: never a temperature with thinking or beside top_p, no seed, a schema where it can be held to one."""
    options = msgspec.structs.replace(ALL, reasoning=reasoning, max_output_tokens=None)
    asked = anthropic_asked(model, options)
    in_words = "" if "output_config" in more else asked.pop("system")
    assert asked == {"stop_sequences": ["END"]} | more
    assert ('"required":["n"]' in in_words) == ("output_config" not in more)


def test_anthropics_ranges_are_kept() -> None:
    """MD18: a temperature is at most 1, a stop has a visible character, a budget leaves room for an answer."""
    old = "claude-sonnet-4-5"
    assert anthropic_asked(old, Options(temperature=1.7)) == {"temperature": 1.0}
    assert anthropic_asked(old, Options(top_p=0.5)) == {"top_p": 0.5}
    assert anthropic_asked(old, Options(stop=("\n\n", "END"))) == {"stop_sequences": ["END"]}
    assert anthropic_asked(old, Options(reasoning="high", max_output_tokens=3000)) == {
        "max_tokens": 3000,
        "thinking": {"type": "enabled", "budget_tokens": 2999},
    }
    assert anthropic_asked(old, Options(reasoning="low", max_output_tokens=1024)) == {"max_tokens": 1024}


def test_thinking_by_a_budget_does_not_go_on_after_a_call() -> None:
    """MD18: there these models want their signed thinking back; the newer ones go on without."""
    calls = Assistant("", (ToolCall("c", "clock", "{}"),)), Result("c", "clock", "noon")
    assert "thinking" not in anthropic_asked("claude-sonnet-4-5", Options(reasoning="low"), *calls)
    assert "thinking" in anthropic_asked("claude-sonnet-4-6", Options(reasoning="low"), *calls)


def test_an_imitator_of_anthropic_is_asked_as_models_always_were() -> None:
    """MD18."""
    asked = anthropic_asked("qwen3:8b", Options(temperature=0.5, output=ANSWER), url="http://localhost:11434")
    assert asked.pop("system").startswith("Your answer is nothing but one JSON value")
    assert asked == {"temperature": 0.5}
    assert anthropic_options.kind_of_model("anthropic/claude-opus-4.5", OLLAMA) == ("opus", (4, 5))


def test_a_schema_that_no_vendor_can_be_held_to_is_asked_for_in_words() -> None:
    """MD19: and stays beside the instructions."""
    listed = Options(output=OutputSchema("list", {"type": "array", "items": {"type": "string"}}))
    model = OpenAIModel("gpt-4o", Endpoint("OpenAI", "OPENAI_API_KEY", "sk-k"))
    request = model.request("Be brief.", [User("q")], [], listed)
    assert "response_format" not in request
    system = request["messages"][0]["content"]
    assert system.startswith("Be brief.\n\nYour answer is nothing but one JSON value")
    assert system.endswith('{"type":"array","items":{"type":"string"}}')
    odd = Options(output=OutputSchema("odd", {"type": ["object", "null"]}))
    asked = anthropic_asked("claude-opus-5", odd)
    assert asked["system"].endswith('{"type":["object","null"]}')
    assert "output_config" not in asked


def test_a_schema_is_strict_only_if_it_is_one_already() -> None:
    """MD19: it is never changed into another; Anthropic's own SDK fits it for Anthropic."""
    asked = openai_asked("gpt-4o", Options(output=OutputSchema("answer", LOOSE)))
    assert asked["response_format"] == format_of(LOOSE, False)
    assert is_strict(STRICT)
    nested = {**STRICT, "properties": {"n": {"type": "array", "items": LOOSE}}}
    for schema in (
        LOOSE,
        nested,
        {**STRICT, "additionalProperties": True},
        {**STRICT, "minProperties": 1},
        {"anyOf": [STRICT, LOOSE]},
        True,
        {"properties": {"a": 1}},
    ):
        assert not is_strict(schema)
    asked = anthropic_asked("claude-opus-5", Options(output=OutputSchema("answer", LOOSE)))
    assert asked["output_config"]["format"]["schema"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("model", "url", "pictures", "pdf"),
    [
        ("gpt-4o", None, True, True),
        ("gpt-4.1", "https://api.openai.com/v1", True, True),
        ("gpt-5.6", "https://mine.openai.azure.com/", True, True),
        ("gpt-4", None, False, False),
        ("gpt-4-0613", None, False, False),
        ("o3-mini", None, False, False),
        ("llava", OLLAMA, True, False),
        ("gpt-4o", "https://api.openai.com.example.org", True, False),
    ],
)
def test_what_a_model_can_be_shown(model: str, url: str | None, pictures: bool, pdf: bool) -> None:
    """MD20."""
    takes = openai_options.takes_files(model, openai_options.kind_of_model(model, url))
    assert ("image/png" in takes, "application/pdf" in takes, "text/*" in takes) == (pictures, pdf, True)
    own = OpenAIModel(
        model, Endpoint("OpenAI", "OPENAI_API_KEY", "sk-k", url), takes=frozenset({"image/png", "audio/wav"})
    )
    assert own.takes == {"image/png"}


@pytest.mark.parametrize(
    "said",
    [
        '{"temperature": 2.1}',
        '{"top_p": 0}',
        '{"max_output_tokens": 0}',
        '{"reasoning": "extreme"}',
        '{"seed": -1}',
        '{"stop": [""]}',
        f'{{"stop": {["x"] * (MODEL_STOPS + 1)}}}'.replace("'", '"'),
        '{"output": {"name": "a b", "schema": {}}}',
        '{"output": {"name": "a"}}',
        '{"temprature": 1}',
    ],
)
def test_options_out_of_range_do_not_decode(said: str) -> None:
    """MD17: a command can carry them, and what no vendor takes is refused before anything happens."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(said, type=Options)


def test_a_prompts_options_change_an_agents() -> None:
    """MD17: field by field, and what is left out stays; they survive JSON."""
    both = Options(temperature=0.2, reasoning="low", seed=1).changed_by(Options(temperature=0, stop=("a",)))
    assert both == Options(temperature=0, reasoning="low", seed=1, stop=("a",))
    assert msgspec.json.decode(msgspec.json.encode(ALL), type=Options) == ALL
    assert msgspec.json.encode(DEFAULTS) == b"{}"
