"""What item operations share: the order of checks, looking tables up, key paths, conditions, and answers."""

from __future__ import annotations

import orjson
import pytest

from cdc.expressions import Substitutions, bind_projection
from cdc.model.catalog import Table
from cdc.model.errors import DETECTED, Family, ResourceNotFoundException, SerializationException, ValidationException
from cdc.model.keys import KeySchema
from cdc.model.options import Options
from cdc.tables import shapes
from cdc.tables.definitions import create_table
from cdc.tables.requests import answer, bind_optional, find_table, of_shape, refuse_key_paths, substitutions

TABLE = Table(
    id=1,
    definition=None,  # type: ignore[arg-type]  # not looked at
    schema=KeySchema("pk", "S", "sk", "N"),
    created_ms=0,
    stream=None,
    index_keys=frozenset({"a"}),
)
STORED = b'{"pk":{"S":"a"},"v":{"N":"1"}}'


def test_a_shape_is_checked_before_the_operation_begins():
    @of_shape(shapes.GET_ITEM)
    def operation(_request, _options):
        raise AssertionError("the shape was not checked")

    with pytest.raises(ValidationException, match="'tableName'"):
        operation({}, Options())


def test_a_fault_that_an_operation_finds_gives_way_to_a_wrong_json_type():
    @of_shape(shapes.GET_ITEM)
    def operation(_request, _options):
        raise ValidationException("found by the operation")

    with pytest.raises(ValidationException, match="found by the operation"):
        operation({"TableName": "t", "Key": {"pk": {"S": "a"}}}, Options())
    with pytest.raises(SerializationException):
        operation({"TableName": "t", "Key": {"pk": {"S": 1}}}, Options())


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("prefixes", [False, True])
@pytest.mark.parametrize("options", [Options(), Options(prefixes_validation=True)])
def test_a_fault_of_a_request_is_prefixed_in_operations_that_prefix_if_the_options_say_so(family, prefixes, options):
    @of_shape(shapes.GET_ITEM, prefixes=prefixes)
    def operation(_request, _options):
        raise ValidationException("found", family=family)

    with pytest.raises(ValidationException) as caught:
        operation({"TableName": "t", "Key": {"pk": {"S": "a"}}}, options)
    prefixed = prefixes and options.prefixes_validation and family is Family.REQUEST
    assert caught.value.message == (f"{DETECTED}found" if prefixed else "found")
    assert "family" not in caught.value.body()
    with pytest.raises(SerializationException):
        operation({"TableName": "t", "Key": {"pk": {"S": 1}}}, options)


def test_a_fault_of_the_shape_is_never_prefixed_twice():
    @of_shape(shapes.GET_ITEM, prefixes=True)
    def operation(_request, _options):
        raise AssertionError("the shape was not checked")

    with pytest.raises(ValidationException) as caught:
        operation({"TableName": "t"}, Options(prefixes_validation=True))
    assert caught.value.message.count(DETECTED) == 1


def test_an_operation_keeps_its_name_and_its_documentation():
    @of_shape(shapes.GET_ITEM)
    def operation(_request, _options):
        """Do something."""

    assert (operation.__name__, operation.__doc__) == ("operation", "Do something.")


def test_a_table_is_found_by_name_and_by_arn(running):
    running.run(
        create_table,
        TableName="abc",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    catalog = running.reader.view().catalog
    assert find_table(catalog, "abc").name == "abc"
    assert find_table(catalog, "arn:aws:dynamodb:eu-west-1:123456789012:table/abc").name == "abc"
    for name in ("abd", "ABC", "arn:aws:dynamodb:eu-west-1:123456789012:table/abd", "arn:abc"):
        with pytest.raises(ResourceNotFoundException, match=r"^Requested resource not found$"):
            find_table(catalog, name)


def test_names_and_values_are_checked_only_when_there_are_any():
    assert substitutions({}, "ConditionExpression").names == {}
    with pytest.raises(ValidationException, match="ConditionExpression is null"):
        substitutions({"ExpressionAttributeValues": {":v": {"S": "a"}}}, "ConditionExpression")
    found = substitutions({"A": "a = :v", "ExpressionAttributeValues": {":v": {"N": "1.0"}}}, "A")
    assert found.values == {":v": {"N": "1"}}


def test_no_expression_is_no_condition():
    assert bind_optional(None, Substitutions()) is None
    with pytest.raises(ValidationException, match=r"^Invalid FilterExpression: "):
        bind_optional("", Substitutions(), "Filter")


@pytest.mark.parametrize(("text", "key"), [("pk.a", "pk"), ("sk[0]", "sk"), ("v, sk.x", "sk")])
def test_a_path_into_a_key_is_refused(text, key):
    with pytest.raises(ValidationException, match=f"not allowed: Key: {key}$"):
        refuse_key_paths(TABLE, bind_projection(text, Substitutions()).paths)


def test_a_path_into_an_index_key_is_refused_as_such():
    with pytest.raises(ValidationException, match=r"not allowed: IndexKey: a$"):
        refuse_key_paths(TABLE, bind_projection("v.a, a.v", Substitutions()).paths)


@pytest.mark.parametrize("text", ["a", "pk", "pk, sk, v.pk, w[0].sk"])
def test_a_path_to_a_key_or_elsewhere_is_not(text):
    refuse_key_paths(TABLE, bind_projection(text, Substitutions()).paths)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {}),
        ((STORED,), {"Attributes": orjson.loads(STORED)}),
        ((b"{}", None, None, b"Item"), {"Item": {}}),
        ((None, None, {"SizeEstimateRangeGB": [0, 1]}), {"ItemCollectionMetrics": {"SizeEstimateRangeGB": [0, 1]}}),
        ((None, {"CapacityUnits": 1}), {"ConsumedCapacity": {"CapacityUnits": 1}}),
        (
            (STORED, {"CapacityUnits": 1}, None, b"Item"),
            {"Item": orjson.loads(STORED), "ConsumedCapacity": {"CapacityUnits": 1}},
        ),
    ],
)
def test_an_answer_has_what_there_is_to_say(arguments, expected):
    assert orjson.loads(answer(*arguments)) == expected
