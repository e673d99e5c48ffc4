"""Keys: what is accepted, in whose words it is refused, and how the encoding sorts."""

from __future__ import annotations

from base64 import b64decode, b64encode
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.model import keys
from cdc.model.errors import ValidationException
from cdc.model.keys import KeySchema

OOMPV = "One or more parameter values were invalid: "
MISMATCH = "The provided key element does not match the schema"
EMPTY = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
HASH_TOO_LONG = OOMPV + "Size of hashkey has exceeded the maximum size limit of2048 bytes"
RANGE_TOO_LONG = OOMPV + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"

HASH_ONLY = KeySchema("pk", "S")
HASH_AND_RANGE = KeySchema("pk", "S", "sk", "B")

CONTENTS = {
    "S": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
    "N": st.integers(-(10**9), 10**9).map(str),
    "B": st.binary(min_size=1, max_size=6).map(lambda data: b64encode(data).decode()),
}
kinds = st.sampled_from("SNB")


@st.composite
def schemas_and_keys(draw: st.DrawFn) -> tuple[KeySchema, dict[str, Any], dict[str, Any]]:
    """Draw a schema and two keys of it, often in one partition."""
    hash_type, range_type = draw(kinds), draw(kinds)
    schema = KeySchema("pk", hash_type, "sk", range_type)
    partitions = draw(st.lists(CONTENTS[hash_type], min_size=1, max_size=2))
    sorts = draw(st.tuples(CONTENTS[range_type], CONTENTS[range_type]))
    first, second = (
        {"pk": {hash_type: partition}, "sk": {range_type: sort}}
        for partition, sort in zip((partitions[0], partitions[-1]), sorts, strict=True)
    )
    return schema, first, second


def natural(value: dict[str, Any]) -> Any:
    """Return something that Python orders as DynamoDB orders the value."""
    [(kind, content)] = value.items()
    if kind == "N":
        return Decimal(content)
    return content.encode() if kind == "S" else b64decode(content)


@given(schemas_and_keys())
def test_a_partition_is_contiguous_and_sorted_by_its_sort_key(
    drawn: tuple[KeySchema, dict[str, Any], dict[str, Any]],
) -> None:
    schema, first, second = drawn
    left, right = keys.encode_key(schema, first), keys.encode_key(schema, second)
    prefix = keys.partition_prefix(schema, first["pk"])
    assert left.startswith(prefix)
    assert right.startswith(prefix) == (first["pk"] == second["pk"])
    if first["pk"] == second["pk"]:
        assert (left < right) == (natural(first["sk"]) < natural(second["sk"]))
    assert (left == right) == (first == second)


@given(schemas_and_keys())
def test_an_encoded_key_gives_its_attributes_back(drawn: tuple[KeySchema, dict[str, Any], dict[str, Any]]) -> None:
    schema, key, _ = drawn
    assert keys.decode_key(schema, keys.encode_key(schema, {**key, "other": {"S": "x"}})) == key


@pytest.mark.parametrize("kind", ["S", "N", "B"])
def test_a_key_without_a_sort_key_gives_its_attribute_back(kind: str) -> None:
    schema = KeySchema("pk", kind)
    key = {"pk": {kind: "1234"}}
    assert keys.decode_key(schema, keys.encode_key(schema, key)) == key


def test_the_layout_is_hash_then_length_then_partition_key_then_sort_key() -> None:
    digest = blake2b(b"ab", digest_size=4).digest()
    key = {"pk": {"S": "ab"}, "sk": {"B": "AQI="}}
    assert keys.encode_key(HASH_AND_RANGE, key) == digest + b"\x00\x02" + b"ab" + b"\x01\x02"
    assert keys.hash_of(b"ab") == int.from_bytes(digest, "big")


@pytest.mark.parametrize(
    ("kind", "text", "encoded"), [("S", "é", b"\xc3\xa9"), ("N", "1", b"\xc1\x01"), ("B", "/w==", b"\xff")]
)
def test_a_scalar_is_encoded_by_its_type(kind: str, text: str, encoded: bytes) -> None:
    assert keys.encode_scalar(kind, text) == encoded


def test_the_key_of_an_item_is_its_key_attributes() -> None:
    item = {"pk": {"S": "a"}, "sk": {"B": "AQ=="}, "x": {"N": "1"}}
    assert keys.key_of(HASH_AND_RANGE, item) == {"pk": {"S": "a"}, "sk": {"B": "AQ=="}}
    assert keys.key_of(HASH_ONLY, item) == {"pk": {"S": "a"}}


PK, SK = {"S": "a"}, {"B": "AQ=="}
CONTENT_FAULTS = [
    ({"pk": {"S": ""}, "sk": SK}, EMPTY + "string value. Key: pk"),
    ({"pk": PK, "sk": {"B": ""}}, EMPTY + "binary value. Key: sk"),
    ({"pk": {"S": "é" * 1024 + "a"}, "sk": SK}, HASH_TOO_LONG),
    ({"pk": PK, "sk": {"B": b64encode(b"x" * 1025).decode()}}, RANGE_TOO_LONG),
]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        *CONTENT_FAULTS,
        ({}, MISMATCH),
        ({"pk": PK}, MISMATCH),
        ({"pk": PK, "other": SK}, MISMATCH),
        ({"pk": PK, "sk": SK, "x": SK}, MISMATCH),
        ({"pk": PK, "sk": {"N": "1"}}, MISMATCH),
        ({"pk": {"L": []}, "sk": SK}, MISMATCH),
        ({"pk": {"S": ""}, "sk": {"N": "1"}}, MISMATCH),
    ],
)
def test_a_key_that_does_not_fit_the_table_is_refused(key: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException) as error:
        keys.check_key(HASH_AND_RANGE, key)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("item", "message"),
    [
        *CONTENT_FAULTS,
        ({"pk": PK}, OOMPV + "Missing the key sk in the item"),
        ({"x": PK}, OOMPV + "Missing the key pk in the item"),
        ({"pk": {"N": "1"}, "sk": SK}, OOMPV + "Type mismatch for key pk expected: S actual: N"),
        ({"pk": PK, "sk": {"M": {}}}, OOMPV + "Type mismatch for key sk expected: B actual: M"),
    ],
)
def test_an_item_without_a_proper_key_is_refused_by_put(item: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException) as error:
        keys.check_item_keys(HASH_AND_RANGE, item)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("item", "message"),
    [
        *CONTENT_FAULTS,
        ({"pk": PK}, MISMATCH),
        ({"pk": {"N": "1"}, "sk": SK}, MISMATCH),
        ({"pk": {"SS": ["a"]}, "sk": SK}, MISMATCH),
    ],
)
def test_a_put_of_a_batch_words_a_wrong_key_as_a_key_map_does(item: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException) as error:
        keys.check_batch_put_keys(HASH_AND_RANGE, item)
    assert error.value.message == message


def test_keys_of_the_largest_sizes_are_accepted() -> None:
    key = {"pk": {"S": "é" * 1024}, "sk": {"B": b64encode(b"x" * 1024).decode()}}
    keys.check_key(HASH_AND_RANGE, key)
    keys.check_item_keys(HASH_AND_RANGE, {**key, "x": {"S": ""}})
    keys.check_batch_put_keys(HASH_AND_RANGE, {**key, "x": {"S": ""}})
    keys.check_key(HASH_ONLY, {"pk": key["pk"]})
    assert keys.decode_key(HASH_AND_RANGE, keys.encode_key(HASH_AND_RANGE, key)) == key


@pytest.mark.parametrize(
    ("prefix", "successor"),
    [(b"a", b"b"), (b"a\xff", b"b"), (b"\x00", b"\x01"), (b"a\xfe\xff", b"a\xff"), (b"", None), (b"\xff\xff", None)],
)
def test_the_successor_of_a_prefix_is_its_last_byte_but_the_full_ones_raised(
    prefix: bytes, successor: bytes | None
) -> None:
    assert keys.successor_of_prefix(prefix) == successor


@given(st.binary(min_size=1, max_size=4), st.binary(max_size=5))
def test_the_successor_of_a_prefix_parts_what_starts_with_it_from_all_above(prefix: bytes, other: bytes) -> None:
    successor = keys.successor_of_prefix(prefix)
    assert successor is None or prefix + other < successor
    if other >= prefix and not other.startswith(prefix):
        assert successor is not None
        assert other >= successor
