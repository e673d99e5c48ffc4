"""Requests that the tests of the service make, in few words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cdc.model.dead_letters import RETRIES_EXHAUSTED, DeadLetter
from cdc.model.mappings import Declaration, MappingSettings
from cdc.model.outbox import Message
from cdc.store import dead_letters, outbox

if TYPE_CHECKING:
    from cdc.service import Service
    from cdc.store.transaction import Transaction

ON = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
OFF = {"StreamEnabled": False}


def create(service: Service, name: str = "abc", *, stream: bool = True) -> None:
    """Create a table with the key `pk`."""
    service.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **({"StreamSpecification": ON} if stream else {}),
    )


def put(service: Service, *keys: str, name: str = "abc") -> None:
    """Put an item for each key."""
    for key in keys:
        service.put_item(TableName=name, Item={"pk": {"S": key}})


def records(service: Service, name: str = "abc") -> list[dict[str, Any]]:
    """Read all records of the table's newest stream, in the order of their numbers."""
    arn = service.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    found: list[dict[str, Any]] = []
    for shard in service.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        request = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        found += service.get_records(**service.get_shard_iterator(**request))["Records"]
    return sorted(found, key=lambda record: str(record["dynamodb"]["SequenceNumber"]))


def post(service: Service, *message_ids: str, destination: str = "file:/a", payload: bytes = b'{"a":1}') -> None:
    """Put messages into the outbox."""
    for message_id in message_ids:
        message = Message(message_id=message_id, destination=destination, payload=payload, mapping_name="m", records=7)
        service.writer.call(partial(outbox.add, message=message))


def give_up(service: Service, *message_ids: str) -> None:
    """Let messages fail for good."""
    for message_id in message_ids:
        [entry] = [each for each in service.messages() if each.message_id == message_id]
        service.writer.call(partial(outbox.give_up, entry_id=entry.id, error="is down"))


def declaration(name: str, *, table: str = "abc", **changes: Any) -> Declaration:
    """Declare a mapping of the table `abc`."""
    fields: dict[str, Any] = {"function_name": "f", "starting_position": "TRIM_HORIZON"} | changes
    return Declaration(name=name, table_name=table, settings=MappingSettings(**fields))


def give_up_batch(service: Service, mapping_name: str, event: bytes = b'{"Records":[]}') -> int:
    """Keep a batch of a mapping as a dead letter; return its id."""
    [mapping] = [each for each in service.mappings() if each.name == mapping_name]

    def run(transaction: Transaction) -> int:
        letter = DeadLetter(
            mapping_id=mapping.id,
            mapping_name=mapping_name,
            function_name="f",
            table_name=mapping.table_name,
            stream_id=1,
            shard_id="shardId-00000001761000000000-0f0f0f0f",
            first_sequence=1,
            last_sequence=2,
            record_count=2,
            condition=RETRIES_EXHAUSTED,
            attempts=3,
            error_type="ValueError",
            error_message="no",
            request_id="r",
            first_created_ms=1,
            last_created_ms=2,
            created_ms=transaction.now_ms,
        )
        return dead_letters.add(transaction, letter, event)

    return service.writer.call(run)
