"""Billing modes and provisioned units: rules, changes and the count of a day's decreases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc.model.catalog import TableDefinition
from cdc.model.errors import ValidationException
from cdc.tables.throughput import (
    change_throughput,
    check_changed_throughput,
    check_new_throughput,
    decreases_on,
    while_changing,
)

OOMPV = "One or more parameter values were invalid: "
NEITHER = (
    f"{OOMPV}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
)
DAY_MS = 86_400_000
PROVISIONED = TableDefinition(
    name="t",
    table_id="",
    attributes=(("pk", "S"),),
    hash_name="pk",
    range_name=None,
    billing_mode="PROVISIONED",
    read_units=5,
    write_units=5,
)
ON_DEMAND = replace(PROVISIONED, billing_mode="PAY_PER_REQUEST", billing_summary=True, read_units=0, write_units=0)


def units(reads, writes, **more):
    return {"ProvisionedThroughput": {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}} | more


@pytest.mark.parametrize(
    ("check", "request_", "message"),
    [
        (check_new_throughput, units(1, 10**13, BillingMode="PAY_PER_REQUEST"), NEITHER),
        (
            check_new_throughput,
            {},
            f"{OOMPV}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            check_new_throughput,
            units(10**12 + 1, 10**12 + 2),
            "Given value 1000000000001 for ReadCapacityUnits is out of bounds",
        ),
        (
            check_new_throughput,
            units(10**12, 10**12 + 2),
            "Given value 1000000000002 for WriteCapacityUnits is out of bounds",
        ),
        (check_changed_throughput, units(1, 1, BillingMode="PAY_PER_REQUEST"), NEITHER),
        (
            check_changed_throughput,
            {"BillingMode": "PROVISIONED"},
            f"{OOMPV}ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
        ),
        (
            check_changed_throughput,
            units(10**12 + 1, 1),
            "Given value 1000000000001 for ReadCapacityUnits is out of bounds",
        ),
    ],
)
def test_mode_and_units_must_fit_together(check, request_, message):
    with pytest.raises(ValidationException) as error:
        check(request_)
    assert error.value.message == message


def test_an_on_demand_table_takes_no_units():
    with pytest.raises(ValidationException) as error:
        change_throughput(ON_DEMAND, units(1, 1), 0)
    assert error.value.message == NEITHER


@pytest.mark.parametrize("mode", [{}, {"BillingMode": "PROVISIONED"}])
def test_units_must_change(mode):
    with pytest.raises(ValidationException) as error:
        change_throughput(PROVISIONED, units(5, 5, **mode), 0)
    assert error.value.message == (
        "The provisioned throughput for the table will not change. The requested value equals the current value. "
        "Current ReadCapacityUnits provisioned for the table: 5. Requested ReadCapacityUnits: 5. "
        "Current WriteCapacityUnits provisioned for the table: 5. Requested WriteCapacityUnits: 5. "
        "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    )


@pytest.mark.parametrize(
    ("reads", "writes", "increased", "decreased"), [(6, 5, 1, 0), (5, 4, 0, 1), (4, 6, 1, 1), (6, 6, 1, 0)]
)
def test_increases_and_decreases_are_dated(reads, writes, increased, decreased):
    changed = change_throughput(PROVISIONED, units(reads, writes), DAY_MS)
    assert (changed.read_units, changed.write_units) == (reads, writes)
    assert changed.last_increase_ms == (DAY_MS if increased else None)
    assert changed.last_decrease_ms == (DAY_MS if decreased else None)
    assert decreases_on(changed, DAY_MS) == decreased


def test_decreases_are_counted_by_the_day_in_utc():
    first = change_throughput(PROVISIONED, units(5, 4), DAY_MS)
    second = change_throughput(first, units(5, 3), 2 * DAY_MS - 1)
    assert decreases_on(second, 2 * DAY_MS - 1) == 2
    assert decreases_on(second, 2 * DAY_MS) == 0
    third = change_throughput(second, units(5, 2), 2 * DAY_MS)
    assert decreases_on(third, 2 * DAY_MS) == 1


def test_while_units_change_the_old_ones_are_shown_with_the_decreases_before():
    before = change_throughput(PROVISIONED, units(5, 4), DAY_MS)
    after = change_throughput(before, units(5, 3), 2 * DAY_MS)
    shown = while_changing(before, after, 2 * DAY_MS)
    assert (shown.write_units, shown.last_decrease_ms, decreases_on(shown, 2 * DAY_MS)) == (4, 2 * DAY_MS, 0)


def test_a_change_of_the_mode_is_shown_at_once():
    after = change_throughput(PROVISIONED, {"BillingMode": "PAY_PER_REQUEST"}, 7)
    assert while_changing(PROVISIONED, after, 7) == after
    assert (after.billing_mode, after.billing_summary, after.on_demand_since_ms) == ("PAY_PER_REQUEST", True, 7)
    assert (after.read_units, after.write_units) == (0, 0)
    back = change_throughput(after, units(1, 2, BillingMode="PROVISIONED"), 8)
    assert while_changing(after, back, 8) == back
    assert (back.billing_mode, back.read_units, back.write_units, back.on_demand_since_ms) == ("PROVISIONED", 1, 2, 7)


def test_nothing_asked_for_changes_nothing():
    assert change_throughput(PROVISIONED, {}, 1) == PROVISIONED
    assert change_throughput(ON_DEMAND, {"BillingMode": "PAY_PER_REQUEST"}, 1) == ON_DEMAND
