from __future__ import annotations

import io

import pytest

from cdc.cli.rows import SAMPLE_ROWS, BadLineError, CsvOptions, csv_rows, json_rows


def read_csv(text, missing=(), **types):
    options = CsvOptions(types, frozenset({"", *missing}))
    return list(csv_rows(io.BytesIO(text if isinstance(text, bytes) else text.encode()), options))


def items(*arguments, **options):
    return [row.item for row in read_csv(*arguments, **options)]


def refusal(read):
    with pytest.raises(BadLineError) as refused:
        read()
    return refused.value.line, refused.value.reason


def test_a_line_of_json_is_an_item_and_blank_lines_count():
    rows = list(json_rows(io.BytesIO(b'\xef\xbb\xbf{"a": 1}\n\n{"a": "2"}'), typed=False))
    assert [(row.line, row.item) for row in rows] == [(1, {"a": {"N": "1"}}), (3, {"a": {"S": "2"}})]


def test_a_line_that_is_no_json_is_named():
    line, reason = refusal(lambda: list(json_rows(io.BytesIO(b'{}\n{"a"\n'), typed=False)))
    assert (line, reason.partition(" at ")[0]) == (2, "not JSON: Expecting ':' delimiter")


def test_a_line_that_is_not_utf8_is_named():
    assert refusal(lambda: list(json_rows(io.BytesIO(b'{}\n{"a": "\xff"}'), typed=False))) == (2, "not UTF-8 at byte 8")
    assert refusal(lambda: read_csv(b"a\nx\n\xff\n")) == (3, "not UTF-8 at byte 1")


def test_rows_before_a_bad_line_come_first():
    rows = json_rows(io.BytesIO(b"{}\nx\n"), typed=False)
    assert next(rows).line == 1
    with pytest.raises(BadLineError):
        next(rows)


@pytest.mark.parametrize("bad", [b'"unterminated,3\n', b"\xff,3\n"])
def test_rows_before_a_bad_line_of_csv_come_first(bad):
    rows = csv_rows(io.BytesIO(b"id,n\nx,2\ny,3\n" + bad), CsvOptions({}, frozenset()))
    assert [next(rows).item["n"] for _ in range(2)] == [{"N": "2"}, {"N": "3"}]
    with pytest.raises(BadLineError) as refused:
        next(rows)
    assert refused.value.line == 4


def test_a_column_of_numbers_is_n_and_any_other_s():
    assert items("id,zip,n,s\n1,01234,1.50,x\n2,99,-2e3,7\n") == [
        {"id": {"N": "1"}, "zip": {"S": "01234"}, "n": {"N": "1.50"}, "s": {"S": "x"}},
        {"id": {"N": "2"}, "zip": {"S": "99"}, "n": {"N": "-2e3"}, "s": {"S": "7"}},
    ]


def test_a_key_keeps_the_type_of_its_table():
    assert items("id\n1\n", id="S") == [{"id": {"S": "1"}}]


@pytest.mark.parametrize("text", ["+1", "1.", ".5", "0x1", "1_000", "1,5", "NaN", "Infinity", " 1", "٣", "1" * 39])
def test_what_is_no_number_of_dynamodb_is_text(text):
    assert items(f'a\n"{text}"\n') == [{"a": {"S": text}}]


@pytest.mark.parametrize("text", ["0", "-1", "0.10", "1E5", "1" * 38, "1" * 38 + "0" * 5, "0." + "0" * 20 + "1" * 38])
def test_numbers_up_to_38_digits_are_numbers(text):
    assert items(f"a\n{text}\n") == [{"a": {"N": text}}]


def test_an_empty_field_is_left_out_and_so_is_what_stands_for_no_value():
    assert items("a,b\n1,\nNA,x\n", missing=["NA"]) == [{"a": {"N": "1"}}, {"b": {"S": "x"}}]


def test_a_quoted_field_may_hold_line_ends_and_the_line_is_where_the_row_ends():
    rows = read_csv('a,b\n"x\ny",1\nz,2\n')
    assert [(row.line, row.item["a"]) for row in rows] == [(3, {"S": "x\ny"}), (4, {"S": "z"})]


def test_types_can_be_given():
    assert items("a,b\n1,True\n", a="S", b="BOOL") == [{"a": {"S": "1"}, "b": {"BOOL": True}}]


@pytest.mark.parametrize(
    ("text", "types", "line", "reason"),
    [
        ("", {}, 1, "expected a header with the names of the columns"),
        ("a,a\n", {}, 1, "two columns have the name a"),
        ("a,\n", {}, 1, "column 2 has no name"),
        ("a,b\n1\n", {}, 2, "1 fields, where the header has 2"),
        ("a\n1\n", {"x": "S"}, 1, "there is no column x; there are a"),
        ("a\nx\n", {"a": "N"}, 2, "'x' in column a is no number"),
        ("a\nx\n", {"a": "BOOL"}, 2, "'x' in column a is neither true nor false"),
        ('a\n"x"y\n', {}, 2, "not CSV"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(text, types, line, reason):
    found_line, found = refusal(lambda: read_csv(text, **types))
    assert found_line == line
    assert found.startswith(reason)


def test_a_column_that_stops_being_numbers_is_refused_with_what_would_help():
    line, reason = refusal(lambda: read_csv("a\n" + "1\n" * SAMPLE_ROWS + "n/a\n"))
    assert line == SAMPLE_ROWS + 2
    assert "--columns a:S" in reason
    assert "--missing" in reason
