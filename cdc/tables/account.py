"""What belongs to no table: DescribeLimits and DescribeEndpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cdc.store.reading import Read
from cdc.tables import table_shapes as shapes

if TYPE_CHECKING:
    from cdc.model.options import Options

ACCOUNT_MAX_UNITS = 80_000
"""Read, and write, capacity units of all tables that AWS gives an account at first."""
TABLE_MAX_UNITS = 40_000
"""The same of one table."""
ENDPOINT_MINUTES = 1440
"""How long a client may remember an endpoint."""


def describe_limits(request: dict[str, Any], _options: Options) -> Read:
    """Tell an account's usual limits, which nothing enforces here. DynamoDB: DescribeLimits."""
    shapes.DESCRIBE_LIMITS.check(request)
    answer = orjson.dumps(
        {
            "AccountMaxReadCapacityUnits": ACCOUNT_MAX_UNITS,
            "AccountMaxWriteCapacityUnits": ACCOUNT_MAX_UNITS,
            "TableMaxReadCapacityUnits": TABLE_MAX_UNITS,
            "TableMaxWriteCapacityUnits": TABLE_MAX_UNITS,
        }
    )
    return Read(lambda _view: answer, quick=True)


def describe_endpoints(request: dict[str, Any], options: Options) -> Read:
    """Name this server as the one endpoint. DynamoDB: DescribeEndpoints."""
    shapes.DESCRIBE_ENDPOINTS.check(request)
    endpoint = {"Address": options.endpoint, "CachePeriodInMinutes": ENDPOINT_MINUTES}
    answer = orjson.dumps({"Endpoints": [endpoint]})
    return Read(lambda _view: answer, quick=True)
