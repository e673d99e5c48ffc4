"""Enforcing throughput: buckets by the clock, and requests refused while they are empty."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc.model.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    ProvisionedThroughputExceededException,
    SerializationException,
    ThrottlingException,
    TransactionCanceledException,
    ValidationException,
)
from cdc.model.options import Options
from cdc.service import open_service
from cdc.tables.enforcement import EXCEEDED, INDEX_EXCEEDED, MAXIMUM_EXCEEDED, Owner
from tests.table_definitions import definition, index

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
}
A = {"pk": {"S": "a"}}
BIG = A | {"v": {"S": "x" * 5000}}  # 5 units to write, 2 to read consistently
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/abc"


@pytest.fixture
def service(tmp_path, clock):
    options = Options(enforces_throughput=True, burst_seconds=2)
    with open_service(tmp_path / "cdc.db", options, clock) as service:
        yield service


@pytest.fixture
def create(service):
    def create(name="abc", reads=5, writes=5):
        units = {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}
        service.create_table(TableName=name, **KEYS, ProvisionedThroughput=units)

    return create


def put(service, item=A, name="abc", **request):
    return service.put_item(TableName=name, Item=item, **request)


def test_writes_beyond_the_burst_are_refused_until_units_have_come_in(service, create, clock):
    create(writes=3)
    for _ in range(6):
        put(service)
    with pytest.raises(ProvisionedThroughputExceededException) as caught:
        put(service)
    assert caught.value.message == EXCEEDED
    reason = {"reason": "TableWriteProvisionedThroughputExceeded", "resource": ARN}
    assert caught.value.extra == {"ThrottlingReasons": [reason]}
    assert service.get_item(TableName="abc", Key=A)["Item"] == A
    clock.advance(1)
    for _ in range(3):
        put(service)
    with pytest.raises(ProvisionedThroughputExceededException):
        put(service)
    clock.advance(1000)
    for _ in range(6):
        put(service)
    with pytest.raises(ProvisionedThroughputExceededException):
        put(service)


def test_a_request_takes_what_it_consumed_and_may_leave_a_debt(service, create, clock):
    create(reads=1, writes=1)
    put(service, BIG)
    clock.advance(3)
    with pytest.raises(ProvisionedThroughputExceededException):
        put(service)
    clock.advance(0.5)
    put(service)
    for _ in range(2):
        service.get_item(TableName="abc", Key=A, ConsistentRead=True)
    with pytest.raises(ProvisionedThroughputExceededException) as caught:
        service.scan(TableName="abc")
    assert caught.value.extra["ThrottlingReasons"][0]["reason"] == "TableReadProvisionedThroughputExceeded"


def test_a_failed_condition_consumes(service, create):
    create(writes=1)
    for _ in range(2):
        with pytest.raises(ConditionalCheckFailedException):
            put(service, ConditionExpression="attribute_exists(x)")
    with pytest.raises(ProvisionedThroughputExceededException):
        put(service)


def test_a_change_of_units_counts_at_once(service, create):
    create(writes=1)
    put(service)
    put(service)
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 100}
    service.update_table(TableName="abc", ProvisionedThroughput=units)
    service.clock.advance(0.1)
    for _ in range(10):
        put(service)


def test_an_on_demand_table_has_no_limit_but_the_maximum_it_was_given(service):
    on_demand = {"BillingMode": "PAY_PER_REQUEST"}
    service.create_table(TableName="abc", **KEYS, **on_demand)
    for _ in range(50):
        put(service)
    service.update_table(TableName="abc", OnDemandThroughput={"MaxWriteRequestUnits": 1})
    put(service)
    put(service)
    with pytest.raises(ThrottlingException) as caught:
        put(service)
    assert caught.value.message == MAXIMUM_EXCEEDED
    reason = {"reason": "TableWriteMaxOnDemandThroughputExceeded", "resource": ARN}
    assert caught.value.extra == {"throttlingReasons": [reason]}


def test_a_transaction_takes_from_each_of_its_tables(service, create):
    create("abc", writes=1)
    create("def", writes=100)
    puts = [{"Put": {"TableName": name, "Item": A}} for name in ("abc", "def")]
    answer = service.call("TransactWriteItems", {"TransactItems": puts, "ReturnConsumedCapacity": "TOTAL"})
    assert [each["CapacityUnits"] for each in answer["ConsumedCapacity"]] == [2.0, 2.0]
    with pytest.raises(TransactionCanceledException) as caught:
        service.call("TransactWriteItems", {"TransactItems": puts})
    reasons = [{"Code": "ProvisionedThroughputExceeded", "Message": EXCEEDED}, {"Code": "None"}]
    assert caught.value.extra["CancellationReasons"] == reasons
    assert "[ProvisionedThroughputExceeded, None]" in caught.value.message
    service.call("TransactWriteItems", {"TransactItems": puts[1:]})
    gets = [{"Get": {"TableName": "abc", "Key": A}}]
    for _ in range(5):
        service.call("TransactGetItems", {"TransactItems": gets})
    with pytest.raises(TransactionCanceledException):
        service.call("TransactGetItems", {"TransactItems": gets})


def test_of_a_batch_only_what_is_for_an_exhausted_table_is_left(service, create):
    create("abc", writes=1)
    create("def", writes=100)
    put(service, BIG)
    puts = [{"PutRequest": {"Item": A | {"v": {"S": "1"}}}}]
    answer = service.batch_write_item(RequestItems={"abc": puts, "def": puts})
    assert answer == {"UnprocessedItems": {"abc": puts}}
    assert service.get_item(TableName="def", Key=A)["Item"]["v"] == {"S": "1"}
    assert service.get_item(TableName="abc", Key=A)["Item"] == BIG
    with pytest.raises(ProvisionedThroughputExceededException):
        service.batch_write_item(RequestItems={"abc": puts})
    table = service.reader.view().catalog.tables["abc"]
    while service.enforcer.has_units(Owner(table), "Read"):
        service.get_item(TableName="abc", Key=A, ConsistentRead=True)
    keys = {"Keys": [A]}
    answer = service.batch_get_item(RequestItems={"abc": keys, "def": keys})
    assert answer["UnprocessedKeys"] == {"abc": keys}
    assert list(answer["Responses"]) == ["def"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (None, None),
        ("NONE", None),
        ("TOTAL", {"TableName": "abc", "CapacityUnits": 1.0}),
        ("INDEXES", {"TableName": "abc", "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}}),
    ],
)
def test_the_caller_sees_the_capacity_that_it_asked_for(service, create, mode, expected):
    create()
    asked = {} if mode is None else {"ReturnConsumedCapacity": mode}
    assert put(service, **asked).get("ConsumedCapacity") == expected
    batch = service.batch_get_item(RequestItems={"abc": {"Keys": [A], "ConsistentRead": True}}, **asked)
    assert batch.get("ConsumedCapacity") == (None if expected is None else [expected])


def test_what_is_wrong_is_refused_as_ever(service, create):
    create()
    with pytest.raises(ValidationException, match="returnConsumedCapacity"):
        put(service, ReturnConsumedCapacity="x")
    with pytest.raises(SerializationException):
        put(service, ReturnConsumedCapacity=["TOTAL"])
    with pytest.raises(ValidationException, match="Missing the key pk"):
        put(service, {})


def test_it_can_be_switched_on_and_off(service, create):
    create(writes=1)
    put(service)
    put(service)
    service.set_options(replace(service.options, enforces_throughput=False))
    for _ in range(5):
        put(service)
    service.set_options(replace(service.options, enforces_throughput=True))
    put(service)


def test_statements_take_units_of_their_table_as_the_operations_that_do_the_same(service, create, clock):
    create(reads=1, writes=2)
    insert = {"Statement": "INSERT INTO abc VALUE {'pk': 'a'}"}
    service.execute_statement(**insert)
    with pytest.raises(DuplicateItemException):
        service.execute_statement(**insert)
    service.execute_transaction(TransactStatements=[{"Statement": "UPDATE abc SET v = 1 WHERE pk = 'a'"}])
    with pytest.raises(ProvisionedThroughputExceededException):
        service.execute_statement(**insert)
    with pytest.raises(TransactionCanceledException):
        service.execute_transaction(TransactStatements=[{"Statement": "DELETE FROM abc WHERE pk = 'a'"}])
    select = {"Statement": "SELECT * FROM abc WHERE pk = 'a'", "ConsistentRead": True}
    for _ in range(2):
        assert "ConsumedCapacity" not in service.execute_statement(**select)
    with pytest.raises(ProvisionedThroughputExceededException):
        service.execute_statement(**select)
    clock.advance(1)
    service.execute_statement(**select)


def test_of_a_batch_of_statements_those_of_exhausted_tables_are_refused_each_in_its_place(service, create, clock):
    create("abc", writes=1)
    create("def", writes=100)
    service.create_table(
        TableName="ghi", **KEYS, BillingMode="PAY_PER_REQUEST", OnDemandThroughput={"MaxWriteRequestUnits": 1}
    )
    put(service, BIG)
    put(service, BIG, "ghi")
    deletes = [{"Statement": f"DELETE FROM {name} WHERE pk = 'a'"} for name in ("abc", "def", "ghi")]
    answer = service.batch_execute_statement(
        Statements=[deletes[0], {"Statement": "garbage"}, *deletes[1:]], ReturnConsumedCapacity="TOTAL"
    )
    exceeded = {"Error": {"Code": "ProvisionedThroughputExceeded", "Message": EXCEEDED}}
    assert answer["Responses"][0] == exceeded
    assert answer["Responses"][1]["Error"]["Code"] == "ValidationError"
    assert answer["Responses"][2] == {"TableName": "def"}
    assert answer["Responses"][3] == {"Error": {"Code": "ThrottlingError", "Message": MAXIMUM_EXCEEDED}}
    assert answer["ConsumedCapacity"] == [{"TableName": "def", "CapacityUnits": 1.0}]
    assert service.get_item(TableName="abc", Key=A)["Item"] == BIG
    assert service.batch_execute_statement(Statements=deletes[:1]) == {"Responses": [exceeded]}
    clock.advance(10)
    assert service.batch_execute_statement(Statements=deletes[:1]) == {"Responses": [{"TableName": "abc"}]}
    assert "Item" not in service.get_item(TableName="abc", Key=A)


class TestIndexes:
    """Global indexes have units of their own; local ones use the table's."""

    @pytest.fixture
    def create_indexed(self, service):
        def create(**throughput_of_index):
            local, global_ = [index("local", "pk v")], [index("global", "v", "KEYS_ONLY", **throughput_of_index)]
            request = definition("pk:S sk:S", "v:S", local=local, global_=global_)
            if "ProvisionedThroughput" in throughput_of_index:
                request |= {"BillingMode": "PROVISIONED", "ProvisionedThroughput": self.units(100, 100)}
            service.create_table(TableName="abc", **request)

        return create

    @staticmethod
    def units(reads, writes):
        return {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}

    @staticmethod
    def query(service, index_name, **more):
        key = {"KeyConditionExpression": "v = :v", "ExpressionAttributeValues": {":v": {"S": "v"}}}
        return service.query(TableName="abc", IndexName=index_name, **key, **more)

    @staticmethod
    def put(service, sk="a"):
        return put(service, {"pk": {"S": "a"}, "sk": {"S": sk}, "v": {"S": "v"}})

    def test_a_read_of_an_exhausted_one_is_refused_and_the_table_is_read_as_ever(self, service, create_indexed, clock):
        create_indexed(ProvisionedThroughput=self.units(1, 100))
        for _ in range(4):  # of half a unit each
            self.query(service, "global")
        for read in (
            lambda: self.query(service, "global"),
            lambda: service.scan(TableName="abc", IndexName="global"),
            lambda: service.execute_statement(Statement='SELECT * FROM "abc"."global"'),
        ):
            with pytest.raises(ProvisionedThroughputExceededException) as caught:
                read()
            assert caught.value.message == INDEX_EXCEEDED
            reason = {"reason": "IndexReadProvisionedThroughputExceeded", "resource": f"{ARN}/index/global"}
            assert caught.value.extra == {"ThrottlingReasons": [reason]}
        service.scan(TableName="abc")
        service.scan(TableName="abc", IndexName="local")
        clock.advance(1)
        self.query(service, "global")

    def test_a_write_waits_for_one_that_it_changes(self, service, create_indexed, clock):
        create_indexed(ProvisionedThroughput=self.units(100, 1))
        self.put(service, "a")
        self.put(service, "b")
        with pytest.raises(ProvisionedThroughputExceededException) as caught:
            self.put(service, "c")
        assert caught.value.extra["ThrottlingReasons"][0]["reason"] == "IndexWriteProvisionedThroughputExceeded"
        puts = [{"PutRequest": {"Item": {"pk": {"S": "a"}, "sk": {"S": "x"}}}}]
        service.create_table(TableName="def", **definition("pk:S sk:S"))
        answer = service.batch_write_item(RequestItems={"abc": puts, "def": puts})
        assert answer["UnprocessedItems"] == {"abc": puts}
        clock.advance(1)
        self.put(service, "c")

    def test_of_an_on_demand_table_it_has_the_maximum_that_it_was_given(self, service, create_indexed):
        create_indexed(OnDemandThroughput={"MaxWriteRequestUnits": 1})
        self.put(service, "a")
        self.put(service, "b")
        with pytest.raises(ThrottlingException) as caught:
            self.put(service, "c")
        assert caught.value.message == MAXIMUM_EXCEEDED
        reason = {"reason": "IndexWriteMaxOnDemandThroughputExceeded", "resource": f"{ARN}/index/global"}
        assert caught.value.extra == {"throttlingReasons": [reason]}
        for _ in range(10):
            self.query(service, "global")

    def test_a_local_one_takes_from_the_table(self, service, create_indexed):
        create_indexed(ProvisionedThroughput=self.units(100, 100))
        service.update_table(TableName="abc", ProvisionedThroughput=self.units(1, 100))
        for _ in range(4):
            service.scan(TableName="abc", IndexName="local")
        with pytest.raises(ProvisionedThroughputExceededException) as caught:
            service.scan(TableName="abc", IndexName="local")
        assert caught.value.message == EXCEEDED
