"""Pages: what Select allows, start keys from values to encoded keys, and where a page ends."""

from __future__ import annotations

from base64 import b64encode

import pytest

from cdc.expressions import Substitutions
from cdc.model.errors import ValidationException
from cdc.tables import pages
from cdc.tables.definitions import create_table
from cdc.tables.pages import check_select, parse_page, parse_start_key
from cdc.tables.read import scan
from cdc.tables.write import put_item


@pytest.fixture
def table(running):
    running.run(
        create_table,
        TableName="abc",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "B"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return "abc"


@pytest.mark.parametrize("select", [None, "ALL_ATTRIBUTES", "COUNT"])
def test_without_a_projection_all_may_be_selected_or_counted(select):
    check_select({"Select": select})


@pytest.mark.parametrize("select", [None, "SPECIFIC_ATTRIBUTES"])
def test_a_projection_selects_specific_attributes(select):
    check_select({"Select": select, "ProjectionExpression": "a"})
    check_select({"Select": select, "AttributesToGet": ["a"]})


@pytest.mark.parametrize(
    "request_",
    [
        {"Select": "SPECIFIC_ATTRIBUTES"},
        {"Select": "ALL_PROJECTED_ATTRIBUTES"},
        {"Select": "COUNT", "ProjectionExpression": "a"},
        {"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "a"},
        {"Select": "ALL_ATTRIBUTES", "AttributesToGet": ["a"]},
    ],
)
def test_any_other_pair_is_refused(request_):
    with pytest.raises(ValidationException):
        check_select(request_)


def test_a_page_asks_for_what_the_request_says():
    request = {"TableName": "t", "Limit": 5, "Select": "COUNT", "ConsistentRead": True, "FilterExpression": "a = b"}
    asked = parse_page(request, Substitutions(), {"pk": {"S": "a"}})
    assert (asked.table_name, asked.limit, asked.count_only, asked.consistent, asked.capacity_mode) == (
        "t",
        5,
        True,
        True,
        None,
    )
    assert asked.filter is not None
    assert (asked.projection, asked.start_key) == (None, {"pk": {"S": "a"}})


def test_the_projection_is_bound_before_the_filter():
    with pytest.raises(ValidationException, match="ProjectionExpression"):
        parse_page({"TableName": "t", "ProjectionExpression": "", "FilterExpression": ""}, Substitutions(), None)


def test_a_start_key_is_normalised():
    assert parse_start_key({}) is None
    assert parse_start_key({"ExclusiveStartKey": {"sk": {"N": "1.0"}}}) == {"sk": {"N": "1"}}


@pytest.mark.usefixtures("table")
def test_the_key_of_the_last_item_comes_back_as_it_was_put(running):
    raw = bytes(range(256))
    key = {"pk": {"B": b64encode(raw).decode()}, "sk": {"N": "-0.00123"}}
    running.run(put_item, TableName="abc", Item=key)
    assert running.run(scan, TableName="abc", Limit=1)["LastEvaluatedKey"] == key


@pytest.mark.parametrize(
    ("bytes_", "counts"), [(29, [1, 1, 1, 1]), (30, [2, 2]), (59, [3, 1]), (60, [4]), (1, [1] * 4)]
)
@pytest.mark.usefixtures("table")
def test_a_page_is_full_when_the_next_item_does_not_fit_but_never_empty(running, monkeypatch, bytes_, counts):
    for number in range(4):  # of 15 bytes each
        key = {"pk": {"B": "AQ=="}, "sk": {"N": str(number + 1)}}
        running.run(put_item, TableName="abc", Item=key | {"v": {"S": "x" * 7}})
    monkeypatch.setattr(pages, "PAGE_BYTES", bytes_)
    found, request = [], {"TableName": "abc"}
    while page := running.run(scan, **request):
        found.append(page["Count"])
        if "LastEvaluatedKey" not in page:
            break
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert found == counts
