"""Scan from outside: completeness, segments, paging, filters and start keys."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.integration.tables import create, n, s

DETECTED = "1 validation error detected: "
INVALID_START = "The provided starting key is invalid"
MISMATCH = f"{INVALID_START}: The provided key element does not match the schema"
ITEMS = 120


@pytest.fixture(scope="module")
def table(wire):
    name = create(wire, "pk:S sk:N")
    for start in range(0, ITEMS, 24):
        puts = [{"PutRequest": {"Item": item(number)}} for number in range(start, start + 24)]
        wire.call("BatchWriteItem", RequestItems={name: puts})
    return name


@pytest.fixture(scope="module")
def empty(wire):
    return create(wire)


def item(number):
    return {"pk": s(f"p{number // 3}"), "sk": n(number), "even": {"BOOL": number % 2 == 0}}


def numbers(items):
    return [int(each["sk"]["N"]) for each in items]


def test_a_scan_returns_every_item_once_always_in_the_same_order(wire, table):
    found = numbers(wire.items("Scan", TableName=table))
    assert sorted(found) == list(range(ITEMS))
    assert numbers(wire.items("Scan", TableName=table)) == found
    # Items of a partition come together, in the order of their sort keys.
    partitions = [number // 3 for number in found]
    assert partitions == [each for each in dict.fromkeys(partitions) for _ in range(3)]
    assert all(first % 3 != 0 or second == first + 1 for first, second in pairwise(found))


def test_a_scan_of_an_empty_table_is_an_empty_list(wire, empty):
    assert wire.call("Scan", TableName=empty) == {"Items": [], "Count": 0, "ScannedCount": 0}
    assert wire.call("Scan", TableName=empty, Limit=1) == {"Items": [], "Count": 0, "ScannedCount": 0}


@pytest.mark.parametrize("limit", [1, 7, 40, 119, 120, 121, 100_000])
def test_pages_of_any_limit_join_to_the_whole(wire, table, limit):
    pages = list(wire.pages("Scan", TableName=table, Limit=limit))
    assert numbers(each for page in pages for each in page["Items"]) == numbers(wire.items("Scan", TableName=table))
    assert len(pages) == ITEMS // limit + 1
    assert all(page["Count"] == page["ScannedCount"] <= limit for page in pages)


@pytest.mark.parametrize("segments", [1, 2, 3, 4, 7, 16, 1000])
def test_segments_are_disjoint_and_together_complete(wire, table, segments):
    parts = [
        numbers(wire.items("Scan", TableName=table, Segment=segment, TotalSegments=segments))
        for segment in range(min(segments, 16))
    ]
    found = [number for part in parts for number in part]
    assert len(set(found)) == len(found)
    if segments <= 16:
        assert found == numbers(wire.items("Scan", TableName=table))
    if 2 <= segments <= 4:
        assert all(parts)


@pytest.mark.parametrize(
    "more", [{}, {"FilterExpression": "even = :t", "ExpressionAttributeValues": {":t": {"BOOL": True}}}]
)
def test_segments_can_be_paged_and_filtered(wire, table, more):
    found = [
        number
        for segment in range(4)
        for number in numbers(wire.items("Scan", TableName=table, Segment=segment, TotalSegments=4, Limit=3, **more))
    ]
    assert sorted(found) == list(range(0, ITEMS, 2 if more else 1))


def test_the_greatest_number_of_segments_is_served(wire, table):
    for segment in (0, 999_999):
        assert "Items" in wire.call("Scan", TableName=table, Segment=segment, TotalSegments=1_000_000)


def test_a_filter_may_name_the_keys_and_counts_what_it_drops(wire, table):
    request = {"TableName": table, "FilterExpression": "pk = :p AND sk > :s"}
    page = wire.call("Scan", **request, ExpressionAttributeValues={":p": s("p2"), ":s": n(6)})
    assert (sorted(numbers(page["Items"])), page["Count"], page["ScannedCount"]) == ([7, 8], 2, ITEMS)


def test_a_count_has_no_items_and_a_projection_no_keys(wire, table):
    assert wire.call("Scan", TableName=table, Select="COUNT") == {"Count": ITEMS, "ScannedCount": ITEMS}
    page = wire.call("Scan", TableName=table, ProjectionExpression="even", Limit=1)
    assert [list(each) for each in page["Items"]] == [["even"]]


def test_a_page_ends_before_the_item_that_would_take_it_over_1_mb(wire):
    name = create(wire)
    for number in range(5):
        wire.call("PutItem", TableName=name, Item={"pk": s(str(number)), "pad": s("x" * 300_000)})
    pages = list(wire.pages("Scan", TableName=name))
    assert [page["Count"] for page in pages] == [3, 2]


def test_items_of_exactly_1_mb_fill_one_page(wire):
    name = create(wire)
    for number in range(4):
        wire.call("PutItem", TableName=name, Item={"pk": s(str(number)), "v": s("x" * ((1 << 18) - 4))})
    page = wire.call("Scan", TableName=name)
    assert (page["Count"], "LastEvaluatedKey" in page) == (4, False)


NEEDS_SEGMENT = "parameter is required but was not present in the request when"
SPECIFIC = "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"Limit": 0},
            f"{DETECTED}Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            {"TotalSegments": 0, "Segment": 0},
            (
                f"{DETECTED}Value '0' at 'totalSegments' failed to satisfy constraint: Member must have "
                "value greater than or equal to 1"
            ),
        ),
        (
            {"TotalSegments": 1_000_001, "Segment": 0},
            (
                f"{DETECTED}Value '1000001' at 'totalSegments' failed to satisfy constraint: Member must "
                "have value less than or equal to 1000000"
            ),
        ),
        (
            {"TotalSegments": 4, "Segment": -1},
            f"{DETECTED}Value '-1' at 'segment' failed to satisfy constraint: Member must have value greater than or equal to 0",
        ),
        ({"Segment": 0}, f"The TotalSegments {NEEDS_SEGMENT} Segment parameter is present"),
        ({"TotalSegments": 2}, f"The Segment {NEEDS_SEGMENT} parameter TotalSegments is present"),
        (
            {"TotalSegments": 5, "Segment": 5},
            (
                "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
                "Segment: 5 is not less than TotalSegments: 5"
            ),
        ),
        ({"Select": "SPECIFIC_ATTRIBUTES"}, SPECIFIC),
        (
            {"Select": "ALL_PROJECTED_ATTRIBUTES"},
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        ),
        (
            {"Select": "COUNT", "ProjectionExpression": "a"},
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
        ({"FilterExpression": ""}, "Invalid FilterExpression: The expression can not be empty;"),
        (
            {"FilterExpression": "a = :v", "ProjectionExpression": ""},
            "Invalid ProjectionExpression: The expression can not be empty;",
        ),
        (
            {"ExclusiveStartKey": {"pk": {}}},
            f"{INVALID_START}: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        # one fault hides another: start key, segments, expressions, Select
        (
            {"ExclusiveStartKey": {"pk": n("x")}, "Segment": 1},
            "The parameter cannot be converted to a numeric value: x",
        ),
        ({"Segment": 1, "FilterExpression": ""}, f"The TotalSegments {NEEDS_SEGMENT} Segment parameter is present"),
        (
            {"FilterExpression": "", "Select": "SPECIFIC_ATTRIBUTES"},
            "Invalid FilterExpression: The expression can not be empty;",
        ),
    ],
)
def test_what_is_wrong_in_itself_is_refused_before_the_table_is_looked_up(wire, request_, message):
    refused = wire.refusal("Scan", {"TableName": "nowhere", **request_})
    assert (refused.code, refused.message) == ("ValidationException", message)


def test_an_unknown_table_is_not_found(wire):
    refused = wire.refusal("Scan", {"TableName": "nowhere"})
    assert (refused.code, refused.message) == ("ResourceNotFoundException", "Requested resource not found")


@pytest.mark.parametrize(
    "start",
    [
        {},
        {"pk": s("a")},
        {"pk": s("a"), "sk": n(1), "x": n(1)},
        {"pk": s("a"), "x": n(1)},
        {"pk": s("a"), "sk": s("1")},
    ],
)
def test_a_start_key_that_does_not_fit_the_table_is_refused(wire, table, start):
    refused = wire.refusal("Scan", {"TableName": table, "ExclusiveStartKey": start})
    assert (refused.code, refused.message) == ("ValidationException", MISMATCH)


def test_a_start_key_of_another_segment_is_refused(wire, table):
    page = wire.call("Scan", TableName=table, Segment=1, TotalSegments=2, Limit=1)
    start = page["LastEvaluatedKey"]
    refused = wire.refusal("Scan", {"TableName": table, "Segment": 0, "TotalSegments": 2, "ExclusiveStartKey": start})
    assert refused.code == "ValidationException"
    assert refused.message == (
        f"{INVALID_START}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
        "TotalSegments: 2 Segment: 0"
    )


def test_a_start_key_need_not_be_the_key_of_an_item(wire, table):
    page = wire.call("Scan", TableName=table, ExclusiveStartKey={"pk": s("nobody"), "sk": n(1)})
    assert numbers(page["Items"]) == numbers(wire.items("Scan", TableName=table))[-page["Count"] :]
