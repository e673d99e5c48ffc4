"""The files of an import: lines of DynamoDB JSON and CSV, plain and compressed, and what is wrong with a line."""

from __future__ import annotations

import gzip

import pytest

from cdc.model.keys import KeySchema
from cdc.tables.buckets import BucketError
from cdc.tables.import_files import Format, ItemError

SCHEMA = KeySchema("pk", "S", "sk", "N")
TYPES = {"pk": "S", "sk": "N"}
JSON = Format(csv=False, gzip=False)
CSV = Format(csv=True, gzip=False)


def item_of(kind, row):
    return kind.item(row, SCHEMA, TYPES)[0]


def test_a_line_of_json_is_an_item():
    data = b'{"Item":{"pk":{"S":"a"},"sk":{"N":"01"}}}\n\n  {"Item": {"pk": {"S": "b"}, "sk": {"N": "2"}}}  \r\n'
    rows = list(JSON.rows("x", data))
    assert len(rows) == 2
    assert item_of(JSON, rows[0]) == {"pk": {"S": "a"}, "sk": {"N": "1"}}


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        (b'{"a":1}{"a":2} {"a":3}', [b'{"a":1}', b'{"a":2}', b'{"a":3}']),
        (b'{"a":"}{"}', [b'{"a":"}{"}']),
        (b'{"a":1}{"a":2} {"a" nonsense', [b'{"a":1}', b'{"a":2}', b'{"a" nonsense']),
        (b'{"a":1}{"a":2}, {"a":3}', [b'{"a":1}', b'{"a":2}', b', {"a":3}']),
        (b'{"a":"\xff"}{"a":2}', [b'{"a":"\xff"}{"a":2}']),
    ],
)
def test_a_line_may_have_several_objects(line, rows):
    assert list(JSON.rows("x", line + b"\n" + line)) == [*rows, *rows]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"nonsense", "no JSON"),
        (b"[]", "expected an object"),
        (b'{"pk":{"S":"a"}}', "expected an object"),
        (b'{"Item":{"pk":{"S":"a"}}}', "Missing the key sk"),
        (b'{"Item":{"pk":{"S":"a"},"sk":{"S":"1"}}}', "Type mismatch for key sk"),
        (b'{"Item":{"pk":{"S":"a"},"sk":{"N":1}}}', "NUMBER_VALUE cannot be converted to String"),
        (b'{"Item":{"pk":{"S":""},"sk":{"N":"1"}}}', "empty string"),
        (b'{"Item":{"pk":{"S":"a"},"sk":{"N":"1"},"v":{"S":"' + b"x" * 409_600 + b'"}}}', "Item size has exceeded"),
    ],
)
def test_a_line_without_an_item_is_said_to_be_so(line, message):
    with pytest.raises(ItemError, match=message):
        item_of(JSON, line)


def test_a_line_of_csv_is_text_but_for_the_keys():
    data = '\ufeffpk,sk,city,n\na,1,"Köln, Rhein",5\nb,2,,\n\n'.encode()
    rows = list(CSV.rows("x", data))
    assert item_of(CSV, rows[0]) == {
        "pk": {"S": "a"},
        "sk": {"N": "1"},
        "city": {"S": "Köln, Rhein"},
        "n": {"S": "5"},
    }
    assert item_of(CSV, rows[1]) == {"pk": {"S": "b"}, "sk": {"N": "2"}}
    with pytest.raises(ItemError, match="cannot be converted to a numeric value"):
        item_of(CSV, {"pk": "a", "sk": "x"})


def test_a_field_may_be_as_long_as_an_item():
    [row] = CSV.rows("x", b'pk,sk,v\na,1,"' + b"x" * 400_000 + b'"\n')
    assert len(item_of(CSV, row)["v"]["S"]) == 400_000


def test_headers_and_delimiter_can_be_given():
    kind = Format(csv=True, gzip=False, delimiter=";", headers=("pk", "sk"))
    assert list(kind.rows("x", b"a;1\nb;2;more\nc\n")) == [
        {"pk": "a", "sk": "1"},
        {"pk": "b", "sk": "2"},
        {"pk": "c"},
    ]


def test_compressed_files_are_read_also_of_several_members():
    kind = Format(csv=False, gzip=True)
    assert list(kind.rows("x", gzip.compress(b"1\n") + gzip.compress(b"2\n"))) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (Format(csv=False, gzip=True), b"plain", "x is not gzip"),
        (Format(csv=False, gzip=True), gzip.compress(b"1", mtime=0)[:-4], "ends in the middle"),
        (CSV, b"pk\n\xff\n", "x is not text in UTF-8"),
        (CSV, b'pk\n"' + b"a" * 2_000_000 + b'"\n', "x is not valid CSV"),
        (CSV, b"a" * 2_000_000, "x is not valid CSV"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(kind, data, message):
    with pytest.raises(BucketError, match=message):
        list(kind.rows("x", data))
