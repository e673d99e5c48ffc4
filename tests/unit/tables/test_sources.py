"""What Query and Scan read: bounds of key conditions in tables and indexes, start keys, and which index will do."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.expressions import KeyRange
from cdc.model.catalog import Table, TableDefinition
from cdc.model.errors import ValidationException
from cdc.model.indexes import IndexDefinition, build_index
from cdc.model.keys import MISMATCH, KeySchema, encode_key
from cdc.tables.sources import IndexSource, TableSource, find_source, with_attributes

INVALID = "The provided starting key is invalid"
STRINGS = KeySchema("pk", "S", "sk", "S")
BINARIES = KeySchema("pk", "S", "sk", "B")
HASH_ONLY = KeySchema("pk", "B")
P = {"S": "p"}


def table_of(schema, *indexes):
    """Make a table of which only keys and indexes matter."""
    definition = TableDefinition(
        name="t", table_id="", attributes=(), hash_name="pk", range_name=None, billing_mode="PAY_PER_REQUEST"
    )
    return Table(id=1, definition=definition, schema=schema, created_ms=0, stream=None, indexes=indexes)


def key(sk):
    return encode_key(STRINGS, {"pk": P, "sk": {"S": sk}})


def key_bounds(schema, keys):
    return TableSource(table_of(schema)).bounds(keys)


def bounds(operator, *operands):
    return key_bounds(STRINGS, KeyRange((P,), operator, tuple({"S": text} for text in operands)))


HOLDS = {
    "=": lambda sk, v: sk == v,
    "<": lambda sk, v: sk < v,
    "<=": lambda sk, v: sk <= v,
    ">": lambda sk, v: sk > v,
    ">=": lambda sk, v: sk >= v,
    "begins_with": lambda sk, v: sk.startswith(v),
}
TEXTS = st.text("\x00a\x7f\u00ffb\uffff\U0010ffff", min_size=1, max_size=3)


@given(st.sampled_from(sorted(HOLDS)), TEXTS, TEXTS)
def test_a_sort_key_is_within_the_bounds_exactly_when_the_condition_holds(operator, value, sk):
    low, high = bounds(operator, value)
    assert (low <= key(sk) < high) == HOLDS[operator](sk.encode(), value.encode())


@given(TEXTS, TEXTS, TEXTS)
def test_between_is_both_bounds(first, last, sk):
    low, high = bounds("BETWEEN", first, last)
    assert (low <= key(sk) < high) == (first.encode() <= sk.encode() <= last.encode())


@given(st.binary(max_size=3), st.binary(min_size=1, max_size=3), st.binary(max_size=3))
def test_a_binary_prefix_may_end_at_the_last_byte(prefix, rest, other):
    low, high = key_bounds(BINARIES, KeyRange((P,), "begins_with", ({"B": _base64(prefix + b"\xff")},)))
    for sk in (prefix + b"\xff", prefix + b"\xff" + rest, other):
        encoded = encode_key(BINARIES, {"pk": P, "sk": {"B": _base64(sk)}})
        assert (low <= encoded < high) == sk.startswith(prefix + b"\xff")


def _base64(raw):
    return b64encode(raw).decode()


@given(st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=4))
def test_a_whole_partition_holds_its_own_key_and_no_other(mine, other):
    low, high = key_bounds(HASH_ONLY, KeyRange(({"B": _base64(mine)},)))
    assert low <= encode_key(HASH_ONLY, {"pk": {"B": _base64(mine)}}) < high
    assert (low <= encode_key(HASH_ONLY, {"pk": {"B": _base64(other)}}) < high) == (mine == other)


KEY = {"pk": {"B": "AQ=="}, "sk": {"N": "5"}}


TABLE = TableSource(table_of(KeySchema("pk", "B", "sk", "N")))


@pytest.mark.parametrize(
    ("start", "in_query", "in_scan"),
    [
        ({"pk": KEY["pk"]}, INVALID, f"{INVALID}: {MISMATCH}"),
        (KEY | {"x": {"S": "a"}}, INVALID, f"{INVALID}: {MISMATCH}"),
        ({"pk": KEY["pk"], "x": {"N": "5"}}, INVALID, f"{INVALID}: {MISMATCH}"),
        (KEY | {"sk": {"S": "5"}}, MISMATCH, f"{INVALID}: {MISMATCH}"),
    ],
)
def test_a_start_key_that_does_not_fit_is_refused_in_the_words_of_the_operation(start, in_query, in_scan):
    for scanning, message in ((False, in_query), (True, in_scan)):
        with pytest.raises(ValidationException) as caught:
            TABLE.encode_start(start, scan=scanning)
        assert caught.value.message == message


def test_a_start_key_that_fits_is_encoded():
    assert TABLE.encode_start(KEY, scan=True) == encode_key(TABLE.table.schema, KEY)


OWN = KeySchema("pk", "S", "sk", "S")
TYPES = {"pk": "S", "sk": "S", "a": "S", "b": "S", "c": "N", "d": "B"}


def index_of(name, keys, projection="ALL", *, local=False, hashes=1, backfilling=False):
    """Make an index on attributes of TYPES."""
    names = keys.split()
    schema = tuple((each, "HASH" if place < hashes else "RANGE") for place, each in enumerate(names))
    included = ("x",) if projection == "INCLUDE" else ()
    definition = IndexDefinition(
        name=name, local=local, key_schema=schema, projection=projection, non_key_attributes=included
    )
    return build_index(1, definition, TYPES, OWN, backfilling=backfilling)


def item(sk, **attributes):
    return {"pk": P, "sk": {"S": sk}} | attributes


def entry(index, an_item):
    found = index.encode_key(an_item, encode_key(OWN, an_item))
    assert found is not None
    return found


GLOBAL, LOCAL = index_of("g", "a b"), index_of("l", "pk b", local=True)


@given(st.sampled_from([GLOBAL, LOCAL]), st.sampled_from(sorted(HOLDS)), TEXTS, TEXTS, TEXTS)
def test_an_entry_is_within_the_bounds_exactly_when_the_condition_holds_whatever_its_own_key(
    index, operator, value, b, sk
):
    partition = P if index.local else {"S": "x"}
    low, high = IndexSource(table_of(OWN, index), index).bounds(KeyRange((partition,), operator, ({"S": value},)))
    found = entry(index, item(sk, a={"S": "x"}, b={"S": b}))
    assert (low <= found < high) == HOLDS[operator](b.encode(), value.encode())


@given(st.sampled_from([GLOBAL, LOCAL]), TEXTS, TEXTS, TEXTS, TEXTS)
def test_between_holds_all_entries_of_both_bounds(index, first, last, b, sk):
    partition = P if index.local else {"S": "x"}
    keys = KeyRange((partition,), "BETWEEN", ({"S": first}, {"S": last}))
    low, high = IndexSource(table_of(OWN, index), index).bounds(keys)
    found = entry(index, item(sk, a={"S": "x"}, b={"S": b}))
    assert (low <= found < high) == (first.encode() <= b.encode() <= last.encode())


@given(TEXTS, TEXTS, st.integers(-9, 9), st.integers(-9, 9), st.binary(min_size=1, max_size=3), TEXTS)
def test_several_attributes_are_bounded_from_the_left(mine, other, number, bound, raw, sk):
    index = index_of("m", "a b c d", hashes=2)
    found = entry(
        index, item(sk, a={"S": mine}, b={"S": other}, c={"N": str(number)}, d={"B": b64encode(raw).decode()})
    )
    source = IndexSource(table_of(OWN, index), index)
    hashes = ({"S": mine}, {"S": other})
    low, high = source.bounds(KeyRange(hashes, ">", ({"N": str(bound)},)))
    assert (low <= found < high) == (number > bound)
    keys = KeyRange(hashes, "begins_with", ({"B": b64encode(raw[:1]).decode()},), ({"N": str(bound)},))
    low, high = source.bounds(keys)
    assert (low <= found < high) == (number == bound)
    low, high = source.bounds(KeyRange(({"S": mine + "x"}, {"S": other})))
    assert not low <= found < high


START = {"pk": P, "sk": {"S": "q"}, "a": {"S": "x"}, "b": {"S": "y"}}


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({name: START[name] for name in ("pk", "sk", "a")}, INVALID),
        (START | {"x": {"S": "z"}}, INVALID),
        ({name: START[name] for name in ("a", "b")}, INVALID),
        (START | {"a": {"N": "1"}}, MISMATCH),
        (START | {"sk": {"N": "1"}}, f"{INVALID}: {MISMATCH}"),
        (START | {"a": {"S": ""}}, INVALID),
        (START | {"b": {"S": "x" * 1025}}, INVALID),
    ],
)
@pytest.mark.parametrize("scanning", [False, True])
def test_a_start_key_of_an_index_has_its_key_and_the_tables(start, message, scanning):
    with pytest.raises(ValidationException) as caught:
        IndexSource(table_of(OWN, GLOBAL), GLOBAL).encode_start(start, scan=scanning)
    assert caught.value.message == message


@pytest.mark.parametrize("index", [GLOBAL, LOCAL])
def test_a_read_goes_on_after_the_key_of_the_last_entry(index):
    source = IndexSource(table_of(OWN, index), index)
    start = {name: START[name] for name in index.key_names}
    encoded = source.encode_start(start, scan=False)
    assert encoded == entry(index, START)
    assert source.start_key_of((encoded, 1, b"{}", 0)) == start


BACKFILLING = index_of("filling", "b", backfilling=True)
KEYS_ONLY, LOCAL_KEYS = index_of("keys", "a", "KEYS_ONLY"), index_of("local", "pk b", "KEYS_ONLY", local=True)
INCLUDING = index_of("some", "a", "INCLUDE")
INDEXED = table_of(OWN, GLOBAL, LOCAL, BACKFILLING, KEYS_ONLY, LOCAL_KEYS, INCLUDING)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"index_name": "nope"}, "The table does not have the specified index: nope"),
        ({"index_name": "g", "consistent": True}, "Consistent reads are not supported on global secondary indexes"),
        ({"index_name": "filling"}, "Cannot read from backfilling global secondary index: filling"),
        (
            {"index_name": "keys", "whole": True},
            (
                "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for "
                "global secondary index keys because its projection type is not ALL"
            ),
        ),
    ],
)
def test_an_index_that_will_not_do_is_refused(arguments, message):
    with pytest.raises(ValidationException) as caught:
        find_source(INDEXED, **{"consistent": False} | arguments)
    assert caught.value.message == message


def test_an_index_is_found_by_its_name():
    assert find_source(INDEXED, None, consistent=True) == TableSource(INDEXED)
    assert find_source(INDEXED, "g", consistent=False, whole=True) == IndexSource(INDEXED, GLOBAL, whole=True)
    assert find_source(INDEXED, "l", consistent=True) == IndexSource(INDEXED, LOCAL)
    assert find_source(INDEXED, "local", consistent=True, whole=True) == IndexSource(INDEXED, LOCAL_KEYS, whole=True)


def test_a_local_index_fetches_what_a_projection_lacks_and_a_global_one_refuses_it():
    local = IndexSource(INDEXED, LOCAL_KEYS)
    assert with_attributes(local, ["pk", "sk", "b"]) == local
    assert with_attributes(local, ["pk", "z"]) == IndexSource(INDEXED, LOCAL_KEYS, whole=True)
    including = IndexSource(INDEXED, INCLUDING)
    assert with_attributes(including, ["x", "a", "pk"]) == including
    with pytest.raises(ValidationException) as caught:
        with_attributes(including, ["z", "x", "b"])
    assert caught.value.message == (
        "One or more parameter values were invalid: Global secondary index some does not project [b, z]"
    )
    assert with_attributes(IndexSource(INDEXED, GLOBAL), ["z"]) == IndexSource(INDEXED, GLOBAL)
    assert with_attributes(TableSource(INDEXED), ["z"]) == TableSource(INDEXED)
