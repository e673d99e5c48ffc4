"""Rules of keys and streams, in the service's order and words."""

from __future__ import annotations

import pytest

from cdc.model.errors import ValidationException
from cdc.tables.definition_checks import check_create, check_update, new_definition

OOMPV = "One or more parameter values were invalid: "
UNDEFINED = (
    f"{OOMPV}Some index key attributes are not defined in AttributeDefinitions. "
    "Keys: [{}], AttributeDefinitions: [{}]"
)
COUNTS_DIFFER = (
    f"{OOMPV}Number of attributes in KeySchema does not exactly match "
    "number of attributes defined in AttributeDefinitions"
)


def key(name, kind="HASH"):
    return {"AttributeName": name, "KeyType": kind}


def attribute(name, kind="S"):
    return {"AttributeName": name, "AttributeType": kind}


def request(keys, attributes, **more):
    return {
        "TableName": "flights",
        "KeySchema": keys,
        "AttributeDefinitions": attributes,
        "BillingMode": "PAY_PER_REQUEST",
    } | more


def refusal(check, refused):
    with pytest.raises(ValidationException) as error:
        check(refused)
    return error.value.message


# In the order in which the service reports them: each request is wrong in what the later ones are about, too.
KEY_FAULTS = [
    ([key("a", "RANGE"), key("a")], [attribute("a")], "Invalid KeySchema: Some index key attribute have no definition"),
    ([key("a", "RANGE")], [], "Invalid KeySchema: Some index key attribute have no definition"),
    (
        [key("a", "RANGE"), key("a")],
        [attribute("b"), attribute("c"), attribute("d")],
        UNDEFINED.format("a, a", "b, c, d"),
    ),
    (
        [key("a", "RANGE"), key("a")],
        [attribute("a"), attribute("a"), attribute("b")],
        "Both the Hash Key and the Range Key element in the KeySchema have the same name",
    ),
    (
        [key("a", "RANGE"), key("b")],
        [attribute("a"), attribute("b"), attribute("c")],
        "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
    ),
    (
        [key("a"), key("b")],
        [attribute("a"), attribute("b"), attribute("c")],
        "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
    ),
    (
        [key("a")],
        [attribute("a"), attribute("b")],
        COUNTS_DIFFER,
    ),
]


@pytest.mark.parametrize(("keys", "attributes", "message"), KEY_FAULTS)
def test_faults_of_keys_are_found_in_order_and_before_those_of_streams(keys, attributes, message):
    stream = {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}
    assert refusal(check_create, request(keys, attributes, StreamSpecification=stream)) == message


def test_faults_of_throughput_are_found_before_those_of_keys():
    wrong = request([key("a")], [], BillingMode="PROVISIONED")
    assert refusal(check_create, wrong).endswith("must both be specified when BillingMode is PROVISIONED")


def test_a_stream_needs_a_view_type_and_its_absence_must_have_none():
    keys = [key("a")], [attribute("a")]
    odd = {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}
    assert refusal(check_create, request(*keys, StreamSpecification=odd)) == (
        f"{OOMPV}Table is being created with a stream disabled, UpdateViewType should not be specified"
    )
    assert "UpdateViewType" in refusal(check_create, request(*keys, StreamSpecification={"StreamEnabled": True}))
    assert "UpdateViewType" in refusal(check_update, {"StreamSpecification": odd})
    assert "UpdateViewType" in refusal(check_update, {"StreamSpecification": {"StreamEnabled": True}})


def test_a_stream_is_asked_for_declined_or_not_mentioned():
    keys = [key("a")], [attribute("a")]
    enabled = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert check_create(request(*keys)) is None
    assert check_create(request(*keys, StreamSpecification={"StreamEnabled": False})) is None
    assert check_create(request(*keys, StreamSpecification=enabled)) == ("NEW_IMAGE",)
    assert check_update({"StreamSpecification": enabled}) == ("NEW_IMAGE",)
    assert check_update({"StreamSpecification": {"StreamEnabled": False}}) == (None,)
    assert check_update({"TableClass": "STANDARD"}) is None


@pytest.mark.parametrize("nothing", [{}, {"AttributeDefinitions": []}, {"TableClass": None}])
def test_an_update_changes_something(nothing):
    assert refusal(check_update, nothing) == (
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates "
        "or SSESpecification or ReplicaUpdates is required"
    )


def test_a_definition_keeps_what_was_said():
    keys = [key("a"), key("b", "RANGE")], [attribute("b", "N"), attribute("a")]
    definition = new_definition(request(*keys), "id", 1_000)
    assert (definition.hash_name, definition.range_name) == ("a", "b")
    assert definition.attributes == (("b", "N"), ("a", "S"))
    assert (definition.billing_mode, definition.on_demand_since_ms) == ("PAY_PER_REQUEST", 1_000)
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    definition = new_definition(
        request([key("a")], [attribute("a")], BillingMode=None, ProvisionedThroughput=units), "", 1
    )
    assert (definition.billing_mode, definition.read_units, definition.write_units) == ("PROVISIONED", 5, 6)
    assert (definition.billing_summary, definition.range_name) == (False, None)
