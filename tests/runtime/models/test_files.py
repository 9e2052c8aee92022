"""Files on their way to a model: by hash in the request, as content on the wire, in words if they cannot be shown."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from plait.protocol.limits import MODEL_FILES, MODEL_FILES_BYTES, MODEL_IMAGE_BYTES, MODEL_TEXT_FILE_BYTES
from plait.runtime.models.endpoint import Endpoint
from plait.runtime.models.files import PDF, PICTURES, TEXT, admit, in_words, is_text, size_of, told
from plait.runtime.models.model import (
    JSON,
    Assistant,
    File,
    Message,
    Result,
    ToolCall,
    User,
    canonical,
)

from ...conftest import need_module
from .shapes import has_shape
from .vendor import Reply, events, serve_vendor, typed

need_module("anthropic")
need_module("openai")

from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from plait.runtime.models.anthropic import AnthropicModel
from plait.runtime.models.openai import OpenAIModel

CONTENT = {
    "dot.png": b"\x89PNG\r\n\x1a\n".ljust(700, b"."),
    "paper.pdf": b"%PDF-1.7".ljust(900, b"."),
    "song.mp3": b"ID3".ljust(800, b"."),
    "notes.md": "Grüß Gott".encode(),
}
KINDS = {"dot.png": "image/png", "paper.pdf": PDF, "song.mp3": "audio/mpeg", "notes.md": "text/markdown; charset=utf-8"}


def file(name: str, size: int | None = None) -> File:
    content = CONTENT[name]
    return File(hashlib.sha256(content).hexdigest(), KINDS[name], name, len(content) if size is None else size)


FILES = tuple(file(name) for name in CONTENT)
HAD = {file(name).blob: content for name, content in CONTENT.items()}
PNG, PAPER = (base64.b64encode(CONTENT[name]).decode() for name in ("dot.png", "paper.pdf"))
SONG = "song.mp3 (audio/mpeg, 800 bytes), which you cannot see."
NOTES = "notes.md (text/markdown, 11 bytes):\n\nGrüß Gott\n\n(end of the file)"

OPENAI_DONE = events({"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}, "[DONE]")
ANTHROPIC_DONE = typed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"})


async def openai_sent(messages: Sequence[Message], files: Mapping[str, bytes]) -> tuple[JSON, list[JSON]]:
    """The request, and the messages that went out. With the takes of OpenAI's own, at a server that we can read."""
    return await _sent(_openai(None), _openai, OPENAI_DONE, messages, files)


async def anthropic_sent(messages: Sequence[Message], files: Mapping[str, bytes]) -> tuple[JSON, list[JSON]]:
    return await _sent(_anthropic(None), _anthropic, ANTHROPIC_DONE, messages, files)


def _openai(url: str | None) -> OpenAIModel:
    return OpenAIModel("gpt-4o", Endpoint("OpenAI", "OPENAI_API_KEY", "sk-k", url))


def _anthropic(url: str | None) -> AnthropicModel:
    return AnthropicModel("claude-opus-5", Endpoint("Anthropic", "ANTHROPIC_API_KEY", "sk-k", url))


async def _sent(
    model: Any, at: Any, done: list[bytes], messages: Sequence[Message], files: Mapping[str, bytes]
) -> tuple[JSON, list[JSON]]:
    request = model.request("", messages, [])
    await model.aclose()
    before = canonical(request)
    async with serve_vendor(Reply(done)) as vendor:
        model = at(vendor.url)
        async with model.stream(request, files) as chunks:
            assert [chunk async for chunk in chunks]
        await model.aclose()
    assert canonical(request) == before
    body = json.loads(vendor.requests[0].body)
    shape = CompletionCreateParamsStreaming if at is _openai else MessageCreateParamsStreaming
    has_shape(body, shape)
    return request, body["messages"]


def test_a_request_holds_a_file_by_its_hash() -> None:
    """MD20: the log has what was sent, and is not a log of pictures."""
    for model in (_openai(None), _anthropic(None)):
        data = canonical(model.request("", [User("look", FILES)], [])).decode()
        assert all(file(name).blob in data for name in ("dot.png", "paper.pdf", "notes.md"))
        assert file("song.mp3").blob not in data
        assert "Grüß" not in data
        assert len(data) < 2000


async def test_openai_gets_a_file_at_its_place() -> None:
    """MD20: pictures and papers as data URLs, texts and what cannot be shown as words."""
    _, sent = await openai_sent([User("look", FILES)], HAD)
    assert sent == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "file", "file": {"filename": "paper.pdf", "file_data": f"data:{PDF};base64,{PAPER}"}},
                {"type": "text", "text": f"The person attached {SONG}"},
                {"type": "text", "text": f"The person attached {NOTES}"},
            ],
        }
    ]


async def test_anthropic_gets_a_file_at_its_place() -> None:
    """MD20: blocks, before the words that are about them."""
    _, sent = await anthropic_sent([User("look", FILES)], HAD)
    assert sent == [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {"type": "document", "source": {"type": "base64", "media_type": PDF, "data": PAPER}},
                {"type": "text", "text": f"The person attached {SONG}"},
                {"type": "text", "text": f"The person attached {NOTES}"},
                {"type": "text", "text": "look"},
            ],
        }
    ]


CALLED = Assistant("", (ToolCall("c1", "draw", "{}"), ToolCall("c2", "draw", "{}")))
DRAWN = [
    User("draw"),
    CALLED,
    Result("c1", "draw", '"ok"', files=(file("dot.png"), file("notes.md"))),
    Result("c2", "draw", "no", failed=True, files=(file("song.mp3"),)),
]


async def test_openai_sees_a_tools_picture_behind_the_results() -> None:
    """MD20: a tool's message takes text only, and results must follow their calls at once."""
    _, sent = await openai_sent([*DRAWN, User("nice")], HAD)
    assert sent[2:] == [
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": '"ok"\n\nThe tool returned dot.png (image/png, 700 bytes), which follows.\n\n'
            f"The tool returned {NOTES}",
        },
        {"role": "tool", "tool_call_id": "c2", "content": f"Error: no\n\nThe tool returned {SONG}"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "dot.png (image/png, 700 bytes):"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
        {"role": "user", "content": "nice"},
    ]
    _, sent = await openai_sent(DRAWN, HAD)
    assert sent[-1]["role"] == "user"


async def test_anthropic_sees_a_tools_picture_in_its_result() -> None:
    """MD20."""
    _, sent = await anthropic_sent(DRAWN, HAD)
    first, second = sent[2]["content"]
    assert first["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "text", "text": f"The tool returned {NOTES}"},
        {"type": "text", "text": '"ok"'},
    ]
    assert second["content"] == [
        {"type": "text", "text": f"The tool returned {SONG}"},
        {"type": "text", "text": "no"},
    ]
    assert second["is_error"]


@pytest.mark.parametrize("sent_by", [openai_sent, anthropic_sent])
async def test_a_file_that_is_gone_is_told_of(sent_by: Any) -> None:
    """MD21: the answer goes on without it, and the model knows."""
    _, sent = await sent_by([User("look", FILES), *DRAWN[1:]], {})
    said = json.dumps(sent)
    for name in ("dot.png", "paper.pdf", "notes.md"):
        assert f"{told(file(name))} is not here any more, so you cannot see it." in said
    assert "base64" not in said
    assert "blob" not in said


JPEG, GIF, WEBP = b"\xff\xd8\xff\xe0...", b"GIF89a...", b"RIFF....WEBPVP8 "


@pytest.mark.parametrize("sent_by", [openai_sent, anthropic_sent])
async def test_a_picture_is_of_the_kind_that_it_is(sent_by: Any) -> None:
    """MD21: a vendor refuses what is not what it is called, and would refuse every later request of the room."""
    for content, kind in ((JPEG, "image/jpeg"), (GIF, "image/gif"), (WEBP, "image/webp")):
        _, sent = await sent_by([User("", (file("dot.png"),))], {file("dot.png").blob: content})
        said = json.dumps(sent)
        assert kind in said
        assert "image/png" not in said
        assert base64.b64encode(content).decode() in said
    for name, content in (("dot.png", b"<svg>"), ("dot.png", b""), ("paper.pdf", b"PK"), ("paper.pdf", GIF)):
        _, sent = await sent_by([User("", (file(name),))], {file(name).blob: content})
        assert f"{told(file(name))} is damaged or of another kind, so you cannot see it." in json.dumps(sent)


async def test_a_server_that_takes_strings_alone_gets_one() -> None:
    """MD20: a text, or what cannot be shown, makes no list of parts."""
    talk = [User("read", (file("notes.md"), file("song.mp3"))), User("", (file("notes.md"),))]
    _, sent = await openai_sent(talk, HAD)
    assert [message["content"] for message in sent] == [
        f"read\n\nThe person attached {NOTES}\n\nThe person attached {SONG}",
        f"The person attached {NOTES}",
    ]


LOOKALIKE = {"blob": file("dot.png").blob, "media_type": "image/png", "name": "x", "bytes": 1}


@pytest.mark.parametrize("sent_by", [openai_sent, anthropic_sent])
async def test_what_looks_like_a_file_and_is_not_stays_what_it_is(sent_by: Any) -> None:
    """MD20: a model, a tool or a person may write any object; only our own places are looked at."""
    said = json.dumps({"source": {"data": LOOKALIKE}, "text": LOOKALIKE, "image_url": {"url": LOOKALIKE}})
    talk = [
        User(said, (file("dot.png"),)),
        Assistant(said, (ToolCall("c", "draw", said),)),
        Result("c", "draw", said, files=(file("dot.png"),)),
    ]
    request, sent = await sent_by(talk, HAD)
    assert sent[1] == request["messages"][1]
    assert json.dumps(said)[1:-1] in json.dumps(sent[0])
    assert json.dumps(said)[1:-1] in json.dumps(sent[2])
    assert json.dumps(sent).count(PNG) == 2


async def test_a_text_is_read_whole_and_no_further() -> None:
    """MD21: beyond its limit it is cut, and the model is told."""
    long = b"\xef\xbb\xbf" + b"a" * (MODEL_TEXT_FILE_BYTES - 4) + "ü".encode() + b"beyond"
    blob = hashlib.sha256(long).hexdigest()
    attached = File(blob, "text/plain", "long\n.txt", len(long))
    _, sent = await openai_sent([User("read", (attached,))], {blob: long})
    content = sent[0]["content"]
    assert "attached long .txt (text/plain, 128 KB):\n\naaa" in content
    assert content.endswith("a\ufffd\n\n(cut after 128 KB)")
    assert "beyond" not in content


def _shown(messages: Sequence[Message], takes: frozenset[str] = PICTURES | {TEXT}) -> list[list[bool]]:
    admitted = admit(messages, takes)
    return [[bool(f.blob) for f in m.files] for m in admitted if isinstance(m, User | Result)]


def test_the_newest_files_are_shown() -> None:
    """MD21: a request has its limit, in bytes and in number, and a picture has one too."""
    fits, big = file("dot.png", MODEL_IMAGE_BYTES), file("dot.png", MODEL_IMAGE_BYTES + 1)
    assert _shown([User("", (fits, big))]) == [[True, False]]
    many = MODEL_FILES_BYTES // MODEL_IMAGE_BYTES
    assert _shown([User("old", (fits,)), User("", (fits,) * many)]) == [[False], [True] * many]
    small = file("dot.png", 1)
    assert _shown([User("old", (small,)), Result("c", "t", "", files=(small,) * MODEL_FILES)]) == [
        [False],
        [True] * MODEL_FILES,
    ]
    # Of a text only so much is read as is shown.
    assert _shown([User("", (file("notes.md", 1 << 30),))]) == [[True]]
    assert _shown([User("", FILES)], frozenset()) == [[False] * 4]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/plain", True),
        ("TEXT/CSV; header=present", True),
        ("application/json", True),
        ("application/ld+json", True),
        ("image/svg+xml", True),
        ("application/octet-stream", False),
        ("text/", False),
        ("", False),
    ],
)
def test_what_can_be_read_as_text(kind: str, text: bool) -> None:
    """MD21."""
    assert is_text(File("b", kind, "n", 1)) == text


def test_a_model_that_knows_of_no_files_is_told() -> None:
    """MD21."""
    talk = [User("", (File("b", "", "  ", 2048),)), Result("c", "t", "ok", files=(file("song.mp3"),)), Assistant("x")]
    assert in_words(talk) == [
        User("The person attached a file (of no known kind, 2 KB), which you cannot see."),
        Result("c", "t", f"ok\n\nThe tool returned {SONG}"),
        Assistant("x"),
    ]


def test_a_size_is_said_as_people_say_it() -> None:
    assert [size_of(count) for count in (0, 1023, 1024, 12_600, 3_565_158)] == [
        "0 bytes",
        "1023 bytes",
        "1 KB",
        "12 KB",
        "3.4 MB",
    ]
