"""A table's indexes against a plain model: whatever is written in whatever way, each shows what its table demands.

Items are put, updated, deleted, batched and transacted; an index is added to the live table, filled three items at a time
between other writes, and deleted again; the file is closed and opened. An index that can be read is always, entry by entry
and in its order, the projection of the table: by Scan and by Query, forwards and backwards, in pages of any size.
"""

from __future__ import annotations

import tempfile
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cdc.clock import ManualClock
from cdc.model.errors import TransactionCanceledException, ValidationException
from cdc.model.options import Options
from cdc.model.values import item_size
from cdc.service import Service, open_service
from cdc.store import index_items
from cdc.store.check import check
from cdc.streams.retention import purge_step
from cdc.tables.backfill import backfill_step
from tests.table_definitions import attributes, definition, index

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = 25
STEPS = 30

Item = dict[str, Any]
Key = tuple[str, str]
Parts = tuple[list[str], list[str], list[str] | None]

TABLE_KEY = ("pk", "sk")
# By name: partition key, sort key, what is included besides the keys (None: everything).
FIXED: dict[str, Parts] = {
    "local": (["pk"], ["a"], []),
    "some": (["a"], ["c"], ["v", "pk"]),
    "several": (["a", "d"], ["c", "sk"], None),
    "hash": (["d"], [], None),
}
LATE: dict[str, Parts] = {"late": (["b"], [], ["v"])}
TYPES = {"pk": "S", "sk": "S", "a": "S", "b": "S", "c": "N", "d": "B"}
TABLE = {
    "TableName": "tab",
    **definition(
        "pk:S sk:S",
        "a:S c:N d:B",
        local=[index("local", "pk a", "KEYS_ONLY")],
        global_=[
            index("some", "a c", ["v", "pk"]),
            index("several", "a d c sk", hashes=2),
            index("hash", "d"),
        ],
    ),
}
KEYS = st.tuples(st.sampled_from("pq"), st.sampled_from(["1", "2\0", "2", "3"]))
VALUES: dict[str, st.SearchStrategy[Item]] = {
    "a": st.sampled_from(["x", "x\0", "x\0y", "y"]).map(lambda text: {"S": text}),
    "b": st.sampled_from([{"S": "m"}, {"S": "n"}, {"N": "1"}, {"S": ""}, {"SS": ["m"]}]),
    "c": st.sampled_from(["-1", "0", "2", "10"]).map(lambda number: {"N": number}),
    "d": st.sampled_from(["AA==", "AAE=", "/w=="]).map(lambda raw: {"B": raw}),
    "v": st.sampled_from([{"S": "short"}, {"S": "longer" * 300}, {"NS": ["1", "2"]}]),
    "w": st.sampled_from([{"S": "one"}, {"S": "another"}]),
}
ATTRIBUTES = st.fixed_dictionaries({}, optional=VALUES)


def key_of(key: Key) -> Item:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def sorted_as_keys(value: Item) -> Any:
    """Give what a key value is ordered by."""
    [(kind, text)] = value.items()
    order: dict[str, Callable[[str], Any]] = {"S": str.encode, "N": int, "B": b64decode}
    return order[kind](text)


def has_key(item: Item, names: list[str]) -> bool:
    return all(name in item and item[name].get(TYPES[name]) for name in names)


class Indexed(RuleBasedStateMachine):
    """Drives a service; `items` is what it must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(index_items, "BACKFILL_ITEMS", 3)
        self.service = self.open()
        self.items: dict[Key, Item] = {}
        self.indexes = dict(FIXED)

    def open(self) -> Service:
        return open_service(Path(self.folder.name) / "cdc.db", Options(shards=1), self.clock)

    @initialize()
    def create_table(self) -> None:
        self.service.create_table(**TABLE)

    def refused(self, changed: Item) -> bool:
        """Tell whether an index forbids what a write says of its key."""
        return "late" in self.indexes and "b" in changed and not changed["b"].get("S")

    @rule(key=KEYS, values=ATTRIBUTES)
    def put(self, key: Key, values: Item) -> None:
        item = key_of(key) | values
        if self.refused(values):
            with pytest.raises(ValidationException):
                self.service.put_item(TableName="tab", Item=item)
            return
        self.service.put_item(TableName="tab", Item=item)
        self.items[key] = item

    @rule(key=KEYS, values=ATTRIBUTES, removed=st.sets(st.sampled_from(sorted(VALUES))))
    def update(self, key: Key, values: Item, removed: set[str]) -> None:
        request, after = self.updating(key, values, removed - set(values))
        if self.refused(values):
            with pytest.raises(ValidationException):
                self.service.update_item(**request)
            return
        self.service.update_item(**request)
        self.note(key, after)

    def updating(self, key: Key, values: Item, removed: set[str]) -> tuple[Item, Item | None]:
        """Write an update of some attributes; give it with the item that it makes."""
        sections = []
        if values:
            sections.append("SET " + ", ".join(f"#{name} = :{name}" for name in values))
        if removed:
            sections.append("REMOVE " + ", ".join(f"#{name}" for name in sorted(removed)))
        request: Item = {"TableName": "tab", "Key": key_of(key)}
        if sections:
            request["UpdateExpression"] = " ".join(sections)
            request["ExpressionAttributeNames"] = {f"#{name}": name for name in {*values, *removed}}
        if values:
            request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
        before = self.items.get(key)
        if before is None and removed and not values:
            return request, None
        after = (before or key_of(key)) | values
        return request, {name: value for name, value in after.items() if name not in removed}

    def note(self, key: Key, after: Item | None) -> None:
        if after is None:
            self.items.pop(key, None)
        else:
            self.items[key] = after

    @rule(key=KEYS)
    def delete(self, key: Key) -> None:
        self.service.delete_item(TableName="tab", Key=key_of(key))
        self.items.pop(key, None)

    @rule(writes=st.dictionaries(KEYS, st.none() | ATTRIBUTES, min_size=1))
    def batch(self, writes: dict[Key, Item | None]) -> None:
        requests = [
            {"DeleteRequest": {"Key": key_of(key)}}
            if values is None
            else {"PutRequest": {"Item": key_of(key) | values}}
            for key, values in writes.items()
        ]
        if any(self.refused(values) for values in writes.values() if values):
            with pytest.raises(ValidationException):
                self.service.batch_write_item(RequestItems={"tab": requests})
            return
        self.service.batch_write_item(RequestItems={"tab": requests})
        for key, values in writes.items():
            self.note(key, None if values is None else key_of(key) | values)

    @rule(
        writes=st.dictionaries(KEYS, st.none() | ATTRIBUTES, min_size=1),
        updated=st.sets(KEYS),
        fails=st.booleans(),
    )
    def transact(self, writes: dict[Key, Item | None], updated: set[Key], fails: bool) -> None:  # noqa: FBT001  # drawn
        actions: list[Item] = []
        after: dict[Key, Item | None] = {}
        for key, values in writes.items():
            if values is None:
                actions.append({"Delete": {"TableName": "tab", "Key": key_of(key)}})
                after[key] = None
            elif key in updated and values:
                request, after[key] = self.updating(key, values, set())
                actions.append({"Update": request})
            else:
                after[key] = key_of(key) | values
                actions.append({"Put": {"TableName": "tab", "Item": after[key]}})
        if fails:
            impossible = {
                "TableName": "tab",
                "Key": key_of(("no", "no")),
                "ConditionExpression": "attribute_exists(pk)",
            }
            actions.append({"ConditionCheck": impossible})
        if fails or any(self.refused(values) for values in writes.values() if values):
            with pytest.raises((TransactionCanceledException, ValidationException)):
                self.service.transact_write_items(TransactItems=actions)
            return
        self.service.transact_write_items(TransactItems=actions)
        for key, item in after.items():
            self.note(key, item)

    @precondition(lambda self: "late" not in self.indexes)
    @rule()
    def add_index(self) -> None:
        created = {"Create": index("late", "b", ["v"])}
        self.service.update_table(
            TableName="tab", AttributeDefinitions=attributes("b:S"), GlobalSecondaryIndexUpdates=[created]
        )
        self.indexes |= LATE

    @precondition(lambda self: "late" in self.indexes)
    @rule()
    def delete_index(self) -> None:
        self.service.update_table(TableName="tab", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "late"}}])
        del self.indexes["late"]

    @rule()
    def fill(self) -> None:
        backfill_step(self.service.writer, self.service.reader)

    @rule()
    def purge(self) -> None:
        purge_step(self.service.writer, self.service.reader, self.clock.now_ms())

    @rule()
    def restart(self) -> None:
        self.service.close()
        self.service = self.open()

    def described(self) -> Item:
        table = self.service.describe_table(TableName="tab")["Table"]
        return {each["IndexName"]: each for each in table["LocalSecondaryIndexes"] + table["GlobalSecondaryIndexes"]}

    @invariant()
    def every_index_is_the_projection_of_the_table(self) -> None:
        described = self.described()
        assert described.keys() == self.indexes.keys()
        for name, (hashes, ranges, included) in self.indexes.items():
            if described[name].get("Backfilling"):
                continue
            wanted = [
                {
                    attribute: value
                    for attribute, value in item.items()
                    if included is None or attribute in {*hashes, *ranges, *TABLE_KEY, *included}
                }
                for item in self.items.values()
                if has_key(item, hashes + ranges)
            ]
            assert described[name]["ItemCount"] == len(wanted)
            assert described[name]["IndexSizeBytes"] == sum(map(item_size, wanted))
            for limit in (1, 3, None):
                found = self.pages("scan", limit, IndexName=name)
                assert sorted(map(repr_of, found)) == sorted(map(repr_of, wanted))
            self.query(name, hashes, ranges, wanted)

    def query(self, name: str, hashes: list[str], ranges: list[str], wanted: list[Item]) -> None:
        """Query every partition of an index that has entries, in both directions."""
        condition = " AND ".join(f"{each} = :{each}" for each in hashes)
        for values in {tuple(repr_of(item[each]) for each in hashes): item for item in wanted}.values():
            given = {f":{each}": values[each] for each in hashes}
            mine = [item for item in wanted if all(item[each] == values[each] for each in hashes)]
            keys = sorted([sorted_as_keys(item[each]) for each in ranges] for item in mine)
            for forward, limit in ((True, 1), (False, 2)):
                found = self.pages(
                    "query",
                    limit,
                    IndexName=name,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=given,
                    ScanIndexForward=forward,
                )
                assert sorted(map(repr_of, found)) == sorted(map(repr_of, mine))
                order = [[sorted_as_keys(item[each]) for each in ranges] for item in found]
                assert order == (keys if forward else keys[::-1])

    def pages(self, operation: str, limit: int | None, **request: Any) -> list[Item]:
        found: list[Item] = []
        request |= {"TableName": "tab"} | ({} if limit is None else {"Limit": limit})
        while True:
            page = getattr(self.service, operation)(**request)
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            assert page["ScannedCount"] == limit
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    @invariant()
    def the_file_is_sound(self) -> None:
        assert list(check(self.service.database)) == []

    def teardown(self) -> None:
        self.patch.undo()
        self.service.close()
        self.folder.cleanup()


def repr_of(value: Item) -> str:
    return repr(sorted(value.items()))


def test_every_index_is_always_the_projection_of_its_table():
    run_state_machine_as_test(
        Indexed,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # as in test_table_and_stream
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
