"""`blame` over HTTP and over the control channel: the same bounded answer, and the same refusals."""

import json
from typing import Any
from urllib.parse import quote

from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.events import DocumentEdited, Record
from pycrdt import Doc, Text

from .conftest import House


def write(house: House, room: str = "r", words: int = 3) -> None:
    """So many records, each a word at the end of `notes`, and one that takes the first letter away."""
    doc, records = Doc[Any](client_id=5), house.rooms.store.records.setdefault(room, [])

    def heard(event: Any) -> None:
        seq = len(records) + 1
        records.append(Record(seq, 0, f"author{seq % 2}", "", 1, DocumentEdited(), "notes", bytes(event.update)))

    doc.observe(heard)
    text = doc.get("content", type=Text)
    for _ in range(words):
        text.insert(len(text), "wörd ")
    del text[0:1]


async def get(house: House, query: str, room: str = "r") -> tuple[int, Any]:
    request = f"GET /api/rooms/{room}/blame?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    head, _, body = (await house.http(request.encode())).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


async def test_over_http(house: House) -> None:
    """BL12: spans with their places, the records that they name, and what was deleted if it is asked for."""
    write(house)
    status, told = await get(house, "document=notes&root=content&deleted=1")
    assert status == 200
    assert told["seq"] == 4
    first, second, *_ = told["spans"]
    assert first == {"path": ["content"], "start": 0, "end": 0, "units": [0, 0], "text": "w", "seq": 1, "deleted": 4}
    assert second == {"path": ["content"], "start": 0, "end": 4, "units": [0, 4], "text": "örd ", "seq": 1}
    assert {seq: one["author"] for seq, one in told["records"].items()} == {
        "1": "author1",
        "2": "author0",
        "3": "author1",
        "4": "author0",
    }
    assert "rest" not in told
    _, told = await get(house, "document=notes&seq=2&at=5&length=2")
    assert [(span["text"], span["seq"]) for span in told["spans"]] == [("wö", 2)]
    assert (await get(house, ""))[1]["spans"] == []


async def test_places_over_http(house: House) -> None:
    """BL17: a relative position as JSON; what is none is refused."""
    write(house)
    place = quote(json.dumps({"tname": "content"}))
    _, told = await get(house, f"document=notes&place={place}")
    assert told["spans"] == (await get(house, "document=notes&root=content"))[1]["spans"]
    status, told = await get(house, "document=notes&place=here")
    assert (status, told["code"]) == (400, "bad-request")
    status, told = await get(house, "document=notes&place=" + quote('{"item":{"client":9,"clock":9}}'))
    assert (status, told["code"]) == (404, "not-found")


async def test_pages_over_http(house: House) -> None:
    """BL12: at most BLAME_SPANS in one answer; `after` and `seq` get the rest of the same moment."""
    write(house, words=limits.BLAME_SPANS + 5)
    _, told = await get(house, "document=notes")
    assert (len(told["spans"]), told["rest"]) == (limits.BLAME_SPANS, limits.BLAME_SPANS)
    _, rest = await get(house, f"document=notes&seq={told['seq']}&after={told['rest']}")
    assert len(rest["spans"]) == 5
    assert rest["spans"][0]["start"] == told["spans"][-1]["end"]


async def test_what_is_refused(house: House) -> None:
    """BL12: a bad name, a number that is none, a moment to come, a room that is gone, a grant that may not read."""
    write(house)
    for query, code in (
        ("document=a//b", "bad-name"),
        ("at=x", "bad-request"),
        ("seq=99", "bad-request"),
    ):
        status, told = await get(house, query)
        assert (status, told["code"]) == (400, code)
    assert (await get(house, "", room="deleted"))[1]["code"] == "no-such-room"
    house.grant = Grant(author="eve", read=False, write=False, decide=False)
    assert (await get(house, "document=notes"))[1]["code"] == "not-allowed"


async def test_over_the_control_channel(house: House) -> None:
    """BL12: the answer has what HTTP tells; a refusal has its code; a socket that is asked goes on."""
    write(house)
    _, expected = await get(house, "document=notes&at=5&deleted=1")
    async with house.socket("/rooms/r", "plait.v1") as socket:
        assert (await socket.get_message())[:2] == b"\x00\x00"

        async def ask(**command: Any) -> Any:
            await socket.send_message(json.dumps({"do": "blame", **command}))
            return json.loads(await socket.get_message())

        found = await ask(id="a", document="notes", at=5, deleted=True)
        assert found == {"id": "a", "ok": {"result": expected}}
        assert expected["spans"][0]["text"] == "ö"
        for command, code in (
            ({"document": "a//b"}, "bad-name"),
            ({"seq": 99}, "bad-request"),
            ({"length": 0}, "bad-json"),
            ({"rot": "content"}, "bad-json"),
        ):
            assert (await ask(id="b", **command))["refused"]["code"] == code
        await socket.send_message('{"id":"c","do":"ping"}')
        assert json.loads(await socket.get_message()) == {"id": "c", "ok": {}}


async def test_posted_like_a_command(house: House) -> None:
    """BL12: what a socket may ask, a back end may post."""
    write(house)
    body = b'{"id":"a","do":"blame","document":"notes","at":5}'
    head = f"POST /api/rooms/r/commands HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}"
    answer = await house.http(head.encode() + b"\r\n\r\n" + body)
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert told["ok"]["result"] == (await get(house, "document=notes&at=5"))[1]
