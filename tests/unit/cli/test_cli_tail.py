from __future__ import annotations

import json

import click
import pytest

from cdc.cli.connection import Remote
from cdc.cli.errors import UnreachableError
from cdc.cli.options import load_settings
from cdc.cli.tail import Source, line
from cdc.clock import SystemClock
from cdc.service import open_service

CHANGE = {
    "ApproximateCreationDateTime": 1_700_000_000,
    "SequenceNumber": "100000000000000000001",
    "Keys": {"id": {"S": "1"}},
}
NEW = {"id": {"S": "1"}, "a": {"N": "2"}, "b": {"S": "x"}}
OLD = {"id": {"S": "1"}, "a": {"N": "1"}, "b": {"S": "x"}, "c": {"BOOL": True}}


@pytest.mark.parametrize(
    ("event", "images", "text"),
    [
        ("INSERT", {"NewImage": NEW}, '{"a": 2, "b": "x"}'),
        ("REMOVE", {"OldImage": OLD}, 'was {"a": 1, "b": "x", "c": true}'),
        ("MODIFY", {"NewImage": NEW, "OldImage": OLD}, '{"a": 2} was {"a": 1, "c": true}'),
        ("MODIFY", {}, ""),
    ],
)
def test_a_line_says_what_changed(event, images, text):
    found = click.unstyle(line({"eventName": event, "dynamodb": CHANGE | images}))
    assert found == f'2023-11-14T22:13:20Z 100000000000000000001 {event} {{"id": "1"}} {text}'.rstrip()


def test_what_is_kept_is_printed_in_commit_order(cli, orders):
    for number in range(12):
        cli("put", orders, f'{{"id": "{number}"}}')
    result = cli("tail", orders, "--no-follow", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    records = [json.loads(text) for text in result.stdout.splitlines()]
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in records] == [str(number) for number in range(12)]
    assert {record["eventName"] for record in records} == {"INSERT"}
    assert len(cli("tail", orders, "--no-follow", "--since", "1h").stdout.splitlines()) == 12


def test_one_shard_can_be_asked_for_by_the_end_of_its_id(cli, orders, folder):
    cli("put", orders, '{"id": "1"}')
    with open_service(folder / "cdc.db") as service:
        shards = service.status()["streams"][0]["shards"]
    found = {
        shard["shard_id"][-8:]: cli("tail", orders, "--no-follow", "--shard", shard["shard_id"][-8:])
        for shard in shards
    }
    heads = {shard["shard_id"][-8:] for shard in shards if shard["head_sequence"]}
    assert {shard for shard, result in found.items() if result.stdout} == heads
    assert cli("tail", orders, "--no-follow", "--shard", "nosuch").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("nosuch",), 1, "ResourceNotFoundException: "),
        (("none", "--no-follow"), 1, "none has no stream: enable one with UpdateTable"),
        (("orders", "--from-start", "--since", "1h"), 2, "--from-start and --since exclude each other."),
        (("orders", "--since", "yesterday"), 2, "Invalid value for '--since': yesterday: expected an age such as 90s"),
        (("orders", "--since", "2999-01-01"), 1, "ValidationException: "),
    ],
)
@pytest.mark.usefixtures("orders")
def test_what_can_not_be_followed_is_refused(cli, arguments, code, text):
    cli("create-table", "none", "--key", "id", "--no-stream")
    result = cli("tail", *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith(f"cdc: {text}")


def test_an_interrupt_is_the_way_to_end_it(cli, orders, monkeypatch):
    def interrupt(_clock, _seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(SystemClock, "sleep", interrupt)
    result = cli("tail", orders)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "following orders: 4 shards; Ctrl-C ends\n"


def test_a_server_that_went_away_is_looked_for_again(folder, capsys, monkeypatch):
    class Gone(Remote):
        def call(self, _operation, _request):
            raise UnreachableError("it does not answer")

    with open_service(folder / "cdc.db") as service:
        connections = iter([Gone("http://127.0.0.1:1"), Gone("http://127.0.0.1:1"), service])
        monkeypatch.setattr("cdc.cli.tail.connect", lambda _settings: next(connections))
        pauses: list[float] = []
        monkeypatch.setattr(SystemClock, "sleep", lambda _clock, seconds: pauses.append(seconds))
        source = Source(load_settings(None, {}), SystemClock())
        assert source.call("ListTables", {}) == {"TableNames": []}
        assert len(pauses) == 2
    assert capsys.readouterr().err == "cdc: it does not answer; waiting\n"
