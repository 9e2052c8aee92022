"""Files in a conversation: which of them a model is shown, and what it is told of the others.

A picture that is not shown is not passed over in silence, because a model that does not know of it makes one up. So
each file of a conversation comes to one of three ends: its content stands at the vendor's place for it, its text stands
among the words, or a sentence says that it is there and cannot be seen.

A request holds the first two by reference (the file as an object, where the vendor wants a string), and a reference
becomes content just before it is sent. References stand only where each vendor's file looks for them, never in what a
person, a tool or a model wrote: there an object that looks like one is an object that looks like one.
"""

import base64
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from ...protocol.limits import MODEL_FILES, MODEL_FILES_BYTES, MODEL_IMAGE_BYTES, MODEL_TEXT_FILE_BYTES
from .model import JSON, File, Message, Result, User

TEXT = "text/*"
"""Among what a model takes: any file that can be read as text."""

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What OpenAI and Anthropic take alike."""

PDF = "application/pdf"

_TEXTUAL = re.compile(r"text/.+|application/(?:json|xml|yaml|toml|javascript|sql)|.+\+(?:json|xml|yaml)")

_MARKS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", PDF),
)
"""How the content of each begins; WebP has its mark further on."""

ATTACHED, RETURNED = "The person attached", "The tool returned"


def kind_of(file: File) -> str:
    """Its media type without parameters."""
    return file.media_type.partition(";")[0].strip().lower()


def is_text(file: File) -> bool:
    """Whether a model reads it as words."""
    return _TEXTUAL.fullmatch(kind_of(file)) is not None


def admit(messages: Sequence[Message], takes: frozenset[str]) -> list[Message]:
    """The conversation with every file that this model is not shown without its blob: of a kind that it does not take,
    too large, or one too many, in which case the newest are shown."""
    room, count, admitted = MODEL_FILES_BYTES, MODEL_FILES, list[Message]()
    for message in reversed(messages):
        if isinstance(message, User | Result) and message.files:
            files: list[File] = []
            for file in message.files:
                size = min(file.bytes, MODEL_TEXT_FILE_BYTES) if is_text(file) else file.bytes
                if _fits(file, takes) and size <= room and count:
                    room, count = room - size, count - 1
                else:
                    file = replace(file, blob="")
                files.append(file)
            message = replace(message, files=tuple(files))
        admitted.append(message)
    return admitted[::-1]


def _fits(file: File, takes: frozenset[str]) -> bool:
    kind = kind_of(file)
    if kind not in takes:
        return TEXT in takes and is_text(file)
    return kind not in PICTURES or file.bytes <= MODEL_IMAGE_BYTES


def without_files(messages: Sequence[Message]) -> list[Message]:
    """The words of a conversation alone, for the models that are not models."""
    return [replace(message, files=()) if isinstance(message, User | Result) else message for message in messages]


def in_words(messages: Sequence[Message]) -> list[Message]:
    """The conversation without files, for a model that knows of none: each is told of in the text."""
    said: list[Message] = []
    for message in messages:
        if isinstance(message, User | Result) and message.files:
            by = ATTACHED if isinstance(message, User) else RETURNED
            sentences = [message.text] if message.text else []
            sentences += [unseen(by, file) for file in message.files]
            message = replace(message, text="\n\n".join(sentences), files=())
        said.append(message)
    return said


def reference(file: File) -> JSON:
    """The file as a request holds it."""
    return msgspec.to_builtins(file)


def dereference(place: JSON) -> File:
    """The file that stands at this place of a request."""
    return msgspec.convert(place, File)


def told(file: File) -> str:
    """The file as it is spoken of: its name, kind and size."""
    return f"{name_of(file)} ({kind_of(file) or 'of no known kind'}, {size_of(file.bytes)})"


def name_of(file: File) -> str:
    """Its name in one line that is not too long: names come from people's disks."""
    return " ".join(file.name.split())[:200] or "a file"


def unseen(by: str, file: File) -> str:
    """What a model is told of a file that it is not shown."""
    return f"{by} {told(file)}, which you cannot see."


def missing(file: File, content: bytes | None = None) -> str:
    """What a model is told of a file whose content could not be had any more, or is not what it was said to be."""
    why = "is not here any more" if content is None else "is damaged or of another kind"
    return f"{told(file)} {why}, so you cannot see it."


def content_of(file: File, files: Mapping[str, bytes]) -> tuple[str, str] | None:
    """A picture's or a paper's media type and its content in base64; None if it cannot be shown.

    A picture is of the kind that it is, whatever it is called.
    """
    content = files.get(file.blob, b"")
    kind = _seen(content)
    if not kind or (kind == PDF) != (kind_of(file) == PDF):
        return None
    return kind, base64.b64encode(content).decode()


def written(by: str, file: File, content: bytes | None) -> str:
    """A text file among the words of a message; what is beyond the limit is cut."""
    if content is None:
        return missing(file)
    text = content[:MODEL_TEXT_FILE_BYTES].decode("utf-8-sig", "replace")
    end = f"cut after {size_of(MODEL_TEXT_FILE_BYTES)}" if len(content) > MODEL_TEXT_FILE_BYTES else "end of the file"
    return f"{by} {told(file)}:\n\n{text}\n\n({end})"


def _seen(content: bytes) -> str:
    """The media type that the content itself shows, empty for what is neither picture nor paper.

    Vendors look as well and refuse a request with a picture that is not what it is called; and such a picture would be
    in every request after it.
    """
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in _MARKS if content.startswith(mark)), "")


def size_of(count: int) -> str:
    """As people say it: 512 bytes, 12 KB, 3.4 MB."""
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.0f} KB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MB"
