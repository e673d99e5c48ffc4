"""The service: its operations as methods, several services on one file, and the administration of mappings."""

from __future__ import annotations

import inspect
import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from cdc.model.errors import (
    ConditionalCheckFailedException,
    ResourceInUseException,
    ResourceNotFoundException,
    SerializationException,
    ServiceError,
    ServiceUnavailable,
    ValidationException,
)
from cdc.model.options import Options
from cdc.service import Service, open_service
from cdc.service.control import UnknownMappingError
from cdc.service.operations import OPERATIONS
from cdc.store import index_items
from tests.table_definitions import attributes, index
from tests.unit.service.requests import OFF, ON, create, declaration, put, records

# -- operations --


def test_every_operation_is_a_method_named_as_in_boto3():
    for name in OPERATIONS:
        method = getattr(Service, re.sub("(?<!^)(?=[A-Z])", "_", name).lower())
        assert (inspect.getdoc(method) or "").endswith(f": {name}.")


WITHOUT_MEMBERS = {
    *("ListTables", "ListStreams", "ListBackups", "ListExports", "ListImports", "ListContributorInsights"),
    *("DescribeLimits", "DescribeEndpoints"),
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_method_runs_the_operation_of_its_name(service, name):
    method = getattr(service, re.sub("(?<!^)(?=[A-Z])", "_", name).lower())
    if name in WITHOUT_MEMBERS:
        assert method() == service.call(name, {})
        return
    with pytest.raises(ServiceError) as by_method:
        method(Nonsense=1)
    with pytest.raises(ServiceError) as by_name:
        service.call(name, {})
    assert (by_method.type, by_method.value.message) == (by_name.type, by_name.value.message)


def test_a_name_that_is_no_operation_is_a_key_error(service):
    with pytest.raises(KeyError):
        service.call("CreateGlobalTable", {})


def test_housekeeping_fills_an_index_and_gives_back_what_deleted_ones_held(service, monkeypatch):
    monkeypatch.setattr(index_items, "BACKFILL_ITEMS", 2)
    create(service)
    put(service, *"abcde")
    for change, held in (({"Create": index("by-pk", "pk")}, 5), ({"Delete": {"IndexName": "by-pk"}}, 0)):
        declared = attributes("pk:S") if held else []
        service.update_table(TableName="abc", AttributeDefinitions=declared, GlobalSecondaryIndexUpdates=[change])
        service.housekeep()
        rows = service.database.reader().execute("SELECT count(*) FROM index_items").fetchall()
        assert rows == [(held,)]
        assert service.describe_table(TableName="abc")["Table"]["TableStatus"] == "ACTIVE"


def test_refusals_are_the_errors_of_dynamodb(service):
    create(service)
    with pytest.raises(ResourceInUseException, match="Table already exists: abc"):
        create(service)
    with pytest.raises(ResourceNotFoundException):
        service.get_item(TableName="nowhere", Key={"pk": {"S": "a"}})
    with pytest.raises(ValidationException):
        service.get_item(TableName="abc", Key={})
    put(service, "a")
    with pytest.raises(ConditionalCheckFailedException) as caught:
        service.delete_item(
            TableName="abc",
            Key={"pk": {"S": "a"}},
            ConditionExpression="attribute_exists(v)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert caught.value.extra == {"Item": {"pk": {"S": "a"}}}


def test_what_was_put_is_no_longer_the_callers(service):
    create(service)
    item: dict[str, Any] = {"pk": {"S": "a"}, "l": {"L": [{"S": "x"}]}}
    service.put_item(TableName="abc", Item=item)
    item["l"]["L"].append({"S": "y"})
    found = service.get_item(TableName="abc", Key={"pk": {"S": "a"}})["Item"]
    assert found["l"] == {"L": [{"S": "x"}]}
    found["l"]["L"].clear()
    assert service.get_item(TableName="abc", Key={"pk": {"S": "a"}})["Item"]["l"] == {"L": [{"S": "x"}]}


@pytest.mark.parametrize("value", [{"B": b"raw"}, {"N": object()}, {"SS": {"a"}}])
def test_what_json_can_not_say_is_refused_with_a_hint(service, value):
    create(service)
    with pytest.raises(SerializationException, match=r"PutItem.*base64 text"):
        service.put_item(TableName="abc", Item={"pk": {"S": "a"}, "v": value})


def test_any_number_of_threads_may_write_and_read(service):
    create(service)

    def work(thread):
        for number in range(20):
            request = {"Key": {"pk": {"S": "shared"}}, "UpdateExpression": "ADD n :one"}
            service.update_item(TableName="abc", ExpressionAttributeValues={":one": {"N": "1"}}, **request)
            put(service, f"{thread}-{number}")
            assert service.get_item(TableName="abc", Key={"pk": {"S": f"{thread}-{number}"}})["Item"]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert service.get_item(TableName="abc", Key={"pk": {"S": "shared"}})["Item"]["n"] == {"N": "120"}
    assert len(records(service)) == 240


def test_closing_finishes_what_was_written_and_the_file_opens_again(path, clock):
    with open_service(path, None, clock) as first:
        create(first)
        put(first, "a")
    with open_service(path, None, clock) as second:
        assert second.scan(TableName="abc")["Count"] == 1
        assert len(records(second)) == 1


def test_a_closed_service_says_so(path, clock):
    with open_service(path, None, clock) as service:
        create(service)
    for act in (lambda: put(service, "a"), lambda: service.get_item(TableName="abc", Key={"pk": {"S": "a"}})):
        with pytest.raises(ServiceUnavailable, match="The database is closed"):
            act()


@pytest.mark.parametrize("operation", ["PutItem", "GetItem"])
def test_a_service_is_not_for_the_children_of_its_process(service, operation):
    create(service)
    key = {"pk": {"S": "a"}}
    request = {"TableName": "abc", "Item": key} if operation == "PutItem" else {"TableName": "abc", "Key": key}
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            service.call(operation, request)
        except ServiceUnavailable as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    assert "was opened before this process was forked; open it again after that" in said


# -- several services on one file --


@pytest.fixture
def other(service, clock):
    """Open the file of `service` a second time."""
    with open_service(service.path, Options(shards=2), clock) as other:
        yield other


def test_a_change_of_tables_by_one_service_is_seen_by_the_other_at_once(service, other):
    create(service, stream=False)
    put(other, "a")
    assert service.get_item(TableName="abc", Key={"pk": {"S": "a"}})["Item"]
    other.update_table(TableName="abc", StreamSpecification=ON)
    put(service, "b")
    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in records(other)] == ["b"]
    other.update_table(TableName="abc", StreamSpecification=OFF)
    put(service, "c")
    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in records(service)] == ["b"]
    other.delete_table(TableName="abc")
    for operation in ("GetItem", "DeleteItem"):
        with pytest.raises(ResourceNotFoundException):
            service.call(operation, {"TableName": "abc", "Key": {"pk": {"S": "a"}}})


def test_a_table_that_was_replaced_by_another_of_its_name_is_not_mistaken_for_it(service, other):
    create(service)
    put(service, "a")
    assert other.get_item(TableName="abc", Key={"pk": {"S": "a"}})["Item"]
    service.delete_table(TableName="abc")
    create(service)
    assert "Item" not in other.get_item(TableName="abc", Key={"pk": {"S": "a"}})
    put(other, "b")
    assert [item["pk"]["S"] for item in service.scan(TableName="abc")["Items"]] == ["b"]


def test_two_services_that_write_in_turn_never_give_a_number_twice(service, other):
    create(service)
    for number in range(10):
        put((service, other)[number % 2], str(number))
    found = records(service)
    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in found] == [str(number) for number in range(10)]


# -- options --


def test_new_options_apply_to_enabled_streams_and_to_new_ones(service):
    create(service)
    service.set_options(Options(shards=3, retention_seconds=7200))
    create(service, "def")
    streams = {stream["table"]: stream for stream in service.status()["streams"]}
    assert [streams[name]["retention_hours"] for name in ("abc", "def")] == [2, 2]
    assert [len(streams[name]["shards"]) for name in ("abc", "def")] == [2, 3]


# -- mappings --


def states(service):
    return {mapping.name: (mapping.paused, mapping.removed) for mapping in service.mappings()}


def test_mappings_are_those_of_the_configuration_and_removed_ones_are_remembered(service):
    service.declare_mappings([declaration("b"), declaration("a")])
    assert states(service) == {"a": (False, False), "b": (False, False)}
    service.declare_mappings([declaration("b", batch_size=5)])
    assert states(service) == {"a": (False, True), "b": (False, False)}
    [changed] = [mapping for mapping in service.mappings() if mapping.name == "b"]
    assert changed.settings.batch_size == 5
    ids = [mapping.id for mapping in service.mappings()]
    service.declare_mappings([declaration("a"), declaration("b")])
    assert states(service) == {"a": (False, False), "b": (False, False)}
    assert [mapping.id for mapping in service.mappings()] == ids


def test_a_pause_outlives_a_restart_and_a_reload(path, clock):
    with open_service(path, None, clock) as service:
        service.declare_mappings([declaration("a")])
        service.control.pause("a")
        service.control.pause("a")
    with open_service(path, None, clock) as service:
        service.declare_mappings([declaration("a")])
        assert states(service) == {"a": (True, False)}
        service.control.resume("a")
        assert states(service) == {"a": (False, False)}


def test_only_a_mapping_that_the_configuration_no_longer_names_can_be_forgotten(service):
    service.declare_mappings([declaration("a")])
    with pytest.raises(ServiceError, match="declared in the configuration"):
        service.forget_mapping("a")
    service.declare_mappings([])
    service.forget_mapping("a")
    assert service.mappings() == []


def test_an_unknown_mapping_is_answered_with_those_that_there_are(service):
    verbs = [service.forget_mapping, service.control.pause, service.control.resume, service.control.retry]
    verbs += [service.control.skip, partial(service.control.reset, position="LATEST")]
    for verb in verbs:
        with pytest.raises(UnknownMappingError, match="no mapping is named x; there are: none"):
            verb("x")
    service.declare_mappings([declaration("a"), declaration("b")])
    for verb in verbs:
        with pytest.raises(UnknownMappingError, match="there are: a, b"):
            verb("x")
