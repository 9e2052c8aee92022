"""Drafts without a room: hunks, and what accepting and rejecting them does."""

from typing import Any

from pycrdt import Doc, Map, Text, XmlElement, XmlFragment, XmlText

from .proposals import Proposal, paragraph, text_of, xml_of

AGENT, BOB = "agent:scribe", "bob"


def _begin(doc: "Doc[Any]") -> None:
    doc.get("content", type=Text).insert(0, "The quick fox jumps.")


def _insert(at: int, words: str) -> Any:
    return lambda doc: doc.get("content", type=Text).insert(at, words)


def _replace(start: int, stop: int, words: str) -> Any:
    def change(doc: "Doc[Any]") -> None:
        text = doc.get("content", type=Text)
        del text[start:stop]
        text.insert(start, words)

    return change


def test_a_hunk_says_what_goes_what_comes_and_whose_it_is() -> None:
    """DF5: who changed what between neighbours that stay."""
    proposal = Proposal(_begin)
    proposal.edit(proposal.draft, AGENT, _replace(4, 9, "slow"), 201)
    proposal.edit(proposal.draft, BOB, _insert(19, "!"), 202)
    first, second = proposal.comparison().hunks()
    assert (first.deleted_text, first.inserted_text, first.author, first.run) == (
        "quick",
        "slow",
        AGENT,
        "000000000007",
    )
    assert (second.deleted_text, second.inserted_text, second.author, second.run) == ("", "!", BOB, "")
    assert [part.units for part in first.inserted] == [(4, 8)]
    assert second.inserted[0].units == (19, 20)


def test_accepting_one_hunk_leaves_the_other_for_later() -> None:
    """DF8: in any order, and the base is like the draft in the end."""
    proposal = Proposal(_begin)
    proposal.edit(proposal.draft, AGENT, _replace(4, 9, "slow"), 201)
    proposal.edit(proposal.draft, AGENT, _insert(19, "!"), 202)
    first, second = proposal.comparison().hunks()
    proposal.accept(second.id)
    assert text_of(proposal.base) == "The quick fox jumps.!"
    assert [hunk.id for hunk in proposal.comparison().hunks()] == [first.id]
    proposal.accept(first.id)
    assert text_of(proposal.base) == text_of(proposal.draft) == "The slow fox jumps.!"


def test_what_people_write_meanwhile_stays() -> None:
    """DF9: also amid what the draft deletes."""
    proposal = Proposal(_begin)
    proposal.edit(proposal.draft, AGENT, _replace(4, 9, "slow"), 201)
    proposal.edit(proposal.base, BOB, _insert(7, "-MINE-"), 301)
    proposal.accept()
    assert text_of(proposal.base) in ("The slow-MINE- fox jumps.", "The -MINE-slow fox jumps.")


def test_a_persons_words_amid_an_agents_are_their_own() -> None:
    """DF6: rejecting the agent's hunk keeps them, accepting loses nothing."""
    for settle in ("accept", "reject"):
        proposal = Proposal(_begin)
        proposal.edit(proposal.draft, AGENT, _replace(4, 9, "very slow"), 201)
        proposal.edit(proposal.draft, BOB, _insert(8, " VERY"), 202)
        agents, bobs = proposal.comparison().hunks()
        assert (agents.author, bobs.author, bobs.inserted_text) == (AGENT, BOB, " VERY")
        assert [part.text for part in agents.inserted] == ["very", " slow"]
        getattr(proposal, settle)(agents.id)
        assert [hunk.id for hunk in proposal.comparison().hunks()] == [bobs.id]
        if settle == "accept":
            assert text_of(proposal.base) == "The very slow fox jumps."
        else:
            assert text_of(proposal.draft) == "The quick VERY fox jumps."
        proposal.accept()
        assert " VERY" in text_of(proposal.base)
        assert text_of(proposal.base) == text_of(proposal.draft)


def test_what_is_rejected_is_back_in_the_draft_and_can_be_changed_again() -> None:
    """DF10: what comes back stands for what the base has."""
    proposal = Proposal(_begin)
    proposal.edit(proposal.draft, AGENT, _replace(4, 9, "slow"), 201)
    proposal.reject()
    assert text_of(proposal.draft) == "The quick fox jumps."
    assert proposal.comparison().hunks() == []
    proposal.edit(proposal.draft, AGENT, _replace(6, 8, "OO"), 202)
    (hunk,) = proposal.comparison().hunks()
    assert (hunk.deleted_text, hunk.inserted_text) == ("ic", "OO")
    proposal.accept()
    assert text_of(proposal.base) == "The quOOk fox jumps."


def test_a_mark_is_one_hunk() -> None:
    """DF5: its beginning is not accepted without its end."""
    proposal = Proposal(_begin)
    proposal.edit(proposal.draft, AGENT, lambda doc: doc.get("content", type=Text).format(4, 9, {"bold": True}), 201)
    (hunk,) = proposal.comparison().hunks()
    assert [part.mark for part in hunk.inserted] == [("bold", True), ("bold", None)]
    proposal.accept(hunk.id)
    diff = proposal.base.doc.get("content", type=Text).diff()
    assert diff == [("The ", None), ("quick", {"bold": True}), (" fox jumps.", None)]


def _page(doc: "Doc[Any]") -> None:
    for word in ("one", "two", "three"):
        doc.get("default", type=XmlFragment).children.append(paragraph(word))


def _words(doc: "Doc[Any]", at: int) -> XmlText:
    child: Any = doc.get("default", type=XmlFragment).children[at]
    return child.children[0]


def test_a_paragraph_with_somebody_elses_words_stays() -> None:
    """DF6: the type that holds them stays with them, with its attributes, and comes with them."""
    proposal = Proposal(_page)

    def add(doc: "Doc[Any]") -> None:
        doc.get("default", type=XmlFragment).children.insert(1, XmlElement("heading", {"level": "2"}, [XmlText("new")]))

    proposal.edit(proposal.draft, AGENT, add, 201)
    proposal.edit(proposal.draft, BOB, lambda doc: _words(doc, 1).insert(3, " BOB"), 202)
    agents, bobs = proposal.comparison().hunks()
    assert (bobs.author, bobs.inserted_text) == (BOB, " BOB")
    proposal.accept(bobs.id)
    assert '<heading level="2"> BOB</heading>' in xml_of(proposal.base)
    (rest,) = proposal.comparison().hunks()
    assert (rest.author, rest.inserted_text) == (AGENT, "new")
    assert agents.id != rest.id
    proposal.reject(rest.id)
    assert '<heading level="2"> BOB</heading>' in xml_of(proposal.draft)
    assert xml_of(proposal.base) == xml_of(proposal.draft)
    assert proposal.comparison().hunks() == []


def test_a_rejected_paragraph_stays_for_somebody_elses_words() -> None:
    """DF6: and goes with them."""
    proposal = Proposal(_page)
    add = XmlElement("heading", {"level": "2"}, [XmlText("new")])
    proposal.edit(proposal.draft, AGENT, lambda doc: doc.get("default", type=XmlFragment).children.insert(1, add), 201)
    proposal.edit(proposal.draft, BOB, lambda doc: _words(doc, 1).insert(3, " BOB"), 202)
    agents, bobs = proposal.comparison().hunks()
    proposal.reject(agents.id)
    assert '<heading level="2"> BOB</heading>' in xml_of(proposal.draft)
    proposal.reject(bobs.id)
    assert [hunk.author for hunk in proposal.comparison().hunks()] == [AGENT]
    proposal.reject()
    assert xml_of(proposal.draft) == xml_of(proposal.base)


def test_a_deleted_paragraph_in_which_somebody_wrote_stays_for_their_words() -> None:
    """DF9: what came into it since is not lost with it."""
    proposal = Proposal(_page)
    proposal.edit(proposal.draft, AGENT, lambda doc: doc.get("default", type=XmlFragment).children.__delitem__(1), 201)
    proposal.edit(proposal.base, BOB, lambda doc: _words(doc, 1).insert(1, "BOB"), 301)
    proposal.accept()
    assert xml_of(proposal.base) == "<paragraph>one</paragraph><paragraph>BOB</paragraph><paragraph>three</paragraph>"
    assert proposal.comparison().hunks() == []


def test_a_rejected_deletion_of_a_paragraph_brings_it_back() -> None:
    """DF10: with all that is in it, and further edits of it reach the base."""
    proposal = Proposal(_page)
    proposal.edit(proposal.draft, AGENT, lambda doc: doc.get("default", type=XmlFragment).children.__delitem__(1), 201)
    proposal.reject()
    assert xml_of(proposal.draft) == xml_of(proposal.base)
    proposal.edit(proposal.draft, AGENT, lambda doc: _words(doc, 1).insert(3, "!"), 202)
    proposal.accept()
    assert xml_of(proposal.base) == "<paragraph>one</paragraph><paragraph>two!</paragraph><paragraph>three</paragraph>"


def test_a_key_that_somebody_wrote_since_is_theirs() -> None:
    """DF9: the hunk is kept as it is, and the answer says so."""

    def put(key: str, value: str) -> Any:
        return lambda doc: doc.get("state", type=Map).__setitem__(key, value)

    proposal = Proposal(put("title", "first"))
    proposal.edit(proposal.draft, AGENT, put("title", "agent's"), 201)
    proposal.edit(proposal.draft, AGENT, put("other", "new"), 202)
    proposal.edit(proposal.base, BOB, put("title", "BOB"), 301)
    title = next(hunk for hunk in proposal.comparison().hunks() if hunk.key == "title")
    done = proposal.accept()
    assert done.kept == (title.id,)
    assert proposal.base.doc.get("state", type=Map).to_py() == {"title": "BOB", "other": "new"}
    assert [hunk.id for hunk in proposal.comparison().hunks()] == [title.id]


def test_what_would_stand_in_something_that_is_gone_does_not_come() -> None:
    """DF9: and the answer says so."""
    proposal = Proposal(_page)
    proposal.edit(proposal.draft, AGENT, lambda doc: _words(doc, 1).insert(1, "agent"), 201)
    proposal.edit(proposal.base, BOB, lambda doc: doc.get("default", type=XmlFragment).children.__delitem__(1), 301)
    (hunk,) = proposal.comparison().hunks()
    assert proposal.accept().kept == (hunk.id,)
    assert xml_of(proposal.base) == "<paragraph>one</paragraph><paragraph>three</paragraph>"
