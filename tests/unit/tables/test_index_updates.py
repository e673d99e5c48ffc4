"""UpdateTable's changes of global indexes: refusals that depend on the table, and what is told while they happen."""

from __future__ import annotations

import re

import pytest

from cdc.model.errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceError,
    ValidationException,
)
from cdc.store import index_items
from cdc.tables.definitions import create_table, delete_table, describe_table, update_table
from cdc.tables.write import put_item
from tests.table_definitions import attributes, definition, index

OOMPV = "One or more parameter values were invalid: "
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
MORE = {"ReadCapacityUnits": 10, "WriteCapacityUnits": 5}
PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}
ONE_AT_A_TIME = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"


@pytest.fixture
def table(running):
    described = definition("pk:S sk:S", "a:S b:S", local=[index("loc", "pk a")], global_=[index("glo", "a b")])
    running.run(create_table, TableName="tab", **described)
    return "tab"


@pytest.fixture
def update(running, table):
    """Update the table with these index updates; a string is what they declare."""

    def update(*updates, defined=None, **request):
        if defined is not None:
            request["AttributeDefinitions"] = attributes(defined)
        if updates:
            request["GlobalSecondaryIndexUpdates"] = list(updates)
        return running.run(update_table, TableName=table, **request)["TableDescription"]

    return update


@pytest.fixture
def described(running, table):
    return lambda: running.run(describe_table, TableName=table)["Table"]


def by_name(description):
    return {each["IndexName"]: each for each in description.get("GlobalSecondaryIndexes", ())}


def create(name="new", keys="c", **more):
    return {"Create": index(name, keys, **more)}


def delete(name):
    return {"Delete": {"IndexName": name}}


def change(name, units):
    return {"Update": {"IndexName": name, "ProvisionedThroughput": units}}


@pytest.mark.parametrize(
    ("updates", "error", "message"),
    [
        ([create("glo", "a")], ValidationException, f"{OOMPV}Index already exists: glo"),
        ([create("loc", "a")], ValidationException, f"{OOMPV}Index already exists: loc"),
        (
            [delete("nope")],
            ResourceNotFoundException,
            "Requested resource not found: Index: nope of table: tab not found",
        ),
        (
            [delete("loc")],
            ResourceNotFoundException,
            "Requested resource not found: Index: loc of table: tab not found",
        ),
        ([create("one", "a"), create("two", "a")], LimitExceededException, ONE_AT_A_TIME),
        ([create("one", "a"), delete("glo")], LimitExceededException, ONE_AT_A_TIME),
        (
            [change("nope", UNITS)],
            ValidationException,
            (
                "This operation cannot be performed with given input values. "
                "Please contact DynamoDB service team for more info: Action Blocked: IndexUpdate"
            ),
        ),
        (
            [create("new", "a", ProvisionedThroughput=UNITS)],
            ValidationException,
            f"{OOMPV}ProvisionedThroughput should not be specified for index: new when BillingMode is PAY_PER_REQUEST",
        ),
    ],
)
def test_updates_that_do_not_fit_the_table_are_refused_and_change_nothing(update, described, updates, error, message):
    before = described()
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        update(*updates, defined="a:S")
    assert described() == before


def test_a_small_table_has_its_new_index_filled_when_the_answer_is_read(running, update, described):
    for number in range(3):
        running.run(put_item, TableName="tab", Item={"pk": {"S": "p"}, "sk": {"S": f"{number}"}, "c": {"S": "v"}})
    answer = update(create(), defined="c:S unused:N")
    assert answer["TableStatus"] == "UPDATING"
    assert {"AttributeName": "c", "AttributeType": "S"} in answer["AttributeDefinitions"]
    assert len(answer["AttributeDefinitions"]) == 5
    new = by_name(answer)["new"]
    assert (new["IndexStatus"], new["Backfilling"], new["ItemCount"], new["IndexSizeBytes"]) == (
        "CREATING",
        False,
        0,
        0,
    )
    after = described()
    new = by_name(after)["new"]
    assert (after["TableStatus"], new["IndexStatus"], new["ItemCount"]) == ("ACTIVE", "ACTIVE", 3)
    assert "Backfilling" not in new


def test_an_index_made_with_its_table_is_never_backfilling(described):
    assert "Backfilling" not in by_name(described())["glo"]


def test_a_deleted_index_is_deleting_in_the_answer_and_gone_with_its_attributes_afterwards(update, described):
    answer = update(delete("glo"))
    assert by_name(answer)["glo"]["IndexStatus"] == "DELETING"
    after = described()
    assert "GlobalSecondaryIndexes" not in after
    assert [each["AttributeName"] for each in after["AttributeDefinitions"]] == ["pk", "sk", "a"]


def test_an_attribute_declared_again_keeps_its_type(update, described):
    update(create("new", "b"), defined="b:N")
    assert {"AttributeName": "b", "AttributeType": "S"} in described()["AttributeDefinitions"]


def test_there_are_twenty_global_indexes_at_most(update):
    for number in range(19):
        update(create(f"g{number:02}", "a"), defined="a:S")
    with pytest.raises(ValidationException, match=f"^{OOMPV}GlobalSecondaryIndex count exceeds the per-table limit"):
        update(create("last", "a"), defined="a:S")


@pytest.fixture
def filling(running, update, monkeypatch):
    monkeypatch.setattr(index_items, "BACKFILL_ITEMS", 1)
    for number in range(3):
        running.run(put_item, TableName="tab", Item={"pk": {"S": "p"}, "sk": {"S": f"{number}"}})
    update(create(), defined="c:S")


@pytest.mark.usefixtures("filling")
def test_while_an_index_is_filled_no_other_is_made_or_deleted_and_the_table_stays(running, update):
    for refused in (create("other", "a"), delete("glo")):
        with pytest.raises(LimitExceededException, match=f"^{ONE_AT_A_TIME}$"):
            update(refused, defined="a:S")
    with pytest.raises(ResourceInUseException, match=r"Table is being updated: tab$"):
        running.run(delete_table, TableName="tab")
    update(DeletionProtectionEnabled=True)
    update(DeletionProtectionEnabled=False)
    update(delete("new"))
    running.run(delete_table, TableName="tab")


def test_units_of_an_index_change_as_those_of_a_table(running, clock):
    described = definition("pk:S", "a:S", global_=[index("glo", "a", ProvisionedThroughput=UNITS)])
    running.run(create_table, TableName="tab", **described | PROVISIONED)
    clock.advance(1)

    def update(**request):
        return running.run(update_table, TableName="tab", **request)["TableDescription"]

    answer = by_name(update(GlobalSecondaryIndexUpdates=[change("glo", MORE)]))["glo"]
    assert answer["IndexStatus"] == "UPDATING"
    assert answer["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    found = by_name(running.run(describe_table, TableName="tab")["Table"])["glo"]
    assert found["IndexStatus"] == "ACTIVE"
    assert found["ProvisionedThroughput"]["ReadCapacityUnits"] == 10
    assert found["ProvisionedThroughput"]["LastIncreaseDateTime"] == clock.now_ms() / 1000
    with pytest.raises(ServiceError, match="The provisioned throughput for the index glo will not change"):
        update(GlobalSecondaryIndexUpdates=[change("glo", MORE)])


def test_the_billing_mode_takes_the_indexes_along(update, described):
    with pytest.raises(ValidationException, match=f"^{OOMPV}ProvisionedThroughput must be specified for index: glo$"):
        update(**PROVISIONED)
    update(change("glo", MORE), **PROVISIONED)
    assert by_name(described())["glo"]["ProvisionedThroughput"]["ReadCapacityUnits"] == 10
    update(BillingMode="PAY_PER_REQUEST")
    assert by_name(described())["glo"]["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
