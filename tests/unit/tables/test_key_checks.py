"""Key schemas of tables and indexes against the attribute definitions."""

from __future__ import annotations

import re

import pytest

from cdc.model.errors import ValidationException
from cdc.tables.key_checks import NO_RANGE_FIRST, NO_SECOND_HASH, check_key_schema, check_keys
from tests.table_definitions import attributes, definition, index

OOMPV = "One or more parameter values were invalid: "


def elements(text):
    """Write a KeySchema of "a:HASH b:RANGE"."""
    pairs = (each.split(":") for each in text.split())
    return [{"AttributeName": name, "KeyType": role} for name, role in pairs]


def refused(message, call, *arguments, **more):
    with pytest.raises(ValidationException, match=f"^{re.escape(message)}$"):
        call(*arguments, **more)


BEFORE = "Invalid KeySchema: All HASH elements must come before the RANGE elements"
MOST = "Invalid KeySchema: At most 4 HASH and 4 RANGE elements are allowed"
SAME = "Both the Hash Key and the Range Key element in the KeySchema have the same name"


@pytest.mark.parametrize(
    ("schema", "several", "message"),
    [
        (
            "a:HASH z:RANGE",
            False,
            (
                f"{OOMPV}Some index key attributes are not defined in AttributeDefinitions. "
                "Keys: [a, z], AttributeDefinitions: [a, b, c, d, e]"
            ),
        ),
        ("a:HASH a:RANGE", False, SAME),
        ("a:RANGE b:HASH", False, NO_RANGE_FIRST),
        ("a:RANGE b:RANGE", True, NO_RANGE_FIRST),
        ("a:HASH b:HASH", False, NO_SECOND_HASH),
        ("a:HASH b:RANGE c:HASH", True, BEFORE),
        ("a:HASH b:HASH c:HASH d:HASH e:HASH", True, MOST),
    ],
)
def test_a_key_schema_is_refused(schema, several, message):
    refused(message, check_key_schema, elements(schema), "abcde", several=several)


@pytest.mark.parametrize(
    ("schema", "several"),
    [("a:HASH", False), ("a:HASH b:RANGE", False), ("a:HASH b:HASH", True), ("a:HASH b:HASH c:RANGE d:RANGE", True)],
)
def test_a_key_schema_is_accepted(schema, several):
    check_key_schema(elements(schema), "abcde", several=several)


def test_every_definition_is_used_by_the_table_or_an_index():
    check_keys(definition("pk:S", "a:S", global_=[index("one", "a")]))
    check_keys(definition("pk:S sk:S", "a:S b:N", local=[index("two", "pk a")], global_=[index("one", "b sk")]))
    refused(
        f"{OOMPV}Some AttributeDefinitions are not used. AttributeDefinitions: [pk, a, z], keys used: [a, pk]",
        check_keys,
        definition("pk:S", "a:S z:S", global_=[index("one", "a")]),
    )
    refused(
        f"{OOMPV}Number of attributes in KeySchema does not exactly match "
        "number of attributes defined in AttributeDefinitions",
        check_keys,
        definition("pk:S", "z:S"),
    )
    refused(
        "Invalid KeySchema: Some index key attribute have no definition",
        check_keys,
        definition("pk:S sk:S") | {"AttributeDefinitions": attributes("pk:S")},
    )
