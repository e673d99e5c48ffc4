"""Names, paths and values of statements."""

from __future__ import annotations

import pytest

from cdc.expressions.syntax import Path, Value
from cdc.model.errors import ValidationException
from cdc.model.values import TOO_DEEP
from cdc.partiql.syntax import Elements, Members, Parameter, Scalar
from cdc.partiql.terms import EMPTY_COMPONENT, MAX_NESTING, TermParser

WRONG = "Statement wasn't well formed, can't be processed: "


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)),
        ('"a.b".c', ("a.b", "c")),
        ("a[0].b[12]", ("a", 0, "b", 12)),
        ("a['x y'].b", ("a", "x y", "b")),
        ("value.all.count", ("value", "all", "count")),
        ('"select"', ("select",)),
        ("#", None),
    ],
)
def test_a_path_is_names_and_indexes(text, steps):
    if steps is None:
        with pytest.raises(ValidationException):
            TermParser(text)
    else:
        assert TermParser(text).path() == Path(steps)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select", f"{WRONG}Unexpected keyword at 1:1:6"),
        ("a.", f"{WRONG}Unexpected end of statement at 1:3:0"),
        ("a.'b'", f"{WRONG}Unexpected token at 1:3:3"),
        ("a[1.5]", f"{WRONG}Unexpected token at 1:3:3"),
        ("a[1", f"{WRONG}Unexpected end of statement at 1:4:0"),
        ('a.""', EMPTY_COMPONENT),
        ("a['']", EMPTY_COMPONENT),
        ("a[2147483648]", "List index is not within the allowable range; index: [2147483648]"),
        (".".join(["a"] * 33), "The document path has too many nesting levels; nesting levels: 33 at 1:1:1"),
    ],
)
def test_a_wrong_path_is_refused(text, message):
    with pytest.raises(ValidationException) as caught:
        TermParser(text).path()
    assert caught.value.message == message


def scalar(kind, content):
    return Scalar(kind, content)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("'a'", scalar("S", "a")),
        ("''", scalar("S", "")),
        ("-1.5", scalar("N", "-1.5")),
        ("+ 2", scalar("N", "2")),
        ("true", scalar("BOOL", content=True)),
        ("FALSE", scalar("BOOL", content=False)),
        ("Null", scalar("NULL", content=True)),
        ("?", Parameter(0)),
        ("[]", Elements(is_set=False, templates=())),
        ("[?, 1, ?]", Elements(is_set=False, templates=(Parameter(0), scalar("N", "1"), Parameter(1)))),
        ("<<'a'>>", Elements(is_set=True, templates=(scalar("S", "a"),))),
        ("{}", Members(())),
        (
            "{'a': 1, \"b\": {'': ?}}",
            Members((("a", scalar("N", "1")), ("b", Members((("", Parameter(0)),))))),
        ),
    ],
)
def test_a_value_is_a_literal_or_a_parameter(text, template):
    parser = TermParser(text)
    assert parser.at_value()
    assert parser.value() == Value(":0")
    assert parser.templates == {":0": template}
    assert parser.parameter_count == text.count("?")


@pytest.mark.parametrize("text", ["a", "missing", "-", "- 'a'", "{a: 1}", "{'a' 1}", "[1", "[1,]", "<<1]", "", ")"])
def test_what_is_no_value_is_refused(text):
    with pytest.raises(ValidationException, match=f"^{WRONG}Unexpected "):
        TermParser(text).value()


@pytest.mark.parametrize(("start", "end"), ["[]", ("<<", ">>"), ("{'a':", "}")])
def test_values_go_no_deeper_than_a_bound(start, end):
    deepest = start * (MAX_NESTING - 1) + "[1]" + end * (MAX_NESTING - 1)
    TermParser(deepest).value()
    with pytest.raises(ValidationException) as caught:
        TermParser(start + deepest + end).value()
    assert caught.value.message == TOO_DEEP
