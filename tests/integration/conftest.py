"""One daemon for the whole run, and clients of it; tests make tables of their own in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from tests.integration.daemon import Daemon
from tests.integration.tables import create
from tests.integration.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    NewTable = Callable[..., str]


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    running = Daemon(tmp_path_factory.mktemp("daemon") / "cdc.db")
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def wire(daemon: Daemon) -> Iterator[Wire]:
    wire = Wire(daemon.port)
    yield wire
    wire.close()


@pytest.fixture(scope="session")
def new_table(wire: Wire) -> NewTable:
    """Create a table: `new_table("pk:S sk:N", stream="NEW_IMAGE")` returns its name."""

    def new(keys: str = "pk:S", **request: Any) -> str:
        return create(wire, keys, **request)

    return new


def _boto3_arguments(url: str) -> dict[str, Any]:
    return {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
        "config": Config(retries={"total_max_attempts": 1}),
    }


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    return boto3.Session(region_name="us-east-1")


@pytest.fixture(scope="session")
def client(session: boto3.Session, daemon: Daemon) -> Iterator[Any]:
    client = session.client("dynamodb", **_boto3_arguments(daemon.url))
    yield client
    client.close()


@pytest.fixture(scope="session")
def streams(session: boto3.Session, daemon: Daemon) -> Iterator[Any]:
    streams = session.client("dynamodbstreams", **_boto3_arguments(daemon.url))
    yield streams
    streams.close()


@pytest.fixture(scope="session")
def resource(session: boto3.Session, daemon: Daemon) -> Iterator[Any]:
    resource = session.resource("dynamodb", **_boto3_arguments(daemon.url))
    yield resource
    resource.meta.client.close()
