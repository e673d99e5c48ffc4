"""Random programs of requests on two tables, one with three indexes, from a seed: most are right, some are not.

Keys and values are few, so that requests meet the items of others, conditions are met or not, and index keys are shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.clients.differential.expressions import NUMBERS, PATHS, TEXTS, Expressions, any_set, any_value
from tests.table_definitions import definition, index

if TYPE_CHECKING:
    from random import Random

WIDE = "wide"
PLAIN = "plain"
TABLES: list[dict[str, Any]] = [
    {
        "TableName": WIDE,
        **definition(
            "pk:S sk:N",
            "a:S b:N",
            local=[index("loc", "pk a", ["v", "m"])],
            global_=[index("glo", "a b"), index("num", "b", "KEYS_ONLY")],
        ),
    },
    {"TableName": PLAIN, **definition("pk:S")},
]
KEYS = {WIDE: ("pk", "sk"), PLAIN: ("pk",)}
INDEXES: dict[str | None, tuple[str, str | None]] = {
    None: ("pk", "sk"), "loc": ("pk", "a"), "glo": ("a", "b"), "num": ("b", None)
}  # fmt: skip
TYPES = {"pk": "S", "sk": "N", "a": "S", "b": "N"}


@dataclass
class Request:
    """One step of a program."""

    operation: str
    body: dict[str, Any]


def key(draw: Random, table: str) -> dict[str, Any]:
    """Write a key; a wrong one now and then."""
    if draw.random() < 0.03:
        return draw.choice([{}, {"pk": {"N": "1"}, "sk": {"N": "1"}}, {"pk": {"S": ""}, "sk": {"N": "1"}}])
    whole = {"pk": {"S": draw.choice(["p", "q"])}, "sk": {"N": str(draw.randrange(5))}}
    return {name: whole[name] for name in KEYS[table]}


def item(draw: Random, table: str) -> dict[str, Any]:
    """Write an item with some of the attributes that expressions ask for."""
    attributes: dict[str, Any] = {
        "a": {"S": draw.choice(TEXTS[:4])},
        "b": {"N": draw.choice(NUMBERS)},
        "v": any_value(draw),
        "w": any_value(draw),
        "l": {"L": [any_value(draw, 1) for _ in range(draw.randrange(3))]},
        "m": {"M": {"k": any_value(draw, 1), "l": {"L": [{"S": "x"}]}}},
        "s": any_set(draw),
    }
    if draw.random() < 0.03:
        attributes["b"] = {"S": "x"}
    names = draw.sample(sorted(attributes), draw.randint(1, 5))
    return {name: attributes[name] for name in names} | key(draw, table)


class Program:
    """Makes the requests of one seed."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw

    def request(self) -> Request:
        """Make the next request."""
        makers = [self.put, self.put, self.put, self.update, self.update, self.update, self.delete, self.get]
        makers += [self.query, self.query, self.scan, self.batch_write, self.batch_get]
        return self.draw.choice(makers)()

    def table(self) -> str:
        return WIDE if self.draw.random() < 0.8 else PLAIN

    def maybe(self, chance: float) -> bool:
        return self.draw.random() < chance

    def write(self, operation: str, returned: tuple[str, ...], body: dict[str, Any], written: Expressions) -> Request:
        if self.maybe(0.4):
            body["ConditionExpression"] = written.condition()
        if self.maybe(0.5):
            body["ReturnValues"] = self.draw.choice(returned)
        if body["TableName"] == PLAIN:
            body["ReturnConsumedCapacity"] = "TOTAL"
        return Request(operation, body | written.members())

    def put(self) -> Request:
        table = self.table()
        body = {"TableName": table, "Item": item(self.draw, table)}
        return self.write("PutItem", ("NONE", "ALL_OLD"), body, Expressions(self.draw))

    def delete(self) -> Request:
        table = self.table()
        body = {"TableName": table, "Key": key(self.draw, table)}
        return self.write("DeleteItem", ("NONE", "ALL_OLD"), body, Expressions(self.draw))

    def update(self) -> Request:
        table = self.table()
        written = Expressions(self.draw)
        body = {"TableName": table, "Key": key(self.draw, table), "UpdateExpression": written.update()}
        returned = ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
        return self.write("UpdateItem", returned, body, written)

    def projected(self, body: dict[str, Any], written: Expressions, chance: float = 0.5) -> dict[str, Any]:
        if self.maybe(chance):
            body["ProjectionExpression"] = written.projection()
        return body

    def get(self) -> Request:
        table = self.table()
        written = Expressions(self.draw)
        body = self.projected({"TableName": table, "Key": key(self.draw, table)}, written)
        if self.maybe(0.3):
            body |= {"ReturnConsumedCapacity": "TOTAL", "ConsistentRead": self.maybe(0.5)}
        return Request("GetItem", body | written.members())

    def query(self) -> Request:
        name = self.draw.choice(list(INDEXES))
        first, second = INDEXES[name]
        written = Expressions(self.draw)
        among = {"pk": ("p", "q"), "a": TEXTS[:4], "b": NUMBERS}[first]
        condition = f"{first} = {written.value({TYPES[first]: self.draw.choice(among)})}"
        if second is not None and self.maybe(0.6):
            condition += f" AND {self.sort_condition(second, written)}"
        body: dict[str, Any] = {"TableName": WIDE, "KeyConditionExpression": condition}
        if name is not None:
            body["IndexName"] = name
        if self.maybe(0.3):
            body["ScanIndexForward"] = self.draw.choice([True, False])
        return self.reading("Query", body, written, tuple(path for path in PATHS if path not in {first, second}))

    def sort_condition(self, name: str, written: Expressions) -> str:
        among = TEXTS[:4] if TYPES[name] == "S" else NUMBERS
        low, high = (written.value({TYPES[name]: self.draw.choice(among)}) for _ in range(2))
        match self.draw.randrange(4):
            case 0:
                return f"{name} BETWEEN {low} AND {high}"
            case 1 if TYPES[name] == "S":
                del written.values[high]
                return f"begins_with({name}, {low})"
            case _:
                del written.values[high]
                return f"{name} {self.draw.choice(['=', '<', '<=', '>', '>='])} {low}"

    def scan(self) -> Request:
        body: dict[str, Any] = {"TableName": WIDE}
        name = self.draw.choice(list(INDEXES))
        if name is not None:
            body["IndexName"] = name
        return self.reading("Scan", body, Expressions(self.draw), PATHS)

    def reading(
        self, operation: str, body: dict[str, Any], written: Expressions, filterable: tuple[str, ...]
    ) -> Request:
        if self.maybe(0.4):
            body["FilterExpression"] = written.condition(1, filterable)
        if body.get("IndexName") in {None, "glo"}:  # what another one does not have, see the tests of projections
            self.projected(body, written, 0.3)
        if "ProjectionExpression" not in body and self.maybe(0.2):
            body["Select"] = self.draw.choice(["COUNT", "ALL_PROJECTED_ATTRIBUTES", "ALL_ATTRIBUTES"])
        if self.maybe(0.4):
            body["Limit"] = self.draw.randint(1, 4)
        elif self.maybe(0.3) and operation == "Query":
            body |= {"ReturnConsumedCapacity": "TOTAL", "ConsistentRead": body.get("IndexName") in {None, "loc"}}
        return Request(operation, body | written.members())

    def batch_write(self) -> Request:
        requests: dict[str, Any] = {}
        for _ in range(self.draw.randint(1, 4)):
            table = self.table()
            change = (
                {"PutRequest": {"Item": item(self.draw, table)}}
                if self.maybe(0.7)
                else {"DeleteRequest": {"Key": key(self.draw, table)}}
            )
            requests.setdefault(table, []).append(change)
        return Request("BatchWriteItem", {"RequestItems": requests})

    def batch_get(self) -> Request:
        requests: dict[str, Any] = {}
        for table in self.draw.sample([WIDE, PLAIN], self.draw.randint(1, 2)):
            written = Expressions(self.draw)
            keys = [key(self.draw, table) for _ in range(self.draw.randint(1, 3))]
            part = self.projected({"Keys": keys}, written, 0.3)
            requests[table] = part | written.members()
        return Request("BatchGetItem", {"RequestItems": requests})
