"""What one update changed, against what a history of all updates says and against the documents themselves."""

import random
from typing import Any

import pytest
from plait.protocol.effects import Change, Place, by_client, changes, divided, parted
from plait.protocol.history import History
from plait.protocol.update import read
from pycrdt import Array, Doc, Map, Text


def written(chance: random.Random, rounds: int = 40) -> list[bytes]:
    """Updates of two people who write the same text, map and array, now and then beside each other."""
    docs: list[Doc[Any]] = [Doc(client_id=client) for client in (5, 9)]
    log: list[bytes] = []
    for _ in range(rounds):
        doc = chance.choice(docs)
        state = doc.get_state()
        text, shared, row = doc.get("t", type=Text), doc.get("m", type=Map), doc.get("a", type=Array)
        match chance.randrange(6):
            case 0 | 1:
                text.insert(_place(chance, str(text)), chance.choice(["ab", "é🙂", "c"]))
            case 2 if str(text):
                del text[0 : len(str(text)[:2].encode())]
            case 3:
                shared[chance.choice("xy")] = chance.choice([1, Text("in"), Array([1, Text("deep")])])
            case 4:
                row.insert(chance.randint(0, len(row)), chance.choice([7, Map({"k": 1})]))
            case _ if len(row):
                del row[0]
        update = doc.get_update(state)
        if doc.get_state() == state and not read(update).deleted:
            continue
        log.append(update)
        for other in docs:
            other.apply_update(update)
    return log


def _place(chance: random.Random, text: str) -> int:
    """Between two characters, in bytes, as pycrdt counts."""
    return len(text[: chance.randint(0, len(text))].encode())


def state(updates: list[bytes]) -> "Doc[Any]":
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    return doc


@pytest.mark.parametrize("seed", range(25))
def test_it_is_what_the_history_says(seed: int) -> None:
    """RP60, RP61: of every record: the same texts came and went, and what still stands is what nobody deleted."""
    log = written(random.Random(seed))
    history = History()
    for seq, update in enumerate(log, 1):
        history.take(seq, update)
    last = state(log)
    for seq, update in enumerate(log, 1):
        before, then = state(log[: seq - 1]), state(log[:seq])
        found = changes(before.get_update(), update, last.get_update(then.get_state()))
        for change in found:
            for client, clock, end in change.ids:
                for each in range(clock, end):
                    assert history.whose(client, each) is not None
                    came, gone = history.whose(client, each) or (0, 0)
                    assert came == seq
                    assert (gone == 0) == change.still
        told = {(c, k) for change in found for c, start, end in change.ids for k in range(start, end)}
        brought = {(c, k) for c, start, end in read(update).inserted for k in range(start, end)}
        assert told <= brought
        _places(found, then, lambda change: change.did == "inserted" and change.place)
        _places(found, before, lambda change: change.did == "deleted" and change.place)
        _places(found, last, lambda change: change.now)


def _places(found: list[Change], doc: "Doc[Any]", of: Any) -> None:
    """Every text and plain value stands in the document at its place."""
    for change in found:
        place: Place | None = of(change) or None
        if place is None:
            continue
        root, *rest = place.path.removeprefix("/").split("/")
        kinds: Any = {"t": Text, "m": Map, "a": Array}
        node: Any = doc.get(root, type=kinds[root])
        for part in rest:
            node = node[int(part) if isinstance(node, Array) else part]
        if place.units is not None and change.text:
            units = str(node).encode("utf-16-le")
            assert units[2 * place.units[0] : 2 * place.units[1]].decode("utf-16-le") == change.text
        elif isinstance(change.value, float | int):
            assert node == change.value


def test_a_key_and_a_type() -> None:
    """RP60: a key with what it was; a type whole, without what is in it once more; a mark."""
    doc: Doc[Any] = Doc(client_id=5)
    shared, text = doc.get("m", type=Map), doc.get("t", type=Text)
    with doc.transaction():
        shared["a/b"] = 1
        text.insert(0, "bold move")
    before, known = doc.get_update(), doc.get_state()
    with doc.transaction():
        shared["a/b"] = 2
        shared["list"] = Array(["x", Text("deep")])
        text.format(0, 4, {"bold": True})
    update, then = doc.get_update(known), doc.get_state()
    del shared["list"]
    key, whole, begins, ends = changes(before, update, doc.get_update(then))
    assert (key.place, key.was, key.value, key.still, key.now) == (Place("/m/a~1b"), 1, 2, True, Place("/m/a~1b"))
    assert (whole.place, whole.value, whole.still, whole.now) == (
        Place("/m/list"),
        ["x", [{"insert": "deep"}]],
        False,
        None,
    )
    assert (begins.mark, begins.place) == (("bold", True), Place("/t", (0, 0)))
    assert (ends.mark, ends.place) == (("bold", None), Place("/t", (4, 4)))


def test_ranges_and_parts() -> None:
    """RP61: ranges are divided by others, and a text that is gone is cut where who deleted it changes."""
    by = by_client([(5, 2, 4), (5, 6, 7), (9, 0, 3)])
    inside, outside = divided([(5, 0, 3), (5, 3, 9), (7, 0, 1), (9, 1, 2)], by)
    assert inside == [(5, 2, 3), (5, 3, 4), (5, 6, 7), (9, 1, 2)]
    assert outside == [(5, 0, 2), (5, 4, 6), (5, 7, 9), (7, 0, 1)]
    change = Change(did="inserted", place=Place("/t", (10, 15)), text="a🙂bc", ids=((5, 0, 3), (9, 4, 6)))
    parts = list(parted(change, [(5, 0, 1), (5, 1, 3), (9, 4, 5), (9, 5, 6)]))
    assert [(part.text, part.place.units) for part in parts] == [
        ("a", (10, 11)),
        ("🙂", (11, 13)),
        ("b", (13, 14)),
        ("c", (14, 15)),
    ]
    assert list(parted(change, [])) == [change]
