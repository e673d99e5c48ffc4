"""A PartiQL statement does what the item operation that says the same does: to the table, to its stream, and in its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.clock import ManualClock
from cdc.model.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    ServiceError,
    TransactionCanceledException,
    ValidationException,
)
from cdc.model.options import Options
from cdc.service import Service, open_service
from cdc.store.check import check
from tests.property.statements import VALUES, Both, condition
from tests.table_definitions import definition, index
from tests.unit.service.requests import records

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = 8
KINDS = ("update", "select", "delete", "insert", "transact", "select_from_index")
PARTITIONS = ("p", "q's")
SORT_KEYS = (-1, 2)
KEYED = {
    **definition("pk:S sk:N", "c:N", local=[index("local", "pk c", "KEYS_ONLY")], global_=[index("global", "c sk")]),
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}
NUMBERS = st.integers(-2, 3).map(lambda number: {"N": str(number)})
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "a": VALUES,
        "b": VALUES,
        "c": NUMBERS,
        "m": st.fixed_dictionaries({}, optional={"x": NUMBERS, "y": VALUES}).map(lambda members: {"M": members}),
        "l": st.lists(VALUES, max_size=3).map(lambda elements: {"L": elements}),
    },
)
Item = dict[str, Any]


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    options = Options(region="eu-west-1", account_id="123456789012", shards=1)
    with open_service(tmp_path_factory.mktemp("equivalence") / "cdc.db", options, ManualClock()) as opened:
        yield opened
        assert list(check(opened.database)) == []


def keys(draw) -> Item:
    partition, number = draw(st.sampled_from(PARTITIONS)), draw(st.sampled_from(SORT_KEYS))
    return {"pk": {"S": partition}, "sk": {"N": str(number)}}


class Twins:
    """Two tables that are to be the same: statements change `ours`, item operations `theirs`."""

    def __init__(self, service: Service, draw) -> None:
        self.service = service
        self.draw = draw
        for name in ("ours", "theirs"):
            service.create_table(TableName=name, **KEYED)

    def fill(self) -> None:
        """Begin with an item under each key."""
        for partition in PARTITIONS:
            for number in SORT_KEYS:
                item = {"pk": {"S": partition}, "sk": {"N": str(number)}, **self.draw(ATTRIBUTES)}
                for name in ("ours", "theirs"):
                    self.service.put_item(TableName=name, Item=item)

    def close(self) -> None:
        for name in ("ours", "theirs"):
            self.service.delete_table(TableName=name)

    def execute(self, both: Both, text: str) -> dict[str, Any] | type[ServiceError]:
        parameters = {"Parameters": both.statement.parameters} if both.statement.parameters else {}
        return self._outcome("ExecuteStatement", {"Statement": text, **parameters})

    def item_operation(self, operation: str, **request: Any) -> dict[str, Any] | type[ServiceError]:
        return self._outcome(operation, {"TableName": "theirs", **request})

    def _outcome(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | type[ServiceError]:
        try:
            return self.service.call(operation, request)
        except DuplicateItemException:
            return ConditionalCheckFailedException
        except (ConditionalCheckFailedException, ValidationException) as error:
            return type(error)

    def insert(self) -> None:
        both = Both(self.draw)
        item = keys(self.draw) | self.draw(ATTRIBUTES)
        mine, _ = both.value({"M": item})
        ours = self.execute(both, f"INSERT INTO ours VALUE {mine}")
        theirs = self.item_operation("PutItem", Item=item, ConditionExpression="attribute_not_exists(pk)")
        assert _returned(ours) == theirs

    def update(self) -> None:
        both = Both(self.draw)
        key = keys(self.draw)
        names = self.draw(st.sets(st.sampled_from("abcml"), min_size=1, max_size=3))
        clauses = [self._clause(both, name) for name in sorted(names)]
        where, also = self._where(both, key, "attribute_exists(pk)")
        part, image = self.draw(st.sampled_from(["ALL", "MODIFIED"])), self.draw(st.sampled_from(["OLD", "NEW"]))
        statement = f"UPDATE ours {' '.join(mine for mine, _ in clauses)} {where} RETURNING {part} {image} *"
        ours = self.execute(both, statement)
        theirs = self.item_operation(
            "UpdateItem",
            Key=key,
            UpdateExpression=_sections(expression for _, expression in clauses),
            ConditionExpression=also,
            ReturnValues=f"{'UPDATED' if part == 'MODIFIED' else part}_{image}",
            **both.expressions.parameters(),
        )
        assert _returned(ours) == theirs

    def _clause(self, both: Both, name: str) -> tuple[str, str]:
        kind = self.draw(st.sampled_from(["set", "inside", "remove", "add", "append"]))
        if kind == "remove":
            return f"REMOVE {name}", f"REMOVE {name}"
        if kind == "add" and name == "c":
            amount, theirs = both.value({"N": "2"})
            return f"SET {name} = {name} + {amount}", f"SET {name} = {name} + {theirs}"
        if kind == "append" and name == "l":
            mine, theirs = both.value({"L": [{"N": "7"}]})
            return f"SET {name} = list_append({name}, {mine})", f"SET {name} = list_append({name}, {theirs})"
        path = name + {"m": ".x", "l": "[1]"}.get(name, "") if kind == "inside" else name
        mine, theirs = both.value(self.draw(VALUES))
        return f"SET {path} = {mine}", f"SET {path} = {theirs}"

    def delete(self) -> None:
        both = Both(self.draw)
        key = keys(self.draw)
        where, also = self._where(both, key, "")
        ours = self.execute(both, f"DELETE FROM ours {where} RETURNING ALL OLD *")
        request = {"ConditionExpression": f"attribute_not_exists(pk) OR {also}"} if also else {}
        theirs = self.item_operation(
            "DeleteItem", Key=key, ReturnValues="ALL_OLD", **request, **both.expressions.parameters()
        )
        assert _returned(ours) == theirs

    def _where(self, both: Both, key: Item, also: str) -> tuple[str, str]:
        """Write WHERE and the condition beside its key, joined to what is demanded also."""
        mine = [f"{name} = {both.statement.value(key[name], as_parameter=self.draw(st.booleans()))}" for name in key]
        conditions = [also] if also else []
        if self.draw(st.sampled_from([False, False, True])):
            ours, theirs = condition(both)
            mine.append(ours)
            conditions.append(theirs)
        return f"WHERE {' AND '.join(mine)}", " AND ".join(conditions)

    def select(self) -> None:
        both = Both(self.draw)
        partition = self.draw(st.none() | st.sampled_from(PARTITIONS))
        mine: list[str] = []
        expressions: dict[str, str] = {}
        if partition is not None:
            text = f"pk = {both.statement.value({'S': partition}, as_parameter=self.draw(st.booleans()))}"
            key_condition = f"pk = {both.expressions.value({'S': partition})}"
            if self.draw(st.booleans()):
                operator = self.draw(st.sampled_from(["=", "<", "<=", ">", ">="]))
                written, theirs = both.value(self.draw(NUMBERS))
                text += f" AND sk {operator} {written}"
                key_condition += f" AND sk {operator} {theirs}"
            mine.append(text)
            expressions["KeyConditionExpression"] = key_condition
        if self.draw(st.booleans()):
            written, filter_ = condition(both)
            mine.append(written)
            expressions["FilterExpression"] = filter_
        where = f" WHERE {' AND '.join(mine)}" if mine else ""
        found = self.execute(both, f"SELECT * FROM ours{where}")
        operation = "Scan" if partition is None else "Query"
        expected = self.item_operation(operation, **expressions, **both.expressions.parameters())
        assert isinstance(found, dict)
        assert isinstance(expected, dict)
        assert found["Items"] == expected["Items"]

    def select_from_index(self) -> None:
        both = Both(self.draw)
        mine, theirs = both.value(self.draw(NUMBERS))
        texts = [(f"c = {mine}", f"c = {theirs}")]
        if self.draw(st.booleans()):
            texts.append(condition(both))
        where, filter_ = (" AND ".join(each) for each in zip(*texts, strict=True))
        ours = self.execute(both, f"SELECT * FROM ours.global WHERE {where}")
        # A filter of a Query may not name its key.
        expected = self.item_operation(
            "Scan", IndexName="global", FilterExpression=filter_, **both.expressions.parameters()
        )
        assert isinstance(ours, dict)
        assert isinstance(expected, dict)
        assert ours["Items"] == expected["Items"]

    def transact(self) -> None:
        statements, actions = [], []
        for key in {str(key): key for key in (keys(self.draw) for _ in range(3))}.values():
            both = Both(self.draw)
            kind = self.draw(st.sampled_from(["Put", "Update", "Delete", "ConditionCheck"]))
            if kind == "Put":
                item = key | self.draw(ATTRIBUTES)
                text = f"INSERT INTO ours VALUE {both.value({'M': item})[0]}"
                asked: Item = {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
            else:
                text, asked = self._keyed_action(both, kind, key)
            parameters = {"Parameters": both.statement.parameters} if both.statement.parameters else {}
            statements.append({"Statement": text, **parameters})
            actions.append({kind: {"TableName": "theirs", **asked}})
        ours = self._reasons("ExecuteTransaction", TransactStatements=statements)
        assert ours == self._reasons("TransactWriteItems", TransactItems=actions)

    def _keyed_action(self, both: Both, kind: str, key: Item) -> tuple[str, Item]:
        head, update = "DELETE FROM ours", {}
        if kind == "Update":
            mine, theirs = self._clause(both, self.draw(st.sampled_from("abcml")))
            head, update = f"UPDATE ours {mine}", {"UpdateExpression": theirs}
        where, also = self._where(both, key, "")
        if kind == "ConditionCheck":
            mine, theirs = both.value(self.draw(NUMBERS))
            also = f"attribute_exists(pk) AND c = {theirs}" + (f" AND {also}" if also else "")
            return f"EXISTS(SELECT * FROM ours {where} AND c = {mine})", {
                "Key": key,
                "ConditionExpression": also,
                **both.expressions.parameters(),
            }
        if kind == "Update":
            also = "attribute_exists(pk)" + (f" AND {also}" if also else "")
        elif also:
            also = f"attribute_not_exists(pk) OR {also}"
        given = {"ConditionExpression": also} if also else {}
        return f"{head} {where}", {"Key": key, **update, **given, **both.expressions.parameters()}

    def _reasons(self, operation: str, **request: Any) -> list[str]:
        """Run a transaction; return the codes that it was refused with, where a duplicate is a failed condition."""
        try:
            self.service.call(operation, request)
        except TransactionCanceledException as error:
            codes = [reason["Code"] for reason in error.extra["CancellationReasons"]]
            return ["ConditionalCheckFailed" if code == "DuplicateItem" else code for code in codes]
        except ValidationException as error:
            return [error.code]
        return []


def _sections(clauses) -> str:
    """Join clauses of one section, which an expression has once."""
    by_section: dict[str, list[str]] = {}
    for clause in clauses:
        section, _, rest = clause.partition(" ")
        by_section.setdefault(section, []).append(rest)
    return " ".join(f"{section} {', '.join(rest)}" for section, rest in by_section.items())


def _returned(outcome):
    """Write the answer of a statement as the item operation's."""
    if not isinstance(outcome, dict):
        return outcome
    return {"Attributes": outcome["Items"][0]} if outcome["Items"] else {}


def changes(service: Service, table: str) -> list[Any]:
    return [
        (record["eventName"], record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage"))
        for record in records(service, table)
    ]


@settings(max_examples=60)
@given(st.data())
def test_statements_and_item_operations_do_the_same(service, data):
    twins = Twins(service, data.draw)
    try:
        twins.fill()
        for _ in range(STEPS):
            data.draw(st.sampled_from([getattr(twins, step) for step in KINDS]))()
        ours, theirs = (service.scan(TableName=name)["Items"] for name in ("ours", "theirs"))
        assert ours == theirs
        assert changes(service, "ours") == changes(service, "theirs")
    finally:
        twins.close()
