"""Answers are counted by operation and table, in bounded memory whatever callers name."""

from __future__ import annotations

import pytest

from cdc.api import tallies as module
from cdc.api.tallies import Tallies
from cdc.model.errors import (
    ConditionalCheckFailedException,
    InternalServerError,
    ServiceUnavailable,
    ValidationException,
)

PUT = b"DynamoDB_20120810.PutItem"
BATCH = b"DynamoDB_20120810.BatchGetItem"
RECORDS = b"DynamoDBStreams_20120810.GetRecords"
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/abc/stream/2026-01-01T00:00:00.000"


@pytest.fixture
def tallies():
    return Tallies()


def label(tally):
    return tally.operation, tally.table


@pytest.mark.parametrize(
    ("target", "request_", "expected"),
    [
        (PUT, {"TableName": "abc"}, ("PutItem", "abc")),
        (PUT, {"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/abc"}, ("PutItem", "abc")),
        (PUT, {"TableName": "a b"}, ("PutItem", "")),
        (PUT, {"TableName": ["abc"]}, ("PutItem", "")),
        (PUT, {"TableName": None}, ("PutItem", "")),
        (PUT, [], ("PutItem", "")),
        (PUT, None, ("PutItem", "")),
        (BATCH, {"RequestItems": {"abc": {}}}, ("BatchGetItem", "abc")),
        (BATCH, {"RequestItems": {"abc": {}, "def": {}}}, ("BatchGetItem", "")),
        (BATCH, {"RequestItems": []}, ("BatchGetItem", "")),
        (RECORDS, {"ShardIterator": f"{ARN}|1|xyz"}, ("GetRecords", "abc")),
        (RECORDS, {"ShardIterator": "xyz"}, ("GetRecords", "")),
        (b"DynamoDBStreams_20120810.DescribeStream", {"StreamArn": ARN}, ("DescribeStream", "abc")),
        (b"DynamoDB_20120810.Nonsense", {"TableName": "abc"}, ("", "")),
        (b"\xff", {"TableName": "abc"}, ("", "")),
        (b"", {}, ("", "")),
    ],
)
def test_a_request_counts_for_its_operation_and_table(tallies, target, request_, expected):
    assert label(tallies.of(target, request_)) == expected
    assert tallies.of(target, request_) is tallies.of(target, request_)
    assert [label(each) for each in tallies] == [expected]


def test_invented_names_of_tables_and_operations_take_no_more_than_so_much_memory(tallies, monkeypatch):
    monkeypatch.setattr(module, "TALLIES_MAX", 10)
    for number in range(50):
        tallies.of(PUT, {"TableName": f"table{number}"}).fail(ValidationException())
        tallies.of(f"x{number}".encode(), {"TableName": f"table{number}"})
    counted = list(tallies)
    assert len(counted) <= 12
    assert sum(each.user_errors for each in counted) == 50
    assert len(tallies._tallies) <= 10


def test_an_outcome_counts_as_what_cloudwatch_calls_it(tallies):
    tally = tallies.of(PUT, {"TableName": "abc"})
    for error in (
        ValidationException(),
        ConditionalCheckFailedException(),
        InternalServerError(),
        ServiceUnavailable(),
    ):
        tally.fail(error)
    tally.fail(RuntimeError())
    assert (tally.user_errors, tally.conditional_check_failed, tally.system_errors) == (1, 1, 3)


def test_records_that_were_returned_are_counted_by_themselves_alone(tallies):
    tally = tallies.of(RECORDS, {"ShardIterator": ARN})
    record = b'{"eventID":"1","eventSource":"aws:dynamodb","dynamodb":{"NewImage":{"a":%s}}}'
    tricks = (
        b'{"S":"\\"eventSource\\":\\"aws:dynamodb\\""}',
        b'{"M":{"eventSource":{"S":"aws:dynamodb"}}}',
    )
    tally.count_records(b'{"Records":[' + b",".join(record % trick for trick in tricks) + b"]}")
    assert tally.returned_records == 2
