"""Reading streams from outside: listing, describing, iterators of every type, paging, order and refusals."""

from __future__ import annotations

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.integration.stream_reading import arn_of, drain, iterator, records_of, shards_of
from tests.integration.tables import create, n, s
from tests.integration.wire import Wire

BOTH = "NEW_AND_OLD_IMAGES"
DETECTED = "1 validation error detected: "
UNKNOWN_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/nowhere/stream/2015-05-20T20:51:10.252"
NUMBER = "100000000000000000001"
SHARD = "shardId-00000001414562045508-2bac9cd2"


@pytest.fixture(scope="module")
def table(wire):
    """Create a table whose stream has 60 records in 4 shards."""
    name = create(wire, stream=BOTH)
    for start in (0, 20, 40):
        puts = [
            {"PutRequest": {"Item": {"pk": s(f"k{number}"), "v": n(number)}}} for number in range(start, start + 20)
        ]
        wire.call("BatchWriteItem", RequestItems={name: puts})
    return name


@pytest.fixture(scope="module")
def arn(wire, table):
    return arn_of(wire, table)


@pytest.fixture(scope="module")
def shard(wire, arn):
    """Return the id of a shard with several records."""
    return max(shards_of(wire, arn), key=lambda each: len(list(drain(wire, iterator(wire, arn, each["ShardId"])))))[
        "ShardId"
    ]


@pytest.fixture(scope="module")
def records(wire, arn, shard):
    found = list(drain(wire, iterator(wire, arn, shard)))
    assert len(found) >= 5
    return found


def sequence(record):
    return record["dynamodb"]["SequenceNumber"]


def disable(wire, table):
    wire.call("UpdateTable", TableName=table, StreamSpecification={"StreamEnabled": False})


def enable(wire, table, view_type=BOTH):
    specification = {"StreamEnabled": True, "StreamViewType": view_type}
    wire.call("UpdateTable", TableName=table, StreamSpecification=specification)
    return arn_of(wire, table)


# -- ListStreams --


def test_the_streams_of_a_table_are_listed_old_and_new(wire):
    name = create(wire)
    assert wire.call("ListStreams", TableName=name) == {"Streams": []}
    arns = []
    for view_type in ("KEYS_ONLY", "NEW_IMAGE", BOTH):
        arns.append(enable(wire, name, view_type))
        disable(wire, name)
    streams = wire.call("ListStreams", TableName=name)["Streams"]
    assert [each["StreamArn"] for each in streams] == arns
    assert all(each.keys() == {"StreamArn", "TableName", "StreamLabel"} for each in streams)
    assert all(each["StreamArn"].endswith(f"table/{name}/stream/{each['StreamLabel']}") for each in streams)
    first = wire.call("ListStreams", TableName=name, Limit=2)
    assert (first["Streams"], first["LastEvaluatedStreamArn"]) == (streams[:2], arns[1])
    rest = wire.call("ListStreams", TableName=name, Limit=2, ExclusiveStartStreamArn=arns[1])
    assert rest == {"Streams": streams[2:]}


def test_without_a_table_the_streams_of_all_are_listed_page_by_page(wire, arn):
    create(wire, stream="KEYS_ONLY")
    found, request = [], {"Limit": 1}
    while True:
        page = wire.call("ListStreams", **request)
        found += [each["StreamArn"] for each in page["Streams"]]
        if "LastEvaluatedStreamArn" not in page:
            break
        assert len(page["Streams"]) == 1
        request["ExclusiveStartStreamArn"] = page["LastEvaluatedStreamArn"]
    assert len(set(found)) == len(found)
    assert arn in found


def test_an_unknown_table_has_no_streams(wire):
    assert wire.call("ListStreams", TableName="nowhere") == {"Streams": []}


# -- DescribeStream --


def test_a_stream_is_described_with_its_open_shards(wire, table, arn):
    description = wire.call("DescribeStream", StreamArn=arn)["StreamDescription"]
    shards = description.pop("Shards")
    created = description.pop("CreationRequestDateTime")
    assert isinstance(created, int | float)
    assert description == {
        "StreamArn": arn,
        "StreamLabel": arn.rpartition("/")[2],
        "StreamStatus": "ENABLED",
        "StreamViewType": BOTH,
        "TableName": table,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    assert len(shards) == 4
    for each in shards:
        assert re.fullmatch(r"shardId-\d{20}-[0-9a-f]{8}", each["ShardId"])
        assert each.keys() == {"ShardId", "SequenceNumberRange"}
        assert re.fullmatch(r"[1-9]\d{20}", each["SequenceNumberRange"]["StartingSequenceNumber"])
        assert "EndingSequenceNumber" not in each["SequenceNumberRange"]
    assert [each["ShardId"] for each in shards] == sorted({each["ShardId"] for each in shards})


def test_shards_are_described_page_by_page(wire, arn):
    every = [each["ShardId"] for each in shards_of(wire, arn)]
    found, request = [], {"StreamArn": arn, "Limit": 1}
    while True:
        description = wire.call("DescribeStream", **request)["StreamDescription"]
        found += [each["ShardId"] for each in description["Shards"]]
        if "LastEvaluatedShardId" not in description:
            break
        request["ExclusiveStartShardId"] = description["LastEvaluatedShardId"]
    assert found == every


def test_a_shard_without_children_has_an_empty_list_of_them(wire, arn, shard):
    request = {"StreamArn": arn, "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": shard}}
    assert wire.call("DescribeStream", **request)["StreamDescription"]["Shards"] == []


@pytest.mark.parametrize(
    ("units", "count"), [((1, 1), 1), ((3000, 1), 2), ((1500, 500), 1), ((3001, 1000), 3), ((1, 5000), 6)]
)
def test_a_provisioned_table_has_a_shard_for_each_partition_that_its_units_need(wire, units, count):
    throughput = {"ReadCapacityUnits": units[0], "WriteCapacityUnits": units[1]}
    name = create(wire, stream="KEYS_ONLY", ProvisionedThroughput=throughput)
    assert len(shards_of(wire, arn_of(wire, name))) == count


# -- disabling --


def test_a_disabled_stream_is_closed_and_stays_readable_with_old_and_new_iterators(wire):
    name = create(wire, stream="NEW_IMAGE")
    for number in range(8):
        wire.call("PutItem", TableName=name, Item={"pk": s(f"k{number}")})
    arn = arn_of(wire, name)
    before = records_of(wire, name)
    shards = [each["ShardId"] for each in shards_of(wire, arn)]
    old_iterators = [iterator(wire, arn, each) for each in shards]
    disable(wire, name)
    wire.call("PutItem", TableName=name, Item={"pk": s("afterwards")})
    description = wire.call("DescribeStream", StreamArn=arn)["StreamDescription"]
    assert description["StreamStatus"] == "DISABLED"
    for each in description["Shards"]:
        numbers = each["SequenceNumberRange"]
        assert int(numbers["StartingSequenceNumber"]) <= int(numbers["EndingSequenceNumber"])
    found = []
    for each in (*old_iterators, *(iterator(wire, arn, shard) for shard in shards)):
        page = wire.call("GetRecords", ShardIterator=each)
        while "NextShardIterator" in page and page["Records"]:
            found += page["Records"]
            page = wire.call("GetRecords", ShardIterator=page["NextShardIterator"])
        assert "NextShardIterator" not in page, "a closed shard that is read to its end has no next iterator"
        found += page["Records"]
    assert sorted(found, key=sequence) == sorted(before * 2, key=sequence)


def test_a_stream_enabled_again_is_a_new_one_without_the_old_records(wire):
    name = create(wire, stream="NEW_IMAGE")
    wire.call("PutItem", TableName=name, Item={"pk": s("old")})
    old = arn_of(wire, name)
    disable(wire, name)
    wire.call("PutItem", TableName=name, Item={"pk": s("between")})
    new = enable(wire, name, "KEYS_ONLY")
    wire.call("PutItem", TableName=name, Item={"pk": s("new")})
    assert [each["dynamodb"]["Keys"]["pk"]["S"] for each in records_of(wire, name, old)] == ["old"]
    assert [each["dynamodb"]["Keys"]["pk"]["S"] for each in records_of(wire, name, new)] == ["new"]
    old_shards, new_shards = shards_of(wire, old), shards_of(wire, new)
    assert not {each["ShardId"] for each in old_shards} & {each["ShardId"] for each in new_shards}
    last = max(int(each["SequenceNumberRange"]["EndingSequenceNumber"]) for each in old_shards)
    assert all(int(each["SequenceNumberRange"]["StartingSequenceNumber"]) > last for each in new_shards)


# -- iterators --


def test_the_trim_horizon_is_before_the_first_record_and_latest_after_the_last(wire, arn, shard, records):
    assert list(drain(wire, iterator(wire, arn, shard, "TRIM_HORIZON"))) == records
    latest = [iterator(wire, arn, each["ShardId"], "LATEST") for each in shards_of(wire, arn)]
    assert all(list(drain(wire, each)) == [] for each in latest)


def test_latest_misses_nothing_that_is_written_afterwards(wire):
    name = create(wire, stream=BOTH)
    arn = arn_of(wire, name)
    wire.call("PutItem", TableName=name, Item={"pk": s("a"), "v": n(1)})
    latest = [iterator(wire, arn, each["ShardId"], "LATEST") for each in shards_of(wire, arn)]
    wire.call("PutItem", TableName=name, Item={"pk": s("a"), "v": n(2)})
    found = [record for each in latest for record in drain(wire, each)]
    assert [record["dynamodb"]["NewImage"]["v"] for record in found] == [n(2)]


def test_an_iterator_at_or_after_a_number_starts_with_it_or_behind_it(wire, arn, shard, records):
    for position, record in enumerate(records):
        at = iterator(wire, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=sequence(record))
        assert list(drain(wire, at)) == records[position:]
        after = iterator(wire, arn, shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=sequence(record))
        assert list(drain(wire, after)) == records[position + 1 :]


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_the_starting_number_of_a_shard_is_good_for_all_its_records(wire, arn, shard, records, kind):
    [numbers] = [each["SequenceNumberRange"] for each in shards_of(wire, arn) if each["ShardId"] == shard]
    start = iterator(wire, arn, shard, kind, SequenceNumber=numbers["StartingSequenceNumber"])
    assert list(drain(wire, start)) == records


def test_an_iterator_at_a_time_starts_with_the_first_record_that_is_not_older(wire, arn, shard, records):
    created = wire.call("DescribeStream", StreamArn=arn)["StreamDescription"]["CreationRequestDateTime"]
    for timestamp in (0, 1, created - 3600, created):
        assert list(drain(wire, iterator(wire, arn, shard, "AT_TIMESTAMP", Timestamp=timestamp))) == records
    seconds = records[0]["dynamodb"]["ApproximateCreationDateTime"]
    found = list(drain(wire, iterator(wire, arn, shard, "AT_TIMESTAMP", Timestamp=seconds)))
    assert found == records


def test_an_iterator_starts_with_the_streams_arn_and_can_be_used_again(wire, arn, shard, records):
    start = iterator(wire, arn, shard)
    name, version, opaque = start.split("|")
    assert (name, version) == (arn, "1")
    assert len(base64.urlsafe_b64decode(opaque)) > 8
    first, second = (wire.call("GetRecords", ShardIterator=start) for _ in range(2))
    assert first["Records"] == second["Records"] == records
    again = [wire.call("GetRecords", ShardIterator=page["NextShardIterator"])["Records"] for page in (first, second)]
    assert again == [[], []]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_records_come_page_by_page_and_once(wire, arn, shard, records, limit):
    found, following = [], iterator(wire, arn, shard)
    while page := wire.call("GetRecords", ShardIterator=following, Limit=limit):
        following = page["NextShardIterator"]
        if not page["Records"]:
            break
        assert len(page["Records"]) <= limit
        found += page["Records"]
    assert found == records


def test_a_page_of_records_is_at_most_1000_records_or_1_mb(wire):
    throughput = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    name = create(wire, "pk:S sk:N", stream="NEW_IMAGE", ProvisionedThroughput=throughput)
    for start in range(0, 1100, 25):
        puts = [{"PutRequest": {"Item": {"pk": s("p"), "sk": n(number)}}} for number in range(start, start + 25)]
        wire.call("BatchWriteItem", RequestItems={name: puts})
    for number in range(8):
        wire.call("PutItem", TableName=name, Item={"pk": s("p"), "sk": n(-number - 1), "v": s("x" * 300_000)})
    arn = arn_of(wire, name)
    [shard] = shards_of(wire, arn)
    counts, following = [], iterator(wire, arn, shard["ShardId"])
    while page := wire.call("GetRecords", ShardIterator=following):
        if not page["Records"]:
            break
        counts.append(len(page["Records"]))
        following = page["NextShardIterator"]
    assert counts == [1000, 103, 3, 2]


# -- order --


def test_records_of_8_writers_are_in_commit_order_and_of_one_key_in_the_order_of_its_writes(daemon):
    wire = Wire(daemon.port)
    name = create(wire, stream=BOTH)

    def write(writer):
        for number in range(40):
            update = {"UpdateExpression": "SET v = :v ADD writes :one", "ReturnValues": "ALL_NEW"}
            values = {":v": n(writer * 1000 + number), ":one": n(1)}
            for pk in ("shared", f"own{writer}"):
                wire.call("UpdateItem", TableName=name, Key={"pk": s(pk)}, ExpressionAttributeValues=values, **update)
        wire.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    arn = arn_of(wire, name)
    by_shard = [list(drain(wire, iterator(wire, arn, each["ShardId"]), Limit=100)) for each in shards_of(wire, arn)]
    every = [record for records in by_shard for record in records]
    assert len({sequence(record) for record in every}) == len({record["eventID"] for record in every}) == len(every)
    assert len(every) == 8 * 40 * 2
    for records in by_shard:
        numbers = [int(sequence(record)) for record in records]
        assert numbers == sorted(numbers)
    homes: dict[str, set[int]] = {}
    for index, records in enumerate(by_shard):
        for record in records:
            homes.setdefault(record["dynamodb"]["Keys"]["pk"]["S"], set()).add(index)
    assert all(len(shards) == 1 for shards in homes.values()), "the records of a key are in one shard"
    in_order = sorted(every, key=lambda record: int(sequence(record)))
    shared = [record["dynamodb"] for record in in_order if record["dynamodb"]["Keys"]["pk"] == s("shared")]
    # Each image continues the one before: the order of the numbers is the order of the commits.
    assert [int(change["NewImage"]["writes"]["N"]) for change in shared] == list(range(1, 321))
    assert all(second["OldImage"] == first["NewImage"] for first, second in pairwise(shared))
    for writer in range(8):
        own = [record["dynamodb"] for record in in_order if record["dynamodb"]["Keys"]["pk"] == s(f"own{writer}")]
        assert [int(change["NewImage"]["v"]["N"]) % 1000 for change in own] == list(range(40))
    wire.close()


def test_sequence_numbers_are_in_commit_order_across_tables_and_shards(wire):
    names = [create(wire, stream="KEYS_ONLY") for _ in range(2)]
    for number in range(20):
        wire.call("PutItem", TableName=names[number % 2], Item={"pk": s(f"k{number}")})
    every = sorted((record for name in names for record in records_of(wire, name)), key=sequence)
    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in every] == [f"k{number}" for number in range(20)]


# -- refusals --

STREAM_NOT_FOUND = f"Requested resource not found: Stream: {UNKNOWN_ARN} not found"
MALFORMED = "arn:aws:dynamodb:us-east-1:000000000000:table/nowhere"
SHORT = "failed to satisfy constraint: Member must have length greater than or equal to"
TYPES = "Member must satisfy enum value set: [TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, AT_TIMESTAMP]"


@pytest.mark.parametrize(
    ("operation", "request_", "code", "message"),
    [
        (
            "ListStreams",
            {"Limit": 0},
            "Validation",
            f"{DETECTED}Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "ListStreams",
            {"Limit": 101},
            "Validation",
            f"{DETECTED}Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100",
        ),
        ("ListStreams", {"TableName": "ab"}, "Validation", "at 'tableName'"),
        ("ListStreams", {"ExclusiveStartStreamArn": "x" * 40}, "Validation", ""),
        ("ListStreams", {"ExclusiveStartStreamArn": MALFORMED}, "Validation", ""),
        ("DescribeStream", {}, "Validation", "Value null at 'streamArn'"),
        ("DescribeStream", {"StreamArn": "x"}, "Validation", f"Value 'x' at 'streamArn' {SHORT} 37"),
        ("DescribeStream", {"StreamArn": MALFORMED}, "Validation", ""),
        ("DescribeStream", {"StreamArn": "x" * 40}, "Validation", ""),
        ("DescribeStream", {"StreamArn": UNKNOWN_ARN}, "ResourceNotFound", STREAM_NOT_FOUND),
        ("DescribeStream", {"StreamArn": UNKNOWN_ARN, "Limit": 0}, "Validation", "Value '0' at 'limit'"),
        ("DescribeStream", {"StreamArn": UNKNOWN_ARN, "Limit": 101}, "Validation", "Value '101' at 'limit'"),
        (
            "DescribeStream",
            {"StreamArn": UNKNOWN_ARN, "ExclusiveStartShardId": "x"},
            "Validation",
            f"'exclusiveStartShardId' {SHORT} 28",
        ),
        (
            "DescribeStream",
            {"StreamArn": UNKNOWN_ARN, "ShardFilter": {"Type": "CHILD_SHARDS"}},
            "Validation",
            "'shardFilter.shardId'",
        ),
        (
            "DescribeStream",
            {"StreamArn": UNKNOWN_ARN, "ShardFilter": {"ShardId": SHARD}},
            "Validation",
            "'shardFilter.type'",
        ),
        (
            "DescribeStream",
            {"StreamArn": UNKNOWN_ARN, "ShardFilter": {"Type": "x", "ShardId": SHARD}},
            "Validation",
            "'shardFilter.type'",
        ),
        (
            "DescribeStream",
            {"StreamArn": UNKNOWN_ARN, "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": "x"}},
            "Validation",
            f"'shardFilter.shardId' {SHORT} 28",
        ),
        ("GetShardIterator", {}, "Validation", "3 validation errors detected: "),
        (
            "GetShardIterator",
            {"StreamArn": UNKNOWN_ARN, "ShardId": SHARD, "ShardIteratorType": "x"},
            "Validation",
            TYPES,
        ),
        (
            "GetShardIterator",
            {"StreamArn": UNKNOWN_ARN, "ShardId": SHARD, "ShardIteratorType": "LATEST"},
            "ResourceNotFound",
            STREAM_NOT_FOUND,
        ),
        (
            "GetShardIterator",
            {"StreamArn": MALFORMED, "ShardId": SHARD, "ShardIteratorType": "LATEST"},
            "Validation",
            "",
        ),
        (
            "GetShardIterator",
            {"StreamArn": UNKNOWN_ARN, "ShardId": "x" * 66, "ShardIteratorType": "LATEST"},
            "Validation",
            "'shardId'",
        ),
        ("GetRecords", {}, "Validation", "Value null at 'shardIterator'"),
        ("GetRecords", {"ShardIterator": ""}, "Validation", f"'shardIterator' {SHORT} 1"),
        ("GetRecords", {"ShardIterator": "nonsense"}, "Validation", "Invalid ShardIterator"),
        ("GetRecords", {"ShardIterator": "x" * 2049}, "Validation", "'shardIterator'"),
        ("GetRecords", {"ShardIterator": f"{UNKNOWN_ARN}|1|AAAA"}, "Validation", "Invalid ShardIterator"),
        ("GetRecords", {"ShardIterator": f"{UNKNOWN_ARN}|1|ключ"}, "Validation", "Invalid ShardIterator"),
        *(
            ("GetRecords", {"ShardIterator": "x", "Limit": limit}, "Validation", f"Value '{limit}' at 'limit'")
            for limit in (0, -1, 1001)
        ),
    ],
)
def test_a_request_that_is_wrong_is_refused(wire, operation, request_, code, message):
    refused = wire.refusal(operation, request_)
    assert (refused.status, refused.code) == (400, f"{code}Exception")
    assert message in refused.message


@pytest.mark.parametrize(
    ("kind", "position"),
    [
        ("AT_SEQUENCE_NUMBER", {}),
        ("AFTER_SEQUENCE_NUMBER", {}),
        ("AT_TIMESTAMP", {}),
        ("AT_SEQUENCE_NUMBER", {"Timestamp": 1}),
        ("TRIM_HORIZON", {"SequenceNumber": NUMBER}),
        ("LATEST", {"SequenceNumber": NUMBER}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1" * 20}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1" * 41}),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "x" * 21}),
        ("AFTER_SEQUENCE_NUMBER", {"SequenceNumber": "-" + "1" * 21}),
        ("AT_TIMESTAMP", {"Timestamp": 4102444800}),
    ],
)
def test_a_position_that_does_not_fit_its_type_is_refused(wire, arn, shard, kind, position):
    request = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind, **position}
    assert wire.refusal("GetShardIterator", request).code == "ValidationException"


def test_an_unknown_shard_or_one_of_another_stream_is_not_found(wire, arn):
    [other, *_] = shards_of(wire, arn_of(wire, create(wire, stream="KEYS_ONLY")))
    for shard_id in (SHARD, other["ShardId"]):
        request = {"StreamArn": arn, "ShardId": shard_id, "ShardIteratorType": "LATEST"}
        assert wire.refusal("GetShardIterator", request).code == "ResourceNotFoundException"


def test_a_forged_or_altered_iterator_is_refused(wire, arn, shard):
    good = iterator(wire, arn, shard)
    name, _, opaque = good.split("|")
    flipped = opaque[:-1] + ("A" if opaque[-1] != "A" else "B")
    for forged in (f"{name}|1|{flipped}", f"{name}|2|{opaque}", f"{UNKNOWN_ARN}|1|{opaque}", f"{good}x", opaque):
        refused = wire.refusal("GetRecords", {"ShardIterator": forged})
        assert (refused.code, refused.message) == ("ValidationException", "Invalid ShardIterator")
