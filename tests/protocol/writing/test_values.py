"""Maps and arrays of a document against plain JSON as the model, and against what others set meanwhile."""

import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol.errors import Refused
from plait.protocol.frames import EMPTY_UPDATE
from plait.protocol.limits import PATCH_OPERATIONS
from plait.protocol.writing import values
from plait.protocol.writing.root import Root
from plait.protocol.writing.values import Operation
from pycrdt import Array, Doc, Map, Text

SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(alphabet="ab🙂", max_size=3)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
JSON = st.recursive(
    SCALARS | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)


def make(client: int = 1, value: Any = None) -> Root:
    root = Root(Doc(client_id=client), "state")
    if value is not None:
        values.set_value(root, [], value)
    return root


def replica(root: Root, client: int) -> Root:
    doc: Doc[Any] = Doc(client_id=client)
    doc.apply_update(root.doc.get_update())
    return Root(doc, root.name)


def meet(one: Root, other: Root) -> Any:
    for a, b in ((one, other), (other, one)):
        a.doc.apply_update(b.doc.get_update(a.doc.get_state()))
    held = [values.get(Root(each.doc, each.name)) for each in (one, other)]
    assert held[0] == held[1]
    return held[0]


def updates(root: Root) -> list[bytes]:
    seen: list[bytes] = []
    root.doc.observe(lambda event: seen.append(event.update))
    return seen


@given(OBJECTS, OBJECTS)
def test_a_root_becomes_what_is_wanted(first: dict[str, Any], second: dict[str, Any]) -> None:
    """ED15: any object from any other; and once it is there, nothing is written."""
    root = make(1, first)
    assert values.get(root) == first
    values.set_value(root, [], second)
    assert values.get(root) == second
    seen = updates(root)
    assert values.set_value(root, [], second) == {"changed": 0}
    assert not seen


@given(st.lists(JSON, max_size=6), st.lists(JSON, max_size=6))
def test_an_array_becomes_what_is_wanted(first: list[Any], second: list[Any]) -> None:
    """ED15: any array from any other."""
    root = make(1, {"list": first})
    values.set_value(root, ["list"], second)
    assert values.get(root, ["list"]) == second


def test_only_what_differs_is_written():
    """ED15: a key of a large object, an item of a large array, a word of a text."""
    large = {f"key{number}": {"n": number, "s": "x" * 50} for number in range(100)}
    root = make(1, {"map": large, "list": [{"n": n} for n in range(100)], "t": "plain"})
    root.map["text"] = Text("a long text of many words " * 40)
    seen = updates(root)
    assert values.set_value(root, ["map"], {**large, "key5": {"n": 6, "s": "x" * 50}}) == {"changed": 1}
    assert values.set_value(root, ["list"], [{"n": n} for n in range(100) if n != 50]) == {"changed": 1}
    assert values.set_value(root, ["list", 0], {"n": 0, "new": True}) == {"changed": 1}
    assert values.set_value(root, ["text"], "a long text of many words " * 39 + "a long text of few words ") == {
        "changed": 1
    }
    assert max(map(len, seen)) < 60
    assert isinstance(root.map["text"], Text)


def test_two_people_change_one_object():
    """ED15: different keys, different items, one object inside an array: both are there."""
    ours = make(1, {"a": 1, "b": {"x": 1, "y": 1}, "list": ["one", {"n": 1}, "three"]})
    theirs = replica(ours, 2)
    values.set_value(ours, [], {"a": 2, "b": {"x": 2, "y": 1}, "list": ["zero", "one", {"n": 1}, "three"]})
    values.set_value(theirs, ["b"], {"x": 1, "y": 2, "z": []})
    values.set_value(theirs, ["list"], ["one", {"n": 2}, "three", "four"])
    assert meet(ours, theirs) == {
        "a": 2,
        "b": {"x": 2, "y": 2, "z": []},
        "list": ["zero", "one", {"n": 2}, "three", "four"],
    }


def test_a_plain_object_becomes_a_map():
    """ED15, ED17: what an editor put there whole can be set in part."""
    root = make(1, {"k": 1})
    root.map["plain"] = {"deep": [{"x": 1}, {"x": 2}]}
    assert values.get(root, ["plain", "deep", -1, "x"]) == 2
    assert values.set_value(root, ["plain", "deep", -1, "x"], 3) == {"changed": 1}
    assert values.get(root, ["plain"]) == {"deep": [{"x": 1}, {"x": 3}]}
    assert isinstance(root.map["plain"]["deep"], Array)


def test_a_patch():
    """ED16: operations in order, each on what the last one left."""
    root = make(1, {"todo": ["eat", "sleep"], "owner": {"name": "ann"}})
    done = values.patch(
        root,
        [
            Operation("add", ["todo", 0], "wake"),
            Operation("add", ["todo", -1], "dream"),
            Operation("remove", ["todo", 1]),
            Operation("replace", ["owner", "name"], "bob"),
            Operation("add", ["new"], {}),
            Operation("add", ["new", "k"], [1]),
        ],
    )
    assert done == {"changed": 6}
    assert values.get(root) == {"todo": ["wake", "sleep", "dream"], "owner": {"name": "bob"}, "new": {"k": [1]}}
    values.patch(root, [Operation("replace", [], {"only": 1})])
    assert values.get(root) == {"only": 1}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            Operation("remove", ["missing"]),
            'Operation 1: ["missing"] does not exist; the object has the keys a, fine, list',
        ),
        (Operation("replace", ["list", 2], 0), "the array has 2 items"),
        (Operation("add", ["list", 4], 0), "the array has 2 items"),
        (Operation("add", ["list", "x"], 0), "the array has 2 items"),
        (Operation("add", ["a", "b"], 0), "neither an object nor an array"),
        (Operation("remove", []), "root itself"),
        (Operation("replace", [], [1]), "root itself"),
        (Operation("add", ["big"], 2**53), "write it as a string"),
        (Operation("add", ["inf"], float("inf")), "infinite"),
        (Operation("add", ["half"], "\ud800"), "half a character"),
    ],
)
def test_a_patch_is_whole_or_not_at_all(wrong: Operation, says: str):
    """ED10, ED16, ED17: the sentence says which operation and what there is instead."""
    root = make(1, {"a": 1, "list": [1, 2]})
    seen = updates(root)
    with pytest.raises(Refused) as refused:
        values.patch(root, [Operation("add", ["fine"], 1), wrong])
    assert says in refused.value.message
    assert not seen
    if wrong.path and wrong.op == "replace":
        with pytest.raises(Refused):
            values.set_value(root, wrong.path, wrong.value)
    assert not seen


def test_what_is_refused_changes_nothing():
    """ED10: also a root of words, too many operations, a path through a string."""
    root = make(1, {"a": "words"})
    root.doc.get("content", type=Text).insert(0, "words")
    root.map["plain"] = {"k": [1]}
    seen = updates(root)
    for refuse in (
        lambda: values.get(Root(root.doc, "content")),
        lambda: values.set_value(Root(root.doc, "content"), ["a"], 1),
        lambda: values.set_value(root, ["a", "b"], 1),
        lambda: values.set_value(root, ["x", "y"], 1),
        lambda: values.set_value(root, ["plain", "k", 3], 1),
        lambda: values.set_value(root, [], [1]),
        lambda: values.patch(root, [Operation("add", ["k"], 1)] * (PATCH_OPERATIONS + 1)),
        lambda: values.get(root, ["nothing"]),
    ):
        with pytest.raises(Refused):
            refuse()
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(Refused, match="too-large"):
        values.set_value(root, ["deep"], deep)
    assert not seen


def test_an_array_at_the_root():
    """ED15: an empty root becomes what is set into it."""
    root = Root(Doc(client_id=1), "list")
    assert values.get(root) == {}
    values.set_value(root, [], [1, {"a": 2}])
    assert values.get(root) == [1, {"a": 2}]
    values.patch(root, [Operation("add", [-1], 3), Operation("remove", [0])])
    assert values.get(root) == [{"a": 2}, 3]


def test_nested_types_and_no_plain_objects():
    """ED17: so that a key inside can be set by two at once."""
    root = make(1, {"a": {"b": [{"c": 1}]}})
    assert isinstance(root.map["a"], Map)
    assert isinstance(root.map["a"]["b"][0], Map)
    assert values.get(root, ["a", "b", 0, "c"]) == 1


PROGRAM = """
from plait.protocol.writing import values
from plait.protocol.writing.root import Root
from pycrdt import Doc
root = Root(Doc(client_id=1), "state")
values.set_value(root, [], {"b": {"y": 1, "x": [1, {"q": 1, "p": 2}]}, "a": None, "c": "s"})
values.set_value(root, [], {"c": {"y": 1, "x": 2}, "b": {"x": [{"p": 1, "q": 1}, 2], "z": {}}, "d": [[]]})
print(root.doc.get_update().hex())
"""


def test_the_same_bytes_in_every_process():
    """ED17: yrs and Python order by hash, and every process hashes in its own way."""
    run = [sys.executable, "-c", PROGRAM]
    found = {subprocess.run(run, capture_output=True, text=True, check=True, cwd="/").stdout for _ in range(4)}
    assert len(found) == 1


def _value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 3 else 5)
    if kind < 5:
        return chance.choice((None, True, False, 1, 2.5, "s🙂", "", -3))
    if kind < 7:
        return {key: _value(chance, depth + 1) for key in chance.sample("abcd", chance.randrange(4))}
    return [_value(chance, depth + 1) for _ in range(chance.randrange(5))]


def _path(chance: random.Random, value: Any) -> list[Any]:
    """One that is there, mostly."""
    path: list[Any] = []
    while isinstance(value, dict | list) and value and chance.random() < 0.7:
        steps: list[Any] = sorted(value) if isinstance(value, dict) else list(range(len(value)))
        path.append(chance.choice(steps))
        value = value[path[-1]]
    return [*path, chance.choice(("a", "zz", 7, -1))] if chance.random() < 0.2 else path


def _edit(chance: random.Random, root: Root) -> None:
    current = values.get(root)
    path, value = _path(chance, current), _value(chance)
    if chance.random() < 0.5:
        values.set_value(root, path, value)
        assert values.get(root, path) == value or not (path or value)  # An empty root is no array yet.
    else:
        kinds: tuple[Any, ...] = ("add", "remove", "replace")
        values.patch(root, [Operation(chance.choice(kinds), _path(chance, current), value) for _ in range(2)])


@pytest.mark.parametrize("seed", range(15))
def test_three_set_values_at_random(seed: int) -> None:
    """ED10, ED15, ED16: what was set is there, what is refused changed nothing, and all converge; with a plain object
    and a Y.Text among the values."""
    chance = random.Random(seed)
    base = make(9, {"a": [1, {"b": 2}, [3]], "b": {"c": {"d": 1}}, "d": "x"})
    base.map["plain"] = {"q": [{"z": 1}]}
    base.map["text"] = Text("hello 🙂")
    roots = [replica(base, client) for client in (1, 2, 3)]
    for _ in range(20):
        root = chance.choice(roots)
        seen = updates(root)
        try:
            with root.doc.transaction():
                _edit(chance, Root(root.doc, root.name))
        except Refused:
            assert not [update for update in seen if update != EMPTY_UPDATE]
        if chance.random() < 0.3:
            meet(*chance.sample(roots, 2))
    for one, other in ((0, 1), (1, 2), (0, 1)):
        meet(roots[one], roots[other])
