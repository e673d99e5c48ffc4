"""What belongs to no table: limits and endpoints."""

from __future__ import annotations

from dataclasses import replace

from cdc.tables.account import describe_endpoints, describe_limits


def test_the_usual_limits_of_an_account_are_told(running):
    assert running.run(describe_limits) == {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }


def test_the_endpoint_is_this_server(running):
    running.options = replace(running.options, endpoint="localhost:8123")
    expected = {"Endpoints": [{"Address": "localhost:8123", "CachePeriodInMinutes": 1440}]}
    assert running.run(describe_endpoints) == expected
