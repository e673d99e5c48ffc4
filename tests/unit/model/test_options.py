"""Options: what could keep nothing is refused."""

from __future__ import annotations

import pytest

from cdc.model.options import Options


@pytest.mark.parametrize(
    "wrong", [{"retention_seconds": 0}, {"table_retention_seconds": {"t": 0}}, {"shards": 0}, {"shards": -1}]
)
def test_options_that_can_hold_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        Options(**wrong)


def test_a_table_without_a_retention_of_its_own_has_the_general_one():
    options = Options(retention_seconds=60, table_retention_seconds={"t": 5})
    assert (options.retention_of("t"), options.retention_of("u")) == (5, 60)
