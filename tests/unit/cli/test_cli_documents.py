from __future__ import annotations

import pytest

from cdc.cli.documents import documents
from cdc.cli.rows import BadLineError


def read(text: str | bytes):
    data = text.encode() if isinstance(text, str) else text
    return [(each.line, each.value) for each in documents(data.splitlines(keepends=True))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \n", []),
        ('{"a": 1}\n\n[2]\n', [(1, {"a": 1}), (3, [2])]),
        ('\n{\n "a": 1\n}\n{\n "a": 2}', [(2, {"a": 1}), (5, {"a": 2})]),
        ("[\n1] [\n2]", [(1, [1]), (2, [2])]),
        (b"\xef\xbb\xbf1", [(1, 1)]),
    ],
)
def test_documents_are_read_with_the_line_they_begin_on(text, expected):
    assert read(text) == expected


def test_a_document_has_its_own_text():
    assert [each.text for each in documents([b' {"a":\n', b'"\xc3\xa9" } \n', b"2\n"])] == ['{"a":\n"é" }', "2"]


def test_a_line_is_given_before_the_next_one_is_read():
    source = iter([b"1\n"])
    assert next(documents(source)).value == 1


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("1\noops\n", 2, "not JSON: Expecting value"),
        ("1\n2 3\n", 2, "more than one JSON document: 3"),
        ('{\n"a": 1\n}\n{\n"a"\n}', 6, "not JSON: Expecting ':' delimiter"),
        ("oops", 1, "not JSON: Expecting value"),
        ("1\nNaN", 2, "JSON that can't be read: NaN is no number of JSON"),
        ("1\n" + "[" * 100_000, 2, "JSON that can't be read: maximum recursion depth"),
        ("[" * 100_000, 1, "JSON that can't be read: maximum recursion depth"),
        ("1\n" + "9" * 5000, 2, "JSON that can't be read: Exceeds the limit"),
        (b"1\n\xff", 2, "not UTF-8 at byte 1"),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(text, line, reason):
    with pytest.raises(BadLineError) as caught:
        read(text)
    assert caught.value.line == line
    assert caught.value.reason.startswith(reason)
