"""Secondary indexes from outside: what is in them, Query and Scan of them in pages, Select, start keys and capacity."""

from __future__ import annotations

import pytest

from tests.integration.tables import create, n, s
from tests.table_definitions import index

OOMPV = "One or more parameter values were invalid: "
INVALID_START = "The provided starting key is invalid"
MISMATCH = "The provided key element does not match the schema"
TIES = 25


@pytest.fixture(scope="module")
def table(wire):
    """Create a table whose items share index keys: every third has no sort key in the global index."""
    name = create(
        wire,
        "pk:S sk:N",
        others="g:S r:N l:S",
        local=[index("loc", "pk l", "KEYS_ONLY")],
        global_=[index("glo", "g r"), index("keys", "g", "KEYS_ONLY"), index("some", "r g", ["v"])],
    )
    for number in range(TIES):
        item = {"pk": s(f"p{number % 3}"), "sk": n(number), "g": s("same"), "l": s(f"l{number % 2}"), "v": s("v" * 50)}
        item |= {"w": s("w")} | ({"r": n(number % 2)} if number % 3 else {})
        wire.call("PutItem", TableName=name, Item=item)
    wire.call("PutItem", TableName=name, Item={"pk": s("p0"), "sk": n(999), "v": s("in no index")})
    return name


def query(table, index_name, condition="g = :g", values=None, **more):
    values = {":g": s("same")} if values is None else values
    return {
        "TableName": table,
        "IndexName": index_name,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
        **more,
    }


def numbers(items):
    return [int(item["sk"]["N"]) for item in items]


ALL = list(range(TIES))
SORTED = [number for number in ALL if number % 3]


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(("name", "wanted"), [("glo", SORTED), ("keys", ALL)])
def test_a_query_in_pages_shows_every_entry_once_though_all_share_a_key(wire, table, name, wanted, forward, limit):
    request = query(table, name, Limit=limit, ScanIndexForward=forward)
    pages = list(wire.pages("Query", **request))
    found = [item for page in pages for item in page["Items"]]
    assert sorted(numbers(found)) == wanted
    if name == "glo":
        ranks = [int(item["r"]["N"]) for item in found]
        assert ranks == sorted(ranks, reverse=not forward)
    for page in pages[:-1]:
        keys = {"pk", "sk", "g", "r"} if name == "glo" else {"pk", "sk", "g"}
        assert page["LastEvaluatedKey"].keys() == keys
        assert page["ScannedCount"] == limit


@pytest.mark.parametrize(
    ("name", "count", "attributes"),
    [
        ("glo", len(SORTED), {"pk", "sk", "g", "r", "l", "v", "w"}),
        ("keys", TIES, {"pk", "sk", "g"}),
        ("some", len(SORTED), {"pk", "sk", "g", "r", "v"}),
        ("loc", TIES, {"pk", "sk", "l"}),
    ],
)
def test_a_scan_shows_what_is_in_the_index_with_what_is_projected(wire, table, name, count, attributes):
    for more in ({}, {"Limit": 3}, {"Select": "ALL_PROJECTED_ATTRIBUTES"}):
        pages = list(wire.pages("Scan", TableName=table, IndexName=name, **more))
        found = [item for page in pages for item in page["Items"]]
        assert len(found) == len(set(numbers(found))) == count
        assert set().union(*found) == attributes


@pytest.mark.parametrize("segments", [1, 2, 3, 16, 1000])
@pytest.mark.parametrize("name", [None, "glo", "loc"])
def test_every_entry_is_in_exactly_one_segment(wire, table, name, segments):
    wanted = {None: [*ALL, 999], "glo": SORTED, "loc": ALL}[name]
    request = {"TableName": table, "TotalSegments": segments} | ({} if name is None else {"IndexName": name})
    found = [
        number
        for segment in range(segments)
        for page in wire.pages("Scan", **request, Segment=segment, Limit=5)
        for number in numbers(page["Items"])
    ]
    assert sorted(found) == wanted


def test_a_local_index_is_read_by_its_sort_key_in_one_partition(wire, table):
    request = query(table, "loc", "pk = :p AND l = :l", {":p": s("p1"), ":l": s("l1")}, ConsistentRead=True)
    assert numbers(wire.items("Query", **request)) == [number for number in ALL if number % 3 == 1 and number % 2]


def test_a_local_index_fetches_what_it_does_not_hold_and_is_charged_for_it(wire, table):
    request = query(table, "loc", "pk = :p", {":p": s("p1")}, ReturnConsumedCapacity="INDEXES", Limit=4)
    plain = wire.call("Query", **request)
    assert plain["ConsumedCapacity"] == {
        "TableName": table,
        "CapacityUnits": 0.5,
        "Table": {"CapacityUnits": 0},
        "LocalSecondaryIndexes": {"loc": {"CapacityUnits": 0.5}},
    }
    fetched = wire.call("Query", **request, ProjectionExpression="w, l")
    assert all(item.keys() == {"w", "l"} for item in fetched["Items"])
    assert fetched["ConsumedCapacity"]["Table"] == {"CapacityUnits": 2}
    assert fetched["ConsumedCapacity"]["CapacityUnits"] == 2.5
    whole = wire.call("Query", **request, Select="ALL_ATTRIBUTES", ConsistentRead=True)
    assert "w" in whole["Items"][0]
    assert whole["ConsumedCapacity"]["Table"] == {"CapacityUnits": 4}


def test_a_filter_sees_what_is_projected_alone(wire, table):
    asked = {"TableName": table, "FilterExpression": "attribute_not_exists(w)", "Select": "COUNT"}
    assert wire.call("Scan", **asked, IndexName="some")["Count"] == len(SORTED)
    assert wire.call("Scan", **asked, IndexName="glo")["Count"] == 0
    page = wire.call("Scan", **asked, IndexName="keys", Limit=10)
    assert (page["Count"], page["ScannedCount"], "Items" in page) == (10, 10, False)


@pytest.mark.parametrize(
    ("operation", "name", "more", "message"),
    [
        ("Query", "nope", {}, "The table does not have the specified index: nope"),
        ("Scan", "nope", {}, "The table does not have the specified index: nope"),
        ("Query", "glo", {"ConsistentRead": True}, "Consistent reads are not supported on global secondary indexes"),
        ("Scan", "glo", {"ConsistentRead": True}, "Consistent reads are not supported on global secondary indexes"),
        (
            "Query",
            "keys",
            {"Select": "ALL_ATTRIBUTES"},
            f"{OOMPV}Select type ALL_ATTRIBUTES is not supported for global secondary index keys because its projection type is not ALL",
        ),
        (
            "Scan",
            "some",
            {"ProjectionExpression": "w, v"},
            f"{OOMPV}Global secondary index some does not project [w]",
        ),
        (
            "Query",
            "glo",
            {"FilterExpression": "r > :g"},
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: r",
        ),
        (
            "Scan",
            "glo",
            {"FilterExpression": "r.x = :g"},
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: r",
        ),
        (
            "Scan",
            "glo",
            {"ProjectionExpression": "sk[0]"},
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: sk",
        ),
    ],
)
def test_a_read_that_does_not_suit_the_index_is_refused(wire, table, operation, name, more, message):
    request = query(table, name) | more
    if operation == "Scan":
        del request["KeyConditionExpression"]
        if "FilterExpression" not in more:
            del request["ExpressionAttributeValues"]
    refusal = wire.refusal(operation, request)
    assert (refusal.code, refusal.message) == ("ValidationException", message)


def test_all_projected_attributes_are_those_of_an_index(wire, table):
    refusal = wire.refusal("Scan", {"TableName": table, "Select": "ALL_PROJECTED_ATTRIBUTES"})
    assert refusal.message == "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"


START = {"pk": s("p1"), "sk": n(1), "g": s("same"), "r": n(1)}


@pytest.mark.parametrize(
    ("operation", "start", "message"),
    [
        ("Query", {"pk": s("p1"), "sk": n(1)}, INVALID_START),
        ("Scan", {"pk": s("p1"), "sk": n(1)}, INVALID_START),
        ("Query", START | {"x": n(1)}, INVALID_START),
        ("Query", START | {"r": s("1")}, MISMATCH),
        ("Scan", START | {"r": s("1")}, MISMATCH),
        ("Query", START | {"sk": s("1")}, f"{INVALID_START}: {MISMATCH}"),
        (
            "Query",
            START | {"g": s("other")},
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
    ],
)
def test_a_start_key_that_does_not_suit_the_index_is_refused(wire, table, operation, start, message):
    request = query(table, "glo", ExclusiveStartKey=start)
    if operation == "Scan":
        del request["KeyConditionExpression"], request["ExpressionAttributeValues"]
    assert wire.refusal(operation, request).message == message


def test_a_start_key_outside_the_sort_keys_condition_is_refused_and_need_not_exist(wire, table):
    request = query(table, "glo", "g = :g AND r > :r", {":g": s("same"), ":r": n(0)})
    refusal = wire.refusal("Query", request | {"ExclusiveStartKey": START | {"r": n(0)}})
    assert refusal.message == "The provided starting key does not match the range key predicate"
    gone = START | {"pk": s("never"), "sk": n(-5)}
    request = query(table, "glo", "g = :g AND r = :r", {":g": s("same"), ":r": n(1)})
    found = wire.items("Query", **request, ExclusiveStartKey=gone)
    assert set(numbers(found)) <= {number for number in SORTED if number % 2}


@pytest.fixture(scope="module")
def several(wire):
    name = create(wire, "pk:S", others="a:S b:S c:N d:S", global_=[index("many", "a b c d", hashes=2)])
    for number in range(16):
        item = {"pk": s(f"{number}"), "a": s("x"), "b": s("y"), "c": n(number // 4), "d": s(f"d{number % 4}")}
        wire.call("PutItem", TableName=name, Item=item)
    wire.call("PutItem", TableName=name, Item={"pk": s("no d"), "a": s("x"), "b": s("y"), "c": n(1)})
    return name


HASHES = {":a": s("x"), ":b": s("y")}


@pytest.mark.parametrize(
    ("condition", "values", "wanted"),
    [
        ("a = :a AND b = :b", {}, list(range(16))),
        ("c = :c AND b = :b AND a = :a", {":c": n(2)}, [8, 9, 10, 11]),
        ("a = :a AND b = :b AND c >= :c", {":c": n(2)}, list(range(8, 16))),
        ("a = :a AND b = :b AND c = :c AND d BETWEEN :d AND :e", {":c": n(2), ":d": s("d1"), ":e": s("d2")}, [9, 10]),
        ("a = :a AND b = :b AND c = :c AND begins_with(d, :d)", {":c": n(0), ":d": s("d")}, [0, 1, 2, 3]),
    ],
)
def test_a_key_of_several_attributes_is_conditioned_from_the_left(wire, several, condition, values, wanted):
    request = query(several, "many", condition, HASHES | values, Limit=3)
    assert [int(item["pk"]["S"]) for item in wire.items("Query", **request)] == wanted


@pytest.mark.parametrize(
    ("condition", "values", "message"),
    [
        ("a = :a", {":a": s("x")}, "Query condition missed key schema element: b"),
        ("a = :a AND b > :b", HASHES, "Query key condition not supported"),
        (
            "a = :a AND b = :b AND d = :d",
            HASHES | {":d": s("d")},
            "RANGE key attributes c must have equality conditions specified in the query because a condition is present on key attribute d",
        ),
        (
            "a = :a AND b = :b AND c > :c AND d = :d",
            HASHES | {":c": n(1), ":d": s("d")},
            "RANGE key attributes c must have equality conditions specified in the query because a condition is present on key attribute d",
        ),
    ],
)
def test_a_key_of_several_attributes_has_no_gaps(wire, several, condition, values, message):
    assert wire.refusal("Query", query(several, "many", condition, values)).message == message


@pytest.fixture(scope="module")
def costly(wire):
    return create(
        wire, "pk:S sk:S", others="g:S l:S", local=[index("loc", "pk l")], global_=[index("glo", "g", ["proj"])]
    )


KEY = {"pk": s("p"), "sk": s("s")}
BOTH = {"g": s("g"), "l": s("l")}


def test_the_units_of_a_write_are_told_by_index_as_the_guide_has_them(wire, costly):
    def units(operation, **request):
        answer = wire.call(operation, TableName=costly, ReturnConsumedCapacity="INDEXES", **request)["ConsumedCapacity"]
        found = [answer.get(group, {}) for group in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")]
        arms = [part.get(name, {}).get("CapacityUnits") for part, name in zip(found, ("glo", "loc"), strict=True)]
        assert answer["CapacityUnits"] == answer["Table"]["CapacityUnits"] + sum(each or 0 for each in arms)
        return (answer["CapacityUnits"], *arms)

    def update(text, value=None):
        values = {} if value is None else {"ExpressionAttributeValues": {":v": s(value)}}
        return units("UpdateItem", Key=KEY, UpdateExpression=text, **values)

    assert units("PutItem", Item=KEY | BOTH) == (3, 1, 1)
    assert units("PutItem", Item=KEY | BOTH) == (1, None, None)
    assert update("SET more = :v", "x") == (2, None, 1)
    assert update("SET g = :v", "moved") == (4, 2, 1)
    assert update("REMOVE g") == (3, 1, 1)
    assert update("SET g = :v", "back") == (3, 1, 1)
    assert units("DeleteItem", Key=KEY) == (3, 1, 1)
    assert units("PutItem", Item=KEY | {"g": s("g"), "v": s("x" * 3000)}) == (4, 1, None)
    assert units("DeleteItem", Key=KEY) == (4, 1, None)


def test_total_includes_indexes_and_a_batch_sums_them(wire, costly):
    item = KEY | BOTH | {"sk": s("batch")}
    writes = [{"PutRequest": {"Item": item | {"sk": s(f"{number}")}}} for number in range(2)]
    request = {"RequestItems": {costly: writes}, "ReturnItemCollectionMetrics": "SIZE"}
    answer = wire.call("BatchWriteItem", **request, ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"] == [
        {
            "TableName": costly,
            "CapacityUnits": 6,
            "Table": {"CapacityUnits": 2},
            "GlobalSecondaryIndexes": {"glo": {"CapacityUnits": 2}},
            "LocalSecondaryIndexes": {"loc": {"CapacityUnits": 2}},
        }
    ]
    assert answer["ItemCollectionMetrics"] == {
        costly: [{"ItemCollectionKey": {"pk": s("p")}, "SizeEstimateRangeGB": [0, 1]}]
    }
    answer = wire.call("PutItem", TableName=costly, Item=item, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == {"TableName": costly, "CapacityUnits": 3}


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem"])
def test_collection_metrics_are_told_for_a_table_with_a_local_index(wire, costly, operation):
    request = {"Item" if operation == "PutItem" else "Key": KEY, "ReturnItemCollectionMetrics": "SIZE"}
    assert wire.call(operation, TableName=costly, **request)["ItemCollectionMetrics"] == {
        "ItemCollectionKey": {"pk": s("p")},
        "SizeEstimateRangeGB": [0, 1],
    }


def test_a_write_that_an_index_forbids_changes_nothing(wire, costly):
    key = {"pk": s("refused"), "sk": s("s")}
    refusal = wire.refusal("PutItem", {"TableName": costly, "Item": key | {"g": n(1)}})
    assert refusal.message == f"{OOMPV}Type mismatch for Index Key g Expected: S Actual: N IndexName: glo"
    good = {"PutRequest": {"Item": key | {"g": s("x")}}}
    bad = {"PutRequest": {"Item": key | {"sk": s("t"), "l": n(1)}}}
    refusal = wire.refusal("BatchWriteItem", {"RequestItems": {costly: [good, bad]}})
    assert refusal.message == f"{OOMPV}Type mismatch for Index Key l Expected: S Actual: N IndexName: loc"
    assert wire.call("GetItem", TableName=costly, Key=key) == {}


def test_pages_of_an_index_are_cut_at_1_mb_of_what_it_holds(wire):
    name = create(wire, "pk:S", others="g:S", global_=[index("all", "g"), index("keys", "g", "KEYS_ONLY")])
    for number in range(4):
        wire.call("PutItem", TableName=name, Item={"pk": s(f"{number}"), "g": s("g"), "v": s("x" * 350_000)})
    assert [page["Count"] for page in wire.pages("Query", **query(name, "all", values={":g": s("g")}))] == [2, 2]
    assert [page["Count"] for page in wire.pages("Query", **query(name, "keys", values={":g": s("g")}))] == [4]
