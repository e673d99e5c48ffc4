"""Runs a program against the daemon and a peer, side by side, and tells where their answers are not the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.clients.differential.programs import INDEXES, KEYS, TABLES, Request
from tests.integration.wire import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.integration.wire import Wire

SET_KINDS = ("SS", "NS", "BS")
PAGES = 60  # of some twenty items at most


@dataclass(frozen=True)
class Outcome:
    """What became of a request: its answer without what has no order, or the refusal."""

    answer: Any
    code: str = ""
    message: str = ""
    left: Any = None  # the items that it may have changed, as they are afterwards

    def __str__(self) -> str:
        return (
            f"{self.code}: {self.message} " * bool(self.code) + f"{json.dumps(self.answer)} -> {json.dumps(self.left)}"
        )


@dataclass(frozen=True)
class Pair:
    """One request and both outcomes."""

    request: Request
    ours: Outcome
    theirs: Outcome

    def __str__(self) -> str:
        return (
            f"{self.request.operation} {json.dumps(self.request.body)}\n  ours:   {self.ours}\n  theirs: {self.theirs}"
        )


def create(wire: Wire) -> None:
    """Create the tables of all programs."""
    for table in TABLES:
        wire.call("CreateTable", **table)


def run(wire: Wire, request: Request) -> Outcome:
    """Run one request, a Query or Scan to its last page, and look at what it left."""
    try:
        if request.operation in {"Query", "Scan"}:
            return Outcome(pages(wire, request))
        answer = normal(request.operation, wire.call(request.operation, **request.body))
        return Outcome(answer, left=left(wire, request))
    except Refused as refused:
        return Outcome(None, refused.code, refused.message, left(wire, request))


def pages(wire: Wire, request: Request) -> dict[str, Any]:
    """Join the pages of a Query or Scan: items in no order, their sort keys in order, and the counts of each page."""
    read = []
    for page in wire.pages(request.operation, **request.body):
        read.append(page)
        assert len(read) <= PAGES, "it does not end"
    items = [item for page in read for item in page.get("Items", [])]
    sort_key = INDEXES[request.body.get("IndexName")][1]
    order = [item.get(sort_key) for item in items] if request.operation == "Query" and sort_key else []
    joined = {
        "Items": without_order([value({"M": item}) for item in items]),
        "Order": [order and value(each) for each in order if each is not None],
        "Count": sum(page["Count"] for page in read),
        "ScannedCount": sum(page["ScannedCount"] for page in read),
    }
    if request.operation == "Query":  # how a scan is cut depends on the order of hashes
        joined["Pages"] = [page["ScannedCount"] for page in read]
    if "ConsumedCapacity" in read[0]:
        joined["Units"] = [page["ConsumedCapacity"]["CapacityUnits"] for page in read]
    return joined


def without_order(values: list[Any]) -> list[Any]:
    return sorted(values, key=json.dumps)


def value(given: dict[str, Any]) -> Any:
    """Write a value so that equal ones are the same: sets sorted, numbers as Decimal writes them."""
    ((kind, content),) = given.items()
    match kind:
        case "N":
            return {"N": number(content)}
        case "SS" | "BS":
            return {kind: sorted(content)}
        case "NS":
            return {"NS": sorted(map(number, content))}
        case "L":
            return {"L": [value(each) for each in content]}
        case "M":
            return {"M": {name: value(content[name]) for name in sorted(content)}}
    return given


def number(text: str) -> str:
    return f"{Decimal(text).normalize() + 0:f}"


def normal(operation: str, answer: dict[str, Any]) -> Any:
    """Drop from an answer what has no order or no meaning."""
    if operation == "BatchGetItem":
        found = answer["Responses"]
        return {table: without_order([value({"M": item}) for item in found[table]]) for table in sorted(found)}
    kept = {name: value({"M": answer[name]}) for name in ("Attributes", "Item") if name in answer}
    return kept | ({"Units": answer["ConsumedCapacity"]["CapacityUnits"]} if "ConsumedCapacity" in answer else {})


def touched(request: Request) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name the items that a request may have changed."""
    body = request.body
    if request.operation in {"PutItem", "UpdateItem", "DeleteItem"}:
        yield body["TableName"], body["Key" if "Key" in body else "Item"]
    for table, changes in body.get("RequestItems", {}).items() if request.operation == "BatchWriteItem" else ():
        for change in changes:
            (each,) = change.values()
            yield table, each.get("Key", each.get("Item", {}))


def left(wire: Wire, request: Request) -> list[Any]:
    """Read the items that a request may have changed."""
    items = (stored(wire, table, holder) for table, holder in touched(request))
    return [item and value({"M": item}) for item in items]


def stored(wire: Wire, table: str, holder: dict[str, Any]) -> dict[str, Any] | None:
    """Read the item that has the key of a key or item; None is no item, or no such key."""
    key = {name: holder[name] for name in KEYS[table] if name in holder}
    try:
        found = wire.call("GetItem", TableName=table, Key=key, ConsistentRead=True)
    except Refused:
        return None
    return found.get("Item")


def level(ours: Wire, theirs: Wire, places: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Give the peer our state of some items, so that one difference is not the cause of others."""
    for table, holder in places:
        item, other = (stored(wire, table, holder) for wire in (ours, theirs))
        if item is not None:
            theirs.call("PutItem", TableName=table, Item=item)
        elif other is not None:
            theirs.call("DeleteItem", TableName=table, Key={name: other[name] for name in KEYS[table]})


def compare(ours: Wire, theirs: Wire, request: Request) -> Pair | None:
    """Run a request against both; tell when the outcomes are not the same."""
    pair = Pair(request, run(ours, request), run(theirs, request))
    if pair.ours == pair.theirs:
        return None
    level(ours, theirs, touched(request))
    return pair
