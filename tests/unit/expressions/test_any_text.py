"""Whatever is sent as an expression is evaluated or refused with a ValidationException, and changes nothing it was given."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdc.expressions import Substitutions, bind_condition, bind_key_condition, bind_projection, bind_update
from cdc.model.errors import ValidationException

NAMES = {"#a": "a", "#b": "b.c"}
VALUES: dict[str, dict[str, Any]] = {
    ":n": {"N": "1.5"},
    ":s": {"S": "x"},
    ":l": {"L": [{"S": "x"}]},
    ":ss": {"SS": ["x"]},
    ":b": {"B": "AA=="},
}
ITEM: dict[str, dict[str, Any]] = {
    "a": {"M": {"b": {"L": [{"N": "1"}, {"S": "x"}]}, "a": {"SS": ["x", "y"]}}},
    "b": {"L": [{"M": {"a": {"N": "2"}}}, {"BOOL": True}]},
    "n": {"N": "3"},
    "s": {"S": "text"},
}

paths = st.sampled_from(["a", "b", "n", "s", "#a", "#b", "a.b", "a.a", "a.b[0]", "b[0].a", "b[1]", "b[9]", "c", "c.d"])
placeholders = st.sampled_from([*VALUES, ":undefined"])
atoms = paths | placeholders
functions = st.sampled_from(
    ["size", "contains", "begins_with", "attribute_type", "attribute_exists", "if_not_exists", "list_append", "f"]
)


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda name, arguments: f"{name}({', '.join(arguments)})", functions, st.lists(inner, min_size=1, max_size=3)
    )


operands = st.recursive(
    atoms,
    lambda inner: (
        calls(inner)
        | inner.map(lambda text: f"({text})")
        | st.builds(lambda left, sign, right: f"{left} {sign} {right}", inner, st.sampled_from("+-"), inner)
    ),
    max_leaves=5,
)
simple_operands = atoms | calls(atoms)
comparisons = st.one_of(
    st.builds(
        lambda left, operator, right: f"{left} {operator} {right}",
        simple_operands,
        st.sampled_from(["=", "<>", "<", "<=", ">", ">="]),
        simple_operands,
    ),
    st.builds(lambda a, b, c: f"{a} BETWEEN {b} AND {c}", simple_operands, simple_operands, simple_operands),
    st.builds(lambda a, options: f"{a} IN ({', '.join(options)})", simple_operands, st.lists(atoms, min_size=1)),
    calls(atoms),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        inner.map(lambda text: f"NOT {text}"),
        inner.map(lambda text: f"({text})"),
        st.builds(lambda left, word, right: f"{left} {word} {right}", inner, st.sampled_from(["AND", "OR"]), inner),
    ),
    max_leaves=8,
)
sections = st.one_of(
    st.lists(st.builds(lambda path, value: f"{path} = {value}", paths, operands), min_size=1, max_size=3).map(
        lambda actions: "SET " + ", ".join(actions)
    ),
    st.lists(paths, min_size=1, max_size=3).map(lambda removed: "REMOVE " + ", ".join(removed)),
    st.builds(
        lambda word, path, value: f"{word} {path} {value}", st.sampled_from(["ADD", "DELETE"]), paths, placeholders
    ),
)
updates = st.lists(sections, min_size=1, max_size=3).map(" ".join)
tokens = st.lists(
    st.sampled_from(
        [
            "a",
            "#a",
            "#",
            ":n",
            ":",
            "1",
            ".",
            "[",
            "]",
            "(",
            ")",
            ",",
            "=",
            "<",
            "<>",
            "+",
            "-",
            "and",
            "OR",
            "NOT",
            "IN",
            "BETWEEN",
            "SET",
            "REMOVE",
            "ADD",
            "DELETE",
            "size",
            "name",
            "!",
            "é",
            "\n",
            "\x00",
            "'",
        ]
    ),
    max_size=20,
).map(" ".join)
any_texts = st.one_of(st.text(max_size=30), tokens, conditions, updates, operands)


def evaluate(text: str) -> None:
    """Bind a text as every kind of expression and ask it; let out only what is no ValidationException."""
    for bind_and_ask in (
        lambda given: bind_condition(text, given).matches(ITEM),
        lambda given: bind_condition(text, given).matches({}),
        lambda given: bind_key_condition(text, given).resolve((("n", "N"),), (("s", "S"),)),
        lambda given: bind_key_condition(text, given, 8).resolve((("n", "N"), ("s", "S")), (("m", "S"), ("l", "B"))),
        lambda given: bind_projection(text, given).apply(ITEM),
        lambda given: bind_update(text, given).apply(ITEM),
        lambda given: bind_update(text, given).project(ITEM),
        lambda given: bind_update(text, given).apply({}, exists=False),
    ):
        with suppress(ValidationException):
            bind_and_ask(Substitutions(NAMES, VALUES))


@given(any_texts)
def test_any_text_is_evaluated_or_refused_and_changes_nothing(text: str) -> None:
    item, values = copy.deepcopy(ITEM), copy.deepcopy(VALUES)
    evaluate(text)
    assert item == ITEM
    assert values == VALUES


@given(
    st.sampled_from(["(", "NOT ", "NOT (", "size(", "a.", "a[0]", "((a) = ", "list_append(", "a AND (", "SET a = ("])
)
def test_a_text_of_any_depth_is_refused_not_overflowing_the_stack(opening: str) -> None:
    for count in (50, 100, 299, 300, 301, 4096 // len(opening)):
        evaluate(opening * count)
        evaluate(opening * count + "a")
        evaluate("SET a = " + opening * count)
        evaluate(opening * count + "a = :n" + ")" * count)


@given(conditions)
def test_a_condition_and_its_negation_disagree(text: str) -> None:
    answers = []
    for whole in (text, f"NOT ({text})"):
        with suppress(ValidationException):  # such as redundant parentheses
            answers.append(bind_condition(whole, Substitutions(NAMES, VALUES)).matches(ITEM))
    if len(answers) == 2:
        assert answers[0] is not answers[1]
