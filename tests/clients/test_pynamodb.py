"""PynamoDB, a mapper of objects to items: models with indexes, queries, conditions, updates, batches, transactions."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pynamodb.attributes import (
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import DeleteError, DoesNotExist, PutError, TransactGetError, TransactWriteError, UpdateError
from pynamodb.expressions.operand import Path
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection, LocalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite


class ByCity(GlobalSecondaryIndex["Person"]):
    class Meta:
        index_name = "by-city"
        projection = AllProjection()

    city = UnicodeAttribute(hash_key=True)
    age = NumberAttribute(range_key=True)


class ByScore(LocalSecondaryIndex["Person"]):
    class Meta:
        index_name = "by-score"
        projection = IncludeProjection(["city"])

    family = UnicodeAttribute(hash_key=True)
    score = NumberAttribute(range_key=True)


class Address(MapAttribute[str, object]):
    street = UnicodeAttribute()
    number = NumberAttribute(null=True)


class Person(Model):
    class Meta:
        table_name = "people"
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"
        host: ClassVar[str]

    family = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(range_key=True)
    city = UnicodeAttribute(null=True)
    age = NumberAttribute(null=True)
    score = NumberAttribute(null=True)
    tags = UnicodeSetAttribute(null=True)
    numbers = NumberSetAttribute(null=True)
    address = Address(null=True)
    visits: ListAttribute[object] = ListAttribute(null=True)
    born = UTCDateTimeAttribute(null=True)
    extra = JSONAttribute(null=True)
    by_city = ByCity()
    by_score = ByScore()


class Document(Model):
    class Meta:
        table_name = "documents"
        region = "us-east-1"
        host: ClassVar[str]
        read_capacity_units = 1
        write_capacity_units = 1

    id = UnicodeAttribute(hash_key=True)
    text = UnicodeAttribute(default="")
    version = VersionAttribute()


@pytest.fixture(scope="module", autouse=True)
def connection(daemon):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "local")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        yield from connected(daemon)


def connected(daemon):
    for model in (Person, Document):
        model.Meta.host = daemon.url
        model.create_table(wait=True)
    yield Connection(region="us-east-1", host=daemon.url)
    for model in (Person, Document):
        model.delete_table()
        assert not model.exists()


@pytest.fixture(autouse=True)
def _empty():
    for model in (Person, Document):
        with model.batch_write() as batch:
            for each in list(model.scan()):
                batch.delete(each)


@pytest.fixture
def family():
    """Twenty of one family, in two cities, and one other."""
    with Person.batch_write() as batch:
        for number in range(20):
            batch.save(
                Person(
                    "f",
                    f"n{number:02d}",
                    city="ab"[number % 2],
                    age=number,
                    score=100 - number,
                    tags={"x", str(number)},
                )
            )
        batch.save(Person("g", "n00", city="a", age=5))


def test_what_is_saved_is_read_back_in_every_type():
    born = UTCDateTimeAttribute().deserialize("1999-12-31T23:59:59.000001+0000")
    person = Person(
        "f", "n", city="ä", age=3, tags={"a", "b"}, numbers={1, 2.5}, address=Address(street="s", number=4),
        visits=[1, "x", {"k": [True, None]}], born=born, extra={"any": [1, {}]},
    )  # fmt: skip
    person.save()
    found = Person.get("f", "n", consistent_read=True)
    assert found.to_dynamodb_dict() == person.to_dynamodb_dict()
    assert found.address.street == "s"
    found.refresh()
    assert Person.count("f") == 1
    with pytest.raises(DoesNotExist):
        Person.get("f", "nobody")


def test_the_table_is_described_with_its_indexes():
    described = Person.describe_table()
    assert described["TableStatus"] == "ACTIVE"
    assert [each["IndexName"] for each in described["GlobalSecondaryIndexes"]] == ["by-city"]
    assert [each["IndexName"] for each in described["LocalSecondaryIndexes"]] == ["by-score"]


@pytest.mark.usefixtures("family")
def test_queries_page_through_table_and_indexes_in_their_order():
    found = Person.query("f", Person.name.between("n05", "n12"), page_size=3)
    assert [each.name for each in found] == [f"n{number:02d}" for number in range(5, 13)]
    found = Person.query("f", filter_condition=Person.tags.contains("x") & (Person.age < 4), limit=3)
    assert [each.age for each in found] == [0, 1, 2]
    found = Person.by_city.query("a", ByCity.age >= 4, page_size=2, scan_index_forward=False)
    assert [each.age for each in found] == [18, 16, 14, 12, 10, 8, 6, 5, 4]
    found = Person.by_score.query("f", ByScore.score > 95, consistent_read=True)
    assert [each.attribute_values for each in found] == [
        {"family": "f", "name": f"n{number:02d}", "city": "ab"[number % 2], "score": 100 - number}
        for number in (4, 3, 2, 1, 0)
    ]
    assert Person.by_city.count("b") == 10
    assert len(list(Person.by_city.scan(page_size=4))) == 21


@pytest.mark.usefixtures("family")
def test_a_query_goes_on_after_the_last_key_that_it_tells():
    pages = Person.by_city.query("a", limit=4)
    first = [each.age for each in pages]
    rest = Person.by_city.query("a", last_evaluated_key=pages.last_evaluated_key)
    assert first + [each.age for each in rest] == sorted([*range(0, 20, 2), 5])


@pytest.mark.usefixtures("family")
def test_a_parallel_scan_and_a_rate_limited_one_find_all():
    found = [each for segment in range(3) for each in Person.scan(segment=segment, total_segments=3)]
    assert len({(each.family, each.name) for each in found}) == len(found) == 21
    assert sum(1 for _ in Person.scan(Person.city == "a")) == 11
    assert sum(1 for _ in Person.scan(rate_limit=10_000)) == 21


def test_a_condition_that_is_not_met_saves_and_deletes_nothing():
    Person("f", "n", age=1).save(Person.family.does_not_exist())
    with pytest.raises(PutError) as refused:
        Person("f", "n", age=2).save(Person.family.does_not_exist())
    assert refused.value.cause_response_code == "ConditionalCheckFailedException"
    with pytest.raises(DeleteError):
        Person.get("f", "n").delete(Person.age > 1)
    assert Person.get("f", "n").age == 1


def test_updates_change_what_they_say_and_no_more():
    person = Person("f", "n", age=1, tags={"a"}, visits=[1], address=Address(street="s"))
    person.save()
    person.update(
        actions=[
            Person.age.set(Person.age + 5),
            Person.tags.add({"b"}),
            Person.visits.set(Person.visits.append([2])),
            Path(["address", "number"]).set(7),
            Person.score.set(Person.score | 9),
            Person.city.remove(),
        ],
        condition=Person.age == 1,
    )
    assert (person.age, person.tags, person.visits, person.score) == (6, {"a", "b"}, [1, 2], 9)
    assert (person.address.street, person.address.number) == ("s", 7)
    assert Person.get("f", "n").to_dynamodb_dict() == person.to_dynamodb_dict()
    with pytest.raises(UpdateError) as refused:
        person.update(actions=[Person.age.add(1)], condition=Person.age == 1)
    assert refused.value.cause_response_code == "ConditionalCheckFailedException"
    person.update(actions=[Person.tags.delete({"a", "b"})])
    assert person.tags is None


def test_batches_write_and_read_more_than_fit_in_one_request():
    with Person.batch_write() as batch:
        for number in range(60):
            batch.save(Person("f", f"n{number:03d}", age=number))
    keys = [("f", f"n{number:03d}") for number in range(120)]
    assert sorted(each.age for each in Person.batch_get(keys)) == list(range(60))
    found = Person.batch_get(keys[:2], attributes_to_get=["age"])
    assert sorted(each.age for each in found) == [0, 1]


def test_a_transaction_does_all_or_nothing(connection):
    Person("f", "old", age=1).save()
    with TransactWrite(connection=connection, client_request_token="t-1") as transaction:
        transaction.save(Person("f", "new", age=2), condition=Person.family.does_not_exist())
        transaction.update(Person("f", "old"), actions=[Person.age.add(10)])
        transaction.condition_check(Person, "f", "nobody", condition=Person.family.does_not_exist())
    with TransactGet(connection=connection) as reading:
        futures = [reading.get(Person, "f", name) for name in ("old", "new")]
    assert [future.get().age for future in futures] == [11, 2]
    transaction = TransactWrite(connection=connection)
    transaction.delete(Person("f", "old"))
    transaction.save(Person("f", "new", age=3), condition=Person.age > 5, return_values="ALL_OLD")
    with pytest.raises(TransactWriteError) as cancelled:
        transaction.__exit__(None, None, None)  # the end of its block
    reasons = cancelled.value.cancellation_reasons
    assert [reason and reason.code for reason in reasons] == [None, "ConditionalCheckFailed"]
    assert reasons[1] is not None
    assert reasons[1].raw_item is not None
    assert reasons[1].raw_item["age"] == {"N": "2"}
    assert [each.age for each in Person.query("f")] == [2, 11]


def test_reading_what_is_not_there_in_a_transaction(connection):
    with TransactGet(connection=connection) as reading:
        future = reading.get(Person, "f", "nobody")
    with pytest.raises(DoesNotExist):
        future.get()
    with pytest.raises(TransactGetError), TransactGet(connection=connection) as reading:
        reading.get(Person, "f", "")


def test_a_version_stops_the_one_who_saves_what_another_has_changed():
    document = Document("d")
    document.save()
    other = Document.get("d")
    other.text = "theirs"
    other.save()
    document.text = "mine"
    with pytest.raises(PutError) as refused:
        document.save()
    assert refused.value.cause_response_code == "ConditionalCheckFailedException"
    with pytest.raises(DeleteError):
        document.delete()
    document.refresh()
    document.update(actions=[Document.text.set("both")])
    assert (document.version, Document.get("d").text) == (3, "both")
