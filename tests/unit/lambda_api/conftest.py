"""The Lambda API on a file with a table that has a stream, and a declared function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdc.clock import ManualClock
from cdc.model.options import Options
from cdc.service import open_service
from tests.unit.lambda_api.contexts import FakeFunctions, Lambda

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdc.service import Service


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service(tmp_path: Path, clock: ManualClock) -> Iterator[Service]:
    with open_service(tmp_path / "cdc.db", Options(shards=1), clock) as service:
        yield service


@pytest.fixture
def functions() -> FakeFunctions:
    return FakeFunctions()


@pytest.fixture
def lambda_(service: Service, functions: FakeFunctions) -> Lambda:
    lambda_ = Lambda(service, functions=functions)
    lambda_.declare("audit", "totals")
    return lambda_


@pytest.fixture
def stream_arn(service: Service) -> str:
    """Create a table with a stream; return the stream's ARN."""
    created = service.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    arn: str = created["TableDescription"]["LatestStreamArn"]
    return arn
