"""How a SELECT is read: the stretches of keys that its conditions leave, their order, and where a next page goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.expressions import KeyRange
from cdc.expressions.operands import wrong_count
from cdc.model.errors import ValidationException
from cdc.model.keys import check_contents, encode_scalar
from cdc.partiql.tokens import OTHER_REQUEST
from cdc.store.items import HIGHEST_KEY

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from cdc.model.keys import KeyAttributes
    from cdc.model.values import AttributeValue, Item
    from cdc.partiql.prepared import Bound
    from cdc.partiql.syntax import Ordering
    from cdc.store.items import Row
    from cdc.tables.sources import Source

MAX_PARTITIONS = 50
"""Operands of an IN on the partition key (limits, PartiQL)."""

_NEEDS_HASH = "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."
_NOT_A_KEY = "Variable reference {name} in ORDER BY clause must be part of the primary key"


class Stretch(NamedTuple):
    """Keys in [low, high), of one partition or of all."""

    partition: bytes  # what its keys begin with
    low: bytes
    high: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read, and in which order."""

    stretches: tuple[Stretch, ...]
    answered: frozenset[int]
    """Places of the conjuncts that every row in the stretches fulfils."""
    keyed: bool
    """Whether partitions are read, not all there is."""
    forward: bool = True
    merged: bool = False
    """Whether rows of several partitions come in the order of their sort keys, not one partition after another."""

    def after(self, position: bytes) -> Plan:
        """Return the plan for what follows a row, whose encoded key `position` is.

        Raises ValidationException if such a row is in none of the stretches.
        """
        place = next((p for p, each in enumerate(self.stretches) if position.startswith(each.partition)), None)
        if place is None:
            raise ValidationException(OTHER_REQUEST)
        rest = position[len(self.stretches[place].partition) :]
        left = [
            self._moved(stretch, stretch.partition + rest, beyond=number <= place)
            for number, stretch in enumerate(self.stretches)
            if self.merged or number == place
        ]
        return replace(self, stretches=(*left, *(() if self.merged else self.stretches[place + 1 :])))

    def _moved(self, stretch: Stretch, point: bytes, *, beyond: bool) -> Stretch:
        """Begin a stretch at a point, or beyond it: of rows with equal sort keys, earlier partitions have had theirs."""
        if self.forward:
            return stretch._replace(low=max(stretch.low, point + b"\0" if beyond else point))
        return stretch._replace(high=min(stretch.high, point if beyond else point + b"\0"))

    def rows(self, source: Source, connection: Any, *, at_once: int) -> Generator[Row, None, None]:
        """Yield the rows, fetching `at_once` of a stretch at a time. Close it when you stop early."""
        stretches = [stretch for stretch in self.stretches if stretch.low < stretch.high]
        if not self.merged:
            for _, low, high in stretches:
                yield from source.rows(connection, low, high, forward=self.forward, at_once=at_once)
            return
        parts = [
            source.rows(connection, low, high, forward=self.forward, at_once=at_once) for _, low, high in stretches
        ]
        try:
            keyed = [_keyed(part, len(stretch.partition)) for part, stretch in zip(parts, stretches, strict=True)]
            for _, row in merge(*keyed, key=itemgetter(0), reverse=not self.forward):
                yield row
        finally:
            for part in parts:
                part.close()


def _keyed(rows: Iterable[Row], start: int) -> Generator[tuple[bytes, Row], None, None]:
    for row in rows:
        yield row[0][start:], row


def plan_select(bound: Bound, source: Source, orderings: Sequence[Ordering]) -> Plan:
    """Plan the reading of a table or an index.

    An equality, or an IN, on the partition key reads partitions, and conditions on the sort key narrow them; without
    one all is scanned. Raises ValidationException. (DynamoDB: PartiQL select statements.)
    """
    partitions = _partitions(bound, source.hashes)
    if partitions is None:
        if orderings:
            raise ValidationException(_NEEDS_HASH)
        return Plan((Stretch(b"", b"", HIGHEST_KEY),), frozenset(), keyed=False)
    values, answered = partitions
    on_sort_key = _sort_conditions(bound, source.ranges)
    plan = Plan((), frozenset(answered), keyed=True)
    plan = _with_order(plan, source, orderings)
    if on_sort_key is None:
        return plan
    if orderings and orderings[0].name in dict(source.hashes):
        values.sort(key=lambda each: _encoded(source.hashes, each), reverse=orderings[0].descending)
    return replace(
        plan,
        stretches=tuple(_stretch(source, each, on_sort_key) for each in values),
        answered=frozenset(answered | on_sort_key.answered),
        merged=plan.merged and len(values) > 1,
    )


def _encoded(attributes: KeyAttributes, values: Sequence[AttributeValue]) -> list[bytes]:
    return [encode_scalar(kind, value[kind]) for (_, kind), value in zip(attributes, values, strict=True)]


def _with_order(plan: Plan, source: Source, orderings: Sequence[Ordering]) -> Plan:
    names, sort_names = dict((*source.hashes, *source.ranges)), dict(source.ranges)
    for ordering in orderings:
        if ordering.name not in names:
            raise ValidationException(_NOT_A_KEY.format(name=ordering.name))
    if not orderings:
        return plan
    # What orders a partition is its sort key; with the partition key alone, all is read the way that says.
    deciding = next((ordering for ordering in orderings if ordering.name in sort_names), orderings[0])
    return replace(plan, forward=not deciding.descending, merged=orderings[0].name in sort_names)


def _partitions(bound: Bound, hashes: KeyAttributes) -> tuple[list[tuple[AttributeValue, ...]], set[int]] | None:
    """Return the partition keys that are read, and the conjuncts that say so; None when none do."""
    if len(hashes) == 1:
        [(name, kind)] = hashes
        tests = [test for test in bound.tests(name) if test[1] in {"=", "IN"}]
        if not tests:
            return None
        place, operator, operands = min(tests, key=lambda test: test[1] == "IN")
        if operator == "IN" and len(operands) > MAX_PARTITIONS:
            raise ValidationException(wrong_count("IN", len(operands)))
        fitting = {operand[kind]: operand for operand in operands if kind in operand}  # others are equal to no key
        for operand in fitting.values():
            check_contents(hashes, (), {name: operand})
        return [(operand,) for operand in fitting.values()], {place}
    key: Item = {}
    places = set()
    for name, _ in hashes:
        equality = next((test for test in bound.tests(name) if test[1] == "="), None)
        if equality is None:
            return None
        place, _, [key[name]] = equality
        places.add(place)
    if any(kind not in key[name] for name, kind in hashes):
        return [], places
    check_contents(hashes, (), key)
    return [tuple(key.values())], places


@dataclass(frozen=True, slots=True)
class _SortConditions:
    """Conditions on a sort key: its first attributes equal to values, and tests of the next one."""

    attributes: KeyAttributes  # that have conditions
    equal: tuple[AttributeValue, ...]
    tests: tuple[tuple[str, tuple[AttributeValue, ...]], ...]  # operator and operands
    answered: set[int]


def _sort_conditions(bound: Bound, ranges: KeyAttributes) -> _SortConditions | None:
    """Gather the conditions on a sort key; None when one of them is false of every key."""
    equal: list[AttributeValue] = []
    answered: set[int] = set()
    for count, (name, kind) in enumerate(ranges, start=1):
        tests = [test for test in bound.tests(name) if test[1] != "IN"]
        if any(kind not in operand for _, _, operands in tests for operand in operands):
            return None
        equality = next((test for test in tests if test[1] == "="), None)
        if equality is None:
            answered |= {place for place, _, _ in tests}
            narrowing = tuple((operator, tuple(operands)) for _, operator, operands in tests)
            if narrowing:
                return _SortConditions(ranges[:count], tuple(equal), narrowing, answered)
            break
        answered.add(equality[0])
        equal += equality[2]
    if not equal:
        return _SortConditions((), (), (), answered)
    *before, last = equal
    return _SortConditions(ranges[: len(equal)], tuple(before), (("=", (last,)),), answered)


def _stretch(source: Source, partition: tuple[AttributeValue, ...], conditions: _SortConditions) -> Stretch:
    """Return the keys of one partition that fulfil all conditions on the sort key."""
    whole = source.bounds(KeyRange(partition))
    low, high = whole
    for operator, operands in conditions.tests:
        _check_sort_key(conditions, operands)
        bounds = source.bounds(KeyRange(partition, operator, operands, conditions.equal))
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Stretch(whole[0], low, high)


def _check_sort_key(conditions: _SortConditions, operands: tuple[AttributeValue, ...]) -> None:
    names = [name for name, _ in conditions.attributes]
    for operand in operands:
        key = dict(zip(names, (*conditions.equal, operand), strict=True))
        check_contents((), conditions.attributes, key)
