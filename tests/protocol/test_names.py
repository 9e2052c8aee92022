"""The naming rule, on the vectors and at its edges."""

import pytest
from plait.protocol.errors import Refused
from plait.protocol.names import Target, document_name, parse_path, room_name


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/rooms/a", Target("room", "a", "")),
        ("/docs/a", Target("doc", "a", "main")),
        ("/docs/a/main", Target("doc", "a", "main")),
        ("/docs/a/x/y", Target("doc", "a", "x/y")),
        ("/docs/a%2Fx", Target("doc", "a", "x")),
        ("/rooms/a?token=b/c", Target("room", "a", "")),
        ("/rooms/a%3Ab", Target("room", "a:b", "")),
    ],
)
def test_a_path_means_one_document(path: str, target: Target):
    """NM1, NM4: decoded once, and the default document is main."""
    assert parse_path(path) == target


@pytest.mark.parametrize("name", ["a", "0", "A.b_c~d:e@f-g", "x" * 200, "roomsy"])
def test_room_names(name: str):
    """NM2: what a room may be called."""
    assert room_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "é", "x" * 201, "rooms", "docs", "a\n", "a%41"])
def test_names_that_no_room_has(name: str):
    """NM2: everything else is refused."""
    with pytest.raises(Refused) as refused:
        room_name(name)
    assert refused.value.code == "bad-name"


@pytest.mark.parametrize("name", ["a", "a/b", "_x/..y", "~", "a/b/c.txt"])
def test_document_names(name: str):
    """NM3: a document's name may hold slashes."""
    assert document_name(name) == name


@pytest.mark.parametrize("name", ["", "/", "a/", "/a", "a//b", ".", "a/..", "./a", "a b", "é", "x" * 201, "a\n"])
def test_names_that_no_document_has(name: str):
    """NM3: no empty, `.` or `..` segment."""
    with pytest.raises(Refused) as refused:
        document_name(name)
    assert refused.value.code == "bad-name"


@pytest.mark.parametrize(
    "path",
    ["", "/", "/rooms", "/rooms/", "/rooms/a/b", "/docs/a/", "/rooms/%zz", "/rooms/%ff", "/rooms/a%2541", "/x/a"],
)
def test_paths_that_mean_nothing(path: str):
    """NM1: a path that is not exactly a target is refused, and an escape is decoded once only."""
    with pytest.raises(Refused) as refused:
        parse_path(path)
    assert refused.value.code == "bad-name"
