"""Capacity units: rounding, halves, and the shapes of ConsumedCapacity."""

from __future__ import annotations

import pytest

from cdc.tables.capacity import consumed, read_units, write_units


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (1024, 1), (1025, 2), (2048, 2), (409_600, 400)])
def test_a_write_costs_a_unit_for_each_started_kb_and_at_least_one(size, units):
    assert write_units(size) == units


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (4096, 1), (4097, 2), (8192, 2), (1 << 20, 256)])
def test_a_read_costs_a_unit_for_each_started_4_kb_and_half_of_it_when_eventually_consistent(size, units):
    assert read_units(size, consistent=True) == units
    assert read_units(size, consistent=False) == units / 2


def test_capacity_is_told_as_the_mode_asks():
    assert consumed(None, "t", 1.5) is None
    assert consumed("NONE", "t", 1.5) is None
    assert consumed("TOTAL", "t", 1.5) == {"TableName": "t", "CapacityUnits": 1.5}
    assert consumed("INDEXES", "t", 1.5) == {"TableName": "t", "CapacityUnits": 1.5, "Table": {"CapacityUnits": 1.5}}
