"""A table with its stream against a plain model, through writes, restarts, expiry, purges and streams enabled anew.

Whatever happens in whatever order: the table is the model, it is the fold of its stream, an effective change makes one
record, sequence numbers only grow, and what has expired is never shown.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cdc.clock import ManualClock
from cdc.model.errors import ConditionalCheckFailedException
from cdc.model.options import Options
from cdc.service import Service, open_service
from cdc.store.check import check
from cdc.streams.retention import purge_step

EXAMPLES = 20
STEPS = 25
RETENTION_SECONDS = 3600
KEYS = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.one_of(
    st.integers(-3, 3).map(lambda number: {"N": str(number)}),
    st.sampled_from(["", "x", "ä"]).map(lambda text: {"S": text}),
    st.sets(st.sampled_from(["1", "2"]), min_size=1).map(lambda numbers: {"NS": sorted(numbers)}),
)
TABLE = {
    "TableName": "tab",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ENABLED = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
Item = dict[str, Any]
Change = tuple[int, str, Item | None, Item | None]  # created (ms), key, item before, item after


def key_of(pk: str) -> Item:
    return {"pk": {"S": pk}}


class TableAndStream(RuleBasedStateMachine):
    """Drives a service; `items` and `changes` are what it must show."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.options = Options(shards=2, retention_seconds=RETENTION_SECONDS)
        self.service = self.open()
        self.items: dict[str, Item] = {}
        self.arn: str | None = None  # of the enabled stream
        self.base: dict[str, Item] = {}  # the items when it was enabled
        self.changes: list[Change] = []  # since then
        self.highest = 0  # sequence number seen so far

    @initialize(streamed=st.booleans())
    def create_table(self, streamed: bool) -> None:  # noqa: FBT001  # what Hypothesis draws
        answer = self.service.create_table(**TABLE, **({"StreamSpecification": ENABLED} if streamed else {}))
        if streamed:
            self.arn = answer["TableDescription"]["LatestStreamArn"]
        self.clock.advance(0.001)

    def open(self) -> Service:
        return open_service(Path(self.folder.name) / "cdc.db", self.options, self.clock)

    def note(self, pk: str, after: Item | None) -> None:
        """Note what a write makes of an item."""
        before = self.items.get(pk)
        if after is None:
            self.items.pop(pk, None)
        else:
            self.items[pk] = after
        if before != after and self.arn is not None:
            self.changes.append((self.clock.now_ms(), pk, before, after))

    @rule(pk=KEYS, value=VALUES)
    def put(self, pk: str, value: Item) -> None:
        answer = self.service.put_item(TableName="tab", Item=key_of(pk) | {"v": value}, ReturnValues="ALL_OLD")
        assert answer.get("Attributes") == self.items.get(pk)
        self.note(pk, key_of(pk) | {"v": value})

    @rule(pk=KEYS, value=VALUES)
    def put_if_absent(self, pk: str, value: Item) -> None:
        request = {"TableName": "tab", "Item": key_of(pk) | {"v": value}}
        if pk in self.items:
            with pytest.raises(ConditionalCheckFailedException):
                self.service.put_item(**request, ConditionExpression="attribute_not_exists(pk)")
        else:
            self.service.put_item(**request, ConditionExpression="attribute_not_exists(pk)")
            self.note(pk, request["Item"])  # type: ignore[arg-type]

    @rule(pk=KEYS, value=VALUES)
    def set_w(self, pk: str, value: Item) -> None:
        answer = self.service.update_item(
            TableName="tab",
            Key=key_of(pk),
            UpdateExpression="SET w = :w",
            ExpressionAttributeValues={":w": value},
            ReturnValues="ALL_NEW",
        )
        after = self.items.get(pk, key_of(pk)) | {"w": value}
        assert answer["Attributes"] == after
        self.note(pk, after)

    @rule(pk=KEYS)
    def remove_v(self, pk: str) -> None:
        self.service.update_item(TableName="tab", Key=key_of(pk), UpdateExpression="REMOVE v")
        if pk in self.items:
            self.note(pk, {name: value for name, value in self.items[pk].items() if name != "v"})

    @rule(pk=KEYS)
    def delete(self, pk: str) -> None:
        self.service.delete_item(TableName="tab", Key=key_of(pk))
        self.note(pk, None)

    @rule(writes=st.dictionaries(KEYS, st.none() | VALUES, min_size=1))
    def write_batch(self, writes: dict[str, Item | None]) -> None:
        requests: list[Item] = []
        for pk, value in writes.items():
            if value is None:
                requests.append({"DeleteRequest": {"Key": key_of(pk)}})
            else:
                requests.append({"PutRequest": {"Item": key_of(pk) | {"v": value}}})
        self.service.batch_write_item(RequestItems={"tab": requests})
        for pk, value in writes.items():
            self.note(pk, None if value is None else key_of(pk) | {"v": value})

    @rule()
    def restart(self) -> None:
        self.service.close()
        self.service = self.open()

    @rule(seconds=st.sampled_from([0.001, 1, 1200, RETENTION_SECONDS - 0.001, RETENTION_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def purge(self) -> None:
        purge_step(self.service.writer, self.service.reader, self.clock.now_ms())

    @precondition(lambda self: self.arn is None)
    @rule()
    def enable_stream(self) -> None:
        answer = self.service.update_table(TableName="tab", StreamSpecification=ENABLED)
        self.arn = answer["TableDescription"]["LatestStreamArn"]
        self.base, self.changes = dict(self.items), []

    @precondition(lambda self: self.arn is not None)
    @rule()
    def disable_stream(self) -> None:
        self.service.update_table(TableName="tab", StreamSpecification={"StreamEnabled": False})
        self.arn = None

    @invariant()
    def the_table_is_the_model(self) -> None:
        page = self.service.scan(TableName="tab")
        assert {item["pk"]["S"]: item for item in page["Items"]} == self.items
        assert page["Count"] == len(self.items)
        for pk in ("a", "d"):
            assert self.service.get_item(TableName="tab", Key=key_of(pk)).get("Item") == self.items.get(pk)

    @precondition(lambda self: self.arn is not None)
    @invariant()
    def the_stream_tells_every_change_once_that_has_not_expired(self) -> None:
        horizon_ms = self.clock.now_ms() - RETENTION_SECONDS * 1000
        wanted = [change for change in self.changes if change[0] > horizon_ms]
        records = self.read("TRIM_HORIZON")
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
        assert len(set(numbers)) == len(numbers)
        told = [
            (
                record["dynamodb"]["Keys"]["pk"]["S"],
                record["dynamodb"].get("OldImage"),
                record["dynamodb"].get("NewImage"),
            )
            for record in records
        ]
        assert told == [change[1:] for change in wanted]
        new = [number for number in numbers if number > self.highest]
        assert new == numbers[len(numbers) - len(new) :]
        self.highest = max([self.highest, *numbers])
        # Folded over the items that the stream began with, or over what the expired changes made of them, it is the table.
        folded: dict[str, Item | None] = dict(self.base)
        folded |= {pk: after for _, pk, _, after in self.changes[: len(self.changes) - len(wanted)]}
        for pk, before, after in told:
            assert folded.get(pk) == before
            folded[pk] = after
        assert {pk: item for pk, item in folded.items() if item is not None} == self.items

    def read(self, kind: str) -> list[Item]:
        """Read the stream to its end; its shards together in the order of their numbers."""
        description = self.service.describe_stream(StreamArn=self.arn)["StreamDescription"]
        records = []
        for shard in description["Shards"]:
            request = {"StreamArn": self.arn, "ShardId": shard["ShardId"], "ShardIteratorType": kind}
            following = self.service.get_shard_iterator(**request)["ShardIterator"]
            ordered = []
            while page := self.service.get_records(ShardIterator=following, Limit=3)["Records"]:
                ordered += page
                number = page[-1]["dynamodb"]["SequenceNumber"]
                after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
                following = self.service.get_shard_iterator(**request | after)["ShardIterator"]
            numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in ordered]
            assert numbers == sorted(numbers)
            records += ordered
        return sorted(records, key=lambda record: int(record["dynamodb"]["SequenceNumber"]))

    def teardown(self) -> None:
        try:
            assert list(check(self.service.database)) == []
        finally:
            self.service.close()
            self.folder.cleanup()


def test_a_table_and_its_stream_agree_with_the_model_whatever_happens():
    run_state_machine_as_test(
        TableAndStream,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            # Without shrinking, which takes minutes: a failure's few steps can be read as they are.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
