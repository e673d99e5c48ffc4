from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cdc.cli.connection import Remote, connect
from cdc.cli.errors import FILE, SERVER, CommandError, UnreachableError
from cdc.cli.options import load_settings
from cdc.model.errors import ServiceError
from cdc.service import Service
from cdc.store import roles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = (200, b'{"Item": {}}')


@pytest.fixture
def remote(stand_in) -> Iterator[Remote]:
    with Remote(stand_in.url) as remote:
        yield remote


def test_an_operation_goes_to_the_service_that_has_it(stand_in, remote):
    stand_in.answers = [OK, OK]
    assert remote.call("GetItem", {"TableName": "t"}) == {"Item": {}}
    remote.call("GetRecords", {})
    assert stand_in.requests == [
        ("DynamoDB_20120810.GetItem", {"TableName": "t"}),
        ("DynamoDBStreams_20120810.GetRecords", {}),
    ]
    assert len(stand_in.connections) == 1, "the connection is kept"


def test_a_refusal_is_the_error_that_the_service_would_raise_itself(stand_in, remote):
    body = {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no table"}
    stand_in.answers = [(400, json.dumps(body).encode())]
    with pytest.raises(ServiceError) as refused:
        remote.call("GetItem", {})
    assert (refused.value.code, refused.value.message) == ("ResourceNotFoundException", "no table")


def test_a_capital_message_is_understood_too(stand_in, remote):
    stand_in.answers = [(400, b'{"__type": "com.amazon.coral.service#SerializationException", "Message": "x"}')]
    with pytest.raises(ServiceError) as refused:
        remote.call("GetItem", {})
    assert (refused.value.code, refused.value.message) == ("SerializationException", "x")


def test_an_answer_that_is_no_json_is_shown(stand_in, remote):
    stand_in.answers = [(403, b"requests for the host 'x' are refused")]
    with pytest.raises(CommandError, match="answered 403: requests for the host 'x' are refused") as refused:
        remote.call("GetItem", {})
    assert refused.value.code == SERVER


def test_a_kept_connection_that_the_server_closed_is_made_again(stand_in, remote):
    stand_in.hang_up_after = 1
    stand_in.answers = [OK, OK, OK]
    for _ in range(3):
        remote.call("GetItem", {})
    assert len(stand_in.connections) == 3


def unused_url() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_is_not_there_is_one_line_with_its_address():
    url = unused_url()
    with pytest.raises(UnreachableError) as failed:
        Remote(url).call("GetItem", {})
    assert f"does not answer at {url} (Connection refused)" in failed.value.message
    assert failed.value.code == SERVER


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://0.0.0.0:80", ("127.0.0.1", 80)),
        ("http://[::]:80", ("::1", 80)),
        ("http://[::1]:8000", ("::1", 8000)),
        ("http://box:8000", ("box", 8000)),
    ],
)
def test_a_server_on_all_addresses_is_reached_on_this_machine(url, address):
    assert Remote(url)._address == address


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "cdc.db"


def test_without_a_server_the_file_is_opened(path):
    with connect(load_settings(None, {}), create=True) as connection:
        assert isinstance(connection, Service)
        assert connection.path == path


def test_a_served_file_is_reached_through_its_server(path, stand_in):
    role = roles.try_take(path, roles.API)
    assert role is not None
    role.describe(url=stand_in.url)
    stand_in.answers = [OK]
    with connect(load_settings(None, {})) as connection:
        assert connection.call("GetItem", {}) == {"Item": {}}
    role.release()


def test_the_file_is_opened_while_its_server_has_no_address_yet(path):
    role = roles.try_take(path, roles.API)
    assert role is not None
    with connect(load_settings(None, {}), create=True) as connection:
        assert isinstance(connection, Service)
    role.release()


def test_a_missing_file_is_not_created_by_looking(path):
    with pytest.raises(CommandError, match="there is no database") as refused:
        connect(load_settings(None, {}))
    assert refused.value.code == FILE
    assert not path.exists()
