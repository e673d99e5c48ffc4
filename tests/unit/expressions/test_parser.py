"""Limits of all expressions, and what is remembered of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdc.expressions.condition_parser import parse_condition
from cdc.expressions.projection import parse_projection
from cdc.expressions.syntax import InvalidExpressionError, Junction, Path
from cdc.expressions.update_parser import parse_update

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PARSERS = [parse_condition, parse_update, parse_projection]


def refusal(parse: Callable[[str], Any], text: str) -> str:
    with pytest.raises(InvalidExpressionError) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize("parse", PARSERS)
def test_an_empty_expression_is_refused_by_name_and_a_blank_one_as_syntax(parse: Callable[[str], Any]) -> None:
    assert refusal(parse, "") == "The expression can not be empty;"
    assert refusal(parse, "  ") == 'Syntax error; token: "<EOF>", near: ""'


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(("text", "size"), [("é" * 2049, 4098), ("!" * 4097, 4097)])
def test_an_expression_over_4096_bytes_is_refused_before_it_is_read(
    parse: Callable[[str], Any], text: str, size: int
) -> None:
    assert refusal(parse, text) == (f"Expression size has exceeded the maximum allowed size; expression size: {size}")


def test_4096_bytes_are_accepted() -> None:
    name = "a" * 4093
    assert parse_projection(f"{name}, b"[:4096]).tree[0] == Path((name,))


def test_300_operators_are_accepted_and_301_counted() -> None:
    text = " OR ".join(["a=:v"] * 151)  # 151 comparators and 150 ORs
    assert refusal(parse_condition, text) == "The expression contains too many operators; operator count: 301"
    tree = parse_condition(text.replace(" OR a=:v", "", 1)).tree
    assert isinstance(tree, Junction)
    assert len(tree.conditions) == 150


@pytest.mark.parametrize(
    ("parse", "text", "operators"),
    [
        (parse_condition, "NOT a BETWEEN :v AND :w", 2),
        (parse_condition, "a IN (:a, :b)", 1),
        (parse_condition, "contains(a, :a)", 1),
        (parse_condition, "size(a) <> :a", 2),
    ],
)
def test_what_counts_as_an_operator_in_a_condition(parse: Callable[[str], Any], text: str, operators: int) -> None:
    fitting = 300 // (operators + 1)
    assert parse(" AND ".join([text] * fitting))
    too_many = (fitting + 1) * operators + fitting
    assert refusal(parse, " AND ".join([text] * (fitting + 1))).endswith(f"operator count: {too_many}")


def test_what_counts_as_an_operator_in_an_update() -> None:
    adding = ", ".join(f"a{i}=b+:v" for i in range(301))
    assert refusal(parse_update, "SET " + adding).endswith("operator count: 301")
    assert len(parse_update("SET " + ", ".join(f"a{i}=:v" for i in range(400))).tree) == 400


def test_a_path_has_at_most_32_steps() -> None:
    assert len(parse_projection("a" + ".b" * 31).tree[0].steps) == 32
    for text in ("a" + ".b" * 32, "a" + "[0]" * 32):
        assert refusal(parse_projection, text) == ("The document path has too many nesting levels; nesting levels: 33")


def test_a_list_index_is_at_most_2147483647() -> None:
    assert parse_projection("a[2147483647]").tree == (Path(("a", 2147483647)),)
    assert parse_projection("a[007]").tree == (Path(("a", 7)),)
    for index in ("2147483648", "9" * 4000):
        assert refusal(parse_projection, f"a[{index}]") == (
            f"List index is not within the allowable range; index: [{index}]"
        )


@pytest.mark.parametrize(("text", "word"), [("name", "name"), ("a.Status", "Status"), ("#n.dAta[0]", "dAta")])
@pytest.mark.parametrize(
    ("parse", "before", "after"),
    [(parse_condition, "attribute_exists(", ")"), (parse_update, "REMOVE ", ""), (parse_projection, "", "")],
)
def test_a_reserved_word_is_refused_as_written_at_any_position_of_a_path(
    parse: Callable[[str], Any], before: str, after: str, text: str, word: str
) -> None:
    assert refusal(parse, before + text + after) == (f"Attribute name is a reserved keyword; reserved keyword: {word}")


def test_operands_nest_64_deep_and_conditions_as_deep_as_there_are_operators() -> None:
    nested = "list_append(:v, " * 64 + ":v" + ")" * 64
    assert len(parse_update(f"SET a = {nested}").tree) == 1
    assert refusal(parse_update, f"SET a = list_append(:v, {nested})") == (
        "The expression has too many nesting levels; nesting levels: 65"
    )
    deep = "a = :v"
    for _ in range(148):
        deep = f"({deep}) AND b = :v"
    assert isinstance(parse_condition(deep).tree, Junction)


def test_a_text_is_parsed_once_and_its_error_remembered() -> None:
    assert parse_condition("remembered = :v") is parse_condition("remembered = :v")
    assert refusal(parse_condition, "remembered") == refusal(parse_condition, "remembered")


def test_placeholders_are_listed_once_in_the_order_of_the_text() -> None:
    parsed = parse_condition("#b = :y AND #a.#b = :x AND #b <> :y")
    assert parsed.names == ("#b", "#a")
    assert parsed.values == (":y", ":x")
