"""An update, read without applying it: what it holds, and what pycrdt will make of it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plait.protocol import limits
from plait.protocol.errors import Refused
from plait.protocol.frames import EMPTY_UPDATE, write_uint
from plait.protocol.update import (
    decode_state_vector,
    deletion,
    encode_state_vector,
    fits,
    lone,
    new_clients,
    read,
    splits,
    without,
    writers,
)
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText, merge_updates

WORDS = ["a", "hé", "🙂", "漢字", "word "]


def state(doc: Doc) -> dict[int, int]:
    return decode_state_vector(bytes(doc.get_state()))


class History:
    """What up to four tabs wrote, alone and after hearing of each other, as the updates that they would send."""

    def __init__(self, seed: int, changes: int = 30) -> None:
        self.random = random.Random(seed)
        self.log: list[bytes] = []
        ids = [self.random.choice([n + 1, self.random.getrandbits(32), self.random.getrandbits(53)]) for n in range(4)]
        self.docs = [Doc(client_id=n) for n in ids[: self.random.randint(1, 4)]]
        for doc in self.docs:
            doc.observe(lambda event: self.log.append(bytes(event.update)))
        for _ in range(changes):
            self.change(self.random.choice(self.docs))

    def change(self, doc: Doc) -> None:
        draw = self.random
        text, entries, items = doc.get("t", type=Text), doc.get("m", type=Map), doc.get("a", type=Array)
        edges = [0]  # Byte positions between characters: pycrdt's indices may not fall inside one.
        for char in str(text):
            edges.append(edges[-1] + len(char.encode()))
        first = draw.randrange(len(edges))
        last = draw.randint(first, min(len(edges) - 1, first + 4))
        match draw.randrange(12):
            case 0 | 1 | 2:
                text.insert(edges[first], draw.choice(WORDS))
            case 3 if last > first:
                del text[edges[first] : edges[last]]
            case 4 if last > first:
                text.format(edges[first], edges[last], {draw.choice(["bold", "em"]): draw.choice([True, None, "é"])})
            case 5:
                entries[draw.choice("abc")] = draw.choice([1, 2.5, "x", None, True, [1, [2, {"a": 3}]], 2**40, b"b"])
            case 6:
                entries[draw.choice("abc")] = Text("in")
            case 7 if len(entries):
                entries.pop(draw.choice(sorted(entries.keys())))
            case 8:
                items.insert(draw.randint(0, len(items)), draw.choice([1, "s", Map({"z": 1}), Array([1, 2])]))
            case 9 if len(items):
                items.pop(draw.randrange(len(items)))
            case 10:
                node = draw.choice([XmlElement("p", {"c": "d"}), XmlText("tx")])
                doc.get("x", type=XmlFragment).children.append(node)
            case 11:
                doc.get("e", type=Text).insert_embed(0, {"img": "é"})
            case _:
                other = draw.choice(self.docs)
                if other is not doc:
                    doc.apply_update(other.get_update(doc.get_state()))

    def sent(self) -> list[bytes]:
        """The updates out of order, with merged ones (which have gaps) and whole documents among them."""
        sent = [*self.log, *(bytes(doc.get_update()) for doc in self.docs)]
        if self.log:
            for _ in range(3):
                some = self.random.sample(self.log, min(len(self.log), self.random.randint(2, 5)))
                sent.append(bytes(merge_updates(*some)))
        self.random.shuffle(sent)
        return sent


@given(st.integers(0, 2**32))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_is_foretold_happens(seed: int):
    """UP4: an update fits if and only if pycrdt integrates all of it, struct and deletion."""
    server = Doc()
    for data in History(seed).sent():
        update = read(data)
        foretold = fits(update, state(server))
        trial = Doc()
        trial.apply_update(server.get_update())
        trial.apply_update(data)
        after = state(trial)
        ranges = (*update.inserted, *update.deleted)
        assert foretold == all(after.get(client, 0) >= end for client, _, end in ranges)
        if foretold:
            server.apply_update(data)


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_what_a_change_inserted_and_deleted(seed: int):
    """UP2: the inserted ranges are the difference of the state vectors, under the clients that are new."""
    history = History(seed)
    server = Doc()
    for data in history.log:
        before, update = state(server), read(data)
        if not fits(update, before):
            continue
        server.apply_update(data)
        after = state(server)
        grown = {client for client in after if after[client] > before.get(client, 0)}
        assert set(new_clients(update, before)) == grown
        for client, start, end in update.inserted:
            assert start < end <= after[client]
        assert new_clients(update, after) == ()


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_what_a_lone_struct_changes(seed: int):
    """UP8: where the document says that nothing was deleted, all that changed is what the update holds."""
    history = History(seed)
    server, exact = Doc(), []
    subscription = server.observe(lambda event: exact.append(event.update))
    for data in history.log:
        before, update = state(server), read(data)
        assert writers(data) == tuple(section.client for section in update.sections)
        if not fits(update, before):
            continue
        only = lone(update, before)
        server.apply_update(data)
        assert only is None or not update.deleted
        if only is not None and exact[-1].endswith(b"\0"):
            assert read(exact[-1], own=True).inserted == update.inserted == ((only.client, only.start, only.end),)
        assert lone(update, state(server)) is None
    server.unobserve(subscription)


def test_which_structs_are_lone():
    """UP8: one that stands beside another one and is new; not a root's first, nor two, nor one that deletes."""
    doc: Doc = Doc(client_id=5)
    updates: list[bytes] = []
    text, table = doc.get("text", type=Text), doc.get("map", type=Map)
    subscription = doc.observe(lambda event: updates.append(event.update))
    clocks = []
    for change in (
        lambda: text.insert(0, "ab"),
        lambda: text.insert(1, "c"),
        lambda: text.insert(3, "d"),
        lambda: text.__delitem__(slice(0, 1)),
        lambda: table.update({"k": 1}),
        lambda: table.update({"k": 2}),
    ):
        clocks.append(state(doc))
        change()
    found = [lone(read(data), before) is not None for data, before in zip(updates, clocks, strict=True)]
    assert found == [False, True, True, False, False, False]
    assert lone(read(updates[1]), state(doc)) is None
    doc.unobserve(subscription)


@given(st.integers(0, 2**32), st.data())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_without_copies_what_stays(seed: int, data: st.DataObject):
    """UP5: dropping clients keeps the others' structs and the deletions, byte for byte."""
    whole = Doc()
    for doc in History(seed).docs:
        whole.apply_update(doc.get_update())
    update = read(bytes(whole.get_update()))
    clients = [section.client for section in update.sections]
    dropped = data.draw(st.sets(st.sampled_from(clients))) if clients else set()
    rest = read(without(update, dropped))
    assert [s.client for s in rest.sections] == [c for c in clients if c not in dropped]
    kept = [update.data[s.first : s.last] for s in update.sections if s.client not in dropped]
    assert [rest.data[s.first : s.last] for s in rest.sections] == kept
    assert rest.deleted == update.deleted
    assert without(update, ()) is update.data


@given(
    st.integers(0, 300),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255), st.integers(0, 3)), min_size=1, max_size=4),
)
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise_anything_else(seed: int, changes: list[tuple[int, int, int]]):
    """UP1: an update is read exactly or refused."""
    log = History(seed, 8).log
    data = bytearray(log[seed % len(log)] if log else EMPTY_UPDATE)
    for at, value, how in changes:
        at %= len(data) or 1
        data[at : at + (how != 1)] = b"" if how == 0 else bytes([value])
    try:
        update = read(bytes(data))
    except Refused as refused:
        assert refused.code in ("bad-update", "too-large")  # noqa: PT017
        return
    fits(update, {})
    splits(update, ())
    assert read(without(update, [s.client for s in update.sections])).deleted == update.deleted


def one(content: bytes, info: int = 4, parent: bytes = b"\x01\x01t", clock: int = 0) -> bytes:
    """An update of one struct by client 7."""
    return b"\x01\x01\x07" + write_uint(clock) + bytes([info]) + parent + content + b"\x00"


NESTED = b"\x01" + b"\x75\x01" * limits.UPDATE_DEPTH + b"\x7e"


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("nothing", b""),
        ("truncated", one(b"\x02ab")[:-3]),
        ("bytes after the end", one(b"\x02ab") + b"\x00"),
        ("an integer padded with zeros", b"\x81\x00" + one(b"\x02ab")[1:]),
        ("an empty text", one(b"\x00")),
        ("an empty section", b"\x01\x00\x07\x00\x00"),
        ("a text that is not UTF-8", one(b"\x01\xff")),
        ("a name that is not UTF-8", one(b"\x01a", parent=b"\x01\x01\xff")),
        ("a surrogate in UTF-8", one(b"\x03\xed\xa0\x80")),
        ("a struct that leans on itself", one(b"\x01a", info=0x84, parent=b"\x07\x05", clock=5)),
        ("a parent that is a later struct", one(b"\x01a", parent=b"\x00\x07\x05", clock=5)),
        ("a gap with an item's flags", b"\x01\x01\x07\x00\x80\x01\x00"),
        ("a parent that is neither", one(b"\x01a", parent=b"\x02\x01t")),
        ("a move", one(b"\x00\x07\x00", info=11)),
        ("a subdocument", one(b"\x01g\x76\x00", info=9)),
        ("a weak link", one(b"\x07", info=7)),
        ("an XmlHook", one(b"\x05\x01a", info=7)),
        ("a value nested too deep", one(NESTED, info=8)),
        ("a value of no type", one(b"\x01\x01", info=8)),
        ("an embed that is not JSON", one(b"\x01{", info=5)),
        ("a format whose value is not JSON", one(b"\x01b\x09undefined", info=6)),
        ("old JSON content that is not JSON", one(b"\x01\x01{", info=2)),
        ("a clock beyond 31 bits", one(b"\x02ab", clock=(1 << 31) - 1)),
        ("one client twice", b"\x02" + one(b"\x01a")[1:-1] + one(b"\x01a", clock=1)[1:]),
        ("one client's deletions twice", b"\x00\x02\x07\x01\x00\x01\x07\x01\x01\x01"),
        ("an empty deletion", b"\x00\x01\x07\x01\x00\x00"),
    ],
)
def test_updates_that_are_refused(what: str, data: bytes):
    """UP1, UP3: malformed, or not read alike by Yjs and yrs."""
    with pytest.raises(Refused) as refused:
        read(data)
    assert refused.value.code == "bad-update", what


def test_what_an_update_leaves_out():
    """UP2: gaps that touch are one, and what is inserted is what lies around them."""
    structs = b"\x0a\x02" + b"\x04\x01\x01t\x01a" + b"\x0a\x01\x0a\x03" + b"\x00\x02" + b"\x0a\x01"
    update = read(b"\x01\x06\x07\x05" + structs + b"\x00")
    (section,) = update.sections
    assert (section.start, section.end, section.gaps) == (5, 15, ((5, 7), (8, 12), (14, 15)))
    assert update.inserted == ((7, 7, 8), (7, 12, 14))


def test_a_deletion_waits_for_what_it_deletes():
    """UP4: the last clock of it counts, whether other clocks of that client are there or none."""
    update = read(deletion([(7, 0, 1)]))
    assert [fits(update, vector) for vector in ({}, {8: 5}, {7: 1}, {7: 2})] == [False, False, True, True]
    update = read(deletion([(7, 2, 4)]))
    assert [fits(update, {7: clock}) for clock in (3, 4)] == [False, True]


def test_a_state_vector_has_so_many_clients():
    """SY8: as many as an update, and not one more."""
    vector = dict.fromkeys(range(1, limits.UPDATE_CLIENTS + 1), 1)
    assert decode_state_vector(encode_state_vector(vector)) == vector
    with pytest.raises(Refused):
        decode_state_vector(encode_state_vector(vector | {limits.UPDATE_CLIENTS + 1: 1}))


def test_an_update_that_only_deletes():
    """UP1: the clients highest first, as Yjs writes them, each with its ranges from the oldest."""
    data = deletion([(7, 5, 6), (300, 0, 2), (7, 1, 3)])
    assert data == b"\x00\x02" + b"\xac\x02\x01\x00\x02" + b"\x07\x02\x01\x02\x05\x01"
    assert read(data).deleted == ((300, 0, 2), (7, 1, 3), (7, 5, 6))


MAX_CLOCK = (1 << 31) - 1


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (one(b"\x01a", clock=MAX_CLOCK - 1), MAX_CLOCK),
        (one(b"\x03\xe2\x82\xac"), 1),
        (one(b"\x04\xf0\x9f\x98\x80"), 2),
        (one(b"\x05\xf0\x9f\x98\x80x"), 3),
        (one(b"\x85\x01" + b"x" * 133), 133),
        (one(b"\x01" + b"\x75\x01" * (limits.UPDATE_DEPTH - 1) + b"\x7e", info=8), 1),
        (one(b"\x03\x7e\x7f\x78", info=8), 3),
        (one(b"\x02\x76\x01\x01k\x77\x01v\x74\x02ab", info=8), 2),
        (one(b"\x02\x7c\x00\x00\x00\x00\x7b" + bytes(8), info=8), 2),
        (one(b"\x02\x010\x09undefined", info=2), 2),
        (one(b"\x02ab", info=3), 1),
        (one(b"\x03\x01p", info=7), 1),
        (one(b"\x06", info=7), 1),
        (one(b"\x05", info=1), 5),
    ],
)
def test_how_long_a_struct_is(data: bytes, end: int):
    """UP1, UP3: each content in clock ticks, up to the last one that a clock has; texts in UTF-16 units."""
    (section,) = read(data).sections
    assert (section.client, section.end) == (7, end)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01" + write_uint(limits.UPDATE_STRUCTS + 1) + b"\x07\x00",
        write_uint(limits.UPDATE_CLIENTS + 1),
        b"\x00" + write_uint(limits.UPDATE_CLIENTS + 1),
        b"\x00\x01\x07" + write_uint(limits.UPDATE_DELETES + 1),
    ],
)
def test_updates_over_a_limit(data: bytes):
    """UP6: they are refused at their first bytes, before anything is read that long."""
    with pytest.raises(Refused) as refused:
        read(data)
    assert refused.value.code == "too-large"


def test_our_own_bytes_have_no_such_limits():
    """UP6: a document that grew over years is larger than any one update."""
    ranges = limits.UPDATE_DELETES + 1
    data = b"\x00\x01\x07" + write_uint(ranges) + b"".join(write_uint(2 * n) + b"\x01" for n in range(ranges))
    assert len(read(data, own=True).deleted) == ranges
    with pytest.raises(Refused):
        read(data)


def test_a_value_nested_as_deep_as_allowed():
    """UP3: and no deeper; as a value and as the JSON of an embed."""
    depth = limits.UPDATE_DEPTH
    assert read(one(b"\x01" + b"\x75\x01" * (depth - 1) + b"\x7e", info=8)).inserted == ((7, 0, 1),)
    for json, accepted in (("[" * depth + "]" * depth, True), ("[" * (depth + 1) + "]" * (depth + 1), False)):
        data = one(write_uint(len(json)) + json.encode(), info=5)
        if accepted:
            assert read(data).inserted == ((7, 0, 1),)
        else:
            with pytest.raises(Refused):
                read(data)


def test_a_chain_between_thousands_of_clients_is_cheap():
    """UP4: each struct waits for another client's, in the worst order; both ends of the circle are found."""
    count = 2_000

    def chain(first_needs: int) -> bytes:
        parts = [write_uint(count)]
        for client in range(1, count + 1):
            needs = client - 1 if client > 1 else first_needs
            parts.append(b"\x01" + write_uint(client) + b"\x00\x84" + write_uint(needs) + b"\x00\x01a")
        return b"".join(parts) + b"\x00"

    assert fits(read(chain(9_999)), {9_999: 1})
    assert not fits(read(chain(9_999)), {})
    assert not fits(read(chain(count)), {})


SMILE = one("a🙂b".encode().join([b"\x06", b""]))


@pytest.mark.parametrize(
    ("what", "data", "split"),
    [
        ("deletes the second half", b"\x00\x01\x07\x01\x02\x01", True),
        ("deletes the first half", b"\x00\x01\x07\x01\x01\x01", True),
        ("deletes both halves", b"\x00\x01\x07\x01\x01\x02", False),
        ("inserts after the first half", b"\x01\x01\x08\x00\x84\x07\x01\x01x\x00", True),
        ("inserts before the second half", b"\x01\x01\x08\x00\x44\x07\x02\x01x\x00", True),
        ("inserts before and after", b"\x01\x01\x08\x00\xc4\x07\x02\x07\x03\x01x\x00", False),
    ],
)
def test_a_surrogate_pair_is_never_cut(what: str, data: bytes, split: bool):
    """UP7: yrs would count wrong from there on, under an equal state vector."""
    pairs = read(SMILE).pairs
    assert pairs == ((7, 2),)
    assert splits(read(data), pairs) == split, what
    assert not splits(read(data), ())


def test_half_a_pair_that_is_known_does_not_fit():
    """UP7: the rest of the struct would begin inside the pair."""
    assert [fits(read(SMILE), {7: known}) for known in range(5)] == [True, True, False, True, True]


def test_state_vectors():
    """SY8: client ids to clocks, both ways; a clock of 0 says nothing."""
    clocks = {2**53 - 1: 5, 1: 2**31 - 1, 7: 1}
    assert decode_state_vector(encode_state_vector(clocks)) == clocks
    assert decode_state_vector(b"\x00") == {}
    assert decode_state_vector(b"\x01\x07\x00") == {}
    for data in (b"", b"\x01\x07", b"\x00\x00", write_uint(limits.UPDATE_CLIENTS + 1)):
        with pytest.raises(Refused) as refused:
            decode_state_vector(data)
        assert refused.value.code == "bad-frame"
