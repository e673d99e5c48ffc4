from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from cdc.cli.moments import Moment, Position
from cdc.clock import SystemClock


def test_an_age_counts_back_from_now():
    seconds = Moment().convert("2h", None, None)
    assert abs(SystemClock().now_ms() / 1000 - 7200 - seconds) < 60


def test_a_time_may_have_a_zone():
    assert Moment().convert("2026-05-01T12:00:00Z", None, None) == datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("LATEST", {"position": "LATEST"}),
        ("TRIM_HORIZON", {"position": "TRIM_HORIZON"}),
        ("100000000000000000042", {"sequence": "100000000000000000042"}),
        ("1970-01-01T00:00:01+00:00", {"time_ms": 1000}),
    ],
)
def test_a_position_is_one_of_four_kinds(text, position):
    assert Position().convert(text, None, None) == position


@pytest.mark.parametrize("kind", [Moment(), Position()])
@pytest.mark.parametrize("text", ["", "latest", "2w", "-2h", "yesterday", "2026-13-01"])
def test_anything_else_is_refused_with_what_is_expected(kind, text):
    with pytest.raises(click.BadParameter, match=r"expected .*an age such as 90s, 10m, 2h or 1d, or a time such as"):
        kind.convert(text, None, None)
