"""Lines, limits and pieces of captured output."""

from __future__ import annotations

import pytest

from cdc.functions.output import LINE_BYTES_MAX, OUTPUT_BYTES_MAX, OutputCapture


@pytest.fixture
def lines():
    return []


@pytest.fixture
def capture(lines):
    return OutputCapture(lines.append)


def test_lines_are_joined_over_reads_and_the_last_needs_no_newline(capture, lines):
    for data in (b"a", b"b\r\nc\n", b"\nd"):
        capture.feed(data)
    assert lines == ["ab", "c", ""]
    capture.cut()
    assert lines[3:] == ["d"]


def test_a_long_line_comes_in_pieces_that_never_cut_a_character(capture, lines):
    text = "x" + "ä" * LINE_BYTES_MAX
    capture.feed(text.encode() + b"\n")
    assert "".join(lines) == text
    assert all(len(line.encode()) <= LINE_BYTES_MAX for line in lines)


def test_exactly_the_limit_is_not_marked_and_one_byte_more_is(capture, lines):
    capture.feed(b"x" * OUTPUT_BYTES_MAX)
    capture.cut()
    assert sum(len(line) for line in lines) == OUTPUT_BYTES_MAX
    lines.clear()
    capture.feed(b"x" * (OUTPUT_BYTES_MAX + 1))
    capture.cut()
    assert lines[-1] == f"[output truncated: 1 bytes over {OUTPUT_BYTES_MAX} of this invocation were dropped]"
