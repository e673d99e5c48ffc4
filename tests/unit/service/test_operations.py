"""Operations by their names on the wire, and what names that are none get."""

from __future__ import annotations

import pytest

from cdc.model.errors import UnknownOperationException, ValidationException
from cdc.service.operations import NOT_YET, OPERATIONS, TARGETS, find_operation


def test_every_operation_is_found_under_the_target_of_its_service():
    assert len(TARGETS) == len(OPERATIONS)
    assert find_operation("DynamoDB_20120810.PutItem") is OPERATIONS["PutItem"]
    assert find_operation("DynamoDBStreams_20120810.GetRecords") is OPERATIONS["GetRecords"]


@pytest.mark.parametrize(
    "target",
    [
        "",
        "PutItem",
        "DynamoDB_20120810.",
        "DynamoDB_20120810.GetRecords",
        "DynamoDBStreams_20120810.PutItem",
        "DynamoDBStreams_20120810.ExecuteStatement",
        "DynamoDB_20111205.PutItem",
        "DynamoDB_20120810.putItem",
        "DynamoDB_20120810.PutItem.x",
    ],
)
def test_any_other_target_is_an_unknown_operation(target):
    with pytest.raises(UnknownOperationException):
        find_operation(target)


@pytest.mark.parametrize("name", sorted(NOT_YET))
def test_what_is_not_here_yet_is_refused_by_name(name):
    assert name not in OPERATIONS
    with pytest.raises(ValidationException, match=f"^{name} is not supported by this version of cdc$"):
        find_operation(f"DynamoDB_20120810.{name}")
