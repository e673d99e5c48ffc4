"""Records on the wire: what is spliced from stored bytes is what an encoder would make of the whole."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import orjson
import pytest

from cdc.model.catalog import EXPIRE, REMOVE, Stream
from cdc.model.options import Options
from cdc.store.blocks import Record
from cdc.streams.wire import RecordWriter

FILE_ID = "0123456789abcdef" * 2
OPTIONS = Options(region="eu-west-1", account_id="123456789012")
KEYS = {"id": {"S": "50 % %s %d"}}
IMAGES = {"NewImage": {"id": {"S": "50 % %s %d"}, "é": {"L": []}}, "OldImage": {"id": {"S": '}\\"'}}}


def stream_of(view_type: str = "NEW_AND_OLD_IMAGES") -> Stream:
    return Stream(
        id=1,
        table_id=1,
        table_name="Forum",
        label="2015-05-20T20:51:10.252",
        view_type=view_type,
        key_schema=(("id", "HASH"),),
        retention_seconds=1,
        created_ms=0,
        disabled_ms=None,
        shards=(),
    )


def record_of(
    change: dict[str, Any], *, kind: int = 1, sequence: int = 7, created_ms: int = 1_733_418_659_999
) -> Record:
    return Record(sequence, 3, created_ms, kind, 41, orjson.dumps(change))


def expected(change: dict[str, Any], kind: str, view_type: str) -> dict[str, Any]:
    """Build the record as the specification shows it, members in its order."""
    return {
        "eventID": blake2b(blake_input(7), digest_size=16).hexdigest(),
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_733_418_659,
            **change,
            "SequenceNumber": "100000000000000000007",
            "SizeBytes": 41,
            "StreamViewType": view_type,
        },
    }


def blake_input(sequence: int) -> bytes:
    return FILE_ID.encode() + sequence.to_bytes(8, "big")


CASES = [
    ("KEYS_ONLY", 0, {"Keys": KEYS}),
    ("NEW_IMAGE", 1, {"Keys": KEYS, "NewImage": IMAGES["NewImage"]}),
    ("OLD_IMAGE", 2, {"Keys": KEYS, "OldImage": IMAGES["OldImage"]}),
    ("NEW_AND_OLD_IMAGES", 1, {"Keys": KEYS, **IMAGES}),
]


@pytest.mark.parametrize(("view_type", "kind", "change"), CASES)
def test_a_record_of_get_records_equals_the_encoding_of_the_whole(view_type, kind, change):
    writer = RecordWriter(stream_of(view_type), OPTIONS, FILE_ID)
    whole = expected(change, ("INSERT", "MODIFY", "REMOVE")[kind], view_type)
    assert writer.stream_record(record_of(change, kind=kind)) == orjson.dumps(whole)


@pytest.mark.parametrize(("view_type", "kind", "change"), CASES)
def test_a_record_of_an_event_has_the_streams_arn_and_a_float_of_seconds(view_type, kind, change):
    writer = RecordWriter(stream_of(view_type), OPTIONS, FILE_ID)
    whole = expected(change, ("INSERT", "MODIFY", "REMOVE")[kind], view_type)
    whole["dynamodb"]["ApproximateCreationDateTime"] = 1_733_418_659.0
    whole["eventSourceARN"] = "arn:aws:dynamodb:eu-west-1:123456789012:table/Forum/stream/2015-05-20T20:51:10.252"
    spliced = writer.event_record(record_of(change, kind=kind))
    assert spliced == orjson.dumps(whole)
    assert b'"ApproximateCreationDateTime":1733418659.0,' in spliced


def test_an_event_id_is_32_hex_digits_stable_and_unique_to_file_and_record():
    def event_id(file_id: str, sequence: int) -> str:
        writer = RecordWriter(stream_of(), OPTIONS, file_id)
        record = record_of({"Keys": KEYS}, sequence=sequence)
        ids = {orjson.loads(text)["eventID"] for text in (writer.stream_record(record), writer.event_record(record))}
        return ids.pop() if len(ids) == 1 else "they differ"

    ids = [event_id(file_id, sequence) for file_id in (FILE_ID, "f" * 32) for sequence in (1, 2, 10**18)]
    assert len(set(ids)) == 6
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    assert ids[0] == event_id(FILE_ID, 1)


def test_a_region_with_a_percent_sign_stays_as_it_is():
    writer = RecordWriter(stream_of(), Options(region="a%d-b"), FILE_ID)
    record = orjson.loads(writer.event_record(record_of({"Keys": KEYS})))
    assert record["awsRegion"] == "a%d-b"
    assert record["eventSourceARN"].startswith("arn:aws:dynamodb:a%d-b:")


@pytest.mark.parametrize(
    ("write", "identity", "after"),
    [
        ("stream_record", {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}, []),
        ("event_record", {"type": "Service", "principalId": "dynamodb.amazonaws.com"}, ["eventSourceARN"]),
    ],
)
def test_what_expired_was_removed_by_the_service(write, identity, after):
    writer = RecordWriter(stream_of("OLD_IMAGE"), OPTIONS, FILE_ID)
    change = {"Keys": KEYS, "OldImage": IMAGES["OldImage"]}
    by_user = orjson.loads(getattr(writer, write)(record_of(change, kind=REMOVE)))
    by_service = orjson.loads(getattr(writer, write)(record_of(change, kind=EXPIRE)))
    assert "userIdentity" not in by_user
    assert by_service == by_user | {"userIdentity": identity}
    assert list(by_service)[list(by_service).index("dynamodb") + 1 :] == ["userIdentity", *after]
