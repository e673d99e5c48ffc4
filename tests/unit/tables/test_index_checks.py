"""What CreateTable and UpdateTable say of wrong indexes, and which of several faults."""

from __future__ import annotations

import re

import pytest

from cdc.model.errors import ValidationException
from cdc.tables.index_checks import check_index_updates, check_new_indexes, new_definitions
from tests.table_definitions import attributes, definition, index

OOMPV = "One or more parameter values were invalid: "
UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}


def projected(kind, *included):
    return {"Projection": {"ProjectionType": kind} | ({"NonKeyAttributes": list(included)} if included else {})}


def table(*, local=None, global_=None, keys="pk:S sk:S", **more):
    return definition(keys, "a:S b:N", local=local, global_=global_) | more


def many(count):
    return [index(f"g{number:02}", "a") for number in range(count)]


def including(*counts):
    """Write indexes that include so many attributes each."""
    return [
        index(f"g{number}", "a", [f"i{number}-{each}" for each in range(count)]) for number, count in enumerate(counts)
    ]


PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (table(local=[]), f"{OOMPV}List of LocalSecondaryIndexes is empty"),
        (table(global_=[]), f"{OOMPV}List of GlobalSecondaryIndexes is empty"),
        (
            table(local=[index("loc", "pk a")], keys="pk:S"),
            f"{OOMPV}Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ),
        (
            table(local=[index("loc", "pk")]),
            f"{OOMPV}Index KeySchema does not have a range key for index: loc",
        ),
        (
            table(local=[index("loc", "a b")]),
            (
                f"{OOMPV}Index KeySchema does not have the same leading hash key as table KeySchema for index: loc. "
                "index hash key: a, table hash key: pk"
            ),
        ),
        (table(global_=[index("glo", "a") | {"Projection": {}}]), f"{OOMPV}Unknown ProjectionType: null"),
        (
            table(global_=[index("glo", "a") | projected("ALL", "x")]),
            f"{OOMPV}ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            table(local=[index("loc", "pk a") | projected("KEYS_ONLY", "x")]),
            f"{OOMPV}ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified",
        ),
        (
            table(global_=[index("glo", "a") | projected("INCLUDE")]),
            f"{OOMPV}ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            table(global_=[index("glo", "a", ProvisionedThroughput=UNITS)]),
            f"{OOMPV}ProvisionedThroughput should not be specified for index: glo when BillingMode is PAY_PER_REQUEST",
        ),
        (
            table(global_=[index("glo", "a")], **PROVISIONED),
            f"{OOMPV}ProvisionedThroughput must be specified for index: glo",
        ),
        (table(local=[index("one", "pk a")], global_=[index("one", "a")]), f"{OOMPV}Duplicate index name: one"),
        (
            table(local=[index(f"l{number}", "pk a") for number in range(6)]),
            f"{OOMPV}Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
        (table(global_=many(21)), f"{OOMPV}GlobalSecondaryIndex count exceeds the per-table limit of 20"),
        (
            table(global_=including(20, 20, 20, 20, 20, 1)),
            f"{OOMPV}Number of NonKeyAttributes in all indexes exceeds the per-table limit of 100",
        ),
    ],
)
def test_indexes_of_a_new_table_are_refused(request_, message):
    with pytest.raises(ValidationException, match=f"^{re.escape(message)}$"):
        check_new_indexes(request_)


@pytest.mark.parametrize(
    "request_",
    [
        table(),
        table(local=[index(f"l{number}", "pk a") for number in range(5)], global_=many(20)),
        table(local=[index("loc", "pk sk")]),
        table(global_=including(20, 20, 20, 20, 20)),
        table(global_=[index("glo", "a", ProvisionedThroughput=UNITS)], **PROVISIONED),
    ],
)
def test_indexes_of_a_new_table_are_accepted(request_):
    check_new_indexes(request_)


def test_definitions_keep_what_was_said():
    request = table(
        local=[index("loc", "pk a", "KEYS_ONLY")],
        global_=[index("glo", "a b sk", ["x", "y"], hashes=2, ProvisionedThroughput=UNITS)],
    )
    local, global_ = new_definitions(request)
    assert (local.name, local.local, local.projection) == ("loc", True, "KEYS_ONLY")
    assert (local.read_units, local.write_units, local.non_key_attributes) == (0, 0, ())
    assert global_.key_schema == (("a", "HASH"), ("b", "HASH"), ("sk", "RANGE"))
    assert (global_.local, global_.read_units, global_.write_units) == (False, 1, 2)
    assert (global_.projection, global_.non_key_attributes) == ("INCLUDE", ("x", "y"))


def updates(*each, defined="a:S"):
    return {"AttributeDefinitions": attributes(defined), "GlobalSecondaryIndexUpdates": list(each)}


ONE = (
    f"{OOMPV}One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
    "GlobalSecondaryIndexUpdate.Delete must not be null"
)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (updates({}), ONE),
        (updates({"Create": index("one", "a"), "Delete": {"IndexName": "one"}}), ONE),
        (
            updates({"Delete": {"IndexName": "one"}}, {"Create": index("one", "a")}),
            f"{OOMPV}Only one global secondary index update per index is allowed simultaneously. Index: one",
        ),
        (
            updates({"Create": index("one", "a pk")}),
            (
                f"{OOMPV}Some index key attributes are not defined in AttributeDefinitions. "
                "Keys: [a, pk], AttributeDefinitions: [a]"
            ),
        ),
        (
            updates({"Create": index("one", "a") | {"Projection": {}}}),
            f"{OOMPV}Unknown ProjectionType: null",
        ),
        (
            updates(
                {"Update": {"IndexName": "one", "ProvisionedThroughput": UNITS | {"ReadCapacityUnits": 10**12 + 1}}}
            ),
            "Given value 1000000000001 for ReadCapacityUnits is out of bounds for index one",
        ),
    ],
)
def test_updates_that_are_wrong_for_any_table_are_refused(request_, message):
    with pytest.raises(ValidationException, match=f"^{re.escape(message)}$"):
        check_index_updates(request_)


def test_updates_that_some_table_may_accept_are_passed_on():
    check_index_updates({})
    check_index_updates(updates({"Delete": {"IndexName": "one"}}, {"Create": index("two", "a")}))
