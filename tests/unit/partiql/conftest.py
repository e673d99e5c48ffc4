"""A real file on which statements run, with a table of a few items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdc.clock import ManualClock
from cdc.tables.definitions import create_table
from cdc.tables.write import put_item
from tests.unit.store.files import opened
from tests.unit.tables.running import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    clock = ManualClock()
    with opened(tmp_path / "cdc.db", clock) as (database, writer):
        yield Running(database, writer, clock)


@pytest.fixture
def table(running: Running) -> str:
    """Create a table `abc` with items of two partitions, `a` and `b`, with sort keys from 0 to 3."""
    running.run(
        create_table,
        TableName="abc",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for partition in "ab":
        for number in range(4):
            item = {"pk": {"S": partition}, "sk": {"N": str(number)}, "v": {"N": str(number % 2)}}
            running.run(put_item, TableName="abc", Item=item)
    return "abc"
