"""The page of compatibility is what its script makes, says why of each refusal, and nothing is silently ignored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc.model.constraints import ListOf, String
from cdc.model.request_shapes import Member, NotYet, Shape, Structure
from tests.clients.differential.differences import DIFFERENCES
from tests.compatibility import models
from tests.compatibility.models import Operation, operations
from tests.compatibility.page import PAGE, Notes, NotesError, load_notes, page


def test_the_page_is_what_the_script_makes_of_models_operations_and_notes():
    assert PAGE.read_text() == page(), "run scripts/compatibility"


def test_every_operation_of_the_models_has_a_row_and_none_ignores_a_member():
    text, found = PAGE.read_text(), operations()
    assert {each.service for each in found} == {"dynamodb", "dynamodbstreams"}
    assert [each.name for each in found if f"\n| {each.name} | " not in text] == []
    assert [each for each in found if each.ignored_members] == []


WORKING = Operation(service="dynamodb", name="Works", refusal=None, refused_members=("A.B",))
REFUSED = Operation(service="dynamodb", name="Refused", refusal="ValidationException: not here")
NOTES = Notes(
    introduction="About.",
    limits={"Works": "slowly"},
    refused={"Refused": "no time"},
    members={"B": "no room"},
    choices={"Choices": ["One."]},
    clients={"Client 1.2": "tables"},
)


def test_a_row_says_how_far_and_why_not():
    lines = page([WORKING, REFUSED], NOTES).splitlines()
    assert "## Operations of DynamoDB: 1 of 2" in lines
    assert "| Works | works, within limits | slowly; without `A.B` |" in lines
    assert "| Refused | refused | ValidationException `not here`: no time |" in lines
    assert "| `B` | Works | no room |" in lines
    choices = lines.index("## Choices")
    assert lines[choices : choices + 3] == ["## Choices", "", "- One."]
    assert "| Client 1.2 | tables |" in lines
    assert all(f"| {each.kind} | {each.because} |" in lines for each in DIFFERENCES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"refused": {}}, "[refused] Refused: a line that says why is missing"),
        ({"members": {}}, "[members] B: a line that says why is missing"),
        ({"members": {"B": "", "C": ""}}, "[members] C: nothing of this name is refused: delete the line"),
        (
            {"refused": {"Refused": "", "Works": ""}},
            "[refused] Works: nothing of this name is refused: delete the line",
        ),
        ({"limits": {"Refused": ""}}, "[limits] Refused: no operation of this name works"),
    ],
)
def test_a_note_that_is_missing_or_about_nothing_is_named(change, message):
    with pytest.raises(NotesError) as caught:
        page([WORKING, REFUSED], replace(NOTES, **change))
    assert message in str(caught.value)


def test_a_member_that_is_neither_known_nor_refused_is_named():
    with pytest.raises(NotesError, match="Works: X is neither known nor refused"):
        page([replace(WORKING, ignored_members=("X",)), REFUSED], NOTES)


def test_members_are_found_at_any_depth(monkeypatch):
    inner = Structure("Tag", Member("Key", String()), NotYet("Value"))
    shape = Shape("TagResource", Member("Tags", ListOf(inner)))
    shapes = models.request_shapes() | {"TagResource": shape}
    monkeypatch.setattr(models, "request_shapes", lambda: shapes)
    [found] = [each for each in operations() if each.name == "TagResource"]
    assert found.refused_members == ("Tags.Value",)
    assert found.ignored_members == ("ResourceArn",)


def test_the_notes_are_read_from_the_file_that_people_edit():
    assert load_notes().refused["RestoreTableToPointInTime"]
